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
import {
  CreateRuleCommand,
  DeleteRuleCommand,
  DeleteTargetGroupCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually, run } from "./helpers.ts";
import { createVersionTargetGroup, registerVersion, startAsking } from "./versions.ts";

const demo = openDemo(inject("demo"));
const ecs = new ECSClient(demo.client());
const scaling = new ApplicationAutoScalingClient(demo.client());
const cloudWatch = new CloudWatchClient(demo.client());
const elb = new ElasticLoadBalancingV2Client(demo.client());
const SERVICE = "scaled-by-load";
const WEB_SERVICE = "scaled-by-requests";
const HOST = "scaled.example.org";
const targetOf = (service: string) =>
  ({
    ServiceNamespace: "ecs",
    ResourceId: `service/fileshare/${service}`,
    ScalableDimension: "ecs:service:DesiredCount",
  }) as const;
const target = targetOf(SERVICE);
/**
 * The alarms' periods of a minute last six seconds. What a task uses is measured in percent, the same at
 * every speed.
 */
const SPEED = 10;
/**
 * Target tracking scales out after three minutes above its target and in after fifteen below it: 6 and 30
 * seconds.
 */
const TRACKING_SPEED = 30;
/**
 * Requests for each target in a minute of the platform, two seconds: fewer than the load generator sends,
 * more than one client with pauses.
 */
const REQUESTS_PER_TARGET = 30;
const RESTING_PER_SECOND = 4;
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
  for (const service of [SERVICE, WEB_SERVICE])
    await ecs.send(new DeleteServiceCommand({ cluster: "fileshare", service, force: true })).catch(() => {});
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

const untilCount = (count: number, name = SERVICE) =>
  eventually(async () => {
    const service = await describeService(name);
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
  });
}, 600_000);

/** Creates a service behind a host name of the demo's load balancer; answers the label of its metric. */
async function createWebService() {
  const { LoadBalancers: [balancer] = [] } = await elb.send(
    new DescribeLoadBalancersCommand({ Names: ["fileshare"] }),
  );
  const { Listeners = [] } = await elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: balancer?.LoadBalancerArn }),
  );
  const targetGroupArn = await createVersionTargetGroup(demo, WEB_SERVICE, balancer?.VpcId);
  const { Rules: [rule] = [] } = await elb.send(
    new CreateRuleCommand({
      ListenerArn: Listeners.find(({ Port }) => Port === 80)?.ListenerArn,
      Priority: 111,
      Conditions: [{ Field: "host-header", Values: [HOST] }],
      Actions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
    }),
  );
  await ecs.send(
    new CreateServiceCommand({
      cluster: "fileshare",
      serviceName: WEB_SERVICE,
      taskDefinition: await registerVersion(demo, WEB_SERVICE, "v1"),
      desiredCount: 2,
      networkConfiguration: (await demo.fileshare())?.networkConfiguration,
      loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 8080 }],
    }),
  );
  const label = [
    balancer?.LoadBalancerArn?.split(":loadbalancer/").at(-1),
    targetGroupArn.split(":").at(-1),
  ].join("/");
  const remove = async () => {
    await elb.send(new DeleteRuleCommand({ RuleArn: rule?.RuleArn }));
    await ecs.send(new DeleteServiceCommand({ cluster: "fileshare", service: WEB_SERVICE, force: true }));
    await eventually(() => elb.send(new DeleteTargetGroupCommand({ TargetGroupArn: targetGroupArn })));
  };
  return { label, remove };
}

it("tracks the requests per target that the proxy counts, out under load and in when the load ends", async () => {
  const tracked = targetOf(WEB_SERVICE);
  const { label, remove } = await createWebService();
  await untilCount(2, WEB_SERVICE);
  await scaling.send(new RegisterScalableTargetCommand({ ...tracked, MinCapacity: 2, MaxCapacity: 4 }));
  await scaling.send(
    new PutScalingPolicyCommand({
      ...tracked,
      PolicyName: "requests",
      PolicyType: "TargetTrackingScaling",
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: REQUESTS_PER_TARGET,
        PredefinedMetricSpecification: {
          PredefinedMetricType: "ALBRequestCountPerTarget",
          ResourceLabel: label,
        },
        ScaleOutCooldown: 60,
        ScaleInCooldown: 60,
      },
    }),
  );
  const asking = startAsking(demo, HOST);
  await demo.instance.gantry("clock", "speed", String(TRACKING_SPEED));
  await untilCount(4, WEB_SERVICE);
  await asking.stop();
  const resting = startAsking(demo, HOST, { perSecond: RESTING_PER_SECOND });
  await untilCount(2, WEB_SERVICE);
  await resting.stop();
  // No task is stopped before its requests have ended.
  expect([...asking.failures, ...resting.failures]).toEqual([]);
  const { ScalingActivities = [] } = await scaling.send(new DescribeScalingActivitiesCommand(tracked));
  const described = ScalingActivities.map(({ Description, Cause }) => [
    Description,
    /monitor alarm TargetTracking-service\/fileshare\/scaled-by-requests-Alarm(High|Low)-.* in state ALARM triggered policy requests$/.exec(
      Cause ?? "",
    )?.[1],
  ]);
  // Scaling in takes one step, or two where the first removes one task.
  expect(described.at(-1)).toEqual(["Setting desired count to 4.", "High"]);
  expect(described[0]).toEqual(["Setting desired count to 2.", "Low"]);
  await demo.instance.gantry("clock", "speed", "1");
  await remove();
}, 600_000);
