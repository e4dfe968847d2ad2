import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PodAssignment } from "@gantry/agent-protocol";
import { VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { namingOf } from "../naming.ts";
import { EphemeralStorage } from "./ephemeral-storage.ts";

const MIB = 1_024 * 1_024;
const podWith = (volumes: PodAssignment["volumes"]) => {
  const containers = ["web", "side", "gone"].map((name) => ({ name }));
  return { key: "pod/a", containers, volumes } as unknown as PodAssignment; // What is read of an assignment.
};

function newStorage() {
  const dataFolder = mkdtempSync(join(tmpdir(), "gantry-ephemeral-"));
  const written: Record<string, number> = { web: 5 * MIB, side: 2 * MIB };
  const naming = namingOf("test");
  const clock = new VirtualClock(0);
  const engine = {
    storage: async (id: string) => {
      const name = Object.keys(written).find((each) => id === naming.container("pod/a", each));
      const writtenBytes = name === undefined ? undefined : written[name];
      return writtenBytes === undefined ? undefined : { imageId: "one", imageBytes: 100 * MIB, writtenBytes };
    },
  };
  return { storage: new EphemeralStorage({ engine, naming, dataFolder, clock }), dataFolder, written, clock };
}

it("counts an image once, what each container wrote, and the task's own volumes", async () => {
  const { storage, dataFolder, written, clock } = newStorage();
  mkdirSync(join(dataFolder, "scratch/a/v"), { recursive: true });
  writeFileSync(join(dataFolder, "scratch/a/v/file"), Buffer.alloc(MIB, 1));
  const pod = podWith([
    { type: "folder", id: "v", path: "scratch/a/v" },
    { type: "host", id: "h", path: "/etc" },
  ]);
  const first = (await storage.measure(pod)) ?? 0;
  expect(first).toBeGreaterThanOrEqual(108 * MIB);
  expect(first).toBeLessThan(109 * MIB);
  written["web"] = 50 * MIB;
  expect(await storage.measure(pod)).toBe(first); // Measured less than a minute ago.
  await clock.advance(60_000);
  expect(await storage.measure(pod)).toBe(first + 45 * MIB);
  rmSync(dataFolder, { recursive: true });
});

it("has no figure where a volume cannot be measured, and measures no folder outside of the data volume", async () => {
  const { storage, dataFolder } = newStorage();
  expect(
    await storage.measure(podWith([{ type: "folder", id: "v", path: "scratch/a/none" }])),
  ).toBeUndefined();
  await expect(storage.measure(podWith([{ type: "folder", id: "v", path: "../../etc" }]))).rejects.toThrow(
    "folder ../../etc",
  );
  rmSync(dataFolder, { recursive: true });
});
