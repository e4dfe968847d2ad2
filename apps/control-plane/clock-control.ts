import type { IncomingMessage } from "node:http";
import {
  CLOCK_ADVANCE_MAX_MS,
  CLOCK_SPEED_MAX,
  isObject,
  type ClockChange,
  type PlatformClock,
} from "@gantry/kernel";
import { recordClockChange, type Store } from "@gantry/state";

/** The output of `gantry clock`. Times are milliseconds since the epoch. */
export interface ClockStatus {
  readonly now: number;
  readonly real: number;
  readonly speed: number;
  /** How far the clock is ahead of real time. */
  readonly aheadMs: number;
  /**
   * When the clock shows real time again after a reset; undefined where it does already, or where no reset is
   * in progress.
   */
  readonly realAgainAt: number | undefined;
}

const BODY_MAX = 1_000;

export function clockStatus(clock: PlatformClock): ClockStatus {
  const real = clock.real.clock.now();
  const now = clock.real.stampOf(real);
  const last = clock.segments.at(-1);
  const returns = last !== undefined && last.real > real && last.platform === last.real;
  return {
    now,
    real,
    speed: clock.speed,
    aheadMs: now - real,
    realAgainAt: returns ? last.real : undefined,
  };
}

/**
 * Changes the clock after the change is on the disk, so that a control plane that is killed continues with
 * the announced clock.
 */
export async function changePlatformClock(
  deps: { readonly store: Store; readonly clock: PlatformClock; readonly changed: () => void },
  change: ClockChange,
): Promise<ClockStatus> {
  const { store, clock, changed } = deps;
  const segments = store.transact((tx) => recordClockChange(tx, change, clock.real.clock.now()));
  await store.settled();
  clock.follow(segments);
  changed();
  return clockStatus(clock);
}

/** Parses the change that the command line requests; returns a sentence where it is invalid. */
export async function readClockChange(request: IncomingMessage): Promise<ClockChange | string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > BODY_MAX) return "The body is too long.";
  }
  return toClockChange(parse(text));
}

export function toClockChange(value: unknown): ClockChange | string {
  if (!isObject(value)) return "The body is no object.";
  switch (value["type"]) {
    case "reset":
      return { type: "reset" };
    case "advance": {
      const byMs = value["byMs"];
      return typeof byMs === "number" && Number.isInteger(byMs) && byMs > 0 && byMs <= CLOCK_ADVANCE_MAX_MS
        ? { type: "advance", byMs }
        : `The clock can be advanced by 1 ms to ${CLOCK_ADVANCE_MAX_MS / 86_400_000} days.`;
    }
    case "speed": {
      const speed = value["speed"];
      return typeof speed === "number" && speed >= 1 && speed <= CLOCK_SPEED_MAX
        ? { type: "speed", speed }
        : `The speed must be from 1 to ${CLOCK_SPEED_MAX}.`;
    }
    default:
      return "The change must be of the type advance, speed or reset.";
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
