import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transactSqlite } from "@gantry/kernel/sqlite";
import type { Bucket } from "./bucket.ts";
import { bucketsOf, columnsOf, type BucketColumns } from "./bucket-columns.ts";
import { decodeBuckets, decodeColumns, encodeBuckets, encodeColumns } from "./bucket-codec.ts";
import { DAY_MS, HOUR_MS, RETENTION, STEP, type Tier } from "./tiers.ts";

const TIERS: readonly Tier[] = ["second", "minute", "five", "hour"];
/**
 * Resolutions whose hours are packed into one row per day; otherwise the number of rows dominates reading a
 * week.
 */
const PACKED = ["five", "hour"] as const;
type PackedTier = (typeof PACKED)[number];
/**
 * A day row's id is the series times this, plus the day since the epoch: the days of a series are adjacent.
 */
const DAYS_MAX = 65_536;
/** Late points still arrive for the hours of the day before. */
const PACK_AFTER_MS = 6 * HOUR_MS;

type Found = (start: number, columns: BucketColumns) => void;

interface Row {
  readonly start: number;
  readonly data: Uint8Array;
}

/**
 * The rows that hold buckets: one per series, resolution and hour, and for the coarse resolutions one per
 * past day. The row of an hour takes precedence over the row of its day; the next packing merges it.
 */
export class MetricRows {
  readonly #database: DatabaseSync;
  readonly #select: Readonly<Record<Tier, StatementSync>>;
  readonly #range: Readonly<Record<Tier, StatementSync>>;
  readonly #put: Readonly<Record<Tier, StatementSync>>;
  readonly #days: Readonly<Record<PackedTier, StatementSync>>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(
      TIERS.map(
        (tier) => `
      CREATE TABLE IF NOT EXISTS ${tier} (series INTEGER NOT NULL, hour INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (series, hour)) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS ${tier}_by_hour ON ${tier} (hour);`,
      ).join("") +
        PACKED.map(
          (tier) => `
      CREATE TABLE IF NOT EXISTS ${tier}_day (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
      CREATE INDEX IF NOT EXISTS ${tier}_day_by_day ON ${tier}_day (day);`,
        ).join(""),
    );
    const statements = (text: (tier: Tier) => string) => ({
      second: database.prepare(text("second")),
      minute: database.prepare(text("minute")),
      five: database.prepare(text("five")),
      hour: database.prepare(text("hour")),
    });
    this.#select = statements((tier) => `SELECT data FROM ${tier} WHERE series = ? AND hour = ?`);
    this.#range = statements(
      (tier) =>
        `SELECT hour AS start, data FROM ${tier} WHERE series = ? AND hour >= ? AND hour < ? ORDER BY hour`,
    );
    this.#put = statements(
      (tier) =>
        `INSERT INTO ${tier} (series, hour, data) VALUES (?, ?, ?) ON CONFLICT (series, hour) DO UPDATE SET data = excluded.data`,
    );
    const days = (tier: PackedTier) =>
      database.prepare(`SELECT day AS start, data FROM ${tier}_day WHERE id >= ? AND id < ? ORDER BY id`);
    this.#days = { five: days("five"), hour: days("hour") };
  }

  /** The buckets of one hour. */
  read(tier: "second" | "minute", series: number, hour: number): Map<number, Bucket> | undefined {
    const row = this.#select[tier].get(series, hour) as { data: Uint8Array } | undefined; // The schema's own columns.
    return row && decodeBuckets(row.data);
  }

  write(tier: Tier, series: number, hour: number, buckets: ReadonlyMap<number, Bucket>): void {
    this.#put[tier].run(series, hour, encodeBuckets(buckets));
  }

  /** Calls back with the rows that overlap the time, except those of hours that `isOpen`. */
  scan(
    tier: Tier,
    series: number,
    { from, until, isOpen }: { from: number; until: number; isOpen: (hour: number) => boolean },
    found: Found,
  ): void {
    const hours = this.#rows(this.#range[tier], series, Math.floor(from / HOUR_MS) * HOUR_MS, until);
    if (tier === "five" || tier === "hour") {
      const own = new Set(hours.map(({ start }) => start));
      const first = Math.floor(from / DAY_MS);
      const days = this.#rows(
        this.#days[tier],
        series * DAYS_MAX + first,
        series * DAYS_MAX + Math.ceil(until / DAY_MS),
      );
      for (const { start, data } of days)
        found(
          start,
          withoutHours(decodeColumns(data), tier, (hour) => own.has(start + hour) || isOpen(start + hour)),
        );
    }
    for (const { start, data } of hours) if (!isOpen(start)) found(start, decodeColumns(data));
  }

  /** Packs up to `count` days of series that receive no more late points. False if none are left. */
  pack(now: number, count: number): boolean {
    const before = Math.floor((now - PACK_AFTER_MS) / DAY_MS) * DAY_MS;
    let packed = 0;
    for (const tier of PACKED) {
      const due = this.#database
        .prepare(
          `SELECT DISTINCT series, hour / ${DAY_MS} AS day FROM ${tier} INDEXED BY ${tier}_by_hour WHERE hour < ? LIMIT ?`,
        )
        .all(before, count - packed) as unknown as { series: number; day: number }[]; // The query's own columns.
      packed += due.length;
      transactSqlite(this.#database, () => {
        for (const { series, day } of due) this.#packDay(tier, series, day);
      });
    }
    return packed >= count;
  }

  /** Removes data that is older than CloudWatch's retention. */
  expire(now: number): void {
    for (const tier of TIERS)
      this.#database.prepare(`DELETE FROM ${tier} WHERE hour < ?`).run(now - RETENTION[tier] - HOUR_MS);
    for (const tier of PACKED)
      this.#database.prepare(`DELETE FROM ${tier}_day WHERE day < ?`).run(now - RETENTION[tier] - DAY_MS);
  }

  #packDay(tier: PackedTier, series: number, day: number): void {
    const [id, start] = [series * DAYS_MAX + day, day * DAY_MS];
    const buckets = new Map<number, Bucket>();
    const add = (hour: number, columns: BucketColumns): void => {
      for (const [index, bucket] of bucketsOf(columns))
        buckets.set((hour - start) / STEP[tier] + index, bucket);
    };
    const isOpen = (): boolean => false;
    this.scan(tier, series, { from: start, until: start + DAY_MS, isOpen }, add);
    const sql = `INSERT INTO ${tier}_day (id, day, data) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data`;
    this.#database.prepare(sql).run(id, start, encodeColumns(columnsOf(buckets)));
    this.#database
      .prepare(`DELETE FROM ${tier} WHERE series = ? AND hour >= ? AND hour < ?`)
      .run(series, start, start + DAY_MS);
  }

  #rows(statement: StatementSync, ...parameters: readonly number[]): readonly Row[] {
    return statement.all(...parameters) as unknown as Row[]; // The statements' own columns.
  }
}

/** A day's buckets without those of some hours (ms since the day began). */
function withoutHours(
  columns: BucketColumns,
  tier: PackedTier,
  isLeftOut: (hour: number) => boolean,
): BucketColumns {
  const left = Array.from({ length: DAY_MS / HOUR_MS }, (_, hour) => isLeftOut(hour * HOUR_MS));
  if (!left.includes(true)) return columns;
  const perHour = HOUR_MS / STEP[tier];
  const kept = [...bucketsOf(columns)].filter(([index]) => left[Math.floor(index / perHour)] !== true);
  return columnsOf(new Map(kept));
}
