import * as aas from "@aws-sdk/client-application-auto-scaling";
import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import { createBalancer, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const scaling = new aas.ApplicationAutoScalingClient(api.client());
const alarms = new cloudwatch.CloudWatchClient(api.client());
const services = new ecs.ECSClient(api.client());
const identities = new iam.IAMClient(api.client());
const named = (service = "web") => ({
  ServiceNamespace: aas.ServiceNamespace.ECS,
  ResourceId: `service/shop/${service}`,
  ScalableDimension: aas.ScalableDimension.ECSServiceDesiredCount,
});
const CPU = {
  TargetValue: 70,
  PredefinedMetricSpecification: { PredefinedMetricType: aas.MetricType.ECSServiceAverageCPUUtilization },
};
const STEP: aas.StepScalingPolicyConfiguration = {
  AdjustmentType: "ChangeInCapacity",
  StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
};
const register = (service?: string, more: Partial<aas.RegisterScalableTargetCommandInput> = {}) =>
  scaling.send(
    new aas.RegisterScalableTargetCommand({ ...named(service), MinCapacity: 2, MaxCapacity: 4, ...more }),
  );
const track = (PolicyName: string, configuration: object = CPU, service?: string) =>
  scaling.send(
    new aas.PutScalingPolicyCommand({
      ...named(service),
      PolicyName,
      PolicyType: "TargetTrackingScaling",
      TargetTrackingScalingPolicyConfiguration: configuration as aas.TargetTrackingScalingPolicyConfiguration,
    }),
  );
const step = (PolicyName: string, configuration: Partial<aas.StepScalingPolicyConfiguration> = {}) =>
  scaling.send(
    new aas.PutScalingPolicyCommand({
      ...named(),
      PolicyName,
      PolicyType: "StepScaling",
      StepScalingPolicyConfiguration: { ...STEP, ...configuration },
    }),
  );

beforeAll(async () => {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  await services.send(new ecs.CreateClusterCommand({ clusterName: "shop" }));
  await services.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "web",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "web", image: "busybox" }],
    }),
  );
  for (const serviceName of ["web", "other", "tagged"])
    await services.send(
      new ecs.CreateServiceCommand({
        cluster: "shop",
        serviceName,
        taskDefinition: "web",
        desiredCount: 2,
        networkConfiguration: { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } },
      }),
    );
});

/**
 * A service behind a load balancer; labels of its target group, with a load balancer without it, and of
 * another group.
 */
async function balancedService() {
  const own = await createBalancer(api.client(), "own");
  const other = await createBalancer(api.client(), "other");
  await services.send(
    new ecs.RegisterTaskDefinitionCommand({
      ...{ family: "balanced", networkMode: "awsvpc", cpu: "256", memory: "512" },
      containerDefinitions: [{ name: "web", image: "busybox", portMappings: [{ containerPort: 80 }] }],
    }),
  );
  await services.send(
    new ecs.CreateServiceCommand({
      ...{ cluster: "shop", serviceName: "balanced", taskDefinition: "balanced", desiredCount: 2 },
      loadBalancers: [{ targetGroupArn: own.targetGroupArn, containerName: "web", containerPort: 80 }],
      networkConfiguration: { awsvpcConfiguration: { subnets: own.subnets } },
    }),
  );
  await register("balanced");
  return {
    label: `${own.balancer}/${own.group}`,
    unrouted: `${other.balancer}/${own.group}`,
    foreign: `${other.balancer}/${other.group}`,
  };
}

describe("scalable targets", () => {
  it("are registered with the service-linked role, changed and described", async () => {
    const { ScalableTargetARN } = await register();
    expect(ScalableTargetARN).toMatch(
      /:application-autoscaling:eu-south-1:\d+:scalable-target\/[0-9a-f]{36}$/,
    );
    await scaling.send(
      new aas.RegisterScalableTargetCommand({
        ...named(),
        SuspendedState: { DynamicScalingInSuspended: true },
      }),
    );
    const { ScalableTargets = [] } = await scaling.send(
      new aas.DescribeScalableTargetsCommand({ ServiceNamespace: "ecs", ResourceIds: [named().ResourceId] }),
    );
    expect(ScalableTargets).toMatchObject([
      {
        MinCapacity: 2,
        MaxCapacity: 4,
        RoleARN:
          "arn:aws:iam::000000000000:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
        SuspendedState: { DynamicScalingInSuspended: true, DynamicScalingOutSuspended: false },
      },
    ]);
    const { Role } = await identities.send(
      new iam.GetRoleCommand({ RoleName: "AWSServiceRoleForApplicationAutoScaling_ECSService" }),
    );
    expect(Role?.Arn).toBe(ScalableTargets[0]?.RoleARN);
  });

  it("are accepted for existing ECS services, with a minimum up to the maximum", async () => {
    await expect(register("web", { ServiceNamespace: "dynamodb" })).rejects.toThrow(
      "dynamodb is not supported",
    );
    await expect(register("nobody")).rejects.toMatchObject({ name: "ValidationException" });
    await expect(register("web", { MinCapacity: 5 })).rejects.toThrow("greater than maximum");
    await expect(register("other", { MaxCapacity: undefined })).rejects.toThrow("must be specified for new");
  });

  it("keep their service-linked role from being deleted", async () => {
    const RoleName = "AWSServiceRoleForApplicationAutoScaling_ECSService";
    const { DeletionTaskId } = await identities.send(new iam.DeleteServiceLinkedRoleCommand({ RoleName }));
    const status = await identities.send(
      new iam.GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId }),
    );
    expect(status.Status).toBe("FAILED");
  });

  it("are tagged", async () => {
    const { ScalableTargetARN: ResourceARN } = await register("tagged", { Tags: { team: "a" } });
    await scaling.send(new aas.TagResourceCommand({ ResourceARN, Tags: { stage: "b" } }));
    await scaling.send(new aas.UntagResourceCommand({ ResourceARN, TagKeys: ["team"] }));
    const { Tags } = await scaling.send(new aas.ListTagsForResourceCommand({ ResourceARN }));
    expect(Tags).toEqual({ stage: "b" });
    const absent = new aas.ListTagsForResourceCommand({ ResourceARN: `${ResourceARN}0` });
    await expect(scaling.send(absent)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  it("are removed with their policies, alarms and scheduled actions", async () => {
    await register("other");
    const { Alarms = [] } = await track("cpu", CPU, "other");
    await scaling.send(new aas.DeregisterScalableTargetCommand(named("other")));
    const found = await alarms.send(
      new cloudwatch.DescribeAlarmsCommand({ AlarmNames: Alarms.map(({ AlarmName }) => AlarmName ?? "") }),
    );
    expect(found.MetricAlarms).toEqual([]);
    await expect(scaling.send(new aas.DeregisterScalableTargetCommand(named("other")))).rejects.toThrow(
      "No scalable target registered for service namespace: ecs, resource ID: service/shop/other, " +
        "scalable dimension: ecs:service:DesiredCount",
    );
  });
});

describe("target tracking policies", () => {
  it("have an alarm above the target and one below nine tenths of it", async () => {
    const { PolicyARN, Alarms = [] } = await track("cpu");
    expect(PolicyARN).toMatch(
      /^arn:aws:autoscaling:eu-south-1:000000000000:scalingPolicy:[0-9a-f-]{36}:resource\/ecs\/service\/shop\/web:policyName\/cpu$/,
    );
    const { MetricAlarms = [] } = await alarms.send(
      new cloudwatch.DescribeAlarmsCommand({ AlarmNames: Alarms.map(({ AlarmName }) => AlarmName ?? "") }),
    );
    const common = {
      AlarmActions: [PolicyARN],
      Namespace: "AWS/ECS",
      MetricName: "CPUUtilization",
      Period: 60,
    };
    expect(MetricAlarms).toMatchObject([
      { ...common, ComparisonOperator: "GreaterThanThreshold", Threshold: 70, EvaluationPeriods: 3 },
      { ...common, ComparisonOperator: "LessThanThreshold", Threshold: 63, EvaluationPeriods: 15 },
    ]);
    expect(MetricAlarms[0]?.AlarmName).toMatch(/^TargetTracking-service\/shop\/web-AlarmHigh-[0-9a-f-]{36}$/);
    const again = await track("cpu", { ...CPU, TargetValue: 50, DisableScaleIn: true });
    expect(again).toMatchObject({ PolicyARN, Alarms: [Alarms[0]] });
    const { ScalingPolicies } = await scaling.send(
      new aas.DescribeScalingPoliciesCommand({ ServiceNamespace: "ecs", PolicyNames: ["cpu"] }),
    );
    expect(ScalingPolicies).toMatchObject([
      {
        TargetTrackingScalingPolicyConfiguration: { TargetValue: 50, DisableScaleIn: true },
        Alarms: [Alarms[0]],
      },
    ]);
    await scaling.send(new aas.DeleteScalingPolicyCommand({ ...named(), PolicyName: "cpu" }));
    const left = await alarms.send(
      new cloudwatch.DescribeAlarmsCommand({ AlarmNamePrefix: "TargetTracking-service/shop/web" }),
    );
    expect(left.MetricAlarms).toEqual([]);
  });

  it("track requests per target and customized metrics, also expressions", async () => {
    const requests = (ResourceLabel?: string) => ({
      TargetValue: 100,
      PredefinedMetricSpecification: { PredefinedMetricType: "ALBRequestCountPerTarget", ResourceLabel },
    });
    await expect(track("requests", requests())).rejects.toThrow("ResourceLabel");
    await expect(track("requests", requests("app/a/targetgroup/b"))).rejects.toThrow("ResourceLabel");
    const { label, unrouted, foreign } = await balancedService();
    const follow = (ResourceLabel: string) => track("requests", requests(ResourceLabel), "balanced");
    await expect(follow(foreign)).rejects.toThrow("is not attached to the ECS service");
    await expect(follow(unrouted)).rejects.toThrow("does not route traffic to the target group");
    await expect(track("requests", requests(label))).rejects.toThrow("is not attached to the ECS service");
    await follow(label);
    const stat = (Id: string, ReturnData: boolean) => ({
      Id,
      ReturnData,
      MetricStat: { Metric: { Namespace: "Q", MetricName: Id }, Stat: "Sum" },
    });
    const queries = (Expression: string) => ({
      TargetValue: 10,
      CustomizedMetricSpecification: {
        Metrics: [stat("a", false), stat("b", false), { Id: "e", Expression, ReturnData: true }],
      },
    });
    await expect(track("own", queries("a /"))).rejects.toMatchObject({ name: "ValidationException" });
    await track("own", queries("a / b"));
    const { ScalingPolicies = [] } = await scaling.send(
      new aas.DescribeScalingPoliciesCommand({ ...named(), PolicyNames: ["own"] }),
    );
    expect(
      ScalingPolicies[0]?.TargetTrackingScalingPolicyConfiguration?.CustomizedMetricSpecification?.Metrics,
    ).toEqual(queries("a / b").CustomizedMetricSpecification.Metrics);
  });

  it("are refused with a target, a metric or a type that they cannot track", async () => {
    await expect(track("bad", { ...CPU, TargetValue: 0 })).rejects.toThrow("TargetValue");
    await expect(track("bad", { TargetValue: 1 })).rejects.toThrow("Exactly one of");
    const metric = { PredefinedMetricType: "DynamoDBReadCapacityUtilization" };
    await expect(track("bad", { TargetValue: 1, PredefinedMetricSpecification: metric })).rejects.toThrow(
      "not one of ECS",
    );
    await expect(
      scaling.send(
        new aas.PutScalingPolicyCommand({ ...named(), PolicyName: "p", PolicyType: "PredictiveScaling" }),
      ),
    ).rejects.toThrow("PredictiveScaling");
    await expect(
      scaling.send(
        new aas.GetPredictiveScalingForecastCommand({
          ...named(),
          PolicyName: "p",
          StartTime: new Date(0),
          EndTime: new Date(1),
        }),
      ),
    ).rejects.toThrow("GetPredictiveScalingForecast");
  });
});

describe("step scaling policies", () => {
  it("have steps without gaps and overlaps", async () => {
    const between = (lower: number | undefined, upper: number | undefined) => ({
      MetricIntervalLowerBound: lower,
      MetricIntervalUpperBound: upper,
      ScalingAdjustment: 1,
    });
    const steps = (...StepAdjustments: aas.StepAdjustment[]) => step("s", { StepAdjustments });
    await steps(between(undefined, -10), between(-10, 0), between(0, 10), between(10, undefined));
    await expect(steps(between(0, 10), between(20, undefined))).rejects.toThrow("gaps");
    await expect(steps(between(0, 10), between(5, undefined))).rejects.toThrow("overlap");
    await expect(steps(between(0, 10))).rejects.toThrow("unspecified upper bound");
    await expect(steps(between(-10, 0))).rejects.toThrow("unspecified lower bound");
    await expect(steps(between(undefined, undefined))).rejects.toThrow("At least one of");
    await expect(steps(between(5, 5))).rejects.toThrow("greater than");
    await expect(steps()).rejects.toThrow("At least one StepAdjustment");
    await expect(step("s", { MinAdjustmentMagnitude: 2 })).rejects.toThrow("MinAdjustmentMagnitude");
  });

  it("list the alarms that name them", async () => {
    const { PolicyARN = "" } = await step("listed");
    await alarms.send(
      new cloudwatch.PutMetricAlarmCommand({
        AlarmName: "busy",
        Namespace: "N",
        MetricName: "M",
        Statistic: "Sum",
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: "GreaterThanThreshold",
        AlarmActions: [PolicyARN],
      }),
    );
    const { ScalingPolicies = [] } = await scaling.send(
      new aas.DescribeScalingPoliciesCommand({ ...named(), PolicyNames: ["listed"] }),
    );
    expect(ScalingPolicies[0]?.Alarms).toMatchObject([{ AlarmName: "busy" }]);
  });
});

describe("scheduled actions", () => {
  const put = (Schedule: string, more: Partial<aas.PutScheduledActionCommandInput> = {}) =>
    scaling.send(
      new aas.PutScheduledActionCommand({
        ...named(),
        ScheduledActionName: "night",
        Schedule,
        ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
        ...more,
      }),
    );

  it("are put, described and deleted", async () => {
    await put("cron(0 20 ? * MON-FRI *)", { Timezone: "Europe/Berlin" });
    const { ScheduledActions } = await scaling.send(new aas.DescribeScheduledActionsCommand(named()));
    expect(ScheduledActions).toMatchObject([
      {
        ScheduledActionName: "night",
        Schedule: "cron(0 20 ? * MON-FRI *)",
        Timezone: "Europe/Berlin",
        ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
      },
    ]);
    const remove = new aas.DeleteScheduledActionCommand({ ...named(), ScheduledActionName: "night" });
    await scaling.send(remove);
    await expect(scaling.send(remove)).rejects.toMatchObject({ name: "ObjectNotFoundException" });
  });

  it("are refused with an invalid schedule, time zone or bounds", async () => {
    for (const schedule of [
      "rate(0 minutes)",
      "rate(1 minutes)",
      "cron(0 20 * * * *)",
      "cron(0 20 ? * *)",
      "at(tomorrow)",
    ])
      await expect(put(schedule), schedule).rejects.toMatchObject({ name: "ValidationException" });
    await expect(put("rate(1 day)", { Timezone: "Europe/Atlantis" })).rejects.toThrow("timezone");
    await expect(put("rate(1 day)", { ScalableTargetAction: {} })).rejects.toThrow("ScalableTargetAction");
  });
});

it("lists no activities at first, and refuses invalid tokens", async () => {
  const list = (NextToken?: string) =>
    scaling.send(new aas.DescribeScalingActivitiesCommand({ ...named(), NextToken }));
  expect((await list()).ScalingActivities).toEqual([]);
  await expect(list("x")).rejects.toMatchObject({ name: "InvalidNextTokenException" });
});
