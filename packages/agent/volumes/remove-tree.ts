import { constants } from "node:fs";
import { lstat, open, readdir, rename, rmdir, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname } from "node:path";

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const PASSES_MAX = 100;

/**
 * Removes a folder recursively, while tasks may still rename entries in it or create links. Every call names
 * one entry of a folder that is held open, so none leaves the tree. Folders are moved up to the top before
 * they are emptied: a tree of any depth takes three descriptors. `path` itself must be named by the platform.
 * Absent is success. Errors: where the tree is still being filled, or contains entries that cannot be
 * removed.
 */
export async function removeTree(path: string): Promise<void> {
  const parent = await openFolder(dirname(path));
  if (parent === undefined) return;
  try {
    const place = entryOf(parent, Buffer.from(basename(path)));
    const top = await openFolder(place);
    if (top === undefined) return;
    try {
      await empty(top, path);
    } finally {
      await top.close();
    }
    await rmdir(place);
  } finally {
    await parent.close();
  }
}

async function empty(top: FileHandle, path: string): Promise<void> {
  let moved = 0;
  for (let pass = 0; ; pass += 1) {
    const names = await readdir(pathOf(top), { encoding: "buffer" });
    if (names.length === 0) return;
    // A pass takes one level off each tree; moved folders need further passes.
    if (pass > PASSES_MAX + moved) throw new Error(`${path} could not be emptied.`);
    for (const name of names) moved = await removeEntry(top, name, moved);
  }
}

/**
 * Removes a file, or a folder after moving the folders in it to the top. Returns how many were moved so far.
 */
async function removeEntry(top: FileHandle, name: Buffer, movedBefore: number): Promise<number> {
  const entry = entryOf(top, name);
  const folder = await openFolder(entry);
  if (folder === undefined) {
    await leaveToNextPass(unlink(entry));
    return movedBefore;
  }
  let moved = movedBefore;
  try {
    for (const child of await readdir(pathOf(folder), { encoding: "buffer" })) {
      const from = entryOf(folder, child);
      const isFolder = await lstat(from).then(
        (stat) => stat.isDirectory(),
        () => false,
      );
      if (!isFolder) {
        await leaveToNextPass(unlink(from));
        continue;
      }
      await leaveToNextPass(
        rename(from, entryOf(top, Buffer.from(`.gantry-removed-${process.pid}-${moved}`))),
      );
      moved += 1;
    }
  } finally {
    await folder.close();
  }
  await leaveToNextPass(rmdir(entry));
  return moved;
}

/** Opens the folder; undefined where the name is missing, a link, or not a folder. */
async function openFolder(path: string | Buffer): Promise<FileHandle | undefined> {
  try {
    return await open(path, FOLDER);
  } catch (thrown) {
    if (hasCode(thrown, ["ENOENT", "ENOTDIR", "ELOOP"])) return undefined;
    throw thrown;
  }
}

/** The next pass handles entries that a task changed in the meantime. */
async function leaveToNextPass(work: Promise<void>): Promise<void> {
  await work.catch((thrown: unknown) => {
    if (!hasCode(thrown, ["ENOENT", "ENOTEMPTY", "EEXIST", "EISDIR", "ENOTDIR", "EPERM"])) throw thrown;
  });
}

function hasCode(thrown: unknown, codes: readonly string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}

function pathOf(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}`;
}

function entryOf(folder: FileHandle, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${pathOf(folder)}/`), name]);
}
