import * as acm from "@aws-sdk/client-acm";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecr from "@aws-sdk/client-ecr";
import * as ecs from "@aws-sdk/client-ecs";
import * as efs from "@aws-sdk/client-efs";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import type { Api } from "@gantry/testkit";

/** AWS clients of one caller. */
export const clientsOf = (config: ReturnType<Api["client"]>) => ({
  acm: new acm.ACMClient(config),
  ec2: new ec2.EC2Client(config),
  ecr: new ecr.ECRClient(config),
  ecs: new ecs.ECSClient(config),
  efs: new efs.EFSClient(config),
  elb: new elb.ElasticLoadBalancingV2Client(config),
  iam: new iam.IAMClient(config),
  logs: new logs.CloudWatchLogsClient(config),
  rds: new rds.RDSClient(config),
});
export type Clients = ReturnType<typeof clientsOf>;

/** A resource, the references that name it, and the operations that take such a reference. */
export interface Target {
  readonly arn: string;
  /** Names, ids and ARNs that a caller with permission may use. */
  readonly names: readonly string[];
  readonly calls: Calls;
  /** Operations that take the reference and whose action AWS asks about as `*`. */
  readonly reads?: Calls;
}

export type Calls = Readonly<Record<string, (clients: Clients, name: string) => Promise<unknown>>>;

/** What a call came to: denied, refused for another reason, nothing found, or an effect. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    const output = Object.entries((await call) as object).filter(
      ([name, value]) => name !== "$metadata" && name !== "failures" && value !== undefined,
    );
    return output.every(([, value]) => Array.isArray(value) && value.length === 0)
      ? "nothing"
      : `answered ${JSON.stringify(output).slice(0, 200)}`;
  } catch (thrown) {
    const { name, $metadata } = thrown as { name: string; $metadata?: { httpStatusCode?: number } }; // An SDK error.
    if (/^(?:AccessDenied|AccessDeniedException|UnauthorizedOperation)$/.test(name)) return "denied";
    return ($metadata?.httpStatusCode ?? 0) < 500 ? "refused" : `failed with ${name}`;
  }
}

export const ACCOUNT = "arn:aws:iam::000000000000";
export const REGIONAL = (service: string) => `arn:aws:${service}:eu-south-1:000000000000`;

export async function ecsTargets(root: Clients): Promise<readonly Target[]> {
  const { Subnets = [] } = await root.ec2.send(new ec2.DescribeSubnetsCommand({}));
  const networkConfiguration = { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } };
  await root.ecs.send(new ecs.CreateClusterCommand({ clusterName: "prod" }));
  await root.ecs.send(new ecs.CreateClusterCommand({ clusterName: "mine" }));
  const register = (family: string) =>
    root.ecs.send(
      new ecs.RegisterTaskDefinitionCommand({
        family,
        networkMode: "awsvpc",
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name: "c", image: "busybox" }],
      }),
    );
  await register("app");
  await register("other");
  const service = { cluster: "prod", networkConfiguration, taskDefinition: "other" };
  await root.ecs.send(new ecs.CreateServiceCommand({ ...service, serviceName: "web", desiredCount: 0 }));
  const { tasks = [] } = await root.ecs.send(
    new ecs.RunTaskCommand({ cluster: "prod", taskDefinition: "other", networkConfiguration }),
  );
  const task = tasks[0]?.taskArn ?? "";
  const arn = REGIONAL("ecs");
  const tags = [{ key: "a", value: "b" }];
  return [
    {
      arn: `${arn}:cluster/prod`,
      names: ["prod", `${arn}:cluster/prod`],
      calls: {
        DescribeClusters: ({ ecs: client }, name) =>
          client.send(new ecs.DescribeClustersCommand({ clusters: [name] })),
        DeleteCluster: ({ ecs: client }, name) =>
          client.send(new ecs.DeleteClusterCommand({ cluster: name })),
      },
    },
    ...[`${arn}:cluster/prod`, task, `${arn}:service/prod/web`, `${arn}:task-definition/app:1`].map(
      (each) => ({
        arn: each,
        names: [each],
        calls: {
          TagResource: ({ ecs: client }: Clients, name: string) =>
            client.send(new ecs.TagResourceCommand({ resourceArn: name, tags })),
          UntagResource: ({ ecs: client }: Clients, name: string) =>
            client.send(new ecs.UntagResourceCommand({ resourceArn: name, tagKeys: ["a"] })),
          ListTagsForResource: ({ ecs: client }: Clients, name: string) =>
            client.send(new ecs.ListTagsForResourceCommand({ resourceArn: name })),
        },
      }),
    ),
    {
      arn: `${arn}:task-definition/app:1`,
      names: ["app", "app:1", `${arn}:task-definition/app:1`],
      calls: {
        RunTask: ({ ecs: client }, name) =>
          client.send(
            new ecs.RunTaskCommand({ cluster: "mine", taskDefinition: name, networkConfiguration }),
          ),
        DeleteTaskDefinitions: ({ ecs: client }, name) =>
          client.send(new ecs.DeleteTaskDefinitionsCommand({ taskDefinitions: [name] })),
      },
    },
    {
      arn: `${arn}:service/prod/web`,
      names: ["web", `${arn}:service/prod/web`],
      calls: {
        DescribeServices: ({ ecs: client }, name) =>
          client.send(new ecs.DescribeServicesCommand({ cluster: "prod", services: [name] })),
        UpdateService: ({ ecs: client }, name) =>
          client.send(new ecs.UpdateServiceCommand({ cluster: "prod", service: name, desiredCount: 3 })),
        DeleteService: ({ ecs: client }, name) =>
          client.send(new ecs.DeleteServiceCommand({ cluster: "prod", service: name })),
      },
    },
    {
      arn: task,
      names: [task, task.split("/").at(-1) ?? ""],
      calls: {
        DescribeTasks: ({ ecs: client }, name) =>
          client.send(new ecs.DescribeTasksCommand({ cluster: "prod", tasks: [name] })),
        StopTask: ({ ecs: client }, name) =>
          client.send(new ecs.StopTaskCommand({ cluster: "prod", task: name })),
      },
    },
  ];
}

export async function ecrTargets(root: Clients): Promise<readonly Target[]> {
  await root.ecr.send(new ecr.CreateRepositoryCommand({ repositoryName: "prod" }));
  const arn = `${REGIONAL("ecr")}:repository/prod`;
  const tags = [{ Key: "a", Value: "b" }];
  return [
    {
      arn,
      names: ["prod"],
      calls: {
        DescribeRepositories: ({ ecr: client }, name) =>
          client.send(new ecr.DescribeRepositoriesCommand({ repositoryNames: [name] })),
        BatchGetRepositoryScanningConfiguration: ({ ecr: client }, name) =>
          client.send(new ecr.BatchGetRepositoryScanningConfigurationCommand({ repositoryNames: [name] })),
        DescribeImages: ({ ecr: client }, name) =>
          client.send(new ecr.DescribeImagesCommand({ repositoryName: name })),
        PutImageTagMutability: ({ ecr: client }, name) =>
          client.send(
            new ecr.PutImageTagMutabilityCommand({ repositoryName: name, imageTagMutability: "IMMUTABLE" }),
          ),
        DeleteRepository: ({ ecr: client }, name) =>
          client.send(new ecr.DeleteRepositoryCommand({ repositoryName: name })),
      },
    },
    {
      arn,
      names: [arn],
      calls: {
        TagResource: ({ ecr: client }, name) =>
          client.send(new ecr.TagResourceCommand({ resourceArn: name, tags })),
        ListTagsForResource: ({ ecr: client }, name) =>
          client.send(new ecr.ListTagsForResourceCommand({ resourceArn: name })),
      },
    },
  ];
}

export async function ec2Targets(root: Clients): Promise<readonly Target[]> {
  const { Vpcs = [] } = await root.ec2.send(
    new ec2.DescribeVpcsCommand({ Filters: [{ Name: "is-default", Values: ["true"] }] }),
  );
  const vpc = Vpcs[0]?.VpcId ?? "";
  const group = await root.ec2.send(
    new ec2.CreateSecurityGroupCommand({ GroupName: "prod", Description: "d", VpcId: vpc }),
  );
  const { RouteTable } = await root.ec2.send(new ec2.CreateRouteTableCommand({ VpcId: vpc }));
  const { Subnets = [] } = await root.ec2.send(new ec2.DescribeSubnetsCommand({}));
  const { AssociationId } = await root.ec2.send(
    new ec2.AssociateRouteTableCommand({
      RouteTableId: RouteTable?.RouteTableId,
      SubnetId: Subnets[1]?.SubnetId,
    }),
  );
  const ip = { IpProtocol: "tcp", FromPort: 1, ToPort: 2, CidrIp: "0.0.0.0/0" };
  const arn = REGIONAL("ec2");
  const groupArn = `${arn}:security-group/${group.GroupId}`;
  const tableArn = `${arn}:route-table/${RouteTable?.RouteTableId}`;
  return [
    {
      arn: groupArn,
      names: ["prod"],
      calls: {
        AuthorizeSecurityGroupIngress: ({ ec2: client }, GroupName) =>
          client.send(new ec2.AuthorizeSecurityGroupIngressCommand({ GroupName, ...ip })),
        DeleteSecurityGroup: ({ ec2: client }, GroupName) =>
          client.send(new ec2.DeleteSecurityGroupCommand({ GroupName })),
      },
    },
    {
      arn: groupArn,
      names: [group.GroupId ?? ""],
      calls: {
        AuthorizeSecurityGroupIngress: ({ ec2: client }, GroupId) =>
          client.send(new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, ...ip })),
        DeleteSecurityGroup: ({ ec2: client }, GroupId) =>
          client.send(new ec2.DeleteSecurityGroupCommand({ GroupId })),
        CreateTags: ({ ec2: client }, id) =>
          client.send(new ec2.CreateTagsCommand({ Resources: [id], Tags: [{ Key: "a", Value: "b" }] })),
      },
    },
    {
      arn: tableArn,
      names: [AssociationId ?? ""],
      calls: {
        DisassociateRouteTable: ({ ec2: client }, id) =>
          client.send(new ec2.DisassociateRouteTableCommand({ AssociationId: id })),
      },
    },
    {
      arn: tableArn,
      names: [RouteTable?.RouteTableId ?? ""],
      calls: {
        DeleteRouteTable: ({ ec2: client }, id) =>
          client.send(new ec2.DeleteRouteTableCommand({ RouteTableId: id })),
      },
    },
  ];
}

export async function acmTargets(root: Clients): Promise<readonly Target[]> {
  const { CertificateArn: arn = "" } = await root.acm.send(
    new acm.RequestCertificateCommand({ DomainName: "prod.example.com" }),
  );
  return [
    {
      arn,
      names: [arn],
      calls: {
        DescribeCertificate: ({ acm: client }, CertificateArn) =>
          client.send(new acm.DescribeCertificateCommand({ CertificateArn })),
        GetCertificate: ({ acm: client }, CertificateArn) =>
          client.send(new acm.GetCertificateCommand({ CertificateArn })),
        DeleteCertificate: ({ acm: client }, CertificateArn) =>
          client.send(new acm.DeleteCertificateCommand({ CertificateArn })),
      },
    },
  ];
}
