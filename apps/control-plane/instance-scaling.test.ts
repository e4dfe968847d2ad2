import * as sdk from "@aws-sdk/client-auto-scaling";
import { CloudWatchClient, PutMetricAlarmCommand } from "@aws-sdk/client-cloudwatch";
import { alarmController, scalingPolicyAction } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startGroupWorld } from "@gantry/testkit/group-world";
import { afterAll, expect, it } from "vitest";
import { usageMetrics } from "./node-metrics.ts";

// Auto Scaling groups whose policies act on what nodes measure of their instances. Time is virtual.
const MINUTE = 60_000;
const world = await startGroupWorld();
const { api, groups, store, clock, templateId } = world;
const alarms = new CloudWatchClient(api.client());
Object.defineProperty(alarms.config, "systemClockOffset", {
  get: () => clock.now() - new SystemClock().now(),
  set: () => {},
});
const deps = { store, clock, ids: randomIds(), log: silentLogger, metrics: api.metrics };
const actionOf = (arn: string) => scalingPolicyAction(store, arn);
const evaluation = new Controller(alarmController({ ...deps, actionOf }), { clock, log: silentLogger });
evaluation.start();
afterAll(async () => {
  await evaluation.stop();
  await world.close();
});

async function create(name: string, DesiredCapacity: number): Promise<void> {
  await groups.send(
    new sdk.CreateAutoScalingGroupCommand({
      ...{ AutoScalingGroupName: name, MinSize: 1, MaxSize: 4, DesiredCapacity },
      ...{ VPCZoneIdentifier: world.subnets.join(","), DefaultInstanceWarmup: 30 },
      LaunchTemplate: { LaunchTemplateId: templateId },
    }),
  );
  await world.settle();
}

const desiredOf = (name: string) =>
  store.list("autoScalingGroup").find((each) => each.name === name)?.desired;

/** A minute in which each instance of a group uses a share of its processors. Returns the desired capacity after it. */
async function minute(name: string, percent: number): Promise<number | undefined> {
  const start = Math.floor(clock.now() / MINUTE) * MINUTE;
  const members = store.list("groupInstance").filter((each) => each.groupName === name);
  // A t3.nano has two virtual processors.
  const usage = members.flatMap(({ instanceId }) =>
    [0, 20_000, 40_000].map((offset) => ({
      ...{ pod: `pod/${instanceId}`, from: start + offset, until: start + offset + 20_000 },
      ...{ cpuSeconds: (percent / 100) * 40, memoryBytes: 1 },
    })),
  );
  const batch = { type: "metrics" as const, session: "s", sequence: 1, usage };
  await api.metrics.add(await usageMetrics(store, batch));
  await clock.advance(start + MINUTE + 2_000 - clock.now());
  return desiredOf(name);
}

/** Minutes pass until the desired capacity is this one. */
const becomes = (name: string, percent: number, capacity: number) =>
  expect.poll(() => minute(name, percent), { timeout: 20_000, interval: 10 }).toBe(capacity);

it("keeps the CPU of a group at the target", async () => {
  await create("tracked", 1);
  await groups.send(
    new sdk.PutScalingPolicyCommand({
      ...{ AutoScalingGroupName: "tracked", PolicyName: "cpu", PolicyType: "TargetTrackingScaling" },
      TargetTrackingConfiguration: {
        PredefinedMetricSpecification: { PredefinedMetricType: "ASGAverageCPUUtilization" },
        TargetValue: 50,
      },
    }),
  );
  await becomes("tracked", 90, 2);
  await becomes("tracked", 90, 4);
  await becomes("tracked", 10, 1);
  const members = async () => {
    await world.settle();
    return store.list("groupInstance").filter((each) => each.groupName === "tracked");
  };
  await expect.poll(members, { interval: 10 }).toHaveLength(1);
});

it.each(["StepScaling", "SimpleScaling"])("follows an alarm on its CPU by %s", async (PolicyType) => {
  const name = `by-${PolicyType}`;
  await create(name, 1);
  const change =
    PolicyType === "StepScaling"
      ? { StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 2 }] }
      : { ScalingAdjustment: 2, Cooldown: 3_600 };
  const policy = { AutoScalingGroupName: name, PolicyName: "out", PolicyType, ...change };
  const { PolicyARN = "" } = await groups.send(
    new sdk.PutScalingPolicyCommand({ ...policy, AdjustmentType: "ChangeInCapacity" }),
  );
  await alarms.send(
    new PutMetricAlarmCommand({
      ...{ AlarmName: name, Namespace: "AWS/EC2", MetricName: "CPUUtilization", Statistic: "Average" },
      ...{ Dimensions: [{ Name: "AutoScalingGroupName", Value: name }], Period: 300 },
      ...{ EvaluationPeriods: 1, Threshold: 60, ComparisonOperator: "GreaterThanThreshold" },
      AlarmActions: [PolicyARN],
    }),
  );
  for (let count = 0; count < 6; count += 1) expect(await minute(name, 40)).toBe(1);
  await becomes(name, 80, 3);
});
