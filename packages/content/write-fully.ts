import type { FileHandle } from "node:fs/promises";

/** Writes all pieces in sequence: at a position, or at the end of a file that was opened to append. */
export async function writeFully(
  file: FileHandle,
  pieces: readonly Buffer[],
  position?: number,
): Promise<void> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { bytesWritten } = await file.writev(pieces as Buffer[], position);
  if (bytesWritten === length) return;
  // After a short write, the next attempt reports the reason.
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let done = 0; done < rest.length;) {
    const at = position === undefined ? undefined : position + bytesWritten + done;
    done += (await file.write(rest, done, rest.length - done, at)).bytesWritten;
  }
}
