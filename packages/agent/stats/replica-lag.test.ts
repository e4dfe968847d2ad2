import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { replicaLag } from "./replica-lag.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-lag-"));
const path = join(folder, ".gantry-replica");
afterEach(() => rmSync(path, { force: true }));

it("reads how far a replica is behind, and follows no link", async () => {
  expect(await replicaLag(folder)).toBeUndefined();
  for (const [text, lag] of [
    ["0\n", 0],
    ["37\n", 37],
    ["connecting\n", -1],
    ["error\n", -1],
    [`${"9".repeat(1_000)}\n`, -1],
    ["", -1],
  ] as const) {
    writeFileSync(path, text);
    expect(await replicaLag(folder)).toBe(lag);
  }
  rmSync(path);
  const secret = join(folder, "secret");
  writeFileSync(secret, "12");
  symlinkSync(secret, path);
  expect(await replicaLag(folder)).toBeUndefined();
});
