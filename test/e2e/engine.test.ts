import { CreateSubnetCommand, CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { namingOf } from "@gantry/agent";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, newInstance, run } from "./helpers.ts";
import { newOwnEngine } from "./own-engine.ts";

const own = newOwnEngine(0);
const { docker } = own;
const canRun = process.getuid?.() === 0;
const instance = await newInstance();
let ecs: ECSClient;
let s3: S3Client;
let instanceName = "";

const startEngine = (liveRestore: boolean) => own.start({ liveRestore });

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
  await own.setUp("10.63.0.1/24");
  process.env["DOCKER_HOST"] = own.host;
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
  await own.tearDown();
});

describe.skipIf(!canRun)("Docker Engine", () => {
  it.each([
    ["restarted", "SIGTERM"],
    ["killed", "SIGKILL"],
  ] as const)("is %s: stopped containers start again, and none twice", async (_, signal) => {
    await expectSteady();
    await own.end(signal);
    await new Promise((done) => setTimeout(done, 1_500));
    await startEngine(false);
    await expectSteady();
    expect((await instance.status()).agents).toHaveLength(1);
  });

  it("is killed with live-restore: the same tasks are adopted in the same containers", async () => {
    await own.end("SIGTERM");
    await startEngine(true);
    const before = await expectSteady();
    const containers = await taskContainers();
    await own.end("SIGKILL");
    await new Promise((done) => setTimeout(done, 1_500));
    await startEngine(true);
    await eventually(async () => expect(await taskContainers()).toEqual(containers));
    await new Promise((done) => setTimeout(done, 3_000));
    expect(await expectSteady()).toEqual(before);
    expect(await taskContainers()).toEqual(containers);
  });

  it("does not answer: doctor, status and the service report it, and recover when it answers", async () => {
    // Before: doctor said "ok", status said "up" and the service waited without a word.
    await expectSteady();
    own.signal("SIGSTOP");
    try {
      const update = new UpdateServiceCommand({ cluster: "engine", service: "sleepers", desiredCount: 3 });
      await ecs.send(update);
      await eventually(async () => {
        const output = await instance.gantry("status").catch((thrown: Error) => thrown.message);
        expect(output).toMatch(/Docker Engine on \S+ has not answered for \d+s .*systemctl restart docker/);
      }, 60_000);
      const doctor = await instance.gantry("doctor").catch((thrown: Error) => thrown.message);
      expect(doctor).toMatch(/missing {2}Docker Engine: .*did not answer within 10 s/);
      await eventually(async () => {
        const { services = [] } = await ecs.send(
          new DescribeServicesCommand({ cluster: "engine", services: ["sleepers"] }),
        );
        const messages = services[0]?.events?.map((event) => event.message).join("\n");
        expect(messages).toMatch(
          /is waiting for the container engine of node \S+, which has not answered since/,
        );
      }, 60_000);
    } finally {
      own.signal("SIGCONT");
    }
    await eventually(async () => expect(await runningTasks()).toHaveLength(3), 60_000);
    expect(await instance.gantry("status")).toMatch(/is up\n/);
    await ecs.send(new UpdateServiceCommand({ cluster: "engine", service: "sleepers", desiredCount: 2 }));
    await expectSteady();
  });

  it("loses power with the machine: up restores the services and the data", async () => {
    const { pid } = (await instance.status()).controlPlane;
    process.kill(pid, "SIGKILL");
    await own.endEverything();
    // What does not outlive a boot: links, rules, mounts.
    const { linkPrefix } = namingOf(instanceName);
    await run("sh", [
      "-c",
      `for l in $(ip -o link show | sed -n 's/^[0-9]*: \\(${linkPrefix}[^:@]*\\).*/\\1/p'); do ip link del $l; done`,
    ]);
    await run("sh", [
      "-c",
      `awk '{print $2}' /proc/mounts | grep '^${own.folder}' | sort -r | xargs -r umount -l; true`,
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
