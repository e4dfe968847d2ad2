import type * as s3 from "@aws-sdk/client-s3";
import type { LifecycleFilter, LifecycleRule, LifecycleTransition } from "@gantry/state";
import { toTags } from "../common/tags.ts";
import { ApiError, type ErrorCode } from "./api-error.ts";
import { malformedXml } from "./malformed-xml.ts";

const RULES_MAX = 1_000;
/** Source: API_Transition. */
const TRANSITION_CLASSES: readonly string[] = [
  "GLACIER",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "DEEP_ARCHIVE",
  "GLACIER_IR",
];

/** Rules as they are put, checked. Source: API_PutBucketLifecycleConfiguration. */
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
    const { Days: days, Date: at, ExpiredObjectDeleteMarker: markers } = rule.Expiration ?? {};
    const { NoncurrentDays: noncurrentDays, NewerNoncurrentVersions: kept } =
      rule.NoncurrentVersionExpiration ?? {};
    const moves = readTransitions(rule);
    const abortDays = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation;
    if (
      rule.Expiration === undefined &&
      rule.NoncurrentVersionExpiration === undefined &&
      abortDays === undefined &&
      moves.transitions.length + moves.noncurrentTransitions.length === 0
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
      ...(moves.transitions.length === 0 ? {} : { transitions: moves.transitions }),
      ...(moves.noncurrentTransitions.length === 0
        ? {}
        : { noncurrentTransitions: moves.noncurrentTransitions }),
    };
  });
}

/** Errors: MalformedXML, InvalidArgument. */
function readTransitions(
  rule: s3.LifecycleRule,
): Required<Pick<LifecycleRule, "transitions" | "noncurrentTransitions">> {
  const checked = (transition: LifecycleTransition): LifecycleTransition => {
    if (!TRANSITION_CLASSES.includes(transition.storageClass)) throw malformedXml();
    if ((transition.days ?? 0) < 0)
      throw new ApiError("InvalidArgument", "'Days' in Transition action must be nonnegative", {
        status: 400,
      });
    return transition;
  };
  return {
    transitions: (rule.Transitions ?? []).map(({ Days: days, Date: at, StorageClass = "" }) => {
      if ((days === undefined) === (at === undefined)) throw malformedXml();
      return checked({ days, at: at?.getTime(), kept: undefined, storageClass: StorageClass });
    }),
    noncurrentTransitions: (rule.NoncurrentVersionTransitions ?? []).map(
      ({ NoncurrentDays: days, NewerNoncurrentVersions: kept, StorageClass = "" }) => {
        if (days === undefined) throw malformedXml();
        return checked({ days, at: undefined, kept, storageClass: StorageClass });
      },
    ),
  };
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
      Transitions: rule.transitions?.map((each) => ({
        Days: each.days,
        Date: each.at === undefined ? undefined : new Date(each.at),
        StorageClass: each.storageClass as s3.TransitionStorageClass, // Checked when it was put.
      })),
      NoncurrentVersionTransitions: rule.noncurrentTransitions?.map((each) => ({
        NoncurrentDays: each.days,
        NewerNoncurrentVersions: each.kept,
        StorageClass: each.storageClass as s3.TransitionStorageClass, // As above.
      })),
      AbortIncompleteMultipartUpload:
        rule.abortDays === undefined ? undefined : { DaysAfterInitiation: rule.abortDays },
    };
  });
}
