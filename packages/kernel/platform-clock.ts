import type { Clock, RealTime, Timer } from "./clock.ts";

/**
 * From a moment of real time on, the platform's time starts at `platform` and passes `speed` times as fast.
 * Times in ms.
 */
export interface ClockSegment {
  readonly real: number;
  readonly platform: number;
  readonly speed: number;
}

/** What an operator asks of the platform's clock. */
export type ClockChange =
  | { readonly type: "advance"; readonly byMs: number }
  | { readonly type: "speed"; readonly speed: number }
  | { readonly type: "reset" };

/** The fastest: nodes then measure a minute in half a second. */
export const CLOCK_SPEED_MAX = 120;
/** The longest single advance. */
export const CLOCK_ADVANCE_MAX_MS = 400 * 24 * 60 * 60_000;
/**
 * Half as fast as real time until real time has caught up: nothing that waits stands still, and no time
 * passes twice.
 */
const CATCH_UP_SPEED = 0.5;
/** Older segments are forgotten: only durations that began before them become wrong. */
const SEGMENTS_MAX = 64;

/** The segment that holds at a moment of real time; undefined where the platform's time is real. */
function segmentAt(segments: readonly ClockSegment[], real: number): ClockSegment | undefined {
  return segments.findLast((segment) => segment.real <= real);
}

/**
 * The platform's time at a moment of real time. It never decreases as real time passes, and is never before
 * real time.
 */
export function platformTimeAt(segments: readonly ClockSegment[], real: number): number {
  const segment = segmentAt(segments, real);
  if (segment === undefined) return real;
  return Math.floor(segment.platform + (real - segment.real) * segment.speed);
}

/**
 * The moment of real time at which the platform's time reaches `platform`; within an advance, the moment of
 * the advance.
 */
export function realTimeAt(segments: readonly ClockSegment[], platform: number): number {
  const index = segments.findLastIndex((segment) => segment.platform <= platform);
  const next = segments[index + 1]?.real ?? Number.POSITIVE_INFINITY;
  const segment = segments[index];
  if (segment === undefined) return Math.min(platform, next);
  return Math.min(next, Math.ceil(segment.real + (platform - segment.platform) / segment.speed));
}

/** How fast the platform's time passes at a moment of real time. */
export function clockSpeedAt(segments: readonly ClockSegment[], real: number): number {
  return segmentAt(segments, real)?.speed ?? 1;
}

/** The segments after a change at the moment `real`. Those that were to come after it no longer hold. */
export function changeClock(
  segments: readonly ClockSegment[],
  change: ClockChange,
  real: number,
): readonly ClockSegment[] {
  const past = segments.filter((segment) => segment.real <= real);
  const platform = platformTimeAt(past, real);
  const from = (next: Omit<ClockSegment, "real">, ...later: ClockSegment[]) =>
    [...past, { real, ...next }, ...later].slice(-SEGMENTS_MAX);
  switch (change.type) {
    case "advance":
      return from({ platform: platform + change.byMs, speed: Math.max(1, clockSpeedAt(past, real)) });
    case "speed":
      return from({ platform, speed: change.speed });
    case "reset": {
      const aheadMs = platform - real;
      if (aheadMs <= 0) return from({ platform: real, speed: 1 });
      const caughtUpAt = Math.ceil(real + aheadMs / (1 - CATCH_UP_SPEED));
      return from({ platform, speed: CATCH_UP_SPEED }, { real: caughtUpAt, platform: caughtUpAt, speed: 1 });
    }
  }
}

interface Pending {
  /** The platform's time at which it is due. */
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  timer: Timer;
}

/**
 * The clock that everything on the platform waits on which is not bound to the real world. It follows another
 * clock, and may be moved ahead of it. Whoever changes it keeps the segments: they are all of its state.
 */
export class PlatformClock implements Clock {
  readonly real: RealTime;
  readonly #machine: Clock;
  readonly #pending = new Set<Pending>();
  readonly #listeners = new Set<() => void>();
  #segments: readonly ClockSegment[];
  #order = 0;

  constructor(machine: Clock, segments: readonly ClockSegment[] = []) {
    this.#machine = machine;
    this.#segments = segments;
    this.real = {
      clock: machine,
      elapsedSince: (then) =>
        then > this.now()
          ? Number.POSITIVE_INFINITY
          : Math.max(0, machine.now() - realTimeAt(this.#segments, then)),
      wait: (realMs) => Math.ceil(platformTimeAt(this.#segments, machine.now() + realMs) - this.now()),
      stampOf: (real) => platformTimeAt(this.#segments, real),
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
    };
  }

  get segments(): readonly ClockSegment[] {
    return this.#segments;
  }

  /** How many times as fast as real time it runs now. */
  get speed(): number {
    return clockSpeedAt(this.#segments, this.#machine.now());
  }

  now(): number {
    return platformTimeAt(this.#segments, this.#machine.now());
  }

  after(delayMs: number, run: () => void): Timer {
    const at = this.now() + Math.max(0, delayMs);
    const pending: Pending = { at, order: this.#order++, run, timer: this.#arm(at, () => fire()) };
    const fire = (): void => {
      this.#pending.delete(pending);
      run();
    };
    this.#pending.add(pending);
    return {
      cancel: () => {
        this.#pending.delete(pending);
        pending.timer.cancel();
      },
    };
  }

  /** Runs by other segments from now on. Timers that are due already fire in order; waits are evaluated again. */
  follow(segments: readonly ClockSegment[]): void {
    this.#segments = segments;
    const inOrder = [...this.#pending].toSorted((a, b) => a.at - b.at || a.order - b.order);
    for (const pending of inOrder) {
      pending.timer.cancel();
      pending.timer = this.#arm(pending.at, () => {
        this.#pending.delete(pending);
        pending.run();
      });
    }
    for (const listener of this.#listeners) listener();
  }

  #arm(at: number, run: () => void): Timer {
    return this.#machine.after(realTimeAt(this.#segments, at) - this.#machine.now(), run);
  }
}
