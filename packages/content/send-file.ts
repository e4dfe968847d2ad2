import type { FileHandle } from "node:fs/promises";
import type { Writable } from "node:stream";

/** Bytes per read and write: large, so that few of them wake a thread. */
export const PIECE_BYTES = 512 * 1024;
/** One piece is read while the other is sent. */
const PIECES = 2;
const SPARE_PIECES_MAX = 8;

/**
 * Free buffers. Pieces are read into buffers that are reused: with a new buffer for each read, page faults and garbage
 * collection take more processor time than reading and sending (docs/decisions/0032).
 */
const spare: Buffer[] = [];

/** The file ends before the last byte that was asked for. */
export class ShortFileError extends Error {
  override readonly name = "ShortFileError";
}

/**
 * Writes the bytes from `start` to `end`, both inclusive, to `out` and resolves once `out` has taken them all; it does
 * not end `out`. `onPiece` sees each piece before it is written; if it throws, that piece is not written. The piece is
 * valid only during the call. Errors: ShortFileError, what `onPiece` throws, and the error of a connection that closes.
 */
export async function sendFile(
  file: FileHandle,
  out: Writable,
  { start, end }: { readonly start: number; readonly end: number },
  onPiece: (piece: Buffer, isLast: boolean) => void = () => {},
): Promise<void> {
  const writer = new PieceWriter(out);
  const buffers: Buffer[] = [];
  const writes: Promise<void>[] = [];
  try {
    let at = start;
    for (let slot = 0; at <= end; slot = (slot + 1) % PIECES) {
      // The buffer belongs to the connection until its bytes are written.
      await writes[slot];
      const buffer = (buffers[slot] ??= newBuffer(end + 1 - at));
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end + 1 - at), at);
      if (bytesRead === 0) throw new ShortFileError(`The file ends at ${at}, before ${end + 1}.`);
      at += bytesRead;
      const piece = buffer.subarray(0, bytesRead);
      onPiece(piece, at > end);
      writes[slot] = writer.write(piece);
    }
    await Promise.all(writes);
  } finally {
    writer.close();
  }
  // Not after a failure: a write may be pending then.
  for (const buffer of buffers)
    if (buffer.length === PIECE_BYTES && spare.length < SPARE_PIECES_MAX) spare.push(buffer);
}

/** A buffer for the next bytes of a file: a smaller one where less than a piece is left. */
function newBuffer(left: number): Buffer {
  if (left < PIECE_BYTES) return Buffer.allocUnsafeSlow(left);
  return spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
}

/** Writes pieces to a stream and reports when the stream no longer needs the buffer of each. */
class PieceWriter {
  readonly #out: Writable;
  readonly #waiting = new Set<(thrown: Error) => void>();

  constructor(out: Writable) {
    this.#out = out;
    out.on("error", this.#onError);
    out.on("close", this.#onClose);
  }

  /** Resolves once the stream has written the piece. Rejects if the stream fails or closes before. */
  write(piece: Buffer): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      if (this.#out.destroyed) return reject(new Error("The connection is closed."));
      this.#waiting.add(reject);
      this.#out.write(piece, (error) => {
        this.#waiting.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
    // The sender awaits it and gets the error. If the sender fails before, the error has no effect.
    written.catch(() => {});
    return written;
  }

  /** Stops listening for the end of the stream. Errors of the stream still have no effect. */
  close(): void {
    this.#out.off("close", this.#onClose);
  }

  readonly #onError = (thrown: Error): void => {
    for (const reject of this.#waiting) reject(thrown);
  };

  /** A response that its server has not sent yet loses its callbacks if the connection closes. */
  readonly #onClose = (): void =>
    this.#onError(new Error("The connection closed before all bytes were sent."));
}
