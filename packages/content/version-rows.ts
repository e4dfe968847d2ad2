import type { DatabaseSync, StatementSync } from "node:sqlite";
import { metaOf } from "./object-rows.ts";
import type { ObjectMeta, Segment, Versioning } from "./object-meta.ts";

const CURRENT_MAX = 4_096;

/** A key that gets a new version: what this transaction has read of it. */
export interface Room {
  readonly bucket: string;
  readonly key: string;
  /** The version that a plain read returns. */
  readonly before: ObjectMeta | undefined;
  /** Whether it has older versions or delete markers. */
  readonly hasOlder: boolean;
}

/**
 * The rows of objects: `object` holds the versions that plain reads return, one row per key; `version` holds older
 * versions and delete markers. Changes are parts of the caller's transaction.
 */
export class VersionRows {
  readonly #database: DatabaseSync;
  readonly #run: (sql: string) => StatementSync;
  /** Cache of recently read objects by bucket and key; every write of a row invalidates its entry. */
  readonly #current = new Map<string, ObjectMeta>();

  constructor(database: DatabaseSync, run: (sql: string) => StatementSync) {
    this.#database = database;
    this.#run = run;
    database.exec(`
      CREATE TABLE IF NOT EXISTS object (bucket TEXT NOT NULL, key BLOB NOT NULL, meta TEXT NOT NULL, PRIMARY KEY (bucket, key)) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS version (bucket TEXT NOT NULL, key BLOB NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL, meta TEXT NOT NULL, PRIMARY KEY (bucket, key, sequence DESC)) STRICT, WITHOUT ROWID;
    `);
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
    return this.get(bucket, key) ?? this.newestBeneath(bucket, key);
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
        // The schema's own columns; we wrote them.
        yield { bucket: row.bucket, meta: JSON.parse(row.meta) as ObjectMeta };
  }

  /** Rewrites a version where it is. */
  rewrite(bucket: string, meta: ObjectMeta): void {
    const current = this.get(bucket, meta.key);
    if (current !== undefined && current.versionId === meta.versionId) {
      this.setCurrent(bucket, meta);
      return;
    }
    this.#run("UPDATE version SET meta = ? WHERE bucket = ? AND key = ? AND id = ?").run(
      JSON.stringify(meta),
      bucket,
      Buffer.from(meta.key),
      meta.versionId ?? "null",
    );
  }

  /** Moves the existing version to the older versions, or removes it if the null version is replaced. */
  makeRoom({ bucket, key, before, hasOlder }: Room, at: number, versioning: Versioning): readonly Segment[] {
    const isNull = before?.versionId === undefined;
    const dropped: Segment[] = [];
    if (versioning !== "Enabled") {
      const buried = hasOlder
        ? metaOf(
            this.#run("SELECT meta FROM version WHERE bucket = ? AND key = ? AND id = 'null'").get(
              bucket,
              Buffer.from(key),
            ),
          )
        : undefined;
      if (buried !== undefined) {
        this.#run("DELETE FROM version WHERE bucket = ? AND key = ? AND id = 'null'").run(
          bucket,
          Buffer.from(key),
        );
        dropped.push(...buried.segments);
      }
      if (before !== undefined && isNull) return [...dropped, ...before.segments];
    }
    if (before !== undefined) this.bury(bucket, { ...before, noncurrentSince: at });
    return dropped;
  }

  bury(bucket: string, meta: ObjectMeta): void {
    this.#run("INSERT INTO version (bucket, key, sequence, id, meta) VALUES (?, ?, ?, ?, ?)").run(
      bucket,
      Buffer.from(meta.key),
      meta.sequence ?? 0,
      meta.versionId ?? "null",
      JSON.stringify(meta),
    );
  }

  /** If a key has no current row, makes its newest version current, unless that is a delete marker. */
  promote(bucket: string, key: string): void {
    if (this.get(bucket, key) !== undefined) return;
    const next = this.newestBeneath(bucket, key);
    if (next === undefined || next.isDeleteMarker === true) return;
    this.#run("DELETE FROM version WHERE bucket = ? AND key = ? AND sequence = ?").run(
      bucket,
      Buffer.from(key),
      next.sequence ?? 0,
    );
    const { noncurrentSince: _, ...meta } = next;
    this.setCurrent(bucket, meta);
  }

  dropCurrent(bucket: string, key: string): void {
    this.#current.delete(`${bucket}/${key}`);
    this.#run("DELETE FROM object WHERE bucket = ? AND key = ?").run(bucket, Buffer.from(key));
  }

  setCurrent(bucket: string, meta: ObjectMeta): void {
    this.#current.delete(`${bucket}/${meta.key}`);
    this.#run(
      "INSERT INTO object (bucket, key, meta) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET meta = excluded.meta",
    ).run(bucket, Buffer.from(meta.key), JSON.stringify(meta));
  }

  newestBeneath(bucket: string, key: string): ObjectMeta | undefined {
    return metaOf(
      this.#run("SELECT meta FROM version WHERE bucket = ? AND key = ? ORDER BY sequence DESC LIMIT 1").get(
        bucket,
        Buffer.from(key),
      ),
    );
  }
}
