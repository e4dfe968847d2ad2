import { createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { BATCH_FRAMES, FRAME_BYTES, frameOffset, type FrameCipher } from "./frames.ts";
import type { HashThread, Hashing } from "./hash-thread.ts";
import { syncFolder } from "./sync-folder.ts";
import { writeFully } from "./write-fully.ts";

const BATCH_BYTES = BATCH_FRAMES * FRAME_BYTES;
/** How far a body may run ahead of the disk and the hashes. */
const BATCHES_IN_FLIGHT = 4;
const SPARE_BATCHES_MAX = 8;
/** So much is written between syncs. */
const SYNC_BATCHES = 8;
/** Fewer bytes are hashed where they are: a thread is not worth the way. */
const THREAD_BYTES_MIN = 1024 * 1024;

/** Memory for batches that is free: what threads share is dear to make. */
const spare: Buffer<SharedArrayBuffer>[] = [];

/**
 * Writes a body into a new file, sealed frame by frame, names it `to` once it is whole, and syncs it and its folder: receiving,
 * hashing, sealing and writing go on side by side. Answers what it was. `onChunk` sees the plain bytes as they come, `onStored` those that go to the disk. Errors: the
 * body's, the disk's; the file is then left as far as it came, and the body is left as it is, for whoever still answers on it.
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
  body.on("error", () => {}); // It may break off before it is read: the loop below hears of it.
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
    // What is written goes to the disk while the rest still comes: the last sync finds little to do.
    if (batches % SYNC_BATCHES === 0) {
      syncing = Promise.all([syncing, file.datasync()]);
      syncing.catch(() => {}); // Heard at the end.
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
        // A full batch waits for more, so that the last frame is known as the last.
        if (filled === BATCH_BYTES) {
          flush(false);
          while (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight);
          batch = newBatch();
        }
        // Not by `set`: that copies word by word where threads share the memory.
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
    // Nothing refers to it yet: its bytes and its name may reach the disk in either order.
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
