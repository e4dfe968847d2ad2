import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as efs from "@aws-sdk/client-efs";
import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import { ACCOUNT, REGIONAL, type Clients, type Target } from "./spelling-targets.ts";

export async function efsTargets(root: Clients): Promise<readonly Target[]> {
  const { FileSystemId: id = "", FileSystemArn: arn = "" } = await root.efs.send(
    new efs.CreateFileSystemCommand({ CreationToken: "prod" }),
  );
  const { Subnets = [] } = await root.ec2.send(new ec2.DescribeSubnetsCommand({}));
  const { MountTargetId: target = "" } = await root.efs.send(
    new efs.CreateMountTargetCommand({ FileSystemId: id, SubnetId: Subnets[0]?.SubnetId }),
  );
  const { AccessPointId: point = "", AccessPointArn: pointArn = "" } = await root.efs.send(
    new efs.CreateAccessPointCommand({ FileSystemId: id, ClientToken: "t" }),
  );
  const tagging: Target["calls"] = {
    TagResource: ({ efs: client }, name) =>
      client.send(new efs.TagResourceCommand({ ResourceId: name, Tags: [{ Key: "a", Value: "b" }] })),
    UntagResource: ({ efs: client }, name) =>
      client.send(new efs.UntagResourceCommand({ ResourceId: name, TagKeys: ["a"] })),
    ListTagsForResource: ({ efs: client }, name) =>
      client.send(new efs.ListTagsForResourceCommand({ ResourceId: name })),
  };
  return [
    {
      arn,
      names: [id, arn],
      calls: {
        ...tagging,
        DescribeFileSystems: ({ efs: client }, name) =>
          client.send(new efs.DescribeFileSystemsCommand({ FileSystemId: name })),
        DescribeMountTargets: ({ efs: client }, name) =>
          client.send(new efs.DescribeMountTargetsCommand({ FileSystemId: name })),
        DescribeAccessPoints: ({ efs: client }, name) =>
          client.send(new efs.DescribeAccessPointsCommand({ FileSystemId: name })),
        CreateAccessPoint: ({ efs: client }, name) =>
          client.send(new efs.CreateAccessPointCommand({ FileSystemId: name, ClientToken: "u" })),
        DeleteFileSystem: ({ efs: client }, name) =>
          client.send(new efs.DeleteFileSystemCommand({ FileSystemId: name })),
      },
    },
    {
      arn,
      names: [target],
      calls: {
        DescribeMountTargets: ({ efs: client }, name) =>
          client.send(new efs.DescribeMountTargetsCommand({ MountTargetId: name })),
        ModifyMountTargetSecurityGroups: ({ efs: client }, name) =>
          client.send(
            new efs.ModifyMountTargetSecurityGroupsCommand({ MountTargetId: name, SecurityGroups: [] }),
          ),
        DeleteMountTarget: ({ efs: client }, name) =>
          client.send(new efs.DeleteMountTargetCommand({ MountTargetId: name })),
      },
    },
    {
      arn: pointArn,
      names: [point, pointArn],
      calls: {
        ...tagging,
        DescribeAccessPoints: ({ efs: client }, name) =>
          client.send(new efs.DescribeAccessPointsCommand({ AccessPointId: name })),
        DeleteAccessPoint: ({ efs: client }, name) =>
          client.send(new efs.DeleteAccessPointCommand({ AccessPointId: name })),
      },
    },
  ];
}

export async function rdsTargets(root: Clients): Promise<readonly Target[]> {
  const { Subnets = [] } = await root.ec2.send(new ec2.DescribeSubnetsCommand({}));
  await root.rds.send(
    new rds.CreateDBSubnetGroupCommand({
      DBSubnetGroupName: "prod",
      DBSubnetGroupDescription: "d",
      SubnetIds: Subnets.map((subnet) => subnet.SubnetId ?? ""),
    }),
  );
  await root.rds.send(
    new rds.CreateDBInstanceCommand({
      DBInstanceIdentifier: "prod",
      DBInstanceClass: "db.t3.micro",
      Engine: "mysql",
      AllocatedStorage: 20,
      MasterUsername: "admin",
      MasterUserPassword: "password1",
    }),
  );
  const arn = REGIONAL("rds");
  const Tags = [{ Key: "a", Value: "b" }];
  return [
    {
      arn: `${arn}:db:prod`,
      names: ["prod", "PROD", `${arn}:db:prod`],
      calls: {
        DescribeDBInstances: ({ rds: client }, name) =>
          client.send(new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier: name })),
        ModifyDBInstance: ({ rds: client }, name) =>
          client.send(new rds.ModifyDBInstanceCommand({ DBInstanceIdentifier: name, AllocatedStorage: 30 })),
        DeleteDBInstance: ({ rds: client }, name) =>
          client.send(
            new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: name, SkipFinalSnapshot: true }),
          ),
      },
    },
    {
      arn: `${arn}:subgrp:prod`,
      names: ["prod", "Prod"],
      calls: {
        DescribeDBSubnetGroups: ({ rds: client }, name) =>
          client.send(new rds.DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: name })),
        DeleteDBSubnetGroup: ({ rds: client }, name) =>
          client.send(new rds.DeleteDBSubnetGroupCommand({ DBSubnetGroupName: name })),
        CreateDBInstance: ({ rds: client }, name) =>
          client.send(
            new rds.CreateDBInstanceCommand({
              DBInstanceIdentifier: "mine",
              DBInstanceClass: "db.t3.micro",
              Engine: "mysql",
              AllocatedStorage: 20,
              MasterUsername: "admin",
              MasterUserPassword: "password1",
              DBSubnetGroupName: name,
            }),
          ),
      },
    },
    ...[`${arn}:db:prod`, `${arn}:subgrp:prod`].map((each) => ({
      arn: each,
      names: [each],
      calls: {
        AddTagsToResource: ({ rds: client }: Clients, name: string) =>
          client.send(new rds.AddTagsToResourceCommand({ ResourceName: name, Tags })),
        ListTagsForResource: ({ rds: client }: Clients, name: string) =>
          client.send(new rds.ListTagsForResourceCommand({ ResourceName: name })),
      },
    })),
  ];
}

export async function logsTargets(root: Clients): Promise<readonly Target[]> {
  await root.logs.send(new logs.CreateLogGroupCommand({ logGroupName: "prod" }));
  await root.logs.send(new logs.CreateLogStreamCommand({ logGroupName: "prod", logStreamName: "s" }));
  const arn = `${REGIONAL("logs")}:log-group:prod`;
  const logStreamName = "s";
  return [
    {
      arn: `${arn}:*`,
      names: ["prod"],
      calls: {
        PutRetentionPolicy: ({ logs: client }, logGroupName) =>
          client.send(new logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays: 1 })),
        DeleteLogGroup: ({ logs: client }, logGroupName) =>
          client.send(new logs.DeleteLogGroupCommand({ logGroupName })),
        CreateLogStream: ({ logs: client }, logGroupName) =>
          client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName: "t" })),
        PutLogEvents: ({ logs: client }, logGroupName) =>
          client.send(
            new logs.PutLogEventsCommand({
              logGroupName,
              logStreamName,
              logEvents: [{ timestamp: Date.now(), message: "m" }],
            }),
          ),
      },
    },
    {
      arn: `${arn}:*`,
      names: ["prod", arn, `${arn}:*`],
      calls: {
        DescribeLogStreams: ({ logs: client }, logGroupIdentifier) =>
          client.send(new logs.DescribeLogStreamsCommand({ logGroupIdentifier })),
        GetLogEvents: ({ logs: client }, logGroupIdentifier) =>
          client.send(new logs.GetLogEventsCommand({ logGroupIdentifier, logStreamName })),
        FilterLogEvents: ({ logs: client }, logGroupIdentifier) =>
          client.send(new logs.FilterLogEventsCommand({ logGroupIdentifier })),
      },
    },
    {
      arn,
      names: [arn, `${arn}:*`],
      calls: {
        TagResource: ({ logs: client }, resourceArn) =>
          client.send(new logs.TagResourceCommand({ resourceArn, tags: { a: "b" } })),
        ListTagsForResource: ({ logs: client }, resourceArn) =>
          client.send(new logs.ListTagsForResourceCommand({ resourceArn })),
      },
    },
  ];
}

export async function iamTargets(root: Clients): Promise<readonly Target[]> {
  const Path = "/team/";
  await root.iam.send(new iam.CreateUserCommand({ UserName: "prod", Path }));
  await root.iam.send(
    new iam.CreateRoleCommand({
      RoleName: "prod",
      Path,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: {
          Effect: "Allow",
          Principal: { Service: "ecs-tasks.amazonaws.com" },
          Action: "sts:AssumeRole",
        },
      }),
    }),
  );
  await root.iam.send(new iam.CreateGroupCommand({ GroupName: "prod", Path }));
  return [
    await policyTarget(root),
    {
      arn: `${ACCOUNT}:user/team/prod`,
      names: ["prod"],
      calls: {
        GetUser: ({ iam: client }, UserName) => client.send(new iam.GetUserCommand({ UserName })),
        UpdateUser: ({ iam: client }, UserName) =>
          client.send(new iam.UpdateUserCommand({ UserName, NewPath: "/" })),
        CreateAccessKey: ({ iam: client }, UserName) =>
          client.send(new iam.CreateAccessKeyCommand({ UserName })),
      },
    },
    {
      arn: `${ACCOUNT}:role/team/prod`,
      names: ["prod"],
      calls: {
        GetRole: ({ iam: client }, RoleName) => client.send(new iam.GetRoleCommand({ RoleName })),
        DeleteRole: ({ iam: client }, RoleName) => client.send(new iam.DeleteRoleCommand({ RoleName })),
        TagRole: ({ iam: client }, RoleName) =>
          client.send(new iam.TagRoleCommand({ RoleName, Tags: [{ Key: "a", Value: "b" }] })),
      },
    },
    {
      arn: `${ACCOUNT}:group/team/prod`,
      names: ["prod"],
      calls: {
        GetGroup: ({ iam: client }, GroupName) => client.send(new iam.GetGroupCommand({ GroupName })),
        AddUserToGroup: ({ iam: client }, GroupName) =>
          client.send(new iam.AddUserToGroupCommand({ GroupName, UserName: "spare" })),
        DeleteGroup: ({ iam: client }, GroupName) => client.send(new iam.DeleteGroupCommand({ GroupName })),
      },
    },
  ];
}

const DOCUMENT = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: "*" },
});

async function policyTarget(root: Clients): Promise<Target> {
  const { Policy } = await root.iam.send(
    new iam.CreatePolicyCommand({ PolicyName: "prod", Path: "/team/", PolicyDocument: DOCUMENT }),
  );
  const arn = Policy?.Arn ?? "";
  return {
    arn,
    names: [arn],
    calls: {
      GetPolicy: ({ iam: client }, PolicyArn) => client.send(new iam.GetPolicyCommand({ PolicyArn })),
      GetPolicyVersion: ({ iam: client }, PolicyArn) =>
        client.send(new iam.GetPolicyVersionCommand({ PolicyArn, VersionId: "v1" })),
      ListPolicyVersions: ({ iam: client }, PolicyArn) =>
        client.send(new iam.ListPolicyVersionsCommand({ PolicyArn })),
      ListEntitiesForPolicy: ({ iam: client }, PolicyArn) =>
        client.send(new iam.ListEntitiesForPolicyCommand({ PolicyArn })),
      CreatePolicyVersion: ({ iam: client }, PolicyArn) =>
        client.send(new iam.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: DOCUMENT })),
      SetDefaultPolicyVersion: ({ iam: client }, PolicyArn) =>
        client.send(new iam.SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: "v1" })),
      TagPolicy: ({ iam: client }, PolicyArn) =>
        client.send(new iam.TagPolicyCommand({ PolicyArn, Tags: [{ Key: "a", Value: "b" }] })),
      DeletePolicy: ({ iam: client }, PolicyArn) => client.send(new iam.DeletePolicyCommand({ PolicyArn })),
    },
  };
}
