import { join } from "node:path";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import { policyDecider } from "@gantry/api/iam/decide";
import { LogStore } from "@gantry/content";
import { schedulerController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { DEFAULT_OVERCOMMIT } from "@gantry/state";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containerLogs } from "../../apps/control-plane/container-logs.ts";

// A task logs by its execution role. Whoever writes a role without logs:* expects that its tasks do not log.
// Before: nothing asked for the role's permissions: a task whose execution role has no policy at all ran, and
// its line was in the group /victim; so did tasks of every role into every existing group, and a group that
// `awslogs-create-group` asked for was not created, so that its lines were kept where nobody could read them.
const REGION = "eu-south-1";
const api = await startApi();
afterAll(() => api.close());
const client = new ecs.ECSClient(api.client());
const roles = new iam.IAMClient(api.client());
const groups = new logs.CloudWatchLogsClient(api.client());
const clock = new SystemClock();
const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger };
const permissions = policyDecider({ store: api.store, now: () => clock.now() });
const scheduler = schedulerController({
  ...deps,
  publicPool: "198.18.9.0/24",
  permissions,
  vault: api.vault,
  overcommit: DEFAULT_OVERCOMMIT,
  readObject: async () => Buffer.of(),
  findImage: () => ({ type: "foreign" }),
});
const kept = new LogStore(join(api.folder, "shipped.db"));
const take = containerLogs({ ...deps, logs: kept, permissions, account: "000000000000" });
afterAll(() => kept.close());
let subnets: string[] = [];
beforeAll(async () => {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  subnets = [Subnets[0]?.SubnetId ?? ""];
  await client.send(new ecs.CreateClusterCommand({}));
  await groups.send(new logs.CreateLogGroupCommand({ logGroupName: "/there" }));
  api.store.transact((tx) =>
    tx.put("node", "n", {
      id: "n",
      hostname: "n",
      cpu: 4_096,
      memoryMiB: 8_192,
      registeredAt: 0,
      agentPid: 1,
    }),
  );
});

let count = 0;
async function roleWith(actions: readonly string[], service = "ecs-tasks.amazonaws.com"): Promise<string> {
  const RoleName = `execution-${(count += 1)}`;
  const statement = { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" };
  const { Role } = await roles.send(
    new iam.CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    }),
  );
  const Statement = [{ Effect: "Allow", Action: ["ecr:GetAuthorizationToken", ...actions], Resource: "*" }];
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await roles.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName: "own", PolicyDocument }));
  return Role?.Arn ?? "";
}

/** Starts a task that logs, and lets the scheduler place it. */
async function runLogging(executionRoleArn: string, options: Record<string, string>): Promise<ecs.Task> {
  const family = `app-${(count += 1)}`;
  const all = { "awslogs-region": REGION, "awslogs-stream-prefix": "p", ...options };
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family,
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      executionRoleArn,
      containerDefinitions: [
        { name: "c", image: "busybox", logConfiguration: { logDriver: "awslogs", options: all } },
      ],
    }),
  );
  const networkConfiguration = { awsvpcConfiguration: { subnets } };
  const run = new ecs.RunTaskCommand({ taskDefinition: family, networkConfiguration });
  const { tasks = [] } = await client.send(run);
  const arn = tasks[0]?.taskArn ?? "";
  await scheduler.reconcile(arn);
  const described = await client.send(new ecs.DescribeTasksCommand({ tasks: [arn] }));
  return described.tasks?.[0] ?? {};
}

const groupNames = async (prefix: string) => {
  const found = await groups.send(new logs.DescribeLogGroupsCommand({ logGroupNamePrefix: prefix }));
  return (found.logGroups ?? []).map((group) => group.logGroupName);
};
const START =
  "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 " +
  "times: failed to create Cloudwatch log";

describe("a task whose execution role may not log", () => {
  it("does not start without logs:CreateLogStream", async () => {
    const task = await runLogging(await roleWith([]), { "awslogs-group": "/there" });
    const id = task.taskArn?.split("/").at(-1);
    expect(task).toMatchObject({ lastStatus: "STOPPED", stopCode: "TaskFailedToStart" });
    expect(task.stoppedReason?.replace(/execution-\d+/, "ROLE")).toBe(
      `${START} stream: AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/ROLE/${id} ` +
        "is not authorized to perform: logs:CreateLogStream on resource: " +
        `arn:aws:logs:${REGION}:000000000000:log-group:/there:log-stream:p/c/${id} because no ` +
        "identity-based policy allows the logs:CreateLogStream action : exit status 1",
    );
  });

  it("creates no group without logs:CreateLogGroup", async () => {
    const role = await roleWith(["logs:CreateLogStream", "logs:PutLogEvents"]);
    const task = await runLogging(role, { "awslogs-group": "/refused", "awslogs-create-group": "true" });
    expect(task.stoppedReason).toContain(`${START} group: AccessDeniedException: User: `);
    expect(task.stoppedReason).toContain("is not authorized to perform: logs:CreateLogGroup on resource: ");
    expect(await groupNames("/refused")).toEqual([]);
  });

  it("does not start by a role that does not trust ECS", async () => {
    const role = await roleWith(["logs:*"], "lambda.amazonaws.com");
    const task = await runLogging(role, { "awslogs-group": "/there" });
    expect(task.stoppedReason).toContain(`ECS was unable to assume the role '${role}'`);
  });

  it("has its lines refused without logs:PutLogEvents", async () => {
    const lines = [{ cursor: "1", timestamp: 1, message: "secret" }];
    const linesOf = async (role: string) => {
      const task = await runLogging(role, { "awslogs-group": "/there" });
      const stream = `p/c/${task.taskArn?.split("/").at(-1)}`;
      const destination = {
        region: REGION,
        group: "/there",
        stream,
        multilinePattern: undefined,
        nonBlocking: true,
        bufferMaxBytes: 1,
      };
      // The cursor is answered in both cases: refused lines are not sent again.
      expect(take({ type: "logs", containerId: stream, destination, lines }, "n")).toBe("1");
      const group = `arn:aws:logs:${REGION}:000000000000:log-group:/there`;
      return kept.streams(group).some((each) => each.name === stream);
    };
    expect(await linesOf(await roleWith(["logs:CreateLogStream"]))).toBe(false);
    expect(await linesOf(await roleWith(["logs:CreateLogStream", "logs:PutLogEvents"]))).toBe(true);
  });
});

// Before: lines that named a task which does not exist, or another group than the task's, were written to any
// group of the platform, because nothing compared them with the task: a node whose agent was taken over
// forged everybody's logs.
it("refuses lines of another node's task, of no task, or of a group that the task does not log to", async () => {
  const role = await roleWith(["logs:*"]);
  const task = await runLogging(role, { "awslogs-group": "/there" });
  const id = task.taskArn?.split("/").at(-1) ?? "";
  const forge = (group: string, stream: string, nodeId = "n") => {
    const lines = [{ cursor: "1", timestamp: 1, message: "forged" }];
    const rest = { region: REGION, multilinePattern: undefined, nonBlocking: true, bufferMaxBytes: 1 };
    take(
      { type: "logs", containerId: `${group} ${stream}`, destination: { ...rest, group, stream }, lines },
      nodeId,
    );
    const arn = `arn:aws:logs:${REGION}:000000000000:log-group:${group}`;
    return kept.streams(arn).some((each) => each.name === stream);
  };
  await groups.send(new logs.CreateLogGroupCommand({ logGroupName: "/victim" }));
  expect(forge("/there", `p/c/${id}`, "n2")).toBe(false);
  expect(forge("/victim", "p/c/0123456789abcdef0123456789abcdef")).toBe(false);
  expect(forge("/victim", "plain")).toBe(false);
  expect(forge("/victim", `p/c/${id}`)).toBe(false);
  expect(forge("/there", `other/c/${id}`)).toBe(false);
  expect(forge("/there", `p/c/${id}`)).toBe(true);
});

it("awslogs-create-group creates the group by the execution role's permission", async () => {
  const task = await runLogging(await roleWith(["logs:*"]), {
    "awslogs-group": "/made",
    "awslogs-create-group": "true",
  });
  expect(task.lastStatus).toBe("PENDING");
  expect(await groupNames("/made")).toEqual(["/made"]);
});

it.each([
  ["mode", "sometimes"],
  ["max-buffer-size", "plenty"],
  ["awslogs-create-group", "yes"],
])("RegisterTaskDefinition refuses the log option %s=%s", async (name, value) => {
  await expect(
    runLogging("arn:aws:iam::000000000000:role/r", { "awslogs-group": "/there", [name]: value }),
  ).rejects.toThrow(`Log driver awslogs: the option ${name} must be`);
});
