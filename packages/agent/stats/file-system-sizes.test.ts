import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { FileSystemSizes } from "./file-system-sizes.ts";

const ID = "fs-0123456789abcdef0";

it("measures each file system at most every fifteen minutes, and no folder outside of the data volume", async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), "gantry-sizes-"));
  mkdirSync(join(dataFolder, "efs", ID, "inner"), { recursive: true });
  writeFileSync(join(dataFolder, "efs", ID, "inner/file"), Buffer.alloc(100_000, 1));
  const clock = new VirtualClock(0);
  const sizes = new FileSystemSizes({ dataFolder, clock });
  expect(await sizes.measure(ID)).toBeGreaterThanOrEqual(100_000);
  expect(await sizes.measure(ID)).toBeUndefined();
  expect(await sizes.measure("fs-00000000")).toBeUndefined(); // It is not there.
  await clock.advance(15 * 60_000);
  writeFileSync(join(dataFolder, "efs", ID, "inner/more"), Buffer.alloc(50_000, 1));
  expect(await sizes.measure(ID)).toBeGreaterThanOrEqual(150_000);
  await expect(sizes.measure("../../etc")).rejects.toThrow("file system ../../etc");
  rmSync(dataFolder, { recursive: true });
});
