import type * as s3 from "@aws-sdk/client-s3";
import type { BucketRecord, BucketReplicationRule, Reader } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { changeBucket, findBucket, missingSetting, NO_CONTENT, withoutSettings } from "./find-bucket.ts";
import { malformedXml } from "./malformed-xml.ts";
import { STORAGE_CLASSES } from "./object-input.ts";
import type { S3Deps } from "./s3-deps.ts";

const RULES_MAX = 1_000;
const ID_MAX = 255;
const BUCKET_ARN = /^arn:aws:s3:::([a-z0-9][a-z0-9.-]+)$/;
const SEE_GUIDE = "Please refer to S3 Developer Guide for more information.";
const OF_SCHEMA = `for this version of Cross Region Replication configuration schema. ${SEE_GUIDE}`;
const ROLE_ARN = /^arn:aws:iam::(\d{12}):role\/\S+$/;

/** Where versions of a bucket are copied to. Source: API_PutBucketReplication. */
export function bucketReplicationOperations(deps: S3Deps) {
  return {
    GetBucketReplication: (input, context) => getBucketReplication(deps, input, context),
    PutBucketReplication: (input, context) => putBucketReplication(deps, input, context),
    DeleteBucketReplication: (input, context) => deleteBucketReplication(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getBucketReplication(
  deps: S3Deps,
  input: s3.GetBucketReplicationCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketReplicationCommandOutput> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  if (bucket.replication === undefined)
    throw missingSetting(
      "ReplicationConfigurationNotFoundError",
      "The replication configuration was not found",
      bucket,
    );
  const given = JSON.parse(bucket.replication.given) as s3.ReplicationConfiguration; // Written below.
  return { ReplicationConfiguration: given };
}

/** Errors: MalformedXML, InvalidArgument, InvalidRequest. */
function putBucketReplication(
  deps: S3Deps,
  input: s3.PutBucketReplicationCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketReplicationCommandOutput> {
  const { Role: roleArn = "", Rules: given = [] } = input.ReplicationConfiguration ?? {};
  if (given.length === 0 || given.length > RULES_MAX) throw malformedXml();
  const account = ROLE_ARN.exec(roleArn)?.[1];
  if (account !== context.account)
    throw invalid("InvalidArgument", "Invalid Role specified in replication configuration");
  return deps.store.transact((tx) => {
    const bucket = findBucket(tx, context, input.Bucket);
    if (bucket.versioning !== "Enabled")
      throw invalid(
        "InvalidRequest",
        "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
      );
    const identified = given.map((rule) => ({ ...rule, ID: rule.ID ?? deps.ids.uuid() }));
    const rules = identified.map(toRule);
    checkDistinct(rules);
    for (const rule of rules) checkDestination(tx, bucket, rule);
    const text = JSON.stringify({ Role: roleArn, Rules: identified });
    tx.put("bucket", bucket.name, { ...bucket, replication: { roleArn, rules, given: text } });
    return {};
  });
}

function deleteBucketReplication(
  deps: S3Deps,
  input: s3.DeleteBucketReplicationCommandInput,
  context: RequestContext,
): OutputOf<s3.DeleteBucketReplicationCommandOutput> {
  return {
    ...changeBucket(deps, input, context, (bucket) => withoutSettings(bucket, "replication")),
    ...NO_CONTENT,
  };
}

/** Errors: MalformedXML, InvalidArgument, InvalidRequest. */
function toRule(rule: s3.ReplicationRule & { readonly ID: string }): BucketReplicationRule {
  const { Filter: filter, Destination: destination, SourceSelectionCriteria: criteria } = rule;
  if (rule.ID.length > ID_MAX)
    throw invalid("InvalidArgument", "ID length should not exceed allowed limit of 255");
  if (!isStatus(rule.Status) || destination === undefined) throw malformedXml();
  const storageClass = destination.StorageClass;
  if (storageClass !== undefined && !STORAGE_CLASSES.includes(storageClass)) throw malformedXml();
  const bucket = BUCKET_ARN.exec(destination.Bucket ?? "")?.[1];
  if (bucket === undefined) throw invalid("InvalidArgument", "Invalid bucket ARN");
  const owner = destination.AccessControlTranslation?.Owner;
  if (owner !== undefined && destination.Account === undefined)
    throw invalid("InvalidArgument", "Account must be specified if AccessControlTranslation is present");
  const kmsKeyId = destination.EncryptionConfiguration?.ReplicaKmsKeyID;
  const replicatesKms = criteria?.SseKmsEncryptedObjects?.Status === "Enabled";
  if (replicatesKms !== (kmsKeyId !== undefined))
    throw invalid(
      "InvalidRequest",
      replicatesKms
        ? "EncryptionConfiguration must be specified if SseKmsEncryptedObjects is present"
        : "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present",
    );
  return {
    id: rule.ID,
    isEnabled: rule.Status === "Enabled",
    ...(filter === undefined ? oldFilter(rule) : newFilter(rule, filter)),
    replicatesKms,
    bucket,
    account: destination.Account,
    storageClass,
    isOwnedByDestination: owner !== undefined,
    kmsKeyId,
  };
}

/** A rule in the first version of the configuration, which has no priorities and always replicates delete markers. */
function oldFilter({ Prefix: prefix }: s3.ReplicationRule) {
  if (prefix === undefined) throw malformedXml();
  return { prefix, tags: {}, priority: 0, replicatesMarkers: true, isFirstVersion: true };
}

/** Errors: MalformedXML, InvalidRequest. */
function newFilter(
  rule: s3.ReplicationRule,
  { And: and, Tag: tag, Prefix: single }: s3.ReplicationRuleFilter,
) {
  if (rule.Priority === undefined) throw invalid("InvalidRequest", `Priority must be specified ${OF_SCHEMA}`);
  const markers = rule.DeleteMarkerReplication?.Status;
  if (!isStatus(markers))
    throw invalid("InvalidRequest", `DeleteMarkerReplication must be specified ${OF_SCHEMA}`);
  const tags = toTags(and?.Tags ?? (tag === undefined ? [] : [tag]));
  if (markers === "Enabled" && Object.keys(tags).length > 0)
    throw invalid(
      "InvalidRequest",
      `Delete marker replication is not supported if any Tag filter is specified. ${SEE_GUIDE}`,
    );
  return {
    prefix: and?.Prefix ?? single ?? "",
    tags,
    priority: rule.Priority,
    replicatesMarkers: markers === "Enabled",
    isFirstVersion: false,
  };
}

function isStatus(text: string | undefined): boolean {
  return text === "Enabled" || text === "Disabled";
}

/** Errors: InvalidArgument, InvalidRequest. */
function checkDistinct(rules: readonly BucketReplicationRule[]): void {
  if (new Set(rules.map(({ id }) => id)).size < rules.length)
    throw invalid("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule");
  const ordered = rules.filter(({ isFirstVersion }) => !isFirstVersion).map(({ priority }) => priority);
  const twice = ordered.find((priority, index) => ordered.indexOf(priority) !== index);
  if (twice !== undefined)
    throw invalid("InvalidRequest", `Found duplicate priority ${twice} for more than one rule.`);
}

/** Errors: InvalidRequest. */
function checkDestination(reader: Reader, source: BucketRecord, rule: BucketReplicationRule): void {
  if (rule.bucket === source.name)
    throw invalid("InvalidRequest", "Destination bucket cannot be the same as the source bucket.");
  const destination = reader.get("bucket", rule.bucket);
  if (destination === undefined) throw invalid("InvalidRequest", "Destination bucket must exist.");
  if (destination.versioning !== "Enabled")
    throw invalid("InvalidRequest", "Destination bucket must have versioning enabled.");
}

function invalid(code: "InvalidArgument" | "InvalidRequest", message: string): ApiError {
  return new ApiError(code, message, { status: 400 });
}
