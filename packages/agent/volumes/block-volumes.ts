import { execFile } from "node:child_process";
import { mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  DEVICES_MAX,
  type BlockDevices,
  type PodAssignment,
  type VolumeFileAssignment,
} from "@gantry/agent-protocol";

const run = promisify(execFile);
/** The opening comment of the helper says what it does. */
const HELPER = join(import.meta.dirname, "block-devices.pl");
const TIMEOUT_MS = 30_000;
/** Copies of large volumes read their data alone: holes stay holes. */
const COPY_TIMEOUT_MS = 30 * 60_000;
const BLOCKS = "/sys/block";
/** The file of a loop device, as the kernel prints it from any mount namespace; a removed file has a note. */
const BACKING_FILE = /\/ebs\/(vol-[0-9a-f]{8,40})(?: \(deleted\))?\n?$/;

/**
 * The bytes of EBS volumes and snapshots, as sparse files of the data volume, and the loop devices by which
 * instances read and write them. Each instance has loop devices with numbers of its own: its container may open
 * these and no others. The kernel holds a device while the agent is away.
 */
export class BlockVolumes {
  readonly #folder: string;

  constructor({ dataFolder }: { readonly dataFolder: string }) {
    this.#folder = join(dataFolder, "ebs");
  }

  /** Creates the file with at least this size, from its source's bytes. Returns its size. */
  async ensureFile({ key, bytes, source }: VolumeFileAssignment): Promise<number> {
    const path = this.#pathOf(idOf(key));
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const there = await sizeOf(path);
    if (there === undefined) {
      const unfinished = `${path}.new`;
      await rm(unfinished, { force: true });
      if (source !== undefined) await copySparse(this.#pathOf(source), unfinished);
      await grow(unfinished, bytes);
      await rename(unfinished, path);
    } else if (there < bytes) await grow(path, bytes);
    return Math.max(there ?? 0, bytes);
  }

  async removeFile(key: string): Promise<void> {
    const path = this.#pathOf(idOf(key));
    for (const each of [path, `${path}.new`]) await rm(each, { force: true });
  }

  /**
   * Makes the attached volumes be the loop devices of a pod, and the nodes of its container. `pid` is the
   * container's process, absent while it does not run. Returns the volumes that are attached: a device that is
   * in use stays until it is free.
   */
  async apply(devices: BlockDevices, pid: number | undefined): Promise<readonly string[]> {
    const before = await volumesOf(devices.firstMinor);
    const wantedAt = new Map(devices.attached.map((each) => [each.minor, each]));
    for (const [minor, volumeId] of before) {
      if (wantedAt.get(minor)?.volumeId === volumeId) continue;
      if (pid !== undefined) await helper("hide", String(pid), String(minor));
      await helper("detach", String(minor));
    }
    const left = await volumesOf(devices.firstMinor);
    for (const { minor, volumeId, names } of devices.attached) {
      // A device that its file system still holds keeps its number.
      if ((left.get(minor) ?? volumeId) !== volumeId) continue;
      if (!left.has(minor)) await helper("attach", String(minor), this.#pathOf(volumeId));
      else if (await this.#hasGrown(minor, volumeId)) await helper("resize", String(minor));
      if (pid !== undefined) await helper("expose", String(pid), String(minor), ...names);
    }
    return [...(await volumesOf(devices.firstMinor)).values()];
  }

  /** Detaches all volumes of a pod whose containers are gone. */
  async release({ blockDevices }: PodAssignment): Promise<void> {
    if (blockDevices !== undefined) await this.apply({ ...blockDevices, attached: [] }, undefined);
  }

  #pathOf(id: string): string {
    return join(this.#folder, id);
  }

  async #hasGrown(minor: number, volumeId: string): Promise<boolean> {
    const sectors = Number(await readFile(`${BLOCKS}/loop${minor}/size`, "utf8"));
    return sectors * 512 !== (await sizeOf(this.#pathOf(volumeId)));
  }
}

/** The volumes of the loop devices of a range that begins with this number, by the devices' numbers. */
async function volumesOf(firstMinor: number): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for (const name of await readdir(BLOCKS)) {
    const minor = Number(/^loop(\d+)$/.exec(name)?.[1] ?? -1);
    if (minor < firstMinor || minor >= firstMinor + DEVICES_MAX) continue;
    const volumeId = BACKING_FILE.exec(await textOf(`${BLOCKS}/${name}/loop/backing_file`))?.[1];
    if (volumeId !== undefined) found.set(minor, volumeId);
  }
  return found;
}

/** Empty where there is no such file: a loop device without a file has none. */
function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

/** Detaches every loop device whose file is in the data volume. */
export async function detachOwn(dataFolder: string): Promise<void> {
  const own = new Set(await readdir(join(dataFolder, "ebs")).catch(() => []));
  for (const name of own.size === 0 ? [] : await readdir(BLOCKS)) {
    const volumeId = BACKING_FILE.exec(await textOf(`${BLOCKS}/${name}/loop/backing_file`))?.[1];
    if (volumeId !== undefined && own.has(volumeId)) await helper("detach", name.slice("loop".length));
  }
}

function idOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function grow(path: string, bytes: number): Promise<void> {
  const file = await open(path, "a", 0o600);
  try {
    if ((await file.stat()).size < bytes) await file.truncate(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function copySparse(from: string, to: string): Promise<void> {
  const file = await open(from);
  // What an instance wrote to the device is in the file's cache or on its way there.
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await runHelper(COPY_TIMEOUT_MS, "copy", from, to);
}

function helper(...parameters: readonly string[]): Promise<void> {
  return runHelper(TIMEOUT_MS, ...parameters);
}

async function runHelper(timeout: number, ...parameters: readonly string[]): Promise<void> {
  await run("/usr/bin/perl", [HELPER, ...parameters], {
    timeout,
    env: { LC_ALL: "C", PATH: "/usr/bin" },
  });
}
