/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

/** Time comes in by the door: milliseconds since the epoch, UTC, and timers measured by the same clock. */
export interface Clock {
  now(): number;
  after(delayMs: number, run: () => void): Timer;
}

/** Resolves after `delayMs` of the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

/**
 * Milliseconds since a stored moment. A moment that lies ahead was written before the clock was set back: it counts as
 * long past, so that whoever waits for time alone is early by a wait and never late by a day.
 */
export function elapsedSince(then: number, now: number): number {
  return then > now ? Number.POSITIVE_INFINITY : now - then;
}

const JUMP_LOOK_MS = 1_000;
const JUMP_MIN_MS = 5_000;

/** Calls back when the clock was set, or the machine slept: a second took much longer or shorter than one. Returns how to stop. */
export function watchForJumps(clock: Clock, onJump: (byMs: number) => void): () => void {
  let timer: Timer;
  const look = (from: number): void => {
    timer = clock.after(JUMP_LOOK_MS, () => {
      const now = clock.now();
      const byMs = now - from - JUMP_LOOK_MS;
      look(now);
      if (Math.abs(byMs) >= JUMP_MIN_MS) onJump(byMs);
    });
  };
  look(clock.now());
  return () => timer.cancel();
}

/** The machine's clock. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), 2 ** 31 - 1));
    return { cancel: () => clearTimeout(timer) };
  }
}

interface PendingTimer {
  at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** A clock that stands still until a test advances it; timers fire in order, promises settle between them. */
export class VirtualClock implements Clock {
  readonly #settleTurns: number;
  #now: number;
  #order = 0;
  /** A binary heap: the next timer is first. */
  readonly #timers: PendingTimer[] = [];

  /** `settleTurns`: turns of the macrotask queue that promises get; one is enough where nothing waits for a file or a socket. */
  constructor(startMs = Date.UTC(2026, 0, 1), settleTurns = 20) {
    this.#now = startMs;
    this.#settleTurns = settleTurns;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: PendingTimer = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      run,
      cancelled: false,
    };
    this.#timers.push(timer);
    this.#siftUp(this.#timers.length - 1);
    return { cancel: () => void (timer.cancelled = true) };
  }

  /** Lets `durationMs` pass: every timer that falls due fires, in order, with everything it caused settled. */
  async advance(durationMs: number): Promise<void> {
    let end = this.#now + durationMs;
    await this.#settle();
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.at > end) break;
      this.#removeFirst();
      if (next.cancelled) continue;
      this.#now = Math.max(this.#now, next.at);
      const before = this.#now;
      next.run();
      await this.#settle();
      end += this.#now - before;
    }
    this.#now = end;
  }

  /** Sets the clock by so many ms, as a person or a time server would: what was to happen in a second still does. */
  jump(byMs: number): void {
    this.#now += byMs;
    for (const timer of this.#timers) timer.at += byMs;
  }

  /** Lets promise chains run to their ends. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < this.#settleTurns; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
  }

  #removeFirst(): void {
    const last = this.#timers.pop();
    if (last === undefined || this.#timers.length === 0) return;
    this.#timers[0] = last;
    this.#siftDown();
  }

  #siftUp(from: number): void {
    for (let index = from; index > 0;) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #siftDown(): void {
    for (let index = 0; ;) {
      let first = index;
      for (const child of [2 * index + 1, 2 * index + 2])
        if (child < this.#timers.length && this.#isBefore(child, first)) first = child;
      if (first === index) return;
      this.#swap(index, first);
      index = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#timers[a], this.#timers[b]];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#timers[a], this.#timers[b]];
    if (one !== undefined && other !== undefined) [this.#timers[a], this.#timers[b]] = [other, one];
  }
}
