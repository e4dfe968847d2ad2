import { createDecipheriv, createHash, hash, type Decipheriv } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { FrameError } from "./frames.ts";
import type { Segment } from "./object-meta.ts";

// Segments as they were written before there were frames: AES-256 in counter mode, proven by a hash of the whole.
const BLOCK = 16;

/** The plain bytes of a segment that lies beside its row. Errors: FrameError. */
export function readUnframed(stored: Buffer, segment: Segment, key: Buffer): Buffer {
  const plain = decryptorAt(key, segment.iv, 0).update(stored);
  if (
    stored.length !== segment.size ||
    hash("sha256", segment.sealed === true ? stored : plain) !== segment.sha256
  )
    throw new FrameError("The bytes are not what was written.");
  return plain;
}

/** The plain bytes from `start` to `end`, both included; a whole segment's last ones once the hash is known. Errors: FrameError. */
export async function* readUnframedFile(
  file: FileHandle,
  segment: Segment,
  { start, end }: { start: number; end: number },
  key: Buffer,
): AsyncGenerator<Buffer> {
  const isWhole = start === 0 && end === segment.size - 1;
  const digest = createHash("sha256");
  const decryptor = decryptorAt(key, segment.iv, start);
  let held: Buffer | undefined;
  let size = 0;
  for await (const stored of file.createReadStream({
    start,
    end,
    autoClose: false,
    highWaterMark: 256 * 1024,
  }) as AsyncIterable<Buffer>) {
    // No encoding is set, so chunks are buffers.
    const chunk = decryptor.update(stored);
    size += chunk.length;
    if (isWhole) digest.update(segment.sealed === true ? stored : chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (size !== end - start + 1 || (isWhole && digest.digest("hex") !== segment.sha256))
    throw new FrameError("The bytes are not what was written.");
  if (held !== undefined) yield held;
}

/** What turns the stored bytes from `offset` on into the plain ones. */
function decryptorAt(key: Buffer, iv: string, offset: number): Decipheriv {
  const counter = (BigInt(`0x${iv}`) + BigInt(Math.floor(offset / BLOCK))) % 2n ** 128n;
  const decipher = createDecipheriv(
    "aes-256-ctr",
    key,
    Buffer.from(counter.toString(16).padStart(2 * BLOCK, "0"), "hex"),
  );
  decipher.update(Buffer.alloc(offset % BLOCK));
  return decipher;
}
