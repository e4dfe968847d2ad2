import { glob } from "@gantry/iam";
import type { ImageRecord } from "@gantry/state";

const DAY_MS = 86_400_000;
const POLICY_MAX = 30_720;
const RULES_MAX = 50;

/** One rule of a repository's lifecycle policy. */
export interface ImageRule {
  readonly priority: number;
  readonly tagStatus: "tagged" | "untagged" | "any";
  /** Each must match one of an image's tags: prefixes are patterns that end with `*`. */
  readonly patterns: readonly string[];
  readonly countType: "imageCountMoreThan" | "sinceImagePushed";
  /** A number of images, or of days. */
  readonly count: number;
}

/** Thrown for a policy that ECR would refuse, with the reason. */
export class InvalidLifecyclePolicyError extends Error {
  override readonly name = "InvalidLifecyclePolicyError";
}

/**
 * Reads a lifecycle policy.
 * Source: "Lifecycle policy properties in Amazon ECR".
 * Errors: InvalidLifecyclePolicyError.
 */
export function parseLifecyclePolicy(text: string): readonly ImageRule[] {
  const invalid = (reason: string): InvalidLifecyclePolicyError => new InvalidLifecyclePolicyError(reason);
  if (text.length > POLICY_MAX)
    throw invalid(`String "policyText" is too long: ${text.length} characters, at most ${POLICY_MAX}`);
  let rules: unknown;
  try {
    rules = (JSON.parse(text) as { rules?: unknown }).rules; // Checked just below.
  } catch {
    throw invalid("Could not map policyString into LifecyclePolicy.");
  }
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > RULES_MAX)
    throw invalid(`"rules" must be a list of 1 to ${RULES_MAX} rules`);
  const read = (rules as Record<string, unknown>[]).map(readRule); // Each member is checked when it is read.
  if (new Set(read.map((rule) => rule.priority)).size < read.length)
    throw invalid("rulePriority values must be unique");
  const any = read.filter((rule) => rule.tagStatus === "any");
  if (any.length > 1 || any.some((rule) => read.some((other) => other.priority > rule.priority)))
    throw invalid(
      'A rule with tagStatus "any" must be the only one of its kind and have the highest rulePriority',
    );
  return read.toSorted((a, b) => a.priority - b.priority);
}

function readRule(rule: Record<string, unknown>): ImageRule {
  const invalid = (reason: string): InvalidLifecyclePolicyError => new InvalidLifecyclePolicyError(reason);
  const selection = (rule["selection"] ?? {}) as Record<string, unknown>; // As above.
  const { rulePriority: priority, action } = rule;
  const { tagStatus, tagPrefixList, tagPatternList, countType, countNumber, countUnit } = selection;
  if (typeof priority !== "number" || !Number.isInteger(priority) || priority < 1)
    throw invalid("rulePriority must be a number from 1");
  if ((action as { type?: unknown } | undefined)?.type !== "expire")
    throw invalid('action.type must be "expire"');
  if (tagStatus !== "tagged" && tagStatus !== "untagged" && tagStatus !== "any")
    throw invalid('selection.tagStatus must be "tagged", "untagged" or "any"');
  const prefixes = Array.isArray(tagPrefixList) ? tagPrefixList.map((prefix) => `${String(prefix)}*`) : [];
  const patterns = [...prefixes, ...(Array.isArray(tagPatternList) ? tagPatternList.map(String) : [])];
  if ((tagStatus === "tagged") !== patterns.length > 0)
    throw invalid(
      '"tagPrefixList" or "tagPatternList" must be given where tagStatus is "tagged", and only there',
    );
  if (countType !== "imageCountMoreThan" && countType !== "sinceImagePushed")
    throw invalid('selection.countType must be "imageCountMoreThan" or "sinceImagePushed"');
  if ((countType === "sinceImagePushed") !== (countUnit === "days"))
    throw invalid('selection.countUnit must be "days" where countType is "sinceImagePushed", and only there');
  if (typeof countNumber !== "number" || !Number.isInteger(countNumber) || countNumber < 1)
    throw invalid("selection.countNumber must be a number from 1");
  return { priority, tagStatus, patterns, countType, count: countNumber };
}

/**
 * The images that expire now, each with the rule that selects it. An image that one rule selects is not
 * affected by later rules; images that an index or a referrer's subject still needs are kept. Source:
 * "Lifecycle policy evaluation rules".
 */
export function planExpiry(
  rules: readonly ImageRule[],
  images: readonly ImageRecord[],
  now: number,
): readonly { image: ImageRecord; rule: number }[] {
  const left = new Set(images);
  const expired: { image: ImageRecord; rule: number }[] = [];
  const held = new Set(images.flatMap((image) => image.references));
  for (const rule of rules) {
    const selected = [...left]
      .filter((image) => selects(rule, image))
      .toSorted((a, b) => b.pushedAt - a.pushedAt || (a.digest < b.digest ? -1 : 1));
    for (const image of selected) left.delete(image);
    const due =
      rule.countType === "imageCountMoreThan"
        ? selected.slice(rule.count)
        : selected.filter((image) => now - image.pushedAt > rule.count * DAY_MS);
    for (const image of due) if (!held.has(image.digest)) expired.push({ image, rule: rule.priority });
  }
  return expired;
}

function selects(rule: ImageRule, image: ImageRecord): boolean {
  switch (rule.tagStatus) {
    case "any":
      return true;
    case "untagged":
      return image.imageTags.length === 0;
    case "tagged":
      return rule.patterns.every((pattern) => image.imageTags.some((tag) => glob(pattern, tag)));
  }
}
