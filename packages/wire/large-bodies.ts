/** Bodies of more bytes than this are decoded one after the other, with turns of the event loop between them. */
export const LARGE_BYTES = 32 * 1024;

/** Thrown where the bodies that are being read take all the memory there is for them. */
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

  /** Takes so many bytes. Errors: BusyError. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) throw new BusyError("Too many large bodies at once.");
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** One request's part of the memory for bodies. */
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

/** Resolves once all that is waiting in this turn of the event loop has been served. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * Lets one large body be decoded at a time, each in a turn of its own: however many are sent, a small request waits for
 * one of them at most.
 */
export class Lane {
  #last: Promise<void> = Promise.resolve();

  /** Runs `work` after all that came before it. Errors: those of `work`. */
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
