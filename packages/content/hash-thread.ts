import { extname } from "node:path";
import type { Worker } from "node:worker_threads";

export type HashName = "md5";
export type ToHashWorker =
  | { readonly type: "start"; readonly id: number; readonly hash: HashName }
  | {
      readonly type: "update";
      readonly id: number;
      readonly bytes: SharedArrayBuffer;
      readonly length: number;
    }
  | { readonly type: "digest"; readonly id: number }
  | { readonly type: "drop"; readonly id: number };
export type FromHashWorker =
  | { readonly type: "taken"; readonly id: number }
  | { readonly type: "digest"; readonly id: number; readonly value: string };

/** A hash that the thread is computing. */
export interface Hashing {
  /** Hands over the first `length` bytes; resolves once they are hashed and may be overwritten. */
  update(bytes: SharedArrayBuffer, length: number): Promise<void>;
  /** Returns the hash in hex. */
  digest(): Promise<string>;
  /** Discards the hash. */
  drop(): void;
}

type Settle<T> = { resolve: (value: T) => void; reject: (thrown: Error) => void };

interface Waiting {
  readonly taken: Settle<void>[];
  digest: Settle<string> | undefined;
  /** Why the thread ended. */
  failure: Error | undefined;
}

/** A thread that computes hashes. It starts with the first hash and does not keep the process alive. */
export class HashThread {
  #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #count = 0;

  start(hash: HashName): Hashing {
    const worker = (this.#worker ??= this.#open());
    const id = (this.#count += 1);
    const waiting: Waiting = { taken: [], digest: undefined, failure: undefined };
    this.#waiting.set(id, waiting);
    const say = (message: ToHashWorker): void => worker.postMessage(message);
    const ask = <T>(message: ToHashWorker, wait: (settle: Settle<T>) => void): Promise<T> =>
      new Promise((resolve, reject) => {
        if (waiting.failure !== undefined) return reject(waiting.failure);
        wait({ resolve, reject });
        say(message);
      });
    say({ type: "start", id, hash });
    return {
      update: (bytes, length) =>
        ask({ type: "update", id, bytes, length }, (settle: Settle<void>) => waiting.taken.push(settle)),
      digest: () => ask({ type: "digest", id }, (settle: Settle<string>) => (waiting.digest = settle)),
      drop: () => {
        this.#waiting.delete(id);
        say({ type: "drop", id });
      },
    };
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #open(): Worker {
    // Loads Node's threads only when one is started.
    const threads = process.getBuiltinModule("node:worker_threads");
    const worker = new threads.Worker(new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url));
    worker.unref();
    worker.on("message", (message: FromHashWorker) => {
      const waiting = this.#waiting.get(message.id);
      if (message.type === "taken") return waiting?.taken.shift()?.resolve();
      this.#waiting.delete(message.id);
      return waiting?.digest?.resolve(message.value);
    });
    let reason = new Error("The thread that hashes has ended.");
    worker.on("error", (thrown) => (reason = thrown instanceof Error ? thrown : reason));
    worker.on("exit", () => {
      // The next hash starts a new thread; the pending hashes of this one fail.
      const all = [...this.#waiting.values()];
      this.#waiting = new Map();
      this.#worker = undefined;
      for (const waiting of all) {
        waiting.failure = reason;
        for (const each of waiting.taken) each.reject(reason);
        waiting.digest?.reject(reason);
      }
    });
    return worker;
  }
}
