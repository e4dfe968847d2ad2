import { describe, expect, it } from "vitest";
import { sources, text } from "../tidy/sources.ts";
import { compileModule, ENTRY_POINTS } from "./compile.ts";
import { closureOf } from "./dependencies.ts";
import { checkLicenses, isPermissive, renderThirdParties } from "./third-party.ts";

describe("compiling for a release", () => {
  it("strips types in place and makes imports of the repository relative JavaScript", () => {
    const source = `import type { Clock } from "@gantry/kernel";
import { sleep, type Ids } from "@gantry/kernel";
export { readInstance } from "@gantry/control-plane";
import decide from "@gantry/api/iam/decide";
import { join } from "node:path";
import { ECSClient } from "@aws-sdk/client-ecs";
export const load = () => import("./commands/up.ts");
const port: number = 1;`;
    expect(compileModule(source, "apps/cli/main.ts").text.replaceAll(/ +/g, " ")).toBe(` 
import { sleep, } from "../../packages/kernel/index.js";
export { readInstance } from "../control-plane/index.js";
import decide from "../../packages/api/iam/decide.js";
import { join } from "node:path";
import { ECSClient } from "@aws-sdk/client-ecs";
export const load = () => import("./commands/up.js");
const port = 1;`);
    expect(compileModule(source, "apps/cli/main.ts").imports).toContain("apps/cli/commands/up.ts");
  });

  it("refuses a module that imports by an expression, which could not be followed", () => {
    expect(() => compileModule("await import(`./${name}.ts`);", "a.ts")).toThrow("imports by an expression");
  });
});

describe("the files of worker threads", () => {
  // Before: the thread of the metric store was neither compiled nor found by a release, which had no metrics.
  it("are compiled, because no import names them", () => {
    const workers = sources.filter((file) => /\bparentPort\b/.test(text(file)));
    expect(workers.filter((file) => !ENTRY_POINTS.some((each) => each === file))).toEqual([]);
  });

  it("are named without the extension, which differs in a release", () => {
    expect(sources.filter((file) => /new URL\(["'`][^"'`$]+\.ts["'`]/.test(text(file)))).toEqual([]);
  });
});

describe("what ships with a release", () => {
  const lock = {
    "node_modules/a": { version: "1.0.0", license: "MIT", dependencies: { b: "^1" } },
    "node_modules/b": { version: "2.0.0", license: "GPL-3.0-only" },
    "node_modules/a/node_modules/b": { version: "1.0.0", license: "ISC" },
  };

  it("follows dependencies to the versions that npm installs", () => {
    expect(closureOf(lock, ["a"])).toEqual(["node_modules/a", "node_modules/a/node_modules/b"]);
    expect(() => closureOf(lock, ["c"])).toThrow("package-lock.json has no c");
  });

  it("refuses a licence that is not permissive, and a package that names none", () => {
    const party = (name: string, license: string) => ({ name, version: "1.0.0", license, text: "" });
    expect(() =>
      checkLicenses([party("free", "MIT"), party("copyleft", "GPL-3.0-only"), party("bare", "")]),
    ).toThrow("copyleft 1.0.0 (GPL-3.0-only), bare 1.0.0 (no licence)");
    expect(["MIT", "(MIT OR GPL-2.0-only)", "Apache-2.0 AND ISC"].every(isPermissive)).toBe(true);
    expect(
      ["MIT AND GPL-2.0-only", "LGPL-3.0-only", "SEE LICENSE IN x", "MPL-2.0", "BUSL-1.1"].some(isPermissive),
    ).toBe(false);
  });

  it("prints each licence once, with its packages", () => {
    const party = (name: string) => ({ name, version: "1.0.0", license: "MIT", text: "The text." });
    const rendered = renderThirdParties([party("a"), party("b")]);
    expect(rendered).toContain("a 1.0.0: MIT\nb 1.0.0: MIT");
    expect(rendered).toContain("a, b\n\nThe text.");
    expect(rendered.match(/The text/g)).toHaveLength(1);
  });
});
