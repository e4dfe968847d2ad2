import type { LogGroupRecord } from "../records.ts";
import type { Transaction } from "../store.ts";

/** Adds an empty log group that never expires its events. The caller has checked that the name is free. */
export function createLogGroup(
  tx: Transaction,
  { now, ...group }: Omit<LogGroupRecord, "arn" | "retentionDays" | "createdAt"> & { readonly now: number },
): void {
  const arn = `arn:aws:logs:${group.region}:${group.account}:log-group:${group.name}`;
  tx.put("logGroup", arn, { ...group, arn, retentionDays: undefined, createdAt: now });
}
