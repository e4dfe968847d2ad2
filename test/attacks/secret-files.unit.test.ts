import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as sm from "@aws-sdk/client-secrets-manager";
import * as ssm from "@aws-sdk/client-ssm";
import { policyDecider } from "@gantry/api/iam/decide";
import { schedulerController } from "@gantry/controllers";
import { taskAssignment } from "@gantry/controllers/node/pod-assignment";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { DEFAULT_OVERCOMMIT } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Secrets as files of a container, and as options of its log driver, are read by the task's execution role as
// those of its environment. Before: a secret named "/run/db" became a variable of that name, and secretOptions
// were refused.
const VALUE = "correct-horse-battery";
const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const roles = new iam.IAMClient(api.client());
const clock = new SystemClock();
const scheduler = schedulerController({
  ...{ store: api.store, clock, ids: randomIds(), log: silentLogger, vault: api.vault },
  publicPool: "198.18.9.0/24",
  permissions: policyDecider({ store: api.store, now: () => clock.now() }),
  overcommit: DEFAULT_OVERCOMMIT,
  readObject: async () => Buffer.of(),
  findImage: () => ({ type: "foreign" }),
});
let subnets: string[] = [];
let secret = "";
let reader = "";
let stranger = "";

beforeAll(async () => {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  subnets = [Subnets[0]?.SubnetId ?? ""];
  await client.send(new ecs.CreateClusterCommand({}));
  const node = { id: "n", hostname: "n", cpu: 64_000, memoryMiB: 64_000, registeredAt: 0, agentPid: 1 };
  api.store.transact((tx) => tx.put("node", "n", node));
  const { ARN = "" } = await new sm.SecretsManagerClient(api.client()).send(
    new sm.CreateSecretCommand({ Name: "db", SecretString: VALUE }),
  );
  secret = ARN;
  const parameters = new ssm.SSMClient(api.client());
  for (const [Name, Value] of [
    ["/log/group", "team-logs"],
    ["/log/mode", "sometimes"],
  ] as const)
    await parameters.send(new ssm.PutParameterCommand({ Name, Value, Type: "String" }));
  reader = await roleWith("reader", ["secretsmanager:GetSecretValue", "ssm:GetParameters", "logs:*"]);
  stranger = await roleWith("stranger", ["logs:*"]);
});

async function roleWith(RoleName: string, Action: string[]): Promise<string> {
  const Version = "2012-10-17";
  const Principal = { Service: "ecs-tasks.amazonaws.com" };
  const Statement = [{ Effect: "Allow", Principal, Action: "sts:AssumeRole" }];
  const AssumeRolePolicyDocument = JSON.stringify({ Version, Statement });
  const { Role } = await roles.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  const PolicyDocument = JSON.stringify({ Version, Statement: [{ Effect: "Allow", Action, Resource: "*" }] });
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
async function run(executionRoleArn: string, container: Partial<ecs.ContainerDefinition>): Promise<ecs.Task> {
  const { taskDefinition } = await register(executionRoleArn, container);
  const networkConfiguration = { awsvpcConfiguration: { subnets } };
  const { tasks = [] } = await client.send(
    new ecs.RunTaskCommand({ taskDefinition: taskDefinition?.taskDefinitionArn, networkConfiguration }),
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

const file = (name: string) => ({ name, valueFrom: secret });

describe("a secret whose name is a path", () => {
  it("is a file of the container, and no variable; its value is in no record in plain text", async () => {
    const task = await run(reader, { user: "1000:1000", secrets: [file("/run/secrets/db")] });
    expect(containerOf(task)).toMatchObject({ secretFiles: [{ path: "/run/secrets/db", value: VALUE }] });
    expect(containerOf(task)?.secretEnvironment).toBeUndefined();
    const records = [api.store.get("task", task.taskArn), api.store.get("taskSecrets", task.taskArn), task];
    expect(JSON.stringify(records)).not.toContain(VALUE);
  });

  it("is not read by a role that may not", async () => {
    const task = await run(stranger, { user: "1000", secrets: [file("/run/secrets/db")] });
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    expect(task.stoppedReason).toContain("secretsmanager:GetSecretValue");
  });

  // A file for every user of the container would be for a process that it isolates by another user, too.
  it.each([undefined, "node", "1000:node", "99999999999", "4294967295"])(
    "needs a container whose user is a number: %s",
    (user) =>
      expect(register(reader, { user, secrets: [file("/run/db")] })).rejects.toThrow("user by number"),
  );

  it.each([
    "/",
    "/run/",
    "/run/../etc/db",
    "/run//db",
    "/proc/self/environ",
    "/sys/x",
    "/dev/sda",
    "/opt/trust/ca.pem",
    "/run/a:b",
    "/run/a\nb",
    "/.gantry-0123456789ab/with-environment",
    "/data",
  ])("is at no path that the platform or the kernel has: %j", (name) =>
    expect(
      register(reader, {
        user: "0",
        secrets: [file(name)],
        mountPoints: [{ sourceVolume: "v", containerPath: "/data" }],
      }),
    ).rejects.toThrow("Invalid path"),
  );
});

describe("secretOptions of awslogs", () => {
  const logging = (secretOptions: ecs.Secret[], options: Record<string, string> = {}) => ({
    logConfiguration: {
      logDriver: "awslogs" as const,
      options: { "awslogs-region": "eu-south-1", "awslogs-create-group": "true", ...options },
      secretOptions,
    },
  });
  const group = { name: "awslogs-group", valueFrom: "/log/group" };

  it("are read by the execution role and act as the driver's other options", async () => {
    const task = await run(reader, logging([group]));
    expect(containerOf(task)?.logs).toMatchObject({ group: "team-logs", region: "eu-south-1" });
    expect(api.store.list("logGroup").map(({ name }) => name)).toContain("team-logs");
  });

  it.each([
    ["the role may not read it", () => stranger, group, {}, "ssm:GetParameters"],
    [
      "the value is none of the option's",
      () => reader,
      { name: "mode", valueFrom: "/log/mode" },
      { "awslogs-group": "g" },
      "Log driver awslogs: the option mode must be blocking or non-blocking.",
    ],
  ])("end the task where %s, without the value", async (_, role, option, options, reason) => {
    const task = await run(role(), logging([option], options));
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    expect(task.stoppedReason).toContain(reason);
    expect(task.stoppedReason).not.toContain("sometimes");
  });

  it("are the driver's own, each once, and need an execution role", async () => {
    await expect(
      register(reader, logging([{ ...group, name: "splunk-token" }], { "awslogs-group": "g" })),
    ).rejects.toThrow("Log driver awslogs has no option splunk-token.");
    await expect(register(reader, logging([group], { "awslogs-group": "g" }))).rejects.toThrow(
      "more than once",
    );
    await expect(register(undefined, logging([group]))).rejects.toThrow("specifying secretOptions");
    const splunk = { logDriver: "splunk" as const, secretOptions: [{ ...group, name: "splunk-token" }] };
    await expect(register(reader, { logConfiguration: splunk })).rejects.toThrow("not splunk");
  });

  // Before: any text was a region, and the node refused each of the task's assignments.
  it("and options name a region", () =>
    expect(register(reader, logging([group], { "awslogs-region": "EU South" }))).rejects.toThrow(
      "the option awslogs-region must be a region",
    ));
});
