import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transactSqlite } from "@gantry/kernel";
import { listObjects, listVersions, type ListQuery, type VersionsQuery } from "./object-listing.ts";
import { metaOf, read } from "./object-rows.ts";
import type {
  ChangeOptions,
  MultipartPart,
  ObjectEvent,
  ObjectMeta,
  Segment,
  Versioning,
} from "./object-meta.ts";
import { SegmentRows } from "./segment-rows.ts";
import { UploadRows } from "./upload-rows.ts";

export interface PutOptions extends ChangeOptions {
  readonly check?: (there: ObjectMeta | undefined) => void;
}

export interface Put {
  readonly bucket: string;
  readonly meta: ObjectMeta;
  readonly options: PutOptions;
}

const EVENTS_MAX = 10_000;
const CURRENT_MAX = 4_096;

/**
 * The index of objects: rows of one SQLite file; every change is one transaction. `object` holds the versions
 * that plain reads return, one row per key; `version` holds older versions and delete markers. Each change
 * returns the segments that no row references any more.
 */
export class ObjectIndex {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** Where the bytes of objects are stored. */
  readonly segments: SegmentRows;
  readonly uploads: UploadRows;
  /** Cache of recently read objects by bucket and key; every write of a row invalidates its entry. */
  readonly #current = new Map<string, ObjectMeta>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(`
      CREATE TABLE IF NOT EXISTS object (bucket TEXT NOT NULL, key BLOB NOT NULL, meta TEXT NOT NULL, PRIMARY KEY (bucket, key)) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS version (bucket TEXT NOT NULL, key BLOB NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL, meta TEXT NOT NULL, PRIMARY KEY (bucket, key, sequence DESC)) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY AUTOINCREMENT, meta TEXT NOT NULL) STRICT;
    `);
    const run = (sql: string): StatementSync => this.#run(sql);
    this.uploads = new UploadRows(database, run);
    this.segments = new SegmentRows(database, run);
    this.#listFiles();
  }

  /** The version that a plain read returns; undefined also if the newest version is a delete marker. */
  get(bucket: string, key: string): ObjectMeta | undefined {
    // A transaction may be rolled back: its reads neither use nor fill the cache.
    const isOwn = this.#database.isTransaction;
    const name = `${bucket}/${key}`;
    const known = isOwn ? undefined : this.#current.get(name);
    if (known !== undefined) return known;
    const meta = metaOf(
      this.#run("SELECT meta FROM object WHERE bucket = ? AND key = ?").get(bucket, Buffer.from(key)),
    );
    if (meta === undefined || isOwn) return meta;
    if (this.#current.size >= CURRENT_MAX) this.#current.clear();
    this.#current.set(name, meta);
    return meta;
  }

  /** The newest version, which may be a delete marker. */
  newest(bucket: string, key: string): ObjectMeta | undefined {
    return this.get(bucket, key) ?? this.#newestBeneath(bucket, key);
  }

  /** A version by its id; `null` is the one that was written while the bucket was not versioned. */
  version(bucket: string, key: string, id: string): ObjectMeta | undefined {
    const current = this.get(bucket, key);
    if (current !== undefined && (current.versionId ?? "null") === id) return current;
    return metaOf(
      this.#run("SELECT meta FROM version WHERE bucket = ? AND key = ? AND id = ?").get(
        bucket,
        Buffer.from(key),
        id,
      ),
    );
  }

  /** Makes an object the newest version of its key. Nothing changes if `check` of the existing one throws. */
  put(bucket: string, meta: ObjectMeta, options: PutOptions = {}): readonly Segment[] {
    const [outcome] = this.putAll([{ bucket, meta, options }]);
    if (outcome === undefined || "thrown" in outcome) throw outcome?.thrown;
    return outcome.dropped;
  }

  /**
   * Performs several puts with one sync of the disk. An error of one put affects that put alone. Errors:
   * those of the disk fail all puts.
   */
  putAll(puts: readonly Put[]): readonly ({ dropped: readonly Segment[] } | { thrown: unknown })[] {
    return this.#transact(() =>
      puts.map(({ bucket, meta, options }) => {
        this.#run("SAVEPOINT one").run();
        try {
          options.check?.(this.get(bucket, meta.key));
          const dropped = this.segments.forget(this.#put(bucket, meta, options));
          this.#run("RELEASE one").run();
          return { dropped };
        } catch (thrown) {
          if (!this.#database.isTransaction) throw thrown;
          this.#run("ROLLBACK TO one").run();
          this.#run("RELEASE one").run();
          return { thrown };
        }
      }),
    );
  }

  /** Rewrites a version in place: its tags, retention or hold changed. */
  replace(bucket: string, meta: ObjectMeta): void {
    this.#transact(() => {
      const key = Buffer.from(meta.key);
      const current = this.get(bucket, meta.key);
      if (current !== undefined && current.versionId === meta.versionId) this.#setCurrent(bucket, meta);
      else
        this.#run("UPDATE version SET meta = ? WHERE bucket = ? AND key = ? AND id = ?").run(
          JSON.stringify(meta),
          bucket,
          key,
          meta.versionId ?? "null",
        );
    });
  }

  /** A plain delete: removes the object, or adds a delete marker if the bucket is versioned. */
  delete(
    bucket: string,
    key: string,
    marker: { at: number; versionId: string },
    options: ChangeOptions = {},
  ): { marker: ObjectMeta | undefined; dropped: readonly Segment[] } {
    return this.#transact(() => {
      const before = this.get(bucket, key);
      if (options.versioning === undefined) {
        if (before === undefined) return { marker: undefined, dropped: [] };
        this.#dropCurrent(bucket, key);
        this.#promote(bucket, key);
        this.#tell(bucket, before, options);
        return { marker: undefined, dropped: this.segments.forget(before.segments) };
      }
      const dropped = this.#makeRoom(bucket, key, marker.at, options.versioning);
      const meta: ObjectMeta = {
        key,
        size: 0,
        etag: "",
        modifiedAt: marker.at,
        headers: {},
        userMetadata: {},
        checksums: {},
        tags: {},
        segments: [],
        isDeleteMarker: true,
        sequence: this.#nextSequence(bucket, key, before),
        ...(options.versioning === "Enabled" ? { versionId: marker.versionId } : {}),
      };
      this.#bury(bucket, meta);
      this.#dropCurrent(bucket, key);
      this.#tell(bucket, meta, options);
      return { marker: meta, dropped: this.segments.forget(dropped) };
    });
  }

  /** Deletes one version permanently; if it was the newest, the one before it becomes the newest. */
  deleteVersion(
    bucket: string,
    key: string,
    id: string,
    options: ChangeOptions = {},
  ): { was: ObjectMeta | undefined; dropped: readonly Segment[] } {
    return this.#transact(() => {
      const was = this.version(bucket, key, id);
      if (was === undefined) return { was, dropped: [] };
      const current = this.get(bucket, key);
      if (current !== undefined && (current.versionId ?? "null") === id) this.#dropCurrent(bucket, key);
      else
        this.#run("DELETE FROM version WHERE bucket = ? AND key = ? AND id = ?").run(
          bucket,
          Buffer.from(key),
          id,
        );
      this.#promote(bucket, key);
      this.#tell(bucket, was, options);
      return { was, dropped: this.segments.forget(was.segments) };
    });
  }

  /** Objects in UTF-8 order of their keys, starting after a key (or at it), with a prefix. */
  list(bucket: string, query: ListQuery): readonly ObjectMeta[] {
    return listObjects((sql) => this.#run(sql), bucket, query);
  }

  /** All versions and delete markers, keys in UTF-8 order, the newest of a key first. */
  listVersions(bucket: string, query: VersionsQuery): readonly ObjectMeta[] {
    return listVersions((sql) => this.#run(sql), bucket, query);
  }

  isEmpty(bucket: string): boolean {
    const has = (table: string) =>
      this.#run(`SELECT 1 FROM ${table} WHERE bucket = ? LIMIT 1`).get(bucket) !== undefined;
    return !has("object") && !has("version");
  }

  /** Every row that references bytes. */
  *all(): Generator<{ bucket: string; meta: ObjectMeta }> {
    for (const table of ["object", "version"])
      for (const row of this.#database.prepare(`SELECT bucket, meta FROM ${table}`).iterate() as Iterable<{
        bucket: string;
        meta: string;
      }>)
        yield { bucket: row.bucket, meta: JSON.parse(row.meta) as ObjectMeta }; // The schema's own columns; we wrote them.
  }

  /** Stores a part of an upload; returns the segments of the part that it replaces. */
  putPart(upload: string, part: MultipartPart): readonly Segment[] {
    return this.#transact(() => {
      this.segments.keep([part.segment]);
      const before = this.uploads.putPart(upload, part);
      return before === undefined ? [] : this.segments.forget([before.segment]);
    });
  }

  /**
   * Completes an upload: in one transaction its object becomes visible and the upload is removed. The bytes
   * of unused parts are released.
   */
  completeUpload(
    id: string,
    bucket: string,
    meta: ObjectMeta,
    options: ChangeOptions & { check: (there: ObjectMeta | undefined) => void },
  ): readonly Segment[] {
    return this.#transact(() => {
      options.check(this.get(bucket, meta.key));
      const leftOut = this.uploads
        .parts(id)
        .map((part) => part.segment)
        .filter((segment) => !meta.segments.some((kept) => kept.file === segment.file));
      const dropped = this.#put(bucket, meta, options);
      this.uploads.drop(id);
      const { key, etag, versionId, checksums, checksumType, customerKeyMd5, modifiedAt: at } = meta;
      this.uploads.putCompleted({
        id,
        bucket,
        key,
        etag,
        versionId,
        checksums,
        checksumType,
        customerKeyMd5,
        at,
      });
      return this.segments.forget([...leftOut, ...dropped]);
    });
  }

  abortUpload(id: string): readonly Segment[] {
    return this.#transact(() => {
      const segments = this.uploads.parts(id).map((part) => part.segment);
      this.uploads.drop(id);
      return this.segments.forget(segments);
    });
  }

  /** The events of a bucket, or of all buckets, oldest first. */
  events(bucket?: string): readonly ObjectEvent[] {
    const all = this.#run("SELECT meta FROM event ORDER BY number")
      .all()
      .map((row) => read(row) as ObjectEvent); // As above.
    return bucket === undefined ? all : all.filter((event) => event.bucket === bucket);
  }

  /** Runs once: lists the files of rows that were written before files were listed. */
  #listFiles(): void {
    const { user_version: version } = this.#database.prepare("PRAGMA user_version").get() as {
      user_version: number;
    }; // SQLite's own column.
    if (version >= 1) return;
    this.#transact(() => {
      for (const { meta } of this.all()) this.segments.keep(meta.segments);
      for (const { segment } of this.uploads.allParts()) this.segments.keep([segment]);
      this.#database.exec("PRAGMA user_version = 1");
    });
  }

  #put(bucket: string, meta: ObjectMeta, options: ChangeOptions): readonly Segment[] {
    this.segments.keep(meta.segments);
    const before = this.get(bucket, meta.key);
    const sequence = this.#nextSequence(bucket, meta.key, before);
    const dropped = this.#makeRoom(bucket, meta.key, meta.modifiedAt, options.versioning);
    const placed = { ...meta, sequence };
    this.#setCurrent(bucket, placed);
    this.#tell(bucket, placed, options);
    return dropped.filter((segment) => !meta.segments.some((kept) => kept.file === segment.file));
  }

  /** Moves the existing version to the older versions, or removes it if the null version is replaced. */
  #makeRoom(bucket: string, key: string, at: number, versioning: Versioning): readonly Segment[] {
    const before = this.get(bucket, key);
    const isNull = before?.versionId === undefined;
    const dropped: Segment[] = [];
    if (versioning !== "Enabled") {
      const buried = metaOf(
        this.#run("SELECT meta FROM version WHERE bucket = ? AND key = ? AND id = 'null'").get(
          bucket,
          Buffer.from(key),
        ),
      );
      if (buried !== undefined) {
        this.#run("DELETE FROM version WHERE bucket = ? AND key = ? AND id = 'null'").run(
          bucket,
          Buffer.from(key),
        );
        dropped.push(...buried.segments);
      }
      if (before !== undefined && isNull) return [...dropped, ...before.segments];
    }
    if (before !== undefined) this.#bury(bucket, { ...before, noncurrentSince: at });
    return dropped;
  }

  #bury(bucket: string, meta: ObjectMeta): void {
    this.#run("INSERT INTO version (bucket, key, sequence, id, meta) VALUES (?, ?, ?, ?, ?)").run(
      bucket,
      Buffer.from(meta.key),
      meta.sequence ?? 0,
      meta.versionId ?? "null",
      JSON.stringify(meta),
    );
  }

  /** If a key has no current row, makes its newest version current, unless that is a delete marker. */
  #promote(bucket: string, key: string): void {
    if (this.get(bucket, key) !== undefined) return;
    const next = this.#newestBeneath(bucket, key);
    if (next === undefined || next.isDeleteMarker === true) return;
    this.#run("DELETE FROM version WHERE bucket = ? AND key = ? AND sequence = ?").run(
      bucket,
      Buffer.from(key),
      next.sequence ?? 0,
    );
    const { noncurrentSince: _, ...meta } = next;
    this.#setCurrent(bucket, meta);
  }

  #dropCurrent(bucket: string, key: string): void {
    this.#current.delete(`${bucket}/${key}`);
    this.#run("DELETE FROM object WHERE bucket = ? AND key = ?").run(bucket, Buffer.from(key));
  }

  #setCurrent(bucket: string, meta: ObjectMeta): void {
    this.#current.delete(`${bucket}/${meta.key}`);
    this.#run(
      "INSERT INTO object (bucket, key, meta) VALUES (?, ?, ?) ON CONFLICT (bucket, key) DO UPDATE SET meta = excluded.meta",
    ).run(bucket, Buffer.from(meta.key), JSON.stringify(meta));
  }

  #newestBeneath(bucket: string, key: string): ObjectMeta | undefined {
    return metaOf(
      this.#run("SELECT meta FROM version WHERE bucket = ? AND key = ? ORDER BY sequence DESC LIMIT 1").get(
        bucket,
        Buffer.from(key),
      ),
    );
  }

  #nextSequence(bucket: string, key: string, current: ObjectMeta | undefined): number {
    return Math.max(current?.sequence ?? 0, this.#newestBeneath(bucket, key)?.sequence ?? 0) + 1;
  }

  #tell(bucket: string, meta: ObjectMeta, { note }: ChangeOptions): void {
    if (note === undefined) return;
    const { key, size, etag, versionId, sequence = 0, isDeleteMarker = false } = meta;
    const event: ObjectEvent = { ...note, bucket, key, size, etag, versionId, sequence, isDeleteMarker };
    const { lastInsertRowid } = this.#run("INSERT INTO event (meta) VALUES (?)").run(JSON.stringify(event));
    this.#run("DELETE FROM event WHERE number <= ?").run(Number(lastInsertRowid) - EVENTS_MAX);
  }

  #transact<T>(work: () => T): T {
    return transactSqlite(this.#database, work);
  }

  #run(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}
