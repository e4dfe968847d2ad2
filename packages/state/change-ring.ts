import { RevisionTooOldError, type Change } from "./store.ts";

/** How many delivered changes are kept for consumers that resume. */
export const CHANGES_MAX = 65_536;

interface Watcher {
  readonly changed: (change: Change) => void;
  /** The ordinal of the next change to deliver to it. */
  next: number;
}

/**
 * The latest changes of a store, in order, and its watchers. Every change has an ordinal, counted from the
 * start of the process; consumers resume by revision, which also holds across restarts.
 */
export class ChangeRing {
  readonly #changes: Change[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #max: number;
  /** The ordinal of `#changes[0]`. */
  #first = 0;
  /** The ordinal of the next change to deliver. */
  #delivered = 0;
  /** The ring does not contain all changes of this and earlier revisions. */
  #forgotten = 0;
  #delivering = false;

  constructor(max = CHANGES_MAX) {
    this.#max = max;
  }

  /** Starts an empty ring after the last revision of an earlier process. */
  beginAfter(revision: number): void {
    this.#forgotten = revision;
  }

  add(change: Change): void {
    this.#changes.push(change);
  }

  /**
   * Calls every watcher with the changes it has not seen. A watcher may commit itself: the call that is
   * already running delivers those changes after the ones before them.
   */
  deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let change = this.#at(this.#delivered); change !== undefined; change = this.#at(this.#delivered)) {
        const ordinal = this.#delivered;
        this.#delivered += 1;
        for (const watcher of this.#watchers) {
          if (watcher.next > ordinal) continue;
          watcher.next = ordinal + 1;
          watcher.changed(change);
        }
      }
    } finally {
      this.#delivering = false;
      this.#forgetOldest();
    }
  }

  /** Errors: RevisionTooOldError. */
  watch(changed: (change: Change) => void, since?: number): () => void {
    const watcher: Watcher = {
      changed,
      next: since === undefined ? this.#delivered : this.#ordinalAfter(since),
    };
    while (watcher.next < this.#delivered) {
      const change = this.#at(watcher.next);
      watcher.next += 1;
      if (change !== undefined) changed(change);
    }
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Errors: RevisionTooOldError. */
  since(revision: number, limit = CHANGES_MAX): readonly Change[] {
    const from = this.#ordinalAfter(revision) - this.#first;
    const changes = this.#changes.slice(from, from + limit);
    const following = this.#changes[from + limit];
    const last = changes.at(-1);
    if (following === undefined || last === undefined || following.revision !== last.revision) return changes;
    // The last commit is incomplete: it is left for the next call, unless it alone exceeds the limit.
    const whole = changes.filter((change) => change.revision !== last.revision);
    return whole.length > 0
      ? whole
      : this.#changes.slice(from).filter((change) => change.revision === last.revision);
  }

  close(): void {
    this.#watchers.clear();
  }

  #at(ordinal: number): Change | undefined {
    return this.#changes[ordinal - this.#first];
  }

  /** The ordinal of the first change after a revision, by binary search. */
  #ordinalAfter(revision: number): number {
    if (revision < this.#forgotten)
      throw new RevisionTooOldError(
        `The changes after revision ${revision} are no longer kept (the oldest is ` +
          `${this.#forgotten + 1}): list the records again.`,
      );
    let [low, high] = [0, this.#changes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#first + low;
  }

  /** Removes in bulk, so that the cost of a commit does not depend on the size of the ring. */
  #forgetOldest(): void {
    if (this.#changes.length < 2 * this.#max) return;
    const removed = this.#changes.splice(0, this.#changes.length - this.#max);
    this.#first += removed.length;
    this.#forgotten = removed.at(-1)?.revision ?? this.#forgotten;
  }
}
