import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { NumberedEvent, ObjectEvent, ObjectMeta } from "./object-meta.ts";

export function metaOf(row: unknown): ObjectMeta | undefined {
  return read(row) as ObjectMeta | undefined; // We wrote it.
}

export function metasOf(rows: readonly unknown[]): readonly ObjectMeta[] {
  return rows.map((row) => read(row) as ObjectMeta); // As above.
}

/** The content of a row; undefined if there is no row. */
export function read(row: unknown): unknown {
  return row === undefined ? undefined : JSON.parse((row as { meta: string }).meta); // Every query selects it.
}

/** The first key after all keys with the prefix. */
export function endOfPrefix(prefix: Buffer): Buffer | undefined {
  const end = Buffer.from(prefix);
  for (let index = end.length - 1; index >= 0; index -= 1) {
    if ((end[index] ?? 255) < 255) {
      end[index] = (end[index] ?? 0) + 1;
      return end.subarray(0, index + 1);
    }
  }
  return undefined;
}

/** Events that wait to be sent. Beyond, the oldest are dropped: what is not taken must not fill the disk. */
const EVENTS_MAX = 100_000;

/** The outbox of the object store: each event is written in the transaction of its change. */
export class EventRows {
  readonly #run: (sql: string) => StatementSync;
  #listeners: readonly (() => void)[] = [];

  constructor(run: (sql: string) => StatementSync) {
    this.#run = run;
  }

  /** Stores an event. Part of the caller's transaction, which ends in this turn of the event loop. */
  add(event: ObjectEvent): void {
    const { lastInsertRowid } = this.#run("INSERT INTO event (meta) VALUES (?)").run(JSON.stringify(event));
    this.#run("DELETE FROM event WHERE number <= ?").run(Number(lastInsertRowid) - EVENTS_MAX);
    setImmediate(() => this.#listeners.forEach((listener) => listener()));
  }

  /** The oldest events that wait, of all buckets. */
  oldest(limit: number): readonly NumberedEvent[] {
    return this.#run("SELECT number, meta FROM event ORDER BY number LIMIT ?")
      .all(limit)
      .map((row) => ({ number: Number(row["number"]), event: read(row) as ObjectEvent })); // `add` wrote it.
  }

  /** Removes the events up to a number: they were passed on. */
  forget(upTo: number): void {
    this.#run("DELETE FROM event WHERE number <= ?").run(upTo);
  }

  /** Calls the listener soon after events were stored. Returns a function that ends it. */
  listen(listener: () => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== listener);
    };
  }
}

/** A version that is to be replicated. The number is another after each change of the version. */
export interface PendingReplication {
  readonly number: number;
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
}

/**
 * The versions of buckets that are to be replicated: each is noted in the transaction of its change, so that a crash
 * loses none, and there is one row for each version.
 */
export class ReplicationRows {
  readonly #run: (sql: string) => StatementSync;
  #listeners: readonly ((bucket: string) => void)[] = [];

  constructor(database: DatabaseSync, run: (sql: string) => StatementSync) {
    this.#run = run;
    database.exec(`
      CREATE TABLE IF NOT EXISTS replication (
        number INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key BLOB NOT NULL, id TEXT NOT NULL,
        UNIQUE (bucket, key, id)
      ) STRICT
    `);
  }

  /** Notes a version. Part of the caller's transaction, which ends in this turn of the event loop. */
  add(bucket: string, { key, versionId = "null" }: Pick<ObjectMeta, "key" | "versionId">): void {
    this.#run("INSERT OR REPLACE INTO replication (bucket, key, id) VALUES (?, ?, ?)").run(
      bucket,
      Buffer.from(key),
      versionId,
    );
    setImmediate(() => this.#listeners.forEach((listener) => listener(bucket)));
  }

  /** The buckets of which versions wait. */
  buckets(): readonly string[] {
    return this.#run("SELECT DISTINCT bucket FROM replication")
      .all()
      .map(({ bucket }) => String(bucket));
  }

  /** The versions of a bucket that have waited longest. */
  oldest(bucket: string, limit: number): readonly PendingReplication[] {
    return this.#run(
      "SELECT number, CAST(key AS TEXT) AS key, id FROM replication WHERE bucket = ? ORDER BY number LIMIT ?",
    )
      .all(bucket, limit)
      .map(({ number, key, id }) => ({
        number: Number(number),
        bucket,
        key: String(key),
        versionId: String(id),
      }));
  }

  /** Removes a version, unless it was changed since. Part of the caller's transaction. */
  remove({ number }: PendingReplication): boolean {
    return Number(this.#run("DELETE FROM replication WHERE number = ?").run(number).changes) > 0;
  }

  /** Calls the listener soon after a version was noted. Returns a function that ends it. */
  listen(listener: (bucket: string) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== listener);
    };
  }
}
