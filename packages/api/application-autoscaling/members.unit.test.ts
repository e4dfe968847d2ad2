import * as aas from "@aws-sdk/client-application-auto-scaling";
import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as ecs from "@aws-sdk/client-ecs";
import type { ScalingActivityRecord } from "@gantry/state";
import { startEcs } from "@gantry/testkit/ecs-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it narrows, or by the record that the controller reads.
const { api, client: services, network } = await startEcs();
afterAll(() => api.close());
const client = new aas.ApplicationAutoScalingClient(api.client());
const alarms = new cloudwatch.CloudWatchClient(api.client());
const NAMED = {
  ServiceNamespace: aas.ServiceNamespace.ECS,
  ResourceId: "service/default/web",
  ScalableDimension: aas.ScalableDimension.ECSServiceDesiredCount,
};
const Dimensions = [{ Name: "Queue", Value: "orders" }];

beforeAll(async () => {
  await services.send(
    new ecs.CreateServiceCommand({
      serviceName: "web",
      taskDefinition: "one",
      desiredCount: 2,
      networkConfiguration: network(),
    }),
  );
  await client.send(new aas.RegisterScalableTargetCommand({ ...NAMED, MinCapacity: 1, MaxCapacity: 9 }));
});

describe("a scalable target", () => {
  it.each([
    { DynamicScalingOutSuspended: true },
    { DynamicScalingInSuspended: true },
    { ScheduledScalingSuspended: true },
  ])("is suspended as %j", async (SuspendedState) => {
    await client.send(new aas.RegisterScalableTargetCommand({ ...NAMED, SuspendedState }));
    const { suspended } = api.store.list("scalableTarget")[0] ?? {};
    expect(suspended).toEqual({
      scaleIn: SuspendedState.DynamicScalingInSuspended ?? false,
      scaleOut: SuspendedState.DynamicScalingOutSuspended ?? false,
      scheduled: SuspendedState.ScheduledScalingSuspended ?? false,
    });
  });

  it("is found by its dimension, and no other dimension is of ECS", async () => {
    const found = async (ScalableDimension: aas.ScalableDimension) => {
      const command = new aas.DescribeScalableTargetsCommand({ ServiceNamespace: "ecs", ScalableDimension });
      return (await client.send(command)).ScalableTargets?.length;
    };
    expect(await found("ecs:service:DesiredCount")).toBe(1);
    await expect(found("dynamodb:table:ReadCapacityUnits")).rejects.toThrow("Unsupported service namespace");
  });
});

describe("a policy", () => {
  const put = async (PolicyName: string, input: Partial<aas.PutScalingPolicyRequest>) => {
    const given = { ...NAMED, PolicyName, ...input };
    const { Alarms = [] } = await client.send(new aas.PutScalingPolicyCommand(given));
    const AlarmNames = Alarms.map(({ AlarmName }) => AlarmName ?? "");
    const { MetricAlarms = [] } = await alarms.send(new cloudwatch.DescribeAlarmsCommand({ AlarmNames }));
    const { ScalingPolicies } = await client.send(
      new aas.DescribeScalingPoliciesCommand({ ServiceNamespace: "ecs", PolicyNames: [PolicyName] }),
    );
    return { policy: ScalingPolicies?.[0], alarm: MetricAlarms[0], record: recordOf(PolicyName) };
  };
  const recordOf = (name: string) =>
    api.store.list("scalingPolicy").find((policy) => policy.name === name)?.spec;

  it.each(["Average", "Minimum", "Maximum"] as const)("of steps by the %s", async (MetricAggregationType) => {
    const StepScalingPolicyConfiguration: aas.StepScalingPolicyConfiguration = {
      AdjustmentType: "PercentChangeInCapacity",
      StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 50 }],
      Cooldown: 90,
      MetricAggregationType,
      MinAdjustmentMagnitude: 3,
    };
    const input = { PolicyType: "StepScaling" as const, StepScalingPolicyConfiguration };
    const { policy, record } = await put(`steps-${MetricAggregationType}`, input);
    expect(policy).toMatchObject(input);
    expect(record).toMatchObject({
      adjustmentType: "PercentChangeInCapacity",
      minAdjustmentMagnitude: 3,
      cooldown: 90,
      aggregation: MetricAggregationType,
    });
  });

  it.each(["Average", "Minimum", "Maximum", "SampleCount", "Sum"] as const)(
    "that tracks the %s of a metric of the caller's",
    async (Statistic) => {
      const metric = { Namespace: "Shop", MetricName: "Backlog", Dimensions, Statistic, Unit: "Count" };
      const TargetTrackingScalingPolicyConfiguration = {
        TargetValue: 10,
        ScaleInCooldown: 120,
        ScaleOutCooldown: 60,
        CustomizedMetricSpecification: metric,
      };
      const { alarm, record } = await put(`tracks-${Statistic}`, {
        PolicyType: "TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration,
      });
      expect(alarm).toMatchObject(metric);
      expect(record).toMatchObject({ scaleInCooldown: 120, scaleOutCooldown: 60 });
    },
  );

  it("that tracks an expression over metrics", async () => {
    const Metric = { Namespace: "Shop", MetricName: "Backlog", Dimensions };
    const Metrics = [
      { Id: "m", MetricStat: { Metric, Stat: "Sum", Unit: "Count" }, ReturnData: false },
      { Id: "e", Expression: "m / 2", Label: "half", ReturnData: true },
    ];
    const { alarm } = await put("expression", {
      PolicyType: "TargetTrackingScaling",
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 10,
        CustomizedMetricSpecification: { Metrics },
      },
    });
    expect(alarm?.Metrics).toMatchObject(Metrics);
  });

  it("that predicts is refused", async () => {
    await expect(put("predicts", { PolicyType: "PredictiveScaling" })).rejects.toThrow("PredictiveScaling");
  });
});

it("a scheduled action begins and ends, and is found by its name", async () => {
  const StartTime = new Date(Date.UTC(2031, 0, 1));
  const EndTime = new Date(Date.UTC(2031, 1, 1));
  const put = (ScheduledActionName: string, more: Partial<aas.PutScheduledActionRequest> = {}) =>
    client.send(
      new aas.PutScheduledActionCommand({
        ...NAMED,
        ScheduledActionName,
        Schedule: "rate(1 day)",
        ScalableTargetAction: { MinCapacity: 2 },
        ...more,
      }),
    );
  await put("first");
  await put("second", { StartTime, EndTime });
  const command = new aas.DescribeScheduledActionsCommand({
    ServiceNamespace: "ecs",
    ScheduledActionNames: ["second"],
  });
  const { ScheduledActions } = await client.send(command);
  expect(ScheduledActions).toMatchObject([{ ScheduledActionName: "second", StartTime, EndTime }]);
  await expect(put("never", { StartTime: EndTime, EndTime: StartTime })).rejects.toThrow("before EndTime");
});

it("activities are listed page by page, with those that changed nothing where they are asked for", async () => {
  const target = api.store.list("scalableTarget")[0] ?? expect.fail("There is a target.");
  const { account, region, arn: targetArn, resourceId } = target;
  const put = (second: number, notScaled: ScalingActivityRecord["notScaled"]) =>
    api.store.transact((tx) =>
      tx.put("scalingActivity", `activity-${second}`, {
        ...{ account, region, targetArn, resourceId, id: `activity-${second}` },
        ...{ description: "", cause: `${second}`, statusCode: "Successful", statusMessage: undefined },
        ...{ startedAt: second * 1_000, endedAt: undefined, desiredCount: undefined, notScaled },
      }),
    );
  put(1, undefined);
  put(2, undefined);
  put(3, { code: "AlreadyAtMaxCapacity", min: 1, max: 9, current: 9 });
  const list = async (input: Partial<aas.DescribeScalingActivitiesRequest>) => {
    const command = new aas.DescribeScalingActivitiesCommand({ ...NAMED, ...input });
    const { ScalingActivities, NextToken } = await client.send(command);
    return { causes: ScalingActivities?.map(({ Cause }) => Cause), NextToken };
  };
  expect((await list({})).causes).toEqual(["2", "1"]);
  expect((await list({ IncludeNotScaledActivities: true })).causes).toEqual(["3", "2", "1"]);
  const { causes, NextToken } = await list({ MaxResults: 1 });
  expect(causes).toEqual(["2"]);
  expect((await list({ MaxResults: 1, NextToken })).causes).toEqual(["1"]);
});
