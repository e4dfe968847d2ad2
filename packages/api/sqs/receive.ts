import { createHash } from "node:crypto";
import type * as sdk from "@aws-sdk/client-sqs";
import type { QueueMessage } from "@gantry/content";
import type { QueueRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { letsRedrive, redriveOf } from "./attributes.ts";
import { openerFor, resealed, type MessageContent } from "./contents.ts";
import { findQueue, invalidValue, isFifo, numberOf } from "./lookups.ts";
import { attributesMd5, chosenAttributes, presentAttributes } from "./message-attributes.ts";
import { receiptHandleOf } from "./receipt-handle.ts";
import { sequenceNumber } from "./send.ts";
import type { SqsDeps } from "./sqs-deps.ts";

const MESSAGES_MAX = 10;
const WAIT_MAX_S = 20;
const VISIBILITY_MAX_S = 43_200;
/** Source: SQS Developer Guide, "Amazon SQS quotas", messages in flight. */
const IN_FLIGHT_MAX = 120_000;

/** Source: API_ReceiveMessage. */
export function receiveOperations(deps: SqsDeps) {
  return {
    ReceiveMessage: (input, context) => receiveMessage(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Waits for messages as long as the call or the queue says. Errors: QueueDoesNotExist, OverLimit, Kms…,
 * AccessDenied.
 */
async function receiveMessage(
  deps: SqsDeps,
  input: sdk.ReceiveMessageRequest,
  context: RequestContext,
): Promise<sdk.ReceiveMessageResult> {
  const { store, queues, clock } = deps;
  checkRange("MaxNumberOfMessages", input.MaxNumberOfMessages, { least: 1, most: MESSAGES_MAX });
  checkRange("WaitTimeSeconds", input.WaitTimeSeconds, { least: 0, most: WAIT_MAX_S });
  checkRange("VisibilityTimeout", input.VisibilityTimeout, { least: 0, most: VISIBILITY_MAX_S });
  const first = findQueue(store, context, input.QueueUrl);
  const waitSeconds = input.WaitTimeSeconds ?? numberOf(first, "ReceiveMessageWaitTimeSeconds");
  const deadline = clock.now() + waitSeconds * 1_000;
  for (;;) {
    const queue = findQueue(store, context, input.QueueUrl);
    const messages = await takeMessages(deps, queue, input, context);
    if (messages.length > 0) return { Messages: messages };
    const now = clock.now();
    if (now >= deadline || queues.isClosed) return {};
    const next = queues.nextVisibleAt(queue.id, now) ?? deadline;
    await changeOf(deps, queue.id, Math.min(deadline, next) - now);
    if (queues.isClosed) return {};
  }
}

function checkRange(
  name: string,
  value: number | undefined,
  { least, most }: { readonly least: number; readonly most: number },
): void {
  if (value !== undefined && (value < least || value > most))
    throw invalidValue(String(value), name, `Must be between ${least} and ${most}, if provided.`);
}

/** Resolves when something changes in the queue, or after `ms`. */
function changeOf({ queues, clock }: SqsDeps, queue: string, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, () => done());
    const unwatch = queues.watch(queue, () => done());
    const done = (): void => {
      timer.cancel();
      unwatch();
      resolve();
    };
  });
}

/** Receives what is there. Messages that were received too often go to the dead-letter queue first. */
async function takeMessages(
  deps: SqsDeps,
  queue: QueueRecord,
  input: sdk.ReceiveMessageRequest,
  context: RequestContext,
): Promise<sdk.Message[]> {
  const { queues, clock, ids } = deps;
  const retention = numberOf(queue, "MessageRetentionPeriod") * 1_000;
  await queues.expire(queue.id, clock.now() - retention);
  const limit = input.MaxNumberOfMessages ?? 1;
  const visibility = input.VisibilityTimeout ?? numberOf(queue, "VisibilityTimeout");
  for (;;) {
    const now = clock.now();
    const found = queues.receivable(queue.id, { isFifo: isFifo(queue), now, limit });
    const dead = deadLetters(deps, queue, found);
    if (dead.length > 0) {
      await queues.take(queue.id, { moved: dead }, now);
      continue;
    }
    if (found.length === 0) return [];
    if (queues.hasInFlight(queue.id, now, IN_FLIGHT_MAX))
      throw new ApiError("OverLimit", `The queue has ${IN_FLIGHT_MAX} messages in flight.`);
    const open = openerFor(deps, queue, context);
    const received = found.map((message) => ({ message, content: open(message), receipt: ids.uuid() }));
    const visibleAt = now + visibility * 1_000;
    const taken = received.map(({ message: { sequence }, receipt }) => ({ sequence, receipt, visibleAt }));
    await queues.take(queue.id, { received: taken }, now);
    return received.map((each) => presentMessage(queue, input, { ...each, now }));
  }
}

/** The messages that go to the queue's dead-letter queue, encrypted for it. */
function deadLetters(deps: SqsDeps, queue: QueueRecord, found: readonly QueueMessage[]) {
  const redrive = redriveOf(queue.attributes);
  const target = redrive && deps.store.get("queue", redrive.target);
  if (redrive === undefined || target === undefined || !letsRedrive(target, queue.arn)) return [];
  return found
    .filter(({ ownReceiveCount }) => ownReceiveCount >= redrive.receives)
    .map((message) => ({
      sequence: message.sequence,
      ...resealed(deps, message, { from: queue, to: target }),
      movedFrom: queue.arn,
      to: target.id,
    }));
}

function presentMessage(
  queue: QueueRecord,
  input: sdk.ReceiveMessageRequest,
  received: {
    readonly message: QueueMessage;
    readonly content: MessageContent;
    readonly receipt: string;
    readonly now: number;
  },
): sdk.Message {
  const { message, content, receipt } = received;
  const chosen = chosenAttributes(content.attributes, input.MessageAttributeNames);
  const wanted: readonly string[] = [
    ...(input.AttributeNames ?? []),
    ...(input.MessageSystemAttributeNames ?? []),
  ];
  const system = Object.entries(systemAttributes(queue, received)).flatMap(([name, value]) =>
    value !== undefined && (wanted.includes("All") || wanted.includes(name)) ? [[name, value] as const] : [],
  );
  const md5 = attributesMd5(chosen);
  return {
    MessageId: message.id,
    ReceiptHandle: receiptHandleOf({ queueId: queue.id, sequence: message.sequence, receipt }),
    MD5OfBody: createHash("md5").update(content.body).digest("hex"),
    Body: content.body,
    ...(system.length === 0 ? {} : { Attributes: Object.fromEntries(system) }),
    ...(md5 === undefined
      ? {}
      : { MD5OfMessageAttributes: md5, MessageAttributes: presentAttributes(chosen) }),
  };
}

/** Source: API_ReceiveMessage, MessageSystemAttributeNames. */
function systemAttributes(
  queue: QueueRecord,
  received: { readonly message: QueueMessage; readonly content: MessageContent; readonly now: number },
): Readonly<Record<string, string | undefined>> {
  const { message, content, now } = received;
  return {
    SenderId: content.senderId,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount + 1),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt ?? now),
    AWSTraceHeader: content.traceHeader,
    DeadLetterQueueSourceArn: message.movedFrom,
    MessageGroupId: message.groupId,
    MessageDeduplicationId: content.deduplicationId,
    SequenceNumber: isFifo(queue) ? sequenceNumber(message.sequence) : undefined,
  };
}
