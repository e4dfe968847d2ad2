import { isIPv4, isIPv6 } from "node:net";
import type * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import type { RuleConditionRecord } from "@gantry/state";
import { toRegex } from "./regular-expressions.ts";
import { QUOTAS } from "./quotas.ts";
import { validation } from "./validation.ts";

/** Source: API_HostHeaderConditionConfig, RegexValues. */
const REGEX_LENGTH_MAX = 128;
/** Source: API_RuleCondition, API_HostHeaderConditionConfig and its siblings, API_PathPatternConditionConfig. */
const HOST_VALUE = /^[A-Za-z0-9.*?_-]{1,128}$/;
const PATH_VALUE = /^[A-Za-z0-9_\-.$/~"'@:+&*?%,;=()!#]{1,128}$/;
const METHOD_VALUE = /^[A-Z_-]{1,40}$/;
const TEXT_VALUE = /^[\u0020-\u007e]{1,128}$/;
/** A token of RFC 9110. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}$/;

type QueryStringPair = Extract<RuleConditionRecord, { field: "query-string" }>["pairs"][number];

/** Conditions as they are kept. Source: API_RuleCondition. Errors: ValidationError. */
export function toConditions(
  given: readonly elb.RuleCondition[] | undefined,
): readonly RuleConditionRecord[] {
  const conditions = (given ?? []).map(toCondition);
  if (conditions.length === 0) throw validation("A condition must be specified");
  const count = conditions.reduce(
    (sum, condition) =>
      sum +
      (condition.field === "query-string" ? condition.pairs : condition.values).length +
      regexesOf(condition).length,
    0,
  );
  if (count > QUOTAS.conditionValues)
    throw validation(`A rule can only have '${QUOTAS.conditionValues}' condition values`);
  return conditions;
}

function toCondition(condition: elb.RuleCondition): RuleConditionRecord {
  const valuesOf = (config: { Values?: readonly string[] | undefined } | undefined, pattern: RegExp) =>
    checkedValues(condition.Field, config?.Values ?? condition.Values, pattern);
  /** Values, or regular expressions in their place. */
  const patternsOf = (
    config: Pick<elb.HostHeaderConditionConfig, "Values" | "RegexValues"> | undefined,
    pattern: RegExp,
  ) => {
    const regexes = config?.RegexValues ?? condition.RegexValues ?? [];
    if (regexes.length === 0) return { values: valuesOf(config, pattern) };
    if ((config?.Values ?? condition.Values ?? []).length > 0)
      throw validation("A condition has either values or regular expressions");
    return { values: [], regexValues: regexes.map((each) => toRegex(each, REGEX_LENGTH_MAX)) };
  };
  switch (condition.Field) {
    case "host-header":
      return { field: "host-header", ...patternsOf(condition.HostHeaderConfig, HOST_VALUE) };
    case "path-pattern":
      return { field: "path-pattern", ...patternsOf(condition.PathPatternConfig, PATH_VALUE) };
    case "http-request-method":
      return {
        field: "http-request-method",
        values: valuesOf(condition.HttpRequestMethodConfig, METHOD_VALUE),
      };
    case "source-ip": {
      const values = valuesOf(condition.SourceIpConfig, /(?:)/);
      const wrong = values.find((value) => !isCidr(value));
      if (wrong !== undefined) throw validation(`Condition value '${wrong}' must be in CIDR format`);
      return { field: "source-ip", values };
    }
    case "http-header":
      return {
        field: "http-header",
        header: toHeaderName(condition.HttpHeaderConfig?.HttpHeaderName),
        ...patternsOf(condition.HttpHeaderConfig, TEXT_VALUE),
      };
    case "query-string":
      return { field: "query-string", pairs: toPairs(condition.QueryStringConfig) };
    default:
      throw validation(
        `Condition field '${condition.Field}' must be one of '[path-pattern, host-header, http-header, ` +
          "http-request-method, query-string, source-ip]'",
      );
  }
}

function regexesOf(condition: RuleConditionRecord): readonly string[] {
  return "regexValues" in condition ? (condition.regexValues ?? []) : [];
}

/** Source: API_RuleCondition, Values. */
const LENGTH_MAX: Readonly<Record<string, number>> = { "http-request-method": 40 };
const VALUE_LENGTH_MAX = 128;

/** Errors: ValidationError. */
function checkedValues(
  field: string | undefined,
  values: readonly string[] = [],
  pattern: RegExp,
): readonly string[] {
  if (values.length === 0) throw validation("A condition value must be specified");
  const limit = LENGTH_MAX[field ?? ""] ?? VALUE_LENGTH_MAX;
  if (values.some((value) => value.length > limit))
    throw validation(`The '${field}' value is too long; the limit is '${limit}'`);
  if (values.includes("")) throw validation(`The '${field}' value cannot be empty`);
  const wrong = values.find((value) => !pattern.test(value));
  if (wrong !== undefined)
    throw validation(`Condition value '${wrong}' contains a character that is not valid`);
  return values;
}

/** A header condition cannot name the host: the host-header condition does. Source: API_HttpHeaderConditionConfig. */
function toHeaderName(header = ""): string {
  if (!HEADER_NAME.test(header) || header.toLowerCase() === "host")
    throw validation(`'${header}' is not a valid header name`);
  return header;
}

function toPairs(config: elb.QueryStringConditionConfig | undefined): readonly QueryStringPair[] {
  const pairs = (config?.Values ?? []).map(({ Key: key, Value: value = "" }) => ({ key, value }));
  checkedValues(
    "query-string",
    pairs.flatMap(({ key, value }) => (key === undefined ? [value] : [key, value])),
    TEXT_VALUE,
  );
  return pairs;
}

/** An IPv4 or IPv6 block. Addresses with a zone are none. */
function isCidr(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  if (rest.length > 0 || !/^\d{1,3}$/.test(length) || address.includes("%")) return false;
  const prefix = Number(length);
  return (isIPv4(address) && prefix <= 32) || (isIPv6(address) && prefix <= 128);
}

export function presentConditions(conditions: readonly RuleConditionRecord[]): elb.RuleCondition[] {
  return conditions.map((condition) => {
    switch (condition.field) {
      case "host-header":
        return {
          Field: condition.field,
          ...presentPatterns(condition),
          HostHeaderConfig: presentPatterns(condition),
        };
      case "path-pattern":
        return {
          Field: condition.field,
          ...presentPatterns(condition),
          PathPatternConfig: presentPatterns(condition),
        };
      case "http-request-method":
        return { Field: condition.field, HttpRequestMethodConfig: { Values: [...condition.values] } };
      case "source-ip":
        return { Field: condition.field, SourceIpConfig: { Values: [...condition.values] } };
      case "http-header":
        return {
          Field: condition.field,
          HttpHeaderConfig: { HttpHeaderName: condition.header, ...presentPatterns(condition) },
        };
      case "query-string":
        return {
          Field: condition.field,
          QueryStringConfig: {
            Values: condition.pairs.map((pair) => ({ Key: pair.key, Value: pair.value })),
          },
        };
    }
  });
}

function presentPatterns(
  condition: Extract<RuleConditionRecord, { field: "host-header" | "path-pattern" | "http-header" }>,
): Pick<elb.HostHeaderConditionConfig, "Values" | "RegexValues"> {
  const { values, regexValues = [] } = condition;
  return regexValues.length === 0 ? { Values: [...values] } : { RegexValues: [...regexValues] };
}
