import type * as s3 from "@aws-sdk/client-s3";
import { checkPolicyDocument, isPublic, MalformedPolicyError, parsePolicyDocument } from "@gantry/iam";
import type { BucketRecord } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { findBucket } from "./buckets.ts";
import { presentCors, readCors } from "./cors.ts";
import type { S3Deps } from "./s3-deps.ts";
import { presentLifecycle, readLifecycle } from "./lifecycle.ts";
import { readWebsite } from "./website.ts";
import { malformedXml } from "./malformed-xml.ts";

const YEAR_DAYS = 365;
const POLICY_MAX_BYTES = 20 * 1024;

/** What a bucket is told to do by itself: keep versions, lock, expire, answer browsers, tell of changes, whom to let in. */
export function bucketSettingOperations({ store, log }: S3Deps) {
  const find = (input: { Bucket?: string | undefined }, context: RequestContext): BucketRecord =>
    findBucket(store, context, input.Bucket);
  const change = (
    input: { Bucket?: string | undefined },
    context: RequestContext,
    apply: (bucket: BucketRecord) => BucketRecord,
  ) =>
    store.transact((tx) => {
      const bucket = findBucket(tx, context, input.Bucket);
      tx.put("bucket", bucket.name, apply(bucket));
      return {};
    });
  const gone = { $metadata: { httpStatusCode: 204 } };
  const none = (code: string, message: string, bucket: BucketRecord): ApiError =>
    new ApiError(code, message, { status: 404, fields: { BucketName: bucket.name } });
  return {
    GetBucketVersioning(input, context) {
      const { versioning } = find(input, context);
      return versioning === undefined ? {} : { Status: versioning };
    },
    PutBucketVersioning(input, context) {
      const { Status: status, MFADelete } = input.VersioningConfiguration ?? {};
      if (MFADelete === "Enabled")
        throw new ApiError("NotImplemented", "Gantry does not support MFA delete.", { status: 501 });
      if (status !== "Enabled" && status !== "Suspended")
        throw new ApiError(
          "IllegalVersioningConfigurationException",
          "The Versioning element must be specified",
          { status: 400 },
        );
      return change(input, context, (bucket) => {
        if (status === "Suspended" && bucket.objectLock !== undefined)
          throw new ApiError(
            "InvalidBucketState",
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            { status: 409 },
          );
        return { ...bucket, versioning: status };
      });
    },
    GetObjectLockConfiguration(input, context) {
      const bucket = find(input, context);
      if (bucket.objectLock === undefined)
        throw none(
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
          ...(standard === undefined
            ? {}
            : { Rule: { DefaultRetention: { Mode: standard.mode, ...period } } }),
        },
      };
    },
    PutObjectLockConfiguration(input, context) {
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
      return change(input, context, (bucket) => {
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
    },
    GetBucketLifecycleConfiguration(input, context) {
      const bucket = find(input, context);
      if (bucket.lifecycle === undefined)
        throw none("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", bucket);
      return {
        Rules: presentLifecycle(bucket.lifecycle),
        TransitionDefaultMinimumObjectSize: "all_storage_classes_128K",
      };
    },
    PutBucketLifecycleConfiguration(input, context) {
      const rules = readLifecycle(input.LifecycleConfiguration?.Rules);
      change(input, context, (bucket) => ({ ...without(bucket, "lifecycleRanAt"), lifecycle: rules }));
      return { TransitionDefaultMinimumObjectSize: "all_storage_classes_128K" };
    },
    DeleteBucketLifecycle: (input, context) => ({
      ...change(input, context, (bucket) => without(bucket, "lifecycle", "lifecycleRanAt")),
      ...gone,
    }),
    GetBucketCors(input, context) {
      const bucket = find(input, context);
      if (bucket.cors === undefined)
        throw none("NoSuchCORSConfiguration", "The CORS configuration does not exist", bucket);
      return { CORSRules: presentCors(bucket.cors) };
    },
    PutBucketCors(input, context) {
      const cors = readCors(input.CORSConfiguration?.CORSRules);
      return change(input, context, (bucket) => ({ ...bucket, cors }));
    },
    DeleteBucketCors: (input, context) => ({
      ...change(input, context, (bucket) => without(bucket, "cors")),
      ...gone,
    }),
    GetBucketWebsite(input, context) {
      const bucket = find(input, context);
      if (bucket.website === undefined)
        throw none(
          "NoSuchWebsiteConfiguration",
          "The specified bucket does not have a website configuration",
          bucket,
        );
      return JSON.parse(bucket.website) as s3.WebsiteConfiguration; // We wrote it.
    },
    PutBucketWebsite(input, context) {
      const website = JSON.stringify(readWebsite(input.WebsiteConfiguration));
      return change(input, context, (bucket) => ({ ...bucket, website }));
    },
    DeleteBucketWebsite: (input, context) => ({
      ...change(input, context, (bucket) => without(bucket, "website")),
      ...gone,
    }),
    GetBucketNotificationConfiguration(input, context) {
      return find(input, context).tellsEvents === true ? { EventBridgeConfiguration: {} } : {};
    },
    PutBucketNotificationConfiguration(input, context) {
      const given = input.NotificationConfiguration ?? {};
      const others = [
        given.QueueConfigurations,
        given.TopicConfigurations,
        given.LambdaFunctionConfigurations,
      ];
      if (others.some((list) => (list ?? []).length > 0))
        throw new ApiError(
          "NotImplemented",
          "Gantry tells EventBridge of a bucket's changes, not queues, topics or functions.",
          { status: 501 },
        );
      return change(input, context, (bucket) => ({
        ...bucket,
        tellsEvents: given.EventBridgeConfiguration !== undefined,
      }));
    },
    GetBucketPolicy(input, context) {
      const bucket = find(input, context);
      if (bucket.policy === undefined)
        throw none("NoSuchBucketPolicy", "The bucket policy does not exist", bucket);
      return { Policy: presentBound(store, bucket.policy, bucket.policyPrincipals) };
    },
    PutBucketPolicy(input, context) {
      const text = input.Policy ?? "";
      const document = readBucketPolicy(text, input.Bucket ?? "");
      const { ids, missing } = resolvePrincipals(store, document);
      if (missing !== undefined)
        throw new ApiError("MalformedPolicy", "Invalid principal in policy", { status: 400 });
      warnOfUnknownKeys(document, "bucket", log);
      change(input, context, (bucket) => {
        if (bucket.publicAccessBlock?.blockPublicPolicy === true && isPublic(document))
          throw new ApiError(
            "AccessDenied",
            `User: ${context.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::${bucket.name}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`,
            { status: 403 },
          );
        return { ...bucket, policy: text, policyPrincipals: ids };
      });
      return gone;
    },
    DeleteBucketPolicy: (input, context) => ({
      ...change(input, context, (bucket) => without(bucket, "policy")),
      ...gone,
    }),
    GetBucketPolicyStatus(input, context) {
      const bucket = find(input, context);
      if (bucket.policy === undefined)
        throw none("NoSuchBucketPolicy", "The bucket policy does not exist", bucket);
      return { PolicyStatus: { IsPublic: isPublic(parsePolicyDocument(bucket.policy)) } };
    },
    // Settings that a client reads to compare: what a bucket without them answers.
    GetBucketLogging(input, context) {
      find(input, context);
      return {};
    },
    GetBucketRequestPayment(input, context) {
      find(input, context);
      return { Payer: "BucketOwner" };
    },
    GetBucketAccelerateConfiguration(input, context) {
      find(input, context);
      return {};
    },
    GetBucketReplication(input, context) {
      throw none(
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
        find(input, context),
      );
    },
  } satisfies Implementation<typeof s3>;
}

/** A bucket as if a setting had never been put. */
function without(
  bucket: BucketRecord,
  ...settings: readonly ("lifecycle" | "lifecycleRanAt" | "cors" | "website" | "policy")[]
): BucketRecord {
  return Object.fromEntries(
    Object.entries(bucket).filter(([name]) => !settings.some((setting) => setting === name)),
  ) as unknown as BucketRecord; // All that is left out is optional.
}

/** A bucket's policy, checked: whom, what and where, and nothing outside the bucket. Source: API_PutBucketPolicy, MalformedPolicy. */
function readBucketPolicy(text: string, bucket: string) {
  const malformed = (message: string): ApiError => new ApiError("MalformedPolicy", message, { status: 400 });
  if (Buffer.byteLength(text) > POLICY_MAX_BYTES)
    throw malformed("Policy exceeds the maximum allowed document size.");
  try {
    const document = checkPolicyDocument(text, "bucket");
    for (const statement of document.statements) {
      const resources = [...statement.resources, ...statement.notResources];
      const arn = `arn:aws:s3:::${bucket}`;
      if (resources.some((resource) => resource !== arn && !resource.startsWith(`${arn}/`)))
        throw malformed("Policy has invalid resource");
      if (
        [...statement.actions, ...statement.notActions].some(
          (action) => action !== "*" && !action.toLowerCase().startsWith("s3:"),
        )
      )
        throw malformed("Policy has invalid action");
    }
    return document;
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError)
      throw malformed(
        thrown.message === "Syntax errors in policy."
          ? "Policies must be valid JSON and the first byte must be '{'"
          : thrown.message,
      );
    throw thrown;
  }
}
