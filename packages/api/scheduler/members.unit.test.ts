import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import * as sdk from "@aws-sdk/client-scheduler";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, expect, it } from "vitest";

// Each member that a schedule accepts is shown by its description.
const { api, balancer, network } = await startEcs();
afterAll(() => api.close());
const client = new sdk.SchedulerClient(api.client());
let RoleArn = "";

beforeAll(async () => {
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: "scheduler.amazonaws.com" },
      Action: "sts:AssumeRole",
    },
  });
  const command = new CreateRoleCommand({ RoleName: "runner", AssumeRolePolicyDocument });
  RoleArn = (await new IAMClient(api.client()).send(command)).Role?.Arn ?? "";
  await client.send(new sdk.CreateScheduleGroupCommand({ Name: "nightly" }));
});

const targetOf = (count: number, more: Partial<sdk.EcsParameters>): sdk.Target => ({
  Arn: "arn:aws:ecs:eu-south-1:000000000000:cluster/default",
  RoleArn,
  RetryPolicy: { MaximumEventAgeInSeconds: 60 + count, MaximumRetryAttempts: count },
  EcsParameters: {
    TaskDefinitionArn: "arn:aws:ecs:eu-south-1:000000000000:task-definition/one:1",
    TaskCount: count,
    LaunchType: "FARGATE",
    NetworkConfiguration: {
      awsvpcConfiguration: {
        Subnets: balancer.subnets,
        SecurityGroups: network().awsvpcConfiguration?.securityGroups,
        AssignPublicIp: "ENABLED",
      },
    },
    PlatformVersion: "1.4.0",
    Group: "batch",
    EnableECSManagedTags: true,
    PropagateTags: "TASK_DEFINITION",
    Tags: [{ key: "a", value: "b" }],
    ...more,
  },
});

it.each(["EC2", "EXTERNAL"] as const)(
  "a schedule with the other values, of launch type %s",
  async (LaunchType) => {
    const Name = `other-${LaunchType}`;
    const awsvpcConfiguration = { Subnets: balancer.subnets, AssignPublicIp: sdk.AssignPublicIp.DISABLED };
    const parameters = {
      ...{ LaunchType, EnableExecuteCommand: true, EnableECSManagedTags: true },
      ...{ PlatformVersion: undefined, NetworkConfiguration: { awsvpcConfiguration } },
    };
    const given = {
      ScheduleExpression: "rate(1 hour)",
      FlexibleTimeWindow: { Mode: "OFF" } as const,
      Target: targetOf(2, parameters),
      State: sdk.ScheduleState.ENABLED,
      ActionAfterCompletion: sdk.ActionAfterCompletion.NONE,
    };
    const shown = () => client.send(new sdk.GetScheduleCommand({ Name }));
    const runs = () => api.store.list("schedule").find(({ name }) => name === Name);
    // What RunTask is given at each occurrence.
    const runTask = {
      ...{ launchType: LaunchType, enableExecuteCommand: true, enableECSManagedTags: true },
      networkConfiguration: { awsvpcConfiguration: { assignPublicIp: "DISABLED" } },
    };
    await client.send(new sdk.CreateScheduleCommand({ Name, ...given }));
    expect(await shown()).toMatchObject({ State: "ENABLED", ActionAfterCompletion: "NONE" });
    expect(runs()).toMatchObject({ enabled: true, deleteAfterCompletion: false, target: { runTask } });
    const before = { ...given, Target: targetOf(2, {}) };
    await client.send(new sdk.UpdateScheduleCommand({ Name, ...before }));
    expect(runs()?.target.runTask).toMatchObject({ launchType: "FARGATE" });
    const changed = { ...given, ActionAfterCompletion: sdk.ActionAfterCompletion.DELETE };
    await client.send(new sdk.UpdateScheduleCommand({ Name, ...changed }));
    expect(runs()).toMatchObject({ enabled: true, deleteAfterCompletion: true, target: { runTask } });
    await client.send(new sdk.DeleteScheduleCommand({ Name }));
  },
);

it("a schedule that runs tasks", async () => {
  const named = { Name: "tasks", GroupName: "nightly" };
  const shown = () => client.send(new sdk.GetScheduleCommand(named));
  const given = {
    ScheduleExpression: "rate(1 hour)",
    FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 5 } as const,
    Target: targetOf(2, {}),
    StartDate: new Date(Date.UTC(2031, 0, 1)),
    EndDate: new Date(Date.UTC(2031, 1, 1)),
    State: sdk.ScheduleState.DISABLED,
    ActionAfterCompletion: sdk.ActionAfterCompletion.DELETE,
  };
  await client.send(new sdk.CreateScheduleCommand({ ...named, ...given }));
  expect(await shown()).toMatchObject({ ...named, ...given });
  const changed = {
    ...given,
    Target: targetOf(3, { Group: "other", EnableECSManagedTags: false }),
    StartDate: new Date(Date.UTC(2032, 0, 1)),
    EndDate: new Date(Date.UTC(2032, 1, 1)),
    Description: "changed",
    ScheduleExpressionTimezone: "Europe/Berlin",
    State: sdk.ScheduleState.ENABLED,
    ActionAfterCompletion: sdk.ActionAfterCompletion.NONE,
  };
  await client.send(new sdk.UpdateScheduleCommand({ ...named, ...changed }));
  expect(await shown()).toMatchObject({ ...named, ...changed });
  const names = async (input: sdk.ListSchedulesInput) =>
    (await client.send(new sdk.ListSchedulesCommand(input))).Schedules?.map(({ Name }) => Name);
  expect(await names({ GroupName: "nightly", NamePrefix: "ta", State: "ENABLED" })).toEqual(["tasks"]);
  expect(await names({ GroupName: "nightly", State: "DISABLED" })).toEqual([]);
  expect(await names({ GroupName: "default" })).toEqual([]);
  expect(await names({ NamePrefix: "x" })).toEqual([]);
  const groups = await client.send(new sdk.ListScheduleGroupsCommand({ NamePrefix: "ni" }));
  expect(groups.ScheduleGroups?.map(({ Name }) => Name)).toEqual(["nightly"]);
  await client.send(new sdk.DeleteScheduleCommand(named));
  await expect(shown()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});

it("a schedule's capacity providers, placement and queues are kept, and given to RunTask", async () => {
  const DeadLetterConfig = { Arn: "arn:aws:sqs:eu-south-1:000000000000:dead" };
  const targetWith = (weight: number): sdk.Target => ({
    ...targetOf(1, {
      ...{ LaunchType: undefined },
      CapacityProviderStrategy: [{ capacityProvider: "FARGATE_SPOT", weight, base: 1 }],
      PlacementConstraints: [
        { type: "memberOf", expression: "attribute:a == b" },
        { type: "distinctInstance" },
      ],
      PlacementStrategy: [
        { type: "spread", field: `host${weight}` },
        { type: "random" },
        { type: "binpack", field: "cpu" },
      ],
    }),
    DeadLetterConfig,
  });
  const given = (Target: sdk.Target) => ({
    Name: "placed",
    ScheduleExpression: "rate(1 hour)",
    FlexibleTimeWindow: { Mode: "OFF" as const },
    Target,
  });
  const kept = () => api.store.list("schedule").find(({ name }) => name === "placed")?.target;
  await client.send(new sdk.CreateScheduleCommand(given(targetWith(1))));
  expect(kept()).toMatchObject({
    deadLetterArn: DeadLetterConfig.Arn,
    runTask: {
      capacityProviderStrategy: [{ capacityProvider: "FARGATE_SPOT", weight: 1, base: 1 }],
      placementConstraints: [
        { type: "memberOf", expression: "attribute:a == b" },
        { type: "distinctInstance" },
      ],
      placementStrategy: [
        { type: "spread", field: "host1" },
        { type: "random" },
        { type: "binpack", field: "cpu" },
      ],
    },
  });
  await client.send(new sdk.UpdateScheduleCommand(given(targetWith(2))));
  expect(kept()?.runTask).toMatchObject({
    capacityProviderStrategy: [{ weight: 2 }],
    placementStrategy: [{ field: "host2" }, {}, {}],
  });
  const queue = { Arn: "arn:aws:sqs:eu-south-1:000000000000:q.fifo", RoleArn, Input: "x" };
  const SqsParameters = { MessageGroupId: "g" };
  await client.send(new sdk.UpdateScheduleCommand(given({ ...queue, SqsParameters, DeadLetterConfig })));
  expect(kept()).toMatchObject({ messageGroupId: "g", deadLetterArn: DeadLetterConfig.Arn });
  const { Target } = await client.send(new sdk.GetScheduleCommand({ Name: "placed" }));
  expect(Target).toMatchObject({ SqsParameters, DeadLetterConfig });
  await expect(client.send(new sdk.UpdateScheduleCommand(given(queue)))).rejects.toThrow("MessageGroupId");
});
