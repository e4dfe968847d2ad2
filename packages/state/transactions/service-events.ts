import type { Ids } from "@gantry/kernel";
import type { ServiceEventRecord, ServiceRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

const EVENTS_MAX = 100;
const NUMBER_DIGITS = 15;

/**
 * Adds a line to a service's events and keeps the latest hundred. A repetition of the previous line is not
 * added. Source: Amazon ECS Developer Guide, "Viewing service event messages".
 */
export function addServiceEvent(
  tx: Transaction,
  service: Pick<ServiceRecord, "arn" | "account" | "region">,
  event: { ids: Ids; message: string; now: number },
): void {
  const keys = tx.keysBy("serviceEvent", "service", service.arn);
  const last = keys.at(-1);
  if (last !== undefined && tx.get("serviceEvent", last)?.message === event.message) return;
  const number = String(tx.next("serviceEvent")).padStart(NUMBER_DIGITS, "0");
  tx.put("serviceEvent", `${service.arn}#${number}`, {
    account: service.account,
    region: service.region,
    id: event.ids.uuid(),
    serviceArn: service.arn,
    createdAt: event.now,
    message: event.message,
  });
  for (const key of keys.slice(0, Math.max(0, keys.length + 1 - EVENTS_MAX))) tx.delete("serviceEvent", key);
}

/** A service's events, newest first, as DescribeServices lists them. */
export function serviceEventsOf(reader: Reader, serviceArn: string): readonly ServiceEventRecord[] {
  return reader.listBy("serviceEvent", "service", serviceArn).toReversed();
}

/** Removes all events of a service, so that a new service of the same name starts without them. */
export function removeServiceEvents(tx: Transaction, serviceArn: string): void {
  for (const key of tx.keysBy("serviceEvent", "service", serviceArn)) tx.delete("serviceEvent", key);
}
