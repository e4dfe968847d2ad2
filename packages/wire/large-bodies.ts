/** Bodies larger than this are decoded one at a time, yielding to the event loop between them. */
export const LARGE_BYTES = 32 * 1024;

/** Thrown if the bodies that are being read use up the memory for bodies. */
export class BusyError extends Error {
  override readonly name = "BusyError";
}

/** Bounds the memory of all bodies that are held at once. */
export class BodyMemory {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Reserves this many bytes. Errors: BusyError. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) throw new BusyError("Too many large bodies at once.");
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The memory that one request has reserved for its body. */
export class BodyLease {
  readonly #memory: BodyMemory;
  #bytes = 0;

  constructor(memory: BodyMemory) {
    this.#memory = memory;
  }

  take(bytes: number): void {
    this.#memory.take(bytes);
    this.#bytes += bytes;
  }

  end(): void {
    this.#memory.giveBack(this.#bytes);
    this.#bytes = 0;
  }
}

/** Resolves after everything pending in this turn of the event loop has run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Serializes the decoding of large bodies, each in its own turn of the event loop: a small request waits for
 * at most one of them.
 */
export class Lane {
  #last: Promise<void> = Promise.resolve();

  /** Runs `work` after all work that was queued before it. Errors: those of `work`. */
  async run<T>(work: () => Promise<T> | T): Promise<T> {
    const before = this.#last;
    let leave = (): void => {};
    this.#last = new Promise((resolve) => {
      leave = resolve;
    });
    await before;
    try {
      await nextTurn();
      return await work();
    } finally {
      leave();
    }
  }
}
