import { realTimeOf, type Clock, type Timer } from "./clock.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 30_000;

/**
 * A queue of keys rather than events. A key that is added twice is queued once, never runs concurrently with
 * itself, and runs once more if it is added while it runs. Failures back off exponentially per key, in real
 * time.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #work: (key: string) => Promise<number | undefined>;
  readonly #onFailure: (key: string, thrown: unknown, retryInMs: number) => void;
  readonly #concurrencyMax: number;
  readonly #ready = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { timer: Timer; at: number }>();
  #stopped = false;
  #pumping = false;
  #idle: (() => void)[] = [];

  constructor(options: {
    clock: Clock;
    /** Processes one key. Returns the ms until it is queued again, or undefined. */
    work: (key: string) => Promise<number | undefined>;
    onFailure: (key: string, thrown: unknown, retryInMs: number) => void;
    concurrencyMax: number;
  }) {
    this.#clock = options.clock;
    this.#work = options.work;
    this.#onFailure = options.onFailure;
    this.#concurrencyMax = options.concurrencyMax;
  }

  /** Queues the key now and cancels its pending back-off. */
  add(key: string): void {
    if (this.#stopped) return;
    this.#timers.get(key)?.timer.cancel();
    this.#timers.delete(key);
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    this.#pump();
  }

  /** Queues the key in `delayMs`, unless it is due earlier. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped || this.#ready.has(key)) return;
    const at = this.#clock.now() + delayMs;
    const pending = this.#timers.get(key);
    if (pending !== undefined && pending.at <= at) return;
    pending?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => this.add(key));
    this.#timers.set(key, { timer, at });
  }

  /** The number of keys that are queued or running. Delayed keys do not count. */
  get size(): number {
    return this.#ready.size + this.#running.size;
  }

  /** Stops accepting keys and resolves when the running ones have finished. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ready.clear();
    this.#again.clear();
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Starts queued keys in a microtask, so that a key added many times by one transaction runs once. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      if (!this.#stopped) this.#startReady();
    });
  }

  #startReady(): void {
    while (this.#running.size < this.#concurrencyMax) {
      const [key] = this.#ready;
      if (key === undefined) return;
      this.#ready.delete(key);
      this.#running.add(key);
      void this.#run(key); // #run never rejects: a failure is handed to onFailure.
    }
  }

  async #run(key: string): Promise<void> {
    let lookAgainInMs: number | undefined;
    try {
      lookAgainInMs = await this.#work(key);
      this.#failures.delete(key);
    } catch (thrown) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const retryInMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1));
      lookAgainInMs = realTimeOf(this.#clock).wait(retryInMs);
      this.#onFailure(key, thrown, retryInMs);
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#ready.add(key);
    else if (lookAgainInMs !== undefined) this.addAfter(key, lookAgainInMs);
    if (this.#stopped && this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    if (!this.#stopped) this.#pump();
  }
}
