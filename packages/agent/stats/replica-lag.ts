import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

/** The file that the check of a replica writes (packages/images): seconds, or a word where it does not replicate. */
const FILE = ".gantry-replica";
const BYTES_MAX = 16;

/**
 * Seconds that a replica of a database is behind its source, -1 where it does not replicate; undefined where the folder
 * is that of no replica. Links are not followed: users of the database may write files beside it.
 */
export async function replicaLag(folder: string): Promise<number | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(folder, FILE), flags).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(BYTES_MAX), 0, BYTES_MAX, 0);
    const text = buffer.toString("utf8", 0, bytesRead).trim();
    return /^\d{1,9}$/.test(text) ? Number(text) : -1;
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
