import { createHash } from "node:crypto";
import type * as sdk from "@aws-sdk/client-sqs";
import type { NewQueueMessage } from "@gantry/content";
import type { QueueRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { checkEntries, eachEntry } from "./batch.ts";
import { sealerFor, type MessageContent } from "./contents.ts";
import { findQueue, invalidValue, isFifo, missingParameter, numberOf } from "./lookups.ts";
import {
  attributesMd5,
  attributesSize,
  givenSize,
  toAttributes,
  type StoredAttributes,
} from "./message-attributes.ts";
import type { SqsDeps } from "./sqs-deps.ts";

/** Source: API_SendMessageBatch: of all messages together. */
const BATCH_MAX_BYTES = 1_048_576;
const DELAY_MAX_S = 900;
const TOKEN = /^[\x21-\x7e]{1,128}$/;
/** Characters that XML cannot contain. Source: API_SendMessage, MessageBody. */
const UNSPEAKABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const SEQUENCE_DIGITS = 20;

type Given = Omit<sdk.SendMessageRequest, "QueueUrl">;

interface Prepared {
  readonly content: MessageContent;
  readonly systemAttributes: StoredAttributes;
  readonly size: number;
  readonly groupId: string | undefined;
  readonly delaySeconds: number;
  readonly deduplicateBy: string | undefined;
}

/** Source: API_SendMessage, API_SendMessageBatch. */
export function sendOperations(deps: SqsDeps) {
  return {
    SendMessage: (input, context) => sendMessage(deps, input, context),
    SendMessageBatch: (input, context) => sendMessageBatch(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

async function sendMessage(
  deps: SqsDeps,
  input: sdk.SendMessageRequest,
  context: RequestContext,
): Promise<sdk.SendMessageResult> {
  const queue = findQueue(deps.store, context, input.QueueUrl);
  const message = prepare(queue, input, context);
  const [sent] = await write(deps, queue, [message], context);
  return { ...sent };
}

async function sendMessageBatch(
  deps: SqsDeps,
  input: sdk.SendMessageBatchRequest,
  context: RequestContext,
): Promise<sdk.SendMessageBatchResult> {
  const entries = checkEntries(input.Entries);
  const queue = findQueue(deps.store, context, input.QueueUrl);
  const size = entries.reduce(
    (sum, { MessageBody = "", MessageAttributes }) =>
      sum + Buffer.byteLength(MessageBody) + givenSize(MessageAttributes),
    0,
  );
  if (size > BATCH_MAX_BYTES)
    throw new ApiError(
      "BatchRequestTooLong",
      `Batch requests cannot be longer than ${BATCH_MAX_BYTES} bytes. You have sent ${size} bytes.`,
    );
  const { ready, failed } = eachEntry(entries, (entry) => prepare(queue, entry, context));
  const sent = ready.length === 0 ? [] : await write(deps, queue, ready, context);
  const Successful = sent.map((each, index) => ({ ...each, Id: ready[index]?.id ?? "" }));
  return { Successful, Failed: failed.length === 0 ? undefined : failed };
}

/** Encrypts and writes messages, in one transaction. */
async function write(
  deps: SqsDeps,
  queue: QueueRecord,
  messages: readonly Prepared[],
  context: RequestContext,
): Promise<
  (Required<Pick<sdk.SendMessageResult, "MD5OfMessageBody" | "MessageId">> & sdk.SendMessageResult)[]
> {
  const { queues, clock, ids } = deps;
  const seal = sealerFor(deps, queue, context);
  const now = clock.now();
  const rows = messages.map(({ content, groupId, delaySeconds, deduplicateBy }): NewQueueMessage => ({
    id: ids.uuid(),
    ...seal(content),
    groupId,
    visibleAt: now + delaySeconds * 1_000,
    deduplicateBy,
  }));
  const written = await queues.send(queue.id, rows, now);
  return messages.map(({ content, systemAttributes }, index) => {
    const { id = "", sequence = 0 } = written[index] ?? {};
    return {
      MessageId: id,
      MD5OfMessageBody: createHash("md5").update(content.body).digest("hex"),
      MD5OfMessageAttributes: attributesMd5(content.attributes),
      MD5OfMessageSystemAttributes: attributesMd5(systemAttributes),
      SequenceNumber: isFifo(queue) ? sequenceNumber(sequence) : undefined,
    };
  });
}

export function sequenceNumber(sequence: number): string {
  return String(sequence).padStart(SEQUENCE_DIGITS, "0");
}

/** Errors: InvalidMessageContents, InvalidParameterValue, MissingParameter, UnsupportedOperation. */
function prepare(queue: QueueRecord, given: Given, context: RequestContext): Prepared {
  const { MessageBody: body = "", MessageGroupId: groupId, DelaySeconds } = given;
  if (body === "") throw missingParameter("MessageBody");
  if (UNSPEAKABLE.test(body) || !body.isWellFormed())
    throw new ApiError(
      "InvalidMessageContents",
      "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | " +
        "#x10000 to #x10FFFF",
    );
  const attributes = toAttributes(given.MessageAttributes);
  const systemAttributes = toSystemAttributes(given.MessageSystemAttributes);
  const size = Buffer.byteLength(body) + attributesSize(attributes);
  const most = numberOf(queue, "MaximumMessageSize");
  if (size > most)
    throw new ApiError(
      "InvalidParameterValue",
      `One or more parameters are invalid. Reason: Message must be shorter than ${most} bytes.`,
      { status: 400 },
    );
  if (groupId !== undefined && !TOKEN.test(groupId)) throw invalidToken(groupId, "MessageGroupId");
  if (DelaySeconds !== undefined && (DelaySeconds < 0 || DelaySeconds > DELAY_MAX_S))
    throw invalidValue(
      String(DelaySeconds),
      "DelaySeconds",
      `DelaySeconds must be >= 0 and <= ${DELAY_MAX_S}.`,
    );
  const deduplicationId = deduplicationOf(queue, given);
  const scope = queue.attributes["DeduplicationScope"] === "messageGroup" ? groupId : "";
  return {
    content: {
      body,
      attributes,
      senderId: context.principal.id,
      traceHeader: systemAttributes["AWSTraceHeader"]?.text,
      deduplicationId,
    },
    systemAttributes,
    size,
    groupId,
    delaySeconds: DelaySeconds ?? numberOf(queue, "DelaySeconds"),
    deduplicateBy: isFifo(queue) ? JSON.stringify([scope, deduplicationId]) : undefined,
  };
}

/**
 * The deduplication id of a message; undefined in a standard queue. Errors: InvalidParameterValue,
 * MissingParameter.
 */
function deduplicationOf(queue: QueueRecord, given: Given): string | undefined {
  const { MessageBody = "", MessageDeduplicationId: id, MessageGroupId, DelaySeconds = 0 } = given;
  const notHere = "The request include parameter that is not valid for this queue type";
  if (!isFifo(queue)) {
    if (id !== undefined) throw invalidValue(id, "MessageDeduplicationId", notHere);
    return undefined;
  }
  if (MessageGroupId === undefined) throw missingParameter("MessageGroupId");
  if (DelaySeconds > 0) throw invalidValue(String(DelaySeconds), "DelaySeconds", notHere);
  if (id !== undefined && !TOKEN.test(id)) throw invalidToken(id, "MessageDeduplicationId");
  if (id !== undefined) return id;
  if (queue.attributes["ContentBasedDeduplication"] !== "true")
    throw new ApiError(
      "InvalidParameterValue",
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
      { status: 400 },
    );
  return createHash("sha256").update(MessageBody).digest("hex");
}

function invalidToken(value: string, parameter: string): ApiError {
  return invalidValue(
    value,
    parameter,
    `${parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length`,
  );
}

function toSystemAttributes(given: Given["MessageSystemAttributes"]): StoredAttributes {
  const attributes = toAttributes(given);
  for (const [name, { type }] of Object.entries(attributes))
    if (name !== "AWSTraceHeader" || type !== "String")
      throw invalidValue(
        name,
        "MessageSystemAttributeName",
        "Only AWSTraceHeader of type String can be sent, which has no BinaryValue.",
      );
  return attributes;
}
