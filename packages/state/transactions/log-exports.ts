import type { LogExportRecord } from "../records.ts";
import type { Transaction } from "../store.ts";

/** The key of an export task's record. */
export function logExportKey({
  account,
  region,
  id,
}: Pick<LogExportRecord, "account" | "region" | "id">): string {
  return `${account}/${region}/${id}`;
}

/** Whether an export task has not ended. */
export function isExporting({ status }: Pick<LogExportRecord, "status">): boolean {
  return status === "PENDING" || status === "RUNNING";
}

/** Ends an export task, unless it has ended already. */
export function endLogExport(
  tx: Transaction,
  key: string,
  end: {
    readonly status: "COMPLETED" | "CANCELLED" | "FAILED";
    readonly message?: string;
    readonly at: number;
  },
): void {
  const record = tx.get("logExport", key);
  if (record === undefined || !isExporting(record)) return;
  const { status, message, at } = end;
  tx.put("logExport", key, {
    ...record,
    status,
    endedAt: at,
    ...(message === undefined ? {} : { message }),
  });
}
