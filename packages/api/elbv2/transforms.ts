import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { TransformRecord } from "@gantry/state";
import { toRegex } from "./regular-expressions.ts";
import { validation } from "./validation.ts";

/** Source: API_RewriteConfig. */
const LENGTH_MAX = 1_024;
const URL_REPLACEMENT = /^[\u0021-\u007e]*$/;
const HOST_REPLACEMENT = /^[A-Za-z0-9.:$_-]*$/;

/** Transforms as they are kept: one of each type at most. Source: API_RuleTransform. Errors: ValidationError. */
export function toTransforms(given: readonly elb.RuleTransform[] = []): readonly TransformRecord[] {
  const transforms = given.map(toTransform);
  if (new Set(transforms.map(({ type }) => type)).size < transforms.length)
    throw validation("A rule can have one transform of each type at most");
  return transforms;
}

function toTransform(given: elb.RuleTransform): TransformRecord {
  const { Type: type } = given;
  if (type !== "host-header-rewrite" && type !== "url-rewrite")
    throw validation(`Transform type '${type}' must be one of '[host-header-rewrite, url-rewrite]'`);
  const isUrl = type === "url-rewrite";
  const { Rewrites = [] } = (isUrl ? given.UrlRewriteConfig : given.HostHeaderRewriteConfig) ?? {};
  const [rewrite, ...others] = Rewrites;
  if (rewrite === undefined || others.length > 0) throw validation(`A ${type} transform has one rewrite`);
  const { Regex = "", Replace = "" } = rewrite;
  if (Regex === "") throw validation("A rewrite has a regular expression");
  if (Replace.length > LENGTH_MAX || !(isUrl ? URL_REPLACEMENT : HOST_REPLACEMENT).test(Replace))
    throw validation(`The replacement '${Replace}' is too long or contains a character that is not valid`);
  return { type, regex: toRegex(Regex, LENGTH_MAX), replace: Replace };
}

export function presentTransforms(transforms: readonly TransformRecord[] = []): elb.RuleTransform[] {
  return transforms.map(({ type, regex, replace }) => {
    const config = { Rewrites: [{ Regex: regex, Replace: replace }] };
    return type === "url-rewrite"
      ? { Type: type, UrlRewriteConfig: config }
      : { Type: type, HostHeaderRewriteConfig: config };
  });
}
