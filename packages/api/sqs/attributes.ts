import { parseArn } from "@gantry/kernel";
import type { QueueRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { invalidValue } from "./lookups.ts";

export type QueueAttributes = Readonly<Record<string, string>>;

interface NumberAttribute {
  readonly least: number;
  readonly most: number;
  readonly byDefault: string;
}

/** Source: API_SetQueueAttributes. Seconds, and bytes for MaximumMessageSize. */
const NUMBERS: Readonly<Record<string, NumberAttribute>> = {
  DelaySeconds: { least: 0, most: 900, byDefault: "0" },
  MaximumMessageSize: { least: 1_024, most: 1_048_576, byDefault: "1048576" },
  MessageRetentionPeriod: { least: 60, most: 1_209_600, byDefault: "345600" },
  ReceiveMessageWaitTimeSeconds: { least: 0, most: 20, byDefault: "0" },
  VisibilityTimeout: { least: 0, most: 43_200, byDefault: "30" },
};
const REUSE: NumberAttribute = { least: 60, most: 86_400, byDefault: "300" };
const WORDS: Readonly<Record<string, readonly string[]>> = {
  SqsManagedSseEnabled: ["true", "false"],
  ContentBasedDeduplication: ["true", "false"],
  DeduplicationScope: ["queue", "messageGroup"],
  FifoThroughputLimit: ["perQueue", "perMessageGroupId"],
};
const FIFO_ONLY: ReadonlySet<string> = new Set([
  "ContentBasedDeduplication",
  "DeduplicationScope",
  "FifoThroughputLimit",
]);
/** Attributes that an empty value removes. */
const REMOVABLE: ReadonlySet<string> = new Set(["RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"]);
const RECEIVES_MAX = 1_000;

/** The attributes of a new queue, before those that are given. */
export function defaultAttributes(isFifo: boolean): QueueAttributes {
  return {
    ...Object.fromEntries(Object.entries(NUMBERS).map(([name, { byDefault }]) => [name, byDefault])),
    SqsManagedSseEnabled: "true",
    ...(isFifo
      ? {
          FifoQueue: "true",
          ContentBasedDeduplication: "false",
          DeduplicationScope: "queue",
          FifoThroughputLimit: "perQueue",
        }
      : {}),
  };
}

/**
 * The attributes after those that are given. Errors: InvalidAttributeName, InvalidAttributeValue,
 * InvalidParameterValue.
 */
export function withAttributes(
  reader: Reader,
  queue: Place & { readonly arn: string; readonly attributes: QueueAttributes },
  given: QueueAttributes,
): QueueAttributes {
  const next: Record<string, string> = { ...queue.attributes };
  for (const [name, value] of Object.entries(given)) {
    checkAttribute(name, value, queue.attributes);
    if (value === "" && REMOVABLE.has(name)) delete next[name];
    else next[name] = value;
  }
  const redrive = given["RedrivePolicy"];
  if (redrive !== undefined && redrive !== "") next["RedrivePolicy"] = checkRedrive(reader, queue, redrive);
  const allow = given["RedriveAllowPolicy"];
  if (allow !== undefined && allow !== "") checkRedriveAllow(allow);
  return withOneEncryption(next, given);
}

/** Queues are encrypted by a KMS key or by SQS's own, not by both. */
function withOneEncryption(attributes: Record<string, string>, given: QueueAttributes): QueueAttributes {
  const hasKey = (given["KmsMasterKeyId"] ?? "") !== "";
  if (hasKey && given["SqsManagedSseEnabled"] === "true")
    throw invalidAttribute(
      "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
    );
  if (hasKey) attributes["SqsManagedSseEnabled"] = "false";
  else if (given["SqsManagedSseEnabled"] === "true") delete attributes["KmsMasterKeyId"];
  if (attributes["KmsMasterKeyId"] === undefined) delete attributes["KmsDataKeyReusePeriodSeconds"];
  else attributes["KmsDataKeyReusePeriodSeconds"] ??= REUSE.byDefault;
  return attributes;
}

function checkAttribute(name: string, value: string, before: QueueAttributes): void {
  const number = name === "KmsDataKeyReusePeriodSeconds" ? REUSE : NUMBERS[name];
  if (number !== undefined) {
    const isRight = /^\d{1,9}$/.test(value) && Number(value) >= number.least && Number(value) <= number.most;
    if (!isRight) throw invalidAttribute(`Invalid value for the parameter ${name}.`);
    return;
  }
  if (name === "FifoQueue" && before["FifoQueue"] === value) return;
  const words = WORDS[name];
  const isKnown = words !== undefined || REMOVABLE.has(name);
  if (!isKnown || (FIFO_ONLY.has(name) && before["FifoQueue"] !== "true"))
    throw new ApiError("InvalidAttributeName", `Unknown Attribute ${name}.`);
  if (words?.includes(value) === false) throw invalidAttribute(`Invalid value for the parameter ${name}.`);
}

export function invalidAttribute(message: string): ApiError {
  return new ApiError("InvalidAttributeValue", message);
}

/** Where a queue's redrive policy moves messages, and after how many receives; undefined where it has none. */
export function redriveOf(
  attributes: QueueAttributes,
): { readonly target: string; readonly receives: number } | undefined {
  const text = attributes["RedrivePolicy"];
  const policy = text === undefined ? undefined : objectOf(text);
  if (policy === undefined) return undefined;
  return { target: String(policy["deadLetterTargetArn"]), receives: Number(policy["maxReceiveCount"]) };
}

/** Parses a redrive policy; maxReceiveCount becomes a number. Errors: InvalidParameterValue. */
function checkRedrive(
  reader: Reader,
  queue: Place & { readonly arn: string; readonly attributes: QueueAttributes },
  text: string,
): string {
  const invalid = (reason: string) => invalidValue(text, "RedrivePolicy", reason);
  const policy = objectOf(text);
  if (policy === undefined) throw invalid("Redrive policy is not a valid JSON map.");
  const { deadLetterTargetArn: target, maxReceiveCount: count, ...more } = policy;
  if (Object.keys(more).length > 0)
    throw invalid("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].");
  if (target === undefined)
    throw invalid("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  if (count === undefined)
    throw invalid("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  const receives = Number(count);
  if (!Number.isInteger(receives) || receives < 1 || receives > RECEIVES_MAX)
    throw invalid(
      `Invalid value for maxReceiveCount: ${JSON.stringify(count)}, ` +
        `valid values are from 1 to ${RECEIVES_MAX} both inclusive.`,
    );
  const arn = typeof target === "string" ? parseArn(target) : undefined;
  if (arn?.service !== "sqs") throw invalid("Invalid value for deadLetterTargetArn.");
  const found = isIn(arn, queue) ? reader.get("queue", String(target)) : undefined;
  if (found === undefined) throw invalid("Dead letter target does not exist.");
  if ((found.attributes["FifoQueue"] === "true") !== (queue.attributes["FifoQueue"] === "true"))
    throw invalid("Dead-letter queue must be same type of queue as the source.");
  if (!letsRedrive(found, queue.arn))
    throw invalid("Dead letter target does not allow the source queue to redrive to it.");
  return JSON.stringify({ deadLetterTargetArn: target, maxReceiveCount: receives });
}

/** Whether a queue may be the dead-letter queue of another one. */
export function letsRedrive({ attributes }: QueueRecord, source: string): boolean {
  const text = attributes["RedriveAllowPolicy"];
  const policy = text === undefined ? undefined : objectOf(text);
  if (policy?.["redrivePermission"] === "denyAll") return false;
  if (policy?.["redrivePermission"] !== "byQueue") return true;
  const sources: unknown = policy["sourceQueueArns"];
  return Array.isArray(sources) && sources.includes(source);
}

/** Errors: InvalidParameterValue. */
function checkRedriveAllow(text: string): void {
  const invalid = (reason: string) => invalidValue(text, "RedriveAllowPolicy", reason);
  const policy = objectOf(text);
  if (policy === undefined) throw invalid("Redrive allow policy is not a valid JSON map.");
  const { redrivePermission: permission, sourceQueueArns: sources } = policy;
  if (typeof permission !== "string" || !["allowAll", "denyAll", "byQueue"].includes(permission))
    throw invalid(
      "Amazon SQS can't create the redrive allow policy: redrivePermission is allowAll, denyAll or byQueue.",
    );
  const isList = Array.isArray(sources) && sources.length >= 1 && sources.length <= 10;
  if ((permission === "byQueue") !== isList || (permission !== "byQueue" && sources !== undefined))
    throw invalid(
      "Amazon SQS can't create the redrive allow policy: byQueue alone names sourceQueueArns, up to 10.",
    );
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    return isMap ? (value as Readonly<Record<string, unknown>>) : undefined; // Checked just now.
  } catch {
    return undefined;
  }
}
