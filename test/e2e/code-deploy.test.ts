import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CodeDeployClient,
  UpdateDeploymentGroupCommand,
  CreateApplicationCommand,
  CreateDeploymentCommand,
  CreateDeploymentConfigCommand,
  CreateDeploymentGroupCommand,
  GetDeploymentCommand,
  GetDeploymentTargetCommand,
  StopDeploymentCommand,
  type ECSTaskSet,
} from "@aws-sdk/client-codedeploy";
import { CreateServiceCommand, DescribeServicesCommand, ECSClient, type Service } from "@aws-sdk/client-ecs";
import {
  CreateRuleCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { CloudWatchClient, DescribeAlarmsCommand, PutMetricAlarmCommand } from "@aws-sdk/client-cloudwatch";
import type { DeploymentReport } from "@gantry/control-plane";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bringUpDemo, openDemo } from "./demo.ts";
import { eventually, flagsOf, newInstance } from "./helpers.ts";
import { HOOK_FUNCTION, nameHookTask } from "./hook-task.ts";
import { killsOf } from "./kills-of.ts";
import {
  answersOfCanary,
  appSpecOf,
  createServiceRole,
  createVersionTargetGroup,
  expectShare,
  FAILING,
  PER_SECOND_MIN,
  registerVersion,
  startAsking,
  versionContainer,
  versionsOf,
} from "./versions.ts";

// A service that CodeDeploy deploys, beside the demo's: reached by a host name of its own. The instance is
// this file's alone, because a clock that is ahead stays so for a while.
const instance = await newInstance();
const demo = openDemo(await bringUpDemo(instance));
const { client, fileshare } = demo;
const HOST = "code-deploy.example.org";
const NAME = "code-deploy";
const ecs = new ECSClient(client());
const elb = new ElasticLoadBalancingV2Client(client());
const codeDeploy = new CodeDeployClient(client());
const cloudWatch = new CloudWatchClient(client());
const ALARM = "code-deploy-errors";
const AT_ONCE = "CodeDeployDefault.ECSAllAtOnce";
const CANARY = "CodeDeployDefault.ECSCanary10Percent5Minutes";
/** A step of five minutes takes fifteen seconds. */
const SPEED = 20;
/** The proxy is back within two seconds; other work on the machine multiplies that. */
const PROXY_AWAY_MS = 15_000;
const folder = mkdtempSync(join(tmpdir(), "gantry-code-deploy-"));
const groups: string[] = [];
let balancer = "";

beforeAll(async () => {
  const { LoadBalancers } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] }));
  const { Listeners } = await elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn }),
  );
  const ListenerArn = Listeners?.find((listener) => listener.Port === 80)?.ListenerArn ?? "";
  for (const groupName of ["codedeploy-blue", "codedeploy-green"])
    groups.push(await createVersionTargetGroup(demo, groupName, LoadBalancers?.[0]?.VpcId));
  balancer = /loadbalancer\/(.*)/.exec(LoadBalancers?.[0]?.LoadBalancerArn ?? "")?.[1] ?? "";
  await elb.send(
    new CreateRuleCommand({
      ListenerArn,
      Priority: 111,
      Conditions: [{ Field: "host-header", Values: [HOST] }],
      Actions: [{ Type: "forward", TargetGroupArn: groups[0] }],
    }),
  );
  const roleArn = await createServiceRole(demo, NAME, {
    service: "codedeploy.amazonaws.com",
    policy: "AWSCodeDeployRoleForECS",
  });
  await ecs.send(
    new CreateServiceCommand({
      cluster: "fileshare",
      serviceName: NAME,
      taskDefinition: await registerVersion(demo, NAME, "v1"),
      desiredCount: 2,
      networkConfiguration: (await fileshare())?.networkConfiguration,
      deploymentController: { type: "CODE_DEPLOY" },
      loadBalancers: [{ targetGroupArn: groups[0], containerName: "web", containerPort: 8080 }],
    }),
  );
  await codeDeploy.send(new CreateApplicationCommand({ applicationName: NAME, computePlatform: "ECS" }));
  await codeDeploy.send(
    new CreateDeploymentConfigCommand({
      deploymentConfigName: NAME,
      computePlatform: "ECS",
      trafficRoutingConfig: {
        type: "TimeBasedCanary",
        timeBasedCanary: { canaryPercentage: 20, canaryInterval: 10 },
      },
    }),
  );
  await codeDeploy.send(
    new CreateDeploymentGroupCommand({
      applicationName: NAME,
      deploymentGroupName: NAME,
      serviceRoleArn: roleArn,
      deploymentConfigName: AT_ONCE,
      deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITH_TRAFFIC_CONTROL" },
      ecsServices: [{ clusterName: "fileshare", serviceName: NAME }],
      autoRollbackConfiguration: {
        enabled: true,
        events: ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"],
      },
      blueGreenDeploymentConfiguration: {
        terminateBlueInstancesOnDeploymentSuccess: { action: "TERMINATE", terminationWaitTimeInMinutes: 0 },
        deploymentReadyOption: { actionOnTimeout: "CONTINUE_DEPLOYMENT" },
      },
      loadBalancerInfo: {
        targetGroupPairInfoList: [
          {
            targetGroups: [{ name: "codedeploy-blue" }, { name: "codedeploy-green" }],
            prodTrafficRoute: { listenerArns: [ListenerArn] },
          },
        ],
      },
    }),
  );
  await eventually(async () =>
    expect((await service())?.taskSets).toMatchObject([{ stabilityStatus: "STEADY_STATE", runningCount: 2 }]),
  );
});

afterAll(async () => {
  await instance.gantry("down", "--purge");
  rmSync(folder, { recursive: true });
});

async function service(): Promise<Service | undefined> {
  const { services } = await ecs.send(
    new DescribeServicesCommand({ cluster: "fileshare", services: [NAME] }),
  );
  return services?.[0];
}

async function deploy(
  taskDefinition: string,
  deploymentConfigName: string,
  ...hooks: readonly Readonly<Record<string, string>>[]
): Promise<string> {
  const { deploymentId } = await codeDeploy.send(
    new CreateDeploymentCommand({
      applicationName: NAME,
      deploymentGroupName: NAME,
      deploymentConfigName,
      revision: {
        revisionType: "AppSpecContent",
        appSpecContent: { content: appSpecOf(taskDefinition, ...hooks) },
      },
    }),
  );
  return deploymentId ?? "";
}

async function taskSetsOf(deploymentId: string): Promise<readonly ECSTaskSet[]> {
  const { deploymentTarget } = await codeDeploy.send(
    new GetDeploymentTargetCommand({ deploymentId, targetId: `fileshare:${NAME}` }),
  );
  return deploymentTarget?.ecsTarget?.taskSetsInfo ?? [];
}

const weights = (taskSets: readonly ECSTaskSet[]) => taskSets.map((set) => set.trafficWeight).toSorted();

it("deploys by the command line's own `aws ecs deploy` without a failed request", async () => {
  const asking = startAsking(demo, HOST);
  writeFileSync(join(folder, "appspec.json"), appSpecOf("set by the command"));
  writeFileSync(
    join(folder, "taskdef.json"),
    JSON.stringify({
      family: NAME,
      requiresCompatibilities: ["FARGATE"],
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [versionContainer("v2")],
    }),
  );
  const options = {
    cluster: "fileshare",
    service: NAME,
    "task-definition": join(folder, "taskdef.json"),
    "codedeploy-appspec": join(folder, "appspec.json"),
    "codedeploy-application": NAME,
    "codedeploy-deployment-group": NAME,
  };
  const output = await demo.aws("ecs", "deploy", ...flagsOf(options));
  const deploymentId = /d-[0-9A-Z]{9}/.exec(output)?.[0] ?? "";
  expect(output).toContain(`Successfully deployed`);
  expect((await codeDeploy.send(new GetDeploymentCommand({ deploymentId }))).deploymentInfo?.status).toBe(
    "Succeeded",
  );
  await demo.aws("deploy", "wait", "deployment-successful", "--deployment-id", deploymentId);
  const from = asking.answers.length;
  await pause(1_000);
  expect((await asking.stop()).perSecond).toBeGreaterThanOrEqual(PER_SECOND_MIN);
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers)).toEqual(new Set(["v1", "v2"]));
  expect(versionsOf(asking.answers.slice(from))).toEqual(new Set(["v2"]));
});

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function statusOf(deploymentId: string) {
  const { deploymentInfo } = await codeDeploy.send(new GetDeploymentCommand({ deploymentId }));
  return deploymentInfo;
}

const untilStatus = (deploymentId: string, status: string) =>
  eventually(async () => expect((await statusOf(deploymentId))?.status).toBe(status), 120_000);

const untilWeights = (deploymentId: string, expected: readonly number[]) =>
  eventually(async () => expect(weights(await taskSetsOf(deploymentId))).toEqual(expected), 120_000);

/** Waits for the deployment that returns the traffic. */
async function untilRolledBack(deploymentId: string): Promise<void> {
  await untilStatus(deploymentId, "Stopped");
  const rollback = (await statusOf(deploymentId))?.rollbackInfo?.rollbackDeploymentId ?? "";
  await untilStatus(rollback, "Succeeded");
}

async function reportOf(deploymentId: string): Promise<DeploymentReport> {
  const shown = await instance.gantry("deployments", "show", deploymentId, "--json");
  return JSON.parse(shown) as DeploymentReport; // Our own output.
}

it("gives a canary of five minutes its share in each interval, on a fast clock, without a failed request", async () => {
  await instance.gantry("clock", "speed", String(SPEED));
  const asking = startAsking(demo, HOST);
  const appSpecContent = { content: appSpecOf(await registerVersion(demo, NAME, "v3")) };
  const options = {
    ...{ "application-name": NAME, "deployment-group-name": NAME },
    "deployment-config-name": CANARY,
    revision: JSON.stringify({ revisionType: "AppSpecContent", appSpecContent }),
  };
  const created = await demo.aws("deploy", "create-deployment", ...flagsOf(options));
  const { deploymentId } = JSON.parse(created) as { deploymentId: string }; // The command's output.
  await untilWeights(deploymentId, [0, 100]);
  await untilStatus(deploymentId, "Succeeded");
  const after = asking.answers.length;
  await pause(1_000);
  const { perSecond } = await asking.stop();
  const canary = answersOfCanary(asking.answers, "v3");
  expectShare(canary.filter(({ version }) => version === "v3").length, canary.length, 0.1);
  expect(versionsOf(asking.answers.slice(after))).toEqual(new Set(["v3"]));
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(perSecond).toBeGreaterThanOrEqual(PER_SECOND_MIN);
  const { timeline, hasSucceeded, fleets } = await reportOf(deploymentId);
  const shifts = timeline.flatMap((event) => (event.type === "traffic" ? [event.production] : []));
  expect({ hasSucceeded, shifts }).toEqual({ hasSucceeded: true, shifts: [10, 100] });
  expect(fleets.map(({ taskDefinition }) => taskDefinition)).toEqual([`${NAME}:2`, `${NAME}:3`]);
});

it("rolls back a version that answers 500 by the alarm, with failures in proportion to its weight", async () => {
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName: ALARM,
      Namespace: "AWS/ApplicationELB",
      MetricName: "HTTPCode_Target_5XX_Count",
      Dimensions: [{ Name: "LoadBalancer", Value: balancer }],
      Statistic: "Sum",
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 5,
      ComparisonOperator: "GreaterThanThreshold",
      TreatMissingData: "notBreaching",
    }),
  );
  await eventually(async () => {
    const { MetricAlarms } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [ALARM] }));
    expect(MetricAlarms?.[0]?.StateValue).toBe("OK");
  }, 60_000);
  await codeDeploy.send(
    new UpdateDeploymentGroupCommand({
      applicationName: NAME,
      currentDeploymentGroupName: NAME,
      alarmConfiguration: { enabled: true, alarms: [{ name: ALARM }] },
      autoRollbackConfiguration: {
        enabled: true,
        events: ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
      },
    }),
  );
  const asking = startAsking(demo, HOST);
  const deploymentId = await deploy(await registerVersion(demo, NAME, FAILING), CANARY);
  await untilRolledBack(deploymentId);
  const settled = asking.failures.length;
  const after = asking.answers.length;
  await pause(2_000);
  await asking.stop();
  expect((await statusOf(deploymentId))?.errorInformation?.code).toBe("ALARM_ACTIVE");
  expect(asking.failures.length).toBe(settled);
  expect(versionsOf(asking.answers.slice(after))).toEqual(new Set(["v3"]));
  const failedAt = asking.failures.map((failure) => Date.parse(failure.slice(0, 24)));
  expect(asking.failures.filter((failure) => failure.slice(25, 28) !== "500")).toEqual([]);
  const [first = 0, last = 0] = [failedAt[0], failedAt.at(-1)];
  const served = asking.answers.filter(({ at }) => at >= first && at <= last).length;
  expectShare(failedAt.length, served + failedAt.length, 0.1);
  const { sentence } = await reportOf(deploymentId);
  expect(sentence).toMatch(
    new RegExp(`^Rolled back at 10 % of the traffic in AllowTraffic: the alarm "${ALARM}"`),
  );
  await instance.gantry("clock", "speed", "1");
});

const kills = killsOf(demo);

it("returns the traffic when it is stopped with rollback, and keeps it without, across kills", async () => {
  const asking = startAsking(demo, HOST);
  const rolledBack = await deploy(await registerVersion(demo, NAME, "v5"), NAME);
  await kills.agent();
  await untilWeights(rolledBack, [20, 80]);
  await kills.controlPlane();
  await eventually(() =>
    codeDeploy.send(new StopDeploymentCommand({ deploymentId: rolledBack, autoRollbackEnabled: true })),
  );
  await untilRolledBack(rolledBack);
  await eventually(
    async () => expect((await service())?.taskSets).toMatchObject([{ status: "PRIMARY" }]),
    60_000,
  );
  const after = asking.answers.length;
  await pause(1_000);
  expect(versionsOf(asking.answers.slice(after))).toEqual(new Set(["v3"]));
  const left = await deploy(await registerVersion(demo, NAME, "v6"), NAME);
  await untilWeights(left, [20, 80]);
  const proxyKilledAt = Date.now();
  await kills.proxy();
  await codeDeploy.send(new StopDeploymentCommand({ deploymentId: left, autoRollbackEnabled: false }));
  await untilStatus(left, "Stopped");
  await pause(PROXY_AWAY_MS);
  const from = asking.answers.length;
  await pause(3_000);
  await asking.stop();
  expect(weights(await taskSetsOf(left))).toEqual([20, 80]);
  const measured = asking.answers.slice(from);
  expectShare(measured.filter(({ version }) => version === "v6").length, measured.length, 0.2);
  // Clients lose their connections with the proxy alone.
  const unexplained = asking.failures.filter((failure) => {
    const at = Date.parse(failure.slice(0, 24));
    return at < proxyKilledAt || at > proxyKilledAt + PROXY_AWAY_MS;
  });
  expect(unexplained, unexplained.slice(0, 5).join("\n")).toEqual([]);
});

it("sends no request to an unhealthy version, and removes the leftovers of an earlier deployment", async () => {
  const asking = startAsking(demo, HOST);
  const deploymentId = await deploy(await registerVersion(demo, NAME, "v7", 9_999), AT_ONCE);
  await eventually(async () => {
    const green = (await taskSetsOf(deploymentId)).find((set) => set.taskSetLabel === "Green");
    expect(green?.runningCount).toBeGreaterThan(0);
  }, 60_000);
  const from = asking.answers.length;
  await pause(10_000);
  expect(weights(await taskSetsOf(deploymentId))).toEqual([0, 100]);
  await codeDeploy.send(new StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true }));
  await untilRolledBack(deploymentId);
  await asking.stop();
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers.slice(from))).toEqual(new Set(["v3"]));
});

it("runs a hook as a task, which reports by the API whether traffic may move", async () => {
  const taskRoleArn = await createServiceRole(demo, `${NAME}-hook`, {
    service: "ecs-tasks.amazonaws.com",
    policy: "AWSCodeDeployFullAccess",
  });
  const asking = startAsking(demo, HOST);
  await eventually(async () => expect(asking.answers.length).toBeGreaterThan(50));
  const [before = ""] = versionsOf(asking.answers);
  const hook = { BeforeAllowTraffic: HOOK_FUNCTION };
  await nameHookTask(demo, { status: "Failed", taskRoleArn });
  const refused = await deploy(await registerVersion(demo, NAME, "v8"), AT_ONCE, hook);
  await untilStatus(refused, "Failed");
  await nameHookTask(demo, { status: "Succeeded", taskRoleArn });
  const from = asking.answers.length;
  await eventually(async () => expect((await service())?.taskSets).toHaveLength(1), 60_000);
  const passed = await deploy(await registerVersion(demo, NAME, "v9"), AT_ONCE, hook);
  await untilStatus(passed, "Succeeded");
  await asking.stop();
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers.slice(0, from))).toEqual(new Set([before]));
  expect(versionsOf(asking.answers)).toEqual(new Set([before, "v9"]));
});
