import type { ClockSegment } from "@gantry/kernel";

/**
 * How far the platform's clock is ahead of real time, and its speed. The only record has the key "platform".
 */
export interface PlatformClockRecord {
  readonly segments: readonly ClockSegment[];
}
