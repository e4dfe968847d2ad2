import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { BlockVolumes } from "./block-volumes.ts";

const MIB = 1024 ** 2;
let dataFolder = "";

beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), "gantry-block-volumes-"));
});

afterEach(() => rm(dataFolder, { recursive: true }));

it("copies the data of a volume into a snapshot, and its holes as holes", async () => {
  const volumes = new BlockVolumes({ dataFolder });
  const bytes = 64 * MIB;
  await volumes.ensureFile({ kind: "volumeFile", key: "volume/vol-00000001", bytes });
  const pathOf = (id: string) => join(dataFolder, "ebs", id);
  const file = await open(pathOf("vol-00000001"), "r+");
  for (const [text, at] of [
    ["first", 0],
    ["middle", 5 * MIB + 3],
    ["last", bytes - 4],
  ] as const)
    await file.write(text, at);
  await file.write(Buffer.alloc(3 * MIB, 7), 0, 3 * MIB, 20 * MIB);
  await file.close();
  const snapshot = { kind: "volumeFile", key: "snapshot/snap-00000001", bytes } as const;
  expect(await volumes.ensureFile({ ...snapshot, source: "vol-00000001" })).toBe(bytes);
  const [from, to] = [await readFile(pathOf("vol-00000001")), await readFile(pathOf("snap-00000001"))];
  expect(to.equals(from)).toBe(true);
  expect((await stat(pathOf("snap-00000001"))).blocks * 512).toBeLessThan(8 * MIB);
});

it("copies a volume to which nothing was written, into a larger one", async () => {
  const volumes = new BlockVolumes({ dataFolder });
  await volumes.ensureFile({ kind: "volumeFile", key: "snapshot/snap-00000001", bytes: MIB });
  const larger = { kind: "volumeFile", key: "volume/vol-00000001", bytes: 2 * MIB } as const;
  expect(await volumes.ensureFile({ ...larger, source: "snap-00000001" })).toBe(2 * MIB);
  expect(await readFile(join(dataFolder, "ebs", "vol-00000001"))).toEqual(Buffer.alloc(2 * MIB));
});
