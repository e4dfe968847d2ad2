import type { LogDestination, LogLine } from "@gantry/agent-protocol";
import { messageOf, sleep, type Clock, type Logger } from "@gantry/kernel";
import type { Engine } from "../engine/engine.ts";

/**
 * A batch is sent when it reaches this size or age. Source of the shape: PutLogEvents takes at most 10,000
 * events and 1 MiB.
 */
const BATCH_LINES_MAX = 1_000;
const BATCH_BYTES_MAX = 512 * 1024;
const BATCH_WAIT_MS = 100;
/** A multi-line event is complete when no line follows within this time. */
const MULTILINE_QUIET_MS = 500;
const FINISH_WAIT_MS = 5_000;
const RETRY_MS = 500;
/** A blocking follower reads at most this far ahead; the rest stays in the engine's file. */
const BLOCKING_LINES_MAX = 20_000;

interface Follower {
  readonly destination: LogDestination;
  readonly abort: AbortController;
  ended: Promise<void>;
  /** Whether the container's lines have all been read. */
  isOver: boolean;
  readonly queue: LogLine[];
  queuedBytes: number;
  sent: LogLine | undefined;
}

/**
 * Ships the lines of running containers as they are written. The engine's own file is the buffer: an
 * application is never blocked, and a cursor that the control plane confirms and that survives the agent
 * records the shipped position.
 */
export class LogShipper {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #cursors: {
    get(containerId: string): string | undefined;
    set(containerId: string, cursor: string): void;
    delete(containerId: string): void;
  };
  readonly #send: (containerId: string, destination: LogDestination, lines: readonly LogLine[]) => boolean;
  readonly #followers = new Map<string, Follower>();
  readonly #flushes = new Set<string>();

  constructor(deps: {
    engine: Engine;
    clock: Clock;
    log: Logger;
    cursors: {
      get(containerId: string): string | undefined;
      set(containerId: string, cursor: string): void;
      delete(containerId: string): void;
    };
    /** Sends a batch; false where the control plane is not connected. */
    send: (containerId: string, destination: LogDestination, lines: readonly LogLine[]) => boolean;
  }) {
    this.#engine = deps.engine;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#cursors = deps.cursors;
    this.#send = deps.send;
  }

  /**
   * Follows a container from its cursor; repeating it changes nothing, but for one that runs again after it
   * exited. The stream is created at once, as with AWS's log driver.
   */
  follow(containerId: string, destination: LogDestination, isRunning: boolean): void {
    const known = this.#followers.get(containerId);
    if (known?.isOver === true && isRunning) {
      known.isOver = false;
      known.ended = this.#read(containerId, known);
    }
    if (known !== undefined) return;
    const abort = new AbortController();
    const follower: Follower = {
      destination,
      abort,
      queue: [],
      queuedBytes: 0,
      sent: undefined,
      ended: Promise.resolve(),
      isOver: false,
    };
    this.#followers.set(containerId, follower);
    this.#open(containerId, follower);
    follower.ended = this.#read(containerId, follower);
  }

  /** Called when the control plane has stored the lines up to the cursor. */
  taken(containerId: string, cursor: string): void {
    if (cursor === "") return; // The stream was created and has no line yet.
    this.#cursors.set(containerId, cursor);
    const follower = this.#followers.get(containerId);
    if (follower === undefined) return;
    follower.sent = undefined;
    while (follower.queue[0] !== undefined && follower.queue[0].cursor <= cursor)
      follower.queuedBytes -= follower.queue.shift()?.message.length ?? 0;
    this.#flush(containerId, follower);
  }

  /** Called when the control plane reconnects: unconfirmed batches are sent again. */
  resend(): void {
    for (const [containerId, follower] of this.#followers) {
      follower.sent = undefined;
      this.#open(containerId, follower);
      this.#flush(containerId, follower);
    }
  }

  /** Waits, for a bounded time, until all lines of an ended container are confirmed; then forgets it. */
  async finish(containerId: string): Promise<void> {
    const follower = this.#followers.get(containerId);
    if (follower === undefined) return;
    const deadline = this.#clock.now() + FINISH_WAIT_MS;
    await Promise.race([follower.ended, sleep(this.#clock, FINISH_WAIT_MS)]);
    this.#flush(containerId, follower);
    while (follower.queue.length > 0 && this.#clock.now() < deadline) await sleep(this.#clock, 20);
    follower.abort.abort();
    this.#followers.delete(containerId);
    this.#cursors.delete(containerId);
  }

  /**
   * An empty batch creates the stream before anything is reported about the container, so that a client that
   * sees it stopped finds its log.
   */
  #open(containerId: string, follower: Follower): void {
    if (this.#cursors.get(containerId) === undefined) this.#send(containerId, follower.destination, []);
  }

  async #read(containerId: string, follower: Follower): Promise<void> {
    const { destination, abort } = follower;
    const starts =
      destination.multilinePattern === undefined ? undefined : new RegExp(destination.multilinePattern);
    let open: LogLine | undefined;
    let openedAt = 0;
    const close = (): void => {
      if (open !== undefined) this.#enqueue(containerId, follower, open);
      open = undefined;
    };
    for (;;) {
      try {
        for await (const line of this.#engine.logs(
          containerId,
          follower.queue.at(-1)?.cursor ?? this.#cursors.get(containerId),
          abort.signal,
        )) {
          while (
            !destination.nonBlocking &&
            follower.queue.length > BLOCKING_LINES_MAX &&
            !abort.signal.aborted
          )
            await sleep(this.#clock, RETRY_MS);
          const event: LogLine = {
            cursor: line.at,
            timestamp: Date.parse(`${line.at.slice(0, 23)}Z`),
            message: line.text,
          };
          if (starts === undefined) {
            this.#enqueue(containerId, follower, event);
            continue;
          }
          if (open === undefined || starts.test(line.text)) {
            close();
            open = event;
          } else {
            open = { ...open, cursor: line.at, message: `${open.message}\n${line.text}` };
          }
          openedAt = this.#clock.now();
          this.#clock.after(MULTILINE_QUIET_MS, () => {
            if (this.#clock.now() - openedAt >= MULTILINE_QUIET_MS) close();
          });
        }
        close();
        this.#flush(containerId, follower);
        follower.isOver = true;
        return;
      } catch (thrown) {
        if (abort.signal.aborted) return;
        // The lines of an incomplete event are not queued yet, and are read again.
        open = undefined;
        this.#log.warn("Log stream interrupted", { containerId, reason: messageOf(thrown) });
        await sleep(this.#clock, RETRY_MS);
      }
    }
  }

  #enqueue(containerId: string, follower: Follower, line: LogLine): void {
    follower.queue.push(line);
    follower.queuedBytes += line.message.length;
    // Beyond its limit a non-blocking buffer drops its oldest lines; a blocking one drops nothing, and unread
    // lines stay in the engine's file.
    while (
      follower.destination.nonBlocking &&
      follower.queuedBytes > follower.destination.bufferMaxBytes &&
      follower.queue.length > 1
    ) {
      follower.queuedBytes -= follower.queue.shift()?.message.length ?? 0;
    }
    if (follower.queue.length >= BATCH_LINES_MAX) this.#flush(containerId, follower);
    else if (!this.#flushes.has(containerId)) {
      this.#flushes.add(containerId);
      this.#clock.after(BATCH_WAIT_MS, () => {
        this.#flushes.delete(containerId);
        this.#flush(containerId, follower);
      });
    }
  }

  #flush(containerId: string, follower: Follower): void {
    if (follower.sent !== undefined || follower.queue.length === 0) return;
    const batch: LogLine[] = [];
    let bytes = 0;
    for (const line of follower.queue) {
      if (batch.length >= BATCH_LINES_MAX || bytes > BATCH_BYTES_MAX) break;
      batch.push(line);
      bytes += line.message.length;
    }
    if (this.#send(containerId, follower.destination, batch)) follower.sent = batch.at(-1);
  }
}
