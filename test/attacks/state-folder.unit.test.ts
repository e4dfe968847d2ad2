import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { restoreState, type RestoreActions } from "@gantry/cli/restore";
import { ensureInstance, readInstance, removeStateFolder, stateFolder } from "@gantry/control-plane";
import { SqliteStore } from "@gantry/state";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

// Data loss on the command line: what `up`, `down --purge` and `restore` do to files that are not Gantry's.

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "gantry-state-folder-")));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const path = (...parts: readonly string[]): string => join(root, ...parts);
const mode = (file: string): number => statSync(file).mode & 0o777;

/** A state folder with a file of every kind that Gantry writes. */
function filledStateFolder(name = "state"): string {
  const folder = path(name);
  ensureInstance(folder, 31_566);
  for (const each of ["objects/incoming", "objects/ab", "registry/blobs/cd", "registry/uploads", "docker"])
    mkdirSync(join(folder, each), { recursive: true });
  mkdirSync(join(folder, "cache/debian-packages/partial"), { recursive: true });
  for (const each of [
    ...["key", "credentials", "ca.pem", "ca-key.pem", "state.db", "state.db-wal", "logs.db-shm"],
    ...[
      "control-plane.log",
      "control-plane.pid",
      "objects/objects.db",
      "objects/ab/abcdef",
      "docker/config.json",
    ],
    ...["registry/blobs/cd/cdef", "cache/debian-packages/haproxy_2.8_amd64.deb"],
  ])
    writeFileSync(join(folder, each), each);
  return folder;
}

describe("a folder with foreign files", () => {
  it("does not become a state folder", () => {
    // Before: `up --state-dir DIR` came up in it, and `down --purge` removed foreign.txt, sub/other.txt and DIR itself.
    writeFileSync(path("thesis.txt"), "three years");
    expect(() => ensureInstance(root, undefined)).toThrow("holds files that are not Gantry's");
    expect(readdirSync(root)).toEqual(["thesis.txt"]);
  });

  it("does not become one through an instance.json of another program", () => {
    writeFileSync(path("instance.json"), '{"name": "another program"}');
    expect(readInstance(root)).toBeUndefined();
    expect(() => ensureInstance(root, undefined)).toThrow("holds files that are not Gantry's");
    expect(() => removeStateFolder(root)).toThrow("is not a state folder");
    expect(readdirSync(root)).toEqual(["instance.json"]);
  });

  it("keeps its files where an earlier version made it a state folder", () => {
    // Before: `down --purge` removed the folder with everything in it, and said "all it made is gone".
    const folder = filledStateFolder();
    rmSync(join(folder, ".gantry-state"));
    for (const name of ["thesis.txt", "objects/holiday.jpg", "cache/mine"])
      writeFileSync(join(folder, name), "mine");
    mkdirSync(join(folder, "src/objects/ab"), { recursive: true });
    writeFileSync(join(folder, "src/objects/ab/key"), "mine");
    expect(ensureInstance(folder, undefined).port).toBe(31_566);
    expect(removeStateFolder(folder).toSorted()).toEqual([
      "cache/mine",
      "objects/holiday.jpg",
      "src",
      "thesis.txt",
    ]);
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      statSync(join(folder, name)).isFile(),
    );
    expect(files.toSorted()).toEqual([
      "cache/mine",
      "objects/holiday.jpg",
      "src/objects/ab/key",
      "thesis.txt",
    ]);
  });
});

describe("the name of the state folder", () => {
  it("is refused where it is empty", () => {
    // Before: `up --state-dir ""` made the current folder the state folder; `down --purge` removed it with
    // mine.txt in it.
    for (const name of ["", " "]) expect(() => stateFolder(name)).toThrow("--state-dir is empty");
  });

  it("may be a link: purging removes what it points to and does not claim to", () => {
    // Before: the link was removed, key, ca-key.pem and credentials stayed behind it, and "all it made is
    // gone" was printed.
    const folder = filledStateFolder("disk");
    symlinkSync(folder, path("link"));
    expect(stateFolder(path("link"))).toBe(folder);
    expect(removeStateFolder(stateFolder(path("link")))).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(stateFolder(path("link"))).toBe(folder);
    expect(stateFolder(path("link", "deeper"))).toBe(join(folder, "deeper"));
  });
});

describe("a purged state folder", () => {
  it("is removed with everything that Gantry wrote", () => {
    const folder = filledStateFolder();
    expect(removeStateFolder(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it("does not lead outside by links in it, and names them", () => {
    mkdirSync(path("outside/ab"), { recursive: true });
    writeFileSync(path("outside/ab/abcdef"), "outside");
    const folder = filledStateFolder();
    rmSync(join(folder, "objects"), { recursive: true });
    symlinkSync(path("outside"), join(folder, "objects"));
    rmSync(join(folder, "key"));
    symlinkSync(path("outside/ab/abcdef"), join(folder, "key"));
    expect(removeStateFolder(folder).toSorted()).toEqual(["key", "objects"]);
    expect(readFileSync(path("outside/ab/abcdef"), "utf8")).toBe("outside");
  });
});

it("closes a state folder that others may read", () => {
  // Before: a folder of mode 755 stayed so, with state.db at 644 and objects at 755: every user of the
  // machine read them.
  const folder = filledStateFolder();
  for (const [name, bits] of [
    ["", 0o755],
    ["objects", 0o755],
    ["registry", 0o777],
    ["key", 0o644],
    ["state.db", 0o666],
  ] as const)
    chmodSync(join(folder, name), bits);
  ensureInstance(folder, undefined);
  for (const name of ["", "objects", "registry"]) expect(mode(join(folder, name)), name).toBe(0o700);
  for (const name of ["key", "state.db", ".gantry-state"]) expect(mode(join(folder, name)), name).toBe(0o600);
});

describe("restore", () => {
  const quiet: RestoreActions = {
    step: (_, work) => work(),
    restoreVolume: () => Promise.resolve(),
    removeVolumes: () => Promise.resolve(),
  };
  const hash = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");
  const tar = (...parameters: readonly string[]) => execFileSync("tar", parameters, { stdio: "pipe" });

  /** A backup of an instance with nothing in it; `change` adds to it before it is packed. */
  function writeBackup(change: (folder: string) => readonly string[] = () => []): string {
    const folder = path("copy");
    ensureInstance(folder, 31_566);
    new SqliteStore(join(folder, "state.db")).close();
    const names = ["state.db", "instance.json"];
    const checksums = Object.fromEntries(names.map((name) => [name, hash(join(folder, name))]));
    writeFileSync(
      join(folder, "backup.json"),
      JSON.stringify({ format: 1, instance: "x", createdAt: 0, checksums }),
    );
    const more = change(folder);
    tar("-cPf", path("backup.tar"), "-C", folder, "backup.json", ...names, ...more);
    rmSync(folder, { recursive: true });
    return path("backup.tar");
  }

  it("restores a state folder, and leaves nothing else", async () => {
    await restoreState(path("new"), writeBackup(), quiet);
    expect(readInstance(path("new"))?.port).toBe(31_566);
    expect(mode(path("new"))).toBe(0o700);
    expect(readdirSync(root).toSorted()).toEqual(["backup.tar", "new"]);
  });

  it("does not replace a folder with foreign files, nor one beside it", async () => {
    // Before: a restore that succeeded removed foreign.txt with the folder, because it removed what was there
    // before the restored one took its place; a folder named DIR.restoring beside it was removed by every
    // attempt.
    const backup = writeBackup();
    for (const folder of ["docs", "new.restoring"]) {
      mkdirSync(path(folder));
      writeFileSync(path(folder, "thesis.txt"), "three years");
    }
    await expect(restoreState(path("docs"), backup, quiet)).rejects.toThrow("is not empty");
    writeFileSync(path("torn.tar"), readFileSync(backup).subarray(0, 2_000));
    await expect(restoreState(path("new"), path("torn.tar"), quiet)).rejects.toThrow("is damaged");
    await restoreState(path("new"), backup, quiet);
    for (const folder of ["docs", "new.restoring"])
      expect(readFileSync(path(folder, "thesis.txt"), "utf8")).toBe("three years");
  });

  it.each([
    ["a symbolic link", (folder: string) => symlinkSync("/etc/passwd", join(folder, "key")), "key"],
    ["a link to a folder", (folder: string) => symlinkSync("/etc", join(folder, "objects")), "objects"],
    ["a named pipe", (folder: string) => void execFileSync("mkfifo", [join(folder, "key")]), "key"],
    ["an unknown file", (folder: string) => writeFileSync(join(folder, "evil.sh"), ""), "evil.sh"],
    [
      "a hard link to a file outside",
      (folder: string) => {
        writeFileSync(join(dirname(folder), "secret"), "secret");
        linkSync(join(dirname(folder), "secret"), join(folder, "key"));
        linkSync(join(dirname(folder), "secret"), join(folder, "credentials"));
        return ["--transform=s,^key$,/etc/hostname,S", "key", "credentials"];
      },
      undefined,
    ],
    ["a path with ..", (folder: string) => writeFileSync(join(dirname(folder), "key"), ""), "../key"],
    ["an absolute path", (folder: string) => writeFileSync(join(dirname(folder), "key"), ""), "ABSOLUTE"],
  ])("refuses an archive with %s, and writes nothing", async (_, change, name) => {
    // Before: a member "objects/evil" that is a link to /etc was restored as one, and "All is back" was printed.
    const backup = writeBackup((folder) => {
      const more = change(folder);
      if (Array.isArray(more)) return more;
      return [name === "ABSOLUTE" ? join(dirname(folder), "key") : (name ?? "")];
    });
    await expect(restoreState(path("new"), backup, quiet)).rejects.toThrow("does not belong in a backup");
    expect(existsSync(path("new"))).toBe(false);
    expect(readdirSync(root).filter((each) => each.includes("restoring"))).toEqual([]);
  });

  it("refuses members of the data volume outside its folders", async () => {
    const backup = writeBackup((folder) => {
      mkdirSync(join(folder, "agent"));
      writeFileSync(join(folder, "agent/assignments.json"), "{}");
      tar("-cf", join(folder, "volume.tar"), "-C", folder, "agent/assignments.json");
      return ["volume.tar"];
    });
    await expect(restoreState(path("new"), backup, quiet)).rejects.toThrow(
      'holds "agent/assignments.json" for the data volume',
    );
  });

  it("leaves the old or the new folder wherever it is killed, and the next restore cleans up", async () => {
    const backup = writeBackup();
    const removed: string[] = [];
    // The state of a restore that was killed: its folder with the note of a process that has ended.
    const abandoned = mkdtempSync(path("new.restoring-"));
    writeFileSync(join(abandoned, "restoring.json"), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: "then" }));
    ensureInstance(join(abandoned, "state"), undefined);
    writeFileSync(join(abandoned, "volume.tar"), "half");
    await restoreState(path("new"), backup, {
      ...quiet,
      removeVolumes: (id) => Promise.resolve(void removed.push(id)),
      step: async (_, work) => {
        expect(existsSync(path("new"))).toBe(false);
        return work();
      },
    });
    expect(existsSync(abandoned)).toBe(false);
    expect(removed).toEqual([abandoned.slice(root.length + 1)]);
    expect(readInstance(path("new"))?.port).toBe(31_566);
    expect(lstatSync(path("new")).isDirectory()).toBe(true);
  });
});
