import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyFolder, isThere, unfinishedOf } from "./copy-folder.ts";
import { thaw, whileFrozen } from "./frozen-processes.ts";

let root = "";
const at = (name: string) => join(root, name);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-copies-"));
  await mkdir(at("from/below"), { recursive: true });
  await writeFile(at("from/below/table"), "rows", { mode: 0o640 });
  await symlink("/etc/passwd", at("from/link"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("a copy of a folder", () => {
  it("has the files with their modes, and links as links", async () => {
    await copyFolder(at("from"), at("to"));
    expect(await readFile(at("to/below/table"), "utf8")).toBe("rows");
    expect((await stat(at("to/below/table"))).mode & 0o777).toBe(0o640);
    expect(await readlink(at("to/link"))).toBe("/etc/passwd");
    expect(await isThere(unfinishedOf(at("to")))).toBe(false);
  });

  it("is begun anew where a crash left part of one", async () => {
    await mkdir(unfinishedOf(at("again")));
    await writeFile(join(unfinishedOf(at("again")), "stray"), "of the copy before");
    await copyFolder(at("from"), at("again"));
    expect(await isThere(at("again/stray"))).toBe(false);
    expect(await readFile(at("again/below/table"), "utf8")).toBe("rows");
  });

  it("is not made a second time, and not at all where it fails", async () => {
    await writeFile(at("to/below/table"), "older rows");
    await copyFolder(at("from"), at("to"), () => expect.fail("It is there."));
    expect(await readFile(at("to/below/table"), "utf8")).toBe("older rows");
    await expect(copyFolder(at("missing"), at("none"))).rejects.toThrow();
    const changed = copyFolder(at("from"), at("none"), async (copy) => {
      await copy();
      throw new Error("The server was started meanwhile.");
    });
    await expect(changed).rejects.toThrow("started meanwhile");
    expect(await isThere(at("none"))).toBe(false);
  });
});

describe("processes", () => {
  it("outside of a container are never stopped", async () => {
    const other = spawn("sleep", ["60"]);
    try {
      await expect(whileFrozen(other.pid ?? 0, async () => {})).rejects.toThrow("is in no container");
    } finally {
      other.kill("SIGKILL");
    }
  });

  it("that have ended are no problem", async () => {
    await thaw(2 ** 22 + 1);
    let worked = false;
    await whileFrozen(2 ** 22 + 1, async () => void (worked = true));
    expect(worked).toBe(true);
  });
});
