import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

/** What a program in the repository's root prints, after its own modules are resolved by their text. */
function run(program: string): string {
  const source = `
    const { resolveOwnModules } = await import("./packages/kernel/own-modules.ts");
    resolveOwnModules();
    ${program}`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return stdout + stderr;
}

it("loads a module once, whether it is named as a file, by its package or by another module", () => {
  const program = `
    const [byFile, byPackage, byIndex] = [
      await import("./packages/kernel/lazily.ts"),
      await import("@gantry/kernel/lazily"),
      await import("@gantry/kernel"),
    ];
    console.log(byFile.lazily === byPackage.lazily, byFile.lazily === byIndex.lazily);`;
  expect(run(program)).toBe("true true\n");
});

it("leaves npm packages to Node, and names a file that is missing", () => {
  expect(run(`console.log(typeof (await import("croner")).Cron)`)).toBe("function\n");
  expect(run(`await import("./packages/kernel/missing.ts")`)).toContain("missing.ts");
});
