import { formatArn } from "@gantry/kernel";
import type { Placed } from "../records.ts";
import type { Reader } from "../store.ts";

/** Those of the alarms of an account and region that are in ALARM, by name. */
export function alarmsInAlarm(
  reader: Pick<Reader, "get">,
  place: Placed,
  names: readonly string[],
): readonly string[] {
  return names.filter(
    (name) => reader.get("alarm", formatArn("cloudwatch", place, `alarm:${name}`))?.stateValue === "ALARM",
  );
}
