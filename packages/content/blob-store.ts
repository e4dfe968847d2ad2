import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, type BigIntStats } from "node:fs";
import { open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { DamagedError, ensurePrivateFolder } from "@gantry/kernel";
import { linkFiles, Removals } from "./removals.ts";
import { syncFolder } from "./sync-folder.ts";
import { writeFully } from "./write-fully.ts";

const READ_BYTES = 1024 * 1024;
const HASHES_MAX = 1_000;
/** How long a blob that was read or written is trusted without hashing it again. */
const PROVEN_MS = 60 * 60_000;
const PROVEN_MAX = 10_000;
/** Bytes between syncs. Syncing early keeps the last sync, before the blob gets its name, short. */
const SYNC_BYTES = 16 * 1024 * 1024;

/** The bytes do not match the digest. */
export class DigestMismatchError extends Error {
  override readonly name = "DigestMismatchError";
}

/** The stored bytes of a blob differ from those that were written. */
export class DamagedBlobError extends DamagedError {
  override readonly name = "DamagedBlobError";
}

type Algorithm = "sha256" | "sha512";

/**
 * Stores bytes under their digest (`sha256:HEX` or `sha512:HEX`), and uploads that have not become blobs yet.
 * Blobs are written atomically.
 */
export class BlobStore {
  readonly #folder: string;
  readonly #removals: Removals;
  /** Running hashes of open uploads. A restart loses them; the upload is then read again. */
  readonly #hashes = new Map<string, { hash: Hash; algorithm: Algorithm; size: number }>();

  /** Blobs whose bytes were verified: the time of the check, and the state of the file then (`touchOf`). */
  readonly #proven = new Map<string, { touch: string; at: number }>();

  /** `settled` resolves when the records that name blobs are durable: see Store.settled. */
  constructor(folder: string, settled?: () => Promise<void>) {
    this.#folder = folder;
    this.#removals = new Removals(settled);
    ensurePrivateFolder(folder);
    mkdirSync(join(folder, "uploads"), { recursive: true });
    mkdirSync(join(folder, "blobs"), { recursive: true });
  }

  async sizeOf(digest: string): Promise<number | undefined> {
    return stat(this.#pathOf(digest)).then(
      (stats) => stats.size,
      () => undefined,
    );
  }

  /**
   * Writes the bytes of a blob, or of a range of it (both ends inclusive), to `out`; does not end `out`. A whole blob
   * is verified: if its bytes do not match the digest, its last bytes are not written. A blob that was verified
   * within the last hour, in a file that has not changed since, is not verified again.
   * Errors: DamagedBlobError, and the error of a connection that closes.
   */
  async sendTo(out: Writable, digest: string, range?: { start: number; end: number }): Promise<void> {
    const algorithm = algorithmOf(digest);
    const { sendFile, ShortFileError } = await import("./send-file.ts"); // No first answer needs it.
    const file = await open(this.#pathOf(digest));
    try {
      const stats = await file.stat({ bigint: true });
      const [touch, size] = [touchOf(stats), Number(stats.size)];
      if (range !== undefined || this.#isProven(digest, touch))
        return await sendFile(file, out, range ?? { start: 0, end: size - 1 });
      const hash = createHash(algorithm);
      const check = (piece: Buffer, isLast: boolean): void => {
        hash.update(piece);
        if (isLast && `${algorithm}:${hash.digest("hex")}` !== digest) throw damagedBlob(digest);
      };
      if (size === 0) check(Buffer.alloc(0), true);
      await sendFile(file, out, { start: 0, end: size - 1 }, check);
      this.#prove(digest, touch);
    } catch (thrown) {
      throw thrown instanceof ShortFileError ? damagedBlob(digest, thrown) : thrown;
    } finally {
      await file.close();
    }
  }

  async readAll(digest: string): Promise<Buffer> {
    const bytes = await readFile(this.#pathOf(digest));
    if (digestOf(bytes, algorithmOf(digest)) !== digest) throw damagedBlob(digest);
    return bytes;
  }

  /** Stores bytes under their digest. */
  async write(bytes: Uint8Array, algorithm: Algorithm = "sha256"): Promise<string> {
    const digest = digestOf(bytes, algorithm);
    if (existsSync(this.#pathOf(digest))) return digest;
    const upload = join(this.#folder, "uploads", `manifest-${digest.slice(7)}`);
    await writeFile(upload, bytes);
    await this.#settle(upload, digest);
    return digest;
  }

  async startUpload(id: string): Promise<void> {
    await writeFile(this.#uploadPath(id), "");
  }

  /** The size of an upload; undefined if there is no such upload. */
  async uploadSize(id: string): Promise<number | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    return stat(this.#uploadPath(id)).then(
      (stats) => stats.size,
      () => undefined,
    );
  }

  /**
   * Appends to an upload and returns its new size. The bytes are hashed as they arrive, so that they need not
   * be read again if the digest uses the same algorithm.
   */
  async append(id: string, body: Readable, algorithm: Algorithm = "sha256"): Promise<number> {
    const path = this.#uploadPath(id);
    const known = this.#hashes.get(id);
    this.#hashes.delete(id);
    const size = (await stat(path)).size;
    const follows =
      size === 0
        ? { hash: createHash(algorithm), algorithm, size: 0 }
        : known?.size === size
          ? known
          : undefined;
    await appendBody(path, body, (chunk) => void follows?.hash.update(chunk));
    const now = (await stat(path)).size;
    if (follows !== undefined && this.#hashes.size < HASHES_MAX)
      this.#hashes.set(id, { ...follows, size: now });
    return now;
  }

  /** Turns an upload into a blob. Errors: DigestMismatchError; the upload is then removed. */
  async finishUpload(id: string, digest: string): Promise<void> {
    const path = this.#uploadPath(id);
    const algorithm = algorithmOf(digest);
    const known = this.#hashes.get(id);
    this.#hashes.delete(id);
    const isKnown =
      known !== undefined && known.algorithm === algorithm && known.size === (await stat(path)).size;
    const hash: Hash = isKnown ? known.hash : await hashOf(path, algorithm);
    if (`${algorithm}:${hash.digest("hex")}` !== digest) {
      await rm(path, { force: true });
      throw new DigestMismatchError(`The uploaded bytes are not ${digest}.`);
    }
    await this.#settle(path, digest);
  }

  async cancelUpload(id: string): Promise<void> {
    this.#hashes.delete(id);
    await rm(this.#uploadPath(id), { force: true });
  }

  async remove(digest: string): Promise<void> {
    await this.#removals.remove([this.#pathOf(digest)]);
  }

  /** The digests of all blobs. */
  async *digests(): AsyncGenerator<string> {
    const blobs = join(this.#folder, "blobs");
    for (const part of await readdir(blobs))
      for (const hex of await readdir(join(blobs, part))) yield digestNamed(hex);
  }

  /** The ids of open uploads. */
  async uploads(): Promise<readonly string[]> {
    return (await readdir(join(this.#folder, "uploads"))).filter((name) => /^[0-9a-f-]{36}$/.test(name));
  }

  /** Digests of damaged blobs; reads every byte. */
  async *damaged(): AsyncGenerator<string> {
    const blobs = join(this.#folder, "blobs");
    for (const part of await readdir(blobs))
      for (const hex of await readdir(join(blobs, part))) {
        const digest = digestNamed(hex);
        if ((await hashOf(join(blobs, part, hex), algorithmOf(digest))).digest("hex") !== hex) yield digest;
      }
  }

  /** Copies a consistent snapshot into a folder on the same disk. Open uploads are left out. */
  async copyTo(folder: string): Promise<void> {
    await this.#removals.holdWhile(() => linkFiles(this.#folder, folder, (name) => name === "blobs"));
  }

  async #settle(path: string, digest: string): Promise<void> {
    const target = this.#pathOf(digest);
    const file = await open(path, "r");
    try {
      await file.sync();
      mkdirSync(dirname(target), { recursive: true });
      await rename(path, target);
      await syncFolder(dirname(target));
      this.#prove(digest, touchOf(await file.stat({ bigint: true })));
    } finally {
      await file.close();
    }
  }

  #prove(digest: string, touch: string): void {
    if (this.#proven.size >= PROVEN_MAX) this.#proven.clear();
    this.#proven.set(digest, { touch, at: performance.now() });
  }

  #isProven(digest: string, touch: string): boolean {
    const proof = this.#proven.get(digest);
    return proof !== undefined && performance.now() - proof.at < PROVEN_MS && proof.touch === touch;
  }

  #pathOf(digest: string): string {
    algorithmOf(digest);
    const hex = digest.slice("sha256:".length);
    return join(this.#folder, "blobs", hex.slice(0, 2), hex);
  }

  #uploadPath(id: string): string {
    return join(this.#folder, "uploads", id.replace(/[^a-f0-9-]/g, ""));
  }
}

/**
 * Appends a body to a file. The next pieces are received while one is written and synced. Bytes that arrived
 * before a body fails are kept.
 */
async function appendBody(path: string, body: Readable, onChunk: (chunk: Buffer) => void): Promise<void> {
  body.on("error", () => {}); // The body may fail before it is read: the loop below gets the error.
  const file = await open(path, "a");
  let [pieces, size, unsynced]: [Buffer[], number, number] = [[], 0, 0];
  let [writing, syncing]: [Promise<unknown>, Promise<unknown>] = [Promise.resolve(), Promise.resolve()];
  const flush = async (): Promise<void> => {
    await writing;
    [writing, pieces, size, unsynced] = [writeFully(file, pieces), [], 0, unsynced + size];
    writing.catch(() => {}); // The next flush, or the last one, reports the error.
    if (unsynced < SYNC_BYTES) return;
    [syncing, unsynced] = [Promise.all([syncing, file.datasync()]), 0];
    syncing.catch(() => {}); // As above.
  };
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      // No encoding is set, so chunks are buffers.
      onChunk(chunk);
      pieces.push(chunk);
      size += chunk.length;
      if (size >= READ_BYTES) await flush();
    }
  } finally {
    try {
      await flush();
      await Promise.all([writing, syncing]);
    } finally {
      await file.close();
    }
  }
}

/**
 * The state of a file, which every write changes. A program can set the modification time back, but not the time of
 * the change. Source: inode(7).
 */
function touchOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino}/${size}/${mtimeNs}/${ctimeNs}`;
}

async function hashOf(path: string, algorithm: Algorithm): Promise<Hash> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }))
    hash.update(chunk as Buffer); // No encoding is set, so chunks are buffers.
  return hash;
}

function damagedBlob(digest: string, cause?: unknown): DamagedBlobError {
  return new DamagedBlobError(`The blob ${digest} is damaged.`, { cause });
}

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** Whether a text is a digest of a supported algorithm. Source: OCI image-spec, "Registered algorithms". */
export function isDigest(text: string): boolean {
  return /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(text);
}

/** The algorithm of a digest. Errors: DigestMismatchError if the text is not a digest. */
export function algorithmOf(digest: string): Algorithm {
  if (!isDigest(digest)) throw new DigestMismatchError(`${digest} is no digest.`);
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The digest of a blob's file. Files are named by the hash alone; its length determines the algorithm. */
function digestNamed(hex: string): string {
  return `${hex.length === 128 ? "sha512" : "sha256"}:${hex}`;
}
