import * as sdk from "@aws-sdk/client-auto-scaling";
import * as ec2 from "@aws-sdk/client-ec2";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { startGroupWorld } from "@gantry/testkit/group-world";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, describe, expect, it } from "vitest";

// What callers set of Auto Scaling groups, and its effect.
const world = await startGroupWorld();
const { api, groups, store, settle, templateId } = world;
afterAll(() => world.close());
const LaunchTemplate = { LaunchTemplateId: templateId };
let count = 0;

const create = async (input: Partial<sdk.CreateAutoScalingGroupCommandInput> = {}): Promise<string> => {
  const AutoScalingGroupName = `set-${(count += 1)}`;
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

describe("settings of a group", () => {
  it("are shown, changed, and otherwise as on AWS", async () => {
    const recorded = {
      ...{ CapacityRebalance: true, Context: "c", DesiredCapacityType: "units", PlacementGroup: "p" },
      InstanceMaintenancePolicy: { MinHealthyPercentage: 90, MaxHealthyPercentage: 120 },
      AvailabilityZoneDistribution: { CapacityDistributionStrategy: "balanced-best-effort" as const },
    };
    const given = {
      ...{
        DefaultCooldown: 60,
        HealthCheckType: "ELB",
        HealthCheckGracePeriod: 30,
        MaxInstanceLifetime: 86_400,
      },
      ...{ NewInstancesProtectedFromScaleIn: true, TerminationPolicies: ["NewestInstance"] },
      DefaultInstanceWarmup: 20,
    };
    const ServiceLinkedRoleARN =
      "arn:aws:iam::000000000000:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
    const name = await create({ ...recorded, ...given, ServiceLinkedRoleARN, DesiredCapacity: 1 });
    expect(await shown(name)).toMatchObject({ ...recorded, ...given, ServiceLinkedRoleARN });
    const changed = {
      ...{ MinSize: 1, MaxSize: 3, DesiredCapacity: 2, DefaultCooldown: 70, HealthCheckType: "EC2" },
      ...{ HealthCheckGracePeriod: 40, NewInstancesProtectedFromScaleIn: false },
      ...{
        TerminationPolicies: ["OldestInstance", "Default"],
        MaxInstanceLifetime: 0,
        DefaultInstanceWarmup: -1,
      },
    };
    await groups.send(
      new sdk.UpdateAutoScalingGroupCommand({
        ...{
          ...changed,
          ...recorded,
          NewInstancesProtectedFromScaleIn: true,
          ServiceLinkedRoleARN,
          AutoScalingGroupName: name,
          LaunchTemplate,
        },
        AvailabilityZones: ["eu-south-1a", "eu-south-1b"],
      }),
    );
    await settle();
    const after = await shown(name);
    expect(after).toMatchObject({
      ...{ MinSize: 1, MaxSize: 3, DesiredCapacity: 2, DefaultCooldown: 70, HealthCheckType: "EC2" },
      AvailabilityZones: ["eu-south-1a", "eu-south-1b"],
    });
    expect(after?.MaxInstanceLifetime).toBeUndefined();
    expect(after?.Instances).toHaveLength(2);
    const VPCZoneIdentifier = world.subnets.slice(0, 2).join(",");
    const move = { AutoScalingGroupName: name, VPCZoneIdentifier };
    await groups.send(new sdk.UpdateAutoScalingGroupCommand(move));
    expect((await shown(name))?.VPCZoneIdentifier).toBe(VPCZoneIdentifier);
    // Terraform removes the policy so, and plans a change while it is shown.
    const InstanceMaintenancePolicy = { MinHealthyPercentage: -1, MaxHealthyPercentage: -1 };
    await groups.send(
      new sdk.UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, InstanceMaintenancePolicy }),
    );
    expect((await shown(name))?.InstanceMaintenancePolicy).toBeUndefined();
    await groups.send(
      new sdk.DeleteAutoScalingGroupCommand({ AutoScalingGroupName: name, ForceDelete: true }),
    );
  });

  it("of a mixed policy try its instance types in their order", async () => {
    const Overrides = [{ InstanceType: "t3.small" }, { InstanceType: "t3.micro" }];
    const LaunchTemplateSpecification = { LaunchTemplateName: "web", Version: "1" };
    const mixed = { LaunchTemplate: { LaunchTemplateSpecification, Overrides } };
    const name = await create({ MixedInstancesPolicy: mixed, DesiredCapacity: 1 });
    const group = await shown(name);
    expect(group?.Instances?.[0]?.InstanceType).toBe("t3.small");
    expect(group?.MixedInstancesPolicy?.LaunchTemplate?.Overrides).toEqual(Overrides);
    const named = { LaunchTemplateId: templateId, Version: "$Latest" };
    const MixedInstancesPolicy = { LaunchTemplate: { LaunchTemplateSpecification: named, Overrides } };
    await groups.send(
      new sdk.UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, MixedInstancesPolicy }),
    );
    await create({ MixedInstancesPolicy });
    const byName = { LaunchTemplateName: "web", Version: "$Default" };
    await create({ LaunchTemplate: byName });
    await groups.send(
      new sdk.UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, LaunchTemplate: byName }),
    );
    await groups.send(
      new sdk.UpdateAutoScalingGroupCommand({
        AutoScalingGroupName: name,
        LaunchTemplate: { LaunchTemplateId: templateId, Version: "1" },
      }),
    );
    await groups.send(
      new sdk.UpdateAutoScalingGroupCommand({ AutoScalingGroupName: name, MixedInstancesPolicy: mixed }),
    );
  });

  it("that nothing could launch are refused", async () => {
    expect(await codeOf(create({ LaunchTemplate: { LaunchTemplateName: "nothing" } }))).toBe(
      "ValidationError",
    );
    expect(await codeOf(create({ MinSize: 9 }))).toBe("ValidationError");
    expect(await codeOf(create({ DesiredCapacity: 9 }))).toBe("ValidationError");
    expect(await codeOf(create({ VPCZoneIdentifier: "subnet-1" }))).toBe("ValidationError");
    expect(await codeOf(create({ AvailabilityZones: ["eu-south-1x"] }))).toBe("ValidationError");
    expect(await codeOf(create({ TerminationPolicies: ["Any"] }))).toBe("ValidationError");
    expect(await codeOf(create({ TargetGroupARNs: ["arn:aws:elasticloadbalancing:x"] }))).toBe(
      "ValidationError",
    );
    const TrafficSources = [{ Identifier: "svc-1", Type: "vpc-lattice" }];
    await refusalFor("TrafficSources", () => create({ TrafficSources }));
    const twice = { AutoScalingGroupName: "set-1" };
    await create();
    expect(await codeOf(create({ ...twice, AutoScalingGroupName: `set-${count}` }))).toBe(
      "AlreadyExistsFault",
    );
  });

  it("let a failing launch be seen, and tried again", async () => {
    const data = { ...world.LaunchTemplateData, KeyName: "gone" };
    const made = await world.machines.send(
      new ec2.CreateLaunchTemplateCommand({ LaunchTemplateName: "failing", LaunchTemplateData: data }),
    );
    const { LaunchTemplateId } = made.LaunchTemplate ?? {};
    const topic = new sns.SNSClient(api.client());
    const { TopicArn: TopicARN = "" } = await topic.send(new sns.CreateTopicCommand({ Name: "launches" }));
    const queues = new sqs.SQSClient(api.client());
    const { QueueUrl } = await queues.send(new sqs.CreateQueueCommand({ QueueName: "launches" }));
    await topic.send(
      new sns.SubscribeCommand({
        ...{ TopicArn: TopicARN, Protocol: "sqs", Endpoint: "arn:aws:sqs:eu-south-1:000000000000:launches" },
      }),
    );
    const name = await create({ LaunchTemplate: { LaunchTemplateId, Version: "$Latest" } });
    const NotificationTypes = ["autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR"];
    const notification = { AutoScalingGroupName: name, TopicARN, NotificationTypes };
    await groups.send(new sdk.PutNotificationConfigurationCommand(notification));
    await groups.send(new sdk.SetDesiredCapacityCommand({ AutoScalingGroupName: name, DesiredCapacity: 1 }));
    await settle();
    const query = { AutoScalingGroupName: name, MaxRecords: 5 };
    const { Activities = [] } = await groups.send(new sdk.DescribeScalingActivitiesCommand(query));
    expect(Activities[0]).toMatchObject({ StatusCode: "Failed" });
    expect(Activities[0]?.StatusMessage).toContain("key pair 'gone' does not exist");
    const ActivityIds = [Activities[0]?.ActivityId ?? ""];
    const one = await groups.send(new sdk.DescribeScalingActivitiesCommand({ ActivityIds }));
    expect(one.Activities).toHaveLength(1);
    const sent = store.list("topicMessage").length + store.list("topicDelivery").length;
    expect(sent).toBeGreaterThan(0);
    expect(QueueUrl).toBeDefined();
    await world.machines.send(
      new ec2.CreateLaunchTemplateVersionCommand({
        ...{ LaunchTemplateId, LaunchTemplateData: world.LaunchTemplateData },
      }),
    );
    await settle(120_000);
    expect((await shown(name))?.Instances).toHaveLength(1);
    const all = { AutoScalingGroupNames: [name], MaxRecords: 50 };
    const { NotificationConfigurations } = await groups.send(
      new sdk.DescribeNotificationConfigurationsCommand(all),
    );
    expect(NotificationConfigurations).toHaveLength(2);
    await groups.send(
      new sdk.DeleteNotificationConfigurationCommand({ AutoScalingGroupName: name, TopicARN }),
    );
    expect(
      (await groups.send(new sdk.DescribeNotificationConfigurationsCommand(all))).NotificationConfigurations,
    ).toEqual([]);
    expect(
      (await groups.send(new sdk.DescribeAutoScalingNotificationTypesCommand({})))
        .AutoScalingNotificationTypes,
    ).toHaveLength(5);
  });
});

it("tags are changed, found and passed on to new instances", async () => {
  const name = await create();
  const tag = (Key: string, PropagateAtLaunch: boolean) => ({
    ...{ ResourceId: name, ResourceType: "auto-scaling-group", Key, Value: "v", PropagateAtLaunch },
  });
  const Tags = [tag("a", true), tag("b", false), tag("c", true)];
  await groups.send(new sdk.CreateOrUpdateTagsCommand({ Tags }));
  await groups.send(new sdk.DeleteTagsCommand({ Tags: [{ ...tag("c", true) }] }));
  const find = async (Name: string, Value: string) =>
    (await groups.send(new sdk.DescribeTagsCommand({ Filters: [{ Name, Values: [Value] }] }))).Tags ?? [];
  expect((await find("auto-scaling-group", name)).map(({ Key }) => Key)).toEqual(["a", "b"]);
  expect(await find("propagate-at-launch", "true")).toMatchObject([{ Key: "a" }]);
  const Filters = [{ Name: "tag:a", Values: ["v"] }];
  for (const IncludeInstances of [false, true])
    expect(await describeGroups({ Filters, IncludeInstances, MaxRecords: 5 })).toMatchObject([
      { AutoScalingGroupName: name },
    ]);
  const first = await groups.send(new sdk.DescribeTagsCommand({ MaxRecords: 1 }));
  const { NextToken } = first;
  const second = await groups.send(new sdk.DescribeTagsCommand({ NextToken, MaxRecords: 1 }));
  expect(second.Tags?.[0]).not.toEqual(first.Tags?.[0]);
  const created = { Tags: [{ ...tag("d", true), ResourceId: "x" }] };
  expect((await shown(await create(created)))?.Tags).toMatchObject([{ Key: "d", PropagateAtLaunch: true }]);
  const wrong = { Tags: [{ ...tag("aws:x", true) }] };
  expect(await codeOf(groups.send(new sdk.CreateOrUpdateTagsCommand(wrong)))).toBe("ValidationError");
});

it("a list refuses a token that it has not given", async () => {
  const AutoScalingGroupName = await create();
  const page = { AutoScalingGroupName, NextToken: "nonsense", MaxRecords: 5 };
  for (const list of [
    () => groups.send(new sdk.DescribeAutoScalingGroupsCommand(page)),
    () => groups.send(new sdk.DescribeAutoScalingInstancesCommand(page)),
    () => groups.send(new sdk.DescribeInstanceRefreshesCommand(page)),
    () => groups.send(new sdk.DescribeLoadBalancerTargetGroupsCommand(page)),
    () => groups.send(new sdk.DescribeLoadBalancersCommand(page)),
    () => groups.send(new sdk.DescribeNotificationConfigurationsCommand(page)),
    () => groups.send(new sdk.DescribePoliciesCommand(page)),
    () => groups.send(new sdk.DescribeScalingActivitiesCommand(page)),
    () => groups.send(new sdk.DescribeScheduledActionsCommand(page)),
    () => groups.send(new sdk.DescribeTrafficSourcesCommand(page)),
  ])
    expect(await codeOf(list())).toBe("InvalidNextToken");
});

it("processes that are suspended do nothing until they are resumed", async () => {
  const name = await create();
  const named = { AutoScalingGroupName: name };
  const ScalingProcesses = ["Launch"];
  await groups.send(new sdk.SuspendProcessesCommand({ ...named, ScalingProcesses }));
  await groups.send(new sdk.SetDesiredCapacityCommand({ ...named, DesiredCapacity: 1, HonorCooldown: true }));
  await settle();
  expect((await shown(name))?.Instances).toEqual([]);
  expect((await shown(name))?.SuspendedProcesses).toMatchObject([{ ProcessName: "Launch" }]);
  await groups.send(new sdk.ResumeProcessesCommand({ ...named, ScalingProcesses }));
  await settle();
  expect((await shown(name))?.Instances).toHaveLength(1);
  const Metrics = ["GroupMinSize"];
  await groups.send(new sdk.EnableMetricsCollectionCommand({ ...named, Metrics, Granularity: "1Minute" }));
  expect((await shown(name))?.EnabledMetrics).toEqual([{ Metric: "GroupMinSize", Granularity: "1Minute" }]);
  await groups.send(new sdk.DisableMetricsCollectionCommand({ ...named, Metrics }));
  expect((await shown(name))?.EnabledMetrics).toEqual([]);
  expect((await groups.send(new sdk.DescribeScalingProcessTypesCommand({}))).Processes).toHaveLength(9);
  expect(
    (await groups.send(new sdk.DescribeTerminationPolicyTypesCommand({}))).TerminationPolicyTypes,
  ).toContain("Default");
  expect((await groups.send(new sdk.DescribeMetricCollectionTypesCommand({}))).Metrics).toHaveLength(8);
  expect((await groups.send(new sdk.DescribeAdjustmentTypesCommand({}))).AdjustmentTypes).toHaveLength(3);
  expect((await groups.send(new sdk.DescribeLifecycleHookTypesCommand({}))).LifecycleHookTypes).toHaveLength(
    2,
  );
  expect(
    (await groups.send(new sdk.DescribeAccountLimitsCommand({}))).NumberOfAutoScalingGroups,
  ).toBeGreaterThan(0);
  expect(
    (await groups.send(new sdk.DescribeLoadBalancersCommand({ ...named, MaxRecords: 5 }))).LoadBalancers,
  ).toEqual([]);
});

it("an instance is protected, put aside, and ended by a caller", async () => {
  const name = await create({ DesiredCapacity: 2 });
  const named = { AutoScalingGroupName: name };
  const ids = async () => ((await shown(name))?.Instances ?? []).map(({ InstanceId = "" }) => InstanceId);
  const [first = "", second = ""] = await ids();
  const protect = { ...named, InstanceIds: [first], ProtectedFromScaleIn: true };
  await groups.send(new sdk.SetInstanceProtectionCommand(protect));
  await groups.send(new sdk.SetDesiredCapacityCommand({ ...named, DesiredCapacity: 0 }));
  await settle();
  expect(await ids()).toEqual([first]);
  await groups.send(new sdk.SetDesiredCapacityCommand({ ...named, DesiredCapacity: 1 }));
  await groups.send(
    new sdk.EnterStandbyCommand({ ...named, InstanceIds: [first], ShouldDecrementDesiredCapacity: true }),
  );
  await settle();
  expect((await shown(name))?.Instances).toMatchObject([{ InstanceId: first, LifecycleState: "Standby" }]);
  await groups.send(new sdk.ExitStandbyCommand({ ...named, InstanceIds: [first] }));
  await settle();
  const { AutoScalingInstances } = await groups.send(
    new sdk.DescribeAutoScalingInstancesCommand({ InstanceIds: [first], MaxRecords: 5 }),
  );
  expect(AutoScalingInstances).toMatchObject([{ AutoScalingGroupName: name, LifecycleState: "InService" }]);
  const { Activity } = await groups.send(
    new sdk.TerminateInstanceInAutoScalingGroupCommand({
      ...{ InstanceId: first, ShouldDecrementDesiredCapacity: true },
    }),
  );
  expect(Activity?.Description).toBe(`Terminating EC2 instance: ${first}`);
  await settle();
  expect((await shown(name))?.DesiredCapacity).toBe(0);
  expect(await ids()).toEqual([]);
  expect(await codeOf(groups.send(new sdk.ExitStandbyCommand({ ...named, InstanceIds: [second] })))).toBe(
    "ValidationError",
  );
});
