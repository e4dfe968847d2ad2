import type { QueueRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/** What a receipt handle says: one receipt of one message of one queue. */
export interface Receipt {
  readonly queueId: string;
  readonly sequence: number;
  /** Random, so that a handle cannot be guessed. */
  readonly receipt: string;
}

export function receiptHandleOf({ queueId, sequence, receipt }: Receipt): string {
  return Buffer.from(`${queueId}/${sequence}/${receipt}`).toString("base64");
}

/** Errors: ReceiptHandleIsInvalid for a handle of another queue, and for what is none. */
export function readReceiptHandle(queue: QueueRecord, handle: string | undefined): Receipt {
  const text = Buffer.from(handle ?? "", "base64").toString();
  const [, queueId = "", sequence, receipt = ""] = /^([\w-]+)\/(\d{1,15})\/([\w-]+)$/.exec(text) ?? [];
  if (queueId !== queue.id)
    throw new ApiError(
      "ReceiptHandleIsInvalid",
      `The input receipt handle "${handle ?? ""}" is not a valid receipt handle.`,
    );
  return { queueId, sequence: Number(sequence), receipt };
}
