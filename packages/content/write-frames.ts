import { createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
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
  const inFlight = new Set<Promise<void>>();
  let failure: { thrown: unknown } | undefined;
  let batch = newBatch();
  let [filled, batches] = [0, 0];
  let syncing: Promise<unknown> = Promise.resolve();

  const flush = (isLast: boolean): void => {
    const [taken, length] = [batch, filled];
    const first = batches * BATCH_FRAMES;
    const count = Math.max(1, Math.ceil(length / FRAME_BYTES));
    const pieces = Array.from({ length: count }, (_, frame) =>
      cipher.seal(
        first + frame,
        isLast && frame === count - 1,
        taken.subarray(frame * FRAME_BYTES, Math.min(length, (frame + 1) * FRAME_BYTES)),
      ),
    ).flat();
    if (onStored !== undefined) pieces.forEach(onStored);
    const done = Promise.all([
      md5.update(taken.buffer, length),
      writeFully(file, pieces, frameOffset(first)),
    ]).then(
      () => void (spare.length < SPARE_BATCHES_MAX && spare.push(taken)),
      (thrown: unknown) => void (failure ??= { thrown }),
    );
    inFlight.add(done);
    void done.then(() => inFlight.delete(done));
    batches += 1;
    filled = 0;
    // Syncing while the rest arrives keeps the last sync short.
    if (batches % SYNC_BATCHES === 0) {
      syncing = Promise.all([syncing, file.datasync()]);
      syncing.catch(() => {}); // The last await reports the error.
    }
  };
  const throwFailure = (): void => {
    if (failure !== undefined) throw failure.thrown;
  };
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      // No encoding is set, so chunks are buffers.
      onChunk(chunk);
      for (let from = 0; from < chunk.length;) {
        // A full batch is held until more bytes arrive, so that the last frame is known to be the last.
        if (filled === BATCH_BYTES) {
          flush(false);
          while (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight);
          batch = newBatch();
        }
        // Not `set`, which copies word by word in shared memory.
        const count = chunk.copy(batch, filled, from);
        filled += count;
        from += count;
      }
      throwFailure();
    }
    const size = batches * BATCH_BYTES + filled;
    flush(true);
    await Promise.all(inFlight);
    throwFailure();
    // Nothing references the file yet: its bytes and its name may become durable in either order.
    await rename(path, to);
    const [hex] = await Promise.all([md5.digest(), file.sync(), syncFolder(dirname(to)), syncing]);
    return { size, md5: hex };
  } catch (thrown) {
    await Promise.all(inFlight);
    await syncing.catch(() => {});
    md5.drop();
    throw thrown;
  } finally {
    await file.close();
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
