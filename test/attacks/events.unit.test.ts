import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
} from "@aws-sdk/client-ecs";
import * as ecr from "@aws-sdk/client-ecr";
import * as eb from "@aws-sdk/client-eventbridge";
import {
  CreateLogGroupCommand,
  CloudWatchLogsClient,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { PutMetricAlarmCommand, CloudWatchClient, SetAlarmStateCommand } from "@aws-sdk/client-cloudwatch";
import * as scheduler from "@aws-sdk/client-scheduler";
import { ACCOUNT } from "@gantry/testkit";
import { processorMs } from "@gantry/testkit/processor-time";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLUSTER, REGION, startEvents } from "./events-world.ts";

const world = await startEvents();
afterAll(() => world.close());
const { api } = world;
const events = new eb.EventBridgeClient(api.client());
const schedules = new scheduler.SchedulerClient(api.client());
const ecs = new ECSClient(api.client());
const logs = new CloudWatchLogsClient(api.client());

let EcsParameters: Omit<eb.EcsParameters, "Tags">;
let logGroup: string;
beforeAll(async () => {
  const { Subnets: [subnet] = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
  EcsParameters = {
    TaskDefinitionArn: await world.define("plain"),
    LaunchType: "FARGATE",
    NetworkConfiguration: { awsvpcConfiguration: { Subnets: [subnet?.SubnetId ?? ""] } },
  };
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/events" }));
  await world.openLogs("events");
  logGroup = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/events`;
});

const tasks = async (startedBy: string): Promise<readonly string[]> =>
  (await ecs.send(new ListTasksCommand({ cluster: CLUSTER, startedBy }))).taskArns ?? [];
const lines = async (): Promise<
  readonly { source: string; "detail-type": string; detail: Record<string, unknown> }[]
> =>
  ((await logs.send(new FilterLogEventsCommand({ logGroupName: "/events" }))).events ?? []).map(
    ({ message }) => JSON.parse(message ?? "") as never, // An event.
  );

/** A rule of the default bus with one target. */
async function rule(
  Name: string,
  given: Partial<eb.PutRuleRequest>,
  target: Partial<eb.Target>,
): Promise<void> {
  await events.send(new eb.PutRuleCommand({ Name, ...given }));
  const Targets = [{ Id: "one", Arn: logGroup, ...target }];
  await events.send(new eb.PutTargetsCommand({ Rule: Name, Targets }));
}
const toTasks = (RoleArn: string, more: Partial<typeof EcsParameters> = {}) => ({
  Arn: CLUSTER,
  RoleArn,
  EcsParameters: { ...EcsParameters, ...more },
});
const send = (Source: string, detail: object = {}) =>
  events.send(
    new eb.PutEventsCommand({ Entries: [{ Source, DetailType: "d", Detail: JSON.stringify(detail) }] }),
  );

describe("a rule", () => {
  it("starts a task by the role of its target, once for each event", async () => {
    await rule(
      "starts",
      { EventPattern: '{"source":["shop"]}' },
      toTasks(await world.role("starter", ["ecs:RunTask"])),
    );
    await send("shop");
    await send("other");
    await world.settle();
    const [task, ...more] = await tasks("events-rule/starts");
    expect(more).toEqual([]);
    const { tasks: found } = await ecs.send(
      new DescribeTasksCommand({ cluster: CLUSTER, tasks: [task ?? ""] }),
    );
    expect(found?.[0]?.taskDefinitionArn).toBe(EcsParameters.TaskDefinitionArn);
    expect(api.store.keys("eventDelivery")).toEqual([]);
  });

  it("at a rate starts tasks and writes to a log group on the platform's clock", async () => {
    const role = await world.role("clock", ["ecs:RunTask"]);
    await rule("clock", { ScheduleExpression: "rate(1 minute)" }, toTasks(role));
    await world.settle(150_000);
    await events.send(new eb.DisableRuleCommand({ Name: "clock" }));
    await world.settle(150_000);
    expect(await tasks("events-rule/clock")).toHaveLength(2);
  });

  it("sees tasks and alarms change their state", async () => {
    const EventPattern = '{"source":["aws.ecs","aws.cloudwatch"],"detail-type":[{"suffix":"State Change"}]}';
    await rule("states", { EventPattern }, {});
    const { taskDefinition, network } = {
      taskDefinition: EcsParameters.TaskDefinitionArn,
      network: EcsParameters.NetworkConfiguration?.awsvpcConfiguration?.Subnets,
    };
    const run = new RunTaskCommand({
      cluster: CLUSTER,
      taskDefinition,
      networkConfiguration: { awsvpcConfiguration: { subnets: network } },
    });
    const task = (await ecs.send(run)).tasks?.[0]?.taskArn;
    await ecs.send(new StopTaskCommand({ cluster: CLUSTER, task }));
    const cloudwatch = new CloudWatchClient(api.client());
    const alarm = { AlarmName: "a", Namespace: "n", MetricName: "m", Period: 60, Statistic: "Sum" as const };
    const compare = {
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: "GreaterThanThreshold" as const,
    };
    await cloudwatch.send(new PutMetricAlarmCommand({ ...alarm, ...compare }));
    await cloudwatch.send(
      new SetAlarmStateCommand({ AlarmName: "a", StateValue: "ALARM", StateReason: "test" }),
    );
    await world.settle();
    const seen = await lines();
    expect(
      seen.filter(({ detail }) => detail["taskArn"] === task).map(({ detail }) => detail["desiredStatus"]),
    ).toEqual(expect.arrayContaining(["RUNNING", "STOPPED"]));
    expect(seen.find(({ source }) => source === "aws.cloudwatch")?.detail).toMatchObject({
      alarmName: "a",
      state: { value: "ALARM" },
      previousState: { value: "INSUFFICIENT_DATA" },
    });
    await events.send(new eb.DisableRuleCommand({ Name: "states" }));
  });

  it("sees the tags that images of a repository get and lose", async () => {
    await rule("images", { EventPattern: '{"source":["aws.ecr"]}' }, {});
    const registry = new ecr.ECRClient(api.client());
    const repositoryName = "pushed";
    await registry.send(new ecr.CreateRepositoryCommand({ repositoryName }));
    const imageManifestMediaType = "application/vnd.oci.image.index.v1+json";
    const manifest = { schemaVersion: 2, mediaType: imageManifestMediaType, manifests: [] };
    const imageManifest = JSON.stringify(manifest);
    await registry.send(
      new ecr.PutImageCommand({ repositoryName, imageManifest, imageManifestMediaType, imageTag: "v1" }),
    );
    await registry.send(new ecr.BatchDeleteImageCommand({ repositoryName, imageIds: [{ imageTag: "v1" }] }));
    await world.settle();
    const seen = (await lines()).filter(({ source }) => source === "aws.ecr");
    const common = { result: "SUCCESS", "repository-name": repositoryName, "image-tag": "v1" };
    expect(seen.map((each) => each["detail-type"])).toEqual(["ECR Image Action", "ECR Image Action"]);
    expect(seen.map(({ detail }) => detail)).toEqual([
      expect.objectContaining({ ...common, "action-type": "PUSH" }),
      expect.objectContaining({ ...common, "action-type": "DELETE" }),
    ]);
    await events.send(new eb.DisableRuleCommand({ Name: "images" }));
  });
});

// Before: nothing of this kind existed. A service that runs tasks for a rule could be used to run what the
// rule's author may not.
describe("a rule or a schedule grants no permission", () => {
  const userOf = async (name: string, Action: readonly string[]) => {
    const { IAMClient, CreateUserCommand, PutUserPolicyCommand, CreateAccessKeyCommand } =
      await import("@aws-sdk/client-iam");
    const iam = new IAMClient(api.client());
    await iam.send(new CreateUserCommand({ UserName: name }));
    const Statement = { Effect: "Allow", Action, Resource: "*" };
    await iam.send(
      new PutUserPolicyCommand({
        UserName: name,
        PolicyName: "own",
        PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
      }),
    );
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }));
    return api.client({
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    });
  };

  it("whose author may not pass the target's role", async () => {
    const role = await world.role("mighty", ["*"]);
    const mine = await userOf("author", ["events:*", "scheduler:*"]);
    await events.send(new eb.PutRuleCommand({ Name: "theirs", EventPattern: '{"source":["x"]}' }));
    const put = new eb.PutTargetsCommand({ Rule: "theirs", Targets: [{ Id: "t", ...toTasks(role) }] });
    await expect(new eb.EventBridgeClient(mine).send(put)).rejects.toThrow(/iam:PassRole/);
    const withRole = new eb.PutRuleCommand({
      Name: "theirs",
      EventPattern: '{"source":["x"]}',
      RoleArn: role,
    });
    await expect(new eb.EventBridgeClient(mine).send(withRole)).rejects.toThrow(/iam:PassRole/);
    const create = new scheduler.CreateScheduleCommand({
      Name: "theirs",
      ScheduleExpression: "rate(1 minute)",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: toTasks(role),
    });
    await expect(new scheduler.SchedulerClient(mine).send(create)).rejects.toThrow(/iam:PassRole/);
  });

  it.each(["events", "scheduler"])(
    "by a role that may not run tasks, or not pass the task's role: %s",
    async (service) => {
      const taskRole = await world.role(`task-${service}`, []);
      const withRole = { TaskDefinitionArn: await world.define(`with-role-${service}`, taskRole) };
      const weak = await world.role(`weak-${service}`, ["logs:*"]);
      const half = await world.role(`half-${service}`, ["ecs:RunTask"]);
      const full = await world.role(`full-${service}`, ["ecs:RunTask", "iam:PassRole"]);
      const targets = { weak: toTasks(weak), half: toTasks(half, withRole), full: toTasks(full, withRole) };
      for (const [name, target] of Object.entries(targets))
        if (service === "events")
          await rule(`${name}-role`, { ScheduleExpression: "rate(1 minute)" }, target);
        else
          await schedules.send(
            new scheduler.CreateScheduleCommand({
              Name: `${name}-role`,
              ScheduleExpression: "rate(1 minute)",
              FlexibleTimeWindow: { Mode: "OFF" },
              Target: target,
            }),
          );
      await world.settle(61_000);
      const by = service === "events" ? "events-rule" : "chronos-schedule";
      expect(await tasks(`${by}/weak-role`)).toEqual([]);
      expect(await tasks(`${by}/half-role`)).toEqual([]);
      expect(await tasks(`${by}/full-role`)).toHaveLength(1);
      for (const name of Object.keys(targets))
        if (service === "events") await events.send(new eb.DisableRuleCommand({ Name: `${name}-role` }));
        else await schedules.send(new scheduler.DeleteScheduleCommand({ Name: `${name}-role` }));
    },
  );

  it("by a role that does not trust the service, or of another account", async () => {
    const foreign = "arn:aws:iam::111111111111:role/r";
    const create = new scheduler.CreateScheduleCommand({
      Name: "foreign",
      ScheduleExpression: "rate(1 minute)",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: toTasks(foreign),
    });
    await expect(schedules.send(create)).rejects.toThrow(/assume the role|not allowed/);
  });

  it("to write to another account or region", async () => {
    await events.send(new eb.PutRuleCommand({ Name: "far", EventPattern: '{"source":["x"]}' }));
    for (const Arn of [
      `arn:aws:logs:${REGION}:111111111111:log-group:/events`,
      `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/events`,
      "arn:aws:sqs:eu-south-1:111111111111:q",
      "arn:aws:kinesis:eu-south-1:000000000000:stream/s",
    ])
      await expect(
        events.send(new eb.PutTargetsCommand({ Rule: "far", Targets: [{ Id: "t", Arn }] })),
      ).rejects.toThrow(/account|not there yet/);
  });

  it("to speak for the platform's services", async () => {
    const { Entries } = await send("aws.ecs");
    expect(Entries?.[0]?.ErrorCode).toBe("NotAuthorizedForSourceException");
  });
});

describe("an expensive pattern or event", () => {
  // A wildcard that is matched by backtracking, or a search that is not linear, takes minutes for these.
  it("delays other requests by one turn at most", async () => {
    const wildcard = `${"a".repeat(30)}*${"a*".repeat(45)}b`.replaceAll("**", "*");
    const EventPattern = JSON.stringify({ source: ["bomb"], detail: { text: [{ wildcard }] } });
    for (let index = 0; index < 40; index += 1) await rule(`bomb-${index}`, { EventPattern }, {});
    const text = "a".repeat(200_000);
    const began = processorMs();
    const bomb = { isSent: false };
    const sent = send("bomb", { text }).finally(() => (bomb.isSent = true));
    const waits: number[] = [];
    while (!bomb.isSent) {
      const asked = processorMs();
      await events.send(new eb.DescribeEventBusCommand({}));
      waits.push(processorMs() - asked);
    }
    await sent;
    expect(processorMs() - began).toBeLessThan(15_000);
    expect(waits.toSorted((one, other) => one - other).at(Math.floor(waits.length / 2))).toBeLessThan(500);
  });

  it.each([
    ["nested patterns", () => `${'{"a":'.repeat(500)}["b"]${"}".repeat(500)}`, /nested too deeply/],
    ["many wildcards", () => JSON.stringify({ a: [{ wildcard: "a*".repeat(60) }] }), /too complex/],
    ["a long pattern", () => JSON.stringify({ a: ["b".repeat(5_000)] }), /4096|longer/],
  ])("is refused: %s", async (_, pattern, reason) => {
    const put = new eb.PutRuleCommand({ Name: "bomb", EventPattern: pattern() });
    await expect(events.send(put)).rejects.toThrow(reason);
  });

  it("of nested details is refused", async () => {
    const Detail = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    const put = new eb.PutEventsCommand({ Entries: [{ Source: "x", DetailType: "d", Detail }] });
    expect((await events.send(put)).Entries?.[0]?.ErrorCode).toBe("MalformedDetail");
  });

  it.each([
    "rate(1 second)",
    "rate(0 minutes)",
    "cron(* * * * * *)",
    "at(now)",
    `cron(${"0,".repeat(120)}0 * * * ? *)`,
  ])("is refused as a schedule or has at most one occurrence a minute: %s", async (ScheduleExpression) => {
    const put = new eb.PutRuleCommand({ Name: "fast", ScheduleExpression, State: "DISABLED" });
    await expect(events.send(put)).rejects.toThrow(/not valid|Constraint|constraint|length/);
  });
});
