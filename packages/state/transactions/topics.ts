import { createHash } from "node:crypto";
import { isObject, type Ids, type Vault } from "@gantry/kernel";
import { parseEventPattern } from "../event-pattern.ts";
import type { TopicMessageRecord, TopicRecord, TopicSubscriptionRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { checkUsable, kmsEncrypt, kmsKeyNamed } from "./kms-keys.ts";
import { openProtected, type ProtectedUse } from "./protected-values.ts";

/** Deliveries of an account that wait. Further messages are refused: a slow endpoint must not fill the disk. */
const TOPIC_DELIVERIES_MAX = 10_000;
/** Source: SNS Developer Guide, "Message deduplication for FIFO topics". */
const DEDUPLICATION_MS = 300_000;
const MANAGED_ALIAS = "alias/aws/sns";

/** An attribute of a message as the API is given it; binary values in base64. */
export interface TopicAttribute {
  readonly type: string;
  readonly value: string;
}

/** What subscribers get. */
export interface TopicMessage {
  readonly type: "Notification" | "SubscriptionConfirmation" | "UnsubscribeConfirmation";
  readonly message: string;
  /** What a protocol gets in place of `message`. */
  readonly byProtocol?: Readonly<Record<string, string>>;
  readonly subject?: string | undefined;
  readonly attributes: Readonly<Record<string, TopicAttribute>>;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  readonly token?: string;
}

/** A topic's message cannot be taken: too many of its account wait. */
export class TopicBusyError extends Error {
  override readonly name = "TopicBusyError";
}

export interface TopicDeps {
  readonly ids: Ids;
  readonly vault: Vault;
  readonly now: number;
}

/** Source: SNS Developer Guide, "Key management", encryption context. */
export function topicUse(topicArn: string): ProtectedUse {
  return { service: "sns", encryptionContext: { "aws:sns:topicArn": topicArn } };
}

/**
 * The ARN of the customer's KMS key that encrypts messages of the topic; undefined where it has none, or AWS's own.
 * Errors: KeyUnusableError.
 */
export function topicKmsKey(reader: Reader, topic: TopicRecord): string | undefined {
  const named = topic.attributes["KmsMasterKeyId"] ?? "";
  if (named === "" || named === MANAGED_ALIAS || named.endsWith(`:${MANAGED_ALIAS}`)) return undefined;
  const key = checkUsable(kmsKeyNamed(reader, topic, named), "ENCRYPT_DECRYPT");
  return key.manager === "AWS" ? undefined : key.arn;
}

/** Errors: KeyUnusableError, CiphertextError. */
export function openTopicMessage(reader: Reader, vault: Vault, stored: TopicMessageRecord): TopicMessage {
  const { sealedContent: sealedValue, kmsKeyArn, topicArn } = stored;
  const text = openProtected(reader, vault, { sealedValue, kmsKeyArn }, topicUse(topicArn));
  return JSON.parse(text) as TopicMessage; // Written by `publishToTopic`, and authenticated.
}

/**
 * Records a message with a delivery for each subscription that wants it. A message of a FIFO topic that was sent in the
 * last five minutes is not sent again. Errors: KeyUnusableError, TopicBusyError.
 */
export function publishToTopic(
  tx: Transaction,
  deps: TopicDeps,
  topic: TopicRecord,
  message: TopicMessage,
): { readonly messageId: string; readonly sequence: number | undefined } {
  const isFifo = topic.attributes["FifoTopic"] === "true";
  const messageId = deps.ids.uuid();
  const sequence = isFifo ? tx.next(`topic/${topic.arn}`) : undefined;
  if (sequence !== undefined) {
    const earlier = deduplicated(tx, topic, message, { messageId, sequence, now: deps.now });
    if (earlier !== undefined) return earlier;
  }
  const wanting = tx
    .listBy("topicSubscription", "topic", topic.arn)
    .filter((subscription) => subscription.isConfirmed && wants(subscription, message));
  deliver(tx, deps, topic, { messageId, message, subscriptions: wanting, sequence });
  return { messageId, sequence };
}

/** Records a message to one subscription, such as the one that asks to confirm it. Errors: as `publishToTopic`. */
export function sendToSubscription(
  tx: Transaction,
  deps: TopicDeps,
  subscription: TopicSubscriptionRecord,
  message: TopicMessage,
): void {
  const topic = tx.get("topic", subscription.topicArn);
  if (topic === undefined) return;
  const messageId = deps.ids.uuid();
  deliver(tx, deps, topic, { messageId, message, subscriptions: [subscription], sequence: undefined });
}

function deliver(
  tx: Transaction,
  { ids, vault, now }: TopicDeps,
  topic: TopicRecord,
  sent: {
    readonly messageId: string;
    readonly message: TopicMessage;
    readonly subscriptions: readonly TopicSubscriptionRecord[];
    readonly sequence: number | undefined;
  },
): void {
  const { messageId, message, subscriptions, sequence } = sent;
  const { account, region, arn: topicArn } = topic;
  const keyArn = topicKmsKey(tx, topic);
  if (subscriptions.length === 0) return;
  if (tx.countBy("topicDelivery", "account", account) + subscriptions.length > TOPIC_DELIVERIES_MAX)
    throw new TopicBusyError("Rate exceeded");
  const text = JSON.stringify(message);
  const content =
    keyArn === undefined
      ? text
      : kmsEncrypt(
          vault,
          tx.get("kmsKey", keyArn),
          Buffer.from(text),
          topicUse(topicArn).encryptionContext,
        ).toString("base64");
  const place = { account, region, topicArn, createdAt: now };
  tx.put("topicMessage", messageId, {
    ...place,
    id: messageId,
    sealedContent: vault.seal(content),
    kmsKeyArn: keyArn,
  });
  for (const { arn: subscriptionArn } of subscriptions) {
    const id = ids.uuid();
    const { groupId } = message;
    tx.put("topicDelivery", id, {
      ...{ ...place, id, messageId, subscriptionArn, sequence, groupId },
      ...{ attempts: 0, nextAt: now },
    });
  }
}

/** What an earlier message with the same id was answered; undefined for a new one, which is remembered. */
function deduplicated(
  tx: Transaction,
  { arn: topicArn, account, region }: TopicRecord,
  { deduplicationId = "" }: TopicMessage,
  { messageId, sequence, now }: { messageId: string; sequence: number; now: number },
): { readonly messageId: string; readonly sequence: number } | undefined {
  for (const old of tx.listBy("topicDeduplication", "topic", topicArn))
    if (now - old.sentAt >= DEDUPLICATION_MS) tx.delete("topicDeduplication", `${topicArn}|${old.value}`);
  const key = `${topicArn}|${deduplicationId}`;
  const earlier = tx.get("topicDeduplication", key);
  if (earlier !== undefined) return { messageId: earlier.messageId, sequence: earlier.sequence };
  const place = { account, region, topicArn };
  tx.put("topicDeduplication", key, { ...place, value: deduplicationId, messageId, sequence, sentAt: now });
  return undefined;
}

/** Removes a delivery, and its message with the last one. */
export function endTopicDelivery(tx: Transaction, id: string): void {
  const delivery = tx.get("topicDelivery", id);
  if (delivery === undefined) return;
  tx.delete("topicDelivery", id);
  if (tx.countBy("topicDelivery", "message", delivery.messageId) === 0)
    tx.delete("topicMessage", delivery.messageId);
}

/** Removes a topic with its subscriptions and everything that waits. */
export function removeTopic(tx: Transaction, arn: string): void {
  for (const { arn: subscriptionArn } of tx.listBy("topicSubscription", "topic", arn))
    removeSubscription(tx, subscriptionArn);
  for (const { value } of tx.listBy("topicDeduplication", "topic", arn))
    tx.delete("topicDeduplication", `${arn}|${value}`);
  tx.delete("topic", arn);
}

/** Removes a subscription and what waits for it. */
export function removeSubscription(tx: Transaction, arn: string): void {
  for (const { id } of tx.listBy("topicDelivery", "subscription", arn)) endTopicDelivery(tx, id);
  tx.delete("topicSubscription", arn);
}

/** The hash by which a token is kept. */
export function tokenHashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** Whether a subscription's filter policy lets the message through. */
function wants({ attributes }: TopicSubscriptionRecord, message: TopicMessage): boolean {
  const policy = attributes["FilterPolicy"];
  if (policy === undefined) return true;
  const pattern = parseEventPattern(policy);
  if (attributes["FilterPolicyScope"] !== "MessageBody") return pattern.matches(attributeValues(message));
  const body = parsed(message.message);
  return isObject(body) && pattern.matches(body);
}

/** Attributes as filter policies see them. Source: SNS Developer Guide, "Subscription filter policies". */
function attributeValues({ attributes }: TopicMessage): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, { type, value }]) => {
      if (type.startsWith("Binary")) return [];
      if (type.startsWith("Number")) return [[name, Number(value)] as const];
      return [[name, type === "String.Array" ? (parsed(value) ?? value) : value] as const];
    }),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
