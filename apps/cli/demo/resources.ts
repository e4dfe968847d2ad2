import { randomBytes } from "node:crypto";
import { ListCertificatesCommand, RequestCertificateCommand } from "@aws-sdk/client-acm";
import {
  CreateLogGroupCommand,
  DescribeLogGroupsCommand,
  PutRetentionPolicyCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { CreateClusterCommand } from "@aws-sdk/client-ecs";
import {
  CreateAccessPointCommand,
  CreateFileSystemCommand,
  CreateMountTargetCommand,
  DescribeAccessPointsCommand,
  DescribeFileSystemsCommand,
} from "@aws-sdk/client-efs";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
  ModifyTargetGroupAttributesCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  GetRoleCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateDBInstanceCommand,
  CreateDBSubnetGroupCommand,
  DescribeDBInstancesCommand,
} from "@aws-sdk/client-rds";
import { CreateBucketCommand, HeadBucketCommand, PutPublicAccessBlockCommand } from "@aws-sdk/client-s3";
import { present } from "@gantry/kernel";
import type { Clients } from "./clients.ts";
import type { DemoNetwork } from "./network.ts";

export interface DemoResources {
  readonly bucket: string;
  readonly fileSystemId: string;
  readonly accessPointId: string;
  readonly database: {
    readonly host: string;
    readonly user: string;
    readonly name: string;
    readonly password: string | undefined;
  };
  readonly logGroup: string;
  readonly roles: { readonly task: string; readonly execution: string };
  readonly targetGroupArn: string;
  readonly loadBalancer: { readonly arn: string; readonly dnsName: string };
}

/** The assertion about every Create operation. */
const CREATED = "A response contains the resource that the request created.";

const missing = <T>(call: Promise<T>, ...names: readonly string[]): Promise<T | undefined> =>
  call.catch((thrown: Error) => {
    if (names.includes(thrown.name)) return undefined;
    throw thrown;
  });

/** Finds the bucket, files, database, roles, logs and load balancer by their names, or creates them. */
export async function ensureResources(
  clients: Clients,
  network: DemoNetwork,
  account: string,
): Promise<DemoResources> {
  const bucket = `fileshare-${account}`;
  if (
    (await missing(
      clients.s3.send(new HeadBucketCommand({ Bucket: bucket })),
      "NotFound",
      "NoSuchBucket",
      "404",
    )) === undefined
  ) {
    await clients.s3.send(
      new CreateBucketCommand({
        Bucket: bucket,
        CreateBucketConfiguration: { LocationConstraint: "eu-south-1" },
      }),
    );
    await clients.s3.send(
      new PutPublicAccessBlockCommand({
        Bucket: bucket,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      }),
    );
  }
  const files = await ensureFiles(clients.efs, network);
  const database = await ensureDatabase(clients.rds, network);
  const logGroup = "/ecs/fileshare-app";
  const { logGroups = [] } = await clients.logs.send(
    new DescribeLogGroupsCommand({ logGroupNamePrefix: logGroup }),
  );
  if (logGroups.length === 0) {
    await clients.logs.send(new CreateLogGroupCommand({ logGroupName: logGroup }));
    await clients.logs.send(new PutRetentionPolicyCommand({ logGroupName: logGroup, retentionInDays: 30 }));
  }
  const roles = {
    task: await ensureRole(clients.iam, "fileshare-task", { bucket }),
    execution: await ensureRole(clients.iam, "fileshare-execution", {
      managed: "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
    }),
  };
  const balancer = await ensureBalancer(clients, network);
  await clients.ecs.send(new CreateClusterCommand({ clusterName: "fileshare" }));
  return { bucket, ...files, database, logGroup, roles, ...balancer };
}

async function ensureFiles(
  efs: Clients["efs"],
  network: DemoNetwork,
): Promise<Pick<DemoResources, "fileSystemId" | "accessPointId">> {
  const { FileSystems = [] } = await efs.send(new DescribeFileSystemsCommand({ CreationToken: "fileshare" }));
  let fileSystemId = FileSystems[0]?.FileSystemId;
  if (fileSystemId === undefined) {
    fileSystemId = present(
      (
        await efs.send(
          new CreateFileSystemCommand({
            CreationToken: "fileshare",
            Encrypted: true,
            Tags: [{ Key: "Name", Value: "fileshare" }],
          }),
        )
      ).FileSystemId,
      CREATED,
    );
    for (const SubnetId of network.privateSubnets)
      await efs.send(
        new CreateMountTargetCommand({
          FileSystemId: fileSystemId,
          SubnetId,
          SecurityGroups: [network.groups.files],
        }),
      );
  }
  const { AccessPoints = [] } = await efs.send(
    new DescribeAccessPointsCommand({ FileSystemId: fileSystemId }),
  );
  const point =
    AccessPoints[0] ??
    (await efs.send(
      new CreateAccessPointCommand({
        ClientToken: "fileshare",
        FileSystemId: fileSystemId,
        RootDirectory: { Path: "/uploads", CreationInfo: { OwnerUid: 0, OwnerGid: 0, Permissions: "0755" } },
      }),
    ));
  return { fileSystemId, accessPointId: present(point.AccessPointId, CREATED) };
}

async function ensureDatabase(rds: Clients["rds"], network: DemoNetwork): Promise<DemoResources["database"]> {
  const described = () =>
    missing(
      rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: "fileshare" })),
      "DBInstanceNotFoundFault",
      "DBInstanceNotFound",
    );
  const known = { user: "fileshare", name: "fileshare" };
  const there = (await described())?.DBInstances?.[0];
  if (there?.Endpoint?.Address !== undefined)
    return { host: there.Endpoint.Address, ...known, password: undefined };
  const password = randomBytes(18).toString("base64url");
  await missing(
    rds.send(
      new CreateDBSubnetGroupCommand({
        DBSubnetGroupName: "fileshare",
        DBSubnetGroupDescription: "fileshare",
        SubnetIds: [...network.privateSubnets],
      }),
    ),
    "DBSubnetGroupAlreadyExistsFault",
  );
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: "fileshare",
      Engine: "mysql",
      DBInstanceClass: "db.t3.micro",
      AllocatedStorage: 20,
      DBName: known.name,
      MasterUsername: known.user,
      MasterUserPassword: password,
      DBSubnetGroupName: "fileshare",
      VpcSecurityGroupIds: [network.groups.database],
    }),
  );
  for (;;) {
    const instance = (await described())?.DBInstances?.[0];
    if (instance?.DBInstanceStatus === "available" && instance.Endpoint?.Address !== undefined)
      return { host: instance.Endpoint.Address, ...known, password };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function ensureRole(
  iam: Clients["iam"],
  name: string,
  options: { bucket?: string; managed?: string },
): Promise<string> {
  const there = await missing(
    iam.send(new GetRoleCommand({ RoleName: name })),
    "NoSuchEntityException",
    "NoSuchEntity",
  );
  if (there?.Role?.Arn !== undefined) return there.Role.Arn;
  const trust = {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { Service: "ecs-tasks.amazonaws.com" }, Action: "sts:AssumeRole" },
    ],
  };
  const { Role } = await iam.send(
    new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) }),
  );
  if (options.managed !== undefined)
    await iam.send(new AttachRolePolicyCommand({ RoleName: name, PolicyArn: options.managed }));
  if (options.bucket !== undefined) {
    const policy = {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
          Resource: `arn:aws:s3:::${options.bucket}/*`,
        },
      ],
    };
    await iam.send(
      new PutRolePolicyCommand({
        RoleName: name,
        PolicyName: "bucket",
        PolicyDocument: JSON.stringify(policy),
      }),
    );
  }
  return present(Role?.Arn, CREATED);
}

async function ensureBalancer(
  { elb, acm }: Clients,
  network: DemoNetwork,
): Promise<Pick<DemoResources, "targetGroupArn" | "loadBalancer">> {
  const known = await missing(
    elb.send(new DescribeLoadBalancersCommand({ Names: ["fileshare"] })),
    "LoadBalancerNotFoundException",
    "LoadBalancerNotFound",
  );
  const [there] = known?.LoadBalancers ?? [];
  if (there !== undefined) {
    const { TargetGroups = [] } = await elb.send(new DescribeTargetGroupsCommand({ Names: ["fileshare-a"] }));
    return {
      targetGroupArn: present(TargetGroups[0]?.TargetGroupArn, CREATED),
      loadBalancer: {
        arn: present(there.LoadBalancerArn, CREATED),
        dnsName: present(there.DNSName, CREATED),
      },
    };
  }
  const targetGroupArn = await createTargetGroup(elb, network);
  const { LoadBalancers = [] } = await elb.send(
    new CreateLoadBalancerCommand({
      Name: "fileshare",
      Subnets: [...network.publicSubnets],
      SecurityGroups: [network.groups.balancer],
    }),
  );
  const loadBalancer = {
    arn: present(LoadBalancers[0]?.LoadBalancerArn, CREATED),
    dnsName: present(LoadBalancers[0]?.DNSName, CREATED),
  };
  await createListeners(elb, {
    loadBalancerArn: loadBalancer.arn,
    targetGroupArn,
    certificateArn: await ensureCertificate(acm, loadBalancer.dnsName),
  });
  return { targetGroupArn, loadBalancer };
}

async function createTargetGroup(elb: Clients["elb"], network: DemoNetwork): Promise<string> {
  const { TargetGroups = [] } = await elb.send(
    new CreateTargetGroupCommand({
      Name: "fileshare-a",
      TargetType: "ip",
      Protocol: "HTTP",
      Port: 8080,
      VpcId: network.vpcId,
      HealthCheckPath: "/health",
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
    }),
  );
  const targetGroupArn = present(TargetGroups[0]?.TargetGroupArn, CREATED);
  await elb.send(
    new ModifyTargetGroupAttributesCommand({
      TargetGroupArn: targetGroupArn,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "10" }],
    }),
  );
  return targetGroupArn;
}

async function ensureCertificate(acm: Clients["acm"], DomainName: string): Promise<string> {
  const { CertificateSummaryList = [] } = await acm.send(new ListCertificatesCommand({}));
  const known = CertificateSummaryList[0]?.CertificateArn;
  if (known !== undefined) return known;
  const requested = await acm.send(new RequestCertificateCommand({ DomainName, ValidationMethod: "DNS" }));
  return present(requested.CertificateArn, CREATED);
}

/** Creates the listeners for HTTP and HTTPS, each with a rule that answers for the load balancer itself. */
async function createListeners(
  elb: Clients["elb"],
  options: { loadBalancerArn: string; targetGroupArn: string; certificateArn: string },
): Promise<void> {
  const forward = [{ Type: "forward" as const, TargetGroupArn: options.targetGroupArn }];
  for (const listener of [
    { Protocol: "HTTP" as const, Port: 80 },
    { Protocol: "HTTPS" as const, Port: 443, Certificates: [{ CertificateArn: options.certificateArn }] },
  ]) {
    const { Listeners = [] } = await elb.send(
      new CreateListenerCommand({
        LoadBalancerArn: options.loadBalancerArn,
        ...listener,
        DefaultActions: forward,
      }),
    );
    await elb.send(
      new CreateRuleCommand({
        ListenerArn: present(Listeners[0]?.ListenerArn, CREATED),
        Priority: 10,
        Conditions: [{ Field: "path-pattern", Values: ["/balancer"] }],
        Actions: [
          {
            Type: "fixed-response",
            FixedResponseConfig: {
              StatusCode: "200",
              ContentType: "text/plain",
              MessageBody: "BALANCER IS HEALTHY",
            },
          },
        ],
      }),
    );
  }
}
