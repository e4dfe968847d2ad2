import { AssertionError, messageOf } from "./assert.ts";
import { watchForJumps, type Clock, type Timer } from "./clock.ts";
import type { Logger } from "./logger.ts";
import { WorkQueue } from "./work-queue.ts";

/** What a loop reconciles. Level-triggered: a key says where to look, never what happened. */
export interface Reconciler {
  readonly name: string;
  /** Every key there is; asked at the start and at each resync, so that a lost event makes us late, never wrong. */
  keys(): Iterable<string>;
  /** Calls `changed` with the keys a change touches; returns how to stop watching. */
  watch(changed: (key: string) => void): () => void;
  /** Reads all it needs fresh, acts, writes status. The answer says in how many ms to look again. */
  reconcile(key: string): Promise<number | undefined>;
}

const RESYNC_MS = 120_000;
const CONCURRENCY_MAX = 32;

/** Binds a reconciler to its queue: subscribe, then list, then resync every two minutes. */
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
      concurrencyMax: CONCURRENCY_MAX,
      onFailure: (key, thrown, retryInMs) => {
        if (isProgramError(thrown))
          log.error("Internal invariant violated", { key, invariant: thrown.message, stack: thrown.stack });
        else log.warn("Reconcile failed", { key, reason: messageOf(thrown), retryInMs });
      },
    });
  }

  start(): void {
    this.#unwatch = this.#reconciler.watch((key) => this.#queue.add(key));
    // What waits for a moment of the clock looks again where the clock is another.
    this.#unwatchClock = watchForJumps(this.#clock, () => this.#addAll());
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
    this.#resync = this.#clock.after(RESYNC_MS, () => this.#listAll());
  }
}

/** Errors that no retry mends: a failed assertion, or a mistake in the program. */
function isProgramError(thrown: unknown): thrown is Error {
  return thrown instanceof AssertionError || thrown instanceof TypeError || thrown instanceof ReferenceError;
}
