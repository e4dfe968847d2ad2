import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DamagedError, messageOf, openSqlite, transactSqlite } from "@gantry/kernel";
import { decryptorAt, encryptor } from "./cipher.ts";
import { linkFiles, Removals } from "./removals.ts";
import { syncFolder } from "./sync-folder.ts";

/** One file of an object's bytes; an object has several where it was uploaded in parts. */
export interface Segment {
  readonly file: string;
  readonly size: number;
  /** Of the plain bytes. */
  readonly sha256: string;
  /** The cipher's first counter, in hex; the bytes on the disk are encrypted with it and the store's key. */
  readonly iv: string;
}

export interface ObjectMeta {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: number;
  /** Content-Type and the other headers that come back as they were given. */
  readonly headers: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
  readonly checksums: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly segments: readonly Segment[];
}

export interface WrittenSegment extends Segment {
  readonly md5: string;
}

export interface MultipartUpload {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly startedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly userMetadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface MultipartPart {
  readonly number: number;
  readonly segment: Segment;
  readonly etag: string;
  readonly modifiedAt: number;
}

/** The bytes on the disk are not those that were written. */
export class DamagedObjectError extends DamagedError {
  override readonly name = "DamagedObjectError";
}

/**
 * Objects of all buckets: metadata in one SQLite file, bytes in files of their own. Bytes are written, synced and named
 * before the row that makes them visible; a row never names bytes that are not there. Reads check whole segments by hash.
 */
export class ObjectStore {
  readonly folder: string;
  readonly #key: Buffer;
  readonly #database: DatabaseSync;
  readonly #removals = new Removals();

  /** `key`: 32 bytes, kept elsewhere than the folder's backups: without it the bytes are noise. */
  constructor(folder: string, key: Buffer) {
    this.folder = folder;
    this.#key = key;
    mkdirSync(join(folder, "incoming"), { recursive: true });
    this.#database = openSqlite(join(folder, "objects.db"));
    this.#database.exec(`
      CREATE TABLE IF NOT EXISTS object (bucket TEXT NOT NULL, key BLOB NOT NULL, meta TEXT NOT NULL, PRIMARY KEY (bucket, key)) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS upload (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, meta TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS part (upload TEXT NOT NULL, number INTEGER NOT NULL, meta TEXT NOT NULL, PRIMARY KEY (upload, number)) STRICT, WITHOUT ROWID;
    `);
  }

  /** What a crash left half-written goes; nothing refers to it. */
  async clean(): Promise<void> {
    for (const name of await readdir(join(this.folder, "incoming"))) await rm(join(this.folder, "incoming", name), { force: true });
  }

  /** Takes a body to disk, synced. An error of the body leaves nothing. `name` must be new. */
  async writeSegment(name: string, body: Readable, onChunk: (chunk: Buffer) => void = () => {}): Promise<WrittenSegment> {
    const incoming = join(this.folder, "incoming", name);
    const [md5, sha256] = [createHash("md5"), createHash("sha256")];
    const iv = randomBytes(16);
    let size = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        md5.update(chunk);
        sha256.update(chunk);
        size += chunk.length;
        onChunk(chunk);
        done(null, chunk);
      },
    });
    try {
      await pipeline(body, measure, encryptor(this.#key, iv), createWriteStream(incoming, { flags: "wx", flush: true }));
    } catch (thrown) {
      await rm(incoming, { force: true });
      throw thrown;
    }
    const file = join(name.slice(0, 2), name);
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    await rename(incoming, join(this.folder, file));
    await syncFolder(dirname(join(this.folder, file)));
    return { file, size, md5: md5.digest("hex"), sha256: sha256.digest("hex"), iv: iv.toString("hex") };
  }

  /** Bytes that nothing refers to any more; while they are being copied they stay a little longer. */
  async dropSegments(segments: readonly Segment[]): Promise<void> {
    await this.#removals.remove(segments.map((segment) => join(this.folder, segment.file)));
  }

  /** A copy of one moment in a folder of its own, of this disk: bytes are the same files, not copies. */
  async copyTo(folder: string): Promise<void> {
    await this.#removals.holdWhile(async () => {
      mkdirSync(folder, { recursive: true });
      this.#database.prepare("VACUUM INTO ?").run(join(folder, "objects.db"));
      await linkFiles(this.folder, folder, (name) => /^[0-9a-f]{2}$/.test(name));
    });
  }

  /** Makes an object visible in place of what was there, whose bytes go. */
  async put(bucket: string, meta: ObjectMeta): Promise<void> {
    const before = this.get(bucket, meta.key);
    this.#database
      .prepare("INSERT INTO object (bucket, key, meta) VALUES (?, ?, ?) ON CONFLICT (bucket, key) DO UPDATE SET meta = excluded.meta")
      .run(bucket, Buffer.from(meta.key), JSON.stringify(meta));
    if (before !== undefined) await this.dropSegments(before.segments.filter((segment) => !meta.segments.some((kept) => kept.file === segment.file)));
  }

  get(bucket: string, key: string): ObjectMeta | undefined {
    const row = this.#database.prepare("SELECT meta FROM object WHERE bucket = ? AND key = ?").get(bucket, Buffer.from(key)) as
      | { meta: string }
      | undefined; // The schema's own column.
    return row === undefined ? undefined : (JSON.parse(row.meta) as ObjectMeta); // We wrote it.
  }

  async delete(bucket: string, key: string): Promise<void> {
    const meta = this.get(bucket, key);
    if (meta === undefined) return;
    this.#database.prepare("DELETE FROM object WHERE bucket = ? AND key = ?").run(bucket, Buffer.from(key));
    await this.dropSegments(meta.segments);
  }

  /** Objects in UTF-8 order of their keys, from just after a key (or at it), within a prefix. */
  list(bucket: string, query: { prefix: string; from: string; inclusive: boolean; limit: number }): readonly ObjectMeta[] {
    const prefix = Buffer.from(query.prefix);
    const end = endOfPrefix(prefix);
    const start = query.from > query.prefix || query.from === "" ? Buffer.from(query.from) : prefix;
    const from = Buffer.compare(start, prefix) < 0 ? prefix : start;
    const operator = query.inclusive || Buffer.compare(start, from) < 0 ? ">=" : ">";
    const until = end === undefined ? "" : " AND key < ?";
    const rows = this.#database
      .prepare(`SELECT meta FROM object WHERE bucket = ? AND key ${operator} ?${until} ORDER BY key LIMIT ?`)
      .all(bucket, from, ...(end === undefined ? [] : [end]), query.limit) as { meta: string }[]; // As above.
    return rows.map((row) => JSON.parse(row.meta) as ObjectMeta); // As above.
  }

  isEmpty(bucket: string): boolean {
    return this.#database.prepare("SELECT 1 FROM object WHERE bucket = ? LIMIT 1").get(bucket) === undefined;
  }

  /**
   * The bytes from `start` to `end`, both included. Whole segments are checked by their hash as they flow; what fits into
   * one chunk is checked before anything is answered. Errors: DamagedObjectError.
   */
  async read(meta: ObjectMeta, start = 0, end = meta.size - 1): Promise<Readable> {
    const chunks = this.#readSegments(meta, start, end);
    const first = await chunks.next();
    const all = async function* (): AsyncGenerator<Buffer> {
      if (first.done === true) return;
      yield first.value;
      yield* chunks;
    };
    return Readable.from(all(), { objectMode: false });
  }

  /** Keys of damaged objects, each with what is wrong; reads every byte of every bucket. */
  async *damaged(): AsyncGenerator<{ bucket: string; key: string; problem: string }> {
    const rows = this.#database.prepare("SELECT bucket, meta FROM object").iterate() as Iterable<{ bucket: string; meta: string }>; // The schema's own columns.
    for (const row of rows) {
      const meta = JSON.parse(row.meta) as ObjectMeta; // We wrote it.
      try {
        for await (const _ of this.#readSegments(meta, 0, meta.size - 1));
      } catch (thrown) {
        // One that was replaced or deleted while it was read is not damaged.
        if (JSON.stringify(this.get(row.bucket, meta.key)) !== row.meta) continue;
        yield { bucket: row.bucket, key: meta.key, problem: messageOf(thrown) };
      }
    }
  }

  startUpload(upload: MultipartUpload): void {
    this.#database.prepare("INSERT INTO upload (id, bucket, meta) VALUES (?, ?, ?)").run(upload.id, upload.bucket, JSON.stringify(upload));
  }

  getUpload(id: string): MultipartUpload | undefined {
    const row = this.#database.prepare("SELECT meta FROM upload WHERE id = ?").get(id) as { meta: string } | undefined; // As above.
    return row === undefined ? undefined : (JSON.parse(row.meta) as MultipartUpload); // As above.
  }

  uploads(bucket: string): readonly MultipartUpload[] {
    const rows = this.#database.prepare("SELECT meta FROM upload WHERE bucket = ?").all(bucket) as { meta: string }[]; // As above.
    return rows.map((row) => JSON.parse(row.meta) as MultipartUpload); // As above.
  }

  async putPart(upload: string, part: MultipartPart): Promise<void> {
    const before = this.parts(upload).find((each) => each.number === part.number);
    this.#database
      .prepare("INSERT INTO part (upload, number, meta) VALUES (?, ?, ?) ON CONFLICT (upload, number) DO UPDATE SET meta = excluded.meta")
      .run(upload, part.number, JSON.stringify(part));
    if (before !== undefined) await this.dropSegments([before.segment]);
  }

  parts(upload: string): readonly MultipartPart[] {
    const rows = this.#database.prepare("SELECT meta FROM part WHERE upload = ? ORDER BY number").all(upload) as { meta: string }[]; // As above.
    return rows.map((row) => JSON.parse(row.meta) as MultipartPart); // As above.
  }

  /** Ends an upload: its object becomes visible and the upload goes, in one transaction; parts left out lose their bytes. */
  async completeUpload(id: string, bucket: string, meta: ObjectMeta): Promise<void> {
    const before = this.get(bucket, meta.key);
    const leftOut = this.parts(id)
      .map((part) => part.segment)
      .filter((segment) => !meta.segments.some((kept) => kept.file === segment.file));
    transactSqlite(this.#database, () => {
      this.#database
        .prepare("INSERT INTO object (bucket, key, meta) VALUES (?, ?, ?) ON CONFLICT (bucket, key) DO UPDATE SET meta = excluded.meta")
        .run(bucket, Buffer.from(meta.key), JSON.stringify(meta));
      this.#dropUpload(id);
    });
    await this.dropSegments([...leftOut, ...(before?.segments ?? [])]);
  }

  async abortUpload(id: string): Promise<void> {
    const segments = this.parts(id).map((part) => part.segment);
    transactSqlite(this.#database, () => this.#dropUpload(id));
    await this.dropSegments(segments);
  }

  close(): void {
    this.#database.close();
  }

  #dropUpload(id: string): void {
    this.#database.prepare("DELETE FROM part WHERE upload = ?").run(id);
    this.#database.prepare("DELETE FROM upload WHERE id = ?").run(id);
  }

  async *#readSegments(meta: ObjectMeta, start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const segment of meta.segments) {
      const [from, until] = [Math.max(0, start - offset), Math.min(segment.size - 1, end - offset)];
      offset += segment.size;
      if (segment.size === 0 || from > until) continue;
      yield* this.#readSegment(segment, from, until);
    }
  }

  async *#readSegment(segment: Segment, start: number, end: number): AsyncGenerator<Buffer> {
    const whole = start === 0 && end === segment.size - 1;
    const hash = createHash("sha256");
    const decryptor = decryptorAt(this.#key, Buffer.from(segment.iv, "hex"), start);
    // The last chunk is held back until the hash is known: damaged bytes never make a complete answer.
    let held: Buffer | undefined;
    let size = 0;
    for await (const stored of this.#openSegment(segment, start, end)) {
      const chunk = decryptor.update(stored);
      size += chunk.length;
      if (whole) hash.update(chunk);
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (size !== end - start + 1 || (whole && hash.digest("hex") !== segment.sha256))
      throw new DamagedObjectError(`The bytes of ${segment.file} are damaged.`);
    if (held !== undefined) yield held;
  }

  async *#openSegment(segment: Segment, start: number, end: number): AsyncGenerator<Buffer> {
    try {
      yield* createReadStream(join(this.folder, segment.file), { start, end, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>; // No encoding is set, so chunks are buffers.
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== "ENOENT") throw thrown; // Node's file errors carry a code.
      throw new DamagedObjectError(`The bytes of ${segment.file} are gone.`, { cause: thrown });
    }
  }
}

/** The first key beyond all that begin with the prefix. */
function endOfPrefix(prefix: Buffer): Buffer | undefined {
  const end = Buffer.from(prefix);
  for (let index = end.length - 1; index >= 0; index -= 1) {
    if ((end[index] ?? 255) < 255) {
      end[index] = (end[index] ?? 0) + 1;
      return end.subarray(0, index + 1);
    }
  }
  return undefined;
}
