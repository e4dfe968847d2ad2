import * as sdk from "@aws-sdk/client-auto-scaling";
import * as iam from "@aws-sdk/client-iam";
import { startGroupWorld } from "@gantry/testkit/group-world";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, describe, expect, it } from "vitest";
import { scheduleOf } from "./scheduled-actions.ts";

// Policies, scheduled actions and lifecycle hooks of Auto Scaling groups, and their effect.
const world = await startGroupWorld();
const { api, groups, store, settle, templateId } = world;
afterAll(() => world.close());
const LaunchTemplate = { LaunchTemplateId: templateId };
let count = 0;

const create = async (input: Partial<sdk.CreateAutoScalingGroupCommandInput> = {}): Promise<string> => {
  const AutoScalingGroupName = `scaled-${(count += 1)}`;
  const own = input.MixedInstancesPolicy === undefined ? { LaunchTemplate } : {};
  const base = { AutoScalingGroupName, MinSize: 0, MaxSize: 5, AvailabilityZones: ["eu-south-1a"], ...own };
  await groups.send(new sdk.CreateAutoScalingGroupCommand({ ...base, ...input }));
  await settle();
  return AutoScalingGroupName;
};
const describeGroups = async (input: sdk.DescribeAutoScalingGroupsCommandInput) =>
  (await groups.send(new sdk.DescribeAutoScalingGroupsCommand(input))).AutoScalingGroups ?? [];
const shown = async (name: string) => (await describeGroups({ AutoScalingGroupNames: [name] }))[0];
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (thrown: Error) => thrown.name,
  );

describe("a scaling policy", () => {
  it("of steps is executed by a caller, within the bounds", async () => {
    const name = await create({ DesiredCapacity: 1, MinSize: 1 });
    const named = { AutoScalingGroupName: name };
    const step = {
      ...{ ...named, PolicyName: "step", PolicyType: "StepScaling", EstimatedInstanceWarmup: 30 },
      ...{ AdjustmentType: "PercentChangeInCapacity", MinAdjustmentMagnitude: 2, Enabled: true },
      MetricAggregationType: "Maximum",
      StepAdjustments: [
        { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 10 },
        { MetricIntervalLowerBound: 10, ScalingAdjustment: 400 },
      ],
    };
    const { PolicyARN } = await groups.send(new sdk.PutScalingPolicyCommand(step));
    const execute = (MetricValue: number, HonorCooldown?: boolean) =>
      groups.send(
        new sdk.ExecutePolicyCommand({
          ...{ ...named, PolicyName: "step", MetricValue, BreachThreshold: 50, HonorCooldown },
        }),
      );
    await execute(55, true);
    await settle();
    expect((await shown(name))?.Instances).toHaveLength(3);
    expect(await codeOf(execute(70, true))).toBe("ScalingActivityInProgressFault");
    await execute(70, false);
    expect((await shown(name))?.DesiredCapacity).toBe(5);
    const query = { ...named, PolicyNames: ["step"], PolicyTypes: ["StepScaling"], MaxRecords: 5 };
    const { ScalingPolicies } = await groups.send(new sdk.DescribePoliciesCommand(query));
    expect(ScalingPolicies).toMatchObject([{ PolicyARN, StepAdjustments: step.StepAdjustments }]);
    const simple = { ...named, PolicyName: "in", AdjustmentType: "ExactCapacity", ScalingAdjustment: 1 };
    await groups.send(new sdk.PutScalingPolicyCommand({ ...simple, Cooldown: 10 }));
    await groups.send(new sdk.ExecutePolicyCommand({ ...named, PolicyName: "in" }));
    await settle();
    expect((await shown(name))?.Instances).toHaveLength(1);
    const older = {
      ...simple,
      PolicyName: "old",
      AdjustmentType: "PercentChangeInCapacity",
      MinAdjustmentStep: 2,
    };
    await groups.send(new sdk.PutScalingPolicyCommand(older));
    await groups.send(new sdk.DeletePolicyCommand({ PolicyName: PolicyARN }));
    await groups.send(new sdk.DeletePolicyCommand({ ...named, PolicyName: "old" }));
    expect((await groups.send(new sdk.DescribePoliciesCommand(named))).ScalingPolicies).toHaveLength(1);
    await refusalFor("PredictiveScalingConfiguration", () =>
      groups.send(
        new sdk.PutScalingPolicyCommand({
          ...{ ...named, PolicyName: "p", PolicyType: "PredictiveScaling" },
        }),
      ),
    );
  });

  it("that tracks a target has alarms, whose state scales the group out and in", async () => {
    const name = await create({ DesiredCapacity: 1, MinSize: 1 });
    const named = { AutoScalingGroupName: name, PolicyName: "cpu", PolicyType: "TargetTrackingScaling" };
    const predefined = (PredefinedMetricType: sdk.MetricType, ResourceLabel?: string) => ({
      ...{ TargetValue: 50, DisableScaleIn: true },
      PredefinedMetricSpecification: { PredefinedMetricType, ResourceLabel },
    });
    const put = async (TargetTrackingConfiguration: sdk.TargetTrackingConfiguration, PolicyName = "cpu") =>
      (
        await groups.send(
          new sdk.PutScalingPolicyCommand({ ...named, PolicyName, TargetTrackingConfiguration }),
        )
      ).Alarms ?? [];
    expect(await put(predefined("ASGAverageCPUUtilization"))).toHaveLength(1);
    await put(predefined("ASGAverageNetworkIn"), "in");
    await put(predefined("ASGAverageNetworkOut"), "out");
    const label = "app/web/0123456789abcdef/targetgroup/web/0123456789abcdef";
    await put(predefined("ALBRequestCountPerTarget", label), "requests");
    const metric = { MetricName: "jobs", Namespace: "own", Statistic: "Average" as const };
    const CustomizedMetricSpecification = { ...metric, Dimensions: [{ Name: "queue", Value: "q" }] };
    const own = await put({ TargetValue: 10, CustomizedMetricSpecification }, "own");
    expect(own.map(({ AlarmName = "" }) => AlarmName.split("-Alarm")[1]?.slice(0, 3)).toSorted()).toEqual([
      "Hig",
      "Low",
    ]);
    const MetricStat = {
      Metric: { Namespace: "own", MetricName: "jobs", Dimensions: [{ Name: "queue", Value: "q" }] },
      ...{ Stat: "Average", Unit: "Count" },
    };
    const Metrics = [
      { Id: "jobs", MetricStat, Label: "jobs", ReturnData: false },
      { Id: "half", Expression: "jobs / 2", Label: "half", ReturnData: true },
    ];
    const computed = await put({ TargetValue: 10, CustomizedMetricSpecification: { Metrics } }, "computed");
    expect(computed).toHaveLength(2);
    for (const Statistic of Object.values(sdk.MetricStatistic))
      await put(
        { TargetValue: 10, CustomizedMetricSpecification: { ...metric, Statistic, Unit: "Count" } },
        "counted",
      );
    for (const PolicyName of ["computed", "counted"])
      await groups.send(new sdk.DeletePolicyCommand({ AutoScalingGroupName: name, PolicyName }));
    const high = own.find(({ AlarmName }) => AlarmName?.includes("High"))?.AlarmName ?? "";
    const at = world.clock.now();
    await api.metrics.add([
      {
        metric: {
          account: "000000000000",
          region: "eu-south-1",
          namespace: "own",
          name: "jobs",
          dimensions: { queue: "q" },
        },
        ...{ unit: "None", at: at - (at % 60_000) - 60_000, highResolution: false },
        sample: { count: 1, sum: 35, min: 35, max: 35, values: undefined },
      },
    ]);
    const alarm = store.list("alarm").find((each) => each.name === high);
    store.transact((tx) => {
      if (alarm !== undefined)
        tx.put("alarm", alarm.arn, { ...alarm, stateValue: "ALARM", stateTransitionedAt: world.clock.now() });
    });
    await settle(5_000);
    await expect.poll(async () => (await shown(name))?.DesiredCapacity).toBe(4);
    await groups.send(
      new sdk.DeleteAutoScalingGroupCommand({ AutoScalingGroupName: name, ForceDelete: true }),
    );
    await settle();
    expect(store.list("alarm").filter((each) => each.name.includes(`TargetTracking-${name}-`))).toEqual([]);
  });
});

describe("a scheduled action", () => {
  it("changes the sizes of its group at its time", async () => {
    const name = await create();
    const named = { AutoScalingGroupName: name };
    const StartTime = new Date(world.clock.now() + 60_000);
    const EndTime = new Date(world.clock.now() + 86_400_000 * 30);
    const action = { ...named, StartTime, EndTime, MinSize: 1, MaxSize: 4, DesiredCapacity: 2 };
    await groups.send(
      new sdk.PutScheduledUpdateGroupActionCommand({ ...action, ScheduledActionName: "once" }),
    );
    await groups.send(
      new sdk.PutScheduledUpdateGroupActionCommand({
        ...{ ...named, ScheduledActionName: "daily", Recurrence: "0 6 * * 1-5", TimeZone: "Europe/Berlin" },
        ...{ MinSize: 0, Time: StartTime },
      }),
    );
    const query = { ...named, ScheduledActionNames: ["daily"], MaxRecords: 5 };
    const { ScheduledUpdateGroupActions } = await groups.send(new sdk.DescribeScheduledActionsCommand(query));
    expect(ScheduledUpdateGroupActions).toMatchObject([{ Recurrence: "0 6 * * 1-5", MinSize: 0 }]);
    const between = { ...named, StartTime: new Date(0), EndTime };
    expect(
      (await groups.send(new sdk.DescribeScheduledActionsCommand(between))).ScheduledUpdateGroupActions,
    ).toHaveLength(2);
    await settle(90_000);
    expect(await shown(name)).toMatchObject({ MinSize: 1, MaxSize: 4, DesiredCapacity: 2 });
    const left = await groups.send(new sdk.DescribeScheduledActionsCommand(named));
    expect(left.ScheduledUpdateGroupActions).toHaveLength(1);
    const remove = { ...named, ScheduledActionName: "daily" };
    await groups.send(new sdk.DeleteScheduledActionCommand(remove));
    expect(await codeOf(groups.send(new sdk.DeleteScheduledActionCommand(remove)))).toBe("ValidationError");
  });

  it("recurs as crontab says", () => {
    expect(scheduleOf("0 6 * * *", 0)).toBe("cron(0 6 * * ? *)");
    expect(scheduleOf("30 20 * * 1-5", 0)).toBe("cron(30 20 ? * 2-6 *)");
    expect(scheduleOf("0 0 1 1 *", 0)).toBe("cron(0 0 1 1 ? *)");
    expect(scheduleOf(undefined, 0)).toBe("at(1970-01-01T00:00:00)");
  });
});

it("a lifecycle hook has its own settings", async () => {
  const roles = new iam.IAMClient(api.client());
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { Service: "autoscaling.amazonaws.com" }, Action: "sts:AssumeRole" },
    ],
  });
  const { Role } = await roles.send(
    new iam.CreateRoleCommand({ RoleName: "hook", AssumeRolePolicyDocument }),
  );
  const name = await create();
  const hook = {
    ...{ LifecycleHookName: "h", LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING" },
    ...{ RoleARN: Role?.Arn, NotificationTargetARN: "arn:aws:sns:eu-south-1:000000000000:t" },
    ...{ NotificationMetadata: "m", HeartbeatTimeout: 60, DefaultResult: "CONTINUE" },
  };
  await groups.send(new sdk.PutLifecycleHookCommand({ ...hook, AutoScalingGroupName: name }));
  const { LifecycleHooks } = await groups.send(
    new sdk.DescribeLifecycleHooksCommand({ AutoScalingGroupName: name }),
  );
  expect(LifecycleHooks).toMatchObject([hook]);
  const other = await create({ LifecycleHookSpecificationList: [hook] });
  const heartbeat = { AutoScalingGroupName: other, LifecycleHookName: "h", LifecycleActionToken: "none" };
  expect(await codeOf(groups.send(new sdk.RecordLifecycleActionHeartbeatCommand(heartbeat)))).toBe(
    "ValidationError",
  );
  await groups.send(new sdk.SetDesiredCapacityCommand({ AutoScalingGroupName: other, DesiredCapacity: 1 }));
  await settle();
  const InstanceId = (await shown(other))?.Instances?.[0]?.InstanceId;
  const action = { AutoScalingGroupName: other, LifecycleHookName: "h", InstanceId };
  await groups.send(new sdk.CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: "ABANDON" }));
  // The instance's end takes calls to other services, which settle in real time.
  await expect
    .poll(async () => {
      await settle(500);
      return store.listBy("groupInstance", "instance", InstanceId);
    })
    .toEqual([]);
});
