import { execFile } from "node:child_process";
import { join } from "node:path";
import * as scaling from "@aws-sdk/client-application-auto-scaling";
import * as cloudWatch from "@aws-sdk/client-cloudwatch";
import * as codeDeploy from "@aws-sdk/client-codedeploy";
import * as ecs from "@aws-sdk/client-ecs";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { createBalancer, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PROJECT } from "../e2e/helpers.ts";
import { debianPackages, has, python } from "./clients.ts";

// The same calls by four clients: what an operation answers must reach each of them alike.
type Call = readonly [service: string, operation: string, parameters: object];
type Answers = readonly Record<string, unknown>[];

const api = await startApi();
afterAll(() => api.close());
const ENVIRONMENT = {
  ...process.env,
  ...api.environment,
  AWS_DEFAULT_REGION: "eu-south-1",
  AWS_PAGER: "",
};
let role = "";
let listener = "";
let groups: readonly string[] = [];

beforeAll(async () => {
  const { targetGroupArn, listenerArn, subnets } = await createBalancer(api.client(), "web");
  const { Role } = await new IAMClient(api.client()).send(
    new CreateRoleCommand({
      RoleName: "deployer",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Principal: { Service: "codedeploy.amazonaws.com" }, Action: "sts:AssumeRole" },
        ],
      }),
    }),
  );
  role = Role?.Arn ?? "";
  listener = listenerArn;
  await createBalancer(api.client(), "green");
  groups = ["web", "green"];
  const services = new ecs.ECSClient(api.client());
  await services.send(new ecs.CreateClusterCommand({ clusterName: "shop" }));
  await services.send(
    new ecs.RegisterTaskDefinitionCommand({
      ...{ family: "web", networkMode: "awsvpc", cpu: "256", memory: "512" },
      containerDefinitions: [{ name: "web", image: "busybox", portMappings: [{ containerPort: 80 }] }],
    }),
  );
  const common = { cluster: "shop", taskDefinition: "web", desiredCount: 1 };
  const networkConfiguration = { awsvpcConfiguration: { subnets } };
  for (const name of ["js", "boto3", "cli1", "cli2"])
    await services.send(
      new ecs.CreateServiceCommand({
        ...common,
        serviceName: `deployed-${name}`,
        deploymentController: { type: "CODE_DEPLOY" },
        networkConfiguration,
        loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 80 }],
      }),
    );
  for (const name of ["js", "boto3", "cli1", "cli2"])
    await services.send(
      new ecs.CreateServiceCommand({ ...common, serviceName: `native-${name}`, networkConfiguration }),
    );
});

/** The calls of a client, whose resources carry its name. */
function callsOf(name: string): readonly Call[] {
  const appSpec = {
    version: 0,
    Resources: [
      {
        TargetService: {
          Type: "AWS::ECS::Service",
          Properties: {
            TaskDefinition: "arn:aws:ecs:eu-south-1:000000000000:task-definition/web:1",
            LoadBalancerInfo: { ContainerName: "web", ContainerPort: 80 },
          },
        },
      },
    ],
  };
  const group = { applicationName: name, deploymentGroupName: name };
  const target = {
    ...{ ServiceNamespace: "ecs", ResourceId: `service/shop/native-${name}` },
    ScalableDimension: "ecs:service:DesiredCount",
  };
  const metric = { Namespace: "Shop", MetricName: name };
  return [
    ["codedeploy", "CreateApplication", { applicationName: name, computePlatform: "ECS" }],
    [
      "codedeploy",
      "CreateDeploymentConfig",
      {
        deploymentConfigName: name,
        computePlatform: "ECS",
        trafficRoutingConfig: {
          type: "TimeBasedCanary",
          timeBasedCanary: { canaryPercentage: 20, canaryInterval: 10 },
        },
      },
    ],
    ["codedeploy", "GetDeploymentConfig", { deploymentConfigName: name }],
    [
      "codedeploy",
      "CreateDeploymentGroup",
      {
        ...group,
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
      },
    ],
    ["codedeploy", "GetDeploymentGroup", group],
    [
      "codedeploy",
      "CreateDeployment",
      {
        ...group,
        revision: { revisionType: "AppSpecContent", appSpecContent: { content: JSON.stringify(appSpec) } },
      },
    ],
    ["codedeploy", "ListDeployments", group],
    ["codedeploy", "BatchGetDeploymentGroups", { applicationName: name, deploymentGroupNames: [name] }],
    ["codedeploy", "ListApplicationRevisions", { applicationName: name }],
    ["application-autoscaling", "RegisterScalableTarget", { ...target, MinCapacity: 1, MaxCapacity: 4 }],
    [
      "application-autoscaling",
      "PutScalingPolicy",
      {
        ...target,
        PolicyName: name,
        PolicyType: "TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 50.5,
          PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageCPUUtilization" },
        },
      },
    ],
    [
      "application-autoscaling",
      "PutScheduledAction",
      {
        ...target,
        ScheduledActionName: name,
        Schedule: "cron(0 20 ? * MON-FRI *)",
        Timezone: "Europe/Berlin",
        ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
      },
    ],
    [
      "application-autoscaling",
      "DescribeScalableTargets",
      { ServiceNamespace: "ecs", ResourceIds: [target.ResourceId] },
    ],
    ["application-autoscaling", "DescribeScalingPolicies", { ServiceNamespace: "ecs", PolicyNames: [name] }],
    [
      "application-autoscaling",
      "DescribeScheduledActions",
      { ServiceNamespace: "ecs", ScheduledActionNames: [name] },
    ],
    [
      "application-autoscaling",
      "DescribeScalingActivities",
      { ServiceNamespace: "ecs", ResourceId: target.ResourceId },
    ],
    [
      "cloudwatch",
      "PutMetricData",
      { Namespace: "Shop", MetricData: [{ MetricName: name, Value: 7.5, Unit: "Count" }] },
    ],
    ["cloudwatch", "ListMetrics", metric],
    [
      "cloudwatch",
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
    ["cloudwatch", "DescribeAlarms", { AlarmNames: [name] }],
    ["cloudwatch", "PutDashboard", { DashboardName: name, DashboardBody: JSON.stringify({ widgets: [] }) }],
    ["cloudwatch", "GetDashboard", { DashboardName: name }],
    ["ecs", "DescribeServices", { cluster: "shop", services: [`deployed-${name}`] }],
    // Members that the version 2 of Debian does not know yet.
    ...(name === "cli2"
      ? []
      : ([["ecs", "ListServiceDeployments", { cluster: "shop", service: `native-${name}` }]] as const)),
  ];
}

const SDK: Readonly<
  Record<string, { readonly client: new (options: object) => object; readonly commands: object }>
> = {
  codedeploy: { client: codeDeploy.CodeDeployClient, commands: codeDeploy },
  "application-autoscaling": { client: scaling.ApplicationAutoScalingClient, commands: scaling },
  cloudwatch: { client: cloudWatch.CloudWatchClient, commands: cloudWatch },
  ecs: { client: ecs.ECSClient, commands: ecs },
};

async function bySdk(calls: readonly Call[]): Promise<Answers> {
  const answers: Record<string, unknown>[] = [];
  for (const [service, operation, parameters] of calls) {
    const { client: Client, commands } = SDK[service] ?? expect.fail(service);
    const Command = (commands as Record<string, new (input: object) => object>)[`${operation}Command`];
    const client = new Client(api.client()) as { send(command: object): Promise<Record<string, unknown>> };
    if (Command === undefined) return expect.fail(operation);
    const answer = await client.send(new Command(parameters));
    answers.push({ ...answer, $metadata: undefined });
  }
  return answers;
}

async function byBoto3(calls: readonly Call[]): Promise<Answers> {
  const program = join(await python(), "bin/python");
  return JSON.parse(
    await pipe(program, [join(PROJECT, "test/clients/calls.py")], JSON.stringify(calls)),
  ) as Answers;
}

/** By a version of the command line, one process for each call. */
async function byCommand(program: string, calls: readonly Call[]): Promise<Answers> {
  const answers: Record<string, unknown>[] = [];
  for (const [service, operation, parameters] of calls) {
    const command = operation.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();
    const name = service === "codedeploy" ? "deploy" : service;
    const output = await pipe(program, [
      ...["--endpoint-url", api.endpoint, "--output", "json", name, command],
      ...["--cli-input-json", JSON.stringify(parameters)],
    ]);
    answers.push((output.trim() === "" ? {} : JSON.parse(output)) as Record<string, unknown>);
  }
  return answers;
}

function pipe(program: string, parameters: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, parameters, { env: ENVIRONMENT }, (problem, stdout, stderr) =>
      problem === null ? resolve(stdout) : reject(new Error(`${parameters.join(" ")}: ${stderr}`)),
    );
    child.stdin?.end(input);
  });
}

/** An answer without what differs by client: its name, ids, times and absent members. */
function comparable(value: unknown, name: string): unknown {
  const text = JSON.stringify(value, (key, each: unknown) =>
    /(?:Time|Timestamp|At|Modified|LastUpdated\w*)$/i.test(key) || each === null ? undefined : each,
  );
  return JSON.parse(
    text
      .replaceAll(new RegExp(`(?<=["/:-])${name}(?=["/:-])`, "g"), "NAME")
      .replaceAll(
        /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{22,}|d-[0-9A-Z]{9}|\d{16,20}|ecs-svc\/\d+/g,
        "ID",
      ),
  );
}

const CLIENTS = [
  { name: "boto3", needs: "python3", make: byBoto3 },
  {
    name: "cli1",
    needs: "python3",
    make: async (calls: readonly Call[]) => byCommand(join(await python(), "bin/aws"), calls),
  },
  {
    name: "cli2",
    needs: "apt-get",
    async make(calls: readonly Call[]) {
      await debianPackages("awscli");
      return byCommand("/usr/bin/aws", calls);
    },
  },
];

describe("deployments, scaling and alarms", () => {
  let expected: Promise<Answers>;
  beforeAll(() => {
    expected = bySdk(callsOf("js"));
    return expected;
  });

  it.concurrent.each(CLIENTS.filter(({ needs }) => has(needs)))(
    "are answered to $name as to the SDK of JavaScript",
    async ({ name, make }) => {
      const calls = callsOf(name);
      const answers = await make(calls);
      const byJs = await expected;
      for (const [index, [, operation]] of calls.entries()) {
        const [answer, wanted] = [comparable(answers[index], name), comparable(byJs[index], "js")];
        // An older command line leaves out members that it does not know.
        if (name === "cli2") expect(wanted, operation).toMatchObject(answer as object);
        else expect(answer, operation).toEqual(wanted);
      }
    },
  );
});
