import { messageOf, type Reconciler, type Vault } from "@gantry/kernel";
import { type TopicDeliveryRecord, type TopicSubscriptionRecord } from "@gantry/state";
import { endTopicDelivery, openTopicMessage, type TopicAttribute } from "@gantry/state/transactions/topics";
import { AccountSlots } from "../account-slots.ts";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { HOOK_CALLS_MAX } from "../service/hook-controller.ts";
import { notificationOf, textFor, type NotificationSigner, type Outgoing } from "./notification.ts";
import { retriesOf } from "./retries.ts";

/** Deliveries of one account at a time: slow endpoints do not delay those of others. */
const ACCOUNT_CALLS_MAX = 100;
const FIFO_KEY = "fifo ";

/** How an attempt ended; one that may succeed later is made again. */
export type DeliveryOutcome =
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly reason: string; readonly mayRetry: boolean };

/** A message to a queue. */
export interface QueueDelivery {
  readonly queueArn: string;
  readonly topicArn: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, TopicAttribute>>;
  readonly groupId: string | undefined;
  readonly deduplicationId: string | undefined;
}

export interface TopicDeliveryDeps extends ControllerDeps {
  readonly vault: Vault;
  /** Puts a message into a queue, if the queue's policy lets the topic. */
  readonly sendToQueue: (delivery: QueueDelivery) => Promise<DeliveryOutcome>;
  /** Posts a message to an endpoint. */
  readonly post: (
    url: string,
    request: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  ) => Promise<DeliveryOutcome>;
  /** The key that signs notifications now. */
  readonly signer: () => Promise<NotificationSigner>;
}

/**
 * Delivers messages of topics to their subscriptions. A key is a delivery; of a FIFO topic it is the subscription,
 * whose deliveries are made one after another. A delivery is removed once it is over: a crash between the two
 * repeats it.
 */
export function topicDeliveryController(deps: TopicDeliveryDeps): Reconciler {
  const { store } = deps;
  const keyOf = ({ id, sequence, subscriptionArn }: TopicDeliveryRecord): string =>
    sequence === undefined ? id : `${FIFO_KEY}${subscriptionArn}`;
  const slots = new AccountSlots(ACCOUNT_CALLS_MAX);
  return {
    name: "topic-deliveries",
    concurrencyMax: HOOK_CALLS_MAX,
    keys: () => [...new Set(store.list("topicDelivery").map(keyOf))],
    watch: watchKinds(store, {
      topicDelivery(key) {
        const delivery = store.get("topicDelivery", key);
        return delivery === undefined ? [] : [keyOf(delivery)];
      },
    }),
    async reconcile(key) {
      if (!key.startsWith(FIFO_KEY)) {
        const delivery = store.get("topicDelivery", key);
        return delivery && slots.run(delivery.account, () => attempt(deps, delivery));
      }
      const waiting = store.listBy("topicDelivery", "subscription", key.slice(FIFO_KEY.length));
      const [first] = waiting;
      return first && slots.run(first.account, () => inOrder(deps, waiting));
    },
  };
}

/** Makes deliveries in their order: one that fails holds back those of its message group. */
async function inOrder(
  deps: TopicDeliveryDeps,
  waiting: readonly TopicDeliveryRecord[],
): Promise<number | undefined> {
  const waits: number[] = [];
  const held = new Set<string | undefined>();
  for (const delivery of waiting.toSorted((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0))) {
    if (held.has(delivery.groupId)) continue;
    const waitMs = await attempt(deps, delivery);
    if (waitMs === undefined) continue;
    held.add(delivery.groupId);
    waits.push(waitMs);
  }
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Makes one attempt if it is time. Returns when to look again; undefined once the delivery is over. */
async function attempt(deps: TopicDeliveryDeps, delivery: TopicDeliveryRecord): Promise<number | undefined> {
  const { store, clock, log } = deps;
  const leftMs = delivery.nextAt - clock.now();
  if (leftMs > 0) return leftMs;
  const subscription = store.get("topicSubscription", delivery.subscriptionArn);
  const outcome: DeliveryOutcome =
    subscription === undefined ? { type: "done" } : await deliver(deps, delivery, subscription);
  if (outcome.type === "done" || subscription === undefined) {
    store.transact((tx) => endTopicDelivery(tx, delivery.id));
    return undefined;
  }
  const attempts = delivery.attempts + 1;
  const topic = store.get("topic", delivery.topicArn);
  const waitMs = outcome.mayRetry ? retriesOf(topic, subscription).waitMs(attempts) : undefined;
  log.warn(waitMs === undefined ? "A message was not delivered" : "A message is delivered again later", {
    ...{ topic: delivery.topicArn, subscription: subscription.arn, reason: outcome.reason },
  });
  if (waitMs !== undefined) {
    const nextAt = clock.now() + waitMs;
    store.transact((tx) => {
      if (tx.get("topicDelivery", delivery.id) !== undefined)
        tx.put("topicDelivery", delivery.id, { ...delivery, attempts, nextAt });
    });
    return waitMs;
  }
  await toDeadLetters(deps, delivery, subscription);
  store.transact((tx) => endTopicDelivery(tx, delivery.id));
  return undefined;
}

async function deliver(
  deps: TopicDeliveryDeps,
  delivery: TopicDeliveryRecord,
  subscription: TopicSubscriptionRecord,
): Promise<DeliveryOutcome> {
  try {
    const outgoing = outgoingOf(deps, delivery, subscription);
    if (outgoing === undefined) return { type: "done" };
    return subscription.protocol === "sqs"
      ? await deps.sendToQueue(await queueDelivery(deps, outgoing, subscription.endpoint))
      : await deps.post(subscription.endpoint, await requestOf(deps, outgoing));
  } catch (thrown) {
    // The message's key cannot be used, or the world has failed.
    return { type: "failed", reason: messageOf(thrown), mayRetry: true };
  }
}

/** Errors: KeyUnusableError, CiphertextError. */
function outgoingOf(
  { store, vault }: TopicDeliveryDeps,
  { messageId, topicArn, sequence }: TopicDeliveryRecord,
  subscription: TopicSubscriptionRecord,
): Outgoing | undefined {
  const stored = store.get("topicMessage", messageId);
  if (stored === undefined) return undefined;
  const signatureVersion = store.get("topic", topicArn)?.attributes["SignatureVersion"] === "2" ? "2" : "1";
  return {
    stored,
    message: openTopicMessage(store, vault, stored),
    subscription,
    sequence,
    signatureVersion,
  };
}

function isRaw({ message, subscription }: Outgoing): boolean {
  return message.type === "Notification" && subscription.attributes["RawMessageDelivery"] === "true";
}

async function notificationText({ signer }: TopicDeliveryDeps, outgoing: Outgoing): Promise<string> {
  return notificationOf(outgoing, outgoing.sequence === undefined ? await signer() : undefined);
}

async function queueDelivery(
  deps: TopicDeliveryDeps,
  outgoing: Outgoing,
  queueArn: string,
): Promise<QueueDelivery> {
  const { message, stored } = outgoing;
  const { groupId, deduplicationId } = message;
  const raw = isRaw(outgoing);
  return {
    ...{ queueArn, topicArn: stored.topicArn, groupId, deduplicationId },
    body: raw ? textFor(outgoing) : await notificationText(deps, outgoing),
    attributes: raw ? message.attributes : {},
  };
}

/** Source: SNS Developer Guide, "HTTP/HTTPS headers". */
async function requestOf(deps: TopicDeliveryDeps, outgoing: Outgoing) {
  const { message, stored, subscription } = outgoing;
  const raw = isRaw(outgoing);
  return {
    headers: {
      "content-type": "text/plain; charset=UTF-8",
      "user-agent": "Amazon Simple Notification Service Agent",
      "x-amz-sns-message-type": message.type,
      "x-amz-sns-message-id": stored.id,
      "x-amz-sns-topic-arn": stored.topicArn,
      ...(message.type === "Notification" ? { "x-amz-sns-subscription-arn": subscription.arn } : {}),
      ...(raw ? { "x-amz-sns-rawdelivery": "true" } : {}),
    },
    body: raw ? textFor(outgoing) : await notificationText(deps, outgoing),
  };
}

/** Puts a message that was not delivered into the subscription's dead-letter queue, if it has one. */
async function toDeadLetters(
  deps: TopicDeliveryDeps,
  delivery: TopicDeliveryRecord,
  subscription: TopicSubscriptionRecord,
): Promise<void> {
  const policy = subscription.attributes["RedrivePolicy"];
  if (policy === undefined) return;
  // It was checked when it was written.
  const { deadLetterTargetArn } = JSON.parse(policy) as { readonly deadLetterTargetArn: string };
  try {
    const outgoing = outgoingOf(deps, delivery, subscription);
    if (outgoing === undefined || outgoing.message.type !== "Notification") return;
    const outcome = await deps.sendToQueue(await queueDelivery(deps, outgoing, deadLetterTargetArn));
    if (outcome.type === "failed") throw new Error(outcome.reason);
  } catch (thrown) {
    deps.log.warn("A message could not be put into a dead-letter queue", {
      ...{ subscription: subscription.arn, queue: deadLetterTargetArn, reason: messageOf(thrown) },
    });
  }
}
