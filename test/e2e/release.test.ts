import { execFile } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { freeInstancePort, get } from "./helpers.ts";
import { buildRelease, emptyEnvironment, type ReleaseFiles } from "./releases.ts";

const execute = promisify(execFile);
let release: ReleaseFiles;

beforeAll(async () => {
  release = await buildRelease();
});

describe("the npm package", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-npm-"));
  const prefix = join(folder, "prefix");
  const env = emptyEnvironment(folder);
  const inFolder = async (program: string, ...parameters: readonly string[]) =>
    (await execute(program, [...parameters], { cwd: folder, env, maxBuffer: 2 ** 24 })).stdout;
  const gantry = (...parameters: readonly string[]) => inFolder(join(prefix, "bin/gantry"), ...parameters);

  beforeAll(async () => {
    await inFolder(
      "npm",
      "install",
      "-g",
      "--prefix",
      prefix,
      "--no-audit",
      "--fetch-retries=1",
      "--no-fund",
      release.path(".tgz"),
    );
  });

  it("says its version and its commit, whether npm installs it or npx runs it", async () => {
    const sentence = new RegExp(
      `^gantry ${release.version} \\(commit [0-9a-f]{12}(-modified)?, \\d{4}-\\d\\d-\\d\\d\\)\n$`,
    );
    expect(await gantry("version")).toMatch(sentence);
    expect(await gantry("--version")).toMatch(sentence);
    expect(
      await inFolder(
        "npx",
        "--yes",
        "--prefer-offline",
        "--package",
        release.path(".tgz"),
        "gantry",
        "version",
      ),
    ).toMatch(sentence);
  });

  it("has the versions of package-lock.json, whatever npm would resolve today", () => {
    const root = join(prefix, "lib/node_modules/gantry");
    const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
      packages: Record<string, { version: string }>;
    }; // npm's own file.
    const installed = globSync("**/node_modules/{@*/*,[!@.]*}/package.json", { cwd: root }).map(dirname);
    expect(installed.length).toBeGreaterThan(30);
    for (const place of installed) {
      const { version } = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8")) as {
        version: string;
      }; // A manifest that npm accepted.
      expect([place, version]).toEqual([place, packages[place]?.version]);
    }
  });

  it("runs the example website and leaves nothing", async () => {
    const answer = await gantry("demo", "--json", "--port", String(await freeInstancePort()));
    const { url } = JSON.parse(answer.trim().split("\n").at(-1) ?? "") as { url: string }; // Our own output.
    expect((await get(url)).body).toContain("<title>");
    expect((await get(url, { path: "/health" })).status).toBe(200);
    expect(await gantry("down", "--purge")).toContain("everything it made is removed");
    expect(existsSync(join(folder, "home/.gantry"))).toBe(false);
    expect(readdirSync(join(folder, "home")).filter((name) => name !== ".npm")).toEqual([]);
  });

  it("has neither tests nor benchmarks, and says so as of any unknown command", async () => {
    expect(await gantry("help")).not.toMatch(/gantry (test|bench)/);
    await expect(gantry("bench")).rejects.toThrow('There is no command "bench"');
  });
});
