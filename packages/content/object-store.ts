import { createHash, hash } from "node:crypto";
import { createReadStream, mkdirSync } from "node:fs";
import { open, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { ensurePrivateFolder, messageOf, openSqlite, randomNonce } from "@gantry/kernel";
import { damaged, DamagedObjectError, FRAME_BYTES, FrameCipher, readFrames } from "./frames.ts";
import { HashThread } from "./hash-thread.ts";
import { ObjectIndex, type Put, type PutOptions } from "./object-index.ts";
import type { ChangeOptions, MultipartPart, ObjectMeta, Segment, WrittenSegment } from "./object-meta.ts";
import { linkFiles, Removals } from "./removals.ts";
import { syncFolder } from "./sync-folder.ts";
import { collect, writeFrames } from "./write-frames.ts";

/** Files are in folders named by the first characters of their names. */
const SHARD = /^[0-9a-f]{2}$/;
/** Segments smaller than this are stored beside their row: one sync instead of three. */
const INLINE_MAX = 16 * 1024;
/** Bytes of such segments that are cached. */
const SMALL_BYTES_MAX = 16 * 1024 * 1024;

/** One of the keys that encrypt objects: 32 bytes. A segment names its key by the id. */
export interface ObjectKey {
  readonly id: string;
  readonly key: Buffer;
}

/** The id of the key of segments that name no key. */
const FIRST_KEY = "";

/**
 * Stores the objects of all buckets: metadata in one SQLite file, bytes in files of their own. Bytes are
 * written, synced and named before the row that makes them visible; a row never references missing bytes.
 * Every byte that is read is authenticated.
 */
export class ObjectStore {
  readonly folder: string;
  /** The index of objects. Anyone may read it; changes that release bytes go through this class. */
  readonly index: ObjectIndex;
  readonly #keys: readonly ObjectKey[];
  readonly #current: ObjectKey;
  readonly #database: DatabaseSync;
  readonly #removals: Removals;
  readonly #threads = new HashThread();
  /** Plaintext of inline segments that were read recently. An entry is removed with its segment. */
  readonly #small = new Map<string, Buffer>();
  #smallBytes = 0;
  #puts: (Put & { resolve: (dropped: readonly Segment[]) => void; reject: (thrown: unknown) => void })[] = [];

  /**
   * `keys` are stored outside the folder; without them the bytes cannot be read. The last key encrypts new
   * bytes; each key decrypts what it encrypted. A single key is the first. `settled` resolves when the
   * records of buckets are durable: see Store.settled. Errors: if there is no key.
   */
  constructor(folder: string, keys: Buffer | readonly ObjectKey[], settled?: () => Promise<void>) {
    this.#keys = Buffer.isBuffer(keys) ? [{ id: FIRST_KEY, key: keys }] : keys;
    const current = this.#keys.at(-1);
    if (current === undefined) throw new Error("The object store needs a key.");
    this.#current = current;
    this.folder = folder;
    this.#removals = new Removals(settled);
    ensurePrivateFolder(folder);
    mkdirSync(join(folder, "incoming"), { recursive: true });
    this.#database = openSqlite(join(folder, "objects.db"));
    this.index = new ObjectIndex(this.#database);
  }

  /** Removes incomplete files that a crash left behind; nothing references them. */
  async clean(): Promise<void> {
    for (const name of await readdir(join(this.folder, "incoming")))
      await rm(join(this.folder, "incoming", name), { force: true });
  }

  /** Removes orphan files, left by a crash, that are older than `before` (ms). Returns how many. */
  async sweep(before: number): Promise<number> {
    let removed = 0;
    for (const part of (await readdir(this.folder)).filter((name) => SHARD.test(name)))
      for (const name of await readdir(join(this.folder, part))) {
        const file = join(part, name);
        // The file may be removed concurrently.
        const stats = await stat(join(this.folder, file)).catch(() => undefined);
        if (stats === undefined || stats.ctimeMs >= before || this.index.segments.hasFile(file)) continue;
        await this.#removals.remove([join(this.folder, file)]);
        removed += 1;
      }
    return removed;
  }

  /**
   * Writes a body to disk and syncs it. If the body fails, nothing remains. `name` must be new. With a
   * customer's key (32 bytes, not stored) a hash of the stored bytes is kept, to detect damage without the
   * key. A body announced as small (at most `expected` bytes) is held until the row that names it is written.
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
    const file = join(name.slice(0, 2), name);
    const path = join(this.folder, file);
    const made = mkdirSync(dirname(path), { recursive: true });
    const iv = randomNonce(16);
    const stored = customerKey === undefined ? undefined : createHash("sha256");
    let written;
    try {
      written = await writeFrames(incoming, path, body, {
        cipher: new FrameCipher(customerKey ?? this.#current.key, iv),
        threads: this.#threads,
        expected,
        onChunk,
        onStored: stored === undefined ? undefined : (piece) => void stored.update(piece),
      });
    } catch (thrown) {
      for (const each of [incoming, path]) await rm(each, { force: true });
      throw thrown;
    }
    if (made !== undefined) await syncFolder(this.folder);
    return {
      file,
      ...written,
      iv: iv.toString("hex"),
      frameBytes: FRAME_BYTES,
      ...this.#encryptedAs(stored?.digest("hex")),
    };
  }

  /** The encryption fields of a segment: the hash for a customer's key, else the id of the store's key. */
  #encryptedAs(sha256: string | undefined): { sealed?: true; sha256?: string; keyId?: string } {
    if (sha256 !== undefined) return { sealed: true, sha256 };
    return this.#current.id === FIRST_KEY ? {} : { keyId: this.#current.id };
  }

  /** Errors: if the key is not among those given. */
  #keyOf({ keyId = FIRST_KEY, file }: Segment): Buffer {
    const found = this.#keys.find((each) => each.id === keyId);
    if (found === undefined) throw new DamagedObjectError(`The key "${keyId}" of ${file} is missing.`);
    return found.key;
  }

  async #holdSegment(
    name: string,
    body: Readable,
    onChunk: (chunk: Buffer) => void,
    customerKey: Buffer | undefined,
  ): Promise<WrittenSegment> {
    const plain = await collect(body, onChunk);
    const iv = randomNonce(16);
    const stored = Buffer.concat(new FrameCipher(customerKey ?? this.#current.key, iv).seal(0, true, plain));
    this.index.segments.held.set(name, stored);
    return {
      file: name,
      inline: true,
      size: plain.length,
      md5: hash("md5", plain),
      iv: iv.toString("hex"),
      frameBytes: FRAME_BYTES,
      ...this.#encryptedAs(customerKey === undefined ? undefined : hash("sha256", stored)),
    };
  }

  /** Removes bytes that nothing references any more; while a copy is made the removal waits. */
  async dropSegments(segments: readonly Segment[]): Promise<void> {
    this.#release(segments);
    const files = segments.filter((segment) => segment.inline !== true);
    if (files.length > 0)
      await this.#removals.remove(files.map((segment) => join(this.folder, segment.file)));
  }

  /** Copies a consistent snapshot into a folder on the same disk: the files are hard links, not copies. */
  async copyTo(folder: string): Promise<void> {
    await this.#removals.holdWhile(async () => {
      mkdirSync(folder, { recursive: true });
      this.#database.prepare("VACUUM INTO ?").run(join(folder, "objects.db"));
      await linkFiles(this.folder, folder, (name) => SHARD.test(name));
    });
  }

  /**
   * Makes an object the newest version of its key; removes replaced bytes. Concurrent puts share one sync.
   */
  async put(bucket: string, meta: ObjectMeta, options: PutOptions = {}): Promise<void> {
    const dropped = await new Promise<readonly Segment[]>((resolve, reject) => {
      this.#puts.push({ bucket, meta, options, resolve, reject });
      if (this.#puts.length === 1) setImmediate(() => this.#commit());
    });
    this.#release(meta.segments);
    // Replaced bytes are removed in the background; files left behind are removed at the next start.
    if (dropped.length > 0) void this.dropSegments(dropped).catch(() => {});
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

  /** Releases held bytes: a row has them now, or they are not needed. */
  #release(segments: readonly Segment[]): void {
    for (const segment of segments)
      if (segment.inline === true) this.index.segments.held.delete(segment.file);
  }

  /** Stores a version that was replicated from another bucket: see `ObjectIndex.putReplica`. */
  putReplica(...parameters: Parameters<ObjectIndex["putReplica"]>): boolean {
    const isStored = this.index.putReplica(...parameters);
    if (isStored) this.#release(parameters[1].segments);
    return isStored;
  }

  /** A plain delete; returns the delete marker if the bucket is versioned. */
  async delete(
    bucket: string,
    key: string,
    marker: { at: number; versionId: string },
    options: ChangeOptions = {},
  ): Promise<ObjectMeta | undefined> {
    const answer = this.index.delete(bucket, key, marker, options);
    await this.dropSegments(answer.dropped);
    return answer.marker;
  }

  /** Deletes one version permanently and returns it. */
  async deleteVersion(
    bucket: string,
    key: string,
    id: string,
    options: ChangeOptions = {},
  ): Promise<ObjectMeta | undefined> {
    const { was, dropped } = this.index.deleteVersion(bucket, key, id, options);
    await this.dropSegments(dropped);
    return was;
  }

  /**
   * Reads the bytes from `start` to `end`, both inclusive. Each frame is authenticated before it is returned,
   * the first one before the call resolves. Errors: DamagedObjectError.
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

  /** The bytes of a small object stored beside its row; undefined for files. Errors: DamagedObjectError. */
  readSmall(meta: ObjectMeta, start = 0, end = meta.size - 1, customerKey?: Buffer): Buffer | undefined {
    const [segment, ...more] = meta.segments;
    if (segment?.inline !== true || more.length > 0) return undefined;
    if (customerKey !== undefined) return this.#readInline(segment, customerKey).subarray(start, end + 1);
    let plain = this.#small.get(segment.file);
    if (plain === undefined) {
      plain = this.#readInline(segment, undefined);
      this.#smallBytes += plain.length;
      if (this.#smallBytes > SMALL_BYTES_MAX) {
        this.#small.clear();
        this.#smallBytes = plain.length;
      }
      this.#small.set(segment.file, plain);
    }
    return plain.subarray(start, end + 1);
  }

  #readInline(segment: Segment, customerKey: Buffer | undefined): Buffer {
    const stored = this.index.segments.content(segment.file);
    if (stored === undefined) throw new DamagedObjectError(`The bytes of ${segment.file} are gone.`);
    const key = customerKey ?? this.#keyOf(segment);
    try {
      return Buffer.concat(new FrameCipher(key, Buffer.from(segment.iv, "hex")).open(0, true, stored));
    } catch (thrown) {
      throw damaged(segment, thrown);
    }
  }

  /** Keys of damaged objects, each with what is wrong; reads every byte of every bucket. */
  async *damaged(): AsyncGenerator<{ bucket: string; key: string; problem: string }> {
    for (const { bucket, meta } of this.index.all()) {
      try {
        for (const segment of meta.segments)
          if (segment.sealed === true) await this.#checkStored(segment);
          else if (segment.size > 0)
            for await (const _ of this.#readSegment(segment, 0, segment.size - 1, undefined));
      } catch (thrown) {
        // An object that was replaced or deleted while it was read is not damaged.
        if (
          this.index.version(bucket, meta.key, meta.versionId ?? "null")?.segments[0]?.file !==
          meta.segments[0]?.file
        )
          continue;
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
    void this.#threads.close();
    this.#database.close();
  }

  async *#readSegments(
    meta: ObjectMeta,
    start: number,
    end: number,
    customerKey: Buffer | undefined,
  ): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const segment of meta.segments) {
      const [from, until] = [Math.max(0, start - offset), Math.min(segment.size - 1, end - offset)];
      offset += segment.size;
      if (segment.size === 0 || from > until) continue;
      yield* this.#readSegment(segment, from, until, customerKey);
    }
  }

  async *#readSegment(
    segment: Segment,
    start: number,
    end: number,
    customerKey: Buffer | undefined,
  ): AsyncGenerator<Buffer> {
    if (segment.inline === true) {
      yield this.#readInline(segment, customerKey).subarray(start, end + 1);
      return;
    }
    const { frameBytes, size } = segment;
    const key = customerKey ?? this.#keyOf(segment);
    try {
      const file = await open(join(this.folder, segment.file));
      try {
        yield* readFrames(
          file,
          new FrameCipher(key, Buffer.from(segment.iv, "hex")),
          { size, frameBytes },
          { start, end },
        );
      } finally {
        await file.close();
      }
    } catch (thrown) {
      throw damaged(segment, thrown);
    }
  }

  /** Checks the stored bytes of a customer's segment, whose plaintext only the customer can decrypt. */
  async #checkStored(segment: Segment): Promise<void> {
    const stored = createHash("sha256");
    try {
      if (segment.inline === true) stored.update(this.index.segments.content(segment.file) ?? "");
      else
        for await (const chunk of createReadStream(join(this.folder, segment.file)))
          stored.update(chunk as Buffer); // No encoding is set, so chunks are buffers.
    } catch (thrown) {
      throw damaged(segment, thrown);
    }
    if (stored.digest("hex") !== segment.sha256) throw damaged(segment, undefined);
  }
}
