const SLICE_MS = 5;

/** Divides a long computation into slices of a few milliseconds, between which the process serves its other work. */
export class Slices {
  #since = performance.now();
  #spentMs = 0;

  /** Computing time so far, without the pauses. */
  get spentMs(): number {
    return this.#spentMs + performance.now() - this.#since;
  }

  /** Pauses if the slice is over. To be called often. */
  async rest(): Promise<void> {
    const elapsedMs = performance.now() - this.#since;
    if (elapsedMs < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#spentMs += elapsedMs;
    this.#since = performance.now();
  }
}
