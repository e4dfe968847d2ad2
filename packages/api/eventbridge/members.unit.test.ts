import * as ecs from "@aws-sdk/client-ecs";
import * as sdk from "@aws-sdk/client-eventbridge";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it narrows, or by the invocation that it shapes.
const { api, client: tasks, network } = await startEcs();
afterAll(() => api.close());
const client = new sdk.EventBridgeClient(api.client());
const LOG_GROUP = "arn:aws:logs:eu-south-1:000000000000:log-group:/g";
const CLUSTER = "arn:aws:ecs:eu-south-1:000000000000:cluster/default";
const EventBusName = "orders";
let RoleArn = "";
const patternOf = (source: string) => JSON.stringify({ source: [source] });

beforeAll(async () => {
  await client.send(new sdk.CreateEventBusCommand({ Name: EventBusName }));
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: { Effect: "Allow", Principal: { Service: "events.amazonaws.com" }, Action: "sts:AssumeRole" },
  });
  const command = new CreateRoleCommand({ RoleName: "runner", AssumeRolePolicyDocument });
  RoleArn = (await new IAMClient(api.client()).send(command)).Role?.Arn ?? "";
});

/** The deliveries of an event, for a rule of the default bus with the target. */
async function deliveriesOf(
  source: string,
  target: Partial<sdk.Target>,
  more: { rule?: Partial<sdk.PutRuleRequest>; entry?: Partial<sdk.PutEventsRequestEntry> } = {},
) {
  await client.send(new sdk.PutRuleCommand({ Name: source, EventPattern: patternOf(source), ...more.rule }));
  const Targets = [{ Id: "t", Arn: LOG_GROUP, ...target }];
  const put = await client.send(new sdk.PutTargetsCommand({ Rule: source, Targets }));
  expect(put.FailedEntries).toEqual([]);
  const entry = { Source: source, DetailType: "d", Detail: '{"n":1}', ...more.entry };
  await client.send(new sdk.PutEventsCommand({ Entries: [entry] }));
  return api.store.list("eventDelivery").filter(({ sourceArn }) => sourceArn.endsWith(`/${source}`));
}

it("a bus keeps rules of its own apart from those of the default bus", async () => {
  const rule = { Name: "same", EventPattern: patternOf("same") };
  await client.send(new sdk.PutRuleCommand({ ...rule, Description: "default" }));
  await client.send(new sdk.PutRuleCommand({ ...rule, Description: "own", EventBusName }));
  const Targets = [{ Id: "t", Arn: LOG_GROUP }];
  await client.send(new sdk.PutTargetsCommand({ Rule: "same", EventBusName, Targets }));
  const shown = (bus?: string) =>
    client.send(new sdk.DescribeRuleCommand({ Name: "same", EventBusName: bus }));
  const targets = async (bus?: string) =>
    (await client.send(new sdk.ListTargetsByRuleCommand({ Rule: "same", EventBusName: bus }))).Targets;
  const byTarget = async (bus?: string) => {
    const command = new sdk.ListRuleNamesByTargetCommand({ TargetArn: LOG_GROUP, EventBusName: bus });
    return (await client.send(command)).RuleNames;
  };
  expect([(await shown()).Description, (await shown(EventBusName)).Description]).toEqual(["default", "own"]);
  expect([await targets(), await targets(EventBusName)]).toEqual([[], Targets]);
  expect([await byTarget(), await byTarget(EventBusName)]).toEqual([[], ["same"]]);
  const { Rules } = await client.send(new sdk.ListRulesCommand({ EventBusName }));
  expect(Rules?.map(({ Description }) => Description)).toEqual(["own"]);
  await client.send(new sdk.DisableRuleCommand({ Name: "same", EventBusName }));
  expect([(await shown()).State, (await shown(EventBusName)).State]).toEqual(["ENABLED", "DISABLED"]);
  await client.send(new sdk.EnableRuleCommand({ Name: "same", EventBusName }));
  expect((await shown(EventBusName)).State).toBe("ENABLED");
  await client.send(new sdk.RemoveTargetsCommand({ Rule: "same", EventBusName, Ids: ["t"] }));
  expect(await targets(EventBusName)).toEqual([]);
});

it("buses are listed by the beginning of their name", async () => {
  const names = async (NamePrefix: string) =>
    (await client.send(new sdk.ListEventBusesCommand({ NamePrefix }))).EventBuses?.map(({ Name }) => Name);
  expect([await names("or"), await names("de"), await names("x")]).toEqual([["orders"], ["default"], []]);
});

describe("an event", () => {
  it("has the time that its sender gives", async () => {
    const Time = new Date(Date.UTC(2020, 1, 3, 4, 5, 6));
    const [delivery] = await deliveriesOf("timed", {}, { entry: { Time } });
    expect(JSON.parse(delivery?.payload ?? "")).toMatchObject({ time: "2020-02-03T04:05:06Z" });
  });

  it.each([
    ["ENABLED", 1],
    ["DISABLED", 0],
  ] as const)("reaches the targets of a rule that is %s %d times", async (State, times) => {
    expect(await deliveriesOf(`state-${State}`, {}, { rule: { State } })).toHaveLength(times);
  });

  it.each<[string, Partial<sdk.Target>, string]>([
    ["constant", { Input: '{"a":1}' }, '{"a":1}'],
    [
      "transformed",
      {
        InputTransformer: {
          InputPathsMap: { n: "$.detail.n", from: "$.source" },
          InputTemplate: '{"count":<n>,"from":<from>}',
        },
      },
      '{"count":1,"from":"transformed"}',
    ],
  ])("is passed on as the target's input says: %s", async (source, target, payload) => {
    const [delivery] = await deliveriesOf(source, target);
    expect(JSON.parse(delivery?.payload ?? "")).toEqual(JSON.parse(payload));
  });
});

describe("tasks that a rule starts", () => {
  const parametersOf = (
    more: Partial<sdk.EcsParameters>,
    AssignPublicIp: sdk.AssignPublicIp = "ENABLED",
  ): sdk.Target => {
    const { subnets, securityGroups } = network().awsvpcConfiguration ?? {};
    const awsvpcConfiguration = {
      Subnets: subnets,
      SecurityGroups: securityGroups,
      AssignPublicIp,
    };
    return {
      Id: "t",
      Arn: CLUSTER,
      RoleArn,
      RetryPolicy: { MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 90 },
      EcsParameters: {
        TaskDefinitionArn: "arn:aws:ecs:eu-south-1:000000000000:task-definition/one:1",
        NetworkConfiguration: { awsvpcConfiguration },
        ...more,
      },
    };
  };

  it("have what the target says", async () => {
    const { SecurityGroups = [] } =
      parametersOf({}).EcsParameters?.NetworkConfiguration?.awsvpcConfiguration ?? {};
    const [delivery] = await deliveriesOf(
      "tasks",
      parametersOf({
        TaskCount: 2,
        LaunchType: "FARGATE",
        PlatformVersion: "1.4.0",
        Group: "batch",
        EnableECSManagedTags: true,
        EnableExecuteCommand: true,
        PropagateTags: "TASK_DEFINITION",
        Tags: [{ Key: "a", Value: "b" }],
      }),
    );
    expect(delivery?.target.retry).toEqual({ attempts: 1, ageSeconds: 90 });
    const { runTask = {} } = delivery?.target ?? {};
    await tasks.send(
      new ecs.TagResourceCommand({
        resourceArn: String(runTask["taskDefinition"]),
        tags: [{ key: "of", value: "definition" }],
      }),
    );
    // The controller of deliveries makes this call with the role of the target.
    const command = new ecs.RunTaskCommand({
      ...(runTask as unknown as ecs.RunTaskRequest),
      cluster: CLUSTER,
    });
    const { tasks: started = [] } = await tasks.send(command);
    expect(started).toHaveLength(2);
    for (const task of started) {
      expect(task).toMatchObject({
        launchType: "FARGATE",
        platformVersion: "1.4.0",
        group: "batch",
        enableExecuteCommand: true,
      });
      expect(task.tags?.toSorted((one, other) => (one.key ?? "").localeCompare(other.key ?? ""))).toEqual([
        { key: "a", value: "b" },
        { key: "aws:ecs:clusterName", value: "default" },
        { key: "of", value: "definition" },
      ]);
      expect(api.store.get("task", task.taskArn ?? "")?.network).toMatchObject({
        assignPublicIp: "ENABLED",
        securityGroups: SecurityGroups,
      });
    }
  });

  it.each(["EC2", "EXTERNAL"] as const)("of launch type %s", async (LaunchType) => {
    const [delivery] = await deliveriesOf(`type-${LaunchType}`, parametersOf({ LaunchType }, "DISABLED"));
    expect(delivery?.target.runTask).toMatchObject({
      launchType: LaunchType,
      networkConfiguration: { awsvpcConfiguration: { assignPublicIp: "DISABLED" } },
    });
  });
});

it("a target's capacity providers, placement and queues are kept, and given to RunTask", async () => {
  const CapacityProviderStrategy = [{ capacityProvider: "FARGATE_SPOT", weight: 1, base: 2 }];
  const PlacementConstraints = [
    { type: "distinctInstance" as const },
    { type: "memberOf" as const, expression: "attribute:a == b" },
  ];
  const PlacementStrategy = [
    { type: "random" as const },
    { type: "spread" as const, field: "host" },
    { type: "binpack" as const, field: "cpu" },
  ];
  const EcsParameters = {
    TaskDefinitionArn: "arn:aws:ecs:eu-south-1:000000000000:task-definition/one:1",
    ...{ CapacityProviderStrategy, PlacementConstraints, PlacementStrategy },
  };
  const DeadLetterConfig = { Arn: "arn:aws:sqs:eu-south-1:000000000000:dead" };
  const [delivery] = await deliveriesOf("placed", { Arn: CLUSTER, RoleArn, EcsParameters, DeadLetterConfig });
  expect(delivery?.target).toMatchObject({
    deadLetterArn: DeadLetterConfig.Arn,
    runTask: {
      capacityProviderStrategy: CapacityProviderStrategy,
      placementConstraints: PlacementConstraints,
      placementStrategy: PlacementStrategy,
    },
  });
  const Arn = "arn:aws:sqs:eu-south-1:000000000000:q.fifo";
  const [message] = await deliveriesOf("queued", { Arn, SqsParameters: { MessageGroupId: "g" } });
  expect(message?.target).toMatchObject({ arn: Arn, messageGroupId: "g" });
});
