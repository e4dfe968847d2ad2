import type * as s3 from "@aws-sdk/client-s3";
import type { LifecycleFilter, LifecycleRule } from "@gantry/state";
import { ApiError, type ErrorCode } from "@gantry/wire";
import { toTags } from "../common/tags.ts";
import { malformedXml } from "./malformed-xml.ts";

const RULES_MAX = 1_000;

/** Rules as they are put, checked; transitions are refused: there is one storage. Source: API_PutBucketLifecycleConfiguration. */
export function readLifecycle(rules: readonly s3.LifecycleRule[] | undefined): readonly LifecycleRule[] {
  const malformed = malformedXml();
  const invalid = (code: ErrorCode, message: string): ApiError =>
    new ApiError(code, message, { status: 400 });
  if (rules === undefined || rules.length === 0 || rules.length > RULES_MAX) throw malformed;
  const ids = new Set<string>();
  return rules.map((rule, index) => {
    const id = rule.ID ?? `rule-${index + 1}`;
    if (ids.has(id))
      throw invalid("InvalidArgument", `Rule ID must be unique. Found same ID for more than one rule`);
    ids.add(id);
    if (id.length > 255) throw invalid("InvalidArgument", "ID length should not exceed allowed limit of 255");
    if (rule.Status !== "Enabled" && rule.Status !== "Disabled") throw malformed;
    if ((rule.Transitions ?? []).length > 0 || (rule.NoncurrentVersionTransitions ?? []).length > 0)
      throw new ApiError(
        "NotImplemented",
        "Gantry has one storage: lifecycle rules expire objects, they do not move them to other storage classes.",
        { status: 501 },
      );
    const { Days: days, Date: at, ExpiredObjectDeleteMarker: markers } = rule.Expiration ?? {};
    const { NoncurrentDays: noncurrentDays, NewerNoncurrentVersions: kept } =
      rule.NoncurrentVersionExpiration ?? {};
    const abortDays = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation;
    if (
      rule.Expiration === undefined &&
      rule.NoncurrentVersionExpiration === undefined &&
      abortDays === undefined
    )
      throw invalid("InvalidRequest", "At least one action needs to be specified in a rule");
    for (const number of [days, noncurrentDays, abortDays])
      if (number !== undefined && number <= 0)
        throw invalid("InvalidArgument", "'Days' for Expiration action must be a positive integer");
    if (at !== undefined && at.getTime() % 86_400_000 !== 0)
      throw invalid("InvalidArgument", "'Date' must be at midnight GMT");
    if ([days, at, markers === true ? true : undefined].filter((each) => each !== undefined).length > 1)
      throw malformed;
    const { filter, written } = readFilter(rule, malformed);
    return {
      id,
      enabled: rule.Status === "Enabled",
      filter,
      written,
      expirationDays: days,
      expirationAt: at?.getTime(),
      expiredMarkers: markers === true,
      noncurrentDays,
      noncurrentKept: kept,
      abortDays,
    };
  });
}

function readFilter(rule: s3.LifecycleRule, malformed: ApiError): Pick<LifecycleRule, "filter" | "written"> {
  const nothing = { prefix: "", tags: {}, largerThan: undefined, smallerThan: undefined };
  if (rule.Filter === undefined) {
    if (rule.Prefix === undefined) throw malformed;
    return { filter: { ...nothing, prefix: rule.Prefix }, written: "prefix" };
  }
  const { And: and, Tag: tag, ...single } = rule.Filter;
  const from: s3.LifecycleRuleAndOperator = and ?? { ...single, Tags: tag === undefined ? [] : [tag] };
  const filter: LifecycleFilter = {
    prefix: from.Prefix ?? "",
    tags: toTags(from.Tags),
    largerThan: from.ObjectSizeGreaterThan,
    smallerThan: from.ObjectSizeLessThan,
  };
  return { filter, written: and === undefined ? "filter" : "and" };
}

export function presentLifecycle(rules: readonly LifecycleRule[]): s3.LifecycleRule[] {
  return rules.map((rule) => {
    const { prefix, tags, largerThan, smallerThan } = rule.filter;
    const list = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const sizes = { ObjectSizeGreaterThan: largerThan, ObjectSizeLessThan: smallerThan };
    const [first] = list;
    const isBare = first === undefined && largerThan === undefined && smallerThan === undefined;
    const filter: s3.LifecycleRuleFilter =
      rule.written === "and"
        ? { And: { Prefix: prefix, Tags: list, ...sizes } }
        : { ...(isBare || prefix !== "" ? { Prefix: prefix } : {}), Tag: first, ...sizes };
    const hasExpiration =
      rule.expirationDays !== undefined || rule.expirationAt !== undefined || rule.expiredMarkers;
    return {
      ID: rule.id,
      Status: rule.enabled ? ("Enabled" as const) : ("Disabled" as const),
      ...(rule.written === "prefix" ? { Prefix: prefix } : { Filter: filter }),
      Expiration: hasExpiration
        ? {
            Days: rule.expirationDays,
            Date: rule.expirationAt === undefined ? undefined : new Date(rule.expirationAt),
            ExpiredObjectDeleteMarker: rule.expiredMarkers ? true : undefined,
          }
        : undefined,
      NoncurrentVersionExpiration:
        rule.noncurrentDays === undefined && rule.noncurrentKept === undefined
          ? undefined
          : { NoncurrentDays: rule.noncurrentDays, NewerNoncurrentVersions: rule.noncurrentKept },
      AbortIncompleteMultipartUpload:
        rule.abortDays === undefined ? undefined : { DaysAfterInitiation: rule.abortDays },
    };
  });
}
