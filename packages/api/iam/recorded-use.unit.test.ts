import * as iam from "@aws-sdk/client-iam";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { ACCOUNT, ROOT, startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it, vi } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["ec2:Describe*", "s3:*"], Resource: "*" }],
});
const UserName = "ada";
const userArn = `arn:aws:iam::${ACCOUNT}:user/${UserName}`;
await root.send(new iam.CreateUserCommand({ UserName, Tags: [{ Key: "team", Value: "maths" }] }));
await root.send(new iam.CreateGroupCommand({ GroupName: "people" }));
await root.send(new iam.AddUserToGroupCommand({ GroupName: "people", UserName }));
await root.send(
  new iam.PutGroupPolicyCommand({ GroupName: "people", PolicyName: "own", PolicyDocument: POLICY }),
);
const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
const AccessKeyId = AccessKey?.AccessKeyId ?? "";
const ada = {
  ...api.client(),
  region: "eu-west-1",
  credentials: { accessKeyId: AccessKeyId, secretAccessKey: AccessKey?.SecretAccessKey ?? "" },
};
const RoleName = "worker";
const { Role } = await root.send(
  new iam.CreateRoleCommand({
    RoleName,
    AssumeRolePolicyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" }],
    }),
  }),
);
await root.send(
  new iam.AttachRolePolicyCommand({ RoleName, PolicyArn: "arn:aws:iam::aws:policy/AmazonSQSFullAccess" }),
);
const { Policy } = await root.send(
  new iam.CreatePolicyCommand({ PolicyName: "describing", PolicyDocument: POLICY }),
);
await root.send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn: Policy?.Arn }));

const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000 });
const lastUsed = async () =>
  (await root.send(new iam.GetAccessKeyLastUsedCommand({ AccessKeyId }))).AccessKeyLastUsed;

describe("the last use", () => {
  it("of an access key is not known before its first call", async () => {
    const answer = await root.send(new iam.GetAccessKeyLastUsedCommand({ AccessKeyId }));
    expect(answer).toMatchObject({ UserName, AccessKeyLastUsed: { ServiceName: "N/A", Region: "N/A" } });
    expect(answer.AccessKeyLastUsed?.LastUsedDate).toBeUndefined();
    await expect(
      root.send(new iam.GetAccessKeyLastUsedCommand({ AccessKeyId: "AKIA0000000000000000" })),
    ).rejects.toMatchObject({ name: "NoSuchEntityException" });
  });

  it("of an access key names service and region, also of a call that is denied", async () => {
    const before = Date.now();
    await new S3Client(ada).send(new ListBucketsCommand({}));
    await eventually(async () =>
      expect(await lastUsed()).toMatchObject({ ServiceName: "s3", Region: "eu-west-1" }),
    );
    expect((await lastUsed())?.LastUsedDate?.getTime()).toBeGreaterThanOrEqual(before - 1_000);
    await expect(new iam.IAMClient(ada).send(new iam.ListUsersCommand({}))).rejects.toThrow("not authorized");
    await eventually(async () => expect(await lastUsed()).toMatchObject({ ServiceName: "iam" }));
  });

  it("of a role is that of its sessions", async () => {
    const { Credentials } = await new STSClient(api.client()).send(
      new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "one" }),
    );
    const credentials = {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
    const read = async () => (await root.send(new iam.GetRoleCommand({ RoleName }))).Role?.RoleLastUsed;
    expect(await read()).toEqual({});
    await new EC2Client({ ...ada, credentials }).send(new DescribeVpcsCommand({}));
    await eventually(async () => expect(await read()).toMatchObject({ Region: "eu-west-1" }));
  });

  it("is not kept of what is deleted", async () => {
    const { AccessKey: other } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
    const credentials = {
      accessKeyId: other?.AccessKeyId ?? "",
      secretAccessKey: other?.SecretAccessKey ?? "",
    };
    await new S3Client({ ...ada, credentials }).send(new ListBucketsCommand({}));
    await eventually(async () => expect(api.store.get("identityUse", other?.AccessKeyId)).toBeDefined());
    await root.send(new iam.DeleteAccessKeyCommand({ UserName, AccessKeyId: other?.AccessKeyId }));
    expect(api.store.get("identityUse", other?.AccessKeyId)).toBeUndefined();
  });
});

describe("the credential report", () => {
  it("has AWS's columns, and is generated once in four hours", async () => {
    const read = () => root.send(new iam.GetCredentialReportCommand({}));
    await expect(read()).rejects.toMatchObject({ name: "CredentialReportNotPresentException" });
    const generate = async () => (await root.send(new iam.GenerateCredentialReportCommand({}))).State;
    expect(await generate()).toBe("STARTED");
    expect(await generate()).toBe("COMPLETE");
    const report = await read();
    expect(report.ReportFormat).toBe("text/csv");
    const rows = Buffer.from(report.Content ?? [])
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split(","));
    const [columns = [], ...users] = rows;
    const asRecord = (row: readonly string[] = []) =>
      Object.fromEntries(columns.map((column, index) => [column, row[index]]));
    expect(columns).toHaveLength(22);
    expect(asRecord(users[0])).toMatchObject({
      user: "<root_account>",
      password_enabled: "not_supported",
      access_key_1_active: "true",
    });
    expect(asRecord(users[1])).toMatchObject({
      user: UserName,
      arn: userArn,
      password_enabled: "false",
      password_last_used: "N/A",
      mfa_active: "false",
      access_key_1_active: "true",
      access_key_1_last_used_region: "eu-west-1",
      access_key_1_last_used_service: "iam",
      access_key_2_active: "false",
      access_key_2_last_rotated: "N/A",
      cert_1_active: "false",
    });
    expect(Buffer.from(report.Content ?? []).toString()).not.toContain(ROOT.secretAccessKey);
  });
});

describe("the authorization details", () => {
  it("hold users, groups, roles and policies with their documents", async () => {
    const all = await root.send(new iam.GetAccountAuthorizationDetailsCommand({}));
    expect(all.UserDetailList).toMatchObject([
      { UserName, GroupList: ["people"], Tags: [{ Key: "team", Value: "maths" }] },
    ]);
    expect(all.GroupDetailList?.[0]?.GroupPolicyList?.[0]?.PolicyName).toBe("own");
    expect(decodeURIComponent(all.GroupDetailList?.[0]?.GroupPolicyList?.[0]?.PolicyDocument ?? "")).toBe(
      POLICY,
    );
    expect(all.RoleDetailList).toMatchObject([
      {
        RoleName,
        AttachedManagedPolicies: [{ PolicyName: "AmazonSQSFullAccess" }, { PolicyName: "describing" }],
      },
    ]);
    expect(all.Policies?.map(({ PolicyName }) => PolicyName)).toEqual(["describing", "AmazonSQSFullAccess"]);
    expect(all.Policies?.[1]?.PolicyVersionList?.[0]?.Document).toContain("sqs");
  });

  it("are filtered and paged", async () => {
    const some = await root.send(
      new iam.GetAccountAuthorizationDetailsCommand({ Filter: ["Role", "LocalManagedPolicy"] }),
    );
    expect(some.UserDetailList).toEqual([]);
    expect(some.Policies).toHaveLength(1);
    const counts = async (type: iam.EntityType) => {
      const found = await root.send(new iam.GetAccountAuthorizationDetailsCommand({ Filter: [type] }));
      return [found.UserDetailList, found.GroupDetailList, found.RoleDetailList, found.Policies].map(
        (list) => list?.length,
      );
    };
    expect(await counts("User")).toEqual([1, 0, 0, 0]);
    expect(await counts("Group")).toEqual([0, 1, 0, 0]);
    expect(await counts("AWSManagedPolicy")).toEqual([0, 0, 0, 1]);
    const pages = [];
    let Marker: string | undefined;
    do {
      const page: iam.GetAccountAuthorizationDetailsResponse = await root.send(
        new iam.GetAccountAuthorizationDetailsCommand({ MaxItems: 2, Marker }),
      );
      pages.push(page);
      Marker = page.Marker;
    } while (Marker !== undefined);
    expect(pages).toHaveLength(3);
    expect(pages.flatMap(({ Policies = [] }) => Policies)).toHaveLength(2);
  });
});

describe("a report of accessed services", () => {
  const generate = async (Arn: string | undefined, Granularity?: iam.AccessAdvisorUsageGranularityType) =>
    (await root.send(new iam.GenerateServiceLastAccessedDetailsCommand({ Arn, Granularity }))).JobId;

  it("names the services that a user may use, with their last use", async () => {
    const JobId = await generate(userArn, "ACTION_LEVEL");
    const report = await root.send(new iam.GetServiceLastAccessedDetailsCommand({ JobId }));
    expect(report).toMatchObject({ JobStatus: "COMPLETED", JobType: "ACTION_LEVEL" });
    expect(report.ServicesLastAccessed).toMatchObject([
      { ServiceNamespace: "ec2", TotalAuthenticatedEntities: 0 },
      {
        ServiceName: "Amazon S3",
        LastAuthenticatedEntity: userArn,
        LastAuthenticatedRegion: "eu-west-1",
        TrackedActionsLastAccessed: [{ ActionName: "ListAllMyBuckets" }],
      },
    ]);
    expect(report.ServicesLastAccessed?.[0]?.LastAuthenticated).toBeUndefined();
    const services = await root.send(
      new iam.GetServiceLastAccessedDetailsCommand({ JobId: await generate(userArn, "SERVICE_LEVEL") }),
    );
    expect(services.JobType).toBe("SERVICE_LEVEL");
    expect(services.ServicesLastAccessed?.[1]?.TrackedActionsLastAccessed).toBeUndefined();
    const page = await root.send(new iam.GetServiceLastAccessedDetailsCommand({ JobId, MaxItems: 1 }));
    expect(page.IsTruncated).toBe(true);
    const rest = await root.send(
      new iam.GetServiceLastAccessedDetailsCommand({ JobId, Marker: page.Marker }),
    );
    expect(rest.ServicesLastAccessed?.map(({ ServiceNamespace }) => ServiceNamespace)).toEqual(["s3"]);
  });

  it("names who used a service by a group or by a policy", async () => {
    const ofGroup = await generate(`arn:aws:iam::${ACCOUNT}:group/people`);
    const entities = (JobId: string | undefined, ServiceNamespace: string, more: object = {}) =>
      root.send(
        new iam.GetServiceLastAccessedDetailsWithEntitiesCommand({ JobId, ServiceNamespace, ...more }),
      );
    expect((await entities(ofGroup, "s3", { MaxItems: 5 })).EntityDetailsList).toMatchObject([
      { EntityInfo: { Arn: userArn, Type: "USER", Name: UserName } },
    ]);
    const ofPolicy = await generate(Policy?.Arn);
    expect((await entities(ofPolicy, "ec2")).EntityDetailsList).toMatchObject([
      { EntityInfo: { Arn: Role?.Arn, Type: "ROLE" } },
    ]);
    expect(
      (await entities(ofPolicy, "ec2", { Marker: Buffer.from("z").toString("base64url") })).EntityDetailsList,
    ).toEqual([]);
    await expect(generate(`arn:aws:iam::${ACCOUNT}:user/nobody`)).rejects.toMatchObject({
      name: "NoSuchEntityException",
    });
  });

  it("is found by its own account alone", async () => {
    await expect(
      root.send(
        new iam.GetServiceLastAccessedDetailsCommand({ JobId: "00000000-0000-0000-0000-000000000000" }),
      ),
    ).rejects.toMatchObject({ name: "NoSuchEntityException" });
  });

  it("lists the policies that permit a service", async () => {
    const granting = async (Arn: string | undefined, ServiceNamespaces: string[]) =>
      (await root.send(new iam.ListPoliciesGrantingServiceAccessCommand({ Arn, ServiceNamespaces })))
        .PoliciesGrantingServiceAccess;
    expect(await granting(userArn, ["s3", "sqs"])).toEqual([
      {
        ServiceNamespace: "s3",
        Policies: [{ PolicyName: "own", PolicyType: "INLINE", EntityType: "GROUP", EntityName: "people" }],
      },
      { ServiceNamespace: "sqs", Policies: [] },
    ]);
    expect((await granting(Role?.Arn, ["sqs"]))?.[0]?.Policies).toMatchObject([
      { PolicyType: "MANAGED", PolicyArn: "arn:aws:iam::aws:policy/AmazonSQSFullAccess" },
    ]);
    const after = await root.send(
      new iam.ListPoliciesGrantingServiceAccessCommand({
        Arn: userArn,
        ServiceNamespaces: ["ec2", "s3"],
        Marker: Buffer.from("ec2").toString("base64url"),
      }),
    );
    expect(after.PoliciesGrantingServiceAccess).toMatchObject([{ ServiceNamespace: "s3" }]);
  });
});
