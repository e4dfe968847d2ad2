import type { DatabaseSync, StatementSync } from "node:sqlite";
import { openSqlite, transactSqlite } from "@gantry/kernel";

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

  constructor(path: string) {
    this.#database = openSqlite(path);
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS stream (log_group TEXT NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL, first_event_at INTEGER, last_event_at INTEGER, last_ingested_at INTEGER, PRIMARY KEY (log_group, name)) STRICT;
      CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, log_group TEXT NOT NULL, stream TEXT NOT NULL, timestamp INTEGER NOT NULL, ingested_at INTEGER NOT NULL, message TEXT NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS event_by_stream ON event (log_group, stream, timestamp, id);
      CREATE INDEX IF NOT EXISTS event_by_group ON event (log_group, timestamp, id);
      CREATE TABLE IF NOT EXISTS position (container TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT;
    `);
    this.#insert = this.#database.prepare(
      "INSERT INTO event (log_group, stream, timestamp, ingested_at, message) VALUES (?, ?, ?, ?, ?)",
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
        "SELECT name, created_at, first_event_at, last_event_at, last_ingested_at FROM stream WHERE log_group = ? ORDER BY name",
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
          "INSERT INTO position (container, cursor) VALUES (?, ?) ON CONFLICT (container) DO UPDATE SET cursor = excluded.cursor",
        )
        .run(container, cursor);
    });
    return cursor;
  }

  /**
   * Events of a group, or of some of its streams, ordered by time; `after` is the (timestamp, id) of the last
   * event seen.
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
    },
  ): readonly LogEvent[] {
    const descending = query.order === "descending";
    const streams =
      query.streams === undefined ? "" : ` AND stream IN (${query.streams.map(() => "?").join(",")})`;
    const after = query.after === undefined ? "" : ` AND (timestamp, id) ${descending ? "<" : ">"} (?, ?)`;
    const rows = this.#database
      .prepare(
        `SELECT id, stream, timestamp, ingested_at, message FROM event WHERE log_group = ? AND timestamp >= ? AND timestamp < ?${streams}${after} ORDER BY timestamp ${descending ? "DESC" : "ASC"}, id ${descending ? "DESC" : "ASC"} LIMIT ?`,
      )
      .all(
        group,
        query.from,
        query.until,
        ...(query.streams ?? []),
        ...(query.after === undefined ? [] : [query.after.timestamp, query.after.id]),
        query.limit,
      ) as unknown as EventRow[]; // As above.
    return rows.map((row) => ({
      id: row.id,
      stream: row.stream,
      timestamp: row.timestamp,
      ingestedAt: row.ingested_at,
      message: row.message,
    }));
  }

  storedBytes(group: string): number {
    const row = this.#database
      .prepare("SELECT coalesce(sum(length(message) + 26), 0) AS bytes FROM event WHERE log_group = ?")
      .get(group) as {
      bytes: number;
    }; // As above.
    return row.bytes;
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
    for (const event of events) this.#insert.run(group, stream, event.timestamp, now, event.message);
    const times = events.map((event) => event.timestamp);
    this.#database
      .prepare(
        "UPDATE stream SET first_event_at = min(coalesce(first_event_at, ?1), ?1), last_event_at = max(coalesce(last_event_at, 0), ?2), last_ingested_at = ?3 WHERE log_group = ?4 AND name = ?5",
      )
      .run(Math.min(...times), Math.max(...times), now, group, stream);
  }

  #transact(work: () => void): void {
    transactSqlite(this.#database, work);
  }
}
