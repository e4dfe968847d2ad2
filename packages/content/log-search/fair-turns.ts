import type { Clock } from "@gantry/kernel";

const SLICE_MS = 2;
/** Half of the time is other work's: a request takes many turns of the event loop. */
const PAUSE_MS = 2;
/** The owners whose computations hold memory at a time. */
const OWNERS_AT_ONCE = 8;

/** A computation that can pause wherever it yields. */
export type PausableWork = Iterator<undefined, void>;

/**
 * Runs long computations in slices of a few milliseconds, between which the process serves its other work. Of
 * each owner one computation runs at a time, and owners take turns, so that one owner's many computations delay
 * another's by one slice each.
 */
export class FairTurns {
  readonly #waiting = new Map<string, PausableWork[]>();
  readonly #clock: Clock;
  readonly #failed: (problem: unknown) => void;
  #isRunning = false;

  /** `failed` is called with what a computation throws. */
  constructor(clock: Clock, failed: (problem: unknown) => void) {
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Queues a computation. It begins in a later turn of the event loop. */
  add(owner: string, work: PausableWork): void {
    this.#waiting.set(owner, [...(this.#waiting.get(owner) ?? []), work]);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run(); // Never rejects: each computation's failure is reported.
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0)
      for (const owner of [...this.#waiting.keys()].slice(0, OWNERS_AT_ONCE)) {
        await new Promise<void>((resolve) => void this.#clock.after(PAUSE_MS, resolve));
        this.#advance(owner);
      }
    this.#isRunning = false;
  }

  /** Runs one slice of the first computation of an owner. */
  #advance(owner: string): void {
    const [first, ...others] = this.#waiting.get(owner) ?? [];
    if (first !== undefined && !this.#isDone(first)) return;
    // An owner that has more goes behind the others.
    this.#waiting.delete(owner);
    if (others.length > 0) this.#waiting.set(owner, others);
  }

  #isDone(work: PausableWork): boolean {
    const since = performance.now();
    try {
      while (performance.now() - since < SLICE_MS) if (work.next().done === true) return true;
      return false;
    } catch (thrown) {
      this.#failed(thrown);
      return true;
    }
  }
}
