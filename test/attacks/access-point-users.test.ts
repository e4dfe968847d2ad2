import { execFile, execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const PROGRAM = join(import.meta.dirname, "../../packages/agent/volumes/user-mounts.pl");
const run = promisify(execFile);
let top: string;
let real: string;
let files: string;

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "gantry-users-"));
  [real, files] = [join(top, "real"), join(top, "files")];
  mkdirSync(real);
  chmodSync(top, 0o755);
});
afterEach(() => {
  execFileSync("umount", [files]);
  rmSync(top, { recursive: true, force: true });
});

const serve = (...identity: readonly string[]) =>
  run("perl", [PROGRAM, "serve", String(process.pid), real, files, ...identity]);
/** What a script in the mounted directory prints, run as a user with groups: root with all capabilities by default. */
async function as(user: number, script: string, groups = String(user)): Promise<string> {
  const identity =
    user === 0 ? [] : ["setpriv", "--reuid", String(user), "--regid", String(user), "--groups", groups];
  const command = [...identity, "sh", "-c", `(${script}) 2>&1 || echo refused`];
  const { stdout } = await run("env", command, { cwd: files });
  return stdout.trim();
}
/** Creates a file in the real directory, past the mount. */
function plant(name: string, owner: { uid: number; gid: number; mode: number }): void {
  writeFileSync(join(real, name), name);
  chownSync(join(real, name), owner.uid, owner.gid);
  chmodSync(join(real, name), owner.mode);
}

// Before: a mount was a bind mount, so that root in a container read and wrote every user's files, and what it created
// belonged to root, whatever PosixUser said.
describe("a mount of an access point with a POSIX user", () => {
  beforeEach(async () => {
    chownSync(real, 1000, 1000);
    await serve("1000", "1000", "2000");
  });

  it.each([0, 33, 1000])("creates files of that user for user %i of a container", async (user) => {
    expect(await as(user, "umask 022; echo a >file && mkdir folder && ln -s file link && ln file hard")).toBe(
      "",
    );
    for (const name of ["file", "folder", "hard"])
      expect(statSync(join(real, name))).toMatchObject({ uid: 1000, gid: 1000 });
    expect(await as(33, "cat link hard; echo b >>file; mv hard moved; stat -c '%u %a' moved; rm moved")).toBe(
      "a\na\n1000 644",
    );
  });

  it("keeps root of a container from what that user may not do", async () => {
    plant("private", { uid: 0, gid: 0, mode: 0o600 });
    plant("readable", { uid: 0, gid: 0, mode: 0o644 });
    for (const script of [
      "cat private",
      "echo x >>readable",
      "chown 0 readable",
      "chmod 666 readable",
      "touch -d @0 readable",
      "truncate -s 0 readable",
      "mknod device b 8 0",
      "echo a >own; chown 0:0 own",
    ])
      expect(await as(0, script), script).toContain("refused");
    expect(await as(0, "cat readable; rm -f private; ls")).toContain("readable");
  });

  it("has the secondary groups of the access point, and none of the container's", async () => {
    plant("shared", { uid: 0, gid: 2000, mode: 0o640 });
    plant("others", { uid: 0, gid: 3000, mode: 0o640 });
    expect(await as(33, "cat shared")).toBe("shared");
    expect(await as(33, "cat others", "3000")).toContain("refused");
  });

  it("excludes the locks of other mounts of the directory, and waits for them", async () => {
    const [ours, theirs] = [join(files, "lock"), join(real, "lock")];
    const holder = `flock ${theirs} sh -c 'echo held; sleep 0.5' & sleep 0.2; flock -n ${ours} true || echo busy; `;
    expect(await as(0, `touch lock; ${holder} flock ${ours} echo mine`)).toBe("held\nbusy\nmine");
  });

  it("lists large directories, and keeps content through maps, holes and renames", async () => {
    const script =
      "for i in $(seq 500); do : >f$i; done; ls | wc -l; rm f*; head -c 3000000 /dev/urandom >a; cp a b; cmp a b; " +
      "mv a c; truncate -s 5000000 b; stat -c %s b; tail -c 1 b | od -An -tx1; rm b c; ls";
    expect((await as(0, script)).split(/\s+/)).toEqual(["500", "5000000", "00"]);
  });
});

// Before: ClientRootAccess was not evaluated: root of a task was root of the file system.
describe("a mount without root access", () => {
  beforeEach(async () => {
    chmodSync(real, 0o777);
    await serve("squash");
  });

  it("treats root as nobody, and every other user as itself", async () => {
    plant("private", { uid: 1000, gid: 1000, mode: 0o600 });
    plant("of-root", { uid: 0, gid: 0, mode: 0o600 });
    plant("of-group", { uid: 0, gid: 3000, mode: 0o640 });
    expect(await as(0, "cat private")).toContain("refused");
    expect(await as(0, "cat of-root")).toContain("refused");
    expect(await as(1000, "cat private")).toBe("private");
    expect(await as(33, "cat of-group", "3000")).toBe("of-group");
    expect(await as(33, "cat of-group", "0")).toContain("refused");
    await as(0, "echo >by-root");
    await as(33, "echo >by-user");
    expect(statSync(join(real, "by-root"))).toMatchObject({ uid: 65_534, gid: 65_534 });
    expect(statSync(join(real, "by-user"))).toMatchObject({ uid: 33, gid: 33 });
  });
});
