import { createHash } from "node:crypto";
import type * as sdk from "@aws-sdk/client-sns";
import { isObject } from "@gantry/kernel";
import { KeyUnusableError, viaService, type TopicRecord } from "@gantry/state";
import {
  publishToTopic,
  TopicBusyError,
  topicKmsKey,
  topicUse,
  type TopicAttribute,
  type TopicMessage,
} from "@gantry/state/transactions/topics";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError, type ErrorCode } from "./api-error.ts";
import { findTopic, invalid, isFifo } from "./lookups.ts";

/** Source: API_Publish, API_PublishBatch: bytes of a message, or of all of a batch, with their attributes. */
const MESSAGE_MAX_BYTES = 262_144;
const BATCH_MAX = 10;
const SUBJECT_MAX = 100;
const TOKEN = /^[\x21-\x7e]{1,128}$/;
const ATTRIBUTE_NAME = /^(?!aws\.|amazon\.|\.)[\w.-]{1,256}$/i;
const ATTRIBUTE_TYPE = /^(?:String|String\.Array|Number|Binary)(?:\..+)?$/;
const SEQUENCE_DIGITS = 20;

type Given = Pick<
  sdk.PublishInput,
  | "Message"
  | "MessageAttributes"
  | "MessageDeduplicationId"
  | "MessageGroupId"
  | "MessageStructure"
  | "Subject"
>;

/** Source: API_Publish, API_PublishBatch. */
export function publishOperations(deps: ApiDeps) {
  return {
    Publish: (input, context) => publish(deps, input, context),
    PublishBatch: (input, context) => publishBatch(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function publish(deps: ApiDeps, input: sdk.PublishInput, context: RequestContext): sdk.PublishResponse {
  if (input.PhoneNumber !== undefined) throw invalid("PhoneNumber Reason: Gantry sends no text messages");
  const topic = findTopic(deps.store, context, input.TopicArn ?? input.TargetArn);
  const message = toMessage(topic, input);
  if (sizeOf(message) > MESSAGE_MAX_BYTES) throw invalid("Message too long");
  return write(deps, topic, message, context);
}

function publishBatch(
  deps: ApiDeps,
  input: sdk.PublishBatchInput,
  context: RequestContext,
): sdk.PublishBatchResponse {
  const entries = input.PublishBatchRequestEntries ?? [];
  const topic = findTopic(deps.store, context, input.TopicArn);
  checkEntries(entries);
  const successful: sdk.PublishBatchResultEntry[] = [];
  const failed: sdk.BatchResultErrorEntry[] = [];
  for (const { Id, ...given } of entries)
    try {
      successful.push({ Id, ...write(deps, topic, toMessage(topic, given), context) });
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      const { code: Code, message: Message } = thrown;
      failed.push({ Id, Code, Message, SenderFault: true });
    }
  return { Successful: successful, Failed: failed };
}

/** Source: API_PublishBatch. Errors: the five that it lists for its entries. */
function checkEntries(entries: readonly sdk.PublishBatchRequestEntry[]): void {
  const refuse = (code: ErrorCode, message: string) => new ApiError(code, message);
  if (entries.length === 0)
    throw refuse("EmptyBatchRequestException", "The batch request doesn't contain any entries.");
  if (entries.length > BATCH_MAX)
    throw refuse(
      "TooManyEntriesInBatchRequestException",
      "The batch request contains more entries than permissible.",
    );
  if (!entries.every(({ Id = "" }) => /^[\w-]{1,80}$/.test(Id)))
    throw refuse(
      "InvalidBatchEntryIdException",
      "The Id of a batch entry in a batch request doesn't abide by the specification.",
    );
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length)
    throw refuse(
      "BatchEntryIdsNotDistinctException",
      "Two or more batch entries in the request have the same Id.",
    );
  const size = entries.reduce((sum, { Message = "" }) => sum + Buffer.byteLength(Message), 0);
  if (size > MESSAGE_MAX_BYTES)
    throw refuse(
      "BatchRequestTooLongException",
      "The length of all the batch messages put together is more than the limit.",
    );
}

/** Errors: KMS…, Throttled, AuthorizationError. */
function write(
  { store, ids, vault, clock }: ApiDeps,
  topic: TopicRecord,
  message: TopicMessage,
  context: RequestContext,
): sdk.PublishResponse {
  return withPublishErrors(() => {
    const keyArn = topicKmsKey(store, topic);
    if (keyArn !== undefined)
      for (const action of ["kms:GenerateDataKey", "kms:Decrypt"])
        context.authorize(action, keyArn, viaService(topic.region, topicUse(topic.arn)));
    const { messageId, sequence } = store.transact((tx) =>
      publishToTopic(tx, { ids, vault, now: clock.now() }, topic, message),
    );
    return {
      MessageId: messageId,
      SequenceNumber: sequence === undefined ? undefined : String(sequence).padStart(SEQUENCE_DIGITS, "0"),
    };
  });
}

const KMS_CODES: Readonly<Record<KeyUnusableError["reason"], ErrorCode>> = {
  disabled: "KMSDisabledException",
  "pending deletion": "KMSInvalidStateException",
  "pending import": "KMSInvalidStateException",
  missing: "KMSNotFoundException",
  "wrong usage": "KMSInvalidStateException",
};

/** The API's errors for a key that cannot be used and for too many messages that wait. */
export function withPublishErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError) throw new ApiError(KMS_CODES[thrown.reason], thrown.message);
    if (thrown instanceof TopicBusyError) throw new ApiError("ThrottledException", thrown.message);
    throw thrown;
  }
}

/** Errors: InvalidParameter, InvalidParameterValue. */
function toMessage(topic: TopicRecord, given: Given): TopicMessage {
  const { Message: message = "", Subject: subject, MessageStructure: structure } = given;
  if (message === "") throw invalid("Empty message");
  if (subject !== undefined && (subject.length > SUBJECT_MAX || !/^[\x21-\x7e][\x20-\x7e]*$/.test(subject)))
    throw invalid("Subject");
  if (structure !== undefined && structure !== "json") throw invalid("MessageStructure");
  const byProtocol = structure === "json" ? protocolMessages(message) : undefined;
  return {
    type: "Notification",
    message: byProtocol?.["default"] ?? message,
    ...(byProtocol === undefined ? {} : { byProtocol }),
    subject,
    attributes: toAttributes(given.MessageAttributes),
    ...fifoOf(topic, given),
  };
}

function protocolMessages(text: string): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("Message Structure - JSON message body failed to parse");
  }
  const texts = Object.entries(isObject(value) ? value : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  const messages = Object.fromEntries(texts);
  if (messages["default"] === undefined)
    throw invalid("Message Structure - No default entry in JSON message body");
  return messages;
}

function toAttributes(given: Given["MessageAttributes"]): TopicMessage["attributes"] {
  return Object.fromEntries(
    Object.entries(given ?? {}).map(
      ([name, { DataType: type = "", StringValue: text, BinaryValue: binary }]) => {
        if (!ATTRIBUTE_NAME.test(name)) throw invalidValue(`Invalid attribute name: ${name}`);
        if (!ATTRIBUTE_TYPE.test(type))
          throw invalidValue(
            `The message attribute '${name}' has an invalid message attribute type, the set of supported type ` +
              "prefixes is Binary, Number, and String.",
          );
        const value = type.startsWith("Binary")
          ? binary === undefined
            ? undefined
            : Buffer.from(binary).toString("base64")
          : text;
        if (value === undefined || value === "")
          throw invalidValue(
            `The message attribute '${name}' must contain non-empty message attribute value for message attribute ` +
              `type '${type}'.`,
          );
        if (type.startsWith("Number") && !Number.isFinite(Number(value)))
          throw invalidValue(`Could not cast message attribute '${name}' value to number.`);
        return [name, { type, value } satisfies TopicAttribute];
      },
    ),
  );
}

function invalidValue(message: string): ApiError {
  return new ApiError("InvalidParameterValueException", message);
}

/** The group and the deduplication id of a message. Errors: InvalidParameter. */
function fifoOf(topic: TopicRecord, given: Given): Pick<TopicMessage, "groupId" | "deduplicationId"> {
  const { Message = "", MessageGroupId: groupId, MessageDeduplicationId: id } = given;
  if (groupId !== undefined && !TOKEN.test(groupId)) throw invalid("MessageGroupId");
  if (!isFifo(topic)) {
    if (id !== undefined)
      throw invalid(
        "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for " +
          "this topic type",
      );
    return { groupId };
  }
  if (groupId === undefined) throw invalid("The MessageGroupId parameter is required for FIFO topics");
  if (id !== undefined && !TOKEN.test(id)) throw invalid("MessageDeduplicationId");
  if (id === undefined && topic.attributes["ContentBasedDeduplication"] !== "true")
    throw invalid(
      "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    );
  return { groupId, deduplicationId: id ?? createHash("sha256").update(Message).digest("hex") };
}

function sizeOf({ message, byProtocol, attributes }: TopicMessage): number {
  const text = byProtocol === undefined ? message : JSON.stringify(byProtocol);
  return Object.entries(attributes).reduce(
    (sum, [name, { type, value }]) => sum + name.length + type.length + Buffer.byteLength(value),
    Buffer.byteLength(text),
  );
}
