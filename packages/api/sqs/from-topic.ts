import {
  KeyUnusableError,
  queueKmsKey,
  sealQueueContent,
  type KmsKeyRecord,
  type QueueRecord,
} from "@gantry/state";
import { asService, permitsService } from "../iam/service-access.ts";
import { isFifo, numberOf } from "./lookups.ts";
import type { MessageContent } from "./contents.ts";
import type { SqsDeps } from "./sqs-deps.ts";

const SERVICE = "sns.amazonaws.com";
/** Source: SNS Developer Guide, "Amazon SNS raw message delivery": a message with more is not delivered. */
const ATTRIBUTES_MAX = 10;

/** A message of a topic for a queue. Binary values are in base64. */
interface FromTopic {
  readonly queueArn: string;
  readonly topicArn: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, { readonly type: string; readonly value: string }>>;
  readonly groupId: string | undefined;
  readonly deduplicationId: string | undefined;
}

type Sent =
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly reason: string; readonly mayRetry: boolean };

/**
 * Puts a message of a topic into a queue, where the queue's policy lets SNS send for the topic, and the policy of its
 * KMS key lets SNS encrypt. Source: SNS Developer Guide, "Subscribing an Amazon SQS queue to an Amazon SNS topic".
 */
export async function sendFromTopic(
  deps: Pick<SqsDeps, "store" | "vault" | "queues" | "ids" | "clock">,
  message: FromTopic,
): Promise<Sent> {
  const { store, queues, ids, clock } = deps;
  const queue = store.get("queue", message.queueArn);
  if (queue === undefined) return refused("The queue does not exist.");
  const now = clock.now();
  if (!permits(queue, "sqs:SendMessage", { topicArn: message.topicArn, now }))
    return refused("The queue's policy does not let SNS send messages of the topic.");
  const content = contentOf(message);
  if (Object.keys(content.attributes).length > ATTRIBUTES_MAX)
    return refused(`A message of a queue has at most ${ATTRIBUTES_MAX} attributes.`);
  if (Buffer.byteLength(message.body) > numberOf(queue, "MaximumMessageSize"))
    return refused("The message is longer than the queue's messages may be.");
  try {
    const keyArn = queueKmsKey(store, queue);
    if (
      keyArn !== undefined &&
      !permits(store.get("kmsKey", keyArn), "kms:GenerateDataKey", { topicArn: message.topicArn, now })
    )
      return refused("The policy of the queue's KMS key does not let SNS use it.");
    const scope = queue.attributes["DeduplicationScope"] === "messageGroup" ? message.groupId : "";
    const row = {
      id: ids.uuid(),
      ...sealQueueContent(store, deps.vault, queue, JSON.stringify(content)),
      groupId: message.groupId,
      visibleAt: now + numberOf(queue, "DelaySeconds") * 1_000,
      deduplicateBy: isFifo(queue) ? JSON.stringify([scope, message.deduplicationId]) : undefined,
    };
    await queues.send(queue.id, [row], now);
    return { type: "done" };
  } catch (thrown) {
    if (!(thrown instanceof KeyUnusableError)) throw thrown;
    return { type: "failed", reason: thrown.message, mayRetry: true };
  }
}

function refused(reason: string): Sent {
  return { type: "failed", reason, mayRetry: false };
}

function contentOf({ body, attributes, deduplicationId }: FromTopic): MessageContent {
  return {
    body,
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, { type, value }]) => [
        name,
        type.startsWith("Binary") ? { type, binary: value } : { type, text: value },
      ]),
    ),
    senderId: SERVICE,
    deduplicationId,
  };
}

/** Whether the policy of a queue or of its key lets SNS act for the topic. */
function permits(
  guarded: QueueRecord | KmsKeyRecord | undefined,
  action: string,
  { topicArn, now }: { readonly topicArn: string; readonly now: number },
): boolean {
  if (guarded === undefined) return false;
  const source = { arn: topicArn, account: topicArn.split(":")[4] ?? "" };
  return permitsService(guarded, { action, resource: guarded.arn, ...asService(SERVICE, source), now });
}
