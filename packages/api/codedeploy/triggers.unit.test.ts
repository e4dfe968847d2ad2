import * as sdk from "@aws-sdk/client-codedeploy";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { codeDeployTriggerController } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { CODE_DEPLOY_NOTICES, saveCodeDeployment, type CodeDeploymentRecord } from "@gantry/state";
import { startTopicDeliveries, topicCalls } from "@gantry/testkit";
import { createBalancer } from "@gantry/testkit/balancer";
import { startEcs } from "@gantry/testkit/ecs-client";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

const { api, client: services, balancer, network } = await startEcs();
const client = new sdk.CodeDeployClient(api.client());
const roles = new iam.IAMClient(api.client());
const queues = new sqs.SQSClient(api.client());
const { createTopic, createQueue, subscribe, receive } = topicCalls(api);
const deliveries = startTopicDeliveries(api);
const warnings: object[] = [];
const deps = {
  ...{ store: api.store, clock: new SystemClock(), ids: randomIds() },
  log: { ...silentLogger, warn: (_: string, fields?: object) => void warnings.push(fields ?? {}) },
};
const triggers = new Controller(codeDeployTriggerController({ ...deps, callApi: api.call }), deps);
triggers.start();
afterAll(async () => {
  await triggers.stop();
  await deliveries.stop();
  api.close();
});

const NAMES = { applicationName: "app", deploymentGroupName: "group" };
const EVENTS = Object.values(sdk.TriggerEventType);
const content = JSON.stringify({
  version: 0,
  Resources: [
    {
      TargetService: {
        Type: "AWS::ECS::Service",
        Properties: {
          TaskDefinition: "arn:aws:ecs:eu-south-1:000000000000:task-definition/one:1",
          LoadBalancerInfo: { ContainerName: "c", ContainerPort: 80 },
        },
      },
    },
  ],
});
let serviceRoleArn = "";

beforeAll(async () => {
  await createBalancer(api.client(), "green");
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: "codedeploy.amazonaws.com" },
      Action: "sts:AssumeRole",
    },
  });
  const { Role } = await roles.send(
    new iam.CreateRoleCommand({ RoleName: "deployer", AssumeRolePolicyDocument }),
  );
  serviceRoleArn = Role?.Arn ?? "";
  await services.send(
    new ecs.CreateServiceCommand({
      ...{ serviceName: "web", taskDefinition: "one", desiredCount: 1, networkConfiguration: network() },
      deploymentController: { type: "CODE_DEPLOY" },
      loadBalancers: [{ targetGroupArn: balancer.targetGroupArn, containerName: "c", containerPort: 80 }],
    }),
  );
  await client.send(new sdk.CreateApplicationCommand({ applicationName: "app", computePlatform: "ECS" }));
});

const create = (deploymentGroupName: string, triggerConfigurations: sdk.TriggerConfig[]) =>
  client.send(
    new sdk.CreateDeploymentGroupCommand({
      ...{ applicationName: "app", deploymentGroupName, serviceRoleArn, triggerConfigurations },
      deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITH_TRAFFIC_CONTROL" },
      ecsServices: [{ clusterName: "default", serviceName: "web" }],
      blueGreenDeploymentConfiguration: {
        terminateBlueInstancesOnDeploymentSuccess: { action: "TERMINATE" },
        deploymentReadyOption: { actionOnTimeout: "CONTINUE_DEPLOYMENT" },
      },
      loadBalancerInfo: {
        targetGroupPairInfoList: [
          {
            targetGroups: [{ name: "members" }, { name: "green" }],
            prodTrafficRoute: { listenerArns: [balancer.listenerArn] },
          },
        ],
      },
    }),
  );
const update = (triggerConfigurations: sdk.TriggerConfig[]) =>
  client.send(
    new sdk.UpdateDeploymentGroupCommand({
      applicationName: "app",
      ...{ currentDeploymentGroupName: "group", triggerConfigurations },
    }),
  );
const shown = async () =>
  (await client.send(new sdk.GetDeploymentGroupCommand(NAMES))).deploymentGroupInfo?.triggerConfigurations;

/** What the role may do. */
const permit = (Action: string) =>
  roles.send(
    new iam.PutRolePolicyCommand({
      ...{ RoleName: "deployer", PolicyName: "own" },
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action, Resource: "*" },
      }),
    }),
  );

/** Begins a deployment. Returns its id. */
async function deploy(): Promise<string> {
  const revision: sdk.RevisionLocation = { revisionType: "AppSpecContent", appSpecContent: { content } };
  const { deploymentId = "" } = await client.send(new sdk.CreateDeploymentCommand({ ...NAMES, revision }));
  return deploymentId;
}

/** Changes a deployment as the code-deploy controller does, which does not run here. */
function change(id: string, change: Partial<CodeDeploymentRecord>): void {
  api.store.transact((tx) => {
    const found = tx.list("codeDeployment").find((each) => each.id === id);
    saveCodeDeployment(tx, { ...(found ?? expect.fail("It has begun.")), ...change });
  });
}

const untilPublished = () =>
  vi.waitFor(() =>
    expect(api.store.list("codeDeployment").filter((each) => each.unpublished !== undefined)).toEqual([]),
  );

/** What is published is with the topic until the queue has it. */
async function expectNone(QueueUrl: string): Promise<void> {
  expect(api.store.list("topicDelivery")).toEqual([]);
  const { Messages = [] } = await queues.send(new sqs.ReceiveMessageCommand({ QueueUrl }));
  expect(Messages).toEqual([]);
}

interface Notification {
  readonly Subject: string;
  readonly Message: string;
}

/** The next notifications of a queue, in the order of their events. */
async function received(url: string, count: number): Promise<readonly Notification[]> {
  const messages = await receive(url, count);
  return messages
    .map(({ Body = "" }) => JSON.parse(Body) as Notification)
    .toSorted((a, b) => statusAt(a) - statusAt(b));
}
const statusAt = ({ Subject }: Notification): number =>
  Object.values(CODE_DEPLOY_NOTICES).findIndex((status) => Subject.startsWith(`${status}:`));

describe("triggers of a deployment group", () => {
  it("are shown, replaced and removed", async () => {
    const topic = await createTopic("shown");
    const first = [{ triggerName: "all", triggerTargetArn: topic, triggerEvents: EVENTS }];
    await create("group", first);
    expect(await shown()).toEqual(first);
    const second = EVENTS.map((event) => ({
      ...{ triggerName: event, triggerTargetArn: topic, triggerEvents: [event] },
    })).slice(0, 10);
    await update(second);
    expect(await shown()).toEqual(second);
    await update([]);
    expect(await shown()).toEqual([]);
  });

  it.each<[string, Partial<sdk.TriggerConfig>, string]>([
    ["without a name", { triggerName: "" }, "InvalidTriggerConfigException"],
    ["without events", { triggerEvents: [] }, "InvalidTriggerConfigException"],
    [
      "of a queue",
      { triggerTargetArn: "arn:aws:sqs:eu-south-1:000000000000:q" },
      "InvalidTriggerConfigException",
    ],
    ["of no ARN", { triggerTargetArn: "deployments" }, "InvalidTriggerConfigException"],
  ])("%s are refused", async (_, more, name) => {
    const arn = "arn:aws:sns:eu-south-1:000000000000:t";
    const valid = {
      triggerName: "t",
      triggerTargetArn: arn,
      triggerEvents: [EVENTS[0] ?? "DeploymentStart"],
    };
    const given = [{ ...valid, ...more }];
    await expect(update(given)).rejects.toMatchObject({ name });
    const many = Array.from({ length: 11 }, () => valid);
    const refusal = await refusalFor("triggerConfigurations", () => update(many));
    expect(refusal.name).toBe("TriggerTargetsLimitExceededException");
  });

  it("publish the events that they name to their topics, in CodeDeploy's format", async () => {
    await permit("sns:Publish");
    const [topic, queue] = [await createTopic("told"), await createQueue("told")];
    const [failures, queueOfFailures] = [await createTopic("failures"), await createQueue("failures")];
    await subscribe(topic, queue.arn);
    await subscribe(failures, queueOfFailures.arn);
    await update([
      { triggerName: "all", triggerTargetArn: topic, triggerEvents: EVENTS },
      { triggerName: "failed", triggerTargetArn: failures, triggerEvents: ["DeploymentFailure"] },
    ]);
    const id = await deploy();
    change(id, { status: "InProgress" });
    change(id, { status: "Ready" });
    const error = { code: "TIMEOUT", message: "It took too long." };
    const completedAt = Date.UTC(2026, 0, 2, 3, 4, 5);
    change(id, { status: "Failed", error, completedAt });
    await untilPublished();
    const all = await received(queue.url, 3);
    const subjectOf = (status: string) => `${status}: AWS CodeDeploy ${id} in eu-south-1 to app`;
    expect(all.map(({ Subject }) => Subject)).toEqual(["CREATED", "READY", "FAILED"].map(subjectOf));
    const common = {
      ...{ region: "eu-south-1", accountId: "000000000000", applicationName: "app" },
      ...{ deploymentId: id, deploymentGroupName: "group" },
      createTime: expect.stringMatching(/^\w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4}$/) as string,
    };
    const created = { ...common, eventTriggerName: "all", completeTime: null, status: "CREATED" };
    expect(JSON.parse(all[0]?.Message ?? "")).toEqual(created);
    const failed = {
      ...{ ...common, eventTriggerName: "failed", status: "FAILED", rollbackInformation: "{}" },
      completeTime: "Fri Jan 02 03:04:05 UTC 2026",
      deploymentOverview: '{"Succeeded":0,"Failed":1,"Skipped":0,"InProgress":0,"Pending":0}',
      errorInformation: '{"ErrorCode":"TIMEOUT","ErrorMessage":"It took too long."}',
    };
    const [ofFailure, ...others] = await received(queueOfFailures.url, 1);
    expect(JSON.parse(ofFailure?.Message ?? "")).toEqual(failed);
    expect(others).toEqual([]);
  });
});

// Attacks: whoever may change a deployment group names a topic that the group's role may not publish to, or
// a topic of another account.
describe("a topic", () => {
  const end = async (id: string) => {
    change(id, { status: "Stopped", completedAt: 1 });
    await untilPublished();
  };

  it("is told nothing by a role without sns:Publish, and the deployment is not held up", async () => {
    await permit("sns:ListTopics");
    const [topic, queue] = [await createTopic("guarded"), await createQueue("guarded")];
    await subscribe(topic, queue.arn);
    await update([{ triggerName: "t", triggerTargetArn: topic, triggerEvents: EVENTS }]);
    warnings.length = 0;
    await end(await deploy());
    expect(warnings).toMatchObject([
      { topic, reason: expect.stringContaining("not authorized to perform: sns:Publish") as string },
      { topic },
    ]);
    await permit("sns:Publish");
    await end(await deploy());
    // What was refused before is not made up for.
    expect(await received(queue.url, 2)).toHaveLength(2);
    await expectNone(queue.url);
  });

  it("of another account is told nothing, unless its policy lets the role publish", async () => {
    const [topic, queue] = [await createTopic("foreign"), await createQueue("foreign")];
    await subscribe(topic, queue.arn);
    // The topic as it would be in another account: its owner is not the role's.
    const foreign = topic.replace("000000000000", "111111111111");
    await update([{ triggerName: "t", triggerTargetArn: foreign, triggerEvents: EVENTS }]);
    warnings.length = 0;
    await end(await deploy());
    expect(warnings).toHaveLength(2);
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Deny", Principal: "*", Action: "sns:Publish", Resource: topic },
    });
    await new sns.SNSClient(api.client()).send(
      new sns.SetTopicAttributesCommand({
        ...{ TopicArn: topic, AttributeName: "Policy", AttributeValue: Policy },
      }),
    );
    await update([{ triggerName: "t", triggerTargetArn: topic, triggerEvents: EVENTS }]);
    await end(await deploy());
    expect(warnings).toHaveLength(4);
    await expectNone(queue.url);
  });

  it("is told nothing by a role that is gone, or that no longer trusts CodeDeploy", async () => {
    const topic = await createTopic("orphaned");
    await update([{ triggerName: "t", triggerTargetArn: topic, triggerEvents: ["DeploymentStop"] }]);
    const id = await deploy();
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Principal: { Service: "ecs.amazonaws.com" }, Action: "sts:AssumeRole" },
    });
    await roles.send(new iam.UpdateAssumeRolePolicyCommand({ RoleName: "deployer", PolicyDocument }));
    warnings.length = 0;
    await end(id);
    expect(warnings).toMatchObject([
      { reason: expect.stringContaining("unable to assume the role") as string },
    ]);
  });
});
