/** A pending timer. */
export interface Timer {
  cancel(): void;
}

/** Real time, as a clock that may run ahead of it sees it. */
export interface RealTime {
  readonly clock: Clock;
  /** Real milliseconds since a timestamp of the clock; infinite for a timestamp in the future, as in `elapsedSince`. */
  elapsedSince(then: number): number;
  /** Milliseconds of the clock that pass in the given real milliseconds, as fast as it runs now. */
  wait(realMs: number): number;
  /** The clock's timestamp of a real moment. */
  stampOf(real: number): number;
  /** Calls back when the clock was changed. Returns a function that stops. */
  onChange(listener: () => void): () => void;
}

/**
 * The source of time, injected so that tests control it: milliseconds since the epoch (UTC), and timers on
 * the same clock.
 */
export interface Clock {
  now(): number;
  after(delayMs: number, run: () => void): Timer;
  /** For a clock that may run ahead of real time; absent from a clock that is real itself. */
  readonly real?: RealTime;
}

/** Real time beside a clock; of a clock that is real, its own. */
export function realTimeOf(clock: Clock): RealTime {
  return (
    clock.real ?? {
      clock,
      elapsedSince: (then) => elapsedSince(then, clock.now()),
      wait: (realMs) => realMs,
      stampOf: (real) => real,
      onChange: () => () => {},
    }
  );
}

/** Resolves after `delayMs` on the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

/**
 * Milliseconds since a stored timestamp. A timestamp in the future was written before the wall clock was set
 * back and is treated as expired: a wait may end early, but it never lasts as long as the clock was set back.
 */
export function elapsedSince(then: number, now: number): number {
  return then > now ? Number.POSITIVE_INFINITY : now - then;
}

const JUMP_LOOK_MS = 1_000;
const JUMP_MIN_MS = 5_000;

/** What looks for jumps of a clock, once for all that watch it. */
interface JumpWatch {
  readonly listeners: Set<(byMs: number) => void>;
  timer: Timer;
}

const jumpWatches = new WeakMap<Clock, JumpWatch>();

/**
 * Calls back when the wall clock was set or the machine was suspended: a one-second timer was far off.
 * Returns a function that stops.
 */
export function watchForJumps(clock: Clock, onJump: (byMs: number) => void): () => void {
  const watch = jumpWatches.get(clock) ?? newJumpWatch(clock);
  // The same function may be given twice.
  const listener = (byMs: number): void => onJump(byMs);
  watch.listeners.add(listener);
  return () => {
    watch.listeners.delete(listener);
    if (watch.listeners.size > 0) return;
    watch.timer.cancel();
    if (jumpWatches.get(clock) === watch) jumpWatches.delete(clock);
  };
}

function newJumpWatch(clock: Clock): JumpWatch {
  const look = (from: number): Timer =>
    clock.after(JUMP_LOOK_MS, () => {
      const now = clock.now();
      const byMs = now - from - JUMP_LOOK_MS;
      watch.timer = look(now);
      if (Math.abs(byMs) >= JUMP_MIN_MS) for (const listener of watch.listeners) listener(byMs);
    });
  const watch: JumpWatch = { listeners: new Set(), timer: look(clock.now()) };
  jumpWatches.set(clock, watch);
  return watch;
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

  /** `settleTurns`: the macrotask turns in which promises may settle. One is enough without file or socket I/O. */
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

  /**
   * Advances the clock by `durationMs`. Timers that fall due fire in order, and their effects settle before
   * the next one.
   */
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

  /**
   * Shifts the wall clock by the given ms, like an operator or a time server. Pending timers keep their
   * remaining time.
   */
  jump(byMs: number): void {
    this.#now += byMs;
    for (const timer of this.#timers) timer.at += byMs;
  }

  /** Waits until pending promise chains have settled. */
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
