import { open } from "node:fs/promises";

/** Makes a rename into the folder durable: until the folder is synced, a power failure may undo it. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
