import { createHash } from "node:crypto";
import { access, chown, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerAssignment, PodAssignment } from "@gantry/agent-protocol";
import type { MountSpec } from "../engine/engine.ts";
import { enginePid } from "../volumes/engine-namespace.ts";
import { InvalidAssignmentError, podIdOf } from "../volumes/volume-paths.ts";
import { PROGRAMS } from "./programs.ts";

/** Executable for every user of a container, writable for none. */
const PROGRAM_MODE = 0o555;
/** Readable for its owner alone, the container's user. The folder above it is root's alone on the host. */
const OWNER_MODE = 0o400;
/** Where the image names the user, whose number is unknown here: readable for every user of the container. */
const VARIABLES_MODE = 0o444;
/** The largest user id that the engine accepts. */
const UID_MAX = 2_147_483_647;
const CONTAINER_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/;

/** What a container needs to have secrets that the engine does not record. */
export interface SecretEnvironment {
  /**
   * The beginning of each command: the program and the file of the variables, as paths in the container.
   * Undefined where all secrets are files.
   */
  readonly prefix: readonly [program: string, variables: string] | undefined;
  readonly mounts: readonly MountSpec[];
}

export interface SecretEnvironmentsDeps {
  /** The path of the data volume in this process, and on the engine's host. */
  readonly dataFolder: string;
  readonly dataPath: string;
  /** The folder of the engine's host for what ends with the machine: `runFolderOf`. */
  readonly runFolder: string;
  /** A process in the engine's mount namespace. */
  readonly enginePid?: () => Promise<string>;
}

/**
 * Provides the values of secrets to containers through files in the memory of the engine's host, because the
 * engine keeps the environment that it is given in plain text on its disk and shows it in `docker inspect`.
 * The program `with-environment.c` reads such a file and executes the container's own command. Its source
 * says what it does.
 */
export class SecretEnvironments {
  readonly #deps: Required<SecretEnvironmentsDeps>;
  #written: Promise<void> | undefined;

  constructor(deps: SecretEnvironmentsDeps) {
    this.#deps = { enginePid, ...deps };
  }

  /**
   * Writes the secrets of a container that is about to be created or started: a reboot removes them.
   * Undefined where it has none. Errors: InvalidAssignmentError.
   */
  async prepare(pod: PodAssignment, container: ContainerAssignment): Promise<SecretEnvironment | undefined> {
    const { secretEnvironment, secretFiles = [] } = container;
    if (secretEnvironment === undefined && secretFiles.length === 0) return undefined;
    const folder = `${this.#deps.runFolder}/environments/${podIdOf(pod.key)}`;
    await mkdir(onHost(await this.#deps.enginePid(), folder), { recursive: true, mode: 0o700 });
    const files = await this.#writeFiles(container, folder);
    if (secretEnvironment === undefined) return { prefix: undefined, mounts: files };
    const { prefix, mounts } = await this.#writeVariables(secretEnvironment, {
      container,
      folder,
      inside: folderInContainer(pod.key),
    });
    return { prefix, mounts: [...mounts, ...files] };
  }

  async #writeVariables(
    entries: readonly string[],
    at: { readonly container: ContainerAssignment; readonly folder: string; readonly inside: string },
  ) {
    const [pid] = await Promise.all([this.#deps.enginePid(), this.#ensureProgram()]);
    const variables = `${at.folder}/${fileName(at.container)}`;
    const content = entries.map((entry) => `${checkEntry(entry)}\0`).join("");
    const owner = ownerOf(at.container);
    const mode = owner === undefined ? VARIABLES_MODE : OWNER_MODE;
    await replaceFile(onHost(pid, variables), content, { mode, owner });
    const prefix = [`${at.inside}/with-environment`, `${at.inside}/variables`] as const;
    const program = `${this.#deps.dataPath}/programs/with-environment`;
    return {
      prefix,
      mounts: [
        { source: program, target: prefix[0], readOnly: true },
        { source: variables, target: prefix[1], readOnly: true },
      ],
    };
  }

  /** The mounts of secrets that are files. */
  async #writeFiles(container: ContainerAssignment, folder: string): Promise<readonly MountSpec[]> {
    const { secretFiles = [] } = container;
    const owner = ownerOf(container);
    if (secretFiles.length > 0 && owner === undefined)
      throw new InvalidAssignmentError("The assignment is refused: files of secrets belong to no user.");
    const pid = await this.#deps.enginePid();
    return Promise.all(
      secretFiles.map(async ({ path, value }, index) => {
        const source = `${folder}/${fileName(container)}.${index}`;
        await replaceFile(onHost(pid, source), value, { mode: OWNER_MODE, owner });
        return { source, target: path, readOnly: true };
      }),
    );
  }

  /** Removes the variables of a pod whose containers are gone. */
  async release(pod: PodAssignment): Promise<void> {
    await this.#remove(podIdOf(pod.key));
  }

  /** Removes the variables of pods that are unknown to the agent, left by a crash. */
  async releaseOthers(isKnown: (podKey: string) => boolean): Promise<void> {
    const path = onHost(await this.#deps.enginePid(), `${this.#deps.runFolder}/environments`);
    for (const id of await readdir(path).catch(() => [])) if (!isKnown(`pod/${id}`)) await this.#remove(id);
  }

  async #remove(podId: string): Promise<void> {
    const path = onHost(await this.#deps.enginePid(), `${this.#deps.runFolder}/environments/${podId}`);
    await rm(path, { recursive: true, force: true });
  }

  /**
   * Writes the program at the first use by this process, and where it is missing. It is not a secret, and
   * /run may forbid execution.
   */
  async #ensureProgram(): Promise<void> {
    const folder = join(this.#deps.dataFolder, "programs");
    const path = join(folder, "with-environment");
    if (this.#written !== undefined) {
      await this.#written;
      if (
        await access(path).then(
          () => true,
          () => false,
        )
      )
        return;
    }
    this.#written = writeProgram(folder, path);
    await this.#written;
  }
}

async function writeProgram(folder: string, path: string): Promise<void> {
  const { arch } = process;
  if (arch !== "x64" && arch !== "arm64") throw new Error(`The machine type ${arch} is not supported.`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const mode = PROGRAM_MODE;
  await replaceFile(path, Buffer.from(PROGRAMS[arch], "base64"), { mode, owner: undefined });
}

/** A path of the engine's host as this process reaches it. Source: proc_pid_root(5). */
function onHost(pid: string, path: string): string {
  return `/proc/${pid}/root${path}`;
}

let temporaryFiles = 0;

/** Replaces a file at once: a container that starts meanwhile finds all of the old or all of the new content. */
async function replaceFile(
  path: string,
  content: string | Buffer,
  { mode, owner }: { readonly mode: number; readonly owner: number | undefined },
): Promise<void> {
  const temporary = `${path}.${(temporaryFiles += 1)}.new`;
  await writeFile(temporary, content, { mode });
  if (owner !== undefined) await chown(temporary, owner, owner);
  await rename(temporary, path);
}

/** The user of a container, where its definition names it by number; undefined where its image decides. */
function ownerOf({ user }: ContainerAssignment): number | undefined {
  const [, number] = /^(\d{1,10})(?::\d{1,10})?$/.exec(user ?? "") ?? [];
  return number === undefined || Number(number) > UID_MAX ? undefined : Number(number);
}

/** Task definitions cannot name this folder as a mount point: the id of their task is chosen later. */
function folderInContainer(podKey: string): string {
  return `/.gantry-${createHash("sha256").update(podKey).digest("hex").slice(0, 12)}`;
}

function fileName({ name }: ContainerAssignment): string {
  if (!CONTAINER_NAME.test(name))
    throw new InvalidAssignmentError(`The assignment is refused: invalid container ${name}.`);
  return name;
}

/** A NUL inside a value would begin another variable, such as LD_PRELOAD. */
function checkEntry(entry: string): string {
  if (entry.includes("\0") || entry.indexOf("=") < 1)
    throw new InvalidAssignmentError("The assignment is refused: invalid variable of a secret.");
  return entry;
}
