import { AssertionError, messageOf } from "./assert.ts";
import { realTimeOf, watchForJumps, type Clock, type Timer } from "./clock.ts";
import type { Logger } from "./logger.ts";
import { WorkQueue } from "./work-queue.ts";

/** The reconciler of one loop. It is level-triggered: a key names the object to look at, not the event. */
export interface Reconciler {
  readonly name: string;
  /**
   * How many keys are reconciled at a time: 32 unless it says otherwise, as one does that waits for others'
   * programs.
   */
  readonly concurrencyMax?: number;
  /** Lists every key. Called at the start and at each resync, so that a lost event only delays a reconcile. */
  keys(): Iterable<string>;
  /** Calls `changed` with the keys that a change affects. Returns a function that stops the watch. */
  watch(changed: (key: string) => void): () => void;
  /**
   * Reads current state, acts and writes status. Returns the ms of the loop's clock until the next reconcile,
   * or undefined.
   */
  reconcile(key: string): Promise<number | undefined>;
}

const RESYNC_MS = 120_000;
const CONCURRENCY_MAX = 32;

/** Runs a reconciler on a work queue: subscribes, lists all keys, and resyncs every two minutes. */
export class Controller {
  readonly #reconciler: Reconciler;
  readonly #clock: Clock;
  readonly #queue: WorkQueue;
  #unwatch: (() => void) | undefined;
  #unwatchClock: (() => void) | undefined;
  #resync: Timer | undefined;

  constructor(reconciler: Reconciler, deps: { clock: Clock; log: Logger }) {
    this.#reconciler = reconciler;
    this.#clock = deps.clock;
    const log = deps.log.with({ controller: reconciler.name });
    this.#queue = new WorkQueue({
      clock: deps.clock,
      work: (key) => reconciler.reconcile(key),
      concurrencyMax: reconciler.concurrencyMax ?? CONCURRENCY_MAX,
      onFailure: (key, thrown, retryInMs) => {
        if (isProgramError(thrown))
          log.error("Internal invariant violated", { key, invariant: thrown.message, stack: thrown.stack });
        else log.warn("Reconcile failed", { key, reason: messageOf(thrown), retryInMs });
      },
    });
  }

  start(): void {
    this.#unwatch = this.#reconciler.watch((key) => this.#queue.add(key));
    // Waits that depend on the clock are evaluated again when it jumps, or runs at another speed.
    const real = realTimeOf(this.#clock);
    const stops = [watchForJumps(real.clock, () => this.#addAll()), real.onChange(() => this.#addAll())];
    this.#unwatchClock = () => stops.forEach((stop) => stop());
    this.#listAll();
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#unwatchClock?.();
    this.#resync?.cancel();
    await this.#queue.stop();
  }

  #addAll(): void {
    for (const key of this.#reconciler.keys()) this.#queue.add(key);
  }

  #listAll(): void {
    this.#addAll();
    this.#resync = realTimeOf(this.#clock).clock.after(RESYNC_MS, () => this.#listAll());
  }
}

/** Errors that a retry cannot fix: failed assertions and programming errors. */
function isProgramError(thrown: unknown): thrown is Error {
  return thrown instanceof AssertionError || thrown instanceof TypeError || thrown instanceof ReferenceError;
}
