/** A mutex per digest: the holder has exclusive access to the bytes of the digest. */
export class DigestLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs the work while holding all of the digests. They are taken in sorted order, so that two calls cannot
   * deadlock.
   */
  async hold<T>(digests: readonly string[], work: () => Promise<T>): Promise<T> {
    const releases: (() => void)[] = [];
    try {
      for (const digest of [...new Set(digests)].toSorted()) releases.push(await this.#take(digest));
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  async #take(digest: string): Promise<() => void> {
    const before = this.#tails.get(digest);
    let release: () => void = () => {};
    const mine = new Promise<void>((resolve) => (release = resolve));
    const tail = (before ?? Promise.resolve()).then(() => mine);
    this.#tails.set(digest, tail);
    await before;
    return () => {
      if (this.#tails.get(digest) === tail) this.#tails.delete(digest);
      release();
    };
  }
}
