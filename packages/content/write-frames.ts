import { createHash } from "node:crypto";
import { open, rename, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { BATCH_FRAMES, FRAME_BYTES, frameOffset, type FrameCipher } from "./frames.ts";
import type { HashThread, Hashing } from "./hash-thread.ts";
import { syncFolder } from "./sync-folder.ts";
import { writeFully } from "./write-fully.ts";

const BATCH_BYTES = BATCH_FRAMES * FRAME_BYTES;
/** Batches that may be received ahead of the disk and the hashes. */
const BATCHES_IN_FLIGHT = 4;
const SPARE_BATCHES_MAX = 8;
/** Batches between syncs. */
const SYNC_BATCHES = 8;
/** Smaller bodies are hashed in this thread: sending them to another costs more than it saves. */
const THREAD_BYTES_MIN = 1024 * 1024;

/** Free buffers for batches, which are reused because shared memory is expensive to allocate. */
const spare: Buffer<SharedArrayBuffer>[] = [];

/**
 * Writes a body into a new file, encrypted frame by frame, renames it to `to` once it is complete, and syncs
 * it and its folder. Receiving, hashing, encrypting and writing run concurrently. Returns what was written.
 * `onChunk` sees the plaintext as it arrives, `onStored` the bytes that are stored. Errors: those of the body
 * and of the disk. The incomplete file is then left behind, and the body is left unread, so that the caller
 * can still respond.
 */
export async function writeFrames(
  path: string,
  to: string,
  body: Readable,
  options: {
    cipher: FrameCipher;
    threads: HashThread;
    expected: number;
    onChunk: (chunk: Buffer) => void;
    onStored: ((piece: Buffer) => void) | undefined;
  },
): Promise<{ size: number; md5: string }> {
  const { cipher, threads, expected, onChunk, onStored } = options;
  body.on("error", () => {}); // The body may fail before it is read: the loop below gets the error.
  const file = await open(path, "wx");
  const md5 = expected < THREAD_BYTES_MIN ? hashHere() : threads.start("md5");
  const batches = new BatchWriter({ file, md5, cipher, onStored });
  try {
    // No encoding is set, so chunks are buffers.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      onChunk(chunk);
      await batches.add(chunk);
    }
    const size = await batches.end();
    // Nothing references the file yet: its bytes and its name may become durable in either order.
    await rename(path, to);
    const [hex] = await Promise.all([md5.digest(), file.sync(), syncFolder(dirname(to)), batches.synced()]);
    return { size, md5: hex };
  } catch (thrown) {
    await batches.settled();
    md5.drop();
    throw thrown;
  } finally {
    await file.close();
  }
}

/** Collects chunks into batches of frames, and hashes, encrypts and writes each batch while the next is received. */
class BatchWriter {
  readonly #file: FileHandle;
  readonly #md5: Hashing;
  readonly #cipher: FrameCipher;
  readonly #onStored: ((piece: Buffer) => void) | undefined;
  readonly #inFlight = new Set<Promise<void>>();
  #failure: { thrown: unknown } | undefined;
  #batch = newBatch();
  #filled = 0;
  #count = 0;
  #syncing: Promise<unknown> = Promise.resolve();

  constructor(parts: {
    file: FileHandle;
    md5: Hashing;
    cipher: FrameCipher;
    onStored: ((piece: Buffer) => void) | undefined;
  }) {
    this.#file = parts.file;
    this.#md5 = parts.md5;
    this.#cipher = parts.cipher;
    this.#onStored = parts.onStored;
  }

  /** Takes a chunk; waits while BATCHES_IN_FLIGHT batches are being written. Errors: those of the disk. */
  async add(chunk: Buffer): Promise<void> {
    for (let from = 0; from < chunk.length;) {
      // A full batch is held until more bytes arrive, so that the last frame is known to be the last.
      if (this.#filled === BATCH_BYTES) {
        this.#flush(false);
        while (this.#inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(this.#inFlight);
        this.#batch = newBatch();
      }
      // Not `set`, which copies word by word in shared memory.
      const count = chunk.copy(this.#batch, this.#filled, from);
      this.#filled += count;
      from += count;
    }
    this.#throwFailure();
  }

  /** Writes what is left, with the mark of the last frame; returns the number of bytes of the whole body. */
  async end(): Promise<number> {
    const size = this.#count * BATCH_BYTES + this.#filled;
    this.#flush(true);
    await Promise.all(this.#inFlight);
    this.#throwFailure();
    return size;
  }

  /** Resolves when the syncs that were begun meanwhile have ended; rejects if one failed. */
  synced(): Promise<unknown> {
    return this.#syncing;
  }

  /** Resolves when nothing uses the file any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#inFlight);
    await this.#syncing.catch(() => {});
  }

  #flush(isLast: boolean): void {
    const [taken, length] = [this.#batch, this.#filled];
    const first = this.#count * BATCH_FRAMES;
    const pieces = this.#seal(taken.subarray(0, length), { first, isLast });
    if (this.#onStored !== undefined) pieces.forEach(this.#onStored);
    const done = Promise.all([
      this.#md5.update(taken.buffer, length),
      writeFully(this.#file, pieces, frameOffset(first)),
    ]).then(
      () => void (spare.length < SPARE_BATCHES_MAX && spare.push(taken)),
      (thrown: unknown) => void (this.#failure ??= { thrown }),
    );
    this.#inFlight.add(done);
    void done.then(() => this.#inFlight.delete(done));
    this.#count += 1;
    this.#filled = 0;
    // Syncing while the rest arrives keeps the last sync short.
    if (this.#count % SYNC_BATCHES === 0) {
      this.#syncing = Promise.all([this.#syncing, this.#file.datasync()]);
      this.#syncing.catch(() => {}); // The last await reports the error.
    }
  }

  /** Encrypts the frames of a batch, the first of which has the number `first`. */
  #seal(bytes: Buffer, { first, isLast }: { first: number; isLast: boolean }): readonly Buffer[] {
    const count = Math.max(1, Math.ceil(bytes.length / FRAME_BYTES));
    return Array.from({ length: count }, (_, frame) =>
      this.#cipher.seal(
        first + frame,
        isLast && frame === count - 1,
        bytes.subarray(frame * FRAME_BYTES, (frame + 1) * FRAME_BYTES),
      ),
    ).flat();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown;
  }
}

function newBatch(): Buffer<SharedArrayBuffer> {
  return spare.pop() ?? Buffer.from(new SharedArrayBuffer(BATCH_BYTES));
}

function hashHere(): Hashing {
  const hash = createHash("md5");
  return {
    update: async (bytes, length) => void hash.update(new Uint8Array(bytes, 0, length)),
    digest: async () => hash.digest("hex"),
    drop: () => {},
  };
}

/**
 * Reads a small body whole, and calls `onChunk` with each chunk as it arrives. Listening for events costs half of what
 * iterating over the stream does. Errors: those of the stream and of `onChunk`; Error if the body is cut off.
 */
export function collect(body: Readable, onChunk: (chunk: Buffer) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let isWhole = false;
    const fail = (thrown: unknown): void => {
      reject(thrown);
      body.destroy();
    };
    body.on("data", (chunk: Buffer) => {
      // No encoding is set, so chunks are buffers.
      try {
        onChunk(chunk);
        chunks.push(chunk);
      } catch (thrown) {
        fail(thrown);
      }
    });
    body.on("end", () => {
      isWhole = true;
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
    });
    const cutOff = (): void => {
      if (!isWhole) reject(body.errored ?? new Error("The body was cut off."));
    };
    body.on("error", reject);
    body.on("close", cutOff);
    // It may have failed before, and tells nobody again.
    if (body.destroyed) cutOff();
  });
}
