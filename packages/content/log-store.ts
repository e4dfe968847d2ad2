import type { DatabaseSync, StatementSync } from "node:sqlite";
import { openSqlite, transactSqlite } from "@gantry/kernel";
import type { MessageCiphers } from "./message-ciphers.ts";
import { QueryResults } from "./query-results.ts";

export interface LogEvent {
  readonly id: number;
  readonly stream: string;
  readonly timestamp: number;
  readonly ingestedAt: number;
  readonly message: string;
}

export interface LogStream {
  readonly name: string;
  readonly createdAt: number;
  readonly firstEventAt: number | undefined;
  readonly lastEventAt: number | undefined;
  readonly lastIngestedAt: number | undefined;
}

export interface NewLogEvent {
  readonly timestamp: number;
  readonly message: string;
}

interface EventRow {
  readonly id: number;
  readonly stream: string;
  readonly timestamp: number;
  readonly ingested_at: number;
  readonly message: string;
  readonly key_id: string | null;
}

interface StreamRow {
  readonly name: string;
  readonly created_at: number;
  readonly first_event_at: number | null;
  readonly last_event_at: number | null;
  readonly last_ingested_at: number | null;
}

/** Log streams and their events in one SQLite file. Groups are named by ARN; times are ms since the epoch. */
export class LogStore {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #listeners = new Set<(group: string) => void>();
  /**
   * Ids of events grow, also where the latest events were removed: a reader that has seen an id has seen all
   * below it.
   */
  #lastId: number;

  readonly #ciphers: MessageCiphers | undefined;
  /** The results of queries, in the same file. */
  readonly queryResults: QueryResults;

  constructor(path: string, ciphers?: MessageCiphers) {
    this.#ciphers = ciphers;
    this.#database = openSqlite(path);
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS stream (log_group TEXT NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL, first_event_at INTEGER, last_event_at INTEGER, last_ingested_at INTEGER, PRIMARY KEY (log_group, name)) STRICT;
      CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, log_group TEXT NOT NULL, stream TEXT NOT NULL, timestamp INTEGER NOT NULL, ingested_at INTEGER NOT NULL, message TEXT NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS event_by_stream ON event (log_group, stream, timestamp, id);
      CREATE INDEX IF NOT EXISTS event_by_group ON event (log_group, timestamp, id);
      CREATE TABLE IF NOT EXISTS position (container TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS reader (name TEXT PRIMARY KEY, last_id INTEGER NOT NULL) STRICT;
    `);
    this.queryResults = new QueryResults(this.#database, ciphers);
    // A file of an earlier version has no such column.
    const columns = this.#database.prepare("PRAGMA table_info(event)").all();
    if (!columns.some((column) => column["name"] === "key_id"))
      this.#database.exec("ALTER TABLE event ADD COLUMN key_id TEXT");
    const { last } = this.#database
      .prepare(
        "SELECT max(coalesce((SELECT max(id) FROM event), 0), coalesce((SELECT max(last_id) FROM reader), 0)) AS last",
      )
      .get() as { last: number }; // As above.
    this.#lastId = last;
    this.#insert = this.#database.prepare(
      "INSERT INTO event (id, log_group, stream, timestamp, ingested_at, message, key_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
  }

  /** Creates a stream; false if it exists already. */
  createStream(group: string, name: string, now: number): boolean {
    return (
      this.#database
        .prepare("INSERT OR IGNORE INTO stream (log_group, name, created_at) VALUES (?, ?, ?)")
        .run(group, name, now).changes > 0
    );
  }

  hasStream(group: string, name: string): boolean {
    return (
      this.#database.prepare("SELECT 1 FROM stream WHERE log_group = ? AND name = ?").get(group, name) !==
      undefined
    );
  }

  deleteStream(group: string, name: string): void {
    this.#database.prepare("DELETE FROM event WHERE log_group = ? AND stream = ?").run(group, name);
    this.#database.prepare("DELETE FROM stream WHERE log_group = ? AND name = ?").run(group, name);
  }

  deleteGroup(group: string): void {
    this.#database.prepare("DELETE FROM event WHERE log_group = ?").run(group);
    this.#database.prepare("DELETE FROM stream WHERE log_group = ?").run(group);
  }

  streams(group: string): readonly LogStream[] {
    const rows = this.#database
      .prepare(
        "SELECT name, created_at, first_event_at, last_event_at, last_ingested_at FROM stream WHERE " +
          "log_group = ? ORDER BY name",
      )
      .all(group) as unknown as StreamRow[]; // The schema's own columns.
    return rows.map((row) => ({
      name: row.name,
      createdAt: row.created_at,
      firstEventAt: row.first_event_at ?? undefined,
      lastEventAt: row.last_event_at ?? undefined,
      lastIngestedAt: row.last_ingested_at ?? undefined,
    }));
  }

  /** Appends events to one stream, atomically. */
  append(group: string, stream: string, events: readonly NewLogEvent[], now: number): void {
    this.#transact(() => this.#write(group, stream, events, now));
    this.#announce(group);
  }

  /** Calls back with the group of events that were written. Returns a function that stops the watch. */
  watch(listener: (group: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The id of the event that was written last. */
  get lastEventId(): number {
    return this.#lastId;
  }

  /** Events of a group in the order in which they were written, after the one with the id. */
  eventsAfter(group: string, id: number, limit: number): readonly LogEvent[] {
    const rows = this.#database
      .prepare(
        "SELECT id, stream, timestamp, ingested_at, message, key_id FROM event WHERE id > ? AND " +
          "+log_group = ? ORDER BY id LIMIT ?",
      )
      .all(id, group, limit) as unknown as EventRow[]; // As above.
    return rows.map((row) => this.#eventOf(group, row));
  }

  /** Up to which event a reader has read; undefined for one that has read nothing yet. */
  readerPosition(name: string): number | undefined {
    const row = this.#database.prepare("SELECT last_id FROM reader WHERE name = ?").get(name);
    return row === undefined ? undefined : Number(row["last_id"]);
  }

  /** Records how far a reader has read; undefined forgets the reader. */
  moveReader(name: string, id: number | undefined): void {
    if (id === undefined) this.#database.prepare("DELETE FROM reader WHERE name = ?").run(name);
    else
      this.#database
        .prepare(
          "INSERT INTO reader (name, last_id) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET last_id " +
            "= excluded.last_id",
        )
        .run(name, id);
  }

  /**
   * Appends the output of a container after the stored cursor. Lines up to the cursor are dropped, so that
   * sending twice has the effect of sending once. Returns the new cursor.
   */
  take(
    container: string,
    place: { group: string; stream: string },
    lines: readonly (NewLogEvent & { cursor: string })[],
    now: number,
  ): string {
    const row = this.#database.prepare("SELECT cursor FROM position WHERE container = ?").get(container) as
      | { cursor: string }
      | undefined; // As above.
    const known = row?.cursor ?? "";
    const fresh = lines.filter((line) => line.cursor > known);
    const cursor = fresh.at(-1)?.cursor ?? known;
    this.#transact(() => {
      this.createStream(place.group, place.stream, now);
      this.#write(place.group, place.stream, fresh, now);
      this.#database
        .prepare(
          "INSERT INTO position (container, cursor) VALUES (?, ?) ON CONFLICT (container) DO UPDATE " +
            "SET cursor = excluded.cursor",
        )
        .run(container, cursor);
    });
    if (fresh.length > 0) this.#announce(place.group);
    return cursor;
  }

  /**
   * Events of a group, or of some of its streams, ordered by time; `after` is the (timestamp, id) of the last
   * event seen. With `bytesMax` a page ends with the event that reaches it: an empty page is then the last one.
   */
  events(
    group: string,
    query: {
      streams: readonly string[] | undefined;
      from: number;
      until: number;
      order: "ascending" | "descending";
      after: { timestamp: number; id: number } | undefined;
      limit: number;
      bytesMax?: number;
    },
  ): readonly LogEvent[] {
    const descending = query.order === "descending";
    const streams =
      query.streams === undefined ? "" : ` AND stream IN (${query.streams.map(() => "?").join(",")})`;
    const after = query.after === undefined ? "" : ` AND (timestamp, id) ${descending ? "<" : ">"} (?, ?)`;
    const rows = this.#database
      .prepare(
        "SELECT id, stream, timestamp, ingested_at, message, key_id FROM event WHERE log_group = ? AND " +
          `timestamp >= ? AND timestamp < ?${streams}${after} ORDER BY timestamp ` +
          `${descending ? "DESC" : "ASC"}, id ${descending ? "DESC" : "ASC"} LIMIT ?`,
      )
      .iterate(
        group,
        query.from,
        query.until,
        ...(query.streams ?? []),
        ...(query.after === undefined ? [] : [query.after.timestamp, query.after.id]),
        query.limit,
      ) as unknown as Iterable<EventRow>; // As above.
    const events: LogEvent[] = [];
    let bytes = 0;
    for (const row of rows) {
      events.push(this.#eventOf(group, row));
      bytes += row.message.length;
      if (bytes >= (query.bytesMax ?? Infinity)) break;
    }
    return events;
  }

  storedBytes(group: string): number {
    const row = this.#database
      .prepare("SELECT coalesce(sum(length(message) + 26), 0) AS bytes FROM event WHERE log_group = ?")
      .get(group) as {
      bytes: number;
    }; // As above.
    return row.bytes;
  }

  /** How many events a group has, and the bytes of their messages. */
  sizeOf(group: string): { readonly count: number; readonly bytes: number } {
    const row = this.#database
      .prepare(
        "SELECT count(*) AS count, coalesce(sum(length(message)), 0) AS bytes FROM event WHERE log_group = ?",
      )
      .get(group) as { count: number; bytes: number }; // As above.
    return { count: row.count, bytes: row.bytes };
  }

  /** The names of groups that begin with a text and have streams. */
  groups(prefix: string): readonly string[] {
    return this.#database
      .prepare(
        "SELECT DISTINCT log_group AS name FROM stream WHERE substr(log_group, 1, ?) = ? ORDER BY name",
      )
      .all(prefix.length, prefix)
      .map((row) => String(row["name"]));
  }

  /** The bytes of each stream of a group, with a line break after each event. */
  streamBytes(group: string): ReadonlyMap<string, number> {
    const rows = this.#database
      .prepare(
        "SELECT stream, sum(length(CAST(message AS BLOB)) + 1) AS bytes FROM event WHERE log_group = ? " +
          "GROUP BY stream",
      )
      .all(group);
    return new Map(rows.map((row) => [String(row["stream"]), Number(row["bytes"])]));
  }

  /** Removes events older than `before`, as retention requires. */
  expire(group: string, before: number): void {
    this.#database.prepare("DELETE FROM event WHERE log_group = ? AND timestamp < ?").run(group, before);
  }

  /** Copies a consistent snapshot into a file. */
  copyTo(path: string): void {
    this.#database.prepare("VACUUM INTO ?").run(path);
  }

  close(): void {
    this.#database.close();
  }

  #write(group: string, stream: string, events: readonly NewLogEvent[], now: number): void {
    if (events.length === 0) return;
    const sealer = this.#ciphers?.sealer(group);
    for (const { timestamp, message } of events)
      this.#insert.run(
        (this.#lastId += 1),
        group,
        stream,
        timestamp,
        now,
        sealer === undefined ? message : sealer.seal(message),
        sealer?.keyId ?? null,
      );
    const times = events.map((event) => event.timestamp);
    this.#database
      .prepare(
        "UPDATE stream SET first_event_at = min(coalesce(first_event_at, ?1), ?1), last_event_at = " +
          "max(coalesce(last_event_at, 0), ?2), last_ingested_at = ?3 WHERE log_group = ?4 AND name = ?5",
      )
      .run(Math.min(...times), Math.max(...times), now, group, stream);
  }

  #announce(group: string): void {
    for (const listener of this.#listeners) listener(group);
  }

  #transact(work: () => void): void {
    transactSqlite(this.#database, work);
  }

  #eventOf(group: string, row: EventRow): LogEvent {
    const { id, stream, timestamp, ingested_at: ingestedAt, key_id: keyId } = row;
    if (keyId !== null && this.#ciphers === undefined) throw new Error("The event is encrypted.");
    const message =
      keyId === null ? row.message : (this.#ciphers?.open(group, keyId, row.message) ?? row.message);
    return { id, stream, timestamp, ingestedAt, message };
  }
}
