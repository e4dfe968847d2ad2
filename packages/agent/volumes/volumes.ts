import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { FileSystemVolume, PodAssignment, VolumeAssignment } from "@gantry/agent-protocol";
import { copyFolder } from "./copy-folder.ts";
import { enginePid } from "./engine-namespace.ts";
import { removeTree } from "./remove-tree.ts";
import { checkFolder, checkSnapshotFolder, checkVolumes, fileSystemFolder, podIdOf } from "./volume-paths.ts";

const run = promisify(execFile);
/** The opening comments of the helpers describe them and why they are not JavaScript. */
const HELPER = join(import.meta.dirname, "engine-mounts.pl");
const USER_MOUNTS = join(import.meta.dirname, "user-mounts.pl");
/** The helper's exit status where the directory cannot be resolved: mount(8)'s own. */
const NOT_MOUNTED = 32;
const TIMEOUT_MS = 30_000;
/** Where the real directory of a volume that is served under another identity is attached: beside its target. */
const REAL = ".real";

/** A volume is not available; `name` is the word that ECS reports before the colon. */
export class VolumeError extends Error {
  override readonly name = "ResourceInitializationError";
}

export interface VolumesDeps {
  /** The path of the data volume in this process, and on the engine's host. */
  readonly dataFolder: string;
  readonly dataPath: string;
  /** The folder of the engine's host for the mounts of this instance: `runFolderOf`. */
  readonly runFolder: string;
}

/**
 * The folder of the engine's host for the mounts of an instance. It is in memory, because mounts do not
 * survive a reboot.
 */
export function runFolderOf(instance: string): string {
  return `/run/gantry/${instance}`;
}

/**
 * Prepares the volumes of pods for the engine's bind mounts. Folders that the platform names are bound
 * directly. Directories of file systems, whose paths callers and tasks choose, are resolved once and mounted
 * under a folder that tasks cannot access: the engine binds that path, and resolves no path of a task. A volume
 * with an identity is served there by user-mounts.pl.
 */
export class Volumes {
  readonly #deps: VolumesDeps;
  readonly #mountsPath: string;
  /** The pending operation of each pod, so that a directory is not mounted twice. */
  readonly #work = new Map<string, Promise<unknown>>();

  constructor(deps: VolumesDeps) {
    this.#deps = deps;
    this.#mountsPath = `${deps.runFolder}/volumes`;
  }

  /**
   * Makes each volume of the pod available. Repeating it changes nothing. Returns a map from ids to paths on
   * the engine's host. Errors: VolumeError, InvalidAssignmentError.
   */
  prepare(pod: PodAssignment): Promise<ReadonlyMap<string, string>> {
    return this.#inOrder(pod.key, async () => {
      checkVolumes(pod);
      const sources = new Map<string, string>();
      for (const volume of pod.volumes) sources.set(volume.id, await this.#sourceOf(volume, pod.key));
      return sources;
    });
  }

  /** Unmounts the directories of a pod whose containers are gone. */
  release(pod: PodAssignment): Promise<void> {
    return this.#inOrder(pod.key, async () => {
      if (pod.volumes.some((volume) => volume.type === "fileSystem"))
        await this.#detach((path) => path.startsWith(`${this.#mountsPath}/${podIdOf(pod.key)}/`));
      if (pod.volumes.some((volume) => volume.type === "secrets"))
        await helper(["clear", await enginePid(), `${this.#deps.runFolder}/secrets/${podIdOf(pod.key)}`]);
      this.#work.delete(pod.key);
    });
  }

  /** Unmounts the directories of pods that are unknown to the agent, left by a crash. */
  async releaseOthers(isKnown: (podKey: string) => boolean): Promise<void> {
    const prefix = `${this.#mountsPath}/`;
    // Evaluated after the mounts were read, so that a pod that was added in the meantime keeps its own.
    await this.#detach((path) => {
      const [podId] = path.slice(prefix.length).split("/");
      return path.startsWith(prefix) && !isKnown(`pod/${podId}`);
    });
  }

  /** Unmounts everything, and removes this instance's files under its run folder. */
  async releaseAll(): Promise<void> {
    const { runFolder } = this.#deps;
    await this.#detach((path) => path.startsWith(`${runFolder}/`));
    await helper(["clear", await enginePid(), runFolder]);
  }

  /** Creates a folder of the data volume. Errors: InvalidAssignmentError. */
  async ensureFolder(path: string): Promise<void> {
    await mkdir(join(this.#deps.dataFolder, checkFolder(path)), { recursive: true });
  }

  /** Removes a folder of the data volume recursively. Errors: InvalidAssignmentError. */
  async removeFolder(path: string): Promise<void> {
    await removeTree(join(this.#deps.dataFolder, checkFolder(path)));
  }

  async #sourceOf(volume: VolumeAssignment, podKey: string): Promise<string> {
    switch (volume.type) {
      case "host":
        await helper(["create", await enginePid(), volume.path]);
        return volume.path;
      case "folder":
        if (volume.source !== undefined)
          await copyFolder(
            join(this.#deps.dataFolder, checkSnapshotFolder(volume.source)),
            join(this.#deps.dataFolder, checkFolder(volume.path)),
          );
        await this.ensureFolder(volume.path);
        return `${this.#deps.dataPath}/${volume.path}`;
      case "secrets": {
        const folder = `${this.#deps.runFolder}/secrets/${podIdOf(podKey)}/${volume.id}`;
        for (const [name, text] of Object.entries(volume.files))
          await helper(["write", await enginePid(), `${folder}/${name}`], { input: text });
        return folder;
      }
      case "fileSystem": {
        const target = `${this.#mountsPath}/${podIdOf(podKey)}/${volume.id}`;
        if (!(await mountsOf(await enginePid())).includes(target)) await this.#attach(volume, target);
        return target;
      }
    }
  }

  async #attach(volume: FileSystemVolume, target: string): Promise<void> {
    const { creation } = volume;
    const folder = fileSystemFolder(volume.fileSystemId);
    await this.ensureFolder(folder);
    const owner = creation === undefined ? [] : [String(creation.uid), String(creation.gid), creation.mode];
    const root = join(this.#deps.dataFolder, folder);
    const pid = await enginePid();
    const place = volume.identity === undefined ? target : `${target}${REAL}`;
    const isAttached = place !== target && (await mountsOf(pid)).includes(place);
    const problem = isAttached
      ? undefined
      : await helper(["mount", pid, place, root, volume.directory, ...owner]);
    if (problem !== undefined) throw mountError(volume, problem);
    if (volume.identity === undefined) return;
    // A crash between the two leaves the real directory where no container mounts it.
    const serve = ["serve", pid, place, target, ...identityArguments(volume.identity)];
    await helper(serve, { program: USER_MOUNTS }).catch((thrown: unknown) => {
      throw new VolumeError(thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
    });
  }

  async #detach(isOurs: (path: string) => boolean): Promise<void> {
    const pid = await enginePid();
    const targets = (await mountsOf(pid)).filter(isOurs);
    if (targets.length > 0) await helper(["unmount", pid, ...new Set(targets)]);
  }

  async #inOrder<T>(podKey: string, work: () => Promise<T>): Promise<T> {
    const before = this.#work.get(podKey) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#work.set(podKey, mine);
    return mine;
  }
}

/**
 * The error that Fargate reports. Source: stopped task error messages, and the words of mount.nfs4(8); an
 * access point whose directory is missing gives the same error as one without permission.
 */
function mountError(volume: FileSystemVolume, problem: string): VolumeError {
  const stderr = volume.accessPoint
    ? "b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'"
    : `b'mount.nfs4: mounting ${volume.dnsName}:${volume.directory} failed, reason given by server: ${problem}'`;
  return new VolumeError(
    `failed to invoke EFS utils commands to set up EFS volumes: stderr: ${stderr} : unsuccessful EFS ` +
      `utils command execution; code: ${NOT_MOUNTED}`,
  );
}

function identityArguments(identity: NonNullable<FileSystemVolume["identity"]>): readonly string[] {
  if (identity.type === "rootSquash") return ["squash"];
  return [identity.uid, identity.gid, ...identity.secondaryGids].map(String);
}

/**
 * Runs a helper with `input` on its standard input. Returns the kernel's message where the directory cannot
 * be resolved.
 */
async function helper(
  parameters: readonly string[],
  { input = "", program = HELPER }: { input?: string; program?: string } = {},
): Promise<string | undefined> {
  try {
    const running = run("/usr/bin/perl", [program, ...parameters], {
      timeout: TIMEOUT_MS,
      env: { LC_ALL: "C", PATH: "/usr/bin" },
    });
    running.child.stdin?.on("error", () => {}); // Its exit status gives the reason.
    running.child.stdin?.end(input);
    await running;
    return undefined;
  } catch (thrown) {
    const { code, stderr } = thrown as { code?: unknown; stderr?: string }; // As execFile rejects.
    if (code === NOT_MOUNTED) return (stderr ?? "").trim();
    throw new Error(`A volume could not be prepared: ${stderr?.trim() || String(thrown)}`, { cause: thrown });
  }
}

/** Mount points of a process. Source: proc_pid_mountinfo(5), the fifth field. */
async function mountsOf(pid: string): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/mountinfo`, "utf8");
  return text.split("\n").flatMap((line) => line.split(" ")[4] ?? []);
}
