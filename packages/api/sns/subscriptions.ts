import type * as sdk from "@aws-sdk/client-sns";
import { parseArn } from "@gantry/kernel";
import { isForbiddenHost } from "@gantry/kernel/issuer-address";
import { type TopicRecord, type TopicSubscriptionRecord } from "@gantry/state";
import { removeSubscription, sendToSubscription, tokenHashOf } from "@gantry/state/transactions/topics";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { findSubscription, findTopic, invalid, isFifo } from "./lookups.ts";
import { subscriptionAttributes } from "./subscription-attributes.ts";

const PAGE = 100;
/** A token is valid for two days. Source: API_ConfirmSubscription. */
const TOKEN_MS = 2 * 86_400_000;
const TOKEN_BYTES = 96;
/** Gantry's own bound: each message is a delivery for every subscription. AWS allows 12,500,000. */
const SUBSCRIPTIONS_MAX = 1_000;

/** Subscriptions to topics. Source: API_Subscribe and following. */
export function subscriptionOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    Subscribe: (input, context) => subscribe(deps, input, context),
    ConfirmSubscription: (input, context) => confirm(deps, input, context),
    Unsubscribe: (input, context) => unsubscribe(deps, input, context),
    ListSubscriptions(input, context) {
      const own = store
        .list("topicSubscription", `arn:aws:sns:${context.region}:`)
        .filter(({ account }) => account === context.account);
      return pageOf(own, input.NextToken);
    },
    ListSubscriptionsByTopic(input, context) {
      const { arn } = findTopic(store, context, input.TopicArn);
      const all = store.listBy("topicSubscription", "topic", arn);
      return pageOf(
        all.toSorted((a, b) => (a.arn < b.arn ? -1 : 1)),
        input.NextToken,
      );
    },
    GetSubscriptionAttributes: (input, context) => ({
      Attributes: presentAttributes(findSubscription(store, context, input.SubscriptionArn)),
    }),
    SetSubscriptionAttributes(input, context) {
      const { AttributeName: name = "", AttributeValue: value = "" } = input;
      store.transact((tx) => {
        const subscription = findSubscription(tx, context, input.SubscriptionArn);
        const attributes = subscriptionAttributes(tx, subscription, { [name]: value });
        tx.put("topicSubscription", subscription.arn, { ...subscription, attributes });
      });
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

/**
 * A queue of the caller's own account is subscribed at once; everything else is asked to confirm by a token. The same
 * subscription again is answered with its ARN. Errors: InvalidParameter, NotFound, SubscriptionLimitExceeded.
 */
function subscribe(deps: ApiDeps, input: sdk.SubscribeInput, context: RequestContext): sdk.SubscribeResponse {
  const { store, ids, clock, vault } = deps;
  const { Endpoint: endpoint = "", ReturnSubscriptionArn } = input;
  const now = clock.now();
  return store.transact((tx) => {
    const topic = findTopic(tx, context, input.TopicArn);
    const protocol = checkEndpoint(topic, input.Protocol, endpoint);
    const former = tx
      .listBy("topicSubscription", "topic", topic.arn)
      .find((each) => each.protocol === protocol && each.endpoint === endpoint);
    const { account, region } = context;
    const attributes = subscriptionAttributes(
      tx,
      { account, region, protocol, topicArn: topic.arn, attributes: {} },
      input.Attributes ?? {},
    );
    if (former?.isConfirmed === true) {
      const isOther = Object.entries(attributes).some(([name, value]) => former.attributes[name] !== value);
      if (isOther) throw invalid("Attributes Reason: Subscription already exists with different attributes");
      return { SubscriptionArn: former.arn };
    }
    if (former === undefined && tx.countBy("topicSubscription", "topic", topic.arn) >= SUBSCRIPTIONS_MAX)
      throw new ApiError("SubscriptionLimitExceededException", "Too many subscriptions for this topic.");
    const isConfirmed = protocol === "sqs" && parseArn(endpoint)?.account === account;
    const token = ids.secret(TOKEN_BYTES).replaceAll(/[^A-Za-z0-9]/g, "");
    const subscription: TopicSubscriptionRecord = {
      ...{ account, region, topicArn: topic.arn, protocol, endpoint, attributes, isConfirmed },
      arn: former?.arn ?? `${topic.arn}:${ids.uuid()}`,
      tokenHash: isConfirmed ? undefined : tokenHashOf(token),
      tokenExpiresAt: isConfirmed ? undefined : now + TOKEN_MS,
      needsSignature: isConfirmed,
      apiUrl: context.endpoint,
      createdAt: now,
    };
    tx.put("topicSubscription", subscription.arn, subscription);
    if (!isConfirmed && !protocol.startsWith("email"))
      sendToSubscription(tx, { ids, vault, now }, subscription, {
        type: "SubscriptionConfirmation",
        message:
          `You have chosen to subscribe to the topic ${topic.arn}.\nTo confirm the subscription, visit the ` +
          "SubscribeURL included in this message.",
        attributes: {},
        token,
      });
    return {
      SubscriptionArn:
        isConfirmed || ReturnSubscriptionArn === true ? subscription.arn : "pending confirmation",
    };
  });
}

/** The protocol of an endpoint that may be subscribed to the topic. Errors: InvalidParameter. */
function checkEndpoint(
  topic: TopicRecord,
  protocol: string | undefined,
  endpoint: string,
): TopicSubscriptionRecord["protocol"] {
  switch (protocol) {
    case "sqs": {
      const arn = parseArn(endpoint);
      if (arn?.service !== "sqs") throw invalid("SQS endpoint ARN");
      const isFifoQueue = arn.resource.endsWith(".fifo");
      if (isFifoQueue && !isFifo(topic))
        throw invalid(
          "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        );
      return "sqs";
    }
    // There is no mail: the subscription waits for its confirmation, as on AWS until somebody confirms it.
    case "email":
    case "email-json":
      if (!/^[^@\s]+@[^@\s]+$/.test(endpoint)) throw invalid("Email address");
      return protocol;
    case "http":
    case "https": {
      if (isFifo(topic)) throw invalid("Protocol Reason: FIFO topics deliver to SQS queues only");
      const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
      if (url?.protocol !== `${protocol}:`)
        throw invalid(`Endpoint must match the specified protocol: ${protocol}`);
      if (url.username !== "" && url.password === "") throw invalid("Endpoint");
      if (isForbiddenHost(url)) throw invalid("Unreachable Endpoint");
      return protocol;
    }
    default:
      throw invalid(
        `Amazon SNS protocol ${protocol ?? ""} is not there: Gantry delivers by sqs, http and https`,
      );
  }
}

/** Confirms a subscription by the token that its endpoint was sent. Errors: InvalidParameter, NotFound. */
function confirm(
  { store, clock }: ApiDeps,
  input: sdk.ConfirmSubscriptionInput,
  context: RequestContext,
): sdk.ConfirmSubscriptionResponse {
  const now = clock.now();
  return store.transact((tx) => {
    const topic = tx.get("topic", input.TopicArn);
    if (topic === undefined) throw new ApiError("NotFoundException", "Topic does not exist");
    const hash = tokenHashOf(input.Token ?? "");
    const subscription = tx
      .listBy("topicSubscription", "topic", topic.arn)
      .find(({ tokenHash }) => tokenHash === hash);
    if (subscription === undefined || (subscription.tokenExpiresAt ?? 0) <= now) throw invalid("Token");
    const isSigned = context.principal.type !== "anonymous";
    tx.put("topicSubscription", subscription.arn, {
      ...subscription,
      isConfirmed: true,
      needsSignature: subscription.needsSignature || (isSigned && input.AuthenticateOnUnsubscribe === "true"),
    });
    return { SubscriptionArn: subscription.arn };
  });
}

/**
 * The owners of the subscription and of the topic may end it; without a signature everybody who knows its ARN,
 * where its confirmation did not ask for one. Errors: AuthorizationError.
 */
function unsubscribe(
  { store }: ApiDeps,
  input: sdk.UnsubscribeInput,
  { account, principal }: RequestContext,
): object {
  store.transact((tx) => {
    const subscription = tx.get("topicSubscription", input.SubscriptionArn);
    if (subscription === undefined) return;
    const owners = [subscription.account, subscription.topicArn.split(":")[4]];
    const isAllowed =
      principal.type === "anonymous" ? !subscription.needsSignature : owners.includes(account);
    if (!isAllowed)
      throw new ApiError(
        "AuthorizationErrorException",
        "Only the owners of the subscription and of the topic may end it.",
      );
    removeSubscription(tx, subscription.arn);
  });
  return {};
}

function pageOf(
  subscriptions: readonly TopicSubscriptionRecord[],
  token: string | undefined,
): sdk.ListSubscriptionsResponse {
  const { items, nextToken } = page(subscriptions, ({ arn }) => arn, {
    token,
    size: PAGE,
    invalidToken: () => invalid("NextToken"),
  });
  return {
    Subscriptions: items.map(({ arn, isConfirmed, account, protocol, endpoint, topicArn }) => ({
      SubscriptionArn: isConfirmed ? arn : "PendingConfirmation",
      ...{ Owner: account, Protocol: protocol, Endpoint: endpoint, TopicArn: topicArn },
    })),
    NextToken: nextToken,
  };
}

function presentAttributes(subscription: TopicSubscriptionRecord): Record<string, string> {
  const { arn, account, topicArn, protocol, endpoint, isConfirmed, needsSignature, attributes } =
    subscription;
  const { FilterPolicy, FilterPolicyScope = "MessageAttributes" } = attributes;
  return {
    ...attributes,
    ...{ SubscriptionArn: arn, Owner: account, TopicArn: topicArn, Protocol: protocol, Endpoint: endpoint },
    RawMessageDelivery: attributes["RawMessageDelivery"] ?? "false",
    PendingConfirmation: String(!isConfirmed),
    ConfirmationWasAuthenticated: String(needsSignature),
    ...(FilterPolicy === undefined ? {} : { FilterPolicyScope }),
  };
}
