import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "@gantry/kernel/assert";
import { SystemClock } from "@gantry/kernel/clock";
import { listMetrics } from "./list-metrics.ts";
import { MetricDatabase } from "./metric-database.ts";
import type { FromMetricWorker, ToMetricWorker } from "./metric-store.ts";
import { packValues } from "./metric-values.ts";
import { readMetric } from "./read-metrics.ts";

// Worker thread: aggregates points, writes them to disk and serves reads, one request at a time, in order.
const FLUSH_MS = 10_000;
const EXPIRE_MS = 60 * 60_000;
const PACK_PAUSE_MS = 50;

let isPacking = false;

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
    // Points of past days may have been written.
    if (!isPacking) packAgain();
    flushAgain();
  });
}
function expireAgain(): void {
  attempt(() => database.expire(clock.now()));
  clock.after(EXPIRE_MS, expireAgain);
}
function packAgain(): void {
  isPacking = false;
  attempt(() => (isPacking = database.pack(clock.now())));
  if (isPacking) clock.after(PACK_PAUSE_MS, packAgain);
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
    case "put":
      return { value: database.put(request.points) };
    case "read": {
      const value = packValues(request.reads.map((read) => readMetric(database, read)));
      return { value, transfer: [value.numbers.buffer] };
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

parentPort?.on("message", ({ id, request }: ToMetricWorker) => {
  try {
    const { value, transfer } = answer(request);
    say({ type: "answer", id, value }, transfer);
  } catch (thrown) {
    say({ type: "failure", id, reason: messageOf(thrown) });
  }
});
