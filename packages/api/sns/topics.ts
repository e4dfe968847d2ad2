import type * as sdk from "@aws-sdk/client-sns";
import { checkPolicyDocument, MalformedPolicyError } from "@gantry/iam";
import { type Reader, type TopicRecord } from "@gantry/state";
import { removeTopic } from "@gantry/state/transactions/topics";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { warnOfUnknownKeys } from "../iam/documents.ts";
import { presentBound, resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";
import { findTopic, invalid, isFifo, topicArnOf } from "./lookups.ts";
import { defaultPolicy, effectiveDeliveryPolicy, withAttributes } from "./topic-attributes.ts";

const NAME = /^[\w-]{1,256}$/;
const FIFO_NAME = /^[\w-]{1,251}\.fifo$/;
const PAGE = 100;
const TAGS_MAX = 50;
/** Source: Amazon SNS endpoints and quotas: topics, and FIFO topics, of an account. */
const TOPICS_MAX = 100_000;
const FIFO_TOPICS_MAX = 1_000;

/** Topics, their attributes and tags. */
export function topicOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateTopic: (input, context) => createTopic(deps, input, context),
    DeleteTopic(input, context) {
      store.transact((tx) => {
        // A topic that is gone is deleted already. Source: API_DeleteTopic.
        if (tx.get("topic", input.TopicArn) !== undefined)
          removeTopic(tx, findTopic(tx, context, input.TopicArn).arn);
      });
      return {};
    },
    ListTopics(input, context) {
      const topics = store.list("topic", topicArnOf(context, ""));
      const { items, nextToken } = page(topics, ({ arn }) => arn, {
        token: input.NextToken,
        size: PAGE,
        invalidToken: () => invalid("NextToken"),
      });
      return { Topics: items.map(({ arn }) => ({ TopicArn: arn })), NextToken: nextToken };
    },
    GetTopicAttributes: (input, context) => ({
      Attributes: presentTopic(store, findTopic(store, context, input.TopicArn)),
    }),
    SetTopicAttributes: (input, context) => setAttribute(deps, input, context),
    TagResource: (input, context) => tag(deps, input, context),
    UntagResource(input, context) {
      store.transact((tx) => {
        const topic = taggedTopic(tx, context, input.ResourceArn);
        tx.put("topic", topic.arn, { ...topic, tags: withoutTags(topic.tags, input.TagKeys ?? []) });
      });
      return {};
    },
    ListTagsForResource: (input, context) => ({
      Tags: presentTags(taggedTopic(store, context, input.ResourceArn).tags),
    }),
  } satisfies Implementation<typeof sdk>;
}

/** A topic that exists with the same attributes and tags is returned as it is. Errors: InvalidParameter. */
function createTopic(
  deps: ApiDeps,
  input: sdk.CreateTopicInput,
  context: RequestContext,
): sdk.CreateTopicResponse {
  const { store, clock } = deps;
  const { Name: name = "", Attributes = {} } = input;
  const { Policy, FifoTopic, ...given } = Attributes;
  const isFifoTopic = FifoTopic === "true";
  if (!(isFifoTopic ? FIFO_NAME : NAME).test(name)) throw invalid("Topic Name");
  const arn = topicArnOf(context, name);
  const tags = toTags(input.Tags);
  return store.transact((tx) => {
    const { account, region } = context;
    const before = tx.get("topic", arn);
    const place = { account, region, arn };
    const initial: Readonly<Record<string, string>> = isFifoTopic
      ? { FifoTopic: "true", ContentBasedDeduplication: "false" }
      : {};
    const attributes = withAttributes(tx, { ...place, attributes: initial }, given);
    if (before !== undefined) {
      const isOther = Object.keys(given).some((each) => attributes[each] !== before.attributes[each]);
      if (isOther || isFifoTopic !== isFifo(before) || (Policy ?? before.policy) !== before.policy)
        throw invalid("Attributes Reason: Topic already exists with different attributes");
      if (input.Tags !== undefined && JSON.stringify(tags) !== JSON.stringify(before.tags))
        throw invalid("Tags Reason: Topic already exists with different tags");
      return { TopicArn: arn };
    }
    checkQuota(tx, context, isFifoTopic);
    if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags();
    const policy = policyFields(tx, deps, Policy ?? "");
    tx.put("topic", arn, { ...place, name, attributes, ...policy, tags, createdAt: clock.now() });
    return { TopicArn: arn };
  });
}

/** Errors: TopicLimitExceeded. */
function checkQuota(reader: Reader, context: RequestContext, isFifoTopic: boolean): void {
  const topics = reader
    .list("topic", topicArnOf(context, ""))
    .filter((topic) => isFifo(topic) === isFifoTopic);
  if (topics.length >= (isFifoTopic ? FIFO_TOPICS_MAX : TOPICS_MAX))
    throw new ApiError(
      "TopicLimitExceededException",
      "The account already owns the maximum of allowed topics.",
    );
}

function setAttribute(deps: ApiDeps, input: sdk.SetTopicAttributesInput, context: RequestContext): object {
  const { AttributeName: name = "", AttributeValue: value = "" } = input;
  deps.store.transact((tx) => {
    const topic = findTopic(tx, context, input.TopicArn);
    const change =
      name === "Policy"
        ? policyFields(tx, deps, value)
        : { attributes: withAttributes(tx, topic, { [name]: value }) };
    tx.put("topic", topic.arn, { ...topic, ...change });
  });
  return {};
}

/** The policy of a topic and whom it names; an empty text is the default one. Errors: InvalidParameter. */
export function policyFields(
  reader: Reader,
  { log }: Pick<ApiDeps, "log">,
  text: string,
): Pick<TopicRecord, "policy" | "policyPrincipals"> {
  if (text === "") return { policy: undefined, policyPrincipals: undefined };
  try {
    const document = checkPolicyDocument(text, "bucket");
    const { ids, missing } = resolvePrincipals(reader, document);
    if (missing !== undefined) throw invalid("Policy Error: PrincipalNotFound");
    warnOfUnknownKeys(document, "bucket", log);
    return { policy: text, policyPrincipals: ids };
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) throw invalid(`Policy Error: ${thrown.message}`);
    throw thrown;
  }
}

function presentTopic(reader: Reader, topic: TopicRecord): Record<string, string> {
  const subscriptions = reader.listBy("topicSubscription", "topic", topic.arn);
  const confirmed = subscriptions.filter(({ isConfirmed }) => isConfirmed).length;
  return {
    ...topic.attributes,
    TopicArn: topic.arn,
    Owner: topic.account,
    Policy:
      topic.policy === undefined
        ? defaultPolicy(topic)
        : presentBound(reader, topic.policy, topic.policyPrincipals),
    DisplayName: topic.attributes["DisplayName"] ?? "",
    EffectiveDeliveryPolicy: effectiveDeliveryPolicy(topic.attributes["DeliveryPolicy"]),
    SubscriptionsConfirmed: String(confirmed),
    SubscriptionsPending: String(subscriptions.length - confirmed),
    SubscriptionsDeleted: "0",
  };
}

/** Errors: ResourceNotFound. */
function taggedTopic(reader: Reader, context: RequestContext, arn: string | undefined): TopicRecord {
  const topic = reader.get("topic", arn);
  if (topic === undefined || topic.region !== context.region)
    throw new ApiError("ResourceNotFoundException", "Resource does not exist");
  return topic;
}

function tag({ store }: ApiDeps, input: sdk.TagResourceRequest, context: RequestContext): object {
  store.transact((tx) => {
    const topic = taggedTopic(tx, context, input.ResourceArn);
    const tags = { ...topic.tags, ...toTags(input.Tags) };
    if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags();
    tx.put("topic", topic.arn, { ...topic, tags });
  });
  return {};
}

function tooManyTags(): ApiError {
  return new ApiError(
    "TagLimitExceededException",
    "Could not complete request: tag quota of per resource exceeded",
  );
}
