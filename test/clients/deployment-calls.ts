/**
 * A call: its parameters, in which "@a.0.b" stands for that member of the last answer that has it; and the
 * code of the error that
 * is expected, because no controller runs.
 */
export type Call = readonly [service: string, operation: string, parameters: object, code?: string];

/** What the calls of all clients share: a role, a listener, its target group, and the names of two target groups. */
export interface Shared {
  readonly role: string;
  readonly listener: string;
  readonly targetGroup: string;
  readonly groups: readonly string[];
}

/**
 * Version 2 of the command line, as Debian has it, does not know service deployments and the tags of
 * scalable targets.
 */
const OLD = "cli2";
const ACCOUNT = "eu-south-1:000000000000";

/**
 * The calls of a client, whose resources carry its name: every operation on deployments, scaling, metrics
 * and alarms.
 */
export function callsOf(name: string, shared: Shared): readonly Call[] {
  return [
    ...codeDeployCalls(name, shared),
    ...scalingCalls(name),
    ...metricCalls(name),
    ...balancerCalls(shared),
    ...taskSetCalls(name),
    // The answers of clients are compared in the order of their calls: these come last.
    ...(name === OLD ? [] : [...serviceDeploymentCalls(name), ...scalingTagCalls(name)]),
  ];
}

function codeDeployCalls(name: string, shared: Shared): readonly Call[] {
  const application = { applicationName: name };
  const group = { ...application, deploymentGroupName: name };
  const revision = {
    revisionType: "AppSpecContent",
    appSpecContent: { content: JSON.stringify(appSpec) },
  };
  const stored = { revisionType: "S3", s3Location: { bucket: "specs", key: name, bundleType: "JSON" } };
  const target = { deploymentId: "@deploymentId", targetId: `shop:deployed-${name}` };
  const tagged = { ResourceArn: `arn:aws:codedeploy:${ACCOUNT}:application:${name}` };
  const calls: readonly (readonly [operation: string, parameters: object, code?: string])[] = [
    ["CreateApplication", { ...application, computePlatform: "ECS" }],
    ["GetApplication", application],
    ["ListApplications", {}],
    ["BatchGetApplications", { applicationNames: [name] }],
    ["CreateApplication", { applicationName: `other-${name}`, computePlatform: "ECS" }],
    ["UpdateApplication", { applicationName: `other-${name}`, newApplicationName: `renamed-${name}` }],
    ["DeleteApplication", { applicationName: `renamed-${name}` }],
    ["CreateDeploymentConfig", canaryOf(name)],
    ["GetDeploymentConfig", { deploymentConfigName: name }],
    ["ListDeploymentConfigs", {}],
    ["CreateDeploymentConfig", canaryOf(`spare-${name}`)],
    ["DeleteDeploymentConfig", { deploymentConfigName: `spare-${name}` }],
    ["CreateDeploymentGroup", { ...group, ...groupSettings(name, shared) }],
    ["GetDeploymentGroup", group],
    ["ListDeploymentGroups", application],
    ["BatchGetDeploymentGroups", { ...application, deploymentGroupNames: [name] }],
    [
      "UpdateDeploymentGroup",
      {
        ...application,
        currentDeploymentGroupName: name,
        alarmConfiguration: { enabled: true, alarms: [{ name }] },
      },
    ],
    ["RegisterApplicationRevision", { ...application, description: name, revision: stored }],
    ["GetApplicationRevision", { ...application, revision: stored }],
    ["BatchGetApplicationRevisions", { ...application, revisions: [stored] }],
    ["ListApplicationRevisions", application],
    ["TagResource", { ...tagged, Tags: [{ Key: "team", Value: "shop" }] }],
    ["ListTagsForResource", tagged],
    ["UntagResource", { ...tagged, TagKeys: ["team"] }],
    ["CreateDeployment", { ...group, revision }],
    ["GetDeployment", { deploymentId: "@deploymentId" }],
    ["BatchGetDeployments", { deploymentIds: ["@deploymentId"] }],
    ["ListDeployments", group],
    ["ListDeploymentTargets", { deploymentId: "@deploymentId" }],
    ["GetDeploymentTarget", target],
    ["BatchGetDeploymentTargets", { deploymentId: target.deploymentId, targetIds: [target.targetId] }],
    [
      "PutLifecycleEventHookExecutionStatus",
      { deploymentId: "@deploymentId", lifecycleEventHookExecutionId: "none", status: "Succeeded" },
      "InvalidLifecycleEventHookExecutionIdException",
    ],
    [
      "ContinueDeployment",
      { deploymentId: "@deploymentId", deploymentWaitType: "READY_WAIT" },
      "DeploymentIsNotInReadyStateException",
    ],
    ["StopDeployment", { deploymentId: "@deploymentId" }],
    ["DeleteDeploymentGroup", group],
  ];
  return calls.map(([operation, parameters, code]) => ["codedeploy", operation, parameters, code] as const);
}

const appSpec = {
  version: 0,
  Resources: [
    {
      TargetService: {
        Type: "AWS::ECS::Service",
        Properties: {
          TaskDefinition: `arn:aws:ecs:${ACCOUNT}:task-definition/web:1`,
          LoadBalancerInfo: { ContainerName: "web", ContainerPort: 80 },
        },
      },
    },
  ],
};

function canaryOf(deploymentConfigName: string): object {
  return {
    deploymentConfigName,
    computePlatform: "ECS",
    trafficRoutingConfig: {
      type: "TimeBasedCanary",
      timeBasedCanary: { canaryPercentage: 20, canaryInterval: 10 },
    },
  };
}

function groupSettings(name: string, { role, listener, groups }: Shared): object {
  return {
    deploymentConfigName: name,
    serviceRoleArn: role,
    deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITH_TRAFFIC_CONTROL" },
    ecsServices: [{ clusterName: "shop", serviceName: `deployed-${name}` }],
    autoRollbackConfiguration: { enabled: true, events: ["DEPLOYMENT_FAILURE"] },
    blueGreenDeploymentConfiguration: {
      terminateBlueInstancesOnDeploymentSuccess: { action: "TERMINATE", terminationWaitTimeInMinutes: 5 },
      deploymentReadyOption: { actionOnTimeout: "CONTINUE_DEPLOYMENT" },
    },
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: groups.map((each) => ({ name: each })),
          prodTrafficRoute: { listenerArns: [listener] },
        },
      ],
    },
  };
}

function targetOf(name: string) {
  return {
    ServiceNamespace: "ecs",
    ResourceId: `service/shop/native-${name}`,
    ScalableDimension: "ecs:service:DesiredCount",
  };
}

function scalingCalls(name: string): readonly Call[] {
  const target = targetOf(name);
  const tracking = {
    TargetValue: 50.5,
    PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageCPUUtilization" },
  };
  const calls: readonly (readonly [operation: string, parameters: object])[] = [
    ["RegisterScalableTarget", { ...target, MinCapacity: 1, MaxCapacity: 4 }],
    [
      "PutScalingPolicy",
      {
        ...{ ...target, PolicyName: name, PolicyType: "TargetTrackingScaling" },
        TargetTrackingScalingPolicyConfiguration: tracking,
      },
    ],
    [
      "PutScheduledAction",
      {
        ...{ ...target, ScheduledActionName: name, Timezone: "Europe/Berlin" },
        Schedule: "cron(0 20 ? * MON-FRI *)",
        ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
      },
    ],
    ["DescribeScalableTargets", { ServiceNamespace: "ecs", ResourceIds: [target.ResourceId] }],
    ["DescribeScalingPolicies", { ServiceNamespace: "ecs", PolicyNames: [name] }],
    ["DescribeScheduledActions", { ServiceNamespace: "ecs", ScheduledActionNames: [name] }],
    ["DescribeScalingActivities", { ServiceNamespace: "ecs", ResourceId: target.ResourceId }],
    ["DeleteScheduledAction", { ...target, ScheduledActionName: name }],
    ["DeleteScalingPolicy", { ...target, PolicyName: name }],
    ["DeregisterScalableTarget", target],
  ];
  return calls.map(([operation, parameters]) => ["application-autoscaling", operation, parameters] as const);
}

function metricCalls(name: string): readonly Call[] {
  const metric = { Namespace: "Shop", MetricName: name };
  // A client may have to be installed before it calls.
  const [start, end] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 900_000)];
  const time = { StartTime: start.toISOString(), EndTime: end.toISOString() };
  const tagged = { ResourceARN: `arn:aws:cloudwatch:${ACCOUNT}:alarm:${name}` };
  const query = { Id: "q", MetricStat: { Metric: metric, Period: 3_600, Stat: "Sum" } };
  const both = { AlarmNames: [`both-${name}`, name] };
  const calls: readonly (readonly [operation: string, parameters: object])[] = [
    ["PutMetricData", { Namespace: "Shop", MetricData: [{ MetricName: name, Value: 7.5, Unit: "Count" }] }],
    ["ListMetrics", metric],
    ["GetMetricStatistics", { ...metric, ...time, Period: 3_600, Statistics: ["Sum", "Maximum"] }],
    ["GetMetricData", { ...time, MetricDataQueries: [query] }],
    [
      "PutMetricAlarm",
      {
        ...metric,
        AlarmName: name,
        ExtendedStatistic: "p99",
        ...{ Period: 60, EvaluationPeriods: 3, DatapointsToAlarm: 2, Threshold: 0.5 },
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "notBreaching",
      },
    ],
    ["PutCompositeAlarm", { AlarmName: `both-${name}`, AlarmRule: `ALARM("${name}") OR FALSE` }],
    ["DescribeAlarms", { AlarmNames: [name] }],
    ["DescribeAlarmsForMetric", { ...metric, ExtendedStatistic: "p99" }],
    ["SetAlarmState", { AlarmName: name, StateValue: "OK", StateReason: "by hand" }],
    ["DisableAlarmActions", both],
    ["EnableAlarmActions", both],
    ["DescribeAlarmHistory", { AlarmName: name, HistoryItemType: "StateUpdate" }],
    ["TagResource", { ...tagged, Tags: [{ Key: "team", Value: "shop" }] }],
    ["ListTagsForResource", tagged],
    ["UntagResource", { ...tagged, TagKeys: ["team"] }],
    ["PutDashboard", { DashboardName: name, DashboardBody: JSON.stringify({ widgets: [] }) }],
    ["GetDashboard", { DashboardName: name }],
    ["ListDashboards", { DashboardNamePrefix: name }],
    ["DeleteDashboards", { DashboardNames: [name] }],
    ["DeleteAlarms", { AlarmNames: [`both-${name}`] }],
  ];
  return calls.map(([operation, parameters]) => ["cloudwatch", operation, parameters] as const);
}

/** Weights are moved, and seen, by each client at the same listener. */
function balancerCalls({ listener, targetGroup }: Shared): readonly Call[] {
  const ForwardConfig = {
    TargetGroups: [{ TargetGroupArn: targetGroup, Weight: 90 }],
    TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
  };
  const calls: readonly (readonly [operation: string, parameters: object])[] = [
    ["ModifyListener", { ListenerArn: listener, DefaultActions: [{ Type: "forward", ForwardConfig }] }],
    ["DescribeListeners", { ListenerArns: [listener] }],
    ["DescribeRules", { ListenerArn: listener }],
    ["DescribeTargetHealth", { TargetGroupArn: targetGroup }],
    ["DescribeTargetGroupAttributes", { TargetGroupArn: targetGroup }],
  ];
  return calls.map(([operation, parameters]) => ["elbv2", operation, parameters] as const);
}

function taskSetCalls(name: string): readonly Call[] {
  const service = { cluster: "shop", service: `external-${name}` };
  const taskSet = { ...service, taskSet: "@taskSet.taskSetArn" };
  return [
    [
      "ecs",
      "CreateTaskSet",
      {
        ...{ ...service, taskDefinition: "web", externalId: name, networkConfiguration: {} },
        scale: { unit: "PERCENT", value: 50 },
      },
    ],
    ["ecs", "DescribeTaskSets", { ...service, taskSets: ["@taskSet.taskSetArn"], include: ["TAGS"] }],
    ["ecs", "UpdateTaskSet", { ...taskSet, scale: { unit: "PERCENT", value: 100 } }],
    ["ecs", "UpdateServicePrimaryTaskSet", { ...service, primaryTaskSet: "@taskSet.taskSetArn" }],
    ["ecs", "DescribeServices", { cluster: "shop", services: [service.service] }],
    ["ecs", "DeleteTaskSet", { ...taskSet, force: true }],
  ];
}

function serviceDeploymentCalls(name: string): readonly Call[] {
  const deployment = { serviceDeploymentArn: "@serviceDeployments.0.serviceDeploymentArn" };
  return [
    ["ecs", "ListServiceDeployments", { cluster: "shop", service: `native-${name}` }],
    ["ecs", "DescribeServiceDeployments", { serviceDeploymentArns: [deployment.serviceDeploymentArn] }],
    [
      "ecs",
      "DescribeServiceRevisions",
      { serviceRevisionArns: ["@serviceDeployments.0.targetServiceRevision.arn"] },
    ],
    ["ecs", "ContinueServiceDeployment", { ...deployment, hookId: "none" }, "InvalidParameterException"],
    ["ecs", "StopServiceDeployment", { ...deployment, stopType: "ROLLBACK" }],
  ];
}

function scalingTagCalls(name: string): readonly Call[] {
  const tagged = { ResourceARN: "@ScalableTargetARN" };
  const service = "application-autoscaling";
  return [
    [service, "RegisterScalableTarget", { ...targetOf(name), MinCapacity: 1, MaxCapacity: 2 }],
    [service, "TagResource", { ...tagged, Tags: { team: "shop" } }],
    [service, "ListTagsForResource", tagged],
    [service, "UntagResource", { ...tagged, TagKeys: ["team"] }],
  ];
}
