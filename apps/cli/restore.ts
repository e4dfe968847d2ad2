import { spawn } from "node:child_process";
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { namingOf } from "@gantry/agent";
import {
  identityOf,
  isRunning,
  isStateFolder,
  isStoredPath,
  openStateFolder,
  readInstance,
  removeStateFolder,
  STATE_FOLDER_MARK,
  type InstanceSettings,
  type ProcessIdentity,
} from "@gantry/control-plane";
import { messageOf } from "@gantry/kernel";
import { NewerStateError, SqliteStore } from "@gantry/state";
import { ArchiveError, readArchive, type ArchiveMember } from "./archive.ts";
import { hashOf, MANIFEST, VOLUME, type Manifest } from "./backup.ts";
import { ensureDocker } from "./docker.ts";
import { damageOf } from "./examine-data.ts";
import { ensureAgentImage } from "./platform.ts";
import { type PlatformDeps } from "./project.ts";
import { run, UserError } from "./run.ts";

const NOTE = "restoring.json";
const STATE = "state";

/**
 * Restores a backup into a state folder that has no instance; "gantry up" then starts it. All files are
 * written to a new folder beside the state folder, which replaces it at the end. An interrupted restore
 * leaves the state folder unchanged, and the next restore removes what it wrote.
 */
export async function restore(deps: PlatformDeps, folder: string, file: string): Promise<void> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UserError(`There is no file ${path}.`);
  checkTarget(folder);
  await ensureDocker(deps);
  await restoreState(folder, path, {
    step: (name, work) => deps.progress.step(name, work),
    restoreVolume: (settings, path, id) => restoreVolume(deps, settings, { path, id }),
    removeVolumes,
  });
}

/** The effects of a restore outside the file system. */
export interface RestoreActions {
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Creates and fills the data volume and labels it with the restore's `id`. */
  restoreVolume(settings: InstanceSettings, path: string, id: string): Promise<void>;
  /** Removes the volumes that the restore with this id created. */
  removeVolumes(id: string): Promise<void>;
}

/** Does the work of `restore`, with the effects outside the file system injected. */
export async function restoreState(folder: string, path: string, actions: RestoreActions): Promise<void> {
  checkTarget(folder);
  mkdirSync(dirname(folder), { recursive: true });
  await removeAbandoned(folder, actions);
  const staging = mkdtempSync(`${folder}.restoring-`);
  const state = join(staging, STATE);
  try {
    writeFileSync(join(staging, NOTE), JSON.stringify(identityOf(process.pid)), { mode: 0o600 });
    openStateFolder(state);
    await actions.step("Reading the backup", async () => {
      await extract(path, staging);
      await check(staging, path);
    });
    const settings = readInstance(state);
    if (settings === undefined)
      throw new UserError(`${path} is not a backup of Gantry: it names no instance.`);
    const volume = join(staging, VOLUME);
    if (existsSync(volume) && statSync(volume).size > 0) {
      await checkVolume(volume, path);
      await actions.step("Restoring files and databases", () =>
        actions.restoreVolume(settings, volume, basename(staging)),
      );
    }
    await run("sync", []);
    swapIn(state, folder);
  } finally {
    removeStaging(staging);
  }
}

/** Errors: UserError where the state folder contains anything that a restore would replace. */
function checkTarget(folder: string): void {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (readInstance(folder) !== undefined)
    throw new UserError(
      `${folder} contains a Gantry instance: remove it with "gantry down --purge", or restore into ` +
        "another folder with --state-dir.",
    );
  const isEmpty = stats.isDirectory() && readdirSync(folder).every((name) => name === STATE_FOLDER_MARK);
  if (!isEmpty)
    throw new UserError(`${folder} is not empty: restore into a new or an empty folder with --state-dir.`);
}

/** Moves the restored folder to its place atomically. Source: rename(2), which replaces an empty folder. */
function swapIn(state: string, folder: string): void {
  checkTarget(folder);
  rmSync(join(folder, STATE_FOLDER_MARK), { force: true });
  renameSync(state, folder);
  const parent = openSync(dirname(folder), "r");
  fsyncSync(parent);
  closeSync(parent);
}

/** Removes the remains of interrupted restores into this folder. */
async function removeAbandoned(folder: string, actions: RestoreActions): Promise<void> {
  const prefix = `${basename(folder)}.restoring-`;
  for (const name of readdirSync(dirname(folder)).filter((each) => each.startsWith(prefix))) {
    const staging = join(dirname(folder), name);
    const owner = ownerOf(staging);
    if (owner === undefined || isRunning(owner)) continue;
    // A restore whose state folder is gone was completed, and its volume is in use.
    if (existsSync(join(staging, STATE))) await actions.removeVolumes(name);
    removeStaging(staging);
  }
}

/**
 * Finds the process of the restore that created a folder; undefined where the folder is not from a restore of
 * this user.
 */
function ownerOf(staging: string): ProcessIdentity | undefined {
  try {
    if (statSync(staging).uid !== process.getuid?.() || !lstatSync(join(staging, NOTE)).isFile())
      return undefined;
    return JSON.parse(readFileSync(join(staging, NOTE), "utf8")) as ProcessIdentity; // A restore of this user wrote it.
  } catch {
    return undefined;
  }
}

/** Removes the folder of a restore, file by file; files that a restore does not write stay. */
function removeStaging(staging: string): void {
  if (isStateFolder(join(staging, STATE))) removeStateFolder(join(staging, STATE));
  for (const name of [VOLUME, MANIFEST, NOTE]) rmSync(join(staging, name), { force: true });
  for (const folder of [join(staging, STATE), staging])
    try {
      rmdirSync(folder);
    } catch (thrown) {
      const { code = "" } = thrown as NodeJS.ErrnoException;
      if (!["ENOENT", "ENOTEMPTY"].includes(code)) throw thrown;
    }
}

/**
 * Writes the members of a backup into a new folder. Errors: UserError where the file is not an archive, or
 * has a member that a backup does not contain: a link, a device, an absolute path, a path with "..", or any
 * other name.
 */
async function extract(path: string, staging: string): Promise<void> {
  const written = new Set<string>();
  try {
    for await (const member of readArchive(createReadStream(path))) {
      if (member.type === "folder" && isPlainPath(member.path)) continue;
      const isTop = member.path === MANIFEST || member.path === VOLUME;
      const isLink = member.type === "hardLink" && written.has(member.linkPath);
      if ((member.type !== "file" && !isLink) || !(isTop || isStoredPath(member.path)))
        throw new UserError(
          `${path} holds "${member.path}" (${nameOf(member)}), which does not belong in a backup: ` +
            "nothing was restored.",
        );
      const target = join(staging, isTop ? "" : STATE, member.path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      if (isLink) linkSync(join(staging, STATE, member.linkPath), target);
      else await writeMember(member, target);
      if (!isTop) written.add(member.path);
    }
  } catch (thrown) {
    if (!(thrown instanceof ArchiveError)) throw thrown;
    throw new UserError(`${path} is not a backup of Gantry, or it is damaged: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** Writes a file that must not exist: the flag rejects a second member of the same name. */
async function writeMember(member: ArchiveMember, target: string): Promise<void> {
  const file = await open(target, "wx", 0o600);
  try {
    for await (const chunk of member.content()) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

function isPlainPath(path: string): boolean {
  return !path.startsWith("/") && !path.split("/").includes("..");
}

function nameOf(member: ArchiveMember): string {
  const names = {
    file: "a file",
    folder: "a folder",
    hardLink: "a hard link",
    symbolicLink: "a symbolic link",
    fifo: "a named pipe",
    device: "a device",
    unknown: "of an unknown type",
  };
  return names[member.type];
}

/**
 * Errors: UserError where the archive of the data volume has a member outside the folders that a backup
 * copies. Links are accepted, because file systems contain them. A device is not: the container that unpacks
 * cannot create one.
 */
async function checkVolume(volume: string, path: string): Promise<void> {
  try {
    for await (const member of readArchive(createReadStream(volume))) {
      const isInside = (each: string): boolean => isPlainPath(each) && /^(efs|scratch|rds)(\/|$)/.test(each);
      if (!isInside(member.path) || (member.type === "hardLink" && !isInside(member.linkPath)))
        throw new UserError(
          `${path} holds "${member.path}" for the data volume, which does not belong in a backup: ` +
            "nothing was restored.",
        );
    }
  } catch (thrown) {
    if (!(thrown instanceof ArchiveError)) throw thrown;
    throw new UserError(`${path} is damaged: ${VOLUME} in it is not an archive. Use an older backup.`, {
      cause: thrown,
    });
  }
}

const RESTORE_LABEL = "gantry.restore";

async function removeVolumes(id: string): Promise<void> {
  const volumes = await run("docker", ["volume", "ls", "-q", "--filter", `label=${RESTORE_LABEL}=${id}`]);
  for (const volume of volumes.split("\n").filter(Boolean))
    await run("docker", ["volume", "rm", "-f", volume]);
}

async function restoreVolume(
  deps: PlatformDeps,
  settings: InstanceSettings,
  { path, id }: { path: string; id: string },
): Promise<void> {
  const naming = namingOf(settings.instance);
  const image = await ensureAgentImage(deps, settings);
  const there = (await run("docker", ["volume", "ls", "-q", "--filter", `name=^${naming.volume}$`])).trim();
  if (there !== "")
    throw new UserError(
      `The volume ${naming.volume} exists already: remove it first ("docker volume rm ${naming.volume}").`,
    );
  const labels = ["--label", naming.label, "--label", `${RESTORE_LABEL}=${id}`];
  await run("docker", ["volume", "create", ...labels, naming.volume]);
  const writer = spawn(
    "docker",
    [
      ...["run", "--rm", "-i", "--network", "none", "--cap-drop", "MKNOD", "--label", naming.label],
      ...["-v", `${naming.volume}:/data`, "--entrypoint", "/usr/bin/busybox", image],
      ...["tar", "-xf", "-", "-C", "/data"],
    ],
    { stdio: ["pipe", "inherit", "inherit"] },
  );
  const ended = new Promise<number>((done) => writer.on("exit", (code) => done(code ?? 1)));
  // A container that ends early closes the pipe; its exit status gives the reason.
  await pipeline(createReadStream(path), writer.stdin).catch(() => {});
  if ((await ended) === 0) return;
  await removeVolumes(id);
  throw new UserError('The data volume could not be written: see the output of "docker" above.');
}

/** Errors: UserError where a file does not match the manifest, or the state is of a newer version. */
async function check(staging: string, path: string): Promise<void> {
  const manifestPath = join(staging, MANIFEST);
  if (!existsSync(manifestPath)) throw new UserError(`${path} is not a backup of Gantry.`);
  const manifest = parseManifest(readFileSync(manifestPath, "utf8"));
  if (manifest === undefined)
    throw new UserError(`${path} is not a backup of Gantry: its manifest is unreadable.`);
  if (manifest.format !== 1)
    throw new UserError(`${path} was written by a newer Gantry: restore it with that version.`);
  for (const [name, checksum] of Object.entries(manifest.checksums)) {
    const file = name === VOLUME ? join(staging, VOLUME) : join(staging, STATE, name);
    const isKnown = name === VOLUME || isStoredPath(name);
    if (!isKnown || !existsSync(file) || (await hashOf(file)) !== checksum)
      throw new UserError(
        `${path} is damaged: ${name} in it does not match its checksum. Use an older backup.`,
      );
  }
  const state = join(staging, STATE);
  try {
    new SqliteStore(join(state, "state.db")).close();
  } catch (thrown) {
    if (thrown instanceof NewerStateError)
      throw new UserError(`${path} was written by a newer Gantry: restore it with that version.`, {
        cause: thrown,
      });
  }
  const [damage] = await damageOf(state);
  if (damage !== undefined) throw new UserError(`${path} is damaged: ${damage}. Use an older backup.`);
}

function parseManifest(text: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(text) as Manifest; // Checked in the next line.
    return typeof manifest.checksums === "object" && manifest.checksums !== null ? manifest : undefined;
  } catch {
    return undefined;
  }
}
