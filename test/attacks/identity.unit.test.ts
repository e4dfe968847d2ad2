import { CreateRepositoryCommand, ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import * as iam from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  GetBucketPolicyCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { bindStoredPolicies } from "@gantry/api/iam/policy-principals";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const rootS3 = new S3Client({ ...api.client(), forcePathStyle: true });
await rootS3.send(new CreateBucketCommand({ Bucket: "vault" }));
await new ECRClient(api.client()).send(new CreateRepositoryCommand({ repositoryName: "app" }));

const ACCOUNT = "000000000000";
const userArn = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;
const roleArn = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const ALLOW_ALL = { Effect: "Allow", Action: "*", Resource: "*" };
const trust = (more: object = {}) => ({
  Effect: "Allow",
  Principal: { AWS: ACCOUNT },
  Action: "sts:AssumeRole",
  ...more,
});

type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

async function newUser(UserName: string, ...statements: object[]): Promise<Credentials> {
  await root.send(new iam.CreateUserCommand({ UserName }));
  if (statements.length > 0)
    await root.send(
      new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument: document(...statements) }),
    );
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
}

async function deleteUser(UserName: string, { accessKeyId: AccessKeyId }: Credentials): Promise<void> {
  await root.send(new iam.DeleteAccessKeyCommand({ UserName, AccessKeyId }));
  await root.send(new iam.DeleteUserPolicyCommand({ UserName, PolicyName: "own" })).catch(() => {});
  await root.send(new iam.DeleteUserCommand({ UserName }));
}

async function newRole(RoleName: string, ...statements: object[]): Promise<void> {
  const AssumeRolePolicyDocument = document(...(statements.length === 0 ? [trust()] : statements));
  await root.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
}

async function assume(
  as: Credentials | undefined,
  name: string,
  more: { DurationSeconds?: number; RoleSessionName?: string; ExternalId?: string } = {},
): Promise<Credentials> {
  const { Credentials: given } = await new STSClient(api.client(as)).send(
    new AssumeRoleCommand({ RoleArn: roleArn(name), RoleSessionName: "s1", ...more }),
  );
  return {
    accessKeyId: given?.AccessKeyId ?? "",
    secretAccessKey: given?.SecretAccessKey ?? "",
    sessionToken: given?.SessionToken ?? "",
  };
}

const listVault = (as: Credentials) =>
  new S3Client({ ...api.client(as), forcePathStyle: true }).send(
    new ListObjectsV2Command({ Bucket: "vault" }),
  );
const putVaultPolicy = (AWS: string) =>
  rootS3.send(
    new PutBucketPolicyCommand({
      Bucket: "vault",
      Policy: document({
        Effect: "Allow",
        Principal: { AWS },
        Action: "s3:ListBucket",
        Resource: "arn:aws:s3:::vault",
      }),
    }),
  );
const vaultPrincipal = async () =>
  (
    JSON.parse((await rootS3.send(new GetBucketPolicyCommand({ Bucket: "vault" }))).Policy ?? "{}") as {
      Statement: { Principal: { AWS: string } }[];
    }
  ).Statement[0]?.Principal.AWS; // The policy that was put.

async function registryStatus(token: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${api.registryPort}/v2/`, {
    headers: { authorization: `Basic ${token}` },
  });
  return response.status;
}
const registryToken = async (as: Credentials) =>
  (await new ECRClient(api.client(as)).send(new GetAuthorizationTokenCommand({}))).authorizationData?.[0]
    ?.authorizationToken ?? "";

describe("a principal that is created again under a name", () => {
  // Before: the session had the new role's rights.
  it("grants nothing to sessions of the previous role", async () => {
    await newRole("phoenix");
    const session = await assume(undefined, "phoenix");
    await root.send(new iam.DeleteRoleCommand({ RoleName: "phoenix" }));
    await newRole("phoenix");
    await root.send(
      new iam.PutRolePolicyCommand({
        RoleName: "phoenix",
        PolicyName: "all",
        PolicyDocument: document(ALLOW_ALL),
      }),
    );
    await expect(listVault(session)).rejects.toMatchObject({ name: "InvalidAccessKeyId" });
    await expect(
      new STSClient(api.client(session)).send(new GetCallerIdentityCommand({})),
    ).rejects.toMatchObject({ name: "InvalidClientTokenId" });
  });

  // Before: the new user was let in.
  it("is not the principal that a bucket's policy names", async () => {
    const first = await newUser("ann");
    await putVaultPolicy(userArn("ann"));
    await listVault(first);
    await deleteUser("ann", first);
    const { User } = await root.send(new iam.CreateUserCommand({ UserName: "ann" }));
    const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName: "ann" }));
    await expect(
      listVault({
        accessKeyId: AccessKey?.AccessKeyId ?? "",
        secretAccessKey: AccessKey?.SecretAccessKey ?? "",
      }),
    ).rejects.toMatchObject({ name: "AccessDenied" });
    expect(await vaultPrincipal()).toMatch(/^AIDA/);
    expect(await vaultPrincipal()).not.toBe(User?.UserId);
  });

  // Before: the new user was trusted.
  it("is not the principal that a role trusts", async () => {
    const first = await newUser("trusted");
    await newRole("safe", trust({ Principal: { AWS: userArn("trusted") } }));
    await assume(first, "safe");
    await deleteUser("trusted", first);
    const second = await newUser("trusted", ALLOW_ALL);
    await expect(assume(second, "safe")).rejects.toMatchObject({ name: "AccessDenied" });
    const { Role } = await root.send(new iam.GetRoleCommand({ RoleName: "safe" }));
    expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toMatch(/"AWS":"AIDA/);
  });

  // Before: both answered 200.
  it("does not make a registry token of the previous or a deleted user valid", async () => {
    const first = await newUser("pusher", ALLOW_ALL);
    const token = await registryToken(first);
    expect(await registryStatus(token)).toBe(200);
    await deleteUser("pusher", first);
    expect(await registryStatus(token)).toBe(401);
    await newUser("pusher", ALLOW_ALL);
    expect(await registryStatus(token)).toBe(401);
  });

  it("is not named by a policy of an older version, once its names were bound to ids", async () => {
    const first = await newUser("legacy");
    await putVaultPolicy(userArn("legacy"));
    api.store.transact((tx) => {
      const bucket = tx.get("bucket", "vault");
      if (bucket !== undefined) tx.put("bucket", "vault", { ...bucket, policyPrincipals: undefined });
    });
    bindStoredPolicies(api.store);
    await listVault(first);
    await deleteUser("legacy", first);
    await expect(listVault(await newUser("legacy"))).rejects.toMatchObject({ name: "AccessDenied" });
  });
});

describe("a rename", () => {
  // Before: the permission for the old name was enough.
  it("needs the permission for both names", async () => {
    const mover = await newUser("mover", {
      Effect: "Allow",
      Action: "iam:UpdateUser",
      Resource: userArn("temp-*"),
    });
    await newUser("temp-1");
    const rename = (UserName: string, more: object) =>
      new iam.IAMClient(api.client(mover)).send(new iam.UpdateUserCommand({ UserName, ...more }));
    await expect(rename("temp-1", { NewUserName: "admin" })).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(rename("temp-1", { NewPath: "/admins/" })).rejects.toMatchObject({ name: "AccessDenied" });
    await rename("temp-1", { NewUserName: "temp-2" });
  });

  it("keeps the permissions and tokens of the user, and policies show the new ARN", async () => {
    const user = await newUser("before", ALLOW_ALL);
    const token = await registryToken(user);
    await putVaultPolicy(userArn("before"));
    await root.send(new iam.UpdateUserCommand({ UserName: "before", NewUserName: "after" }));
    expect(await vaultPrincipal()).toBe(userArn("after"));
    expect(await registryStatus(token)).toBe(200);
    await root.send(new iam.DeleteUserPolicyCommand({ UserName: "after", PolicyName: "own" }));
    await listVault(user);
  });
});

describe("a trust policy", () => {
  // Before: only sts:ExternalId was known, so that these Deny statements had no effect.
  it.each([
    ["the caller's name", { StringEquals: { "aws:username": "guest" } }],
    ["the caller's ARN", { ArnLike: { "aws:PrincipalArn": userArn("gue*") } }],
    ["the caller's address", { IpAddress: { "aws:SourceIp": "127.0.0.0/8" } }],
    ["the session's name", { StringLike: { "sts:RoleSessionName": "s*" } }],
    ["a plain connection", { Bool: { "aws:SecureTransport": "false" } }],
    ["the caller's tag, unless", { StringNotEquals: { "aws:PrincipalTag/team": "red" } }],
    ["the role's tag, unless", { StringNotEquals: { "aws:ResourceTag/team": "red" } }],
    ["a key that is not known", { StringEquals: { "sts:Invented": "x" } }],
  ])("denies by %s", async (what, Condition) => {
    const name = `denied-${what.replace(/\W/g, "-")}`;
    await newRole(name, trust(), trust({ Effect: "Deny", Principal: { AWS: "*" }, Condition }));
    await expect(assume(await guest, name)).rejects.toMatchObject({ name: "AccessDenied" });
  });
  const guest = newUser("guest", { Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" });

  it("admits principals that it names without a policy of their own, and requires the external id", async () => {
    const named = await newUser("named");
    const Condition = { StringEquals: { "sts:ExternalId": "id-1" } };
    await newRole("external", trust({ Principal: { AWS: userArn("named") }, Condition }));
    await assume(named, "external", { ExternalId: "id-1" });
    await expect(assume(named, "external")).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("is refused if it names no principal", async () => {
    await expect(newRole("void", trust({ Principal: { AWS: userArn("nobody") } }))).rejects.toMatchObject({
      name: "MalformedPolicyDocumentException",
      message: `Invalid principal in policy: "AWS":"${userArn("nobody")}"`,
    });
  });
});

describe("role chaining", () => {
  // Before: a session could ask for twelve hours, and so live on for ever.
  it("lasts an hour at most", async () => {
    await root.send(
      new iam.CreateRoleCommand({
        RoleName: "long",
        AssumeRolePolicyDocument: document(trust()),
        MaxSessionDuration: 43_200,
      }),
    );
    await root.send(
      new iam.PutRolePolicyCommand({
        RoleName: "long",
        PolicyName: "all",
        PolicyDocument: document(ALLOW_ALL),
      }),
    );
    const first = await assume(undefined, "long", { DurationSeconds: 43_200 });
    await assume(first, "long", { DurationSeconds: 3_600 });
    await expect(assume(first, "long", { DurationSeconds: 3_601 })).rejects.toMatchObject({
      name: "ValidationError",
      message:
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    });
  });
});

describe("condition keys of IAM", () => {
  // Before: the keys were not known, so that the Deny statements had no effect.
  it("restrict the policies that may be attached, and protect boundaries", async () => {
    const PolicyArn = "arn:aws:iam::aws:policy/AdministratorAccess";
    const Boundary = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    const manager = new iam.IAMClient(
      api.client(
        await newUser(
          "manager",
          ALLOW_ALL,
          {
            ...ALLOW_ALL,
            Effect: "Deny",
            Action: "iam:AttachUserPolicy",
            Condition: { ArnEquals: { "iam:PolicyARN": PolicyArn } },
          },
          {
            ...ALLOW_ALL,
            Effect: "Deny",
            Action: ["iam:CreateUser", "iam:PutUserPolicy", "iam:DeleteUserPermissionsBoundary"],
            Condition: { StringNotEquals: { "iam:PermissionsBoundary": Boundary } },
          },
        ),
      ),
    );
    const denied = { name: "AccessDenied" };
    await expect(
      manager.send(new iam.AttachUserPolicyCommand({ UserName: "manager", PolicyArn })),
    ).rejects.toMatchObject(denied);
    await expect(manager.send(new iam.CreateUserCommand({ UserName: "free" }))).rejects.toMatchObject(denied);
    await manager.send(new iam.CreateUserCommand({ UserName: "bound", PermissionsBoundary: Boundary }));
    const put = (UserName: string) =>
      manager.send(
        new iam.PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument: document(ALLOW_ALL) }),
      );
    await put("bound");
    await expect(put("manager")).rejects.toMatchObject(denied);
  });
});
