import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transactSqlite } from "@gantry/kernel/sqlite";
import { joined, partOf, type BucketColumns } from "./bucket-columns.ts";
import { decodeColumns, encodeColumns } from "./bucket-codec.ts";
import { DAY_MS, HOUR_MS, RETENTION, rollUp, STEP, type Tier } from "./tiers.ts";

/** Resolutions that are written hour by hour. */
const HOURLY = ["second", "minute"] as const;
type HourlyTier = (typeof HOURLY)[number];
/** Resolutions that are kept in one row per day: otherwise the number of rows dominates reading a week. */
const PACKED = ["minute", "five", "hour"] as const;
type PackedTier = (typeof PACKED)[number];
/**
 * A day row's id is the series times this, plus the day since the epoch: the days of a series are adjacent.
 */
const DAYS_MAX = 65_536;
/** Late points still arrive for the hours of the day before. */
const PACK_AFTER_MS = 6 * HOUR_MS;

/** Called with buckets, the time (ms) of the bucket with number 0, and the length of a bucket (ms). */
export type Found = (columns: BucketColumns, start: number, step: number) => void;

interface Row {
  readonly start: number;
  readonly data: Uint8Array;
}

interface Range {
  readonly from: number;
  readonly until: number;
  /** Whether newer buckets of an hour are in memory. */
  readonly isOpen: (hour: number) => boolean;
}

/**
 * The rows that hold buckets. Each hour of a series is written as one row of its minutes, and one of its
 * seconds where there is data by the second. Once a day is past, the hours of its minutes are packed into one
 * row for each of the coarser resolutions. The row of an hour takes precedence over that hour in the rows of
 * its day, at every resolution; the next packing merges it.
 */
export class MetricRows {
  readonly #database: DatabaseSync;
  readonly #select: Readonly<Record<HourlyTier, StatementSync>>;
  readonly #range: Readonly<Record<HourlyTier, StatementSync>>;
  readonly #put: Readonly<Record<HourlyTier, StatementSync>>;
  readonly #days: Readonly<Record<PackedTier, StatementSync>>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    for (const tier of HOURLY)
      database.exec(`
        CREATE TABLE IF NOT EXISTS ${tier} (series INTEGER NOT NULL, hour INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (series, hour)) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS ${tier}_by_hour ON ${tier} (hour);`);
    for (const tier of PACKED)
      database.exec(`
        CREATE TABLE IF NOT EXISTS ${tier}_day (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
        CREATE INDEX IF NOT EXISTS ${tier}_day_by_day ON ${tier}_day (day);`);
    // Earlier versions wrote the coarse resolutions by the hour as well, beside the minutes that they follow from.
    database.exec("DROP TABLE IF EXISTS five; DROP TABLE IF EXISTS hour;");
    const hourly = (text: (tier: HourlyTier) => string) => ({
      second: database.prepare(text("second")),
      minute: database.prepare(text("minute")),
    });
    this.#select = hourly((tier) => `SELECT data FROM ${tier} WHERE series = ? AND hour = ?`);
    this.#range = hourly(
      (tier) =>
        `SELECT hour AS start, data FROM ${tier} WHERE series = ? AND hour >= ? AND hour < ? ORDER BY hour`,
    );
    this.#put = hourly(
      (tier) =>
        `INSERT INTO ${tier} (series, hour, data) VALUES (?, ?, ?) ON CONFLICT (series, hour) DO ` +
        "UPDATE SET data = excluded.data",
    );
    const days = (tier: PackedTier) =>
      database.prepare(`SELECT day AS start, data FROM ${tier}_day WHERE id >= ? AND id < ? ORDER BY id`);
    this.#days = { minute: days("minute"), five: days("five"), hour: days("hour") };
  }

  /** The buckets of one hour. */
  read(tier: HourlyTier, series: number, hour: number): BucketColumns | undefined {
    const row = this.#select[tier].get(series, hour) as { data: Uint8Array } | undefined; // The schema's own columns.
    if (row !== undefined) return decodeColumns(row.data);
    if (tier !== "minute") return undefined;
    const [day] = this.#daysOf("minute", series, hour, hour + HOUR_MS);
    if (day === undefined) return undefined;
    const [part] = hoursOf(decodeColumns(day.data), "minute", (at) => day.start + at === hour);
    return part && joined([{ shift: -part.at / STEP.minute, columns: part.columns }]);
  }

  write(tier: HourlyTier, series: number, hour: number, buckets: BucketColumns): void {
    this.#put[tier].run(series, hour, encodeColumns(buckets));
  }

  /**
   * Calls back with the buckets that overlap the time, except those of hours that `isOpen`. Hours that have
   * not been packed are found by the minute where a coarser resolution is asked for.
   */
  scan(tier: Tier, series: number, { from, until, isOpen }: Range, found: Found): void {
    const hourly = tier === "second" ? "second" : "minute";
    const first = Math.floor(from / HOUR_MS) * HOUR_MS;
    const hours = this.#rows(this.#range[hourly], series, first, until);
    if (tier !== "second") {
      const own = new Set(hours.map(({ start }) => start));
      for (const { start, data } of this.#daysOf(tier, series, from, until)) {
        const columns = decodeColumns(data);
        const isLeftOut = (at: number): boolean => own.has(start + at) || isOpen(start + at);
        if (!HOURS.some(isLeftOut)) found(columns, start, STEP[tier]);
        else
          for (const hour of hoursOf(columns, tier, (at) => !isLeftOut(at)))
            found(hour.columns, start, STEP[tier]);
      }
    }
    for (const { start, data } of hours) if (!isOpen(start)) found(decodeColumns(data), start, STEP[hourly]);
  }

  /** Packs up to `count` days of series that receive no more late points. False if none are left. */
  pack(now: number, count: number): boolean {
    const before = Math.floor((now - PACK_AFTER_MS) / DAY_MS) * DAY_MS;
    const due = this.#database
      .prepare(
        `SELECT DISTINCT series, hour / ${DAY_MS} AS day FROM minute INDEXED BY minute_by_hour WHERE hour < ? LIMIT ?`,
      )
      .all(before, count) as unknown as { series: number; day: number }[]; // The query's own columns.
    if (due.length > 0)
      transactSqlite(this.#database, () => {
        for (const { series, day } of due) this.#packDay(series, day);
      });
    return due.length === count;
  }

  /** Removes data that is older than CloudWatch's retention. */
  expire(now: number): void {
    // Minutes that were never packed, because the platform was down, still have coarser resolutions to give.
    while (this.#hasMinutesBefore(now - RETENTION.minute) && this.pack(now, DAYS_A_STEP));
    for (const tier of HOURLY)
      this.#database.prepare(`DELETE FROM ${tier} WHERE hour < ?`).run(now - RETENTION[tier] - HOUR_MS);
    for (const tier of PACKED)
      this.#database.prepare(`DELETE FROM ${tier}_day WHERE day < ?`).run(now - RETENTION[tier] - DAY_MS);
  }

  #hasMinutesBefore(time: number): boolean {
    return this.#database.prepare("SELECT 1 FROM minute WHERE hour < ? LIMIT 1").get(time) !== undefined;
  }

  #packDay(series: number, day: number): void {
    const [id, start] = [series * DAYS_MAX + day, day * DAY_MS];
    const hours = this.#rows(this.#range.minute, series, start, start + DAY_MS).map(
      ({ start: hour, data }) => ({
        at: hour - start,
        columns: decodeColumns(data),
      }),
    );
    const own = new Set(hours.map(({ at }) => at));
    for (const tier of PACKED) {
      const parts = hours.map(({ at, columns }) => ({
        at,
        shift: at / STEP[tier],
        columns: tier === "minute" ? columns : rollUp(columns, tier),
      }));
      for (const old of this.#daysOf(tier, series, start, start + DAY_MS))
        parts.push(...hoursOf(decodeColumns(old.data), tier, (at) => !own.has(at)));
      const sql =
        `INSERT INTO ${tier}_day (id, day, data) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = ` +
        "excluded.data";
      const columns = joined(parts.toSorted((a, b) => a.at - b.at));
      this.#database.prepare(sql).run(id, start, encodeColumns(columns));
    }
    this.#database
      .prepare("DELETE FROM minute WHERE series = ? AND hour >= ? AND hour < ?")
      .run(series, start, start + DAY_MS);
  }

  #daysOf(tier: PackedTier, series: number, from: number, until: number): readonly Row[] {
    const first = series * DAYS_MAX + Math.floor(from / DAY_MS);
    return this.#rows(this.#days[tier], first, series * DAYS_MAX + Math.ceil(until / DAY_MS));
  }

  #rows(statement: StatementSync, ...parameters: readonly number[]): readonly Row[] {
    return statement.all(...parameters) as unknown as Row[]; // The statements' own columns.
  }
}

/** Days of series that `expire` packs in one transaction. */
const DAYS_A_STEP = 50;
/** When the hours of a day begin, in milliseconds since the day began. */
const HOURS = Array.from({ length: DAY_MS / HOUR_MS }, (_, hour) => hour * HOUR_MS);

/**
 * The buckets of each hour of a day (ms since the day began) that is kept and has any; their numbers stay
 * those of the day.
 */
function hoursOf(
  columns: BucketColumns,
  tier: PackedTier,
  isKept: (at: number) => boolean,
): { readonly at: number; readonly shift: number; readonly columns: BucketColumns }[] {
  const perHour = HOUR_MS / STEP[tier];
  return HOURS.filter(isKept)
    .map((at) => {
      const first = (at / HOUR_MS) * perHour;
      return { at, shift: 0, columns: partOf(columns, first, first + perHour) };
    })
    .filter((part) => part.columns.size > 0);
}
