import fc from "fast-check";
import { expect, it } from "vitest";
import { realTimeOf, VirtualClock } from "./clock.ts";
import { Controller } from "./controller.ts";
import { silentLogger } from "./logger.ts";
import {
  changeClock,
  CLOCK_SPEED_MAX,
  PlatformClock,
  platformTimeAt,
  realTimeAt,
  type ClockChange,
  type ClockSegment,
} from "./platform-clock.ts";

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

const changes: fc.Arbitrary<ClockChange> = fc.oneof(
  fc.record({ type: fc.constant("advance" as const), byMs: fc.integer({ min: 1, max: 86_400_000 }) }),
  fc.record({
    type: fc.constant("speed" as const),
    speed: fc.double({ min: 1, max: CLOCK_SPEED_MAX, noNaN: true }),
  }),
  fc.constant({ type: "reset" as const }),
);
const histories = fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 600_000 }), change: changes }), {
  maxLength: 20,
});

it("never runs backwards or behind real time, whatever is changed and whenever the process restarts", () => {
  fc.assert(
    fc.property(histories, fc.integer({ min: 1, max: 10_000 }), (history, stepMs) => {
      let segments: readonly ClockSegment[] = [];
      let real = START;
      let last = real;
      const look = (at: number): void => {
        // The next process has nothing but the segments.
        const restarted = JSON.parse(JSON.stringify(segments)) as ClockSegment[];
        const now = platformTimeAt(restarted, at);
        expect(now).toBeGreaterThanOrEqual(last);
        expect(now).toBeGreaterThanOrEqual(at);
        last = now;
      };
      for (const { waitMs, change } of history) {
        for (let at = real; at <= real + waitMs; at += Math.max(stepMs, waitMs / 20)) look(Math.floor(at));
        real += waitMs;
        look(real);
        segments = changeClock(segments, change, real);
        look(real);
      }
    }),
  );
});

it("returns to real time after a reset, however far it was ahead", () => {
  fc.assert(
    fc.property(histories, (history) => {
      let segments: readonly ClockSegment[] = [];
      let real = START;
      for (const { waitMs, change } of history) segments = changeClock(segments, change, (real += waitMs));
      const ahead = platformTimeAt(segments, real) - real;
      segments = changeClock(segments, { type: "reset" }, real);
      const later = real + 2 * ahead + 2;
      expect(platformTimeAt(segments, later)).toBe(later);
      expect(platformTimeAt(segments, later + 123)).toBe(later + 123);
    }),
  );
});

it("finds the real moment of each of its timestamps", () => {
  fc.assert(
    fc.property(histories, fc.integer({ min: 0, max: 20_000_000 }), (history, afterMs) => {
      let segments: readonly ClockSegment[] = [];
      let real = START;
      for (const { waitMs, change } of history) segments = changeClock(segments, change, (real += waitMs));
      const at = START + afterMs;
      const found = realTimeAt(segments, at);
      expect(platformTimeAt(segments, found)).toBeGreaterThanOrEqual(at);
      expect(platformTimeAt(segments, found - 1)).toBeLessThan(at);
    }),
  );
});

it("fires timers by its own time and in order: earlier when it is advanced or runs faster", async () => {
  const machine = new VirtualClock(START);
  const clock = new PlatformClock(machine);
  const fired: string[] = [];
  clock.after(2 * MINUTE, () => fired.push(`two at ${(machine.now() - START) / 1_000} s`));
  clock.after(MINUTE, () => fired.push(`one at ${(machine.now() - START) / 1_000} s`));
  clock.after(MINUTE, () => fired.push("cancelled")).cancel();
  clock.after(10 * MINUTE, () => fired.push(`ten at ${(machine.now() - START) / 1_000} s`));
  await machine.advance(10_000);
  clock.follow(changeClock(clock.segments, { type: "advance", byMs: 3 * MINUTE }, machine.now()));
  await machine.advance(10_000);
  expect(fired).toEqual(["one at 10 s", "two at 10 s"]);
  clock.follow(changeClock(clock.segments, { type: "speed", speed: 60 }, machine.now()));
  await machine.advance(10_000);
  // 6 min 40 s were left: 6.667 s.
  expect(fired[2]).toBe("ten at 26.667 s");
  expect(clock.real.elapsedSince(START)).toBe(30_000);
});

it("lets loops wait in real time, and reschedules when its speed is changed", async () => {
  const machine = new VirtualClock(START);
  const clock = new PlatformClock(machine);
  const at: number[] = [];
  const controller = new Controller(
    {
      name: "test",
      keys: () => ["key"],
      watch: () => () => {},
      reconcile: async () => {
        at.push((machine.now() - START) / 1_000);
        return realTimeOf(clock).wait(30_000);
      },
    },
    { clock, log: silentLogger },
  );
  clock.follow(changeClock([], { type: "speed", speed: 60 }, machine.now()));
  controller.start();
  await machine.advance(40_000);
  clock.follow(changeClock(clock.segments, { type: "speed", speed: 1 }, machine.now()));
  await machine.advance(40_000);
  await controller.stop();
  expect(at).toEqual([0, 30, 40, 70]);
});
