import { describe, expect, it } from "vitest";
import { VirtualClock } from "./clock.ts";
import { WorkQueue } from "./work-queue.ts";

function newQueue(clock: VirtualClock, work: (key: string) => Promise<number | undefined>): WorkQueue {
  return new WorkQueue({ clock, work, onFailure: () => {}, concurrencyMax: 4 });
}

describe("WorkQueue", () => {
  it("runs a key once however often it was added before", async () => {
    const clock = new VirtualClock();
    const runs: string[] = [];
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const queue = new WorkQueue({
      clock,
      concurrencyMax: 1,
      onFailure: () => {},
      work: async (key) => {
        runs.push(key);
        if (key === "blocker") await gate;
        return undefined;
      },
    });
    queue.add("blocker");
    for (let count = 0; count < 5; count += 1) queue.add("a");
    release();
    await clock.advance(10);
    expect(runs).toEqual(["blocker", "a"]);
  });

  it("never runs a key twice at a time, and once more when it was added meanwhile", async () => {
    const clock = new VirtualClock();
    let [running, most, runs] = [0, 0, 0];
    const queue = newQueue(clock, async () => {
      runs += 1;
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => void clock.after(10, resolve));
      running -= 1;
      return undefined;
    });
    queue.add("a");
    await clock.advance(5);
    queue.add("a");
    queue.add("a");
    await clock.advance(100);
    expect({ most, runs }).toEqual({ most: 1, runs: 2 });
  });

  it("backs off a failing key up to a cap, and resets the backoff after a success", async () => {
    const clock = new VirtualClock(0);
    const at: number[] = [];
    const queue = newQueue(clock, async () => {
      at.push(clock.now());
      if (at.length < 4) throw new Error("not yet");
      return undefined;
    });
    queue.add("a");
    await clock.advance(60_000);
    expect(at).toEqual([0, 50, 150, 350]);
  });

  it("runs a key again after the time that its work returns", async () => {
    const clock = new VirtualClock(0);
    const at: number[] = [];
    const queue = newQueue(clock, async () => {
      at.push(clock.now());
      return at.length < 3 ? 1_000 : undefined;
    });
    queue.add("a");
    await clock.advance(10_000);
    expect(at).toEqual([0, 1_000, 2_000]);
  });

  it("waits for running keys when it stops, and starts no others", async () => {
    const clock = new VirtualClock();
    const done: string[] = [];
    const queue = newQueue(clock, async (key) => {
      await new Promise<void>((resolve) => void clock.after(10, resolve));
      done.push(key);
      return 1;
    });
    queue.add("a");
    await Promise.resolve();
    const stopped = queue.stop();
    queue.add("b");
    await clock.advance(100);
    await stopped;
    expect(done).toEqual(["a"]);
  });
});
