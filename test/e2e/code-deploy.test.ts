import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CodeDeployClient,
  CreateApplicationCommand,
  CreateDeploymentCommand,
  CreateDeploymentConfigCommand,
  CreateDeploymentGroupCommand,
  DeleteApplicationCommand,
  DeleteDeploymentConfigCommand,
  GetDeploymentCommand,
  GetDeploymentTargetCommand,
  StopDeploymentCommand,
  type ECSTaskSet,
} from "@aws-sdk/client-codedeploy";
import {
  CreateServiceCommand,
  DeleteServiceCommand,
  DescribeServicesCommand,
  ECSClient,
  type Service,
} from "@aws-sdk/client-ecs";
import {
  CreateRuleCommand,
  DeleteRuleCommand,
  DeleteTargetGroupCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { eventually } from "./helpers.ts";
import {
  createServiceRole,
  createVersionTargetGroup,
  registerVersion,
  startAsking,
  versionContainer,
  versionsOf,
} from "./versions.ts";

// A service that CodeDeploy deploys, beside the demo's: reached by a host name of its own.
const demo = openDemo(inject("demo"));
const { client, fileshare } = demo;
const HOST = "code-deploy.example.org";
const NAME = "code-deploy";
const ecs = new ECSClient(client());
const elb = new ElasticLoadBalancingV2Client(client());
const codeDeploy = new CodeDeployClient(client());
const folder = mkdtempSync(join(tmpdir(), "gantry-code-deploy-"));
const groups: string[] = [];
let rule = "";

const appSpecOf = (taskDefinition: string) =>
  JSON.stringify({
    version: 0.0,
    Resources: [
      {
        TargetService: {
          Type: "AWS::ECS::Service",
          Properties: {
            TaskDefinition: taskDefinition,
            LoadBalancerInfo: { ContainerName: "web", ContainerPort: 8080 },
          },
        },
      },
    ],
  });

beforeAll(async () => {
  const { LoadBalancers } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] }));
  const { Listeners } = await elb.send(
    new DescribeListenersCommand({ LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn }),
  );
  const ListenerArn = Listeners?.find((listener) => listener.Port === 80)?.ListenerArn ?? "";
  for (const groupName of ["codedeploy-blue", "codedeploy-green"])
    groups.push(await createVersionTargetGroup(demo, groupName, LoadBalancers?.[0]?.VpcId));
  const { Rules } = await elb.send(
    new CreateRuleCommand({
      ListenerArn,
      Priority: 111,
      Conditions: [{ Field: "host-header", Values: [HOST] }],
      Actions: [{ Type: "forward", TargetGroupArn: groups[0] }],
    }),
  );
  rule = Rules?.[0]?.RuleArn ?? "";
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
      deploymentConfigName: "CodeDeployDefault.ECSAllAtOnce",
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
  await ecs.send(new DeleteServiceCommand({ cluster: "fileshare", service: NAME, force: true }));
  await codeDeploy.send(new DeleteApplicationCommand({ applicationName: NAME }));
  await codeDeploy.send(new DeleteDeploymentConfigCommand({ deploymentConfigName: NAME }));
  await elb.send(new DeleteRuleCommand({ RuleArn: rule }));
  await eventually(async () => {
    for (const TargetGroupArn of groups) await elb.send(new DeleteTargetGroupCommand({ TargetGroupArn }));
  });
  rmSync(folder, { recursive: true });
});

async function service(): Promise<Service | undefined> {
  const { services } = await ecs.send(
    new DescribeServicesCommand({ cluster: "fileshare", services: [NAME] }),
  );
  return services?.[0];
}

async function deploy(taskDefinition: string, deploymentConfigName: string): Promise<string> {
  const { deploymentId } = await codeDeploy.send(
    new CreateDeploymentCommand({
      applicationName: NAME,
      deploymentGroupName: NAME,
      deploymentConfigName,
      revision: { revisionType: "AppSpecContent", appSpecContent: { content: appSpecOf(taskDefinition) } },
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
  const output = await demo.aws(
    "ecs",
    "deploy",
    ...Object.entries(options).flatMap(([option, value]) => [`--${option}`, value]),
  );
  const deploymentId = /d-[0-9A-Z]{9}/.exec(output)?.[0] ?? "";
  expect(output).toContain(`Successfully deployed`);
  expect((await codeDeploy.send(new GetDeploymentCommand({ deploymentId }))).deploymentInfo?.status).toBe(
    "Succeeded",
  );
  await demo.aws("deploy", "wait", "deployment-successful", "--deployment-id", deploymentId);
  const from = asking.answers.length;
  await new Promise((done) => setTimeout(done, 1_000));
  await asking.stop();
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers)).toEqual(new Set(["v1", "v2"]));
  expect(versionsOf(asking.answers.slice(from))).toEqual(new Set(["v2"]));
});

it("gives a canary its share and no more, and all traffic back when the deployment is stopped", async () => {
  const asking = startAsking(demo, HOST);
  const deploymentId = await deploy(await registerVersion(demo, NAME, "v3"), NAME);
  await eventually(async () => expect(weights(await taskSetsOf(deploymentId))).toEqual([20, 80]), 120_000);
  await eventually(async () => expect(versionsOf(asking.answers)).toContain("v3"));
  await new Promise((done) => setTimeout(done, 1_000));
  const from = asking.answers.length;
  await new Promise((done) => setTimeout(done, 8_000));
  const measured = asking.answers.slice(from);
  const share = measured.filter(({ version }) => version === "v3").length / measured.length;
  expect(Math.abs(share - 0.2), `${share} of ${measured.length}`).toBeLessThan(
    4 * Math.sqrt((0.2 * 0.8) / measured.length),
  );
  await codeDeploy.send(new StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true }));
  const rollbackId = await eventually(async () => {
    const { deploymentInfo } = await codeDeploy.send(new GetDeploymentCommand({ deploymentId }));
    expect(deploymentInfo?.status).toBe("Stopped");
    return deploymentInfo?.rollbackInfo?.rollbackDeploymentId;
  }, 60_000);
  await eventually(async () => {
    const { deploymentInfo } = await codeDeploy.send(new GetDeploymentCommand({ deploymentId: rollbackId }));
    expect(deploymentInfo?.status).toBe("Succeeded");
  }, 60_000);
  await eventually(
    async () => expect((await service())?.taskSets).toMatchObject([{ status: "PRIMARY" }]),
    60_000,
  );
  const after = asking.answers.length;
  await new Promise((done) => setTimeout(done, 1_000));
  await asking.stop();
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers.slice(after))).toEqual(new Set(["v2"]));
});

it("gives a version that never becomes healthy no request", async () => {
  const asking = startAsking(demo, HOST);
  const deploymentId = await deploy(
    await registerVersion(demo, NAME, "v4", 9_999),
    "CodeDeployDefault.ECSAllAtOnce",
  );
  await eventually(async () => {
    const green = (await taskSetsOf(deploymentId)).find((set) => set.taskSetLabel === "Green");
    expect(green?.runningCount).toBeGreaterThan(0);
  }, 60_000);
  await new Promise((done) => setTimeout(done, 10_000));
  expect(weights(await taskSetsOf(deploymentId))).toEqual([0, 100]);
  await codeDeploy.send(new StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true }));
  await eventually(async () => {
    const { deploymentInfo } = await codeDeploy.send(new GetDeploymentCommand({ deploymentId }));
    expect(deploymentInfo?.status).toBe("Stopped");
  }, 60_000);
  await asking.stop();
  expect(asking.failures, asking.failures.slice(0, 5).join("\n")).toEqual([]);
  expect(versionsOf(asking.answers)).toEqual(new Set(["v2"]));
});
