import type { ClockSegment } from "@gantry/kernel";

/** Where the platform's clock is ahead of real time, and how fast it runs. The one record has the key "platform". */
export interface PlatformClockRecord {
  readonly segments: readonly ClockSegment[];
}
