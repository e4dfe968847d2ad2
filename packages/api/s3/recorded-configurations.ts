import type * as s3 from "@aws-sdk/client-s3";
import type { BucketConfigurationKind, BucketRecord } from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { changeBucket, findBucket, missingSetting, NO_CONTENT } from "./find-bucket.ts";
import { malformedXml } from "./malformed-xml.ts";
import type { S3Deps } from "./s3-deps.ts";

/** Configurations of one kind in a bucket. Source: "Amazon S3 quotas": 1,000 of each. */
const EACH_MAX = 1_000;
const PAGE = 100;

/**
 * What S3 records of a bucket and acts on elsewhere than at the bucket: acceleration, the payer of requests,
 * and configurations of analytics, inventories, metrics and tiering.
 * Source: API_PutBucketAnalyticsConfiguration and following.
 */
export function recordedConfigurationOperations(deps: S3Deps) {
  const analytics = configurationsOf<s3.AnalyticsConfiguration>(deps, "analytics");
  const inventory = configurationsOf<s3.InventoryConfiguration>(deps, "inventory");
  const metrics = configurationsOf<s3.MetricsConfiguration>(deps, "metrics");
  const tiering = configurationsOf<s3.IntelligentTieringConfiguration>(deps, "intelligentTiering");
  return {
    GetBucketAccelerateConfiguration: (input, context) => getAccelerate(deps, input, context),
    PutBucketAccelerateConfiguration: (input, context) => putAccelerate(deps, input, context),
    GetBucketRequestPayment: (input, context) => getRequestPayment(deps, input, context),
    PutBucketRequestPayment: (input, context) => putRequestPayment(deps, input, context),
    GetBucketAnalyticsConfiguration: (input, context) => ({
      AnalyticsConfiguration: analytics.get(input, input.Id, context),
    }),
    PutBucketAnalyticsConfiguration: (input, context) =>
      analytics.put(input, { id: input.Id, given: input.AnalyticsConfiguration }, context),
    DeleteBucketAnalyticsConfiguration: (input, context) => analytics.remove(input, input.Id, context),
    ListBucketAnalyticsConfigurations: (input, context) => {
      const { items, ...rest } = analytics.list(input, input.ContinuationToken, context);
      return { AnalyticsConfigurationList: items, ...rest };
    },
    GetBucketInventoryConfiguration: (input, context) => ({
      InventoryConfiguration: inventory.get(input, input.Id, context),
    }),
    PutBucketInventoryConfiguration: (input, context) =>
      inventory.put(input, { id: input.Id, given: input.InventoryConfiguration }, context),
    DeleteBucketInventoryConfiguration: (input, context) => inventory.remove(input, input.Id, context),
    ListBucketInventoryConfigurations: (input, context) => {
      const { items, ...rest } = inventory.list(input, input.ContinuationToken, context);
      return { InventoryConfigurationList: items, ...rest };
    },
    GetBucketMetricsConfiguration: (input, context) => ({
      MetricsConfiguration: metrics.get(input, input.Id, context),
    }),
    PutBucketMetricsConfiguration: (input, context) =>
      metrics.put(input, { id: input.Id, given: input.MetricsConfiguration }, context),
    DeleteBucketMetricsConfiguration: (input, context) => metrics.remove(input, input.Id, context),
    ListBucketMetricsConfigurations: (input, context) => {
      const { items, ...rest } = metrics.list(input, input.ContinuationToken, context);
      return { MetricsConfigurationList: items, ...rest };
    },
    GetBucketIntelligentTieringConfiguration: (input, context) => ({
      IntelligentTieringConfiguration: tiering.get(input, input.Id, context),
    }),
    PutBucketIntelligentTieringConfiguration: (input, context) =>
      tiering.put(input, { id: input.Id, given: input.IntelligentTieringConfiguration }, context),
    DeleteBucketIntelligentTieringConfiguration: (input, context) => tiering.remove(input, input.Id, context),
    ListBucketIntelligentTieringConfigurations: (input, context) => {
      const { items, ...rest } = tiering.list(input, input.ContinuationToken, context);
      return { IntelligentTieringConfigurationList: items, ...rest };
    },
  } satisfies Implementation<typeof s3>;
}

interface OfBucket {
  readonly Bucket?: string | undefined;
}

/**
 * The four operations of a kind of configuration.
 * Errors: NoSuchConfiguration, TooManyConfigurations, InvalidArgument.
 */
function configurationsOf<T extends { Id?: string | undefined }>(
  deps: S3Deps,
  kind: BucketConfigurationKind,
) {
  const parse = (text: string): T => JSON.parse(text) as T; // Written by `put`.
  return {
    get: ({ Bucket }: OfBucket, id: string | undefined, context: RequestContext): T =>
      parse(textOf(findBucket(deps.store, context, Bucket), kind, id)),
    put(
      { Bucket }: OfBucket,
      { id = "", given }: { readonly id: string | undefined; readonly given: T | undefined },
      context: RequestContext,
    ): object {
      if (given === undefined) throw malformedXml();
      if (given.Id !== id || !/^[\w.-]{1,64}$/.test(id))
        throw new ApiError("InvalidArgument", "The configuration id is not valid.", {
          status: 400,
          fields: { ArgumentName: "id", ArgumentValue: id },
        });
      return changeBucket(deps, { Bucket }, context, (bucket) =>
        withConfigurations(bucket, kind, { ...allOf(bucket, kind), [id]: JSON.stringify(given) }),
      );
    },
    remove({ Bucket }: OfBucket, id: string | undefined, context: RequestContext): object {
      changeBucket(deps, { Bucket }, context, (bucket) => {
        textOf(bucket, kind, id);
        const rest = Object.entries(allOf(bucket, kind)).filter(([each]) => each !== id);
        return withConfigurations(bucket, kind, Object.fromEntries(rest));
      });
      return NO_CONTENT;
    },
    list({ Bucket }: OfBucket, token: string | undefined, context: RequestContext) {
      const { items, ...rest } = pageOf(allOf(findBucket(deps.store, context, Bucket), kind), token);
      return { items: items.map(parse), ...rest };
    },
  };
}

function allOf(bucket: BucketRecord, kind: BucketConfigurationKind): Readonly<Record<string, string>> {
  return bucket.configurations?.[kind] ?? {};
}

/** Errors: NoSuchConfiguration. */
function textOf(bucket: BucketRecord, kind: BucketConfigurationKind, id = ""): string {
  const all = allOf(bucket, kind);
  const text = Object.hasOwn(all, id) ? all[id] : undefined;
  if (text === undefined)
    throw missingSetting("NoSuchConfiguration", "The specified configuration does not exist.", bucket);
  return text;
}

/** Errors: TooManyConfigurations. */
function withConfigurations(
  bucket: BucketRecord,
  kind: BucketConfigurationKind,
  all: Readonly<Record<string, string>>,
): BucketRecord {
  if (Object.keys(all).length > EACH_MAX)
    throw new ApiError(
      "TooManyConfigurations",
      "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.",
      { status: 400 },
    );
  return { ...bucket, configurations: { ...bucket.configurations, [kind]: all } };
}

function pageOf(all: Readonly<Record<string, string>>, token: string | undefined) {
  const ordered = Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const { items, nextToken } = page(ordered, ([id]) => id, {
    token,
    size: PAGE,
    invalidToken: () =>
      new ApiError("InvalidArgument", "The continuation token provided is incorrect", { status: 400 }),
  });
  return {
    items: items.map(([, text]) => text),
    IsTruncated: nextToken !== undefined,
    ContinuationToken: token,
    NextContinuationToken: nextToken,
  };
}

function getAccelerate(
  deps: S3Deps,
  input: s3.GetBucketAccelerateConfigurationCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketAccelerateConfigurationCommandOutput> {
  return { Status: findBucket(deps.store, context, input.Bucket).accelerate };
}

function putAccelerate(
  deps: S3Deps,
  input: s3.PutBucketAccelerateConfigurationCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketAccelerateConfigurationCommandOutput> {
  const status = input.AccelerateConfiguration?.Status;
  if (status !== "Enabled" && status !== "Suspended") throw malformedXml();
  if (input.Bucket?.includes(".") === true)
    throw new ApiError(
      "InvalidRequest",
      "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names",
      { status: 400 },
    );
  return changeBucket(deps, input, context, (bucket) => ({ ...bucket, accelerate: status }));
}

function getRequestPayment(
  deps: S3Deps,
  input: s3.GetBucketRequestPaymentCommandInput,
  context: RequestContext,
): OutputOf<s3.GetBucketRequestPaymentCommandOutput> {
  return { Payer: findBucket(deps.store, context, input.Bucket).requestPayer ?? "BucketOwner" };
}

function putRequestPayment(
  deps: S3Deps,
  input: s3.PutBucketRequestPaymentCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketRequestPaymentCommandOutput> {
  const requestPayer = input.RequestPaymentConfiguration?.Payer;
  if (requestPayer !== "BucketOwner" && requestPayer !== "Requester") throw malformedXml();
  return changeBucket(deps, input, context, (bucket) => ({ ...bucket, requestPayer }));
}
