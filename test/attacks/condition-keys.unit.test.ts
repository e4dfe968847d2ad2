import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { CreateKeyCommand, DescribeKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import * as rds from "@aws-sdk/client-rds";
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { keysRead } from "@gantry/api/iam/request-keys";
import { isKnownConditionKey } from "@gantry/iam";
import { SERVICE_KEYS } from "@gantry/iam/condition-keys";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderPage } from "./references/condition-keys-page.ts";
import { KEYS_WITHOUT_VALUE, KEYS_WITHOUT_VALUE_MAX } from "./references/keys-without-value.ts";

const PAGE = "docs/condition-keys.md";

/**
 * Keys whose requests cannot be made here: the member is refused, or the action does not exist. They never
 * have a value.
 */
const WITHOUT_REQUESTS = new Set([
  "elasticfilesystem:AccessPointArn",
  "elasticfilesystem:AccessedViaMountTarget",
  "s3:DataAccessPointAccount",
  "s3:DataAccessPointArn",
  "s3:AccessPointNetworkOrigin",
  "s3:AccessGrantsInstanceArn",
]);
/** Keys of tags, whose names resource-keys.ts makes of the service's name. */
const OF_TAGS =
  /^(?:iam|ecs|ecr|ec2|elasticloadbalancing|secretsmanager|autoscaling):ResourceTag\/$|^ssm:resourceTag\/$|^rds:(?:db|subgrp|req)-tag\/$/;

describe("a condition key of the table", () => {
  const listed = [...new Set(Object.values(SERVICE_KEYS).flatMap((keys) => Object.keys(keys)))];
  const others = listed.filter(
    (key) => !keysRead().includes(key) && !WITHOUT_REQUESTS.has(key) && !OF_TAGS.test(key),
  );
  // Before: s3:ResourceAccount was listed and had no value, so that a Deny of another account's buckets had no effect.
  it.each(others)("has a value from the service's permissions or the resource: %s", (key) => {
    const search = ["grep", "-lF", `"${key.replace(/\/$/, "")}`, "packages/api/*.ts", "packages/state/*.ts"];
    const spelled = execFileSync("git", search, { encoding: "utf8" }).split("\n");
    const template = key.endsWith("/") ? ["packages/api/s3/permissions.ts"] : [];
    expect([...spelled, ...template].filter((file) => file !== "").length).toBeGreaterThan(0);
  });

  it("has a reader, and every reader belongs to a key", () => {
    expect(keysRead().filter((key) => !listed.includes(key))).toEqual([]);
    expect([...WITHOUT_REQUESTS].filter((key) => !listed.includes(key))).toEqual([]);
  });
});

// The list may shrink. A key of the Service Authorization Reference that is neither in the table nor here
// fails the test.
describe("a condition key that exists in AWS and has no value here", () => {
  const without = Object.values(KEYS_WITHOUT_VALUE).flatMap((keys) => Object.keys(keys));
  it("is unknown to the table, so that a Deny that names it denies", () => {
    expect(without.filter(isKnownConditionKey)).toEqual([]);
  });

  it("is in a list that does not grow, with its reason in the documentation", () => {
    expect(without.length).toBeLessThanOrEqual(KEYS_WITHOUT_VALUE_MAX);
    const page = renderPage();
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, "utf8")).toBe(page);
  });
});

const api = await startApi();
afterAll(() => api.close());
const root = {
  ec2: new ec2.EC2Client(api.client()),
  ecs: new ecs.ECSClient(api.client()),
  iam: new iam.IAMClient(api.client()),
  logs: new logs.CloudWatchLogsClient(api.client()),
};
const Tags = [{ Key: "guard", Value: "yes" }];
let count = 0;

/** A client's configuration for a user who may do everything but what the condition names. */
async function deniedIf(Condition: object, Action: string | readonly string[] = "*") {
  const UserName = `guarded-${(count += 1)}`;
  const PolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "*", Resource: "*" },
      { Effect: "Deny", Action, Resource: "*", Condition },
    ],
  });
  await root.iam.send(new iam.CreateUserCommand({ UserName }));
  await root.iam.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  const { AccessKey } = await root.iam.send(new iam.CreateAccessKeyCommand({ UserName }));
  return api.client({
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  });
}
const DENIED = /explicit deny/;

// Before: each went through, because the key that the Deny names had no value for the request.
describe("a Deny is not evaded", () => {
  it("by removing the protected tag, where the call has only keys", async () => {
    const client = await deniedIf({ "ForAnyValue:StringEquals": { "aws:TagKeys": "guard" } });
    const created = await root.ecs.send(
      new ecs.CreateClusterCommand({ clusterName: "tagged", tags: [{ key: "guard", value: "yes" }] }),
    );
    const resourceArn = created.cluster?.clusterArn;
    const send = (tagKeys: string[]) =>
      new ecs.ECSClient(client).send(new ecs.UntagResourceCommand({ resourceArn, tagKeys }));
    await expect(send(["guard"])).rejects.toThrow(DENIED);
    await send(["other"]);
    await root.iam.send(new iam.CreateUserCommand({ UserName: "tagged", Tags }));
    await expect(
      new iam.IAMClient(client).send(new iam.UntagUserCommand({ UserName: "tagged", TagKeys: ["guard"] })),
    ).rejects.toThrow(DENIED);
  });

  it("by tags in the form of a map", async () => {
    const client = new logs.CloudWatchLogsClient(
      await deniedIf({ StringEquals: { "aws:RequestTag/guard": "yes" } }),
    );
    const send = (logGroupName: string, tags: Record<string, string>) =>
      client.send(new logs.CreateLogGroupCommand({ logGroupName, tags }));
    await expect(send("one", { guard: "yes" })).rejects.toThrow(DENIED);
    await send("two", { guard: "no" });
  });

  it("by a default: a database that is not public, a task that is not privileged", async () => {
    const database = new rds.RDSClient(await deniedIf({ Bool: { "rds:PubliclyAccessible": "false" } }));
    await expect(
      database.send(
        new rds.CreateDBInstanceCommand({
          DBInstanceIdentifier: "mine",
          DBInstanceClass: "db.t3.micro",
          Engine: "postgres",
        }),
      ),
    ).rejects.toThrow(DENIED);
    const client = new ecs.ECSClient(await deniedIf({ Bool: { "ecs:privileged": "false" } }));
    await expect(client.send(definition({}))).rejects.toThrow(DENIED);
  });

  it.each([
    [
      "a processor in units",
      { NumericGreaterThan: { "ecs:task-cpu": "512" } },
      { cpu: "1024", memory: "2048" },
    ],
    [
      "a processor in vCPU",
      { NumericGreaterThan: { "ecs:task-cpu": "512" } },
      { cpu: "1 vCPU", memory: "2 GB" },
    ],
    ["memory in GB", { NumericGreaterThan: { "ecs:task-memory": "1024" } }, { cpu: "512", memory: "2 GB" }],
  ])("by the size's spelling: %s", async (_, condition, size) => {
    const client = new ecs.ECSClient(await deniedIf(condition));
    await expect(client.send(definition(size))).rejects.toThrow(DENIED);
    await client.send(definition({ cpu: "256", memory: "512" }));
  });

  it("by an override of the size", async () => {
    const client = new ecs.ECSClient(await deniedIf({ NumericGreaterThan: { "ecs:task-cpu": "512" } }));
    await expect(
      client.send(new ecs.RunTaskCommand({ taskDefinition: "sized", overrides: { cpu: "4 vCPU" } })),
    ).rejects.toThrow(DENIED);
  });

  it("by tags of a role that is assumed", async () => {
    const PolicyDocument = {
      Statement: { Effect: "Allow", Principal: { AWS: "000000000000" }, Action: "sts:AssumeRole" },
    };
    const { Role } = await root.iam.send(
      new iam.CreateRoleCommand({
        RoleName: "tagged",
        AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", ...PolicyDocument }),
        Tags,
      }),
    );
    const client = new STSClient(await deniedIf({ StringEquals: { "iam:ResourceTag/guard": "yes" } }));
    await expect(
      client.send(new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "s1" })),
    ).rejects.toThrow(DENIED);
  });

  // Before: these keys were not in the table, or not for these actions, so that they had no value.
  it("by an action whose keys the table lacked: a tag in a cluster, the size of a service's tasks", async () => {
    const created = await root.ecs.send(new ecs.CreateClusterCommand({ clusterName: "walled" }));
    const cluster = created.cluster?.clusterArn ?? "";
    const resourceArn = `${cluster.replace(":cluster/", ":service/")}/web`;
    const inCluster = new ecs.ECSClient(
      await deniedIf({ ArnEquals: { "ecs:cluster": cluster } }, "ecs:TagResource"),
    );
    const tag = new ecs.TagResourceCommand({ resourceArn, tags: [{ key: "a", value: "b" }] });
    await expect(inCluster.send(tag)).rejects.toThrow(DENIED);
    await root.ecs.send(definition({ cpu: "4096", memory: "8192" }));
    const small = new ecs.ECSClient(await deniedIf({ NumericGreaterThan: { "ecs:task-cpu": "512" } }));
    const service = { cluster, serviceName: "web", taskDefinition: "sized", desiredCount: 0 };
    await expect(small.send(new ecs.CreateServiceCommand(service))).rejects.toThrow(DENIED);
  });

  it("by the spec of a key, by a secret's name in place of its ARN", async () => {
    const { KeyMetadata } = await new KMSClient(api.client()).send(
      new CreateKeyCommand({ KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" }),
    );
    const keys = new KMSClient(await deniedIf({ StringLike: { "kms:KeySpec": "RSA_*" } }));
    await expect(keys.send(new DescribeKeyCommand({ KeyId: KeyMetadata?.KeyId }))).rejects.toThrow(DENIED);
    await expect(
      keys.send(new CreateKeyCommand({ KeySpec: "RSA_4096", KeyUsage: "SIGN_VERIFY" })),
    ).rejects.toThrow(DENIED);
    const { ARN } = await new SecretsManagerClient(api.client()).send(
      new CreateSecretCommand({ Name: "walled", SecretString: "s" }),
    );
    const secrets = new SecretsManagerClient(
      await deniedIf({ ArnEquals: { "secretsmanager:SecretId": ARN ?? "" } }),
    );
    await expect(secrets.send(new GetSecretValueCommand({ SecretId: "walled" }))).rejects.toThrow(DENIED);
  });

  it("by a bucket's account", async () => {
    const s3 = (config: object) => new S3Client({ ...config, forcePathStyle: true });
    await s3(api.client()).send(new CreateBucketCommand({ Bucket: "owned" }));
    const client = s3(await deniedIf({ StringEquals: { "s3:ResourceAccount": "000000000000" } }));
    await expect(client.send(new ListObjectsV2Command({ Bucket: "owned" }))).rejects.toThrow(/deny/);
  });
});

// Before: ec2:Vpc was read from the member VpcId alone, and rules of a group had no tags in conditions.
describe("a Deny of a VPC, a subnet or a tag", () => {
  let subnet: ec2.Subnet | undefined;
  let groupId: string | undefined;
  const arn = (path: string) => `arn:aws:ec2:eu-south-1:000000000000:${path}`;
  const clientFor = async (Condition: object) =>
    new ec2.EC2Client(await deniedIf(Condition, ["ec2:C*", "ec2:D*", "ec2:A*", "ec2:M*"]));
  beforeAll(async () => {
    subnet = (await root.ec2.send(new ec2.DescribeSubnetsCommand({}))).Subnets?.[0];
    const group = new ec2.CreateSecurityGroupCommand({
      GroupName: "g",
      Description: "d",
      VpcId: subnet?.VpcId,
    });
    groupId = (await root.ec2.send(group)).GroupId;
  });
  const attempts: Readonly<Record<string, (client: ec2.EC2Client) => Promise<unknown>>> = {
    DeleteSubnet: (client) => client.send(new ec2.DeleteSubnetCommand({ SubnetId: subnet?.SubnetId })),
    ModifySubnetAttribute: (client) =>
      client.send(
        new ec2.ModifySubnetAttributeCommand({
          SubnetId: subnet?.SubnetId,
          MapPublicIpOnLaunch: { Value: true },
        }),
      ),
    DeleteSecurityGroup: (client) => client.send(new ec2.DeleteSecurityGroupCommand({ GroupId: groupId })),
    CreateSecurityGroup: (client) =>
      client.send(new ec2.CreateSecurityGroupCommand({ GroupName: "other", Description: "d" })),
    CreateNatGateway: (client) =>
      client.send(
        new ec2.CreateNatGatewayCommand({ SubnetId: subnet?.SubnetId, AllocationId: "eipalloc-1" }),
      ),
    CreateTags: (client) =>
      client.send(
        new ec2.CreateTagsCommand({ Resources: [groupId ?? ""], Tags: [{ Key: "a", Value: "b" }] }),
      ),
  };
  it.each(Object.keys(attempts))("of a VPC holds for %s", async (name) => {
    const client = await clientFor({ ArnEquals: { "ec2:Vpc": arn(`vpc/${subnet?.VpcId}`) } });
    await expect(attempts[name]?.(client)).rejects.toThrow(/not authorized|UnauthorizedOperation/);
  });

  it.each(["DeleteSubnet", "CreateNatGateway"])("of a subnet holds for %s", async (name) => {
    const client = await clientFor({ ArnEquals: { "ec2:Subnet": arn(`subnet/${subnet?.SubnetId}`) } });
    await expect(attempts[name]?.(client)).rejects.toThrow(/not authorized|UnauthorizedOperation/);
  });

  it("of a tag holds for a rule", async () => {
    const { SecurityGroupRules = [] } = await root.ec2.send(
      new ec2.AuthorizeSecurityGroupIngressCommand({
        GroupId: groupId,
        IpPermissions: [
          { IpProtocol: "tcp", FromPort: 80, ToPort: 80, IpRanges: [{ CidrIp: "10.0.0.0/8" }] },
        ],
        TagSpecifications: [{ ResourceType: "security-group-rule", Tags }],
      }),
    );
    const client = await clientFor({ StringEquals: { "ec2:ResourceTag/guard": "yes" } });
    const Resources = [SecurityGroupRules[0]?.SecurityGroupRuleId ?? ""];
    await expect(
      client.send(new ec2.DeleteTagsCommand({ Resources, Tags: [{ Key: "guard" }] })),
    ).rejects.toThrow(/not authorized|UnauthorizedOperation/);
  });
});

function definition(size: { cpu?: string; memory?: string }): ecs.RegisterTaskDefinitionCommand {
  return new ecs.RegisterTaskDefinitionCommand({
    family: "sized",
    networkMode: "awsvpc",
    requiresCompatibilities: ["FARGATE"],
    cpu: "256",
    memory: "512",
    ...size,
    containerDefinitions: [{ name: "c", image: "busybox" }],
  });
}
