import type * as sdk from "@aws-sdk/client-rds";
import { parseArn } from "@gantry/kernel";
import type { DatabaseEventSource, DatabaseSubscriptionRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { checkCategories, toSourceType } from "./event-categories.ts";
import {
  findSubscription,
  instanceArnOf,
  parameterGroupArnOf,
  snapshotArnOf,
  subscriptionArnOf,
} from "./lookups.ts";
import { pageOfRecords } from "./page-of-records.ts";

/** Source: Amazon RDS User Guide, "Quotas in Amazon RDS": event subscriptions. */
const SUBSCRIPTIONS_MAX = 20;

/** Events that are published to topics. Source: API_CreateEventSubscription and following. */
export function eventSubscriptionOperations(deps: ApiDeps) {
  return {
    CreateEventSubscription: (input, context) => createEventSubscription(deps, input, context),
    ModifyEventSubscription: (input, context) =>
      change(deps, context, input.SubscriptionName, (found, reader) => modified(reader, found, input)),
    AddSourceIdentifierToSubscription: (input, context) =>
      change(deps, context, input.SubscriptionName, (found, reader) => ({
        ...found,
        sourceIds: toSources(reader, found, found.sourceType, [
          ...found.sourceIds,
          input.SourceIdentifier ?? "",
        ]),
      })),
    RemoveSourceIdentifierFromSubscription: (input, context) =>
      change(deps, context, input.SubscriptionName, (found) => withoutSource(found, input.SourceIdentifier)),
    DescribeEventSubscriptions: (input, context) => describeEventSubscriptions(deps, input, context),
    DeleteEventSubscription: (input, context) => deleteEventSubscription(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createEventSubscription(
  { store, clock }: ApiDeps,
  input: sdk.CreateEventSubscriptionMessage,
  context: RequestContext,
): sdk.CreateEventSubscriptionResult {
  const { account, region } = context;
  const record = store.transact((tx) => {
    const name = toName(input.SubscriptionName);
    const arn = subscriptionArnOf(context, name);
    if (tx.get("databaseSubscription", arn) !== undefined)
      throw new ApiError("SubscriptionAlreadyExist", `Subscription ${name} already exists.`);
    if (tx.countBy("databaseSubscription", "place", `${account}/${region}`) >= SUBSCRIPTIONS_MAX)
      throw new ApiError(
        "EventSubscriptionQuotaExceeded",
        "You have reached the maximum number of event subscriptions.",
      );
    const sourceType = toSourceType(input.SourceType);
    const categories = input.EventCategories ?? [];
    checkCategories(sourceType, categories, "SubscriptionCategoryNotFound");
    const subscription: DatabaseSubscriptionRecord = {
      ...{ account, region, arn, name, topicArn: toTopic(tx, context, input.SnsTopicArn), sourceType },
      ...{ categories, sourceIds: toSources(tx, context, sourceType, input.SourceIds ?? []) },
      ...{ enabled: input.Enabled ?? true, createdAt: clock.now(), tags: toTags(input.Tags) },
    };
    tx.put("databaseSubscription", arn, subscription);
    return subscription;
  });
  return { EventSubscription: present(record) };
}

/** Errors: SubscriptionNotFound. */
function change(
  { store }: ApiDeps,
  place: Place,
  name: string | undefined,
  apply: (found: DatabaseSubscriptionRecord, reader: Reader) => DatabaseSubscriptionRecord,
): { EventSubscription: sdk.EventSubscription } {
  const record = store.transact((tx) => {
    const next = apply(findSubscription(tx, place, name), tx);
    tx.put("databaseSubscription", next.arn, next);
    return next;
  });
  return { EventSubscription: present(record) };
}

function modified(
  reader: Reader,
  found: DatabaseSubscriptionRecord,
  input: sdk.ModifyEventSubscriptionMessage,
): DatabaseSubscriptionRecord {
  const sourceType = toSourceType(input.SourceType) ?? found.sourceType;
  const isOther = sourceType !== found.sourceType;
  const categories = input.EventCategories ?? (isOther ? [] : found.categories);
  checkCategories(sourceType, categories, "SubscriptionCategoryNotFound");
  const topicArn =
    input.SnsTopicArn === undefined ? found.topicArn : toTopic(reader, found, input.SnsTopicArn);
  // Sources of another type are none of this one's.
  const sourceIds = isOther ? [] : found.sourceIds;
  return { ...found, sourceType, sourceIds, categories, topicArn, enabled: input.Enabled ?? found.enabled };
}

/** Errors: SourceNotFound. */
function withoutSource(
  found: DatabaseSubscriptionRecord,
  given: string | undefined,
): DatabaseSubscriptionRecord {
  const source = (given ?? "").toLowerCase();
  if (!found.sourceIds.includes(source)) throw noSource(given);
  return { ...found, sourceIds: found.sourceIds.filter((each) => each !== source) };
}

function describeEventSubscriptions(
  { store }: ApiDeps,
  input: sdk.DescribeEventSubscriptionsMessage,
  context: RequestContext,
): sdk.EventSubscriptionsMessage {
  const all =
    input.SubscriptionName === undefined
      ? store.listBy("databaseSubscription", "place", `${context.account}/${context.region}`)
      : [findSubscription(store, context, input.SubscriptionName)];
  const { items, Marker } = pageOfRecords(all, ({ arn }) => arn, input);
  return { EventSubscriptionsList: items.map(present), Marker };
}

function deleteEventSubscription(
  { store }: ApiDeps,
  input: sdk.DeleteEventSubscriptionMessage,
  context: RequestContext,
): sdk.DeleteEventSubscriptionResult {
  const record = store.transact((tx) => {
    const found = findSubscription(tx, context, input.SubscriptionName);
    tx.delete("databaseSubscription", found.arn);
    return found;
  });
  return { EventSubscription: { ...present(record), Status: "deleting" } };
}

/** Errors: InvalidParameterValue. */
function toName(given = ""): string {
  if (/^[A-Za-z][A-Za-z0-9-]{0,254}$/.test(given)) return given.toLowerCase();
  throw new ApiError("InvalidParameterValue", "The parameter SubscriptionName is not a valid identifier.");
}

/**
 * A topic of the region. Whether RDS may publish to it is decided with each event.
 * Errors: SNSTopicArnNotFound, SNSInvalidTopic.
 */
function toTopic(reader: Reader, place: Place, given = ""): string {
  const arn = parseArn(given);
  if (arn?.service !== "sns" || arn.region !== place.region)
    throw new ApiError("SNSInvalidTopic", `The topic ${given.slice(0, 300)} is not one of this region.`);
  const topic = reader.get("topic", given);
  if (topic === undefined)
    throw new ApiError("SNSTopicArnNotFound", `Topic ${given.slice(0, 300)} does not exist.`);
  if (topic.attributes["FifoTopic"] === "true")
    throw new ApiError("SNSInvalidTopic", "RDS does not publish to FIFO topics.");
  return given;
}

/** Errors: InvalidParameterCombination, SourceNotFound. */
function toSources(
  reader: Reader,
  place: Place,
  type: DatabaseEventSource | undefined,
  given: readonly string[],
): readonly string[] {
  if (given.length > 0 && type === undefined)
    throw new ApiError("InvalidParameterCombination", "SourceType must be given with source identifiers.");
  for (const each of given) if (!isThere(reader, place, type, each)) throw noSource(each);
  return [...new Set(given.map((each) => each.toLowerCase()))];
}

function isThere(reader: Reader, place: Place, type: DatabaseEventSource | undefined, name: string): boolean {
  switch (type) {
    case "db-instance":
      return reader.get("databaseInstance", instanceArnOf(place, name))?.identifier === name.toLowerCase();
    case "db-snapshot":
      return reader.countBy("databaseSnapshot", "arn", snapshotArnOf(place, name)) > 0;
    case "db-parameter-group":
      return (
        reader.get("databaseParameterGroup", parameterGroupArnOf(place, name))?.name === name.toLowerCase()
      );
    case "db-security-group":
    case undefined:
      return false;
  }
}

function noSource(given: string | undefined): ApiError {
  return new ApiError("SourceNotFound", `Source ${given?.slice(0, 100)} was not found.`);
}

function present(record: DatabaseSubscriptionRecord): sdk.EventSubscription {
  return {
    ...{ CustomerAwsId: record.account, CustSubscriptionId: record.name, EventSubscriptionArn: record.arn },
    ...{
      SnsTopicArn: record.topicArn,
      Status: "active",
      Enabled: record.enabled,
      SourceType: record.sourceType,
    },
    SubscriptionCreationTime: new Date(record.createdAt).toISOString().replace("T", " ").replace("Z", ""),
    SourceIdsList: [...record.sourceIds],
    EventCategoriesList: [...record.categories],
  };
}
