import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { namingOf } from "@gantry/agent";
import { operatorHeaders, type InstanceSettings } from "@gantry/control-plane";
import { COPY_FOLDER, SMALL_FILES, TOP_DATABASES } from "@gantry/control-plane/copy-state";
import { healthOf } from "./control-plane-process.ts";
import { ensureAgentImage, presentInstance } from "./platform.ts";
import { type PlatformDeps } from "./project.ts";
import { run, UserError } from "./run.ts";

/** The manifest of a backup: the files that it consists of, each with its SHA-256. */
export interface Manifest {
  readonly format: 1;
  readonly instance: string;
  readonly createdAt: number;
  readonly checksums: Readonly<Record<string, string>>;
}

export const MANIFEST = "backup.json";
export const VOLUME = "volume.tar";
const DATABASES = [...TOP_DATABASES, "objects/objects.db"] as const;
const COPIED = [...TOP_DATABASES, "objects", "registry", ...SMALL_FILES] as const;

/**
 * Writes a copy of all data of a running instance to one file: records, logs, objects, images, file systems
 * and databases. Databases are paused while their files are copied. The backup contains the instance's keys:
 * protect it as you protect them.
 */
export async function backUp(deps: PlatformDeps, folder: string, file: string): Promise<void> {
  const settings = presentInstance(folder);
  const path = resolve(file);
  if (existsSync(path)) throw new UserError(`${path} exists already: choose another name, or remove it.`);
  if (!existsSync(dirname(path)))
    throw new UserError(`The folder ${dirname(path)} does not exist: create it, or choose another one.`);
  if ((await healthOf(settings)) === undefined)
    throw new UserError('Gantry is down: run "gantry up", then back it up.');
  const copy = await deps.progress.step("Copying the state", () => askForCopy(settings));
  try {
    await deps.progress.step("Copying files and databases", () =>
      copyVolume(deps, settings, join(copy, VOLUME)),
    );
    const names = [...DATABASES, ...SMALL_FILES, VOLUME].filter((name) => existsSync(join(copy, name)));
    const checksums = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await hashOf(join(copy, name))] as const)),
    );
    const manifest: Manifest = {
      format: 1,
      instance: settings.instance,
      createdAt: deps.clock.now(),
      checksums,
    };
    writeFileSync(join(copy, MANIFEST), JSON.stringify(manifest), { mode: 0o600 });
    await deps.progress.step("Writing the backup", () => writeArchive(copy, path));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Writes the copied files as one archive, which appears under its final name only when it is complete. */
async function writeArchive(copy: string, path: string): Promise<void> {
  const folder = mkdtempSync(`${path}.part-`);
  const part = join(folder, "backup.tar");
  try {
    writeFileSync(part, "", { mode: 0o600, flag: "wx" });
    // The manifest comes first, so that the first bytes identify the file.
    const names = [MANIFEST, ...COPIED, VOLUME].filter((name) => existsSync(join(copy, name)));
    await run("tar", ["-cf", part, "-C", copy, ...names]);
    await run("sync", [part]);
    nameOnce(part, path);
  } finally {
    rmSync(part, { force: true });
    rmdirSync(folder);
  }
}

/**
 * Unlike a rename, a link does not replace a file that was created in the meantime. Not every file system has
 * links.
 */
function nameOnce(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") throw thrown;
    renameSync(from, to);
  }
}

/** The SHA-256 of a file, in hex. */
export async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

async function askForCopy(settings: InstanceSettings): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${settings.port}/gantry/copy`, {
    method: "POST",
    headers: operatorHeaders(settings.folder),
  });
  if (!response.ok)
    throw new UserError(
      `The state could not be copied (${await response.text()}): see "gantry logs control-plane".`,
    );
  return join(settings.folder, COPY_FOLDER);
}

/**
 * Copies the data volume through a container, because the engine may run on another machine. Databases are
 * paused while their files are read.
 */
async function copyVolume(deps: PlatformDeps, settings: InstanceSettings, path: string): Promise<void> {
  const naming = namingOf(settings.instance);
  const image = await ensureAgentImage(deps, settings);
  const filters = [naming.label, "gantry.role=database"].flatMap((label) => ["--filter", `label=${label}`]);
  const databases = (await run("docker", ["ps", "-q", ...filters])).split("\n").filter(Boolean);
  if (databases.length > 0) await run("docker", ["pause", ...databases]);
  try {
    const reader = spawn(
      "docker",
      [
        ...[
          "run",
          "--rm",
          "--network",
          "none",
          "--label",
          naming.label,
          "-v",
          `${naming.volume}:/data:ro`,
          "--entrypoint",
          "/usr/bin/busybox",
          image,
        ],
        ...[
          "sh",
          "-c",
          'cd /data; for d in efs scratch rds; do [ ! -d $d ] || set -- "$@" $d; done; [ $# -eq 0 ] || tar -cf - "$@"',
        ],
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const ended = new Promise<number>((done) => reader.on("exit", (code) => done(code ?? 1)));
    await pipeline(reader.stdout, createWriteStream(path, { mode: 0o600 }));
    if ((await ended) !== 0)
      throw new UserError('The data volume could not be read: see the output of "docker" above.');
  } finally {
    if (databases.length > 0) await run("docker", ["unpause", ...databases]);
  }
}
