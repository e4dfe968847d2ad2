import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { namingOf } from "@gantry/agent";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, newInstance, run } from "./helpers.ts";

/** An engine of the test's own: whatever else uses Docker on this machine does not notice. */
const engineFolder = mkdtempSync(join(tmpdir(), "gantry-engine-"));
const socket = join(engineFolder, "docker.sock");
/** An engine without a bridge, or with the usual one, would take the usual one away from the machine's own engine. */
const BRIDGE = "gantry-e2e0";
const canRun = process.getuid?.() === 0;
const instance = await newInstance();
let engine: ChildProcess | undefined;
let ecs: ECSClient;
let s3: S3Client;
let instanceName = "";

const docker = (...parameters: readonly string[]) => run("docker", ["-H", `unix://${socket}`, ...parameters]);

async function startEngine(liveRestore: boolean): Promise<void> {
  const log = openSync(join(engineFolder, "dockerd.log"), "a");
  const folders = [
    "--data-root",
    join(engineFolder, "data"),
    "--exec-root",
    join(engineFolder, "exec"),
    "--pidfile",
    join(engineFolder, "pid"),
  ];
  rmSync(join(engineFolder, "pid"), { force: true });
  // An engine that was killed leaves the file of its containerd behind, and would wait for what is not there.
  rmSync(join(engineFolder, "exec/containerd/containerd.pid"), { force: true });
  engine = spawn(
    "dockerd",
    [
      ...folders,
      "-H",
      `unix://${socket}`,
      `--bridge=${BRIDGE}`,
      "--iptables=false",
      ...(liveRestore ? ["--live-restore"] : []),
    ],
    {
      detached: true,
      stdio: ["ignore", log, log],
    },
  );
  await eventually(() => docker("version"), 30_000);
}

async function endEngine(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const ended = new Promise((done) => engine?.on("exit", done));
  engine?.kill(signal);
  await ended;
}

/** Everything of the engine's: the engine, its containerd, the shims and what they hold. */
async function endEverything(): Promise<void> {
  await run("sh", [
    "-c",
    `pkill -9 -f '${engineFolder}/[e]xec' ; pkill -9 -f '${engineFolder}/[d]ata'; true`,
  ]);
  if (engine?.exitCode === null && engine.signalCode === null) await endEngine("SIGKILL");
}

const runningTasks = async (): Promise<readonly string[]> => {
  const { taskArns = [] } = await ecs.send(
    new ListTasksCommand({ cluster: "engine", serviceName: "sleepers" }),
  );
  if (taskArns.length === 0) return [];
  const { tasks = [] } = await ecs.send(new DescribeTasksCommand({ cluster: "engine", tasks: taskArns }));
  return tasks
    .filter((task) => task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING")
    .map((task) => task.taskArn ?? "")
    .toSorted();
};

const taskContainers = async (): Promise<readonly string[]> =>
  (
    await docker(
      "ps",
      "-q",
      "--no-trunc",
      "--filter",
      `label=gantry.instance=${instanceName}`,
      "--filter",
      "label=gantry.role=task",
    )
  )
    .split("\n")
    .filter(Boolean)
    .toSorted();

/** Two tasks run, two containers are theirs, and the service says that it is steady. */
async function expectSteady(): Promise<readonly string[]> {
  return eventually(async () => {
    const { services = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: "engine", services: ["sleepers"] }),
    );
    expect(services[0]).toMatchObject({ runningCount: 2, pendingCount: 0 });
    expect(services[0]?.events?.[0]?.message).toContain("steady state");
    expect(await taskContainers()).toHaveLength(2);
    const arns = await runningTasks();
    expect(arns).toHaveLength(2);
    return arns;
  }, 120_000);
}

beforeAll(async () => {
  if (!canRun) return;
  mkdirSync(join(engineFolder, "data"));
  await run("ip", ["link", "add", BRIDGE, "type", "bridge"]);
  await run("ip", ["addr", "add", "10.63.0.1/24", "dev", BRIDGE]);
  await startEngine(false);
  process.env["DOCKER_HOST"] = `unix://${socket}`;
  await instance.up("up");
  const { client, name } = openDemo({
    folder: instance.folder,
    port: instance.port,
    url: "",
    environment: await instance.environment(),
  });
  instanceName = name;
  ecs = new ECSClient(client());
  s3 = new S3Client({ ...client(), forcePathStyle: true });
  const ec2 = new EC2Client(client());
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.66.0.0/16" }));
  const { Subnet } = await ec2.send(
    new CreateSubnetCommand({ VpcId: Vpc?.VpcId, CidrBlock: "10.66.1.0/24" }),
  );
  await ecs.send(new CreateClusterCommand({ clusterName: "engine" }));
  await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: "sleeper",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [
        {
          name: "main",
          image: "busybox",
          command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"],
          stopTimeout: 2,
        },
      ],
    }),
  );
  const awsvpcConfiguration = { subnets: [Subnet?.SubnetId ?? ""] };
  await ecs.send(
    new CreateServiceCommand({
      cluster: "engine",
      serviceName: "sleepers",
      taskDefinition: "sleeper",
      desiredCount: 2,
      networkConfiguration: { awsvpcConfiguration },
    }),
  );
  await s3.send(new CreateBucketCommand({ Bucket: "engine" }));
  await s3.send(new PutObjectCommand({ Bucket: "engine", Key: "kept", Body: "kept" }));
});

afterAll(async () => {
  if (!canRun) return;
  await instance.gantry("down", "--purge").catch(() => {});
  delete process.env["DOCKER_HOST"];
  await endEverything();
  await run("ip", ["link", "del", BRIDGE]);
  await run("sh", [
    "-c",
    `for i in 1 2 3; do awk '{print $2}' /proc/mounts | grep '^${engineFolder}' | sort -r | xargs -r umount -l; done; rm -rf ${engineFolder}`,
  ]);
});

describe.skipIf(!canRun)("Docker Engine", () => {
  it.each([
    ["restarted", "SIGTERM"],
    ["killed", "SIGKILL"],
  ] as const)("is %s: what it took down comes back, and nothing twice", async (_, signal) => {
    await expectSteady();
    await endEngine(signal);
    await new Promise((done) => setTimeout(done, 1_500));
    await startEngine(false);
    await expectSteady();
    expect((await instance.status()).agents).toHaveLength(1);
  });

  it("is killed with live-restore: what it kept is adopted, the same tasks in the same containers", async () => {
    await endEngine("SIGTERM");
    await startEngine(true);
    const before = await expectSteady();
    const containers = await taskContainers();
    await endEngine("SIGKILL");
    await new Promise((done) => setTimeout(done, 1_500));
    await startEngine(true);
    await eventually(async () => expect(await taskContainers()).toEqual(containers));
    await new Promise((done) => setTimeout(done, 3_000));
    expect(await expectSteady()).toEqual(before);
    expect(await taskContainers()).toEqual(containers);
  });

  it("and the whole machine lose power: up brings back the services and the data", async () => {
    const { pid } = (await instance.status()).controlPlane;
    process.kill(pid, "SIGKILL");
    await endEverything();
    // What does not outlive a boot: links, rules, mounts.
    const { linkPrefix } = namingOf(instanceName);
    await run("sh", [
      "-c",
      `for l in $(ip -o link show | sed -n 's/^[0-9]*: \\(${linkPrefix}[^:@]*\\).*/\\1/p'); do ip link del $l; done`,
    ]);
    await run("sh", [
      "-c",
      `awk '{print $2}' /proc/mounts | grep '^${engineFolder}' | sort -r | xargs -r umount -l; true`,
    ]);
    await startEngine(true);
    await instance.up("up");
    await expectSteady();
    expect(
      await (
        await s3.send(new GetObjectCommand({ Bucket: "engine", Key: "kept" }))
      ).Body?.transformToString(),
    ).toBe("kept");
    expect(await instance.gantry("install")).toContain(`ExecStart=`);
  });
});
