import {
  ApplicationAutoScalingClient,
  DescribeScalingActivitiesCommand,
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
} from "@aws-sdk/client-application-auto-scaling";
import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  DeleteAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand as DescribeGroupActivitiesCommand,
  PutScalingPolicyCommand as PutGroupPolicyCommand,
} from "@aws-sdk/client-auto-scaling";
import { CloudWatchClient, DeleteAlarmsCommand, PutMetricAlarmCommand } from "@aws-sdk/client-cloudwatch";
import {
  CreateLaunchTemplateCommand,
  DeleteLaunchTemplateCommand,
  DescribeImagesCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
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

/** The containers of the name stop using their CPU. */
async function restAll(container = CONTAINER): Promise<void> {
  const labels = [`gantry.instance=${demo.name}`, `gantry.container=${container}`];
  const ids = await run("docker", ["ps", "-q", ...labels.flatMap((label) => ["--filter", `label=${label}`])]);
  // A container may end meanwhile.
  for (const id of ids.split("\n").filter(Boolean))
    await run("docker", ["exec", id, "touch", "/tmp/rest"]).catch(() => {});
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

const groups = new AutoScalingClient(demo.client());
const ec2 = new EC2Client(demo.client());
const GROUP = { AutoScalingGroupName: "scaled-by-cpu" };

/** A group of one instance, or two, which use all of their CPU from their start. */
async function createGroup(): Promise<void> {
  const filter = (name: string, value: string) => ({ Filters: [{ Name: name, Values: [value] }] });
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({ ...filter("name", "al2023-ami-2023*-x86_64"), Owners: ["amazon"] }),
  );
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand(filter("cidr-block", "172.16.15.96/28")),
  );
  // The health check of the instance has the processor before it.
  const burn = `#!/bin/sh\nnice -n 19 sh -c 'while [ ! -e /tmp/rest ]; do :; done' </dev/null >/dev/null 2>&1 &\n`;
  await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: GROUP.AutoScalingGroupName,
      LaunchTemplateData: {
        // One virtual processor, and a measure of each minute.
        ...{ ImageId: Images[0]?.ImageId, InstanceType: "t2.nano", Monitoring: { Enabled: true } },
        UserData: Buffer.from(burn).toString("base64"),
      },
    }),
  );
  await groups.send(
    new CreateAutoScalingGroupCommand({
      ...{ ...GROUP, MinSize: 1, MaxSize: 2, DefaultInstanceWarmup: 60, DefaultCooldown: 60 },
      ...{ VPCZoneIdentifier: Subnets[0]?.SubnetId, HealthCheckGracePeriod: 0 },
      LaunchTemplate: { LaunchTemplateName: GROUP.AutoScalingGroupName, Version: "$Latest" },
    }),
  );
}

const untilInService = (count: number, act = async () => {}) =>
  eventually(async () => {
    await act();
    const { AutoScalingGroups } = await groups.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [GROUP.AutoScalingGroupName] }),
    );
    const { DesiredCapacity, Instances = [] } = AutoScalingGroups?.[0] ?? {};
    const inService = Instances.filter(({ LifecycleState }) => LifecycleState === "InService");
    expect([DesiredCapacity, Instances.length, inService.length]).toEqual([count, count, count]);
  }, 240_000);

it("tracks the CPU that the instances of a group really use, out under load and in when it ends", async () => {
  await createGroup();
  await untilInService(1);
  await groups.send(
    new PutGroupPolicyCommand({
      ...{ ...GROUP, PolicyName: "cpu", PolicyType: "TargetTrackingScaling" },
      TargetTrackingConfiguration: {
        PredefinedMetricSpecification: { PredefinedMetricType: "ASGAverageCPUUtilization" },
        TargetValue: 20,
      },
    }),
  );
  await demo.instance.gantry("clock", "speed", String(TRACKING_SPEED));
  await untilInService(2);
  await untilInService(1, () => restAll("system"));
  await demo.instance.gantry("clock", "speed", "1");
  const { Activities = [] } = await groups.send(new DescribeGroupActivitiesCommand(GROUP));
  // The newest is the first. No instance was replaced meanwhile.
  const changes = Activities.map(({ Cause = "" }) => /capacity from \d to \d/.exec(Cause)?.[0] ?? Cause);
  expect(changes).toEqual(["capacity from 2 to 1", "capacity from 1 to 2", "capacity from 0 to 1"]);
  await groups.send(new DeleteAutoScalingGroupCommand({ ...GROUP, ForceDelete: true }));
  await ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateName: GROUP.AutoScalingGroupName }));
  await eventually(async () => {
    const left = await groups.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [GROUP.AutoScalingGroupName] }),
    );
    expect(left.AutoScalingGroups).toEqual([]);
  }, 60_000);
}, 300_000);
