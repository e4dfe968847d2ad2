import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "@gantry/kernel/assert";
import { SystemClock } from "@gantry/kernel/clock";
import { listMetrics } from "./list-metrics.ts";
import { MetricDatabase } from "./metric-database.ts";
import type { FromMetricWorker, ToMetricWorker } from "./metric-store.ts";
import { readMetric, type MetricValues } from "./read-metrics.ts";

// Worker thread: aggregates points, writes them to disk and serves reads, one request at a time, in order.
const FLUSH_MS = 10_000;
const EXPIRE_MS = 60 * 60_000;
const PACK_PAUSE_MS = 50;

const clock = new SystemClock();
const database = new MetricDatabase((workerData as { path: string }).path); // Set by MetricStore.

/** If the disk is full, the points stay in memory until there is room. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    say({ type: "problem", reason: messageOf(thrown) });
  }
}
function flushAgain(): void {
  clock.after(FLUSH_MS, () => {
    attempt(() => database.flush());
    flushAgain();
  });
}
function expireAgain(): void {
  attempt(() => database.expire(clock.now()));
  packAgain();
  clock.after(EXPIRE_MS, expireAgain);
}
function packAgain(): void {
  attempt(() => {
    if (database.pack(clock.now())) clock.after(PACK_PAUSE_MS, packAgain);
  });
}
flushAgain();
expireAgain();

function say(message: FromMetricWorker, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

function answer(request: ToMetricWorker["request"]): { value: unknown; transfer?: ArrayBuffer[] } {
  switch (request.type) {
    case "add":
      return { value: database.add(request.points, request.batch) };
    case "read": {
      const value = request.reads.map((read) => readMetric(database, read));
      return { value, transfer: value.flat().flatMap(buffersOf) };
    }
    case "list":
      return { value: listMetrics(database, request.list) };
    case "copy":
      database.flush();
      return { value: database.copyTo(request.path) };
    case "close":
      database.flush();
      return { value: database.close() };
  }
}

function buffersOf({ timestamps, values }: MetricValues): ArrayBuffer[] {
  return [timestamps.buffer, ...values.map((each) => each.buffer)];
}

parentPort?.on("message", ({ id, request }: ToMetricWorker) => {
  try {
    const { value, transfer } = answer(request);
    say({ type: "answer", id, value }, transfer);
  } catch (thrown) {
    say({ type: "failure", id, reason: messageOf(thrown) });
  }
});
