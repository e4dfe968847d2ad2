import { open } from "node:fs/promises";

/** Makes a rename into the folder last: until the folder itself is synced a power cut may undo it. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
