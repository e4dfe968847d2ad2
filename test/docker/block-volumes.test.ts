import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEVICES_MAX, type BlockDevices } from "@gantry/agent-protocol";
import { BlockVolumes, detachOwn } from "@gantry/agent/volumes/block-volumes";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../e2e/helpers.ts";

// The files of volumes, and the devices of containers, on this machine's kernel.
const folder = mkdtempSync(join(tmpdir(), "gantry-ebs-"));
const volumes = new BlockVolumes({ dataFolder: folder });
const [VOLUME, OTHER, SNAPSHOT] = [
  "vol-0123456789abcdef0",
  "vol-0123456789abcdef1",
  "snap-0123456789abcdef0",
];
const MIB = 1024 * 1024;
/** Beyond the numbers that instances have. */
const MINOR = 2 ** 20 - 2 * DEVICES_MAX;
const containers: string[] = [];
const pids: number[] = [];

const devices = (firstMinor: number, volumeId?: string): BlockDevices => ({
  firstMinor,
  attached: volumeId === undefined ? [] : [{ minor: firstMinor, volumeId, names: ["sdf", "xvdf"] }],
});
const inside = (index: number, command: string) =>
  run("docker", ["exec", containers[index] ?? "", "busybox", "sh", "-c", command]);

/** Two containers with ranges of their own, as those of two instances. */
beforeAll(async () => {
  for (const index of [0, 1]) {
    const rules = Array.from({ length: DEVICES_MAX }, (_, each) => [
      "--device-cgroup-rule",
      `b 7:${MINOR + index * DEVICES_MAX + each} rw`,
    ]);
    const id = await run("docker", [
      ...["run", "-d", "--rm", "--entrypoint", "/usr/bin/busybox", ...rules.flat()],
      ...["gantry/machine:3", "sleep", "600"],
    ]);
    containers.push(id.trim());
    pids.push(Number(await run("docker", ["inspect", "-f", "{{.State.Pid}}", id.trim()])));
  }
});

afterAll(async () => {
  await run("docker", ["kill", ...containers]);
  await detachOwn(folder);
  rmSync(folder, { recursive: true });
});

it("a volume is a block device of its container alone, and its data stays when it is detached", async () => {
  expect(await volumes.ensureFile({ kind: "volumeFile", key: `volume/${VOLUME}`, bytes: 64 * MIB })).toBe(
    64 * MIB,
  );
  const file = join(folder, "ebs", VOLUME);
  expect(statSync(file).blocks).toBeLessThan(100);
  expect(statSync(file).mode & 0o077).toBe(0);
  const [first = 0] = pids;
  for (let turn = 0; turn < 2; turn += 1)
    expect(await volumes.apply(devices(MINOR, VOLUME), first)).toEqual([VOLUME]);
  expect(await inside(0, "busybox blockdev --getsize64 /dev/xvdf")).toBe(`${64 * MIB}\n`);
  await inside(0, "echo kept | dd of=/dev/sdf conv=fsync 2>/dev/null");
  // The other container may make a node of any number, and opens none that is not of its range.
  const steal = `mknod /dev/xvdz b 7 ${MINOR} && head -c 4 /dev/xvdz`;
  await expect(inside(1, steal)).rejects.toThrow("Operation not permitted");
  expect(await volumes.apply(devices(MINOR), first)).toEqual([]);
  await expect(inside(0, "cat /dev/xvdf")).rejects.toThrow("No such file");
  expect(readFileSync(file).subarray(0, 4).toString()).toBe("kept");
  const [, second = 0] = pids;
  expect(await volumes.apply(devices(MINOR + DEVICES_MAX, VOLUME), second)).toEqual([VOLUME]);
  expect(await inside(1, "head -c 4 /dev/xvdf")).toBe("kept");
});

it("an attached volume grows, and a snapshot has its bytes of then", async () => {
  const grown = { kind: "volumeFile", key: `volume/${VOLUME}`, bytes: 96 * MIB } as const;
  expect(await volumes.ensureFile(grown)).toBe(96 * MIB);
  const [, second = 0] = pids;
  const range = MINOR + DEVICES_MAX;
  await volumes.apply(devices(range, VOLUME), second);
  expect(await inside(1, "busybox blockdev --getsize64 /dev/xvdf")).toBe(`${96 * MIB}\n`);
  const copy = { kind: "volumeFile", key: `snapshot/${SNAPSHOT}`, bytes: 96 * MIB, source: VOLUME } as const;
  await volumes.ensureFile(copy);
  await inside(1, "echo newer | dd of=/dev/xvdf conv=fsync 2>/dev/null");
  const restored = {
    kind: "volumeFile",
    key: `volume/${OTHER}`,
    bytes: 128 * MIB,
    source: SNAPSHOT,
  } as const;
  await volumes.ensureFile(restored);
  const bytes = readFileSync(join(folder, "ebs", OTHER));
  expect([bytes.length, bytes.subarray(0, 4).toString()]).toEqual([128 * MIB, "kept"]);
  // Done again after a kill: nothing is copied over what was written since.
  await volumes.ensureFile(restored);
  await volumes.removeFile(`snapshot/${SNAPSHOT}`);
  await volumes.apply(devices(range), second);
});

it("no link of a container leads a device's node elsewhere", async () => {
  const [, second = 0] = pids;
  await inside(1, "ln -s /tmp/elsewhere /dev/xvdf");
  const range = MINOR + DEVICES_MAX;
  await volumes.apply(devices(range, VOLUME), second).catch(() => {});
  await expect(inside(1, "ls /tmp/elsewhere")).rejects.toThrow("No such file");
  await volumes.apply(devices(range), second);
});
