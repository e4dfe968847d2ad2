import { formatArn } from "@gantry/kernel";
import type { QueueRecord, Reader } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";

type Given = string | undefined;

export function invalidValue(value: string, parameter: string, reason: string): ApiError {
  return new ApiError(
    "InvalidParameterValue",
    `Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`,
    { status: 400 },
  );
}

export function missingParameter(name: string): ApiError {
  return new ApiError("MissingParameter", `The request must contain the parameter ${name}.`, { status: 400 });
}

export function queueArnOf(place: Place, name: Given): string {
  return formatArn("sqs", place, name ?? "");
}

/**
 * The ARN of the queue that a URL names: its path ends in `/ACCOUNT/NAME`. The host does not matter, so that AWS's own
 * form is accepted; the queue is in the region of the call. A name alone is one of the caller's queues.
 */
export function queueArnOfUrl(place: Place, url: Given): string {
  const [, account = place.account, name = url] =
    /^(?:https?:\/\/[^/]+)?\/?(\d{12})\/([^/?#]+)$/.exec(url ?? "") ?? [];
  return queueArnOf({ account, region: place.region }, name);
}

export function queueUrlOf(endpoint: string, { account, name }: QueueRecord): string {
  return `${endpoint}/${account}/${name}`;
}

/** Errors: QueueDoesNotExist. */
export function findQueue(reader: Reader, place: Place, url: Given): QueueRecord {
  return existing(reader.get("queue", queueArnOfUrl(place, url)));
}

/**
 * The queue of an operation that is for its own account alone, whatever a policy says. Errors: AccessDenied,
 * QueueDoesNotExist.
 * Source: SQS Developer Guide, "Basic examples of Amazon SQS policies": cross-account permissions.
 */
export function findOwnQueue(reader: Reader, context: RequestContext, url: Given): QueueRecord {
  const queue = findQueue(reader, context, url);
  if (queue.account !== context.account)
    throw new ApiError("AccessDeniedException", `Access to the resource ${url ?? ""} is denied.`, {
      status: 403,
    });
  return queue;
}

export function existing(queue: QueueRecord | undefined): QueueRecord {
  if (queue === undefined) throw new ApiError("QueueDoesNotExist", "The specified queue does not exist.");
  return queue;
}

export function isFifo({ attributes }: QueueRecord): boolean {
  return attributes["FifoQueue"] === "true";
}

/** An attribute that is a number, in its unit; every queue has those with a default. */
export function numberOf({ attributes }: QueueRecord, name: string): number {
  return Number(attributes[name]);
}
