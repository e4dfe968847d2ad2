import type * as sdk from "@aws-sdk/client-sqs";
import type { QueueRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { checkEntries, eachEntry } from "./batch.ts";
import { findQueue, invalidValue, isFifo, missingParameter } from "./lookups.ts";
import { readReceiptHandle } from "./receipt-handle.ts";
import type { SqsDeps } from "./sqs-deps.ts";

const VISIBILITY_MAX_S = 43_200;

/** What is done with a received message: it is deleted, or becomes visible earlier or later. */
export function receiptOperations(deps: SqsDeps) {
  const { store, queues } = deps;
  return {
    DeleteMessage: async (input, context) => {
      const queue = findQueue(store, context, input.QueueUrl);
      await queues.remove(queue.id, removalOf(deps, queue, input).sequences);
      return {};
    },
    DeleteMessageBatch: async (input, context) => {
      const entries = checkEntries(input.Entries);
      const queue = findQueue(store, context, input.QueueUrl);
      const { ready, failed } = eachEntry(entries, (entry) => removalOf(deps, queue, entry));
      const sequences = ready.flatMap((each) => each.sequences);
      await queues.remove(queue.id, sequences);
      return resultOf(ready, failed);
    },
    ChangeMessageVisibility: async (input, context) => {
      const queue = findQueue(store, context, input.QueueUrl);
      await queues.changeVisibility(queue.id, [visibilityOf(deps, queue, input)]);
      return {};
    },
    ChangeMessageVisibilityBatch: (input, context) => changeBatch(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

async function changeBatch(
  deps: SqsDeps,
  input: sdk.ChangeMessageVisibilityBatchRequest,
  context: RequestContext,
): Promise<sdk.ChangeMessageVisibilityBatchResult> {
  const entries = checkEntries(input.Entries);
  const queue = findQueue(deps.store, context, input.QueueUrl);
  const { ready, failed } = eachEntry(entries, (entry) => visibilityOf(deps, queue, entry));
  await deps.queues.changeVisibility(queue.id, ready);
  return resultOf(ready, failed);
}

function resultOf(ready: readonly { readonly id: string }[], failed: sdk.BatchResultErrorEntry[]) {
  return {
    Successful: ready.map(({ id }) => ({ Id: id })),
    Failed: failed.length === 0 ? undefined : failed,
  };
}

/**
 * The message that a handle of the last receipt names; none where it is gone, or was received again since. Errors:
 * MissingParameter, ReceiptHandleIsInvalid; InvalidParameterValue for a receipt of a FIFO queue that has expired.
 */
function removalOf(
  { queues, clock }: SqsDeps,
  queue: QueueRecord,
  { ReceiptHandle: handle }: { readonly ReceiptHandle: string | undefined },
): { readonly sequences: readonly number[] } {
  if (handle === undefined || handle === "") throw missingParameter("ReceiptHandle");
  const { sequence, receipt } = readReceiptHandle(queue, handle);
  const message = queues.find(queue.id, sequence);
  if (message === undefined) return { sequences: [] };
  const isLast = message.receipt === receipt;
  if (isFifo(queue) && (!isLast || message.visibleAt <= clock.now()))
    throw invalidValue(handle, "ReceiptHandle", "The receipt handle has expired.");
  return { sequences: isLast ? [sequence] : [] };
}

/** Errors: as of removalOf; MessageNotInflight. */
function visibilityOf(
  { queues, clock }: SqsDeps,
  queue: QueueRecord,
  input: { readonly ReceiptHandle: string | undefined; readonly VisibilityTimeout?: number | undefined },
): { readonly sequence: number; readonly visibleAt: number } {
  const { ReceiptHandle: handle, VisibilityTimeout: timeout } = input;
  if (handle === undefined || handle === "") throw missingParameter("ReceiptHandle");
  if (timeout === undefined) throw missingParameter("VisibilityTimeout");
  if (timeout < 0 || timeout > VISIBILITY_MAX_S)
    throw invalidValue(String(timeout), "VisibilityTimeout", "Must be between 0 and 43200, if provided.");
  const { sequence, receipt } = readReceiptHandle(queue, handle);
  const message = queues.find(queue.id, sequence);
  if (message === undefined)
    throw invalidValue(
      handle,
      "ReceiptHandle",
      "Message does not exist or is not available for visibility timeout change.",
    );
  const now = clock.now();
  if (message.receipt !== receipt || message.visibleAt <= now)
    throw new ApiError("MessageNotInflight", "The message referred to isn't in flight.");
  return { sequence, visibleAt: now + timeout * 1_000 };
}
