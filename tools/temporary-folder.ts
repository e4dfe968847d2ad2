import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string | undefined;

/** What tests lay on the disk lies in one folder, and goes with them. */
export function setup(): void {
  folder = mkdtempSync(join(tmpdir(), "gantry-tests-"));
  process.env["TMPDIR"] = folder;
}

export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
