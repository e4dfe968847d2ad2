import type { BalancerRule } from "@gantry/agent-protocol";
import { matchedRule } from "./request-details.ts";
import { hash } from "./names.ts";
import type { Context } from "./render-context.ts";
import {
  DICE_SIDES,
  keepsClients,
  renderWeights,
  UNAVAILABLE_BACKEND,
  type Forward,
} from "./render-weights.ts";

/** A shorter sequence of rules is not faster in a map. */
const RULES_LEAST = 4;
/** Characters that a map's file holds unchanged. Source: HAProxy 2.6 manual, "map". */
const PLAIN = /^[\w.$/~"'@:+&();-]+$/;

type Field = "path-pattern" | "host-header";

/** A rule that a map can select: one condition on the path or the host, and a forward without stickiness. */
interface IndexedRule {
  readonly index: number;
  readonly rule: BalancerRule;
  readonly field: Field;
  readonly action: Forward;
  readonly exact: readonly string[];
  readonly prefixes: readonly string[];
}

/** Consecutive rules of a listener: one that is tested by itself, or several that one look-up selects from. */
export type RuleSegment =
  | { readonly type: "one"; readonly index: number; readonly rule: BalancerRule }
  | { readonly type: "indexed"; readonly rules: readonly IndexedRule[] };

/**
 * Divides the rules into segments, in the order of their priorities. No rule is indexed while a part of the
 * configuration is left out or searched for: the line of an error then identifies the rule.
 */
export function segmentsOf(rules: readonly BalancerRule[], { options }: Context): readonly RuleSegment[] {
  const isSearching = options.annotate === true || (options.leftOut?.size ?? 0) > 0;
  const segments: RuleSegment[] = [];
  let run: IndexedRule[] = [];
  const end = () => {
    if (run.length >= RULES_LEAST) segments.push({ type: "indexed", rules: run });
    else segments.push(...run.map(({ index, rule }) => ({ type: "one" as const, index, rule })));
    run = [];
  };
  for (const [index, rule] of rules.entries()) {
    const indexed = isSearching ? undefined : toIndexed(rule, index);
    if (indexed === undefined || run.some(({ field }) => field !== indexed.field)) end();
    if (indexed === undefined) segments.push({ type: "one", index, rule });
    else run.push(indexed);
  }
  end();
  return segments;
}

function toIndexed(rule: BalancerRule, index: number): IndexedRule | undefined {
  const { action, authentication, conditions, transforms = [] } = rule;
  const [condition] = conditions;
  if (condition === undefined || conditions.length > 1 || transforms.length > 0) return undefined;
  if (authentication !== undefined) return undefined;
  if (action.type !== "forward" || keepsClients(action)) return undefined;
  if (condition.field !== "path-pattern" && condition.field !== "host-header") return undefined;
  if ((condition.regexValues ?? []).length > 0) return undefined;
  const { field } = condition;
  const values = condition.values.map((value) => (field === "host-header" ? value.toLowerCase() : value));
  const exact = values.filter((value) => PLAIN.test(value));
  const prefixes = values
    .filter((value) => value.endsWith("*") && PLAIN.test(value.slice(0, -1)))
    .map((value) => value.slice(0, -1));
  if (exact.length + prefixes.length < values.length) return undefined;
  return { index, rule, field, action, exact, prefixes };
}

export interface IndexPlace {
  /** The name of the load balancer and the port of the listener. */
  readonly name: string;
  readonly prefix: string;
  /** Conditions under which the segment is evaluated. */
  readonly when: string;
  readonly isLogged: boolean;
}

/**
 * Renders a segment of indexed rules: a look-up of the path or host gives the number of the first rule that
 * matches, times `DICE_SIDES`; a random number below that is added, and the sum selects the target group. The
 * map of the longest prefix holds the first of all rules whose pattern begins it, so that the order of the
 * rules decides and not the length of their patterns.
 */
export function renderIndexed(
  rules: readonly IndexedRule[],
  { name, prefix, when, isLogged }: IndexPlace,
  context: Context,
): readonly string[] {
  const { folder } = context.options;
  const [first] = rules;
  if (first === undefined) return [];
  const id = hash(`${name} ${rules.map(({ rule }) => JSON.stringify(rule.conditions)).join()}`);
  const keep = (file: string, lines: readonly string[]): string => {
    context.files[file] = lines.map((line) => `${line}\n`).join("");
    return `${folder}/${file}`;
  };
  const sample = first.field === "path-pattern" ? "path" : "req.hdr(host),host_only,lower";
  const isFound = "{ var(txn.number) -m found }";
  const lookUp = (kind: "str" | "beg", ...tests: readonly string[]): readonly string[] => {
    const entries = kind === "str" ? exactEntries(rules) : prefixEntries(rules);
    if (entries.length === 0) return [];
    const file = keep(`rules_${kind}_${id}`, entries);
    const test = tests.filter((each) => each !== "").join(" ");
    return [
      `  http-request set-var(txn.number) ${sample},map_${kind}_int(${file})${test === "" ? "" : ` if ${test}`}`,
    ];
  };
  const exact = lookUp("str", when);
  const weights = keep(
    `weights_${id}`,
    rules.flatMap(({ action }, number) =>
      renderWeights(action, context.known, number * DICE_SIDES)
        .split("\n")
        .filter((line) => line !== ""),
    ),
  );
  const names = rules.map(
    ({ index, rule }, number) =>
      `${number * DICE_SIDES} ${matchedRule(`${prefix}${index}`, rule.priority ?? index + 1, rule.action)}`,
  );
  return [
    ...exact,
    ...lookUp("beg", when, exact.length > 0 ? `!${isFound}` : ""),
    ...(isLogged
      ? [
          `  http-request set-var(txn.rule) var(txn.number),map_int(${keep(`rules_names_${id}`, names)}) if ${isFound}`,
        ]
      : []),
    "  http-request set-var(txn.tg) " +
      `rand(${DICE_SIDES}),add(txn.number),map_int(${weights},${UNAVAILABLE_BACKEND}) if ${isFound}`,
    `  http-request unset-var(txn.number) if ${isFound}`,
  ];
}

function exactEntries(rules: readonly IndexedRule[]): readonly string[] {
  return entriesOf(
    rules.flatMap(({ exact }) => exact),
    (key) => rules.findIndex((rule) => rule.exact.includes(key) || isBegun(rule, key)),
  );
}

function prefixEntries(rules: readonly IndexedRule[]): readonly string[] {
  return entriesOf(
    rules.flatMap(({ prefixes }) => prefixes),
    (key) => rules.findIndex((rule) => isBegun(rule, key)),
  );
}

function isBegun({ prefixes }: IndexedRule, key: string): boolean {
  return prefixes.some((prefix) => key.startsWith(prefix));
}

function entriesOf(keys: readonly string[], numberOf: (key: string) => number): readonly string[] {
  return [...new Set(keys)].map((key) => `${key} ${numberOf(key) * DICE_SIDES}`);
}
