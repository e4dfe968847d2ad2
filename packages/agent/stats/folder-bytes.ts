import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";

const BLOCK_BYTES = 512;
/** With more files than this the sum is not measured, because reading it takes too long. */
const FILES_MAX = 20_000;

/**
 * Bytes on the disk of a folder's files; undefined where it cannot be read or has very many. Links are not
 * followed.
 */
export async function folderBytes(folder: string): Promise<number | undefined> {
  let [bytes, files] = [0, 0];
  const waiting = [folder];
  try {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop())
      for await (const entry of await opendir(path)) {
        files += 1;
        if (files > FILES_MAX) return undefined;
        const child = join(path, entry.name);
        if (entry.isDirectory()) waiting.push(child);
        // A file that is removed in the meantime counts as zero bytes.
        bytes += await lstat(child).then(
          ({ blocks }) => blocks * BLOCK_BYTES,
          () => 0,
        );
      }
  } catch {
    return undefined;
  }
  return bytes;
}
