import type { LogFilterRecord, LogGroupRecord, Transaction } from "@gantry/state";
import { ApiError } from "./api-error.ts";

/**
 * The fields that a metric filter and a subscription filter have in common, and the key of the record. A filter
 * that is put again keeps its time and its first event. Errors: LimitExceededException.
 */
export function filterFields(
  tx: Transaction,
  kind: "metricFilter" | "subscriptionFilter",
  asked: {
    readonly group: LogGroupRecord;
    readonly input: { readonly filterName?: string | undefined; readonly filterPattern?: string | undefined };
    readonly most: number;
  },
  fresh: Pick<LogFilterRecord, "createdAt" | "afterEventId">,
): { key: string; fields: LogFilterRecord } {
  const { group, input, most } = asked;
  const name = input.filterName ?? "";
  const key = `${group.arn}#${name}`;
  const known = tx.get(kind, key);
  if (known === undefined && tx.countBy(kind, "group", group.arn) >= most)
    throw new ApiError("LimitExceededException", "Resource limit exceeded.");
  const fields = {
    account: group.account,
    region: group.region,
    groupArn: group.arn,
    name,
    pattern: input.filterPattern ?? "",
    createdAt: known?.createdAt ?? fresh.createdAt,
    afterEventId: known?.afterEventId ?? fresh.afterEventId,
  };
  return { key, fields };
}
