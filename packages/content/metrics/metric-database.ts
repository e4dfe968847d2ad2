import type { DatabaseSync, StatementSync } from "node:sqlite";
import { openSqlite, transactSqlite } from "@gantry/kernel/sqlite";
import { addTo, newBucket, type Bucket, type Sample } from "./bucket.ts";
import { decodeBuckets, encodeBuckets } from "./bucket-codec.ts";
import {
  metricOf,
  unpackPoints,
  type BatchNumber,
  type MetricId,
  type PackedPoints,
} from "./metric-points.ts";
import { HOUR_MS, RETENTION, rollUp, type Tier } from "./tiers.ts";

/** One hour of a series while it is written to. */
interface Chunk {
  readonly minutes: Map<number, Bucket>;
  /** Undefined where the series has no data by the second. */
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

const TIERS: readonly Tier[] = ["second", "minute", "five", "hour"];
/** Chunks of the hour before are kept in memory: late points still come for them. */
const OPEN_MS = 2 * HOUR_MS;
/** So many names of metrics are taken; further ones are dropped, so that a caller cannot fill the memory with names. */
const SERIES_MAX = 200_000;

/**
 * Metrics in one SQLite file: a row for each series and hour, with its buckets by the minute, and beside it what CloudWatch
 * keeps longer by five minutes and by the hour. Points are added up in memory; `flush` writes whole hours over what was
 * there, so that writing twice is writing once, together with the numbers of the batches that they came in.
 */
export class MetricDatabase {
  readonly #database: DatabaseSync;
  readonly #metrics = new Map<string, { readonly metric: MetricId; readonly units: Map<string, Series> }>();
  readonly #dirty = new Set<Series>();
  readonly #batches = new Map<string, BatchNumber>();
  readonly #select: Readonly<Record<Tier, StatementSync>>;
  readonly #range: Readonly<Record<Tier, StatementSync>>;
  readonly #put: Readonly<Record<Tier, StatementSync>>;
  #seriesCount = 0;
  #hasNewBatches = false;

  constructor(path: string) {
    this.#database = openSqlite(path);
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, key TEXT NOT NULL, unit TEXT NOT NULL, last_at INTEGER NOT NULL, UNIQUE (key, unit)) STRICT;
      CREATE TABLE IF NOT EXISTS batch (node TEXT PRIMARY KEY, session TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT;
      ${TIERS.map(
        (tier) => `
      CREATE TABLE IF NOT EXISTS ${tier} (series INTEGER NOT NULL, hour INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (series, hour)) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS ${tier}_by_hour ON ${tier} (hour);`,
      ).join("")}
    `);
    const statements = (text: (tier: Tier) => string) => ({
      second: this.#database.prepare(text("second")),
      minute: this.#database.prepare(text("minute")),
      five: this.#database.prepare(text("five")),
      hour: this.#database.prepare(text("hour")),
    });
    this.#select = statements((tier) => `SELECT data FROM ${tier} WHERE series = ? AND hour = ?`);
    this.#range = statements(
      (tier) => `SELECT hour, data FROM ${tier} WHERE series = ? AND hour >= ? AND hour < ? ORDER BY hour`,
    );
    this.#put = statements(
      (tier) =>
        `INSERT INTO ${tier} (series, hour, data) VALUES (?, ?, ?) ON CONFLICT (series, hour) DO UPDATE SET data = excluded.data`,
    );
    this.#load();
  }

  /** Adds points. False where the batch has been added before. */
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
    return true;
  }

  /** Writes what was added since the last time, all or nothing. */
  flush(now: number): void {
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
    for (const series of this.#dirty)
      for (const [hour, chunk] of series.chunks) {
        chunk.isDirty = false;
        if (hour < now - OPEN_MS) series.chunks.delete(hour);
      }
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

  /** Calls back with the buckets of each hour that overlaps the time, those in memory included; with their values where asked for. */
  scan(
    series: Series,
    tier: Tier,
    time: { from: number; until: number; withValues: boolean },
    take: (hour: number, buckets: ReadonlyMap<number, Bucket>) => void,
  ): void {
    const first = Math.floor(time.from / HOUR_MS) * HOUR_MS;
    const open = new Map(series.chunks);
    const rows = this.#range[tier].iterate(series.id, first, time.until) as Iterable<{
      hour: number;
      data: Uint8Array;
    }>; // The schema's own columns.
    for (const { hour, data } of rows) if (!open.has(hour)) take(hour, decodeBuckets(data, time.withValues));
    for (const [hour, chunk] of open) {
      if (hour < first || hour >= time.until) continue;
      if (tier === "second") take(hour, chunk.seconds ?? new Map());
      else take(hour, tier === "minute" ? chunk.minutes : rollUp(chunk.minutes, tier));
    }
  }

  /** Every metric with data since a moment, in the order of their names. */
  *metrics(since: number): Iterable<MetricId> {
    for (const { metric, units } of this.#metrics.values())
      if ([...units.values()].some((series) => series.lastAt >= since)) yield metric;
  }

  /** Removes what is older than CloudWatch keeps it. */
  expire(now: number): void {
    for (const tier of TIERS)
      this.#database.prepare(`DELETE FROM ${tier} WHERE hour < ?`).run(now - RETENTION[tier] - HOUR_MS);
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
    series.lastAt = Math.max(series.lastAt, at);
    this.#dirty.add(series);
  }

  #open(series: Series, hour: number): Chunk {
    const read = (tier: Tier): Map<number, Bucket> | undefined => {
      const row = this.#select[tier].get(series.id, hour) as { data: Uint8Array } | undefined; // As above.
      return row && decodeBuckets(row.data);
    };
    const chunk: Chunk = { minutes: read("minute") ?? new Map(), seconds: read("second"), isDirty: false };
    series.chunks.set(hour, chunk);
    return chunk;
  }

  #write(series: Series, hour: number, chunk: Chunk): void {
    this.#put.minute.run(series.id, hour, encodeBuckets(chunk.minutes));
    this.#put.five.run(series.id, hour, encodeBuckets(rollUp(chunk.minutes, "five")));
    this.#put.hour.run(series.id, hour, encodeBuckets(rollUp(chunk.minutes, "hour")));
    if (chunk.seconds !== undefined) this.#put.second.run(series.id, hour, encodeBuckets(chunk.seconds));
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
