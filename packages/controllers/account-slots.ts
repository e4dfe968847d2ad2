const BUSY_RETRY_MS = 1_000;

/** Limits how much work of one account runs at a time, so that its slow endpoints do not delay others. */
export class AccountSlots {
  readonly #running = new Map<string, number>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Does the work, or returns when to try again (ms) where the account has no slot left. */
  async run(account: string, work: () => Promise<number | undefined>): Promise<number | undefined> {
    const count = this.#running.get(account) ?? 0;
    if (count >= this.#most) return BUSY_RETRY_MS;
    this.#running.set(account, count + 1);
    try {
      return await work();
    } finally {
      const left = (this.#running.get(account) ?? 1) - 1;
      if (left === 0) this.#running.delete(account);
      else this.#running.set(account, left);
    }
  }
}
