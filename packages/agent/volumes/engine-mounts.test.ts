import { execFile, execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";

const HELPER = join(import.meta.dirname, "engine-mounts.pl");
const run = promisify(execFile);
let top: string;
let root: string;

beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), "gantry-resolve-")));
  root = join(top, "data/efs/fs-1");
  mkdirSync(root, { recursive: true });
  mkdirSync(join(top, "data/agent"));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

/** The resolved path of each directory; "" where there is none. */
async function resolve(...directories: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run("perl", [HELPER, "resolve", root, ...directories]);
  return stdout.split("\n").slice(0, -1);
}

// Regression: the check of the path was lexical, and opening it followed links from the host's root.
describe("a directory of a file system", () => {
  it("is found through links as an NFS server finds it: absolute ones begin at the file system's root", async () => {
    mkdirSync(join(root, "a/b"), { recursive: true });
    symlinkSync("/a", join(root, "absolute"));
    symlinkSync("../../../../..", join(root, "up"));
    symlinkSync("a/b", join(root, "relative"));
    symlinkSync("nowhere", join(root, "dangling"));
    const within = ["/", "/absolute/b", "/relative", "/up"];
    expect(await resolve(...within)).toEqual([root, join(root, "a/b"), join(root, "a/b"), root]);
    const without = ["/../../agent", "/up/agent", "/dangling", "/proc/self/root"];
    expect(await resolve(...without)).toEqual(["", "", "", ""]);
  });

  it("is a directory, whatever a task created there", async () => {
    execFileSync("mkfifo", [join(root, "pipe")]);
    writeFileSync(join(root, "file"), "");
    mkdirSync(join(root, "a..%2f..%2fb"));
    symlinkSync("pipe", join(root, "link"));
    const socket = createServer().listen(join(root, "socket"));
    onTestFinished(() => void socket.close());
    // Opening a pipe for reading would block the helper until a writer opens it.
    const others = [
      "/pipe",
      "/file",
      "/socket",
      "/link",
      "/pipe/..",
      "/file/",
      "/a\n",
      "/%2e%2e",
      "/a/..%2f..",
    ];
    expect(await resolve(...others)).toEqual(others.map(() => ""));
    expect(await resolve("/a..%2f..%2fb", "/./", "//")).toEqual([join(root, "a..%2f..%2fb"), root, root]);
  });

  it("is inside the file system, whatever links exist and whatever path a caller stores", async () => {
    const name = fc.constantFrom("a", "b", "agent", "x");
    const step = fc.oneof(name, fc.constantFrom("..", ".", "", "etc", "tmp", "data"));
    const path = fc.array(step, { maxLength: 6 }).map((steps) => `/${steps.join("/")}`);
    const target = fc.oneof(
      path,
      path.map((absolute) => absolute.slice(1)),
      fc.constantFrom("/", "..", "../..", "../../..", "/proc/self/root", "/proc/self/cwd"),
    );
    const entry = fc.record({
      at: fc.array(name, { minLength: 1, maxLength: 3 }),
      link: fc.option(target, { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 6 }),
        fc.array(path, { minLength: 1, maxLength: 8 }),
        async (entries, paths) => {
          rmSync(root, { recursive: true });
          mkdirSync(root);
          for (const { at, link } of entries) plant(at, link);
          const outside = (await resolve(...paths)).filter(
            (found) => found !== "" && !`${found}/`.startsWith(`${root}/`),
          );
          expect(outside).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  });
});

/** A directory or a link in the file system; skipped where something else is in its way: it follows no link itself. */
function plant(at: readonly string[], link: string | undefined): void {
  const folders = at.slice(0, -1).map((_, index) => join(root, ...at.slice(0, index + 1)));
  for (const folder of folders) {
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) mkdirSync(folder);
    if (!lstatSync(folder).isDirectory()) return;
  }
  const place = join(root, ...at);
  if (lstatSync(place, { throwIfNoEntry: false }) !== undefined) return;
  if (link === undefined) mkdirSync(place);
  else symlinkSync(link === "" ? "." : link, place);
}
