import type { LogDestination, LogLine } from "@gantry/agent-protocol";
import { silentLogger, sleep, SystemClock } from "@gantry/kernel";
import { describe, expect, it } from "vitest";
import type { Engine } from "../engine/engine.ts";
import { LogShipper } from "./log-shipper.ts";

const at = (index: number) => `2026-01-01T00:00:00.${String(index).padStart(9, "0")}Z`;
const destination = (more: Partial<LogDestination> = {}): LogDestination => ({
  region: "eu-south-1",
  group: "g",
  stream: "s",
  multilinePattern: undefined,
  nonBlocking: true,
  bufferMaxBytes: 1_000_000,
  ...more,
});

/**
 * Runs a shipper over the lines of an engine whose stream breaks once after each `breakAfter` lines, and
 * returns what it shipped.
 */
function ship(
  texts: readonly string[],
  wanted: LogDestination,
  options: { breakAfter?: number; isAway?: () => boolean } = {},
) {
  const clock = new SystemClock();
  const cursors = new Map<string, string>();
  const taken: LogLine[] = [];
  const batches: number[] = [];
  let broken = false;
  const engine = {
    async *logs(_id: string, after: string | undefined) {
      let count = 0;
      for (const [index, text] of texts.entries()) {
        if (after !== undefined && at(index) <= after) continue;
        if (!broken && count === options.breakAfter) {
          broken = true;
          throw new Error("The stream broke off.");
        }
        count += 1;
        yield { at: at(index), text };
      }
    },
  } as unknown as Engine; // The code under test uses only these methods.
  const shipper: LogShipper = new LogShipper({
    engine,
    clock,
    log: silentLogger,
    cursors: {
      get: (id) => cursors.get(id),
      set: (id, cursor) => void cursors.set(id, cursor),
      delete: (id) => void cursors.delete(id),
    },
    send: (id, _, lines) => {
      if (options.isAway?.()) return false;
      batches.push(lines.length);
      taken.push(...lines);
      queueMicrotask(() => shipper.taken(id, lines.at(-1)?.cursor ?? ""));
      return true;
    },
  });
  shipper.follow("c", wanted, true);
  return { shipper, messages: () => taken.map((line) => line.message), batches, clock };
}

async function until(clock: SystemClock, holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(clock, 5);
}

describe("shipping logs", () => {
  it("creates the stream before the first line, also for a container that writes none", async () => {
    for (const texts of [["only"], []]) {
      const { shipper, batches } = ship(texts, destination());
      expect(batches).toEqual([0]);
      await shipper.finish("c");
      expect(batches).toEqual([0, ...texts.map(() => 1)]);
    }
  });

  it("continues when a container runs again after it exited", async () => {
    const lines = ["first"];
    const { shipper, messages, clock } = ship(lines, destination());
    await until(clock, () => messages().length === 1);
    lines.push("second");
    shipper.follow("c", destination(), false);
    await sleep(clock, 20);
    expect(messages()).toEqual(["first"]);
    shipper.follow("c", destination(), true);
    await shipper.finish("c");
    expect(messages()).toEqual(["first", "second"]);
  });

  it("creates the stream when the control plane is back, if it was away", async () => {
    let away = true;
    const { shipper, batches } = ship([], destination(), { isAway: () => away });
    expect(batches).toEqual([]);
    away = false;
    shipper.resend();
    expect(batches).toEqual([0]);
    await shipper.finish("c");
  });

  it("joins lines into one event across an interrupted stream, without repeating any", async () => {
    const lines = ["2026 a", " a1", " a2", "2026 b", " b1"];
    const { shipper, messages } = ship(lines, destination({ multilinePattern: "^2026" }), { breakAfter: 2 });
    await shipper.finish("c");
    expect(messages()).toEqual(["2026 a\n a1\n a2", "2026 b\n b1"]);
  });

  it("drops the oldest lines beyond its buffer in non-blocking mode, and none in blocking mode", async () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${String(index).padStart(5, "0")}`);
    for (const [nonBlocking, kept] of [
      [true, 10],
      [false, 100],
    ] as const) {
      let away = true;
      const { shipper, messages, clock } = ship(lines, destination({ nonBlocking, bufferMaxBytes: 100 }), {
        isAway: () => away,
      });
      await sleep(clock, 50);
      away = false;
      shipper.resend();
      await shipper.finish("c");
      expect(messages()).toEqual(lines.slice(-kept));
    }
  });
});
