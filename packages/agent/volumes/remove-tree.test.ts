import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { removeTree } from "./remove-tree.ts";

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "gantry-remove-"));
  mkdirSync(join(top, "victim/inner"), { recursive: true });
  for (const name of ["victim/file", "victim/inner/file"]) writeFileSync(join(top, name), "keep");
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

describe("removing a tree", () => {
  it("removes files, links, names that are not UTF-8, and folders of any depth", async () => {
    let deep = join(top, "tree");
    for (let depth = 0; depth < 60; depth += 1) deep = join(deep, "d");
    mkdirSync(deep, { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${top}/tree/d/`), Buffer.from([0xff, 0xfe])]), "");
    symlinkSync(join(top, "victim"), join(top, "tree/link"));
    symlinkSync("/", join(deep, "link"));
    await removeTree(join(top, "tree"));
    expect(readdirSync(top)).toEqual(["victim"]);
    expect(readdirSync(join(top, "victim")).toSorted()).toEqual(["file", "inner"]);
  });

  it("does nothing if the tree is missing, and does not follow a link in its place", async () => {
    await removeTree(join(top, "absent"));
    await removeTree(join(top, "absent/absent"));
    symlinkSync(join(top, "victim"), join(top, "tree"));
    await removeTree(join(top, "tree"));
    expect(existsSync(join(top, "victim/file"))).toBe(true);
  });

  // Regression: `rm` by path checked whether an entry is a folder, then listed it by its name; a link created
  // in between led out.
  it("stays inside while a task swaps folders for links", async () => {
    for (let round = 0; round < 12; round += 1) {
      const tree = join(top, "tree");
      for (let index = 0; index < 10; index += 1)
        mkdirSync(join(tree, `d${index}/inner`), { recursive: true });
      const removal = removeTree(tree);
      const swap = () => {
        for (let index = 0; index < 10; index += 1) {
          try {
            renameSync(join(tree, `d${index}`), join(tree, `moved${index}`));
            symlinkSync(join(top, "victim"), join(tree, `d${index}`));
          } catch {
            // Removed already.
          }
        }
      };
      for (let turn = 0; turn <= round % 8; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        swap();
      }
      await removal.catch(() => removeTree(tree));
      expect(existsSync(tree)).toBe(false);
    }
    expect(existsSync(join(top, "victim/inner/file")) && existsSync(join(top, "victim/file"))).toBe(true);
  });
});
