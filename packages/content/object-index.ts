import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transactSqlite } from "@gantry/kernel";
import { listObjects, listVersions, type ListQuery, type VersionsQuery } from "./object-listing.ts";
import { EventRows, ReplicationRows, type PendingReplication } from "./object-rows.ts";
import type { ChangeOptions, MultipartPart, ObjectMeta, Segment } from "./object-meta.ts";
import { SegmentRows } from "./segment-rows.ts";
import { UploadRows } from "./upload-rows.ts";
import { VersionRows } from "./version-rows.ts";

export interface PutOptions extends ChangeOptions {
  readonly check?: (there: ObjectMeta | undefined) => void;
}

export interface Put {
  readonly bucket: string;
  readonly meta: ObjectMeta;
  readonly options: PutOptions;
}

/**
 * The index of objects: rows of one SQLite file; every change is one transaction. Each change returns the
 * segments that no row references any more.
 */
export class ObjectIndex {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #rows: VersionRows;
  /** Where the bytes of objects are stored. */
  readonly segments: SegmentRows;
  readonly uploads: UploadRows;
  /** The changes of buckets that send events, until they are passed on. */
  readonly events: EventRows;
  /** The versions that are to be replicated. */
  readonly replications: ReplicationRows;

  constructor(database: DatabaseSync) {
    this.#database = database;
    database.exec(`
      CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY AUTOINCREMENT, meta TEXT NOT NULL) STRICT;
    `);
    const run = (sql: string): StatementSync => this.#run(sql);
    this.uploads = new UploadRows(database, run);
    this.segments = new SegmentRows(database, run);
    this.events = new EventRows(run);
    this.#rows = new VersionRows(database, run);
    this.replications = new ReplicationRows(database, run);
    this.#listFiles();
  }

  /** The version that a plain read returns; undefined also if the newest version is a delete marker. */
  get(bucket: string, key: string): ObjectMeta | undefined {
    return this.#rows.get(bucket, key);
  }

  /** The newest version, which may be a delete marker. */
  newest(bucket: string, key: string): ObjectMeta | undefined {
    return this.#rows.newest(bucket, key);
  }

  /** A version by its id; `null` is the one that was written while the bucket was not versioned. */
  version(bucket: string, key: string, id: string): ObjectMeta | undefined {
    return this.#rows.version(bucket, key, id);
  }

  isEmpty(bucket: string): boolean {
    return this.#rows.isEmpty(bucket);
  }

  /** Every row that references bytes. */
  all(): Generator<{ bucket: string; meta: ObjectMeta }> {
    return this.#rows.all();
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
          const before = this.#rows.get(bucket, meta.key);
          options.check?.(before);
          const dropped = this.segments.forget(this.#putOver(before, bucket, meta, options));
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

  /** Rewrites a version in place: its tags, retention, hold, ACL or storage class changed. */
  replace(bucket: string, meta: ObjectMeta, options: Omit<ChangeOptions, "versioning"> = {}): void {
    this.#transact(() => {
      this.#tell(bucket, meta, options);
      this.#rows.rewrite(bucket, this.#replicated(bucket, meta, options));
    });
  }

  /**
   * Stores a version that was replicated from another bucket, as the newest of its key; of one that is there its
   * settings are replaced. Returns false if the key has a newer version, below which it cannot be stored.
   */
  putReplica(bucket: string, meta: ObjectMeta, options: ChangeOptions): boolean {
    return this.#transact(() => {
      const { key, versionId = "null" } = meta;
      const there = this.#rows.version(bucket, key, versionId);
      if (there !== undefined) {
        const { sequence, noncurrentSince, segments } = there; // The bytes stay.
        this.#rows.rewrite(bucket, { ...meta, sequence, noncurrentSince, segments });
        return true;
      }
      if ((this.#rows.newest(bucket, key)?.modifiedAt ?? 0) > meta.modifiedAt) return false;
      if (meta.isDeleteMarker === true) this.#putMarker(bucket, meta, options);
      else this.segments.forget(this.#put(bucket, meta, options));
      return true;
    });
  }

  /**
   * Ends the replication of a version, unless the version was changed since it was read: then it is replicated
   * again.
   */
  endReplication(pending: PendingReplication, status: "COMPLETED" | "FAILED"): void {
    this.#transact(() => {
      if (!this.replications.remove(pending)) return;
      const { bucket, key, versionId } = pending;
      const meta = this.#rows.version(bucket, key, versionId);
      if (meta !== undefined && meta.isDeleteMarker !== true)
        this.#rows.rewrite(bucket, { ...meta, replication: status });
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
      const before = this.#rows.get(bucket, key);
      if (options.versioning === undefined) {
        if (before === undefined) return { marker: undefined, dropped: [] };
        this.#rows.dropCurrent(bucket, key);
        this.#rows.promote(bucket, key);
        this.#tell(bucket, before, options);
        return { marker: undefined, dropped: this.segments.forget(before.segments) };
      }
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
        ...(options.versioning === "Enabled" ? { versionId: marker.versionId } : {}),
      };
      const dropped = this.#putMarker(bucket, meta, options);
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
      const was = this.#rows.version(bucket, key, id);
      if (was === undefined) return { was, dropped: [] };
      const current = this.#rows.get(bucket, key);
      if (current !== undefined && (current.versionId ?? "null") === id) this.#rows.dropCurrent(bucket, key);
      else
        this.#run("DELETE FROM version WHERE bucket = ? AND key = ? AND id = ?").run(
          bucket,
          Buffer.from(key),
          id,
        );
      this.#rows.promote(bucket, key);
      const { isDeleteMarker: _, ...gone } = was; // No marker was made.
      this.#tell(bucket, gone, options);
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
      options.check(this.#rows.get(bucket, meta.key));
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

  /** Runs once: lists the files of rows that were written before files were listed. */
  #listFiles(): void {
    const { user_version: version } = this.#database.prepare("PRAGMA user_version").get() as {
      user_version: number;
    }; // SQLite's own column.
    if (version >= 1) return;
    this.#transact(() => {
      for (const { meta } of this.#rows.all()) this.segments.keep(meta.segments);
      for (const { segment } of this.uploads.allParts()) this.segments.keep([segment]);
      this.#database.exec("PRAGMA user_version = 1");
    });
  }

  #putMarker(bucket: string, marker: ObjectMeta, options: ChangeOptions): readonly Segment[] {
    const { key, modifiedAt } = marker;
    const before = this.#rows.get(bucket, key);
    const beneath = this.#rows.newestBeneath(bucket, key);
    const sequence = Math.max(before?.sequence ?? 0, beneath?.sequence ?? 0) + 1;
    const room = { bucket, key, before, hasOlder: beneath !== undefined };
    const dropped = this.#rows.makeRoom(room, modifiedAt, options.versioning);
    const placed = { ...marker, sequence };
    this.#rows.bury(bucket, placed);
    this.#rows.dropCurrent(bucket, key);
    this.#tell(bucket, placed, options);
    if (options.isReplicated?.(placed) === true) this.replications.add(bucket, placed);
    return dropped;
  }

  /** The version with its status, if it is to be replicated; that is noted. */
  #replicated(bucket: string, meta: ObjectMeta, { isReplicated }: ChangeOptions): ObjectMeta {
    if (isReplicated?.(meta) !== true) return meta;
    this.replications.add(bucket, meta);
    return { ...meta, replication: "PENDING" };
  }

  #put(bucket: string, meta: ObjectMeta, options: ChangeOptions): readonly Segment[] {
    return this.#putOver(this.#rows.get(bucket, meta.key), bucket, meta, options);
  }

  /** As `#put`, where the current version of the key was read in this transaction. */
  #putOver(
    before: ObjectMeta | undefined,
    bucket: string,
    meta: ObjectMeta,
    options: ChangeOptions,
  ): readonly Segment[] {
    this.segments.keep(meta.segments);
    const beneath = this.#rows.newestBeneath(bucket, meta.key);
    const sequence = Math.max(before?.sequence ?? 0, beneath?.sequence ?? 0) + 1;
    const room = { bucket, key: meta.key, before, hasOlder: beneath !== undefined };
    const dropped = this.#rows.makeRoom(room, meta.modifiedAt, options.versioning);
    const placed = this.#replicated(bucket, { ...meta, sequence }, options);
    this.#rows.setCurrent(bucket, placed);
    this.#tell(bucket, placed, options);
    return dropped.filter((segment) => !meta.segments.some((kept) => kept.file === segment.file));
  }

  #tell(bucket: string, meta: ObjectMeta, { note }: ChangeOptions): void {
    if (note === undefined) return;
    const { key, size, etag, versionId, sequence = 0, isDeleteMarker = false } = meta;
    const { StorageClass: storageClass } = meta.headers;
    const about = { bucket, key, size, etag, versionId, sequence, isDeleteMarker, storageClass };
    this.events.add({ ...note, ...about });
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
