import { createHash, hash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DamagedError, messageOf, openSqlite } from "@gantry/kernel";
import { decryptorAt, encrypt, encryptor } from "./cipher.ts";
import { ObjectIndex, type ChangeOptions, type Put, type PutOptions } from "./object-index.ts";
import type { MultipartPart, ObjectMeta, Segment, WrittenSegment } from "./object-meta.ts";
import { linkFiles, Removals } from "./removals.ts";
import { syncFolder } from "./sync-folder.ts";

/** How far a body may run ahead of the disk: hashing and writing go on side by side. */
const AHEAD_BYTES = 2 * 1024 * 1024;
/** Fewer bytes than this lie beside their row: one sync instead of three. */
const INLINE_MAX = 16 * 1024;

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
  /** Which objects there are. Reads are for everyone; changes that let bytes go are made here. */
  readonly index: ObjectIndex;
  readonly #key: Buffer;
  readonly #database: DatabaseSync;
  readonly #removals = new Removals();
  #puts: (Put & { resolve: (dropped: readonly Segment[]) => void; reject: (thrown: unknown) => void })[] = [];

  /** `key`: 32 bytes, kept elsewhere than the folder's backups: without it the bytes are noise. */
  constructor(folder: string, key: Buffer) {
    this.folder = folder;
    this.#key = key;
    mkdirSync(join(folder, "incoming"), { recursive: true });
    this.#database = openSqlite(join(folder, "objects.db"));
    this.index = new ObjectIndex(this.#database);
  }

  /** What a crash left half-written goes; nothing refers to it. */
  async clean(): Promise<void> {
    for (const name of await readdir(join(this.folder, "incoming"))) await rm(join(this.folder, "incoming", name), { force: true });
  }

  /**
   * Takes a body to disk, synced. An error of the body leaves nothing. `name` must be new. With a customer's key (32 bytes,
   * not kept) the hash is of the stored bytes, so that nothing of the plain ones can be learned here. A body that is said to
   * be small (`expected` bytes at most) is held until the row is written that names it.
   */
  async writeSegment(
    name: string,
    body: Readable,
    onChunk: (chunk: Buffer) => void = () => {},
    options: { customerKey?: Buffer | undefined; expected?: number | undefined } = {},
  ): Promise<WrittenSegment> {
    const { customerKey, expected = Infinity } = options;
    if (expected <= INLINE_MAX) return this.#holdSegment(name, body, onChunk, customerKey);
    const incoming = join(this.folder, "incoming", name);
    const [md5, sha256] = [createHash("md5"), createHash("sha256")];
    const iv = randomBytes(16);
    let size = 0;
    const measure = new Transform({
      readableHighWaterMark: AHEAD_BYTES,
      writableHighWaterMark: AHEAD_BYTES,
      transform(chunk: Buffer, _encoding, done) {
        md5.update(chunk);
        if (customerKey === undefined) sha256.update(chunk);
        size += chunk.length;
        onChunk(chunk);
        done(null, chunk);
      },
    });
    const cipher = encryptor(customerKey ?? this.#key, iv);
    if (customerKey !== undefined) cipher.on("data", (chunk: Buffer) => sha256.update(chunk));
    try {
      await pipeline(body, measure, cipher, createWriteStream(incoming, { flags: "wx", flush: true, highWaterMark: AHEAD_BYTES }));
    } catch (thrown) {
      await rm(incoming, { force: true });
      throw thrown;
    }
    const file = join(name.slice(0, 2), name);
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    await rename(incoming, join(this.folder, file));
    await syncFolder(dirname(join(this.folder, file)));
    const sealed = customerKey === undefined ? {} : { sealed: true as const };
    return { file, size, md5: md5.digest("hex"), sha256: sha256.digest("hex"), iv: iv.toString("hex"), ...sealed };
  }

  async #holdSegment(name: string, body: Readable, onChunk: (chunk: Buffer) => void, customerKey: Buffer | undefined): Promise<WrittenSegment> {
    const chunks: Buffer[] = [];
    for await (const chunk of body as AsyncIterable<Buffer>) {
      // No encoding is set, so chunks are buffers.
      onChunk(chunk);
      chunks.push(chunk);
    }
    const plain = Buffer.concat(chunks);
    const iv = randomBytes(16);
    const stored = encrypt(customerKey ?? this.#key, iv, plain);
    this.index.held.set(name, stored);
    return {
      file: name,
      inline: true,
      size: plain.length,
      md5: hash("md5", plain),
      sha256: hash("sha256", customerKey === undefined ? plain : stored),
      iv: iv.toString("hex"),
      ...(customerKey === undefined ? {} : { sealed: true as const }),
    };
  }

  /** Bytes that nothing refers to any more; while they are being copied they stay a little longer. */
  async dropSegments(segments: readonly Segment[]): Promise<void> {
    this.#release(segments);
    const files = segments.filter((segment) => segment.inline !== true);
    if (files.length > 0) await this.#removals.remove(files.map((segment) => join(this.folder, segment.file)));
  }

  /** A copy of one moment in a folder of its own, of this disk: bytes are the same files, not copies. */
  async copyTo(folder: string): Promise<void> {
    await this.#removals.holdWhile(async () => {
      mkdirSync(folder, { recursive: true });
      this.#database.prepare("VACUUM INTO ?").run(join(folder, "objects.db"));
      await linkFiles(this.folder, folder, (name) => /^[0-9a-f]{2}$/.test(name));
    });
  }

  /** Makes an object the newest version of its key; what it replaces loses its bytes. Those who come together share one sync. */
  async put(bucket: string, meta: ObjectMeta, options: PutOptions = {}): Promise<void> {
    const dropped = await new Promise<readonly Segment[]>((resolve, reject) => {
      this.#puts.push({ bucket, meta, options, resolve, reject });
      if (this.#puts.length === 1) setImmediate(() => this.#commit());
    });
    this.#release(meta.segments);
    if (dropped.length > 0) await this.dropSegments(dropped);
  }

  #commit(): void {
    const puts = this.#puts.splice(0);
    try {
      for (const [index, outcome] of this.index.putAll(puts).entries()) {
        if ("thrown" in outcome) puts[index]?.reject(outcome.thrown);
        else puts[index]?.resolve(outcome.dropped);
      }
    } catch (thrown) {
      for (const put of puts) put.reject(thrown);
    }
  }

  /** Held bytes are let go: a row has them now, or nobody wants them. */
  #release(segments: readonly Segment[]): void {
    for (const segment of segments) if (segment.inline === true) this.index.held.delete(segment.file);
  }

  /** A plain delete; answers the delete marker, where the bucket keeps versions. */
  async delete(bucket: string, key: string, marker: { at: number; versionId: string }, options: ChangeOptions = {}): Promise<ObjectMeta | undefined> {
    const answer = this.index.delete(bucket, key, marker, options);
    await this.dropSegments(answer.dropped);
    return answer.marker;
  }

  /** Takes one version away for good; answers what it was. */
  async deleteVersion(bucket: string, key: string, id: string, options: ChangeOptions = {}): Promise<ObjectMeta | undefined> {
    const { was, dropped } = this.index.deleteVersion(bucket, key, id, options);
    await this.dropSegments(dropped);
    return was;
  }

  /**
   * The bytes from `start` to `end`, both included. Whole segments are checked by their hash as they flow; what fits into
   * one chunk is checked before anything is answered. Errors: DamagedObjectError.
   */
  async read(meta: ObjectMeta, start = 0, end = meta.size - 1, customerKey?: Buffer): Promise<Readable> {
    const chunks = this.#readSegments(meta, start, end, customerKey);
    const first = await chunks.next();
    const all = async function* (): AsyncGenerator<Buffer> {
      if (first.done === true) return;
      yield first.value;
      yield* chunks;
    };
    return Readable.from(all(), { objectMode: false });
  }

  /** The bytes of an object that is small and lies beside its row; undefined where it lies in files. Errors: DamagedObjectError. */
  readSmall(meta: ObjectMeta, start = 0, end = meta.size - 1, customerKey?: Buffer): Buffer | undefined {
    const [segment, ...more] = meta.segments;
    if (segment?.inline !== true || more.length > 0) return undefined;
    return this.#readInline(segment, customerKey).subarray(start, end + 1);
  }

  #readInline(segment: Segment, customerKey: Buffer | undefined): Buffer {
    const stored = this.index.content(segment.file);
    if (stored === undefined) throw new DamagedObjectError(`The bytes of ${segment.file} are gone.`);
    // Without the customer's key the stored bytes alone can be checked.
    const plain = decryptorAt(customerKey ?? this.#key, Buffer.from(segment.iv, "hex"), 0).update(stored);
    if (stored.length !== segment.size || hash("sha256", segment.sealed === true ? stored : plain) !== segment.sha256)
      throw new DamagedObjectError(`The bytes of ${segment.file} are damaged.`);
    return plain;
  }

  /** Keys of damaged objects, each with what is wrong; reads every byte of every bucket. */
  async *damaged(): AsyncGenerator<{ bucket: string; key: string; problem: string }> {
    for (const { bucket, meta } of this.index.all()) {
      try {
        for await (const _ of this.#readSegments(meta, 0, meta.size - 1, undefined));
      } catch (thrown) {
        // One that was replaced or deleted while it was read is not damaged.
        if (this.index.version(bucket, meta.key, meta.versionId ?? "null")?.segments[0]?.file !== meta.segments[0]?.file) continue;
        yield { bucket, key: meta.key, problem: messageOf(thrown) };
      }
    }
  }

  async putPart(upload: string, part: MultipartPart): Promise<void> {
    const dropped = this.index.putPart(upload, part);
    this.#release([part.segment]);
    await this.dropSegments(dropped);
  }

  async completeUpload(...parameters: Parameters<ObjectIndex["completeUpload"]>): Promise<void> {
    await this.dropSegments(this.index.completeUpload(...parameters));
  }

  async abortUpload(id: string): Promise<void> {
    await this.dropSegments(this.index.abortUpload(id));
  }

  close(): void {
    this.#database.close();
  }

  async *#readSegments(meta: ObjectMeta, start: number, end: number, customerKey: Buffer | undefined): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const segment of meta.segments) {
      const [from, until] = [Math.max(0, start - offset), Math.min(segment.size - 1, end - offset)];
      offset += segment.size;
      if (segment.size === 0 || from > until) continue;
      yield* this.#readSegment(segment, from, until, customerKey);
    }
  }

  async *#readSegment(segment: Segment, start: number, end: number, customerKey: Buffer | undefined): AsyncGenerator<Buffer> {
    if (segment.inline === true) {
      yield this.#readInline(segment, customerKey).subarray(start, end + 1);
      return;
    }
    const whole = start === 0 && end === segment.size - 1;
    const digest = createHash("sha256");
    const decryptor = decryptorAt(customerKey ?? this.#key, Buffer.from(segment.iv, "hex"), start);
    // The last chunk is held back until the hash is known: damaged bytes never make a complete answer.
    let held: Buffer | undefined;
    let size = 0;
    for await (const stored of this.#openSegment(segment, start, end)) {
      const chunk = decryptor.update(stored);
      size += chunk.length;
      if (whole) digest.update(segment.sealed === true ? stored : chunk);
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (size !== end - start + 1 || (whole && digest.digest("hex") !== segment.sha256))
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
