import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { openSqlite } from "@gantry/kernel";
import {
  QUEUE_SCHEMA,
  toMessage,
  type MessageRow,
  type NewQueueMessage,
  type QueueMessage,
} from "./queue-rows.ts";

export interface QueueCounts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** Source: SQS Developer Guide, "Exactly-once processing". */
const DEDUPLICATION_MS = 5 * 60_000;

/**
 * The messages of queues in one SQLite file. A queue is named by the unique id of its record. Changes of one turn
 * of the event loop share a commit; a returned promise resolves when its change is synced to the disk.
 */
export class QueueStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #listeners = new Map<string, Set<() => void>>();
  /** An upper bound of the messages in flight, by queue. A queue without an entry has not been counted yet. */
  readonly #inFlightMost = new Map<string, number>();
  #commit: Promise<void> | undefined;
  #isClosed = false;

  constructor(path: string) {
    this.#database = openSqlite(path);
    this.#database.exec(QUEUE_SCHEMA);
  }

  /** Appends messages. Returns the id and sequence of each, or of the earlier message that it repeats. */
  async send(
    queue: string,
    messages: readonly NewQueueMessage[],
    now: number,
  ): Promise<readonly { readonly id: string; readonly sequence: number }[]> {
    const sent = await this.#write(() => messages.map((message) => this.#insert(queue, message, now)));
    this.#announce(queue);
    return sent;
  }

  #insert(queue: string, message: NewQueueMessage, now: number): { id: string; sequence: number } {
    const { id, content, keyId, groupId, visibleAt, deduplicateBy } = message;
    if (deduplicateBy !== undefined) {
      this.#run("DELETE FROM deduplication WHERE sent_at <= ?", now - DEDUPLICATION_MS);
      const [earlier] = this.#all(
        "SELECT message_id, sequence FROM deduplication WHERE queue = ? AND value = ?",
        queue,
        deduplicateBy,
      );
      if (earlier !== undefined)
        return { id: String(earlier["message_id"]), sequence: Number(earlier["sequence"]) };
    }
    this.#run(
      "INSERT INTO message (queue, id, content, key_id, group_id, sent_at, visible_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[queue, id, content, keyId, groupId ?? null, now, visibleAt],
    );
    const sequence = Number(this.#all("SELECT last_insert_rowid() AS sequence")[0]?.["sequence"]);
    if (deduplicateBy !== undefined)
      this.#run(
        "INSERT INTO deduplication (queue, value, message_id, sequence, sent_at) VALUES (?, ?, ?, ?, ?)",
        ...[queue, deduplicateBy, id, sequence, now],
      );
    return { id, sequence };
  }

  /**
   * The messages that can be received now, in order. Of a FIFO queue: no message whose group has an earlier one
   * in flight.
   */
  receivable(
    queue: string,
    { isFifo, now, limit }: { isFifo: boolean; now: number; limit: number },
  ): readonly QueueMessage[] {
    const rows = isFifo
      ? this.#all(
          "SELECT * FROM message AS m WHERE queue = ?1 AND visible_at <= ?2 AND NOT EXISTS " +
            "(SELECT 1 FROM message AS e WHERE e.queue = ?1 AND e.group_id = m.group_id AND e.visible_at > ?2 AND " +
            "e.sequence < m.sequence) ORDER BY sequence LIMIT ?3",
          ...[queue, now, limit],
        )
      : this.#all(
          "SELECT * FROM message WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, sequence LIMIT ?",
          ...[queue, now, limit],
        );
    return rows.map((row) => toMessage(row as unknown as MessageRow)); // The schema's own columns.
  }

  /**
   * Marks messages of a queue as received, each with its new receipt, and moves others to dead-letter queues, in one
   * transaction. The caller has read them in the same turn.
   */
  async take(
    queue: string,
    {
      received = [],
      moved = [],
    }: {
      readonly received?: readonly {
        readonly sequence: number;
        readonly receipt: string;
        readonly visibleAt: number;
      }[];
      readonly moved?: readonly (Pick<QueueMessage, "sequence" | "content" | "keyId" | "movedFrom"> & {
        readonly to: string;
      })[];
    },
    now: number,
  ): Promise<void> {
    this.#noteInFlight(queue, received.length);
    await this.#write(() => {
      for (const { sequence, receipt, visibleAt } of received)
        this.#run(
          "UPDATE message SET receipt = ?, visible_at = ?, receive_count = receive_count + 1, own_receive_count = " +
            "own_receive_count + 1, first_received_at = coalesce(first_received_at, ?) WHERE sequence = ?",
          ...[receipt, visibleAt, now, sequence],
        );
      for (const { sequence, content, keyId, movedFrom, to } of moved)
        this.#run(
          "UPDATE message SET queue = ?, content = ?, key_id = ?, moved_from = ?, own_receive_count = 0, " +
            "receipt = NULL, visible_at = ? WHERE sequence = ?",
          ...[to, content, keyId, movedFrom ?? null, now, sequence],
        );
    });
    for (const target of new Set(moved.map(({ to }) => to))) this.#announce(target);
  }

  /** The message with this sequence, where the queue still has it. */
  find(queue: string, sequence: number): QueueMessage | undefined {
    const [row] = this.#all("SELECT * FROM message WHERE sequence = ? AND queue = ?", sequence, queue);
    return row && toMessage(row as unknown as MessageRow); // As above.
  }

  async remove(queue: string, sequences: readonly number[]): Promise<void> {
    await this.#write(() => {
      for (const sequence of sequences)
        this.#run("DELETE FROM message WHERE sequence = ? AND queue = ?", sequence, queue);
    });
    this.#announce(queue);
  }

  async changeVisibility(
    queue: string,
    changes: readonly { readonly sequence: number; readonly visibleAt: number }[],
  ): Promise<void> {
    // A message that was visible again can go back into flight.
    this.#noteInFlight(queue, changes.length);
    await this.#write(() => {
      for (const { sequence, visibleAt } of changes)
        this.#run(
          "UPDATE message SET visible_at = ? WHERE sequence = ? AND queue = ?",
          ...[visibleAt, sequence, queue],
        );
    });
    this.#announce(queue);
  }

  /** Removes messages that were sent at `before` or earlier. */
  async expire(queue: string, before: number): Promise<void> {
    const [expired] = this.#all(
      "SELECT 1 FROM message WHERE queue = ? AND sent_at <= ? LIMIT 1",
      queue,
      before,
    );
    if (expired === undefined) return;
    await this.#write(() => this.#run("DELETE FROM message WHERE queue = ? AND sent_at <= ?", queue, before));
  }

  /** Removes all messages of a queue. */
  async purge(queue: string): Promise<void> {
    await this.#write(() => this.#run("DELETE FROM message WHERE queue = ?", queue));
  }

  /** Removes everything of a queue that was deleted. */
  async drop(queue: string): Promise<void> {
    await this.#write(() => {
      this.#run("DELETE FROM message WHERE queue = ?", queue);
      this.#run("DELETE FROM deduplication WHERE queue = ?", queue);
    });
    this.#inFlightMost.delete(queue);
    this.#announce(queue);
  }

  counts(queue: string, now: number): QueueCounts {
    const [row] = this.#all(
      "SELECT count(*) AS every, coalesce(sum(visible_at <= ?2), 0) AS visible, " +
        "coalesce(sum(visible_at > ?2 AND receipt IS NOT NULL), 0) AS in_flight FROM message WHERE queue = ?1",
      ...[queue, now],
    );
    const [every, visible, inFlight] = ["every", "visible", "in_flight"].map((name) => Number(row?.[name]));
    return {
      visible: visible ?? 0,
      inFlight: inFlight ?? 0,
      delayed: (every ?? 0) - (visible ?? 0) - (inFlight ?? 0),
    };
  }

  /**
   * Whether at least `limit` messages are in flight. They are counted when so many may have been received since the
   * last count: a count reads them all.
   */
  hasInFlight(queue: string, now: number, limit: number): boolean {
    const most = this.#inFlightMost.get(queue);
    if (most !== undefined && most < limit) return false;
    const { inFlight } = this.counts(queue, now);
    this.#inFlightMost.set(queue, inFlight);
    return inFlight >= limit;
  }

  #noteInFlight(queue: string, more: number): void {
    const most = this.#inFlightMost.get(queue);
    if (most !== undefined) this.#inFlightMost.set(queue, most + more);
  }

  /** When the next message becomes visible that is not visible yet. */
  nextVisibleAt(queue: string, now: number): number | undefined {
    const [row] = this.#all(
      "SELECT min(visible_at) AS next FROM message WHERE queue = ? AND visible_at > ?",
      ...[queue, now],
    );
    return typeof row?.["next"] === "number" ? row["next"] : undefined;
  }

  /** Calls back when messages of the queue were written, came back or went. Returns a function that stops it. */
  watch(queue: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(queue) ?? new Set();
    this.#listeners.set(queue, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(queue);
    };
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Copies a consistent snapshot into a file. */
  copyTo(path: string): void {
    this.#commitNow();
    this.#database.prepare("VACUUM INTO ?").run(path);
  }

  /** Ends the waits of receivers and closes the file. */
  close(): void {
    this.#commitNow();
    this.#isClosed = true;
    for (const queue of [...this.#listeners.keys()]) this.#announce(queue);
    this.#database.close();
  }

  #announce(queue: string): void {
    for (const listener of [...(this.#listeners.get(queue) ?? [])]) listener();
  }

  /** Runs `work` in the transaction of this turn, all of it or nothing; resolves when that is committed. */
  async #write<T>(work: () => T): Promise<T> {
    this.#commit ??= this.#begin();
    const commit = this.#commit;
    this.#database.exec("SAVEPOINT one");
    let answer: T;
    try {
      answer = work();
      this.#database.exec("RELEASE one");
    } catch (thrown) {
      // When the disk is full, SQLite has already rolled back the whole transaction.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK TO one; RELEASE one");
      throw thrown;
    }
    await commit;
    return answer;
  }

  #begin(): Promise<void> {
    this.#database.exec("BEGIN IMMEDIATE");
    const commit = new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        try {
          this.#commitNow();
          resolve();
        } catch (thrown) {
          reject(thrown);
        }
      });
    });
    commit.catch(() => {}); // Each caller of #write gets it.
    return commit;
  }

  #commitNow(): void {
    if (this.#commit === undefined) return;
    this.#commit = undefined;
    if (!this.#database.isTransaction) throw new Error("The messages were not written.");
    try {
      this.#database.exec("COMMIT");
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw thrown;
    }
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#prepare(sql).run(...values);
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): readonly Record<string, unknown>[] {
    return this.#prepare(sql).all(...values);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}
