import { extname } from "node:path";
import type { Worker } from "node:worker_threads";
import type { MetricList } from "./list-metrics.ts";
import type { PutOutcome } from "./metric-shares.ts";
import {
  packPoints,
  timesOf,
  type BatchNumber,
  type MetricId,
  type MetricPoint,
  type PackedPoints,
} from "./metric-points.ts";
import { unpackValues, type MetricRead, type MetricValues, type PackedValues } from "./metric-values.ts";

type Request =
  | { readonly type: "add"; readonly points: PackedPoints; readonly batch: BatchNumber | undefined }
  | { readonly type: "put"; readonly points: PackedPoints }
  | { readonly type: "read"; readonly reads: readonly MetricRead[] }
  | { readonly type: "list"; readonly list: MetricList }
  | { readonly type: "copy"; readonly path: string }
  | { readonly type: "close" };

export interface ToMetricWorker {
  readonly id: number;
  readonly request: Request;
}

export type FromMetricWorker =
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "failure"; readonly id: number; readonly reason: string }
  /** A flush failed and will be retried. */
  | { readonly type: "problem"; readonly reason: string };

/**
 * Called with the metrics that received data, by `keyOf`: the times (ms) of the earliest and the latest
 * point.
 */
export type ArrivalListener = (arrived: ReadonlyMap<string, readonly [number, number]>) => void;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (thrown: Error) => void;
}

/** Heap limit of the thread, which holds the names of all metrics and data that has not been written. */
const HEAP_MAX_MIB = 256;
/**
 * Limit for short-lived objects, which aggregation allocates. V8 does not return the memory that it takes for
 * them.
 */
const YOUNG_MAX_MIB = 16;

/**
 * Stores metrics in a worker thread that starts with the first call. Data is on disk within ten seconds: a
 * crash loses at most that much and duplicates nothing.
 */
export class MetricStore {
  readonly #path: string;
  readonly #onProblem: (reason: string) => void;
  #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<ArrivalListener>();
  #worker: Worker | undefined;
  #count = 0;

  constructor(path: string, onProblem: (reason: string) => void = () => {}) {
    this.#path = path;
    this.#onProblem = onProblem;
  }

  /** Adds points. With a batch number, false if that batch was added before. */
  async add(points: readonly MetricPoint[], batch?: BatchNumber): Promise<boolean> {
    const packed = packPoints(points);
    const arrived = this.#listeners.size === 0 ? undefined : timesOf(packed);
    const isNew = (await this.#ask({ type: "add", points: packed, batch }, [
      packed.numbers.buffer,
    ])) as boolean; // The worker's answer to add.
    if (isNew && arrived !== undefined) for (const listener of this.#listeners) listener(arrived);
    return isNew;
  }

  /**
   * Adds the points that a caller measured; `full`, and none is added, where they have more metrics than the
   * account may.
   */
  async put(points: readonly MetricPoint[]): Promise<PutOutcome> {
    const packed = packPoints(points);
    const arrived = this.#listeners.size === 0 ? undefined : timesOf(packed);
    // The worker's answer to put.
    const outcome = (await this.#ask({ type: "put", points: packed }, [packed.numbers.buffer])) as PutOutcome;
    if (outcome === "added" && arrived !== undefined)
      for (const listener of this.#listeners) listener(arrived);
    return outcome;
  }

  /** Calls back once data that was added can be read. Returns a function that stops the watch. */
  watch(listener: ArrivalListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Returns the values of each read, in order. */
  async read(reads: readonly MetricRead[]): Promise<readonly (readonly MetricValues[])[]> {
    return unpackValues((await this.#ask({ type: "read", reads })) as PackedValues); // As above, to read.
  }

  /** Returns the metrics that match; one more than the limit if there are more. */
  async list(list: MetricList): Promise<readonly MetricId[]> {
    return (await this.#ask({ type: "list", list })) as MetricId[]; // As above, to list.
  }

  /** Copies a consistent snapshot into a file. */
  async copyTo(path: string): Promise<void> {
    await this.#ask({ type: "copy", path });
  }

  /** Writes the data in memory and ends the thread. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    await this.#ask({ type: "close" });
    await worker.terminate();
  }

  #ask(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    const worker = (this.#worker ??= this.#open());
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, request } satisfies ToMetricWorker, [...transfer]);
    });
  }

  #open(): Worker {
    // Loads Node's threads only when one is started.
    const threads = process.getBuiltinModule("node:worker_threads");
    const file = new URL(`./metric-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new threads.Worker(file, {
      workerData: { path: this.#path },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX_MIB, maxYoungGenerationSizeMb: YOUNG_MAX_MIB },
    });
    worker.unref();
    worker.on("message", (message: FromMetricWorker) => {
      if (message.type === "problem") return this.#onProblem(message.reason);
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.type === "answer") return waiting?.resolve(message.value);
      return waiting?.reject(new Error(`The metric store could not: ${message.reason}`));
    });
    let reason = new Error("The thread of the metric store has ended.");
    worker.on("error", (thrown) => (reason = thrown instanceof Error ? thrown : reason));
    worker.on("exit", () => {
      // The next call starts another thread; calls that wait for this one fail.
      const all = [...this.#waiting.values()];
      this.#waiting = new Map();
      this.#worker = undefined;
      for (const { reject } of all) reject(reason);
    });
    return worker;
  }
}
