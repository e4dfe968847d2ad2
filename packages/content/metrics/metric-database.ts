import type { DatabaseSync } from "node:sqlite";
import { openSqlite, transactSqlite } from "@gantry/kernel/sqlite";
import type { Sample } from "./bucket.ts";
import { BucketTable } from "./bucket-table.ts";
import {
  metricOf,
  unpackPoints,
  type BatchNumber,
  type MetricId,
  type PackedPoints,
} from "./metric-points.ts";
import { MetricShares, type PutOutcome } from "./metric-shares.ts";
import { MetricRows, type Found } from "./metric-rows.ts";
import { HOUR_MS, RETENTION, STEP, type Tier } from "./tiers.ts";

/** One hour of a series that is being written. */
interface Chunk {
  readonly minutes: BucketTable;
  /** Undefined if the series has no data by the second. */
  seconds: BucketTable | undefined;
  isDirty: boolean;
}

/** The values of a metric in one unit. */
export interface Series {
  readonly id: number;
  readonly unit: string;
  lastAt: number;
  readonly chunks: Map<number, Chunk>;
}

interface SeriesRow {
  readonly id: number;
  readonly key: string;
  readonly unit: string;
  readonly last_at: number;
}

/** Days of series that are packed in one step: other requests are served between steps. */
const PACK_COUNT = 10;
/**
 * Points that are aggregated in memory before they are written: as many as are written in a quarter of a
 * second, during which nobody reads.
 */
const POINTS_MAX = 5_000;
/**
 * Hours of series that stay in memory after they were written, because the next points of most series belong
 * to them.
 */
const CHUNKS_MAX = 2_000;
/** Distinct values of points that take about as much memory as a point. */
const VALUES_PER_POINT = 4;
/** Distinct values that stay in memory with those hours. */
const VALUES_MAX = 500_000;
/** Bins of a bucket of one second: an hour of them stays below 100 MiB, whatever a caller measures. */
const SECOND_BINS_MAX = 256;
/**
 * Distinct metric names that are accepted; further ones of the platform are dropped. Callers may have fewer
 * (`MetricShares`).
 */
const SERIES_MAX = 200_000;

/**
 * Stores metrics in one SQLite file: the buckets of each series by the minute, and the coarser buckets that
 * CloudWatch keeps longer, by five minutes and by the hour. Points are aggregated in memory; `flush`
 * overwrites whole hours, together with the numbers of their batches, so that a repeated flush has no further
 * effect.
 */
export class MetricDatabase {
  readonly #database: DatabaseSync;
  readonly #metrics = new Map<string, { readonly metric: MetricId; readonly units: Map<string, Series> }>();
  readonly #dirty = new Set<Series>();
  readonly #batches = new Map<string, BatchNumber>();
  readonly #rows: MetricRows;
  readonly #shares = new MetricShares();
  /** Series that the next flush inserts: a transaction for each would take 5 ms. */
  readonly #unsaved = new Map<Series, string>();
  #lastId = 0;
  /** Series with hours in memory. */
  readonly #inMemory = new Set<Series>();
  #valueCount = 0;
  #seriesCount = 0;
  #pointCount = 0;
  #chunkCount = 0;
  #hasNewBatches = false;

  constructor(path: string) {
    this.#database = openSqlite(path);
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, key TEXT NOT NULL, unit TEXT NOT NULL, last_at INTEGER NOT NULL, UNIQUE (key, unit)) STRICT;
      CREATE TABLE IF NOT EXISTS batch (node TEXT PRIMARY KEY, session TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT;
    `);
    this.#rows = new MetricRows(this.#database);
    this.#load();
  }

  /** Adds points, and writes them once there are many. False if the batch was added before. */
  add(points: PackedPoints, batch: BatchNumber | undefined): boolean {
    if (batch !== undefined) {
      const last = this.#batches.get(batch.node);
      if (last?.session === batch.session && last.sequence >= batch.sequence) return false;
      this.#batches.set(batch.node, batch);
      this.#hasNewBatches = true;
    }
    unpackPoints(points, (key, unit, { at, highResolution, sample }) => {
      const series = this.#seriesOf(key, unit);
      if (series !== undefined) this.#addPoint(series, at, highResolution, sample);
    });
    if (this.#pointCount > POINTS_MAX || this.#valueCount > VALUES_MAX) this.flush();
    return true;
  }

  /** Adds the points that a caller measured, unless its account would have more metrics than it may. */
  put(points: PackedPoints): PutOutcome {
    if (this.#shares.areExceededBy(points, (key, unit) => this.seriesOf(key, unit).length > 0)) return "full";
    this.add(points, undefined);
    return "added";
  }

  /** Writes everything that was added since the last flush, atomically. */
  flush(): void {
    if (this.#dirty.size === 0 && !this.#hasNewBatches) return;
    const insert = this.#database.prepare("INSERT INTO series (id, key, unit, last_at) VALUES (?, ?, ?, 0)");
    const touch = this.#database.prepare("UPDATE series SET last_at = ? WHERE id = ?");
    const keep = this.#database.prepare(
      "INSERT INTO batch (node, session, sequence) VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE SET " +
        "session = excluded.session, sequence = excluded.sequence",
    );
    transactSqlite(this.#database, () => {
      for (const { node, session, sequence } of this.#batches.values()) keep.run(node, session, sequence);
      for (const [{ id, unit }, key] of this.#unsaved) insert.run(id, key, unit);
      for (const series of this.#dirty) {
        touch.run(series.lastAt, series.id);
        for (const [hour, chunk] of series.chunks) if (chunk.isDirty) this.#write(series, hour, chunk);
      }
    });
    for (const series of this.#dirty) for (const chunk of series.chunks.values()) chunk.isDirty = false;
    if (this.#chunkCount > CHUNKS_MAX || this.#valueCount > VALUES_MAX) this.#release();
    this.#pointCount = 0;
    this.#unsaved.clear();
    this.#dirty.clear();
    this.#hasNewBatches = false;
  }

  /** The series of a metric: all of its units, or one. */
  seriesOf(key: string, unit: string | undefined): readonly Series[] {
    const units = this.#metrics.get(key)?.units;
    if (units === undefined) return [];
    if (unit === undefined) return [...units.values()];
    const one = units.get(unit);
    return one === undefined ? [] : [one];
  }

  /**
   * Calls back with the buckets of each hour or day that overlaps the time (ms), including those in memory.
   */
  scan(series: Series, tier: Tier, { from, until }: { from: number; until: number }, found: Found): void {
    const first = Math.floor(from / HOUR_MS) * HOUR_MS;
    const isOpen = (hour: number): boolean => series.chunks.get(hour)?.isDirty === true;
    this.#rows.scan(tier, series.id, { from, until, isOpen }, found);
    for (const [hour, chunk] of series.chunks) {
      if (!chunk.isDirty || hour < first || hour >= until) continue;
      const table = tier === "second" ? chunk.seconds : chunk.minutes;
      if (table !== undefined) found(table.columns(), hour, tier === "second" ? STEP.second : STEP.minute);
    }
  }

  /** Every metric with data since a time, in the order in which they first had data. */
  *metrics(since: number): Iterable<MetricId> {
    for (const { metric, units } of this.#metrics.values())
      if ([...units.values()].some((series) => series.lastAt >= since)) yield metric;
  }

  /** Removes data that is older than CloudWatch's retention. */
  expire(now: number): void {
    this.flush();
    this.#release();
    this.#rows.expire(now);
    const before = now - RETENTION.hour;
    for (const [key, { units }] of this.#metrics) {
      for (const [unit, series] of units) {
        if (series.lastAt >= before) continue;
        this.#database.prepare("DELETE FROM series WHERE id = ?").run(series.id);
        units.delete(unit);
        this.#seriesCount -= 1;
        this.#shares.change(key, -1);
      }
      if (units.size === 0) this.#metrics.delete(key);
    }
  }

  /** Packs some of the data that is days old. Returns whether more is left. */
  pack(now: number): boolean {
    return this.#rows.pack(now, PACK_COUNT);
  }

  copyTo(path: string): void {
    this.#database.prepare("VACUUM INTO ?").run(path);
  }

  close(): void {
    this.#database.close();
  }

  #load(): void {
    const rows = this.#database
      .prepare("SELECT id, key, unit, last_at FROM series")
      .iterate() as unknown as Iterable<SeriesRow>; // As above.
    for (const row of rows) this.#register(row.key, newSeries(row.id, row.unit, row.last_at));
    const batches = this.#database
      .prepare("SELECT node, session, sequence FROM batch")
      .all() as unknown as BatchNumber[]; // As above.
    for (const batch of batches) this.#batches.set(batch.node, batch);
  }

  #register(key: string, series: Series): void {
    let known = this.#metrics.get(key);
    if (known === undefined) this.#metrics.set(key, (known = { metric: metricOf(key), units: new Map() }));
    known.units.set(series.unit, series);
    this.#lastId = Math.max(this.#lastId, series.id);
    this.#seriesCount += 1;
    this.#shares.change(key, 1);
  }

  #seriesOf(key: string, unit: string): Series | undefined {
    const known = this.#metrics.get(key)?.units.get(unit);
    if (known !== undefined) return known;
    if (this.#seriesCount >= SERIES_MAX) return undefined;
    const series = newSeries((this.#lastId += 1), unit, 0);
    this.#unsaved.set(series, key);
    this.#register(key, series);
    return series;
  }

  #addPoint(series: Series, at: number, highResolution: boolean, sample: Sample): void {
    const hour = Math.floor(at / HOUR_MS) * HOUR_MS;
    const chunk = series.chunks.get(hour) ?? this.#open(series, hour);
    chunk.minutes.add(Math.floor((at - hour) / STEP.minute), sample);
    if (highResolution) {
      chunk.seconds ??= new BucketTable(undefined, SECOND_BINS_MAX);
      chunk.seconds.add(Math.floor((at - hour) / STEP.second), sample);
    }
    chunk.isDirty = true;
    const values = sample.values?.size ?? 0;
    this.#pointCount += 1 + values / VALUES_PER_POINT;
    this.#valueCount += values;
    series.lastAt = Math.max(series.lastAt, at);
    this.#dirty.add(series);
  }

  #open(series: Series, hour: number): Chunk {
    const isNew = this.#unsaved.has(series);
    const minutes = isNew ? undefined : this.#rows.read("minute", series.id, hour);
    const seconds = isNew ? undefined : this.#rows.read("second", series.id, hour);
    this.#valueCount += ((minutes?.pairs?.length ?? 0) + (seconds?.pairs?.length ?? 0)) / 2;
    const chunk: Chunk = {
      minutes: new BucketTable(minutes),
      seconds: seconds && new BucketTable(seconds, SECOND_BINS_MAX),
      isDirty: false,
    };
    series.chunks.set(hour, chunk);
    this.#inMemory.add(series);
    this.#chunkCount += 1;
    return chunk;
  }

  #write({ id }: Series, hour: number, { minutes, seconds }: Chunk): void {
    this.#rows.write("minute", id, hour, minutes.columns());
    if (seconds !== undefined) this.#rows.write("second", id, hour, seconds.columns());
  }

  /** Drops the data in memory, all of which has been written. */
  #release(): void {
    for (const series of this.#inMemory) series.chunks.clear();
    this.#inMemory.clear();
    this.#chunkCount = 0;
    this.#valueCount = 0;
  }
}

function newSeries(id: number, unit: string, lastAt: number): Series {
  return { id, unit, lastAt, chunks: new Map() };
}
