import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import { policyDecider } from "@gantry/api/iam/decide";
import { schedulerController } from "@gantry/controllers";
import { taskAssignment } from "@gantry/controllers/node/pod-assignment";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { DEFAULT_OVERCOMMIT } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectReader } from "../../apps/control-plane/object-reader.ts";

// A task reads environment files by its execution role. Whoever may start tasks must not read by it what the
// role may not.
// Before: `environmentFiles` were refused.
const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const objects = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const roles = new iam.IAMClient(api.client());
const clock = new SystemClock();
const scheduler = schedulerController({
  ...{ store: api.store, clock, ids: randomIds(), log: silentLogger, vault: api.vault },
  publicPool: "198.18.9.0/24",
  permissions: policyDecider({ store: api.store, now: () => clock.now() }),
  overcommit: DEFAULT_OVERCOMMIT,
  readObject: objectReader({ call: (call) => api.call(call) }),
  findImage: () => ({ type: "foreign" }),
});
const fileOf = (key: string) => ({ type: "s3" as const, value: `arn:aws:s3:::settings/${key}` });
let subnets: string[] = [];
let reader = "";
let stranger = "";

beforeAll(async () => {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  subnets = [Subnets[0]?.SubnetId ?? ""];
  await client.send(new ecs.CreateClusterCommand({}));
  const node = { id: "n", hostname: "n", cpu: 64_000, memoryMiB: 64_000, registeredAt: 0, agentPid: 1 };
  api.store.transact((tx) => tx.put("node", "n", node));
  reader = await roleWith("reader", "arn:aws:s3:::settings/*");
  stranger = await roleWith("stranger", "arn:aws:s3:::other/*");
  await objects.send(new s3.CreateBucketCommand({ Bucket: "settings" }));
  await put(
    "a.env",
    '# comment\nA=1\r\nSPACED = two words \nQUOTED="q"\nURL=http://x?a=b\nEMPTY=\n=x\nno line\nSET=file\nS=file\n',
  );
  await put("b.env", "A=2\nB=3");
  await put("twice.env", "T=1\nT==2\nexport X=1\n  # no comment=1\nNUL=a\0LD_PRELOAD=/x\n");
  for (const key of ["half-1.env", "half-2.env"]) await put(key, `H=${"x".repeat(1_200_000)}`);
  await put("large.env", `L=${"x".repeat(3_000_000)}`);
});

const put = (Key: string, Body: string) =>
  objects.send(new s3.PutObjectCommand({ Bucket: "settings", Key, Body }));

/** An execution role that may read these objects. */
async function roleWith(RoleName: string, Resource: string): Promise<string> {
  const Version = "2012-10-17";
  const trust = {
    Effect: "Allow",
    Principal: { Service: "ecs-tasks.amazonaws.com" },
    Action: "sts:AssumeRole",
  };
  const AssumeRolePolicyDocument = JSON.stringify({ Version, Statement: [trust] });
  const { Role } = await roles.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  const Statement = [{ Effect: "Allow", Action: "s3:GetObject", Resource }];
  const PolicyDocument = JSON.stringify({ Version, Statement });
  await roles.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName: "own", PolicyDocument }));
  return Role?.Arn ?? "";
}

let count = 0;
const register = (executionRoleArn: string | undefined, container: Partial<ecs.ContainerDefinition>) =>
  client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: `app-${(count += 1)}`,
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      executionRoleArn,
      containerDefinitions: [{ name: "c", image: "busybox", ...container }],
    }),
  );

/** Starts a task, and lets the scheduler place it. */
async function run(
  executionRoleArn: string,
  container: Partial<ecs.ContainerDefinition>,
  overridden?: ecs.EnvironmentFile[],
): Promise<ecs.Task> {
  const { taskDefinition } = await register(executionRoleArn, container);
  const networkConfiguration = { awsvpcConfiguration: { subnets } };
  const environment = [{ name: "SET", value: "override" }];
  const { tasks = [] } = await client.send(
    new ecs.RunTaskCommand({
      taskDefinition: taskDefinition?.taskDefinitionArn,
      networkConfiguration,
      overrides: { containerOverrides: [{ name: "c", environment, environmentFiles: overridden }] },
    }),
  );
  const taskArn = tasks[0]?.taskArn ?? "";
  await scheduler.reconcile(taskArn);
  return (await client.send(new ecs.DescribeTasksCommand({ tasks: [taskArn] }))).tasks?.[0] ?? {};
}

function containerOf({ taskArn }: ecs.Task) {
  const task = api.store.get("task", taskArn) ?? expect.fail("The task is kept.");
  const resolveImage = (image: string) => ({ image, registryAuth: undefined });
  const images = { resolveImage, databaseImage: "", postgresImage: "", machineImage: "" };
  const deps = { vault: api.vault, secretId: (text: string) => text, ...images };
  return taskAssignment(api.store, deps, task)?.containers[0];
}

describe("environment files", () => {
  it("add variables that are set nowhere else, the first file's first, outside the engine's records", async () => {
    const environmentFiles = [fileOf("a.env"), fileOf("b.env")];
    const task = await run(reader, { environmentFiles, environment: [{ name: "S", value: "definition" }] });
    const { secretEnvironment, environment } = containerOf(task) ?? {};
    expect(secretEnvironment).toEqual([
      "A=1",
      "SPACED = two words ",
      'QUOTED="q"',
      "URL=http://x?a=b",
      "B=3",
    ]);
    expect(environment).toEqual(expect.arrayContaining(["SET=override", "S=definition"]));
    expect(
      JSON.stringify(await client.send(new ecs.DescribeTasksCommand({ tasks: [task.taskArn ?? ""] }))),
    ).not.toContain("two words");
  });

  // Before: those of an override were refused.
  it("of an override are read instead of the definition's, by the execution role too", async () => {
    const task = await run(reader, { environmentFiles: [fileOf("a.env")] }, [fileOf("b.env")]);
    expect(containerOf(task)?.secretEnvironment).toEqual(["A=2", "B=3"]);
    expect(task.overrides?.containerOverrides?.[0]?.environmentFiles).toEqual([fileOf("b.env")]);
    const denied = await run(stranger, {}, [fileOf("b.env")]);
    expect(denied.stoppedReason).toContain("AccessDenied");
    await expect(run(reader, {}, [{ type: "s3", value: "arn:aws:s3:::settings/b.txt" }])).rejects.toThrow(
      "ends with .env",
    );
    const { taskDefinition } = await register(undefined, {});
    const overrides = { containerOverrides: [{ name: "c", environmentFiles: [fileOf("b.env")] }] };
    const networkConfiguration = { awsvpcConfiguration: { subnets } };
    await expect(
      client.send(
        new ecs.RunTaskCommand({
          taskDefinition: taskDefinition?.taskDefinitionArn,
          overrides,
          networkConfiguration,
        }),
      ),
    ).rejects.toThrow("you must also specify a value for 'executionRoleArn'");
  });

  it("are shown as they were given, and need a role, a name that ends with .env, and at most ten of them", async () => {
    const { taskDefinition } = await register(reader, { environmentFiles: [fileOf("a.env")] });
    expect(taskDefinition?.containerDefinitions?.[0]?.environmentFiles).toEqual([fileOf("a.env")]);
    expect(taskDefinition?.requiresAttributes).toContainEqual({ name: "ecs.capability.env-files.s3" });
    await expect(register(undefined, { environmentFiles: [fileOf("a.env")] })).rejects.toThrow(
      "executionRoleArn",
    );
    for (const value of [
      "arn:aws:s3:::settings/a.txt",
      "settings/a.env",
      "arn:aws:s3:::settings/",
      "arn:aws:s3:::../a.env",
    ])
      await expect(register(reader, { environmentFiles: [{ type: "s3", value }] })).rejects.toMatchObject({
        name: "ClientException",
      });
    const eleven = Array.from({ length: 11 }, () => fileOf("a.env"));
    await expect(register(reader, { environmentFiles: eleven })).rejects.toThrow("more than 10");
  });

  it("has the last value of a name that a file repeats, and names as they are written", async () => {
    const task = await run(reader, { environmentFiles: [fileOf("twice.env")] });
    expect(containerOf(task)?.secretEnvironment).toEqual(["T==2", "export X=1", "  # no comment=1"]);
  });

  // Before: each file had a limit, and all of a task's had none: 100 files of 2 MiB filled the control plane's memory.
  it("end the task where all files of its containers together are too large", async () => {
    const task = await run(reader, { environmentFiles: [fileOf("half-1.env"), fileOf("half-2.env")] });
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    expect(task.stoppedReason).toContain("The environment files of a task have more than 2097152 bytes.");
  });

  it.each([
    ["the role may not read", () => stranger, "a.env", "AccessDenied: "],
    ["does not exist", () => reader, "nosuch.env", "AccessDenied: "],
    ["is too large", () => reader, "large.env", "Error: The object has more than 2097152 bytes."],
  ])("end the task where a file %s", async (_, role, key, reason) => {
    const task = await run(role(), { environmentFiles: [fileOf(key)] });
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    expect(task.stoppedReason).toContain(
      "ResourceInitializationError: failed to download env files: file download command: non empty " +
        `error stream: ${reason}`,
    );
  });

  it("end the task where a policy of the bucket forbids the role to read them", async () => {
    const Statement = [
      {
        Effect: "Deny",
        Principal: { AWS: reader },
        Action: "s3:GetObject",
        Resource: "arn:aws:s3:::settings/*",
      },
    ];
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await objects.send(new s3.PutBucketPolicyCommand({ Bucket: "settings", Policy }));
    const task = await run(reader, { environmentFiles: [fileOf("a.env")] });
    await objects.send(new s3.DeleteBucketPolicyCommand({ Bucket: "settings" }));
    expect(task.stoppedReason).toContain("explicit deny");
  });
});
