import * as iam from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const s3 = new S3Client({ ...api.client(), forcePathStyle: true });
await s3.send(new CreateBucketCommand({ Bucket: "box" }));
await s3.send(new PutObjectCommand({ Bucket: "box", Key: "a", Body: "a" }));

const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const allow = (Action: string, Resource = "*", more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...more,
});
let count = 0;

async function newUser(policy: string, boundary?: string) {
  const UserName = `user-${(count += 1)}`;
  await root.send(new iam.CreateUserCommand({ UserName, Tags: [{ Key: "team", Value: "red" }] }));
  await root.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument: policy }));
  if (boundary !== undefined)
    await root.send(new iam.PutUserPermissionsBoundaryCommand({ UserName, PermissionsBoundary: boundary }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  return {
    UserName,
    arn: `arn:aws:iam::000000000000:user/${UserName}`,
    credentials,
    s3: new S3Client({ ...api.client(credentials), forcePathStyle: true }),
  };
}
const list = (client: S3Client) => client.send(new ListObjectsV2Command({ Bucket: "box" }));
const read = (client: S3Client) => client.send(new GetObjectCommand({ Bucket: "box", Key: "a" }));

describe("the message of a denied call", () => {
  it.each([
    [
      "nothing allows it",
      document(allow("s3:PutObject")),
      undefined,
      "because no identity-based policy allows the s3:ListBucket action",
    ],
    [
      "a statement denies it",
      document(allow("s3:*"), { Effect: "Deny", Action: "s3:List*", Resource: "*" }),
      undefined,
      "with an explicit deny in an identity-based policy",
    ],
    [
      "the boundary does not allow it",
      document(allow("s3:*")),
      "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
      "because no permissions boundary allows the s3:ListBucket action",
    ],
  ])("where %s", async (_, policy, boundary, why) => {
    const user = await newUser(policy, boundary);
    const message =
      `User: ${user.arn} is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::box" ` + why;
    await expect(list(user.s3)).rejects.toMatchObject({ name: "AccessDenied", message });
  });

  it("where a session's policy does not allow it; what both allow goes through", async () => {
    await root.send(
      new iam.CreateRoleCommand({
        RoleName: "reader",
        AssumeRolePolicyDocument: document({
          Effect: "Allow",
          Principal: { AWS: "000000000000" },
          Action: "sts:AssumeRole",
        }),
      }),
    );
    await root.send(
      new iam.AttachRolePolicyCommand({
        RoleName: "reader",
        PolicyArn: "arn:aws:iam::aws:policy/AmazonS3FullAccess",
      }),
    );
    const assume = async (more: object) => {
      const { Credentials } = await new STSClient(api.client()).send(
        new AssumeRoleCommand({
          RoleArn: "arn:aws:iam::000000000000:role/reader",
          RoleSessionName: "session",
          ...more,
        }),
      );
      const credentials = {
        accessKeyId: Credentials?.AccessKeyId ?? "",
        secretAccessKey: Credentials?.SecretAccessKey ?? "",
        sessionToken: Credentials?.SessionToken ?? "",
      };
      return new S3Client({ ...api.client(credentials), forcePathStyle: true });
    };
    const narrow = await assume({ Policy: document(allow("s3:GetObject")) });
    await read(narrow);
    await expect(list(narrow)).rejects.toThrow(/because no session policy allows the s3:ListBucket action/);
    await expect(
      list(await assume({ PolicyArns: [{ arn: "arn:aws:iam::aws:policy/IAMReadOnlyAccess" }] })),
    ).rejects.toThrow(/no session policy/);
    await list(await assume({}));
    await expect(assume({ Policy: "nonsense" })).rejects.toMatchObject({
      name: "MalformedPolicyDocumentException",
    });
    await expect(assume({ Policy: " ".repeat(3_000) })).rejects.toMatchObject({
      name: "PackedPolicyTooLargeException",
    });
  });
});

describe("conditions know", () => {
  it.each([
    [
      "the caller's address",
      { IpAddress: { "aws:SourceIp": "127.0.0.0/8" } },
      { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } },
    ],
    [
      "the region",
      { StringEquals: { "aws:RequestedRegion": "eu-south-1" } },
      { StringEquals: { "aws:RequestedRegion": "us-east-1" } },
    ],
    [
      "whether it came encrypted",
      { Bool: { "aws:SecureTransport": "false" } },
      { Bool: { "aws:SecureTransport": "true" } },
    ],
    [
      "the caller's tags",
      { StringEquals: { "aws:PrincipalTag/team": "red" } },
      { StringEquals: { "aws:PrincipalTag/team": "blue" } },
    ],
    [
      "the caller's client",
      { StringLike: { "aws:UserAgent": "aws-sdk-js/*" } },
      { StringLike: { "aws:UserAgent": "curl/*" } },
    ],
    [
      "the time",
      { DateGreaterThan: { "aws:CurrentTime": "2020-01-01T00:00:00Z" } },
      { DateLessThan: { "aws:EpochTime": "1000" } },
    ],
    [
      "the caller's name",
      { StringLike: { "aws:username": "user-*" } },
      { StringNotLike: { "aws:username": "user-*" } },
    ],
    [
      "the account",
      { StringEquals: { "aws:PrincipalAccount": "000000000000" } },
      { StringNotEquals: { "aws:PrincipalAccount": "000000000000" } },
    ],
  ])("%s", async (_, holds, fails) => {
    await list((await newUser(document(allow("s3:ListBucket", "*", { Condition: holds })))).s3);
    await expect(
      list((await newUser(document(allow("s3:ListBucket", "*", { Condition: fails })))).s3),
    ).rejects.toMatchObject({
      name: "AccessDenied",
    });
  });
});

describe("permissions boundaries", () => {
  it("are shown, must exist, and can be removed", async () => {
    const user = await newUser(document(allow("s3:*")), "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess");
    const boundaryOf = async () =>
      (await root.send(new iam.GetUserCommand({ UserName: user.UserName }))).User?.PermissionsBoundary
        ?.PermissionsBoundaryArn;
    expect(await boundaryOf()).toBe("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess");
    await expect(user.s3.send(new PutObjectCommand({ Bucket: "box", Key: "b", Body: "b" }))).rejects.toThrow(
      /no permissions boundary allows the s3:PutObject action/,
    );
    await root.send(new iam.DeleteUserPermissionsBoundaryCommand({ UserName: user.UserName }));
    expect(await boundaryOf()).toBeUndefined();
    await user.s3.send(new PutObjectCommand({ Bucket: "box", Key: "b", Body: "b" }));
    const put = (PermissionsBoundary: string) =>
      root.send(new iam.PutUserPermissionsBoundaryCommand({ UserName: user.UserName, PermissionsBoundary }));
    await expect(put("arn:aws:iam::aws:policy/Nonsense")).rejects.toMatchObject({
      name: "NoSuchEntityException",
    });
    await expect(put("arn:aws:iam::nobody:nonsense")).rejects.toMatchObject({
      name: "InvalidInputException",
    });
  });
});

describe("simulation", () => {
  it("reports the decision, its statement and missing context keys", async () => {
    const policy = `{
  "Version": "2012-10-17",
  "Statement": [
    { "Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::box/*" },
    { "Sid": "Never", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::box/secret",
      "Condition": { "StringEquals": { "aws:SourceVpc": "vpc-1" } } }
  ]
}`;
    const user = await newUser(policy);
    const simulate = async (more: Partial<iam.SimulatePrincipalPolicyCommandInput>) =>
      (
        await root.send(
          new iam.SimulatePrincipalPolicyCommand({
            PolicySourceArn: user.arn,
            ActionNames: ["s3:GetObject", "s3:PutObject"],
            ...more,
          }),
        )
      ).EvaluationResults ?? [];
    const [get, put] = await simulate({ ResourceArns: ["arn:aws:s3:::box/a"] });
    expect([get?.EvalDecision, put?.EvalDecision]).toEqual(["allowed", "implicitDeny"]);
    expect(get?.MatchedStatements?.[0]).toMatchObject({
      SourcePolicyId: "own",
      StartPosition: { Line: 4, Column: 5 },
      EndPosition: { Line: 4 },
    });
    expect(get?.MissingContextValues).toEqual(["aws:SourceVpc"]);
    const vpc: iam.ContextEntry = {
      ContextKeyName: "aws:SourceVpc",
      ContextKeyType: "string",
      ContextKeyValues: ["vpc-1"],
    };
    const [denied] = await simulate({ ResourceArns: ["arn:aws:s3:::box/secret"], ContextEntries: [vpc] });
    expect([denied?.EvalDecision, denied?.MatchedStatements?.[0]?.StartPosition?.Line]).toEqual([
      "explicitDeny",
      5,
    ]);
    const [bounded] = await simulate({
      ResourceArns: ["arn:aws:s3:::box/a"],
      PermissionsBoundaryPolicyInputList: [document(allow("ecs:*"))],
    });
    expect([
      bounded?.EvalDecision,
      bounded?.PermissionsBoundaryDecisionDetail?.AllowedByPermissionsBoundary,
    ]).toEqual(["implicitDeny", false]);
    const custom = await root.send(
      new iam.SimulateCustomPolicyCommand({
        PolicyInputList: [document(allow("ecs:*"))],
        ActionNames: ["ecs:RunTask", "s3:GetObject"],
      }),
    );
    expect(custom.EvaluationResults?.map((each) => each.EvalDecision)).toEqual(["allowed", "implicitDeny"]);
    await expect(
      root.send(
        new iam.SimulateCustomPolicyCommand({ PolicyInputList: ["nonsense"], ActionNames: ["ecs:RunTask"] }),
      ),
    ).rejects.toMatchObject({ name: "InvalidInputException" });
  });
});
