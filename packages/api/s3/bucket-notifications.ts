import * as s3 from "@aws-sdk/client-s3";
import {
  addDelivery,
  coversEvent,
  filterValue,
  notificationTarget,
  type BucketNotification,
  type BucketRecord,
  type QueueRecord,
  type TopicRecord,
  type Transaction,
} from "@gantry/state";
import type { Implementation, OutputOf, RequestContext } from "@gantry/wire";
import { asService, permitsService } from "../iam/service-access.ts";
import { ApiError } from "./api-error.ts";
import { findBucket } from "./find-bucket.ts";
import { malformedXml } from "./malformed-xml.ts";
import type { S3Deps } from "./s3-deps.ts";

const CONFIGURATIONS_MAX = 100;
const EVENTS: ReadonlySet<string> = new Set(Object.values(s3.Event));

/** Whom S3 tells of a bucket's changes. Source: API_PutBucketNotificationConfiguration. */
export function bucketNotificationOperations(deps: S3Deps) {
  return {
    GetBucketNotificationConfiguration: (input, context) =>
      presentNotifications(findBucket(deps.store, context, input.Bucket)),
    PutBucketNotificationConfiguration: (input, context) => putNotifications(deps, input, context),
  } satisfies Implementation<typeof s3>;
}

function presentNotifications({
  tellsEvents,
  notifications = [],
}: BucketRecord): OutputOf<s3.GetBucketNotificationConfigurationCommandOutput> {
  const topics = notifications.filter(isForTopic);
  const queues = notifications.filter((each) => !isForTopic(each));
  return {
    ...(topics.length === 0
      ? {}
      : { TopicConfigurations: topics.map((each) => ({ TopicArn: each.queueArn, ...presentEvents(each) })) }),
    ...(queues.length === 0
      ? {}
      : { QueueConfigurations: queues.map((each) => ({ QueueArn: each.queueArn, ...presentEvents(each) })) }),
    ...(tellsEvents === true ? { EventBridgeConfiguration: {} } : {}),
  };
}

function isForTopic({ queueArn }: BucketNotification): boolean {
  return queueArn.startsWith("arn:aws:sns:");
}

function presentEvents({ id, events, filter }: BucketNotification) {
  const rules = filter?.map(({ name, value }) => ({
    Name: name as s3.FilterRuleName, // As given.
    Value: value,
  }));
  return {
    Id: id,
    Events: events as s3.Event[], // Checked when they were put.
    Filter: rules === undefined ? undefined : { Key: { FilterRules: rules } },
  };
}

/**
 * Replaces the configuration. Each queue and topic must let S3 send to it, and is sent a test event. Errors:
 * InvalidArgument, MalformedXML.
 */
function putNotifications(
  deps: S3Deps,
  input: s3.PutBucketNotificationConfigurationCommandInput,
  context: RequestContext,
): OutputOf<s3.PutBucketNotificationConfigurationCommandOutput> {
  const given = input.NotificationConfiguration ?? {};
  const configurations = [
    ...(given.TopicConfigurations ?? []).map((each) => ({ ...each, arn: each.TopicArn })),
    ...(given.QueueConfigurations ?? []).map((each) => ({ ...each, arn: each.QueueArn })),
  ];
  if (configurations.length > CONFIGURATIONS_MAX) throw malformedXml();
  const notifications = configurations.map((each) => toNotification(deps, each));
  checkDistinct(notifications);
  const { store, clock, ids } = deps;
  return store.transact((tx) => {
    const bucket = findBucket(tx, context, input.Bucket);
    const now = clock.now();
    if (input.SkipDestinationValidation !== true)
      for (const notification of notifications) {
        checkDestination(tx, bucket, { notification, now });
        addDelivery(tx, {
          place: bucket,
          sourceArn: `arn:aws:s3:::${bucket.name}`,
          service: "s3",
          target: notificationTarget(notification),
          payload: testEvent(bucket, { requestId: context.requestId, now }),
          ids,
          now,
        });
      }
    const { notifications: _, ...rest } = bucket;
    tx.put("bucket", bucket.name, {
      ...rest,
      tellsEvents: given.EventBridgeConfiguration !== undefined,
      ...(notifications.length === 0 ? {} : { notifications }),
    });
    return {};
  });
}

/** Source: S3 User Guide, "Event message structure", the test message. */
function testEvent({ name }: BucketRecord, { requestId, now }: { requestId: string; now: number }): string {
  return JSON.stringify({
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: new Date(now).toISOString(),
    Bucket: name,
    RequestId: requestId,
    HostId: requestId,
  });
}

interface Given extends Pick<s3.QueueConfiguration, "Id" | "Events" | "Filter"> {
  readonly arn: string | undefined;
}

function toNotification(
  { ids }: S3Deps,
  { Id, arn = "", Events: events = [], Filter }: Given,
): BucketNotification {
  if (events.length === 0) throw malformedXml();
  const unknown = events.find((event) => !EVENTS.has(event));
  if (unknown !== undefined) throw invalid(`The event '${unknown}' is not supported for notifications`);
  const rules = Filter?.Key?.FilterRules;
  const filter = rules?.map(({ Name = "", Value = "" }) => ({ name: Name, value: Value }));
  const names = (filter ?? []).map(({ name }) => name.toLowerCase());
  if (names.some((name) => name !== "prefix" && name !== "suffix"))
    throw invalid("filter rule name must be either prefix or suffix");
  if (new Set(names).size < names.length)
    throw invalid("Cannot specify more than one prefix or suffix rule in a filter.");
  if ((filter ?? []).some(({ value }) => Buffer.byteLength(value) > KEY_MAX_BYTES))
    throw invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation");
  return {
    id: Id ?? ids.uuid(),
    queueArn: arn,
    events,
    ...(filter === undefined ? {} : { filter }),
  };
}

const KEY_MAX_BYTES = 1_024;

/**
 * No two configurations are for one event of one key.
 * Source: S3 User Guide, "Configuring event notifications using object key name filtering".
 */
function checkDistinct(notifications: readonly BucketNotification[]): void {
  const ids = notifications.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw invalid("Same ID used for multiple configurations.");
  const overlap = notifications.some((one, index) =>
    notifications.slice(index + 1).some((other) => shareEvents(one, other) && shareKeys(one, other)),
  );
  if (overlap)
    throw invalid(
      "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
    );
}

function shareEvents(one: BucketNotification, other: BucketNotification): boolean {
  return one.events.some((event) =>
    other.events.some((another) => coversEvent(event, another) || coversEvent(another, event)),
  );
}

function shareKeys(one: BucketNotification, other: BucketNotification): boolean {
  const [prefix, otherPrefix] = [filterValue(one, "prefix"), filterValue(other, "prefix")];
  const [suffix, otherSuffix] = [filterValue(one, "suffix"), filterValue(other, "suffix")];
  return (
    (prefix.startsWith(otherPrefix) || otherPrefix.startsWith(prefix)) &&
    (suffix.endsWith(otherSuffix) || otherSuffix.endsWith(suffix))
  );
}

/** Errors: InvalidArgument for a destination that is not there, is FIFO, or does not let S3 send for this bucket. */
function checkDestination(
  tx: Transaction,
  bucket: BucketRecord,
  { notification, now }: { readonly notification: BucketNotification; readonly now: number },
): void {
  const { queueArn: arn } = notification;
  const isTopic = isForTopic(notification);
  const kind = isTopic ? "topic" : "queue";
  const found = tx.get(kind, arn);
  const problem =
    found === undefined || found.region !== bucket.region
      ? `The destination ${kind} does not exist`
      : found.attributes[isTopic ? "FifoTopic" : "FifoQueue"] === "true"
        ? `FIFO ${isTopic ? "SNS topics" : "SQS queues"} are not supported`
        : permitsSend(found, bucket, { action: isTopic ? "sns:Publish" : "sqs:SendMessage", now })
          ? undefined
          : `Permissions on the destination ${kind} do not allow S3 to publish notifications from this bucket`;
  if (problem !== undefined) throw invalidDestination(arn, problem);
}

export function invalidDestination(arn: string, problem: string): ApiError {
  return new ApiError("InvalidArgument", "Unable to validate the following destination configurations", {
    status: 400,
    fields: { ArgumentName1: arn, ArgumentValue1: problem },
  });
}

/** Whether the policy of a queue or a topic lets S3 send for the bucket. */
function permitsSend(
  to: QueueRecord | TopicRecord,
  bucket: BucketRecord,
  { action, now }: { readonly action: string; readonly now: number },
): boolean {
  const source = { arn: `arn:aws:s3:::${bucket.name}`, account: bucket.account };
  return permitsService(to, { action, resource: to.arn, ...asService("s3.amazonaws.com", source), now });
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidArgument", message, { status: 400 });
}
