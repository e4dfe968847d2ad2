import { createHash } from "node:crypto";
import * as sdk from "@aws-sdk/client-codedeploy";
import * as ecs from "@aws-sdk/client-ecs";
import {
  CreateListenerCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import type { CodeDeploymentRecord } from "@gantry/state";
import { createBalancer } from "@gantry/testkit/balancer";
import { startEcs } from "@gantry/testkit/ecs-client";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by the description of what it made or changed.
const { api, client: services, balancer, network } = await startEcs();
afterAll(() => api.close());
const client = new sdk.CodeDeployClient(api.client());
await createBalancer(api.client(), "green");
const NAMES = { applicationName: "app", deploymentGroupName: "group" };
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
const roles: string[] = [];
let testListener = "";

beforeAll(async () => {
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: "codedeploy.amazonaws.com" },
      Action: "sts:AssumeRole",
    },
  });
  for (const RoleName of ["deployer", "other"]) {
    const command = new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument });
    roles.push((await new IAMClient(api.client()).send(command)).Role?.Arn ?? "");
  }
  const { Listeners } = await new ElasticLoadBalancingV2Client(api.client()).send(
    new CreateListenerCommand({
      LoadBalancerArn: balancer.listenerArn.replace(":listener/", ":loadbalancer/").replace(/\/[^/]+$/, ""),
      ...{ Protocol: "HTTP", Port: 8_080 },
      DefaultActions: [{ Type: "forward", TargetGroupArn: balancer.targetGroupArn }],
    }),
  );
  testListener = Listeners?.[0]?.ListenerArn ?? "";
  for (const serviceName of ["web", "next"])
    await services.send(
      new ecs.CreateServiceCommand({
        serviceName,
        taskDefinition: "one",
        desiredCount: 1,
        deploymentController: { type: "CODE_DEPLOY" },
        networkConfiguration: network(),
        loadBalancers: [{ targetGroupArn: balancer.targetGroupArn, containerName: "c", containerPort: 80 }],
      }),
    );
});

const settingsOf = (isSecond: boolean) => ({
  deploymentConfigName: isSecond
    ? "CodeDeployDefault.ECSAllAtOnce"
    : "CodeDeployDefault.ECSCanary10Percent5Minutes",
  serviceRoleArn: roles[isSecond ? 1 : 0] ?? "",
  deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITH_TRAFFIC_CONTROL" } as const,
  ecsServices: [{ clusterName: "default", serviceName: isSecond ? "next" : "web" }],
  alarmConfiguration: { enabled: true, ignorePollAlarmFailure: !isSecond, alarms: [{ name: "errors" }] },
  autoRollbackConfiguration: {
    enabled: true,
    events: isSecond
      ? (["DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"] as const)
      : (["DEPLOYMENT_FAILURE"] as const),
  },
  blueGreenDeploymentConfiguration: {
    terminateBlueInstancesOnDeploymentSuccess: {
      action: "TERMINATE" as const,
      terminationWaitTimeInMinutes: isSecond ? 7 : 5,
    },
    deploymentReadyOption: isSecond
      ? ({ actionOnTimeout: "CONTINUE_DEPLOYMENT" } as const)
      : ({ actionOnTimeout: "STOP_DEPLOYMENT", waitTimeInMinutes: 3 } as const),
  },
  loadBalancerInfo: {
    targetGroupPairInfoList: [
      {
        targetGroups: [{ name: "members" }, { name: "green" }],
        prodTrafficRoute: { listenerArns: [balancer.listenerArn] },
        testTrafficRoute: { listenerArns: [testListener] },
      },
    ],
  },
});
const inputOf = (isSecond: boolean): Omit<sdk.CreateDeploymentGroupInput, keyof typeof NAMES> => {
  const { autoRollbackConfiguration: rollback, ...rest } = settingsOf(isSecond);
  return { ...rest, autoRollbackConfiguration: { ...rollback, events: [...rollback.events] } };
};

it("an application and a configuration", async () => {
  const tags = [{ Key: "a", Value: "b" }];
  await client.send(
    new sdk.CreateApplicationCommand({ applicationName: "app", computePlatform: "ECS", tags }),
  );
  const ResourceArn = "arn:aws:codedeploy:eu-south-1:000000000000:application:app";
  expect((await client.send(new sdk.ListTagsForResourceCommand({ ResourceArn }))).Tags).toEqual(tags);
  const trafficRoutingConfig: sdk.TrafficRoutingConfig = {
    type: "TimeBasedCanary",
    timeBasedCanary: { canaryPercentage: 15, canaryInterval: 4 },
  };
  const config = { deploymentConfigName: "canary", computePlatform: "ECS" as const };
  await client.send(new sdk.CreateDeploymentConfigCommand({ ...config, trafficRoutingConfig }));
  const { deploymentConfigInfo } = await client.send(new sdk.GetDeploymentConfigCommand(config));
  expect(deploymentConfigInfo).toMatchObject({ trafficRoutingConfig });
});

describe("a deployment group", () => {
  const shown = async (name: string) =>
    (await client.send(new sdk.GetDeploymentGroupCommand({ ...NAMES, deploymentGroupName: name })))
      .deploymentGroupInfo;

  it("is made, changed and renamed", async () => {
    await client.send(new sdk.CreateDeploymentGroupCommand({ ...NAMES, ...inputOf(false) }));
    expect(await shown("group")).toMatchObject(inputOf(false));
    const change = {
      applicationName: "app",
      currentDeploymentGroupName: "group",
      newDeploymentGroupName: "renamed",
    };
    await client.send(new sdk.UpdateDeploymentGroupCommand({ ...change, ...inputOf(true) }));
    expect(await shown("renamed")).toMatchObject(inputOf(true));
  });
});

describe("a deployment group's settings", () => {
  const named = { applicationName: "app", currentDeploymentGroupName: "renamed" };
  const update = async (input: Partial<sdk.UpdateDeploymentGroupInput>) => {
    await client.send(new sdk.UpdateDeploymentGroupCommand({ ...named, ...input }));
    const command = new sdk.GetDeploymentGroupCommand({ ...NAMES, deploymentGroupName: "renamed" });
    return (await client.send(command)).deploymentGroupInfo;
  };
  const create = (input: Partial<sdk.CreateDeploymentGroupInput>) =>
    client.send(
      new sdk.CreateDeploymentGroupCommand({
        ...{ ...NAMES, deploymentGroupName: "new", ...inputOf(false) },
        ...input,
      }),
    );

  it("keep the old fleet and stop a deployment that nobody continues, where they say so", async () => {
    const blueGreenDeploymentConfiguration: sdk.BlueGreenDeploymentConfiguration = {
      terminateBlueInstancesOnDeploymentSuccess: { action: "KEEP_ALIVE", terminationWaitTimeInMinutes: 0 },
      deploymentReadyOption: { actionOnTimeout: "STOP_DEPLOYMENT", waitTimeInMinutes: 4 },
    };
    const alarmConfiguration = { enabled: true, ignorePollAlarmFailure: true, alarms: [{ name: "errors" }] };
    const given = { blueGreenDeploymentConfiguration, alarmConfiguration };
    expect(await update(given)).toMatchObject(given);
    const autoRollbackConfiguration: sdk.AutoRollbackConfiguration = {
      enabled: true,
      events: ["DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
    };
    await create({ blueGreenDeploymentConfiguration, autoRollbackConfiguration });
    const command = new sdk.GetDeploymentGroupCommand({ ...NAMES, deploymentGroupName: "new" });
    const { deploymentGroupInfo } = await client.send(command);
    expect(deploymentGroupInfo).toMatchObject({
      blueGreenDeploymentConfiguration,
      autoRollbackConfiguration,
    });
    await client.send(new sdk.DeleteDeploymentGroupCommand({ ...NAMES, deploymentGroupName: "new" }));
    await update(inputOf(true));
  });

  it.each<[string, Partial<sdk.UpdateDeploymentGroupInput>]>([
    ["autoScalingGroups", { autoScalingGroups: ["group"] }],
    [
      "BLUE_GREEN",
      { deploymentStyle: { deploymentType: "IN_PLACE", deploymentOption: "WITH_TRAFFIC_CONTROL" } },
    ],
    [
      "WITH_TRAFFIC_CONTROL",
      { deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITHOUT_TRAFFIC_CONTROL" } },
    ],
  ])("of instances are refused: %s", async (sentence, input) => {
    await expect(update(input)).rejects.toThrow(sentence);
    await expect(create(input)).rejects.toThrow(sentence);
  });

  it("with a classic load balancer are refused", async () => {
    const input = { loadBalancerInfo: { elbInfoList: [{ name: "classic" }] } };
    for (const call of [update, create])
      expect((await refusalFor("loadBalancerInfo.elbInfoList.name", () => call(input))).message).toBe(
        "For ECS deployment group, loadBalancerInfo must not contain elbInfo list",
      );
  });
});

it("a deployment with settings of its own", async () => {
  const named = { applicationName: "app", deploymentGroupName: "renamed" };
  const given = {
    deploymentConfigName: "canary",
    description: "the third",
    autoRollbackConfiguration: { enabled: true, events: [sdk.AutoRollbackEvent.DEPLOYMENT_FAILURE] },
    overrideAlarmConfiguration: { enabled: true, ignorePollAlarmFailure: true, alarms: [{ name: "own" }] },
  };
  const revision: sdk.RevisionLocation = { revisionType: "AppSpecContent", appSpecContent: { content } };
  const { deploymentId } = await client.send(
    new sdk.CreateDeploymentCommand({ ...named, ...given, revision }),
  );
  const { deploymentInfo } = await client.send(new sdk.GetDeploymentCommand({ deploymentId }));
  expect(deploymentInfo).toMatchObject(given);
  const ids = async (input: Partial<sdk.ListDeploymentsInput>) =>
    (await client.send(new sdk.ListDeploymentsCommand({ ...named, ...input }))).deployments;
  const [past, future] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
  expect(await ids({ createTimeRange: { start: past, end: future } })).toEqual([deploymentId]);
  expect(await ids({ createTimeRange: { start: future } })).toEqual([]);
  const status = async (value: sdk.DeploymentStatus) => {
    api.store.transact((tx) => {
      const [record = expect.fail("It has begun.")] = tx.list("codeDeployment");
      tx.put("codeDeployment", record.key, { ...record, status: value as typeof record.status });
    });
  };
  for (const value of ["Ready", "InProgress", "Created"] as const) {
    await status(value);
    expect(await ids({ includeOnlyStatuses: [value] })).toEqual([deploymentId]);
    const others = ["Baking", "Failed", "Queued", "Stopped", "Succeeded"] as const;
    for (const other of others) expect(await ids({ includeOnlyStatuses: [other] })).toEqual([]);
  }
  const targets = async (TargetStatus: sdk.TargetStatus) => {
    const targetFilters = { TargetStatus: [TargetStatus] };
    const command = new sdk.ListDeploymentTargetsCommand({ deploymentId, targetFilters });
    return (await client.send(command)).targetIds;
  };
  expect([await targets("Pending"), await targets("Failed")]).toEqual([["default:next"], []]);
  await waits(deploymentId ?? "");
  const stop = new sdk.StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true });
  expect((await client.send(stop)).status).toBeDefined();
});

/** Continues the waits of a deployment, and answers its hook. */
async function waits(deploymentId: string): Promise<void> {
  const record = () => api.store.list("codeDeployment").find(({ id }) => id === deploymentId);
  const set = (more: Partial<CodeDeploymentRecord>) =>
    api.store.transact((tx) => {
      const before = tx.list("codeDeployment").find(({ id }) => id === deploymentId);
      if (before !== undefined) tx.put("codeDeployment", before.key, { ...before, ...more });
    });
  const { status, terminationSince, events = [] } = record() ?? {};
  for (const [deploymentWaitType, wait, more] of [
    ["READY_WAIT", "ready", { status: "Ready" }],
    ["TERMINATION_WAIT", "termination", { status: "InProgress", terminationSince: 1 }],
  ] as const) {
    const go = () => client.send(new sdk.ContinueDeploymentCommand({ deploymentId, deploymentWaitType }));
    await expect(go()).rejects.toMatchObject({ name: "DeploymentIsNotInReadyStateException" });
    set(more);
    await go();
    expect(record()?.continued[wait]).toBe(true);
  }
  for (const answer of ["Succeeded", "Failed"] as const) {
    const hook = { functionArn: "arn:aws:lambda:eu-south-1:000000000000:function:f", executionId: answer };
    set({ events: [{ name: "BeforeInstall", status: "InProgress", hook }] });
    const put = (value: sdk.LifecycleEventStatus) =>
      client.send(
        new sdk.PutLifecycleEventHookExecutionStatusCommand({
          deploymentId,
          lifecycleEventHookExecutionId: answer,
          status: value,
        }),
      );
    for (const value of ["InProgress", "Pending", "Skipped", "Unknown"] as const)
      expect((await refusalFor("status", () => put(value))).message).toContain(
        "should return Succeeded or Failed",
      );
    await put(answer);
    expect(record()?.events[0]?.hook?.answer).toBe(answer);
  }
  set({ status, terminationSince, events, continued: {} });
}

it("revisions in their order", async () => {
  const revisions = async (input: Partial<sdk.ListApplicationRevisionsInput>) =>
    (await client.send(new sdk.ListApplicationRevisionsCommand({ applicationName: "app", ...input })))
      .revisions?.length;
  expect(await revisions({ sortBy: "registerTime", sortOrder: "descending", deployed: "ignore" })).toBe(1);
  expect(await revisions({ deployed: "exclude" })).toBe(0);
  expect(await revisions({ deployed: "include", s3Bucket: "none", s3KeyPrefix: "p" })).toBe(0);
});

describe("a deployment of a revision", () => {
  const named = { applicationName: "app", deploymentGroupName: "renamed" };
  const sha256 = createHash("sha256").update(content).digest("hex");
  const storage = new s3.S3Client({ ...api.client(), forcePathStyle: true });
  const object = { Bucket: "specs", Key: "spec" };
  /** The object as a revision: its first version has the AppSpec. */
  const inBucket: sdk.S3Location = { bucket: object.Bucket, key: object.Key };

  beforeAll(async () => {
    const { Bucket } = object;
    await storage.send(new s3.CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: s3.BucketVersioningStatus.Enabled };
    await storage.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    const { VersionId, ETag } = await storage.send(new s3.PutObjectCommand({ ...object, Body: content }));
    Object.assign(inBucket, { version: VersionId, eTag: ETag });
    await storage.send(new s3.PutObjectCommand({ ...object, Body: "no AppSpec" }));
  });

  /** Begins a deployment and ends it; answers its description. */
  const deployed = async (
    revision: sdk.RevisionLocation,
    more: Partial<sdk.CreateDeploymentInput> = {},
  ): Promise<sdk.DeploymentInfo | undefined> => {
    const end = () =>
      api.store.transact((tx) => {
        for (const each of tx.list("codeDeployment"))
          tx.put("codeDeployment", each.key, { ...each, status: "Stopped" });
      });
    end();
    const { deploymentId } = await client.send(
      new sdk.CreateDeploymentCommand({ ...named, revision, ...more }),
    );
    end();
    return (await client.send(new sdk.GetDeploymentCommand({ deploymentId }))).deploymentInfo;
  };

  it.each<[string, (digest: string) => sdk.RevisionLocation]>([
    ["String", (digest) => ({ revisionType: "String", string: { content, sha256: digest } })],
    [
      "AppSpecContent",
      (digest) => ({ revisionType: "AppSpecContent", appSpecContent: { content, sha256: digest } }),
    ],
  ])("of the type %s has the digest of its content", async (_, revisionOf) => {
    expect((await deployed(revisionOf(sha256)))?.revision).toEqual(revisionOf(sha256));
    await expect(deployed(revisionOf("0".repeat(64)))).rejects.toThrow("the SHA-256 digest");
  });

  it.each(["JSON", "YAML"] as const)("in S3 is the version of the given entity tag, in %s", async (type) => {
    const revision = (more: Partial<sdk.S3Location> = {}): sdk.RevisionLocation => ({
      revisionType: "S3",
      s3Location: { ...inBucket, bundleType: type, ...more },
    });
    expect((await deployed(revision()))?.revision).toEqual(revision());
    await expect(deployed(revision({ eTag: "other" }))).rejects.toThrow("does not have the ETag other");
    const newest = revision({ version: undefined, eTag: undefined });
    await expect(deployed(newest)).rejects.toThrow("The AppSpec file is not valid");
  });

  it.each(["tar", "tgz", "zip"] as const)("in S3 is no %s", async (bundleType) => {
    const s3Location = { ...inBucket, bundleType };
    await expect(deployed({ revisionType: "S3", s3Location })).rejects.toThrow(`not ${bundleType}`);
  });

  it("is not in GitHub", async () => {
    await expect(deployed({ revisionType: "GitHub" })).rejects.toThrow("not GitHub");
  });

  it("is returned as the deployment says", async () => {
    const events: sdk.AutoRollbackEvent[] = ["DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"];
    const autoRollbackConfiguration = { enabled: true, events };
    const revision: sdk.RevisionLocation = { revisionType: "String", string: { content } };
    expect(await deployed(revision, { autoRollbackConfiguration })).toMatchObject({
      autoRollbackConfiguration,
    });
  });
});
