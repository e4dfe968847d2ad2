import type * as s3 from "@aws-sdk/client-s3";
import type { Implementation, RequestContext, OutputOf } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { changeBucket, findBucket, missingSetting } from "./find-bucket.ts";
import { malformedXml } from "./malformed-xml.ts";
import type { S3Deps } from "./s3-deps.ts";

const YEAR_DAYS = 365;

/** Whether a bucket keeps versions and locks them. Source: API_PutBucketVersioning, API_PutObjectLockConfiguration. */
export function bucketVersioningOperations(deps: S3Deps) {
  return {
    GetBucketVersioning: (input, context) => getBucketVersioning(deps, input, context),
    PutBucketVersioning: (input, context) => putBucketVersioning(deps, input, context),
    GetObjectLockConfiguration: (input, context) => getObjectLockConfiguration(deps, input, context),
    PutObjectLockConfiguration: (input, context) => putObjectLockConfiguration(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function getBucketVersioning(
  deps: S3Deps,
  input: s3.GetBucketVersioningCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketVersioningCommandOutput> {
  const { versioning } = findBucket(deps.store, context, input.Bucket);
  return versioning === undefined ? {} : { Status: versioning };
}

function putBucketVersioning(
  deps: S3Deps,
  input: s3.PutBucketVersioningCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketVersioningCommandOutput> {
  const { Status: status, MFADelete } = input.VersioningConfiguration ?? {};
  if (MFADelete === "Enabled")
    throw new ApiError("NotImplemented", "Gantry does not support MFA delete.", { status: 501 });
  if (status !== "Enabled" && status !== "Suspended")
    throw new ApiError(
      "IllegalVersioningConfigurationException",
      "The Versioning element must be specified",
      { status: 400 },
    );
  return changeBucket(deps, input, context, (bucket) => {
    if (status === "Suspended" && bucket.objectLock !== undefined)
      throw new ApiError(
        "InvalidBucketState",
        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        { status: 409 },
      );
    if (status === "Suspended" && bucket.replication !== undefined)
      throw new ApiError(
        "InvalidBucketState",
        "A replication configuration is present on this bucket, so you cannot change the versioning state. " +
          "To change the versioning state, first delete the replication configuration.",
        { status: 409 },
      );
    return { ...bucket, versioning: status };
  });
}

function getObjectLockConfiguration(
  deps: S3Deps,
  input: s3.GetObjectLockConfigurationCommandInput,
  context: RequestContext,
): OutputOf<s3.GetObjectLockConfigurationCommandOutput> {
  const bucket = findBucket(deps.store, context, input.Bucket);
  if (bucket.objectLock === undefined)
    throw missingSetting(
      "ObjectLockConfigurationNotFoundError",
      "Object Lock configuration does not exist for this bucket",
      bucket,
    );
  const standard = bucket.objectLock.defaultRetention;
  const period =
    standard === undefined
      ? undefined
      : standard.unit === "Years"
        ? { Years: standard.days / YEAR_DAYS }
        : { Days: standard.days };
  return {
    ObjectLockConfiguration: {
      ObjectLockEnabled: "Enabled",
      ...(standard === undefined ? {} : { Rule: { DefaultRetention: { Mode: standard.mode, ...period } } }),
    },
  };
}

function putObjectLockConfiguration(
  deps: S3Deps,
  input: s3.PutObjectLockConfigurationCommandInput,
  context: RequestContext,
): OutputOf<s3.PutObjectLockConfigurationCommandOutput> {
  const given = input.ObjectLockConfiguration;
  const malformed = malformedXml();
  if (given?.ObjectLockEnabled !== "Enabled") throw malformed;
  const standard = given.Rule?.DefaultRetention;
  const { Mode: mode, Days: days, Years: years } = standard ?? {};
  if (
    standard !== undefined &&
    ((mode !== "GOVERNANCE" && mode !== "COMPLIANCE") || (days === undefined) === (years === undefined))
  )
    throw malformed;
  const period = days ?? (years ?? 0) * YEAR_DAYS;
  if (standard !== undefined && period <= 0)
    throw new ApiError(
      "InvalidRetentionPeriod",
      "Default retention period must be a positive integer value.",
      {
        status: 400,
      },
    );
  return changeBucket(deps, input, context, (bucket) => {
    if (bucket.versioning !== "Enabled")
      throw new ApiError(
        "InvalidBucketState",
        "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        {
          status: 409,
        },
      );
    const defaultRetention =
      mode === undefined
        ? undefined
        : { mode, days: period, unit: days === undefined ? ("Years" as const) : ("Days" as const) };
    return { ...bucket, objectLock: { defaultRetention } };
  });
}
