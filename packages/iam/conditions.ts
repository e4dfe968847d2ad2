import { isIPv4, isIPv6, BlockList } from "node:net";
import { isKnownConditionKey } from "./condition-keys.ts";
import { matchesPattern, patternOf, splitPattern, substituted, variableKeys } from "./patterns.ts";
import type { Condition } from "./policy-document.ts";

/**
 * Undefined: the result cannot be determined, because the key is unknown or the policy's value is invalid.
 */
export type Truth = boolean | undefined;

/** Returns the values of a key in a request; empty where it has none. */
export type ValuesOf = (key: string) => readonly string[];

/** Compares one value of a request with one value of a policy. */
type Comparison = (
  value: string,
  wanted: string,
  valueOf: ((key: string) => string | undefined) | undefined,
) => Truth;

/** Returns the value of a variable; a key with more than one value has none. */
export function variableOf(valuesOf: ValuesOf): (key: string) => string | undefined {
  return (key) => {
    const values = valuesOf(key);
    return values.length === 1 ? values[0] : undefined;
  };
}

interface Operator {
  readonly quantifier: "ForAllValues" | "ForAnyValue" | undefined;
  readonly ifExists: boolean;
  readonly negated: boolean;
  readonly compare: Comparison | "Null";
}

/** Parses a condition operator; undefined where IAM has none with that name. */
export function operatorOf(text: string): Operator | undefined {
  const match = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/.exec(text);
  if (match === null) return undefined;
  const [, quantifier, name = "", ifExists] = match;
  const positive = NEGATIONS[name as keyof typeof NEGATIONS] as string | undefined; // Looked up; undefined is handled.
  const found = Object.hasOwn(COMPARISONS, positive ?? name) ? COMPARISONS[positive ?? name] : undefined;
  if (found === undefined || (found === "Null" && ifExists !== undefined)) return undefined;
  return {
    quantifier: quantifier as Operator["quantifier"], // The expression's own two words.
    ifExists: ifExists !== undefined,
    negated: positive !== undefined && Object.hasOwn(NEGATIONS, name),
    compare: found,
  };
}

/**
 * Whether a condition holds. `valuesOf` returns the request's values; variables are substituted where
 * `variables` is set.
 * Source: IAM User Guide, "Condition operators" and "Set operators for multivalued context keys".
 */
export function conditionHolds(condition: Condition, valuesOf: ValuesOf, variables: boolean): Truth {
  const operator = operatorOf(condition.operator);
  if (operator === undefined) return undefined;
  const given = valuesOf(condition.key);
  if (given.length === 0 && !isKnownConditionKey(condition.key)) return undefined;
  if (operator.compare === "Null") return isNullAsWanted(condition.values, given.length === 0);
  const { quantifier, ifExists, negated, compare } = operator;
  if (given.length === 0)
    return ifExists || quantifier === "ForAllValues" || (negated && quantifier !== "ForAnyValue");
  const valueOf = variables ? variableOf(valuesOf) : undefined;
  const fits = (value: string): Truth => {
    const one = some(condition.values.map((wanted) => compare(value, wanted, valueOf)));
    return negated && one !== undefined ? !one : one;
  };
  const each = given.map(fits);
  const needsAll = quantifier === "ForAllValues" || (quantifier === undefined && negated);
  return needsAll ? every(each) : some(each);
}

function isNullAsWanted(wanted: readonly string[], isAbsent: boolean): Truth {
  return some(
    wanted.map((each) => {
      const lower = each.toLowerCase();
      return lower === "true" || lower === "false" ? (lower === "true") === isAbsent : undefined;
    }),
  );
}

/** True if one is, else undefined if one is. */
export function some(truths: readonly Truth[]): Truth {
  return truths.includes(true) ? true : truths.includes(undefined) ? undefined : false;
}

/** False if one is, else undefined if one is. */
export function every(truths: readonly Truth[]): Truth {
  return truths.includes(false) ? false : truths.includes(undefined) ? undefined : true;
}

const NEGATIONS = {
  StringNotEquals: "StringEquals",
  StringNotEqualsIgnoreCase: "StringEqualsIgnoreCase",
  StringNotLike: "StringLike",
  NumericNotEquals: "NumericEquals",
  DateNotEquals: "DateEquals",
  NotIpAddress: "IpAddress",
  ArnNotEquals: "ArnLike",
  ArnNotLike: "ArnLike",
};

/**
 * A comparison of texts. A variable without a value equals nothing; a variable of an unknown key gives an
 * undetermined result.
 */
const text =
  (equal: (value: string, wanted: string) => boolean): Comparison =>
  (value, wanted, valueOf) => {
    const filled = substituted(wanted, valueOf);
    return filled === undefined ? withoutValue(wanted) : equal(value, filled);
  };

/** The result for a text with a variable that has no value. */
export function withoutValue(wanted: string): Truth {
  return variableKeys(wanted).every(isKnownConditionKey) ? false : undefined;
}

/**
 * A comparison of numbers. A policy's value that is not a number gives an undetermined result; a request's
 * value that is not a number does not match.
 */
const ordered =
  (
    read: (text: string) => number | undefined,
    holds: (value: number, wanted: number) => boolean,
  ): Comparison =>
  (value, wanted) => {
    const [one, other] = [read(value), read(wanted)];
    if (other === undefined) return undefined;
    return one !== undefined && holds(one, other);
  };

const COMPARISONS: Readonly<Record<string, Comparison | "Null">> = {
  Null: "Null",
  StringEquals: text((value, wanted) => value === wanted),
  StringEqualsIgnoreCase: text((value, wanted) => value.toLowerCase() === wanted.toLowerCase()),
  StringLike: (value, wanted, valueOf) => {
    const pattern = patternOf(wanted, valueOf);
    return pattern === undefined ? withoutValue(wanted) : matchesPattern(pattern, value);
  },
  // ArnEquals and ArnLike behave identically. Source: "Condition operators", Amazon Resource Name (ARN)
  // condition operators.
  ArnEquals: arnLike,
  ArnLike: arnLike,
  Bool: (value, wanted) => {
    const lower = wanted.toLowerCase();
    return lower === "true" || lower === "false" ? value.toLowerCase() === lower : undefined;
  },
  BinaryEquals: (value, wanted) =>
    isBase64(wanted) ? Buffer.from(value, "base64").equals(Buffer.from(wanted, "base64")) : undefined,
  IpAddress: inBlock,
  NumericEquals: ordered(numberOf, (value, wanted) => value === wanted),
  NumericLessThan: ordered(numberOf, (value, wanted) => value < wanted),
  NumericLessThanEquals: ordered(numberOf, (value, wanted) => value <= wanted),
  NumericGreaterThan: ordered(numberOf, (value, wanted) => value > wanted),
  NumericGreaterThanEquals: ordered(numberOf, (value, wanted) => value >= wanted),
  DateEquals: ordered(moment, (value, wanted) => value === wanted),
  DateLessThan: ordered(moment, (value, wanted) => value < wanted),
  DateLessThanEquals: ordered(moment, (value, wanted) => value <= wanted),
  DateGreaterThan: ordered(moment, (value, wanted) => value > wanted),
  DateGreaterThanEquals: ordered(moment, (value, wanted) => value >= wanted),
};

/**
 * Each of the six parts is compared separately, so that `*` does not cross a colon; the last part takes the
 * rest.
 */
function arnLike(
  value: string,
  wanted: string,
  valueOf: ((key: string) => string | undefined) | undefined,
): Truth {
  if (wanted === "*") return true;
  const pattern = patternOf(wanted, valueOf);
  if (pattern === undefined) return withoutValue(wanted);
  const patterns = splitPattern(pattern, 6);
  if (patterns.length < 6) return undefined;
  const values = value.split(":");
  const parts = [...values.slice(0, 5), values.slice(5).join(":")];
  return values.length >= 6 && patterns.every((part, index) => matchesPattern(part, parts[index] ?? ""));
}

function numberOf(text: string): number | undefined {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** Parses ISO 8601 or seconds since the epoch into milliseconds. */
function moment(text: string): number | undefined {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000;
  const isIso = /^\d{4}(?:-\d{2}(?:-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?)?)?$/;
  const parsed = isIso.test(text)
    ? Date.parse(/T.*\d$/.test(text) && !/[+-]\d{2}:\d{2}$/.test(text) ? `${text}Z` : text)
    : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** Whether an address lies in a CIDR block; a bare address is a block of one. */
function inBlock(address: string, block: string): Truth {
  const [base = "", prefix, more] = block.split("/");
  const family = isIPv4(base) ? "ipv4" : isIPv6(base) ? "ipv6" : undefined;
  const longest = family === "ipv4" ? 32 : 128;
  const bits = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (family === undefined || more !== undefined || !(bits <= longest)) return undefined;
  const ownFamily = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  if (ownFamily !== family) return false;
  const list = new BlockList();
  list.addSubnet(base, bits, family);
  return list.check(address, family);
}
