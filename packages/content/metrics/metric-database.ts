import type { DatabaseSync } from "node:sqlite";
import { openSqlite, transactSqlite } from "@gantry/kernel/sqlite";
import { addTo, newBucket, type Bucket, type Sample } from "./bucket.ts";
import { columnsOf, type BucketColumns } from "./bucket-columns.ts";
import {
  metricOf,
  unpackPoints,
  type BatchNumber,
  type MetricId,
  type PackedPoints,
} from "./metric-points.ts";
import { MetricRows } from "./metric-rows.ts";
import { HOUR_MS, RETENTION, rollUp, type Tier } from "./tiers.ts";

/** One hour of a series that is being written. */
interface Chunk {
  readonly minutes: Map<number, Bucket>;
  /** Undefined if the series has no data by the second. */
  seconds: Map<number, Bucket> | undefined;
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
const PACK_COUNT = 50;
/** Points that are aggregated in memory before they are written. */
const POINTS_MAX = 50_000;
/**
 * Hours of series that stay in memory after they were written, because the next points of most series belong
 * to them.
 */
const CHUNKS_MAX = 2_000;
/**
 * Distinct metric names that are accepted; further ones are dropped, so that a caller cannot exhaust the
 * memory.
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
    if (this.#pointCount > POINTS_MAX) this.flush();
    return true;
  }

  /** Writes everything that was added since the last flush, atomically. */
  flush(): void {
    if (this.#dirty.size === 0 && !this.#hasNewBatches) return;
    const touch = this.#database.prepare("UPDATE series SET last_at = ? WHERE id = ?");
    const keep = this.#database.prepare(
      "INSERT INTO batch (node, session, sequence) VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE SET session = excluded.session, sequence = excluded.sequence",
    );
    transactSqlite(this.#database, () => {
      for (const { node, session, sequence } of this.#batches.values()) keep.run(node, session, sequence);
      for (const series of this.#dirty) {
        touch.run(series.lastAt, series.id);
        for (const [hour, chunk] of series.chunks) if (chunk.isDirty) this.#write(series, hour, chunk);
      }
    });
    for (const series of this.#dirty) for (const chunk of series.chunks.values()) chunk.isDirty = false;
    if (this.#chunkCount > CHUNKS_MAX) this.#release();
    this.#pointCount = 0;
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
  scan(
    series: Series,
    tier: Tier,
    { from, until }: { from: number; until: number },
    found: (start: number, columns: BucketColumns) => void,
  ): void {
    const first = Math.floor(from / HOUR_MS) * HOUR_MS;
    const isOpen = (hour: number): boolean => series.chunks.get(hour)?.isDirty === true;
    this.#rows.scan(tier, series.id, { from, until, isOpen }, found);
    for (const [hour, chunk] of series.chunks) {
      if (!chunk.isDirty || hour < first || hour >= until) continue;
      const { minutes, seconds = new Map() } = chunk;
      found(
        hour,
        columnsOf(tier === "second" ? seconds : tier === "minute" ? minutes : rollUp(minutes, tier)),
      );
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
    this.#seriesCount += 1;
  }

  #seriesOf(key: string, unit: string): Series | undefined {
    const known = this.#metrics.get(key)?.units.get(unit);
    if (known !== undefined) return known;
    if (this.#seriesCount >= SERIES_MAX) return undefined;
    const { lastInsertRowid } = this.#database
      .prepare("INSERT INTO series (key, unit, last_at) VALUES (?, ?, 0)")
      .run(key, unit);
    const series = newSeries(Number(lastInsertRowid), unit, 0);
    this.#register(key, series);
    return series;
  }

  #addPoint(series: Series, at: number, highResolution: boolean, sample: Sample): void {
    const hour = Math.floor(at / HOUR_MS) * HOUR_MS;
    const chunk = series.chunks.get(hour) ?? this.#open(series, hour);
    addAt(chunk.minutes, Math.floor((at - hour) / 60_000), sample);
    if (highResolution) {
      chunk.seconds ??= new Map();
      addAt(chunk.seconds, Math.floor((at - hour) / 1_000), sample);
    }
    chunk.isDirty = true;
    this.#pointCount += 1;
    series.lastAt = Math.max(series.lastAt, at);
    this.#dirty.add(series);
  }

  #open(series: Series, hour: number): Chunk {
    const chunk: Chunk = {
      minutes: this.#rows.read("minute", series.id, hour) ?? new Map(),
      seconds: this.#rows.read("second", series.id, hour),
      isDirty: false,
    };
    series.chunks.set(hour, chunk);
    this.#chunkCount += 1;
    return chunk;
  }

  #write({ id }: Series, hour: number, { minutes, seconds }: Chunk): void {
    this.#rows.write("minute", id, hour, minutes);
    this.#rows.write("five", id, hour, rollUp(minutes, "five"));
    this.#rows.write("hour", id, hour, rollUp(minutes, "hour"));
    if (seconds !== undefined) this.#rows.write("second", id, hour, seconds);
  }

  /** Drops the data in memory, all of which has been written. */
  #release(): void {
    for (const { units } of this.#metrics.values())
      for (const series of units.values()) series.chunks.clear();
    this.#chunkCount = 0;
  }
}

function newSeries(id: number, unit: string, lastAt: number): Series {
  return { id, unit, lastAt, chunks: new Map() };
}

function addAt(buckets: Map<number, Bucket>, index: number, sample: Sample): void {
  const bucket = buckets.get(index);
  if (bucket === undefined) buckets.set(index, newBucket(sample));
  else addTo(bucket, sample);
}
