import type { FileHandle } from "node:fs/promises";

/** Writes all of the pieces, one after the other: at a position, or at the end of a file that was opened to append. */
export async function writeFully(
  file: FileHandle,
  pieces: readonly Buffer[],
  position?: number,
): Promise<void> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { bytesWritten } = await file.writev(pieces as Buffer[], position);
  if (bytesWritten === length) return;
  // Cut short: the next try says why.
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let done = 0; done < rest.length;) {
    const at = position === undefined ? undefined : position + bytesWritten + done;
    done += (await file.write(rest, done, rest.length - done, at)).bytesWritten;
  }
}
