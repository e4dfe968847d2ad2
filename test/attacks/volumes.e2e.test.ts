import { DescribeSecurityGroupsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateAccessPointCommand,
  CreateFileSystemCommand,
  CreateMountTargetCommand,
  DeleteAccessPointCommand,
  DeleteFileSystemCommand,
  DeleteMountTargetCommand,
  EFSClient,
} from "@aws-sdk/client-efs";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo } from "../e2e/demo.ts";
import { eventually, run } from "../e2e/helpers.ts";
import { openTasks } from "../e2e/tasks.ts";

const demo = openDemo(inject("demo"));
const { client } = demo;
const ec2 = new EC2Client(client());
const efs = new EFSClient(client());
/** A name that no host has at its root before the attack. */
const PLANTED = `gantry-planted-${process.pid}`;

let tasks: Awaited<ReturnType<typeof openTasks>>;
let fileSystemId: string;
let mountTargetId: string;

/** Volume and mount point of a task that uses a directory of the file system, by path or by access point. */
function fileVolume(place: { rootDirectory?: string; accessPointId?: string }) {
  const { rootDirectory, accessPointId } = place;
  const access =
    accessPointId === undefined
      ? {}
      : { transitEncryption: "ENABLED" as const, authorizationConfig: { accessPointId } };
  return {
    main: { mountPoints: [{ sourceVolume: "files", containerPath: "/files" }] },
    definition: {
      volumes: [{ name: "files", efsVolumeConfiguration: { fileSystemId, rootDirectory, ...access } }],
    },
  };
}

/** Runs a script in a task with a directory of the file system at /files. Answers what it wrote, and why it ended. */
async function runWithFiles(
  family: string,
  script: string,
  place: Parameters<typeof fileVolume>[0],
): Promise<{ said: readonly string[]; reason: string | undefined; exitCode: number | undefined }> {
  const { main, definition } = fileVolume(place);
  const task = await tasks.runToEnd(family, { command: ["sh", "-c", script], ...main }, { definition });
  const exitCode = task?.containers?.[0]?.exitCode;
  const said = exitCode === 0 ? await tasks.messagesOf(family, task) : [];
  return { said, reason: task?.stoppedReason, exitCode };
}

/** What a file system's own root shows, and what only a host's or a node's shows. */
const LOOK =
  "ls /files; for f in etc/shadow etc/os-release proc/1 var/lib/docker assignments.json; do [ -e " +
  "/files/$f ] && echo HOST; done; echo end";

beforeAll(async () => {
  tasks = await openTasks(demo);
  const { SecurityGroups = [] } = await ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: "group-name", Values: ["fileshare-efs"] }] }),
  );
  fileSystemId =
    (await efs.send(new CreateFileSystemCommand({ CreationToken: `attack-${process.pid}` }))).FileSystemId ??
    "";
  mountTargetId =
    (
      await efs.send(
        new CreateMountTargetCommand({
          FileSystemId: fileSystemId,
          SubnetId: await tasks.subnetOf("fileshare-private-c"),
          SecurityGroups: [SecurityGroups[0]?.GroupId ?? ""],
        }),
      )
    ).MountTargetId ?? "";
  // The attacker's task may use the whole file system, and plants what others' paths lead through.
  const planted = await runWithFiles(
    "volumes-plant",
    "cd /files && mkdir inner race && echo mine >inner/file && ln -s / x && ln -s ../../../../.. up && " +
      "ln -s ../../agent node && ln -s /inner ok && echo planted",
    { rootDirectory: "/" },
  );
  expect(planted.said).toEqual(["planted"]);
});

afterAll(async () => {
  await efs.send(new DeleteMountTargetCommand({ MountTargetId: mountTargetId }));
  await efs.send(new DeleteFileSystemCommand({ FileSystemId: fileSystemId }));
});

// Before: the engine followed the link on the host; the task listed the host's root and read /etc/shadow.
describe("a symbolic link that a task planted in a file system", () => {
  it.each(["/x", "/up", "/x/x/up"])(
    "leads from %s to the file system's root, as over NFS",
    async (rootDirectory) => {
      const { said } = await runWithFiles("volumes-link", LOOK, { rootDirectory });
      expect(said).not.toContain("HOST");
      expect(said).toContain("inner");
    },
  );

  it("leads to a directory of the file system", async () => {
    const { said } = await runWithFiles("volumes-inside", "cat /files/file", { rootDirectory: "/ok" });
    expect(said).toEqual(["mine"]);
  });

  it.each(["/x/etc", "/node", "/up/var/lib/docker", "/inner/file", "/inner/none"])(
    "does not lead from %s to the node",
    async (rootDirectory) => {
      const { reason, exitCode } = await runWithFiles("volumes-away", LOOK, { rootDirectory });
      expect(exitCode).toBeUndefined();
      expect(reason).toContain("ResourceInitializationError: failed to invoke EFS utils commands");
      expect(reason).toMatch(/reason given by server: (No such file or directory|Not a directory)'/);
    },
  );

  // Before: the agent created the directory at the host's root and gave it to the user of the access point.
  it("does not lead the creation of an access point's directory to the node", async () => {
    const { AccessPointId: accessPointId } = await efs.send(
      new CreateAccessPointCommand({
        ClientToken: PLANTED,
        FileSystemId: fileSystemId,
        RootDirectory: {
          Path: `/x/${PLANTED}`,
          CreationInfo: { OwnerUid: 4242, OwnerGid: 4343, Permissions: "0750" },
        },
      }),
    );
    const { said } = await runWithFiles("volumes-point", "stat -c '%u %g %a' /files", { accessPointId });
    await efs.send(new DeleteAccessPointCommand({ AccessPointId: accessPointId }));
    expect(existsSync(`/${PLANTED}`), "at the host's root").toBe(false);
    expect(said).toEqual(["4242 4343 750"]);
    const { said: inFileSystem } = await runWithFiles("volumes-inside", "ls /files", { rootDirectory: "/" });
    expect(inFileSystem).toContain(PLANTED);
  });
});

// Before: PosixUser was kept and shown, and the task's root was root of the file system.
describe("an access point with a POSIX user", () => {
  it("makes every process of a task that user, by a process that outlives the agent", async () => {
    const { AccessPointId: accessPointId } = await efs.send(
      new CreateAccessPointCommand({
        ClientToken: `${PLANTED}-user`,
        FileSystemId: fileSystemId,
        PosixUser: { Uid: 4242, Gid: 4343, SecondaryGids: [4444] },
        RootDirectory: {
          Path: "/of-user",
          CreationInfo: { OwnerUid: 4242, OwnerGid: 4343, Permissions: "0700" },
        },
      }),
    );
    const script =
      "id -u; cd /files && touch a && stat -c '%u %g' a; chown 0 a 2>/dev/null || echo refused; touch wait; " +
      "while [ -e wait ]; do sleep 0.1; done; touch b; stat -c '%u' b";
    const running = runWithFiles("volumes-user", script, { accessPointId });
    const volume = await run("docker", ["volume", "inspect", "-f", "{{.Mountpoint}}", `gantry-${demo.name}`]);
    const wait = join(volume.trim(), "efs", fileSystemId, "of-user/wait");
    await eventually(async () => expect(existsSync(wait)).toBe(true));
    const [server = ""] = (await run("pgrep", ["-f", "^gantry-efs 4242 4343 4444"])).trim().split("\n");
    expect(readFileSync(`/proc/${server}/cgroup`, "utf8")).not.toMatch(/[0-9a-f]{64}/);
    rmSync(wait);
    expect((await running).said).toEqual(["0", "4242 4343", "refused", "4242"]);
    await efs.send(new DeleteAccessPointCommand({ AccessPointId: accessPointId }));
    await eventually(async () => expect(existsSync(`/proc/${server}/exe`)).toBe(false));
  });
});

// Before: the path was checked once and resolved later by the engine; some tasks of the loop saw the host.
describe("a directory that a task swaps for a link while others mount it", () => {
  it("shows the file system, or ends the task", async () => {
    const { main, definition } = fileVolume({ rootDirectory: "/" });
    const swap =
      "cd /files; while [ ! -e stop ]; do rmdir race; ln -s / race; ln -s ../../agent race; rm race; " +
      "ln -s ../../agent race; rm race; mkdir race; done";
    const swapping = tasks.runToEnd("volumes-swap", { command: ["sh", "-c", swap], ...main }, { definition });
    const outcomes = [];
    for (let round = 0; round < 4; round += 1)
      outcomes.push(
        ...(await Promise.all(
          [0, 1, 2].map((each) => runWithFiles(`volumes-race-${each}`, LOOK, { rootDirectory: "/race" })),
        )),
      );
    await runWithFiles("volumes-stop", "touch /files/stop; echo stopped", { rootDirectory: "/" });
    const swapped = await swapping;
    expect(swapped?.containers?.[0]?.exitCode, "the attack ran to its end").toBe(0);
    for (const { said, reason, exitCode } of outcomes) {
      expect(said).not.toContain("HOST");
      if (exitCode !== 0) expect(reason).toMatch(/ResourceInitializationError|CannotStartContainerError/);
    }
  });
});

describe("a path that leaves the file system by its spelling", () => {
  it.each(["/../../agent", "/..", "/inner/../../../agent", "../../agent", "/inner/..", "inner"])(
    "is refused as a root directory: %s",
    async (rootDirectory) => {
      await expect(runWithFiles("volumes-spelling", LOOK, { rootDirectory })).rejects.toMatchObject({
        name: "ClientException",
      });
    },
  );

  it.each(["/../../agent", "/..", "/inner/../..", "../agent", "/.ssh", "/a/b/c/d/e", "//", "/a;b"])(
    "is refused for an access point: %s",
    async (Path) => {
      const create = new CreateAccessPointCommand({
        ClientToken: "spelling",
        FileSystemId: fileSystemId,
        RootDirectory: { Path },
      });
      await expect(efs.send(create)).rejects.toMatchObject({ name: "BadRequest" });
    },
  );
});

// Before: the engine read ":rw,rshared" as options of the bind and shared the mount with the host.
describe("options in a container path", () => {
  it.each(["/m:rw,rshared", "/m:ro", "/m:/n", "m", "/", "/a/../b", ""])(
    "are refused: %s",
    async (containerPath) => {
      const attempt = tasks.runToEnd(
        "volumes-options",
        { command: ["true"], mountPoints: [{ sourceVolume: "scratch", containerPath }] },
        { definition: { volumes: [{ name: "scratch" }] } },
      );
      await expect(attempt).rejects.toMatchObject({ name: "ClientException" });
    },
  );
});

// Before: both stood in the container's environment and in the node's assignments file, as plain text.
describe("the password of a database", () => {
  it("is in no record of the engine and in no file of the node, as is a task's environment", async () => {
    const [app = ""] = await demo.taskContainers();
    const password = (await run("docker", ["exec", app, "node", "-p", "process.env.DB_PASSWORD"])).trim();
    expect(password.length).toBeGreaterThan(8);
    const filter = [
      "--filter",
      `label=gantry.instance=${demo.name}`,
      "--filter",
      "label=gantry.role=database",
    ];
    const [database = ""] = (await run("docker", ["ps", "-q", ...filter])).trim().split("\n");
    expect(database).not.toBe("");
    const inspected = await run("docker", ["inspect", database]);
    const hash = (await run("docker", ["exec", database, "cat", "/run/secrets/password-hash"])).trim();
    expect(hash).toMatch(/^\*[0-9A-F]{40}$/);
    const volume = await run("docker", ["volume", "inspect", "-f", "{{.Mountpoint}}", `gantry-${demo.name}`]);
    const kept = readFileSync(join(volume.trim(), "agent/assignments.json"), "utf8");
    for (const text of [inspected, kept])
      for (const secret of [password, hash]) expect(text.includes(secret)).toBe(false);
    for (const folder of ["", "agent", "efs", "rds", "haproxy"])
      expect(statSync(join(volume.trim(), folder)).mode & 0o077, folder).toBe(0);
  });
});

// Before: a task had the machine's process ids to itself.
describe("the processes of a task", () => {
  it("are bounded by its control group", async () => {
    const [app = ""] = await demo.taskContainers();
    const parent = (await run("docker", ["inspect", "-f", "{{.HostConfig.CgroupParent}}", app])).trim();
    const root = existsSync("/sys/fs/cgroup/cgroup.controllers") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
    const limit = Number(readFileSync(`${root}${parent}/pids.max`, "utf8"));
    expect(limit).toBeGreaterThanOrEqual(512);
    expect(limit).toBeLessThanOrEqual(Number(readFileSync("/proc/sys/kernel/pid_max", "utf8")) / 4);
  });
});
