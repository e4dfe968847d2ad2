import type { Readable } from "node:stream";
import type { LogEvent } from "@gantry/content";
import { VirtualClock } from "@gantry/kernel";
import { MemoryStore } from "@gantry/state";
import { expect, it, onTestFinished } from "vitest";
import { liveTailOperations } from "./live-tail.ts";

const ARN = "arn:aws:logs:eu-south-1:000000000000:log-group:web";

const place = { account: "000000000000", region: "eu-south-1" };

/** A session over events in memory. */
function newSession(logEventFilterPattern = "") {
  const clock = new VirtualClock(0);
  const store = new MemoryStore();
  store.transact((tx) => tx.put("logGroup", ARN, { ...place, arn: ARN, name: "web" } as never)); // No more is read.
  const events: LogEvent[] = [];
  const add = (message: string) =>
    events.push({ id: events.length + 1, stream: "s", message, timestamp: 0, ingestedAt: 0 });
  const looked = { events: 0 };
  const logs = {
    get lastEventId() {
      return events.length;
    },
    eventsAfter(_group: string, id: number, limit: number) {
      looked.events += events.length - id;
      return events.slice(id, id + limit);
    },
  };
  const deps = { clock, store, logs, ids: { uuid: () => "id" } } as never; // A session uses no more.
  const { StartLiveTail } = liveTailOperations(deps);
  const input = { logGroupIdentifiers: [ARN], logEventFilterPattern };
  const output = StartLiveTail(input, { ...place, requestId: "r" } as never);
  const stream = output.responseStream as unknown as Readable;
  onTestFinished(() => void stream.destroy());
  const readAll = () => {
    let text = "";
    while (stream.readableLength > 0) text += String(stream.read());
    return text;
  };
  return { clock, add, looked, stream, readAll };
}

it("leaves out what arrives while a client does not read, and says so", async () => {
  const { clock, add, looked, stream, readAll } = newSession();
  for (let second = 0; second < 6; second += 1) {
    add("x".repeat(1024 * 1024));
    await clock.advance(1_000);
  }
  expect(stream.readableLength).toBeLessThan(6 * 1024 * 1024);
  for (let second = 0; second < 10; second += 1) {
    for (let count = 0; count < 1_000; count += 1) add("while it does not read");
    await clock.advance(1_000);
  }
  readAll();
  looked.events = 0;
  add("afterwards");
  await clock.advance(1_000);
  expect(looked.events).toBe(1);
  const update = readAll();
  expect(update).toContain("afterwards");
  expect(update).not.toContain("while it does not read");
  expect(update).toContain('"sampled":true');
  add("later");
  await clock.advance(1_000);
  expect(readAll()).toContain('"sampled":false');
});

it("looks at events for a bounded time, whatever its pattern costs", async () => {
  const { clock, add, readAll } = newSession("%(a|b|ab|ba){1,50}c%");
  readAll();
  for (let count = 0; count < 500; count += 1) add("ab".repeat(4_096));
  await clock.advance(1_000);
  expect(await eventually(readAll)).toContain('"sampled":true');
});

/** What is read first, in real time. */
async function eventually(readAll: () => string): Promise<string> {
  for (;;) {
    const text = readAll();
    if (text !== "") return text;
    await new Promise((done) => setImmediate(done));
  }
}
