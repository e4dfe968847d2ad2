import type { Clock, Timer } from "./clock.ts";

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 30_000;

/**
 * A queue of keys, not of events. Added twice is queued once; a key never runs twice at a time; a key added while it
 * runs is run once more; failing backs off per key, waiting is a delay of its own.
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
    /** Does the work of one key; the answer, if any, says in how many ms to look again. */
    work: (key: string) => Promise<number | undefined>;
    onFailure: (key: string, thrown: unknown, retryInMs: number) => void;
    concurrencyMax: number;
  }) {
    this.#clock = options.clock;
    this.#work = options.work;
    this.#onFailure = options.onFailure;
    this.#concurrencyMax = options.concurrencyMax;
  }

  /** Asks for the key to be worked on, now. A pending back-off is cut short. */
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

  /** Asks for the key in `delayMs`; an earlier request that is pending stays. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped || this.#ready.has(key)) return;
    const at = this.#clock.now() + delayMs;
    const pending = this.#timers.get(key);
    if (pending !== undefined && pending.at <= at) return;
    pending?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => this.add(key));
    this.#timers.set(key, { timer, at });
  }

  /** How many keys wait, run or are to run again. Delayed keys do not count. */
  get size(): number {
    return this.#ready.size + this.#running.size;
  }

  /** Takes no more keys and resolves once those that run have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ready.clear();
    this.#again.clear();
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Soon, and not at once: keys that one transaction adds many times are worked on once. */
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
      lookAgainInMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1));
      this.#onFailure(key, thrown, lookAgainInMs);
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#ready.add(key);
    else if (lookAgainInMs !== undefined) this.addAfter(key, lookAgainInMs);
    if (this.#stopped && this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    if (!this.#stopped) this.#pump();
  }
}
