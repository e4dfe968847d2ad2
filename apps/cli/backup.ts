import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { namingOf } from "@gantry/agent";
import { operatorHeaders, readInstance, type InstanceSettings } from "@gantry/control-plane";
import { COPY_FOLDER, SMALL_FILES } from "@gantry/control-plane/copy-state";
import { NewerStateError, SqliteStore } from "@gantry/state";
import { ensureDocker } from "./docker.ts";
import { damageOf } from "./examine-data.ts";
import { ensureAgentImage, healthOf, presentInstance, type PlatformDeps } from "./platform.ts";
import { run, UserError } from "./run.ts";

/** What a backup says of itself: the files it is made of, each with its SHA-256. */
interface Manifest {
  readonly format: 1;
  readonly instance: string;
  readonly createdAt: number;
  readonly checksums: Readonly<Record<string, string>>;
}

const MANIFEST = "backup.json";
const VOLUME = "volume.tar";
const DATABASES = ["state.db", "logs.db", "objects/objects.db"] as const;
const COPIED = ["state.db", "logs.db", "objects", "registry", ...SMALL_FILES] as const;

/**
 * Writes a copy of everything the instance keeps to one file, while it runs: records, logs, objects, images, file
 * systems, and databases, which stand still while theirs is taken. The file holds the keys: guard it as you guard them.
 */
export async function backUp(deps: PlatformDeps, folder: string, file: string): Promise<void> {
  const settings = presentInstance(folder);
  const path = resolve(file);
  if (existsSync(path)) throw new UserError(`${path} is there already: choose another name, or remove it.`);
  if (!existsSync(dirname(path)))
    throw new UserError(`There is no folder ${dirname(path)}: make it, or choose another place.`);
  if ((await healthOf(settings)) === undefined)
    throw new UserError('Gantry is down: "gantry up" brings it back, then back it up.');
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
    await deps.progress.step("Writing the backup", async () => {
      writeFileSync(`${path}.part`, "", { mode: 0o600 });
      // The manifest comes first: whoever reads the file knows at once what it is.
      await run("tar", [
        "-cf",
        `${path}.part`,
        "-C",
        copy,
        MANIFEST,
        ...[...COPIED, VOLUME].filter((name) => existsSync(join(copy, name))),
      ]);
      await run("sync", [`${path}.part`]);
      renameSync(`${path}.part`, path);
    });
  } catch (thrown) {
    rmSync(`${path}.part`, { force: true });
    throw thrown;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Brings back what a backup holds, into a state folder that has no Gantry yet; "gantry up" then starts it. */
export async function restore(deps: PlatformDeps, folder: string, file: string): Promise<void> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UserError(`There is no file ${path}.`);
  if (readInstance(folder) !== undefined)
    throw new UserError(
      `There is a Gantry in ${folder}: take it away with "gantry down --purge", or restore into another folder with --state-dir.`,
    );
  await ensureDocker(deps);
  const staging = `${folder}.restoring`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true, mode: 0o700 });
  try {
    await deps.progress.step("Reading the backup", async () => {
      await run("tar", ["-xf", path, "-C", staging]).catch((thrown: unknown) => {
        throw new UserError(`${path} is no backup of Gantry, or is damaged: tar can not read it.`, {
          cause: thrown,
        });
      });
      await check(staging, path);
    });
    const settings = readInstance(staging);
    if (settings === undefined) throw new UserError(`${path} is no backup of Gantry: it names no instance.`);
    if (statSync(join(staging, VOLUME)).size > 0)
      await deps.progress.step("Bringing back files and databases", () =>
        restoreVolume(deps, settings, join(staging, VOLUME)),
      );
    for (const name of [VOLUME, MANIFEST]) rmSync(join(staging, name), { force: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(staging, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
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

/** The data volume through a container, for the engine may be elsewhere; databases are frozen while their files are read. */
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
      throw new UserError('The data volume could not be read: see what "docker" said above.');
  } finally {
    if (databases.length > 0) await run("docker", ["unpause", ...databases]);
  }
}

async function restoreVolume(deps: PlatformDeps, settings: InstanceSettings, path: string): Promise<void> {
  const naming = namingOf(settings.instance);
  const image = await ensureAgentImage(deps, settings);
  const there = (await run("docker", ["volume", "ls", "-q", "--filter", `name=^${naming.volume}$`])).trim();
  if (there !== "")
    throw new UserError(
      `The volume ${naming.volume} is there already: remove it first ("docker volume rm ${naming.volume}").`,
    );
  await run("docker", ["volume", "create", "--label", naming.label, naming.volume]);
  const writer = spawn(
    "docker",
    [
      ...[
        "run",
        "--rm",
        "-i",
        "--network",
        "none",
        "--label",
        naming.label,
        "-v",
        `${naming.volume}:/data`,
        "--entrypoint",
        "/usr/bin/busybox",
        image,
      ],
      ...["tar", "-xf", "-", "-C", "/data"],
    ],
    { stdio: ["pipe", "inherit", "inherit"] },
  );
  const ended = new Promise<number>((done) => writer.on("exit", (code) => done(code ?? 1)));
  await pipeline(createReadStream(path), writer.stdin);
  if ((await ended) === 0) return;
  await run("docker", ["volume", "rm", "-f", naming.volume]);
  throw new UserError('The data volume could not be written: see what "docker" said above.');
}

/** Errors: a sentence where a file is not what the manifest says, or the state is of a newer version. */
async function check(staging: string, path: string): Promise<void> {
  const text = existsSync(join(staging, MANIFEST))
    ? readFileSync(join(staging, MANIFEST), "utf8")
    : undefined;
  if (text === undefined) throw new UserError(`${path} is no backup of Gantry.`);
  const manifest = JSON.parse(text) as Manifest; // We wrote it.
  if (manifest.format !== 1)
    throw new UserError(`${path} was written by a newer Gantry: restore it with that version.`);
  for (const [name, checksum] of Object.entries(manifest.checksums))
    if (!existsSync(join(staging, name)) || (await hashOf(join(staging, name))) !== checksum)
      throw new UserError(`${path} is damaged: ${name} in it is not what was written. Take an older backup.`);
  try {
    new SqliteStore(join(staging, "state.db")).close();
  } catch (thrown) {
    if (thrown instanceof NewerStateError)
      throw new UserError(`${path} was written by a newer Gantry: restore it with that version.`, {
        cause: thrown,
      });
  }
  const [damage] = await damageOf(staging);
  if (damage !== undefined) throw new UserError(`${path} is damaged: ${damage}. Take an older backup.`);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
