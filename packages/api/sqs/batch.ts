import type * as sdk from "@aws-sdk/client-sqs";
import { ApiError } from "./api-error.ts";

const ENTRIES_MAX = 10;
const ENTRY_ID = /^[\w-]{1,80}$/;

type Entry = { readonly Id: string | undefined };

/** Errors: EmptyBatchRequest, TooManyEntriesInBatchRequest, InvalidBatchEntryId, BatchEntryIdsNotDistinct. */
export function checkEntries<T extends Entry>(entries: readonly T[] | undefined): readonly T[] {
  const given = entries ?? [];
  if (given.length === 0)
    throw new ApiError("EmptyBatchRequest", "There should be at least one entry in the request.");
  if (given.length > ENTRIES_MAX)
    throw new ApiError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${ENTRIES_MAX}. You have sent ${given.length}.`,
    );
  const seen = new Set<string>();
  for (const { Id = "" } of given) {
    if (!ENTRY_ID.test(Id))
      throw new ApiError(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. " +
          "It can be at most 80 letters long.",
      );
    if (seen.has(Id)) throw new ApiError("BatchEntryIdsNotDistinct", `Id ${Id} repeated.`);
    seen.add(Id);
  }
  return given;
}

/** Prepares each entry alone; those that are refused are listed with the reason. */
export function eachEntry<T extends Entry, R>(
  entries: readonly T[],
  prepare: (entry: T) => R,
): {
  readonly ready: readonly (R & { readonly id: string })[];
  readonly failed: sdk.BatchResultErrorEntry[];
} {
  const ready: (R & { readonly id: string })[] = [];
  const failed: sdk.BatchResultErrorEntry[] = [];
  for (const entry of entries) {
    const id = entry.Id ?? "";
    try {
      ready.push({ ...prepare(entry), id });
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      failed.push({ Id: id, SenderFault: true, Code: thrown.code, Message: thrown.message });
    }
  }
  return { ready, failed };
}
