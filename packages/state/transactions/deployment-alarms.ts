import { formatArn } from "@gantry/kernel";
import type { Placed } from "../records.ts";
import type { Reader } from "../store.ts";

/** The alarms of an account and region, among those named, that are in ALARM. */
export function alarmsInAlarm(
  reader: Pick<Reader, "get">,
  place: Placed,
  names: readonly string[],
): readonly string[] {
  return names.filter(
    (name) => reader.get("alarm", formatArn("cloudwatch", place, `alarm:${name}`))?.stateValue === "ALARM",
  );
}
