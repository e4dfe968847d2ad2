import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { SMALL_FILES, TOP_DATABASES } from "./copy-state.ts";

/** A folder cannot be used as the state folder; the message has the reason and the remedy. */
export class StateFolderError extends Error {
  override readonly name = "StateFolderError";
}

/**
 * The file that marks a folder as a state folder. Folders of earlier versions have only their instance.json.
 */
export const STATE_FOLDER_MARK = ".gantry-state";

const SQLITE = String.raw`\.db(-wal|-shm|-journal)?`;
const STORED = [
  ...TOP_DATABASES.map((name) => name.replace(/\.db$/, SQLITE)),
  `objects/(objects${SQLITE}|incoming/[\\w-]+|[0-9a-f]{2}/[\\w-]+)`,
  String.raw`registry/(uploads/[\w-]+|blobs/[0-9a-f]{2}/[0-9a-f]+)`,
  ...SMALL_FILES.map((name) => name.replaceAll(".", String.raw`\.`)),
].join("|");
const OWN_PATH = new RegExp(
  `^(${[
    STATE_FOLDER_MARK.replace(".", "\\."),
    `(backup-copy/)?(${STORED})`,
    String.raw`backup-copy/(backup\.json|volume\.tar)`,
    String.raw`control-plane\.(log|pid)`,
    "operator-token",
    String.raw`listen\.pem`,
    String.raw`resolver\.json`,
    String.raw`(node/)?link\.json`,
    // A temporary file that is renamed to its final name.
    String.raw`(control-plane\.pid|instance\.json|operator-token|key|ca-key\.pem|credentials|listen\.pem|resolver\.json|(node/)?link\.json)\.new`,
    String.raw`docker/(config\.json|\.token_seed(\.lock)?)`,
    String.raw`cache/debian-packages/(lock|(partial/)?[^/]+\.deb(\.FAILED)?)`,
  ].join("|")})$`,
);
const OWN_FOLDER =
  /^((backup-copy\/)?(objects(\/incoming|\/[0-9a-f]{2})?|registry(\/uploads|\/blobs(\/[0-9a-f]{2})?)?)|backup-copy|node|docker|cache(\/debian-packages(\/partial)?)?)$/;
const STORED_PATH = new RegExp(`^(${STORED})$`);

/**
 * The folder's device and inode, which distinguish a state folder from its copies, which hold the same keys.
 * Errors: where the folder does not exist.
 */
export function folderIdOf(folder: string): string {
  const { dev, ino } = statSync(folder, { bigint: true });
  return `${dev}:${ino}`;
}

/** Whether Gantry itself writes a file or a folder with this path, which is relative to the state folder. */
export function isOwnPath(path: string): boolean {
  return OWN_PATH.test(path) || OWN_FOLDER.test(path);
}

/** Whether a file with this path belongs to the instance's data, and so to a backup. */
export function isStoredPath(path: string): boolean {
  return STORED_PATH.test(path);
}

/**
 * The state folder of an instance: `--state-dir`, else $GANTRY_HOME, else ~/.gantry. Links are resolved, so
 * that the folder itself is created, swapped and removed. Errors: StateFolderError where the given name is
 * empty.
 */
export function stateFolder(given: string | undefined): string {
  const named = given ?? process.env["GANTRY_HOME"];
  if (named?.trim() === "")
    throw new StateFolderError(
      given === undefined
        ? "$GANTRY_HOME is empty: unset it, or set it to a folder."
        : "--state-dir is empty: name a folder.",
    );
  return named === undefined ? defaultStateFolder() : resolveLinks(resolve(named));
}

/** ~/.gantry. */
export function defaultStateFolder(): string {
  return resolveLinks(join(homedir(), ".gantry"));
}

/** Like realpath(3), but also accepts a path whose last parts do not exist yet, and a link to one. */
function resolveLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT")
      throw new StateFolderError(`${path} cannot be the state folder: choose another with --state-dir.`, {
        cause: thrown,
      });
    const parent = dirname(path);
    if (parent === path) return path;
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      return resolveLinks(resolve(parent, readlinkSync(path)));
    return join(resolveLinks(parent), basename(path));
  }
}

/** Whether a folder is a state folder: it has the mark, or an instance.json that Gantry wrote. */
export function isStateFolder(folder: string): boolean {
  return existsSync(join(folder, STATE_FOLDER_MARK)) || readInstanceFile(folder) !== undefined;
}

/** The content of instance.json where Gantry wrote it, else undefined. */
export function readInstanceFile(folder: string): Readonly<Record<string, unknown>> | undefined {
  const path = join(folder, "instance.json");
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, unknown>> | null; // Checked below.
    const isOurs =
      typeof value?.["instance"] === "string" &&
      /^[a-z0-9]{1,32}$/.test(value["instance"]) &&
      Number.isInteger(value["port"]) &&
      typeof value["account"] === "string";
    return isOurs ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Opens a state folder, or creates one: the folder must not exist or be empty; it is marked, and other users'
 * access is removed.
 * Errors: StateFolderError where it contains other files, is not a folder, or belongs to another user.
 */
export function openStateFolder(folder: string): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
  else if (!stats.isDirectory())
    throw new StateFolderError(`${folder} is not a folder: choose another with --state-dir.`);
  checkOwner(folder);
  if (!isStateFolder(folder) && readdirSync(folder).length > 0)
    throw new StateFolderError(
      `${folder} holds files that are not Gantry's: choose an empty or a new folder with --state-dir.`,
    );
  tighten(folder);
  const mark = join(folder, STATE_FOLDER_MARK);
  if (!existsSync(mark)) writeFileSync(mark, "The state folder of a Gantry instance.\n", { mode: 0o600 });
}

/**
 * Errors: StateFolderError where the folder belongs to another user, who could name another instance in it.
 */
export function checkOwner(folder: string): void {
  const user = process.getuid?.();
  const owner = statSync(folder).uid;
  if (user !== undefined && owner !== user)
    throw new StateFolderError(
      `${folder} belongs to another user (uid ${owner}): work as that user, or choose another with --state-dir.`,
    );
}

/** Removes the permissions of group and others from the folder and from Gantry's own entries in it. */
function tighten(folder: string): void {
  const close = (path: string): void => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    const isPlain = stats?.isFile() === true || stats?.isDirectory() === true;
    if (stats !== undefined && isPlain && (stats.mode & 0o077) !== 0) chmodSync(path, stats.mode & 0o700);
  };
  close(folder);
  // The authority's certificate is public; all other entries of the first level are not.
  for (const name of readdirSync(folder)) if (name !== "ca.pem" && isOwnPath(name)) close(join(folder, name));
}

/**
 * Removes the files that Gantry wrote in a state folder one by one, and the folder itself where it is then
 * empty. Links are not followed and stay. Returns the paths that remain, relative to the folder.
 */
export function removeStateFolder(folder: string): readonly string[] {
  if (!isStateFolder(folder))
    throw new StateFolderError(`${folder} is not a state folder of Gantry: nothing in it was removed.`);
  const remaining: string[] = [];
  // The mark and instance.json are removed last, so that an interrupted removal can be repeated.
  const isLast = (path: string): boolean => path === STATE_FOLDER_MARK || path === "instance.json";
  const last: string[] = [];
  const empty = (prefix: string): void => {
    for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory()) {
        if (!OWN_FOLDER.test(path)) remaining.push(path);
        else {
          empty(`${path}/`);
          removeIfEmpty(join(folder, path));
        }
      } else if (!entry.isFile() || !OWN_PATH.test(path)) remaining.push(path);
      else if (isLast(path)) last.push(path);
      else unlinkSync(join(folder, path));
    }
  };
  empty("");
  for (const path of last) unlinkSync(join(folder, path));
  removeIfEmpty(folder);
  return remaining;
}

/** An empty folder contains no one else's files; a folder that is not empty, or is a mount point, stays. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (thrown) {
    const { code = "" } = thrown as NodeJS.ErrnoException;
    if (!["ENOTEMPTY", "EEXIST", "EBUSY", "EACCES", "EPERM"].includes(code)) throw thrown;
  }
}
