import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { DamagedError } from "@gantry/kernel";
import type { Segment } from "./object-meta.ts";

/** Plaintext bytes per frame. The last frame of a segment may be shorter. */
export const FRAME_BYTES = 256 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
/** Frames per disk operation: waking a thread costs as much as reading one frame. */
export const BATCH_FRAMES = 4;
const BATCH_BYTES = BATCH_FRAMES * (FRAME_BYTES + TAG_BYTES);
const SPARE_BATCHES_MAX = 8;
/**
 * Bytes that a cipher is given at once. Its result is a new buffer, which malloc takes from its heap below 128 KiB;
 * each larger one is mapped, faulted in page by page and unmapped again, which takes four times as long as the
 * cipher does.
 */
const CIPHER_BYTES = 96 * 1024;

/** Free buffers for stored batches. The page faults of a new one cost more than the read (docs/decisions/0032). */
const spare: Buffer[] = [];

/** A frame differs from what was written: it was changed, moved or truncated, or the key is not the same. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/**
 * Encrypts the bytes of one segment frame by frame (AES-256-GCM), so that any range can be read and every
 * byte that is read is authenticated. Each segment has its own key. A frame's nonce is its number and whether
 * it is the last frame, so that frames can be neither reordered nor left out. Source: the STREAM
 * construction, as in Tink's AES-GCM-HKDF streaming.
 */
export class FrameCipher {
  readonly #key: Buffer;

  /** `key`: 32 bytes; `salt`: 16 bytes, unique to the segment. */
  constructor(key: Buffer, salt: Buffer) {
    this.#key = createHmac("sha256", key).update("gantry frames 1").update(salt).digest();
  }

  /** Returns the bytes to store, in pieces. */
  seal(index: number, isLast: boolean, plain: Uint8Array): readonly Buffer[] {
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonceOf(index, isLast));
    const sealed = inPieces(cipher, plain);
    cipher.final();
    return [...sealed, cipher.getAuthTag()];
  }

  /** Returns the plaintext, in pieces. Errors: FrameError. */
  open(index: number, isLast: boolean, stored: Buffer): readonly Buffer[] {
    if (stored.length < TAG_BYTES) throw new FrameError("The frame is cut short.");
    const decipher = createDecipheriv("aes-256-gcm", this.#key, nonceOf(index, isLast), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(stored.subarray(stored.length - TAG_BYTES));
    const plain = inPieces(decipher, stored.subarray(0, stored.length - TAG_BYTES));
    try {
      decipher.final();
    } catch (thrown) {
      throw new FrameError("The frame is not what was written.", { cause: thrown });
    }
    return plain;
  }
}

function inPieces(cipher: { update(bytes: Uint8Array): Buffer }, bytes: Uint8Array): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += CIPHER_BYTES)
    pieces.push(cipher.update(bytes.subarray(at, at + CIPHER_BYTES)));
  return pieces;
}

/** The offset of a frame in its file. */
export function frameOffset(index: number, frameBytes: number = FRAME_BYTES): number {
  return index * (frameBytes + TAG_BYTES);
}

/**
 * Reads the plaintext from `start` to `end`, both inclusive, of a segment of `size` bytes in a file of
 * frames. Errors: FrameError.
 */
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
    // The consumer awaits it and gets the error. If the consumer stops before, the error has no effect.
    stored.catch(() => {});
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
        let offset = index * frameBytes;
        for (const piece of plain) {
          const part = piece.subarray(Math.max(0, range.start - offset), Math.max(0, range.end - offset + 1));
          offset += piece.length;
          if (part.length > 0) yield part;
        }
      }
      if (stored.length === BATCH_BYTES && spare.length < SPARE_BATCHES_MAX) spare.push(stored);
    }
  } finally {
    // If the consumer stops early, a read is still pending: the file is closed after it.
    await Promise.allSettled([next]);
  }
}

async function readFully(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = (length === BATCH_BYTES ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(length);
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

/** The stored bytes differ from those that were written. */
export class DamagedObjectError extends DamagedError {
  override readonly name = "DamagedObjectError";
}

/** Translates an error of reading a segment: to DamagedObjectError if it means damage, else unchanged. */
export function damaged(segment: Segment, thrown: unknown): unknown {
  if ((thrown as { code?: string } | undefined)?.code === "ENOENT")
    // Node's file errors carry a code.
    return new DamagedObjectError(`The bytes of ${segment.file} are gone.`, { cause: thrown });
  if (thrown !== undefined && !(thrown instanceof FrameError)) return thrown;
  return new DamagedObjectError(`The bytes of ${segment.file} are damaged.`, { cause: thrown });
}
