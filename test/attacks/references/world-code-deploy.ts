import { regional, type Defaults, type Send, type Target } from "./targets.ts";

const ROLE = "arn:aws:iam::000000000000:role/team/deployer";

/** An application with a deployment group and a deployment, and a configuration. */
export async function createCodeDeploy(
  send: Send,
  { subnetIds, vpcId }: { subnetIds: readonly string[]; vpcId: string },
): Promise<{ readonly targets: readonly Target[]; readonly defaults: Defaults }> {
  const group = await createGroup(send, { subnetIds, vpcId });
  await send("codedeploy", "CreateApplication", { applicationName: "prod", computePlatform: "ECS" });
  await send("codedeploy", "CreateDeploymentGroup", group);
  await send("codedeploy", "CreateDeploymentConfig", {
    deploymentConfigName: "prod",
    computePlatform: "ECS",
    trafficRoutingConfig: { type: "AllAtOnce" },
  });
  const revision = { revisionType: "AppSpecContent", appSpecContent: { content: APP_SPEC } };
  const names = { applicationName: "prod", deploymentGroupName: "prod" };
  const { deploymentId } = await send("codedeploy", "CreateDeployment", { ...names, revision });
  return {
    targets: targetsOf(String(deploymentId)), // As answered.
    defaults: {
      ...names,
      applicationNames: ["prod"],
      deploymentGroupNames: ["prod"],
      currentDeploymentGroupName: "prod",
      deploymentId,
      deploymentIds: [deploymentId],
      targetId: "prod:deployed",
      targetIds: ["prod:deployed"],
      revision,
      "RegisterApplicationRevision.revision": revision,
      "CreateDeployment.revision": revision,
      "CreateDeploymentConfig.computePlatform": "ECS",
      "PutLifecycleEventHookExecutionStatus.status": "Succeeded",
      "CreateDeploymentGroup.deploymentStyle": group.deploymentStyle,
      "CreateDeploymentGroup.ecsServices": group.ecsServices,
      "CreateDeploymentGroup.loadBalancerInfo": group.loadBalancerInfo,
      "CreateDeploymentGroup.blueGreenDeploymentConfiguration": group.blueGreenDeploymentConfiguration,
      serviceRoleArn: ROLE,
      ResourceArn: regional("codedeploy", "application:prod"),
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
    },
  };
}

const APP_SPEC = JSON.stringify({
  version: 0.0,
  Resources: [
    {
      TargetService: {
        Type: "AWS::ECS::Service",
        Properties: {
          TaskDefinition: "deployed",
          LoadBalancerInfo: { ContainerName: "c", ContainerPort: 80 },
        },
      },
    },
  ],
});

async function createGroup(
  send: Send,
  { subnetIds, vpcId }: { subnetIds: readonly string[]; vpcId: string },
) {
  const arnOf = (answer: Record<string, unknown>, list: string, member: string): string =>
    String((answer[list] as readonly Record<string, unknown>[])[0]?.[member]); // As answered.
  const groups: string[] = [];
  for (const Name of ["blue", "green"])
    groups.push(
      arnOf(
        await send("elbv2", "CreateTargetGroup", {
          Name,
          Protocol: "HTTP",
          Port: 80,
          TargetType: "ip",
          VpcId: vpcId,
        }),
        "TargetGroups",
        "TargetGroupArn",
      ),
    );
  const balancer = { Name: "deployed", Subnets: subnetIds.slice(0, 2) };
  const LoadBalancerArn = arnOf(
    await send("elbv2", "CreateLoadBalancer", balancer),
    "LoadBalancers",
    "LoadBalancerArn",
  );
  const DefaultActions = [{ Type: "forward", TargetGroupArn: groups[0] }];
  const listener = { LoadBalancerArn, Protocol: "HTTP", Port: 80, DefaultActions };
  const listenerArn = arnOf(await send("elbv2", "CreateListener", listener), "Listeners", "ListenerArn");
  await send("ecs", "RegisterTaskDefinition", {
    family: "deployed",
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    containerDefinitions: [{ name: "c", image: "busybox", portMappings: [{ containerPort: 80 }] }],
  });
  await send("ecs", "CreateService", {
    cluster: "prod",
    serviceName: "deployed",
    taskDefinition: "deployed",
    desiredCount: 0,
    deploymentController: { type: "CODE_DEPLOY" },
    networkConfiguration: { awsvpcConfiguration: { subnets: subnetIds.slice(0, 1) } },
    loadBalancers: [{ targetGroupArn: groups[0], containerName: "c", containerPort: 80 }],
  });
  await send("iam", "CreateRole", {
    RoleName: "deployer",
    Path: "/team/",
    AssumeRolePolicyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Principal: { Service: "codedeploy.amazonaws.com" }, Action: "sts:AssumeRole" },
      ],
    }),
  });
  return {
    applicationName: "prod",
    deploymentGroupName: "prod",
    serviceRoleArn: ROLE,
    deploymentStyle: { deploymentType: "BLUE_GREEN", deploymentOption: "WITH_TRAFFIC_CONTROL" },
    ecsServices: [{ clusterName: "prod", serviceName: "deployed" }],
    blueGreenDeploymentConfiguration: {},
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: [{ name: "blue" }, { name: "green" }],
          prodTrafficRoute: { listenerArns: [listenerArn] },
        },
      ],
    },
  };
}

function targetsOf(deploymentId: string): readonly Target[] {
  const application = regional("codedeploy", "application:prod");
  const group = regional("codedeploy", "deploymentgroup:prod/prod");
  const config = regional("codedeploy", "deploymentconfig:prod");
  const family = (type: string) => regional("codedeploy", `${type}:*`);
  const within = { applicationName: "prod" };
  return [
    {
      kind: "codeDeployApplication",
      arns: [application],
      family: family("application"),
      spellings: ["prod"],
    },
    {
      kind: "codeDeployGroup",
      arns: [group],
      family: family("deploymentgroup"),
      spellings: ["prod"],
      within,
    },
    { kind: "codeDeployConfig", arns: [config], family: family("deploymentconfig"), spellings: ["prod"] },
    { kind: "codeDeployment", arns: [group], family: family("deploymentgroup"), spellings: [deploymentId] },
    ...[application, group].map((arn) => ({
      kind: "codeDeployArn" as const,
      arns: [arn],
      family: regional("codedeploy", "*"),
      spellings: [arn],
    })),
  ];
}
