import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { FRAME_BYTES, frameOffset, type FrameCipher } from "./frames.ts";
import type { HashThread, Hashing } from "./hash-thread.ts";
import { writeFully } from "./write-fully.ts";

/** How far a body may run ahead of the disk and the hashes. */
const FRAMES_IN_FLIGHT = 8;
const SPARE_FRAMES_MAX = 32;
/** So much is written between syncs. */
const SYNC_FRAMES = 32;
/** Fewer bytes are hashed where they are: a thread is not worth the way. */
const THREAD_BYTES_MIN = 1024 * 1024;

/** Frames that are free: memory that threads share is dear to make. */
const spare: SharedArrayBuffer[] = [];

/**
 * Writes a body into a new file, sealed frame by frame, and syncs it: receiving, hashing, sealing and writing go on side by
 * side. Answers what it was. `onChunk` sees the plain bytes as they come, `onStored` those that go to the disk. Errors: the
 * body's, the disk's; the file is then left half-written, and the body is left as it is, for whoever still answers on it.
 */
export async function writeFrames(
  path: string,
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
  let frame = spare.pop() ?? new SharedArrayBuffer(FRAME_BYTES);
  let [filled, index] = [0, 0];
  let syncing: Promise<unknown> = Promise.resolve();

  const flush = (isLast: boolean): void => {
    const [shared, length] = [frame, filled];
    const pieces = cipher.seal(index, isLast, new Uint8Array(shared, 0, length));
    if (onStored !== undefined) pieces.forEach(onStored);
    const done = Promise.all([md5.update(shared, length), writeFully(file, pieces, frameOffset(index))]).then(
      () => void (spare.length < SPARE_FRAMES_MAX && spare.push(shared)),
      (thrown: unknown) => void (failure ??= { thrown }),
    );
    inFlight.add(done);
    void done.then(() => inFlight.delete(done));
    index += 1;
    filled = 0;
    // What is written goes to the disk while the rest still comes: the last sync finds little to do.
    if (index % SYNC_FRAMES === 0) {
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
        // A full frame waits for more, so that the last one is known as the last.
        if (filled === FRAME_BYTES) {
          flush(false);
          while (inFlight.size >= FRAMES_IN_FLIGHT) await Promise.race(inFlight);
          frame = spare.pop() ?? new SharedArrayBuffer(FRAME_BYTES);
        }
        const count = Math.min(FRAME_BYTES - filled, chunk.length - from);
        new Uint8Array(frame, filled, count).set(chunk.subarray(from, from + count));
        filled += count;
        from += count;
      }
      throwFailure();
    }
    const size = index * FRAME_BYTES + filled;
    flush(true);
    await Promise.all(inFlight);
    throwFailure();
    const [hex] = await Promise.all([md5.digest(), file.sync(), syncing]);
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

function hashHere(): Hashing {
  const hash = createHash("md5");
  return {
    update: async (bytes, length) => void hash.update(new Uint8Array(bytes, 0, length)),
    digest: async () => hash.digest("hex"),
    drop: () => {},
  };
}
