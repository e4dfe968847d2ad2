import * as ecs from "@aws-sdk/client-ecs";
import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Whoever may do everything to roles tries to become a service, or to change what a service may do.
// Before: service-linked roles were named in answers and were no records: nothing could be asked of them.
const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const RoleName = "AWSServiceRoleForECS";
const ARN = `arn:aws:iam::000000000000:role/aws-service-role/ecs.amazonaws.com/${RoleName}`;
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const EVERYTHING = document({ Effect: "Allow", Action: "*", Resource: "*" });
const TRUST_ALL = document({ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" });

async function userWith(UserName: string, PolicyDocument: string) {
  await root.send(new iam.CreateUserCommand({ UserName }));
  await root.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
  const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
  return api.client({ accessKeyId, secretAccessKey });
}

beforeAll(() => new ecs.ECSClient(api.client()).send(new ecs.CreateClusterCommand({ clusterName: "prod" })));

describe("the role that the first cluster creates", () => {
  it("is a role as others are, with the service's trust and its managed policy", async () => {
    const { Role } = await root.send(new iam.GetRoleCommand({ RoleName }));
    expect(Role).toMatchObject({ Arn: ARN, Path: "/aws-service-role/ecs.amazonaws.com/" });
    expect(Role?.RoleId).toMatch(/^AROA[A-Z0-9]{17}$/);
    expect(JSON.parse(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ""))).toEqual({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ecs.amazonaws.com" }, Action: "sts:AssumeRole" }],
    });
    const { Roles } = await root.send(new iam.ListRolesCommand({ PathPrefix: "/aws-service-role/" }));
    expect(Roles?.map((role) => role.Arn)).toEqual([ARN]);
    const attached = await root.send(new iam.ListAttachedRolePoliciesCommand({ RoleName }));
    const PolicyArn = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy";
    expect(attached.AttachedPolicies?.map((policy) => policy.PolicyArn)).toEqual([PolicyArn]);
    await expect(root.send(new iam.GetPolicyCommand({ PolicyArn }))).resolves.toBeDefined();
  });

  it("cannot be assumed", async () => {
    const sts = new STSClient(await userWith("assumer", EVERYTHING));
    const assume = new AssumeRoleCommand({ RoleArn: ARN, RoleSessionName: "ss" });
    await expect(sts.send(assume)).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("cannot be changed", async () => {
    const PolicyArn = "arn:aws:iam::aws:policy/AdministratorAccess";
    const before = api.store.get("role", ARN);
    await root.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName: "p" }));
    const calls = [
      new iam.UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: TRUST_ALL }),
      new iam.UpdateRoleCommand({ RoleName, MaxSessionDuration: 7_200 }),
      new iam.PutRolePolicyCommand({ RoleName, PolicyName: "own", PolicyDocument: EVERYTHING }),
      new iam.DeleteRolePolicyCommand({ RoleName, PolicyName: "own" }),
      new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }),
      new iam.DetachRolePolicyCommand({ RoleName, PolicyArn }),
      new iam.PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary: PolicyArn }),
      new iam.DeleteRolePermissionsBoundaryCommand({ RoleName }),
      new iam.AddRoleToInstanceProfileCommand({ InstanceProfileName: "p", RoleName }),
      new iam.DeleteRoleCommand({ RoleName }),
    ];
    for (const call of calls)
      await expect
        .soft(root.send(call as iam.DeleteRoleCommand), call.constructor.name) // The client takes each.
        .rejects.toMatchObject({
          name: "UnmodifiableEntityException",
          message:
            `Cannot perform the operation on the protected role '${RoleName}' - this role is only ` +
            "modifiable by AWS",
        });
    expect(api.store.get("role", ARN)).toEqual(before);
    await root.send(new iam.UpdateRoleCommand({ RoleName, Description: "ours" }));
    expect(api.store.get("role", ARN)?.description).toBe("ours");
  });

  it("cannot be imitated", async () => {
    const Path = "/aws-service-role/rds.amazonaws.com/";
    const fake = { RoleName: "AWSServiceRoleForRDS", Path, AssumeRolePolicyDocument: TRUST_ALL };
    await expect(root.send(new iam.CreateRoleCommand(fake))).rejects.toMatchObject({
      name: "InvalidInputException",
    });
    const PolicyArn = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy";
    await root.send(new iam.CreateRoleCommand({ RoleName: "own", AssumeRolePolicyDocument: TRUST_ALL }));
    await expect(
      root.send(new iam.AttachRolePolicyCommand({ RoleName: "own", PolicyArn })),
    ).rejects.toMatchObject({ name: "PolicyNotAttachableException" });
  });

  it("is not deleted while it is used, and then only by DeleteServiceLinkedRole", async () => {
    const status = async (DeletionTaskId: string | undefined) =>
      root.send(new iam.GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId }));
    const remove = () => root.send(new iam.DeleteServiceLinkedRoleCommand({ RoleName }));
    const first = await remove();
    expect(await status(first.DeletionTaskId)).toMatchObject({
      Status: "FAILED",
      Reason: {
        RoleUsageList: [
          { Region: "eu-south-1", Resources: ["arn:aws:ecs:eu-south-1:000000000000:cluster/prod"] },
        ],
      },
    });
    const own = new iam.DeleteServiceLinkedRoleCommand({ RoleName: "own" });
    await expect(root.send(own)).rejects.toMatchObject({ name: "InvalidInputException" });
    await new ecs.ECSClient(api.client()).send(new ecs.DeleteClusterCommand({ cluster: "prod" }));
    const second = await remove();
    expect(await status(second.DeletionTaskId)).toMatchObject({ Status: "SUCCEEDED" });
    await expect(status(first.DeletionTaskId)).rejects.toMatchObject({ name: "NoSuchEntityException" });
    await expect(root.send(new iam.GetRoleCommand({ RoleName }))).rejects.toThrow(RoleName);
    await expect(remove()).rejects.toMatchObject({ name: "NoSuchEntityException" });
    const { Role } = await root.send(
      new iam.CreateServiceLinkedRoleCommand({ AWSServiceName: "ecs.amazonaws.com" }),
    );
    expect(Role?.Arn).toBe(ARN);
    await expect(
      root.send(new iam.CreateServiceLinkedRoleCommand({ AWSServiceName: "ecs.amazonaws.com" })),
    ).rejects.toThrow(`Service role name ${RoleName} has been taken in this account`);
  });
});

describe("a caller who may not create service-linked roles", () => {
  it("gets none by creating a database, and a condition on the service's name applies", async () => {
    const instance = new rds.CreateDBInstanceCommand({
      DBInstanceIdentifier: "prod",
      DBInstanceClass: "db.t3.micro",
      Engine: "mysql",
      AllocatedStorage: 20,
      MasterUsername: "admin",
      MasterUserPassword: "password1",
    });
    const only = (...more: object[]) =>
      document({ Effect: "Allow", Action: "rds:*", Resource: "*" }, ...more);
    const create = (name: string) => ({
      Effect: "Allow",
      Action: "iam:CreateServiceLinkedRole",
      Resource: "*",
      Condition: { StringEquals: { "iam:AWSServiceName": name } },
    });
    const none = new rds.RDSClient(await userWith("none", only()));
    await expect(none.send(instance)).rejects.toMatchObject({ name: "AccessDenied" });
    const other = new rds.RDSClient(await userWith("other", only(create("ecs.amazonaws.com"))));
    await expect(other.send(instance)).rejects.toMatchObject({ name: "AccessDenied" });
    const able = new rds.RDSClient(await userWith("able", only(create("rds.amazonaws.com"))));
    await able.send(instance);
    await expect(
      root.send(new iam.GetRoleCommand({ RoleName: "AWSServiceRoleForRDS" })),
    ).resolves.toBeDefined();
  });

  it("is refused by name", async () => {
    const client = new iam.IAMClient(
      await userWith("namer", document({ Effect: "Allow", Action: "iam:Get*", Resource: "*" })),
    );
    const create = new iam.CreateServiceLinkedRoleCommand({
      AWSServiceName: "elasticloadbalancing.amazonaws.com",
    });
    await expect(client.send(create)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(
      client.send(new iam.DeleteServiceLinkedRoleCommand({ RoleName: "AWSServiceRoleForRDS" })),
    ).rejects.toMatchObject({ name: "AccessDenied" });
  });
});
