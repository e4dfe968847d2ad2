import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import { startApi, type Api } from "./api-server.ts";
import { createBalancer } from "./balancer.ts";

/** A network configuration with a subnet of the default VPC. */
export async function defaultNetwork(api: Api): Promise<ecs.NetworkConfiguration> {
  const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
  return { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } };
}

/** Registers a task definition of one container. */
export async function registerTask(
  client: ecs.ECSClient,
  family: string,
  size: { readonly cpu: string; readonly memory: string } = { cpu: "256", memory: "512" },
): Promise<void> {
  await client.send(
    new ecs.RegisterTaskDefinitionCommand({
      family,
      networkMode: "awsvpc",
      ...size,
      containerDefinitions: [{ name: "c", image: "busybox" }],
    }),
  );
}

/**
 * Starts the API with a cluster `default` of both capacity providers, task definitions `one` and `two`, a load
 * balancer and a role that ECS changes it with.
 */
export async function startEcs(options: Parameters<typeof startApi>[0] = {}) {
  const api = await startApi(options);
  const client = new ecs.ECSClient(api.client());
  const balancer = await createBalancer(api.client(), "members");
  const { SecurityGroups } = await new ec2.EC2Client(api.client()).send(
    new ec2.DescribeSecurityGroupsCommand({ GroupNames: ["default"] }),
  );
  const capacityProviders = ["FARGATE", "FARGATE_SPOT"];
  await client.send(new ecs.CreateClusterCommand({ clusterName: "default", capacityProviders }));
  for (const family of ["one", "two"])
    await client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family,
        networkMode: "awsvpc",
        cpu: "512",
        memory: "1024",
        containerDefinitions: [{ name: "c", image: "busybox", portMappings: [{ containerPort: 80 }] }],
      }),
    );
  const { Role } = await new iam.IAMClient(api.client()).send(
    new iam.CreateRoleCommand({
      RoleName: "infrastructure",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Principal: { Service: "ecs.amazonaws.com" }, Action: "sts:AssumeRole" },
      }),
    }),
  );
  return {
    api,
    client,
    balancer,
    roleArn: Role?.Arn ?? "",
    /** Public addresses in the load balancer's subnets, with the default group. */
    network: (more: Partial<ecs.AwsVpcConfiguration> = {}): ecs.NetworkConfiguration => ({
      awsvpcConfiguration: {
        subnets: balancer.subnets,
        securityGroups: [SecurityGroups?.[0]?.GroupId ?? ""],
        assignPublicIp: "ENABLED",
        ...more,
      },
    }),
  };
}
