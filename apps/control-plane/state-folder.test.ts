import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HOOKS_FILE } from "./hook-endpoints.ts";
import { UPSTREAMS_FILE } from "./upstreams.ts";
import { isOwnPath, isStoredPath } from "./state-folder.ts";

const NAMED = /\bjoin\((?:this\.)?folder, "([^"]+)"\)/g;

/** The names that the control plane's code joins to the state folder. */
const named = globSync("*.ts", { cwd: import.meta.dirname })
  .filter((file) => !file.endsWith(".test.ts"))
  .flatMap((file) => [...readFileSync(join(import.meta.dirname, file), "utf8").matchAll(NAMED)])
  .map((match) => match[1] ?? "");

it("finds the files that the control plane writes", () => {
  expect(named).toEqual(expect.arrayContaining(["state.db", "logs.db", "metrics.db", "objects"]));
});

// Regression: the database of metrics was missing, so that `down --purge` left it behind and a restore
// refused Gantry's own backup.
it.each([...new Set(named), HOOKS_FILE, UPSTREAMS_FILE])("counts %s to what is Gantry's own", (name) => {
  expect(isOwnPath(name)).toBe(true);
  if (name.endsWith(".db")) expect(isStoredPath(name)).toBe(true);
});
