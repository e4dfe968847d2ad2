import { changeClock, type ClockChange, type ClockSegment } from "@gantry/kernel";
import type { Reader, Transaction } from "../store.ts";

const KEY = "platform";

/** The segments of the platform's clock; empty if it has always followed real time. */
export function clockSegments(reader: Reader): readonly ClockSegment[] {
  return reader.get("platformClock", KEY)?.segments ?? [];
}

/** Records a change of the platform's clock at `realNow`; returns its segments from then on. */
export function recordClockChange(
  tx: Transaction,
  change: ClockChange,
  realNow: number,
): readonly ClockSegment[] {
  const segments = changeClock(clockSegments(tx), change, realNow);
  tx.put("platformClock", KEY, { segments });
  return segments;
}
