import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** Plain bytes of a frame; the last of a segment may have fewer. */
export const FRAME_BYTES = 256 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
/** Frames that go to the disk, or come from it, at once: to wake a thread costs as much as to read one. */
export const BATCH_FRAMES = 4;

/** A frame is not what was written: changed, moved, cut short, or opened with another key. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/**
 * Seals the bytes of one segment frame by frame (AES-256-GCM), so that any range can be read, and what is read is proven to
 * be what was written. Each segment has a key of its own; a frame's nonce is its number and whether it is the last, so that
 * frames can be neither swapped nor left out. Source: the STREAM construction, as in Tink's AES-GCM-HKDF streaming.
 */
export class FrameCipher {
  readonly #key: Buffer;

  /** `key`: 32 bytes; `salt`: 16 bytes that no other segment has. */
  constructor(key: Buffer, salt: Buffer) {
    this.#key = createHmac("sha256", key).update("gantry frames 1").update(salt).digest();
  }

  /** The bytes to store, in two pieces. */
  seal(index: number, isLast: boolean, plain: Uint8Array): readonly [Buffer, Buffer] {
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonceOf(index, isLast));
    const sealed = cipher.update(plain);
    cipher.final();
    return [sealed, cipher.getAuthTag()];
  }

  /** The plain bytes. Errors: FrameError. */
  open(index: number, isLast: boolean, stored: Buffer): Buffer {
    if (stored.length < TAG_BYTES) throw new FrameError("The frame is cut short.");
    const decipher = createDecipheriv("aes-256-gcm", this.#key, nonceOf(index, isLast), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(stored.subarray(stored.length - TAG_BYTES));
    const plain = decipher.update(stored.subarray(0, stored.length - TAG_BYTES));
    try {
      decipher.final();
    } catch (thrown) {
      throw new FrameError("The frame is not what was written.", { cause: thrown });
    }
    return plain;
  }
}

/** Where a frame begins in its file. */
export function frameOffset(index: number, frameBytes: number = FRAME_BYTES): number {
  return index * (frameBytes + TAG_BYTES);
}

/** The plain bytes from `start` to `end`, both included, of a segment of `size` bytes in a file of frames. Errors: FrameError. */
export async function* readFrames(
  file: FileHandle,
  cipher: FrameCipher,
  segment: { size: number; frameBytes: number },
  range: { start: number; end: number },
): AsyncGenerator<Buffer> {
  const { size, frameBytes } = segment;
  const lastOfAll = Math.max(0, Math.ceil(size / frameBytes) - 1);
  const [first, last] = [Math.floor(range.start / frameBytes), Math.floor(range.end / frameBytes)];
  const read = (from: number): Promise<Buffer> => {
    const to = Math.min(from + BATCH_FRAMES - 1, last);
    const end = to === lastOfAll ? size + (lastOfAll + 1) * TAG_BYTES : frameOffset(to + 1, frameBytes);
    const stored = readFully(file, frameOffset(from, frameBytes), end - frameOffset(from, frameBytes));
    stored.catch(() => {}); // Whoever awaits it hears of it; where nobody gets so far, nobody need.
    return stored;
  };
  // The next frames are read while these are opened and sent.
  let next = read(first);
  try {
    for (let from = first; from <= last; from += BATCH_FRAMES) {
      const stored = await next;
      if (from + BATCH_FRAMES <= last) next = read(from + BATCH_FRAMES);
      for (let index = from; index < from + BATCH_FRAMES && index <= last; index += 1) {
        const at = frameOffset(index - from, frameBytes);
        const plain = cipher.open(
          index,
          index === lastOfAll,
          stored.subarray(at, at + frameBytes + TAG_BYTES),
        );
        const offset = index * frameBytes;
        yield plain.subarray(Math.max(0, range.start - offset), range.end - offset + 1);
      }
    }
  } finally {
    // Whoever turns away early leaves a read behind: the file is closed after it.
    await Promise.allSettled([next]);
  }
}

async function readFully(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new FrameError("The file is cut short.");
    done += bytesRead;
  }
  return buffer;
}

function nonceOf(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(isLast ? 1 : 0, 0);
  nonce.writeBigUInt64BE(BigInt(index), 4);
  return nonce;
}
