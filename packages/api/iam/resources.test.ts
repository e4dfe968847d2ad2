import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import { CreateDBSubnetGroupCommand, DeleteDBSubnetGroupCommand, RDSClient } from "@aws-sdk/client-rds";
import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const rootEc2 = new ec2.EC2Client(api.client());
const statement = (Action: string | string[], Resource: string, Condition?: object) => ({
  Effect: "Allow",
  Action,
  Resource,
  Condition,
});
let count = 0;

async function keysOf(...Statement: object[]) {
  const UserName = `tagged-${(count += 1)}`;
  await root.send(new iam.CreateUserCommand({ UserName }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await root.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  return keysFor(UserName);
}

async function keysFor(UserName: string) {
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
  return api.client({
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  });
}
const tags = (value: string) => [{ Key: "team", Value: value }];
const ofRed = { StringEquals: { "aws:ResourceTag/team": "red" } };

const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" },
});

describe("conditions know the tags of the resource", () => {
  it("of EC2: resources with one tag value may be deleted, others not", async () => {
    const vpcOf = async (team: string) =>
      (
        await rootEc2.send(
          new ec2.CreateVpcCommand({
            CidrBlock: "10.9.0.0/16",
            TagSpecifications: [{ ResourceType: "vpc", Tags: tags(team) }],
          }),
        )
      ).Vpc?.VpcId ?? "";
    const [red, blue, third] = [await vpcOf("red"), await vpcOf("blue"), await vpcOf("blue")];
    const client = new ec2.EC2Client(
      await keysOf(
        statement("ec2:DeleteVpc", "arn:aws:ec2:*:*:vpc/*", {
          StringEquals: { "ec2:ResourceTag/team": "red" },
        }),
        statement("ec2:DeleteVpc", `arn:aws:ec2:*:*:vpc/${third}`),
        statement("ec2:CreateVpc", "arn:aws:ec2:*:*:vpc/*"),
      ),
    );
    await expect(client.send(new ec2.DeleteVpcCommand({ VpcId: blue }))).rejects.toThrow(
      new RegExp(
        "not authorized to perform: ec2:DeleteVpc on resource: " +
          `arn:aws:ec2:eu-south-1:000000000000:vpc/${blue} because no identity-based`,
      ),
    );
    await client.send(new ec2.DeleteVpcCommand({ VpcId: red }));
    await client.send(new ec2.DeleteVpcCommand({ VpcId: third }));
    const create = (more: object) =>
      client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.8.0.0/16", ...more }));
    await create({});
    await expect(create({ TagSpecifications: [{ ResourceType: "vpc", Tags: tags("red") }] })).rejects.toThrow(
      /ec2:CreateTags/,
    );
  });

  it("of ECS, and the cluster that it is in", async () => {
    const rootEcs = new ecs.ECSClient(api.client());
    for (const [clusterName, team] of [
      ["red", "red"],
      ["blue", "blue"],
    ] as const)
      await rootEcs.send(new ecs.CreateClusterCommand({ clusterName, tags: [{ key: "team", value: team }] }));
    const client = new ecs.ECSClient(
      await keysOf(
        statement("ecs:DescribeClusters", "*", { StringEquals: { "ecs:ResourceTag/team": "red" } }),
        statement("ecs:ListTasks", "*", {
          ArnEquals: { "ecs:cluster": "arn:aws:ecs:eu-south-1:000000000000:cluster/blue" },
        }),
      ),
    );
    const describe = (name: string) => client.send(new ecs.DescribeClustersCommand({ clusters: [name] }));
    expect((await describe("red")).clusters?.[0]?.clusterName).toBe("red");
    await expect(describe("blue")).rejects.toMatchObject({ name: "AccessDeniedException" });
    await client.send(new ecs.ListTasksCommand({ cluster: "blue" }));
    await expect(client.send(new ecs.ListTasksCommand({ cluster: "red" }))).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
  });

  it("of objects, and the tags of a request", async () => {
    const rootS3 = new s3.S3Client({ ...api.client(), forcePathStyle: true });
    await rootS3.send(new s3.CreateBucketCommand({ Bucket: "tagged" }));
    await rootS3.send(
      new s3.PutBucketVersioningCommand({ Bucket: "tagged", VersioningConfiguration: { Status: "Enabled" } }),
    );
    const put = (client: s3.S3Client, Key: string, team: string) =>
      client.send(new s3.PutObjectCommand({ Bucket: "tagged", Key, Body: "x", Tagging: `team=${team}` }));
    const { VersionId } = await put(rootS3, "turned", "red");
    for (const [key, team] of [
      ["red", "red"],
      ["blue", "blue"],
      ["turned", "blue"],
    ] as const)
      await put(rootS3, key, team);
    const inBucket = "arn:aws:s3:::tagged/*";
    const client = new s3.S3Client({
      ...(await keysOf(
        statement(["s3:GetObject", "s3:GetObjectVersion"], inBucket, {
          StringEquals: { "s3:ExistingObjectTag/team": "red" },
        }),
        statement("s3:PutObject", inBucket),
        statement("s3:PutObjectTagging", inBucket, {
          StringEquals: { "s3:RequestObjectTag/team": "red" },
          "ForAllValues:StringEquals": { "s3:RequestObjectTagKeys": ["team"] },
        }),
      )),
      forcePathStyle: true,
    });
    const get = (Key: string, version?: string) =>
      client.send(new s3.GetObjectCommand({ Bucket: "tagged", Key, VersionId: version }));
    await get("red");
    await get("turned", VersionId);
    for (const refused of [get("blue"), get("turned"), put(client, "new", "blue")])
      await expect(refused).rejects.toMatchObject({ name: "AccessDenied" });
    await put(client, "new", "red");
  });

  it("of databases' subnet groups, in RDS's own spelling", async () => {
    const { Subnets = [] } = await rootEc2.send(new ec2.DescribeSubnetsCommand({}));
    const client = new RDSClient(
      await keysOf(
        statement("rds:DeleteDBSubnetGroup", "*", { StringEquals: { "rds:subgrp-tag/team": "red" } }),
      ),
    );
    for (const team of ["red", "blue"])
      await new RDSClient(api.client()).send(
        new CreateDBSubnetGroupCommand({
          DBSubnetGroupName: team,
          DBSubnetGroupDescription: team,
          SubnetIds: Subnets.map((subnet) => subnet.SubnetId ?? ""),
          Tags: tags(team),
        }),
      );
    await client.send(new DeleteDBSubnetGroupCommand({ DBSubnetGroupName: "red" }));
    await expect(
      client.send(new DeleteDBSubnetGroupCommand({ DBSubnetGroupName: "blue" })),
    ).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("of roles, and whose account it is", async () => {
    const AssumeRolePolicyDocument = TRUST;
    for (const team of ["red", "blue"])
      await root.send(
        new iam.CreateRoleCommand({
          RoleName: team,
          Path: "/teams/",
          AssumeRolePolicyDocument,
          Tags: tags(team),
        }),
      );
    const client = new iam.IAMClient(
      await keysOf(
        statement("iam:GetRole", "arn:aws:iam::*:role/teams/*", {
          ...ofRed,
          StringEqualsIfExists: { "aws:ResourceAccount": "000000000000" },
        }),
      ),
    );
    await client.send(new iam.GetRoleCommand({ RoleName: "red" }));
    await expect(client.send(new iam.GetRoleCommand({ RoleName: "blue" }))).rejects.toThrow(
      /role\/teams\/blue/,
    );
  });
});

describe("groups", () => {
  it("give their members their permissions, can be renamed, and are deleted once they are empty", async () => {
    const UserName = "member";
    await root.send(new iam.CreateUserCommand({ UserName }));
    const member = new iam.IAMClient(await keysFor(UserName));
    const listUsers = () => member.send(new iam.ListUsersCommand({}));
    await root.send(new iam.CreateGroupCommand({ GroupName: "readers", Path: "/teams/" }));
    await expect(root.send(new iam.CreateGroupCommand({ GroupName: "Readers" }))).rejects.toMatchObject({
      name: "EntityAlreadyExistsException",
    });
    await root.send(
      new iam.AttachGroupPolicyCommand({
        GroupName: "readers",
        PolicyArn: "arn:aws:iam::aws:policy/IAMReadOnlyAccess",
      }),
    );
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [statement("iam:CreateGroup", "arn:aws:iam::*:group/made/*")],
    });
    await root.send(
      new iam.PutGroupPolicyCommand({ GroupName: "readers", PolicyName: "make", PolicyDocument }),
    );
    await expect(listUsers()).rejects.toMatchObject({ name: "AccessDenied" });
    await root.send(new iam.AddUserToGroupCommand({ GroupName: "readers", UserName }));
    await listUsers();
    await member.send(new iam.CreateGroupCommand({ GroupName: "mine", Path: "/made/" }));
    await expect(
      member.send(new iam.CreateGroupCommand({ GroupName: "other", Path: "/other/" })),
    ).rejects.toMatchObject({ name: "AccessDenied" });
    const { EvaluationResults } = await root.send(
      new iam.SimulatePrincipalPolicyCommand({
        PolicySourceArn: "arn:aws:iam::000000000000:group/teams/readers",
        ActionNames: ["iam:ListUsers"],
      }),
    );
    expect(EvaluationResults?.[0]?.EvalDecision).toBe("allowed");

    await root.send(new iam.UpdateGroupCommand({ GroupName: "readers", NewGroupName: "viewers" }));
    const { Groups } = await root.send(new iam.ListGroupsForUserCommand({ UserName }));
    expect(Groups?.map((group) => group.Arn)).toEqual(["arn:aws:iam::000000000000:group/teams/viewers"]);
    expect(
      (await root.send(new iam.GetGroupCommand({ GroupName: "viewers" }))).Users?.map(
        (user) => user.UserName,
      ),
    ).toEqual([UserName]);
    await root.send(new iam.UpdateUserCommand({ UserName, NewUserName: "renamed" }));
    await listUsers();
    const remove = () => root.send(new iam.DeleteGroupCommand({ GroupName: "viewers" }));
    await expect(remove()).rejects.toThrow(/must remove users from group first/);
    await root.send(new iam.RemoveUserFromGroupCommand({ GroupName: "viewers", UserName: "renamed" }));
    await expect(listUsers()).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(remove()).rejects.toThrow(/must detach all policies first/);
    await root.send(
      new iam.DetachGroupPolicyCommand({
        GroupName: "viewers",
        PolicyArn: "arn:aws:iam::aws:policy/IAMReadOnlyAccess",
      }),
    );
    await expect(remove()).rejects.toThrow(/must delete policies first/);
    await root.send(new iam.DeleteGroupPolicyCommand({ GroupName: "viewers", PolicyName: "make" }));
    await remove();
  });

  it("are listed page by page, as all of IAM's lists", async () => {
    for (const name of ["a", "b", "c", "d", "e"])
      await root.send(new iam.CreateGroupCommand({ GroupName: name, Path: "/pages/" }));
    const seen: string[] = [];
    for await (const page of iam.paginateListGroups(
      { client: root, pageSize: 2 },
      { PathPrefix: "/pages/" },
    )) {
      expect(page.Groups?.length).toBeLessThanOrEqual(2);
      seen.push(...(page.Groups ?? []).map((group) => group.GroupName ?? ""));
    }
    expect(seen).toEqual(["a", "b", "c", "d", "e"]);
    await expect(root.send(new iam.ListGroupsCommand({ Marker: "nonsense!" }))).rejects.toMatchObject({
      name: "ValidationError",
    });
  });
});

describe("instance profiles", () => {
  it("have one role, which cannot be deleted, and list who uses a policy", async () => {
    const AssumeRolePolicyDocument = TRUST;
    const [RoleName, InstanceProfileName] = ["of-instances", "profile"];
    const PolicyArn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    await root.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
    await root.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }));
    await root.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName, Tags: tags("red") }));
    const add = () => root.send(new iam.AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName }));
    await add();
    await expect(add()).rejects.toMatchObject({ name: "LimitExceededException" });
    const { InstanceProfiles } = await root.send(new iam.ListInstanceProfilesForRoleCommand({ RoleName }));
    expect(InstanceProfiles).toMatchObject([
      { InstanceProfileName, Roles: [{ RoleName }], Tags: tags("red") },
    ]);
    const { PolicyRoles } = await root.send(new iam.ListEntitiesForPolicyCommand({ PolicyArn }));
    expect(PolicyRoles?.map((role) => role.RoleName)).toEqual([RoleName]);
    await root.send(new iam.DetachRolePolicyCommand({ RoleName, PolicyArn }));
    await expect(root.send(new iam.DeleteRoleCommand({ RoleName }))).rejects.toThrow(
      /must remove roles from instance profile first/,
    );
    await expect(
      root.send(new iam.DeleteInstanceProfileCommand({ InstanceProfileName })),
    ).rejects.toMatchObject({ name: "DeleteConflictException" });
    await root.send(new iam.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName }));
    await root.send(new iam.DeleteInstanceProfileCommand({ InstanceProfileName }));
    await root.send(new iam.DeleteRoleCommand({ RoleName }));
  });
});
