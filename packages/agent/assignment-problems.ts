/** The problems that the agent's checks found in the newest assignment of each key. */
export class AssignmentProblems {
  readonly #refused = new Map<string, string>();
  readonly #leftOut = new Map<string, readonly string[]>();

  /** Records that the newest assignment of the key was refused as a whole. */
  refuse(key: string, problem: string): void {
    this.#refused.set(key, problem);
  }

  /**
   * Records that the newest assignment of the key was accepted, without the parts that have these problems.
   */
  accept(key: string, leftOut: readonly string[]): void {
    this.#refused.delete(key);
    this.#leftOut.set(key, leftOut);
  }

  forget(key: string): void {
    this.#refused.delete(key);
    this.#leftOut.delete(key);
  }

  /** The reason why the newest assignment of the key was refused. */
  refusalOf(key: string): string | undefined {
    return this.#refused.get(key);
  }

  /** The problems of the parts that were left out of the assignment. */
  leftOutOf(key: string): readonly string[] {
    return this.#leftOut.get(key) ?? [];
  }
}
