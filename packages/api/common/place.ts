import type { Place } from "./api-deps.ts";

/** Whether the record belongs to the caller's account and region. */
export function isIn(record: Place | undefined, place: Place): boolean {
  return record?.account === place.account && record.region === place.region;
}

/** The record, where it belongs to the caller's account and region. */
export function within<T extends Place>(record: T | undefined, place: Place): T | undefined {
  return isIn(record, place) ? record : undefined;
}
