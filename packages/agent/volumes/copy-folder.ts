import { execFile } from "node:child_process";
import { mkdir, open, readdir, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { removeTree } from "./remove-tree.ts";

const run = promisify(execFile);
const COPY_TIMEOUT_MS = 6 * 60 * 60_000;

/**
 * Copies a folder with the owners and modes of its files. `to` is complete and on the disk, or absent: an unfinished
 * copy has another name (`unfinishedOf`) and is begun anew. Where `to` exists, nothing is done.
 *
 * @param hold Keeps the files from changing while they are read.
 */
export async function copyFolder(
  from: string,
  to: string,
  hold: (copy: () => Promise<void>) => Promise<void> = (copy) => copy(),
): Promise<void> {
  if (await isThere(to)) return;
  const unfinished = unfinishedOf(to);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await removeTree(unfinished);
  await hold(async () => {
    // A copy whose agent was killed ends with it: it must not write into the next one.
    await run("setpriv", ["--pdeathsig", "KILL", "cp", "-a", from, unfinished], {
      timeout: COPY_TIMEOUT_MS,
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
    });
  });
  await syncTree(unfinished);
  await rename(unfinished, to);
  await sync(dirname(to));
}

/** The name of a copy that is being made. */
export function unfinishedOf(path: string): string {
  return `${path}-new`;
}

export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Writes the files of a folder to the disk, and the folders. Links are not followed. */
async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() || entry.isDirectory()) await sync(join(entry.parentPath, entry.name));
  await sync(folder);
}

async function sync(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
