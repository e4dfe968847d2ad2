import * as codedeploy from "@aws-sdk/client-codedeploy";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new codedeploy.CodeDeployClient(api.client());
const ecsClient = new ecs.ECSClient(api.client());
const kmsClient = new kms.KMSClient(api.client());
const s3Client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const ROLE = "arn:aws:iam::000000000000:role/deployer";
const NAMES = { applicationName: "app", deploymentGroupName: "group" };
let group: codedeploy.CreateDeploymentGroupInput;

const appSpec = (taskDefinition = "one") => `version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: "${taskDefinition}"
        LoadBalancerInfo: { ContainerName: c, ContainerPort: 80 }
`;
const revisionOf = (content: string): codedeploy.RevisionLocation => ({
  revisionType: "AppSpecContent",
  appSpecContent: { content },
});

beforeAll(async () => {
  const elb = new elbv2.ElasticLoadBalancingV2Client(api.client());
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  const subnets = Subnets.slice(0, 2).map(({ SubnetId = "" }) => SubnetId);
  const { LoadBalancers } = await elb.send(
    new elbv2.CreateLoadBalancerCommand({ Name: "b", Subnets: subnets }),
  );
  const groups: string[] = [];
  for (const Name of ["blue", "green"]) {
    const { TargetGroups } = await elb.send(
      new elbv2.CreateTargetGroupCommand({
        Name,
        Protocol: "HTTP",
        Port: 80,
        TargetType: "ip",
        VpcId: Subnets[0]?.VpcId,
      }),
    );
    groups.push(TargetGroups?.[0]?.TargetGroupArn ?? "");
  }
  const { Listeners } = await elb.send(
    new elbv2.CreateListenerCommand({
      LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
      Protocol: "HTTP",
      Port: 80,
      DefaultActions: [{ Type: "forward", TargetGroupArn: groups[0] }],
    }),
  );
  await ecsClient.send(new ecs.CreateClusterCommand({}));
  await ecsClient.send(
    new ecs.RegisterTaskDefinitionCommand({
      family: "one",
      networkMode: "awsvpc",
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "c", image: "busybox", portMappings: [{ containerPort: 80 }] }],
    }),
  );
  const service = {
    taskDefinition: "one",
    networkConfiguration: { awsvpcConfiguration: { subnets: subnets.slice(0, 1) } },
    loadBalancers: [{ targetGroupArn: groups[0], containerName: "c", containerPort: 80 }],
  };
  const { service: created } = await ecsClient.send(
    new ecs.CreateServiceCommand({
      ...service,
      serviceName: "web",
      deploymentController: { type: "CODE_DEPLOY" },
    }),
  );
  expect(created).toMatchObject({
    deploymentController: { type: "CODE_DEPLOY" },
    deployments: [],
    taskSets: [{ status: "PRIMARY", computedDesiredCount: 1 }],
  });
  await ecsClient.send(new ecs.CreateServiceCommand({ ...service, serviceName: "rolling" }));
  await new iam.IAMClient(api.client()).send(
    new iam.CreateRoleCommand({
      RoleName: "deployer",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "codedeploy.amazonaws.com" },
            Action: "sts:AssumeRole",
          },
        ],
      }),
    }),
  );
  await client.send(
    new codedeploy.CreateApplicationCommand({ applicationName: "app", computePlatform: "ECS" }),
  );
  group = {
    ...NAMES,
    serviceRoleArn: ROLE,
    deploymentConfigName: "CodeDeployDefault.ECSCanary10Percent5Minutes",
    deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITH_TRAFFIC_CONTROL" },
    ecsServices: [{ clusterName: "default", serviceName: "web" }],
    blueGreenDeploymentConfiguration: {
      terminateBlueInstancesOnDeploymentSuccess: { action: "TERMINATE", terminationWaitTimeInMinutes: 5 },
      deploymentReadyOption: { actionOnTimeout: "CONTINUE_DEPLOYMENT" },
    },
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: [{ name: "blue" }, { name: "green" }],
          prodTrafficRoute: { listenerArns: [Listeners?.[0]?.ListenerArn ?? ""] },
        },
      ],
    },
  };
});

it("creates, shows, changes and lists deployment groups, and refuses those that cannot deploy", async () => {
  const create = (more: Partial<codedeploy.CreateDeploymentGroupInput>) =>
    client.send(new codedeploy.CreateDeploymentGroupCommand({ ...group, ...more }));
  await expect(create({ serviceRoleArn: `${ROLE}-of-nobody` })).rejects.toThrow(
    "permissions required to assume",
  );
  await expect(create({ ecsServices: [{ clusterName: "default", serviceName: "rolling" }] })).rejects.toThrow(
    "must be configured for a CODE_DEPLOY deployment controller",
  );
  await expect(create({ loadBalancerInfo: {} })).rejects.toThrow("exactly one target group pair");
  const [pair] = group.loadBalancerInfo?.targetGroupPairInfoList ?? [];
  const routedBy = (routes: codedeploy.TargetGroupPairInfo) => ({
    loadBalancerInfo: { targetGroupPairInfoList: [{ ...pair, ...routes }] },
  });
  const alarmsOf = (...names: readonly string[]) => ({
    alarmConfiguration: { enabled: true, alarms: names.map((name) => ({ name })) },
  });
  // In the words of AWS: docstrings of group-settings.ts.
  for (const [input, sentence] of [
    [
      routedBy({ prodTrafficRoute: { listenerArns: ["arn:1", "arn:2"] } }),
      "Production traffic route must have exactly one listener Arn",
    ],
    [
      routedBy({ testTrafficRoute: { listenerArns: ["arn:1", "arn:2"] } }),
      "Test traffic route must have exactly one listener Arn",
    ],
    [alarmsOf(), "The alarm configuration is enabled, but the alarm list is empty"],
    [alarmsOf("a", "a"), "Two alarms with the same name have been specified"],
    [alarmsOf("a".repeat(256)), "exceeds the limit of 255 characters"],
    [
      alarmsOf(...Array.from({ length: 51 }, (_, index) => `a${index}`)),
      "The maximum number of alarms for a deployment group (50) was exceeded.",
    ],
    [{ loadBalancerInfo: undefined }, "For ECS deployment group, loadBalancerInfo must be specified"],
    [
      { blueGreenDeploymentConfiguration: undefined },
      "For ECS deployment group, blueGreenDeploymentConfiguration must be specified",
    ],
    [
      { deploymentStyle: { deploymentType: "IN_PLACE", deploymentOption: "WITH_TRAFFIC_CONTROL" } },
      "For ECS deployment, the deployment type must be BLUE_GREEN, and deployment option must be WITH_TRAFFIC_CONTROL.",
    ],
  ] as const)
    await expect(create(input)).rejects.toThrow(sentence);
  await create({ tags: [{ Key: "a", Value: "1" }] });
  await expect(create({ deploymentGroupName: "second" })).rejects.toThrow(
    "can be associated with only one deployment group",
  );
  const get = async () =>
    (await client.send(new codedeploy.GetDeploymentGroupCommand(NAMES))).deploymentGroupInfo;
  expect(await get()).toMatchObject({
    deploymentGroupName: "group",
    computePlatform: "ECS",
    deploymentStyle: group.deploymentStyle,
    ecsServices: group.ecsServices,
    loadBalancerInfo: group.loadBalancerInfo,
  });
  await client.send(
    new codedeploy.UpdateDeploymentGroupCommand({
      applicationName: "app",
      currentDeploymentGroupName: "group",
      autoRollbackConfiguration: { enabled: true, events: ["DEPLOYMENT_FAILURE"] },
      alarmConfiguration: { enabled: true, alarms: [{ name: "errors" }] },
    }),
  );
  expect(await get()).toMatchObject({
    ecsServices: group.ecsServices,
    autoRollbackConfiguration: { enabled: true, events: ["DEPLOYMENT_FAILURE"] },
    alarmConfiguration: { enabled: true, alarms: [{ name: "errors" }] },
  });
  const application = { applicationName: "app" };
  const listed = await client.send(new codedeploy.ListDeploymentGroupsCommand(application));
  expect(listed.deploymentGroups).toEqual(["group"]);
  const batch = await client.send(
    new codedeploy.BatchGetDeploymentGroupsCommand({
      ...application,
      deploymentGroupNames: ["group", "none"],
    }),
  );
  expect(batch.deploymentGroupsInfo).toHaveLength(1);
  const ResourceArn = "arn:aws:codedeploy:eu-south-1:000000000000:deploymentgroup:app/group";
  await client.send(new codedeploy.TagResourceCommand({ ResourceArn, Tags: [{ Key: "b", Value: "2" }] }));
  await client.send(new codedeploy.UntagResourceCommand({ ResourceArn, TagKeys: ["a"] }));
  const { Tags } = await client.send(new codedeploy.ListTagsForResourceCommand({ ResourceArn }));
  expect(Tags).toEqual([{ Key: "b", Value: "2" }]);
});

it("has the predefined configurations and stores others", async () => {
  const config = {
    deploymentConfigName: "half",
    computePlatform: "ECS",
    trafficRoutingConfig: {
      type: "TimeBasedLinear",
      timeBasedLinear: { linearPercentage: 50, linearInterval: 2 },
    },
  } as const;
  await client.send(new codedeploy.CreateDeploymentConfigCommand(config));
  const { deploymentConfigInfo } = await client.send(
    new codedeploy.GetDeploymentConfigCommand({ deploymentConfigName: "half" }),
  );
  expect(deploymentConfigInfo).toMatchObject(config);
  const { deploymentConfigsList } = await client.send(new codedeploy.ListDeploymentConfigsCommand({}));
  expect(deploymentConfigsList).toContain("CodeDeployDefault.ECSAllAtOnce");
  expect(deploymentConfigsList).toContain("half");
  await client.send(new codedeploy.DeleteDeploymentConfigCommand({ deploymentConfigName: "half" }));
  await expect(
    client.send(
      new codedeploy.DeleteDeploymentConfigCommand({
        deploymentConfigName: "CodeDeployDefault.ECSAllAtOnce",
      }),
    ),
  ).rejects.toThrow("predefined");
});

it("begins one deployment of a group at a time, and shows, stops and lists it", async () => {
  const create = (revision: codedeploy.RevisionLocation | undefined) =>
    client.send(new codedeploy.CreateDeploymentCommand({ ...NAMES, revision }));
  await expect(create(undefined)).rejects.toThrow("The revision ID was not specified.");
  await expect(create(revisionOf("version: 0.0\nResources: []\n"))).rejects.toThrow("line 2: Resources");
  await expect(
    create({ revisionType: "String", string: { content: appSpec(), sha256: "0".repeat(64) } }),
  ).rejects.toThrow("SHA-256");
  // Before: the strategy was read past.
  const spot = `${appSpec()}        CapacityProviderStrategy: [{ CapacityProvider: FARGATE_SPOT, Weight: 1 }]\n`;
  await expect(create(revisionOf(spot))).rejects.toThrow("not associated with the cluster");
  await new ecs.ECSClient(api.client()).send(
    new ecs.PutClusterCapacityProvidersCommand({
      cluster: "default",
      capacityProviders: ["FARGATE", "FARGATE_SPOT"],
      defaultCapacityProviderStrategy: [],
    }),
  );
  const { deploymentId } = await create(revisionOf(spot));
  expect(api.store.list("codeDeployment").find(({ id }) => id === deploymentId)?.appSpec).toMatchObject({
    capacityProviderStrategy: [{ provider: "FARGATE_SPOT", base: 0, weight: 1 }],
  });
  await expect(create(revisionOf(appSpec()))).rejects.toThrow("already has an active Deployment");
  const { deploymentInfo } = await client.send(new codedeploy.GetDeploymentCommand({ deploymentId }));
  expect(deploymentInfo).toMatchObject({ status: "Created", creator: "user", computePlatform: "ECS" });
  const deployments = await client.send(new codedeploy.ListDeploymentsCommand(NAMES));
  expect(deployments.deployments).toEqual([deploymentId]);
  const { deploymentsInfo } = await client.send(
    new codedeploy.BatchGetDeploymentsCommand({ deploymentIds: [deploymentId ?? "", "d-000000000"] }),
  );
  expect(deploymentsInfo).toHaveLength(1);
  const { targetIds = [] } = await client.send(new codedeploy.ListDeploymentTargetsCommand({ deploymentId }));
  expect(targetIds).toEqual(["default:web"]);
  const { deploymentTarget } = await client.send(
    new codedeploy.GetDeploymentTargetCommand({ deploymentId, targetId: targetIds[0] }),
  );
  expect(deploymentTarget?.ecsTarget?.lifecycleEvents?.map((event) => event.lifecycleEventName)).toHaveLength(
    8,
  );
  const batch = await client.send(
    new codedeploy.BatchGetDeploymentTargetsCommand({ deploymentId, targetIds }),
  );
  expect(batch.deploymentTargets).toHaveLength(1);
  await expect(
    client.send(new codedeploy.ContinueDeploymentCommand({ deploymentId, deploymentWaitType: "READY_WAIT" })),
  ).rejects.toThrow("does not have a status of Ready");
  await expect(
    client.send(
      new codedeploy.PutLifecycleEventHookExecutionStatusCommand({
        deploymentId,
        lifecycleEventHookExecutionId: "none",
        status: "Succeeded",
      }),
    ),
  ).rejects.toThrow("A lifecycle event hook is invalid.");
  expect((await client.send(new codedeploy.StopDeploymentCommand({ deploymentId }))).status).toBe("Pending");
});

it("reads a revision from S3 as its caller may, and keeps revisions", async () => {
  await s3Client.send(new s3.CreateBucketCommand({ Bucket: "specs" }));
  await s3Client.send(new s3.PutObjectCommand({ Bucket: "specs", Key: "a.yaml", Body: "version: 1.0" }));
  const location = (key: string): codedeploy.RevisionLocation => ({
    revisionType: "S3",
    s3Location: { bucket: "specs", key, bundleType: "YAML" },
  });
  const create = (revision: codedeploy.RevisionLocation, by = client) =>
    by.send(new codedeploy.CreateDeploymentCommand({ ...NAMES, revision }));
  await expect(create(location("a.yaml"))).rejects.toThrow("line 1: version must be 0.0.");
  await expect(create(location("none.yaml"))).rejects.toThrow("does not exist");
  // Before: an object that a key of KMS protects could not be read.
  const { KeyMetadata } = await kmsClient.send(new kms.CreateKeyCommand({}));
  const KeyId = KeyMetadata?.KeyId ?? "";
  await s3Client.send(
    new s3.PutObjectCommand({
      Bucket: "specs",
      Key: "sealed.yaml",
      Body: "version: 2.0",
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: KeyId,
    }),
  );
  await expect(create(location("sealed.yaml"))).rejects.toThrow("line 1: version must be 0.0.");
  await kmsClient.send(new kms.DisableKeyCommand({ KeyId }));
  await expect(create(location("sealed.yaml"))).rejects.toThrow("disabled");
  const iamClient = new iam.IAMClient(api.client());
  await iamClient.send(new iam.CreateUserCommand({ UserName: "deploys" }));
  const Statement = [{ Effect: "Allow", Action: "codedeploy:*", Resource: "*" }];
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await iamClient.send(
    new iam.PutUserPolicyCommand({ UserName: "deploys", PolicyName: "own", PolicyDocument }),
  );
  const { AccessKey } = await iamClient.send(new iam.CreateAccessKeyCommand({ UserName: "deploys" }));
  const user = new codedeploy.CodeDeployClient(
    api.client({
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    }),
  );
  await expect(create(location("a.yaml"), user)).rejects.toThrow("s3:GetObject");

  const application = { applicationName: "app" };
  const revision = location("b.yaml");
  await client.send(
    new codedeploy.RegisterApplicationRevisionCommand({ ...application, revision, description: "next" }),
  );
  const got = await client.send(new codedeploy.GetApplicationRevisionCommand({ ...application, revision }));
  expect(got.revisionInfo?.description).toBe("next");
  const { revisions } = await client.send(
    new codedeploy.ListApplicationRevisionsCommand({ ...application, s3Bucket: "specs" }),
  );
  expect(revisions).toMatchObject([revision]);
  const batch = await client.send(
    new codedeploy.BatchGetApplicationRevisionsCommand({
      ...application,
      revisions: [revision, location("none")],
    }),
  );
  expect(batch.revisions).toHaveLength(1);
});

it("refuses changes of its services that only CodeDeploy may make", async () => {
  await expect(
    ecsClient.send(new ecs.UpdateServiceCommand({ service: "web", taskDefinition: "one" })),
  ).rejects.toThrow(
    "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS " +
      "CodeDeploy to trigger a new deployment.",
  );
  const { service } = await ecsClient.send(new ecs.UpdateServiceCommand({ service: "web", desiredCount: 3 }));
  expect(service?.taskSets?.[0]?.computedDesiredCount).toBe(3);
  await expect(
    ecsClient.send(
      new ecs.CreateTaskSetCommand({ cluster: "default", service: "web", taskDefinition: "one" }),
    ),
  ).rejects.toThrow("external deployment controllers");
});

it("renames and removes applications with their groups", async () => {
  const rename = { applicationName: "app", newApplicationName: "renamed" };
  await client.send(new codedeploy.UpdateApplicationCommand(rename));
  const { applications } = await client.send(new codedeploy.ListApplicationsCommand({}));
  expect(applications).toEqual(["renamed"]);
  const { applicationsInfo } = await client.send(
    new codedeploy.BatchGetApplicationsCommand({ applicationNames: ["renamed"] }),
  );
  expect(applicationsInfo).toMatchObject([{ applicationName: "renamed", computePlatform: "ECS" }]);
  const renamed = { applicationName: "renamed" };
  const { deploymentGroups } = await client.send(new codedeploy.ListDeploymentGroupsCommand(renamed));
  expect(deploymentGroups).toEqual(["group"]);
  await client.send(
    new codedeploy.DeleteDeploymentGroupCommand({ ...renamed, deploymentGroupName: "group" }),
  );
  await client.send(new codedeploy.DeleteApplicationCommand(renamed));
  await expect(client.send(new codedeploy.GetApplicationCommand(renamed))).rejects.toThrow(
    "No application found for name: renamed",
  );
});
