import {
  ApplicationAutoScalingClient,
  DescribeScalingActivitiesCommand,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
} from "@aws-sdk/client-application-auto-scaling";
import { CloudWatchClient, DeleteAlarmsCommand, PutMetricAlarmCommand } from "@aws-sdk/client-cloudwatch";
import {
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeServicesCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { afterAll, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, run } from "./helpers.ts";

const demo = openDemo(inject("demo"));
const ecs = new ECSClient(demo.client());
const scaling = new ApplicationAutoScalingClient(demo.client());
const cloudWatch = new CloudWatchClient(demo.client());
const SERVICE = "scaled-by-load";
const target = {
  ServiceNamespace: "ecs",
  ResourceId: `service/fileshare/${SERVICE}`,
  ScalableDimension: "ecs:service:DesiredCount",
} as const;
/** The alarms' periods of a minute last six seconds. What a task uses is measured in percent, the same at every speed. */
const SPEED = 10;
/** A task uses all of its CPU until it is told to rest. */
const CONTAINER = "burner";
const BURN = "while [ ! -e /tmp/rest ]; do :; done; exec sleep 3600";

async function restAll(): Promise<void> {
  const labels = ["gantry.role=task", `gantry.instance=${demo.name}`, `gantry.container=${CONTAINER}`];
  const ids = await run("docker", ["ps", "-q", ...labels.flatMap((label) => ["--filter", `label=${label}`])]);
  for (const id of ids.split("\n").filter(Boolean)) await run("docker", ["exec", id, "touch", "/tmp/rest"]);
}

const describeService = async (name: string) => {
  const { services = [] } = await ecs.send(
    new DescribeServicesCommand({ cluster: "fileshare", services: [name] }),
  );
  return services[0];
};

afterAll(async () => {
  await demo.instance.gantry("clock", "speed", "1");
  await cloudWatch
    .send(new DeleteAlarmsCommand({ AlarmNames: ["scaled-busy", "scaled-idle"] }))
    .catch(() => {});
  await ecs
    .send(new DeleteServiceCommand({ cluster: "fileshare", service: SERVICE, force: true }))
    .catch(() => {});
});

/** A policy that sets a capacity, and the alarm on the service's measured CPU that asks for it. */
async function scaleTo(
  capacity: number,
  alarm: { name: string; comparison: "GreaterThanThreshold" | "LessThanThreshold"; threshold: number },
) {
  const { PolicyARN = "" } = await scaling.send(
    new PutScalingPolicyCommand({
      ...target,
      PolicyName: alarm.name,
      PolicyType: "StepScaling",
      StepScalingPolicyConfiguration: {
        AdjustmentType: "ExactCapacity",
        Cooldown: 10,
        StepAdjustments: [
          alarm.comparison === "GreaterThanThreshold"
            ? { MetricIntervalLowerBound: 0, ScalingAdjustment: capacity }
            : { MetricIntervalUpperBound: 0, ScalingAdjustment: capacity },
        ],
      },
    }),
  );
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName: alarm.name,
      Namespace: "AWS/ECS",
      MetricName: "CPUUtilization",
      Dimensions: [
        { Name: "ClusterName", Value: "fileshare" },
        { Name: "ServiceName", Value: SERVICE },
      ],
      Statistic: "Average",
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: alarm.threshold,
      ComparisonOperator: alarm.comparison,
      AlarmActions: [PolicyARN],
    }),
  );
}

const untilCount = (count: number) =>
  eventually(async () => {
    const service = await describeService(SERVICE);
    expect([service?.desiredCount, service?.runningCount]).toEqual([count, count]);
  }, 240_000);

it("scales a service out under real CPU load, and in when the load ends", async () => {
  await demo.instance.gantry("clock", "speed", String(SPEED));
  const { taskDefinition } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: SERVICE,
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      executionRoleArn: "arn:aws:iam::000000000000:role/fileshare-execution",
      containerDefinitions: [{ name: CONTAINER, image: "busybox", command: ["sh", "-c", BURN] }],
    }),
  );
  const { networkConfiguration } = (await describeService("fileshare")) ?? expect.fail("The demo is up.");
  await ecs.send(
    new CreateServiceCommand({
      cluster: "fileshare",
      serviceName: SERVICE,
      taskDefinition: taskDefinition?.taskDefinitionArn,
      desiredCount: 1,
      networkConfiguration,
    }),
  );
  await scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 2, MaxCapacity: 4 }));
  await untilCount(2); // The minimum is enforced at once.
  await scaleTo(9, { name: "scaled-busy", comparison: "GreaterThanThreshold", threshold: 30 });
  await scaleTo(0, { name: "scaled-idle", comparison: "LessThanThreshold", threshold: 10 });
  await untilCount(4);
  await restAll();
  await untilCount(2);
  const listed = JSON.parse(
    await demo.aws(
      "application-autoscaling",
      "describe-scaling-activities",
      "--service-namespace",
      "ecs",
      "--resource-id",
      target.ResourceId,
    ),
  ) as { ScalingActivities: { Description: string; Cause: string; StatusCode: string }[] };
  expect(listed.ScalingActivities.map(({ Description }) => Description)).toEqual([
    "Setting desired count to 2.",
    "Setting desired count to 4.",
    "Setting desired count to 2.",
  ]);
  expect(listed.ScalingActivities.map(({ Cause }) => Cause)).toEqual([
    "monitor alarm scaled-idle in state ALARM triggered policy scaled-idle",
    "monitor alarm scaled-busy in state ALARM triggered policy scaled-busy",
    "minimum capacity was set to 2",
  ]);
  await eventually(async () => {
    const { ScalingActivities = [] } = await scaling.send(new DescribeScalingActivitiesCommand(target));
    expect(ScalingActivities[0]?.StatusCode).toBe("Successful");
  }, 30_000);
}, 600_000);
