import type { FileSystemRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/** The throughput that a request gives, checked. Errors: BadRequest. */
export function throughputOf(
  mode: string,
  mibps: number | undefined,
): Pick<FileSystemRecord, "throughputMode" | "provisionedMibps"> {
  if ((mode === "provisioned") !== (mibps !== undefined))
    throw new ApiError(
      "BadRequest",
      mibps === undefined
        ? "ProvisionedThroughputInMibps is required with the throughput mode provisioned."
        : "ProvisionedThroughputInMibps takes the throughput mode provisioned.",
    );
  return { throughputMode: mode, provisionedMibps: mibps };
}
