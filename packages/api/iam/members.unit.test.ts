import * as iam from "@aws-sdk/client-iam";
import * as sts from "@aws-sdk/client-sts";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeOf, seedOf } from "./mfa-devices.ts";

// Each member that an operation accepts is shown by what it does.
const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const documentOf = (...Statement: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement });
const READ = documentOf({ Effect: "Allow", Action: "s3:GetObject", Resource: "*" });
const WRITE = documentOf({ Effect: "Allow", Action: "s3:PutObject", Resource: "*" });
const TRUST = documentOf({ Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" });
const UserName = "ada";
let PolicyArn = "";

beforeAll(async () => {
  await root.send(new iam.CreateUserCommand({ UserName, Path: "/people/" }));
  const input = { PolicyName: "read", Path: "/team/", Description: "Reads.", PolicyDocument: READ };
  PolicyArn = (await root.send(new iam.CreatePolicyCommand(input))).Policy?.Arn ?? "";
});

describe("a policy", () => {
  it("has a description, and versions of which one is the default until it is deleted", async () => {
    expect((await root.send(new iam.GetPolicyCommand({ PolicyArn }))).Policy?.Description).toBe("Reads.");
    const created = await root.send(
      new iam.CreatePolicyCommand({ PolicyName: "versions", PolicyDocument: READ }),
    );
    const own = { PolicyArn: created.Policy?.Arn ?? "" };
    const versions = new iam.CreatePolicyVersionCommand({
      ...own,
      PolicyDocument: WRITE,
      SetAsDefault: true,
    });
    await root.send(versions);
    const readDefault = async () => (await root.send(new iam.GetPolicyCommand(own))).Policy?.DefaultVersionId;
    expect(await readDefault()).toBe("v2");
    await root.send(
      new iam.CreatePolicyVersionCommand({ ...own, PolicyDocument: READ, SetAsDefault: false }),
    );
    expect(await readDefault()).toBe("v2");
    for (const VersionId of ["v1", "v3"])
      await root.send(new iam.DeletePolicyVersionCommand({ ...own, VersionId }));
    const left = await root.send(new iam.ListPolicyVersionsCommand(own));
    expect(left.Versions?.map((version) => version.VersionId)).toEqual(["v2"]);
    await root.send(new iam.DeletePolicyCommand(own));
    await expect(root.send(new iam.GetPolicyCommand(own))).rejects.toMatchObject({
      name: "NoSuchEntityException",
    });
  });

  it("is listed by scope, by its users' kind and by paths", async () => {
    const GroupName = "readers";
    await root.send(new iam.CreateGroupCommand({ GroupName }));
    await root.send(new iam.CreateRoleCommand({ RoleName: GroupName, AssumeRolePolicyDocument: TRUST }));
    await root.send(new iam.AttachUserPolicyCommand({ UserName, PolicyArn }));
    await root.send(new iam.AttachGroupPolicyCommand({ GroupName, PolicyArn }));
    await root.send(new iam.AttachRolePolicyCommand({ RoleName: GroupName, PolicyArn }));
    await root.send(new iam.CreatePolicyCommand({ PolicyName: "unused", PolicyDocument: READ }));

    const listed = async (input: iam.ListPoliciesCommandInput) =>
      (await root.send(new iam.ListPoliciesCommand(input))).Policies?.map((policy) => policy.PolicyName);
    expect(await listed({ Scope: "Local", OnlyAttached: true })).toEqual(["read"]);
    expect(await listed({ Scope: "Local" })).toEqual(expect.arrayContaining(["read", "unused"]));
    expect(await listed({ Scope: "All", OnlyAttached: true })).toEqual(["read"]);

    const lists = async (PathPrefix: string) => [
      (await root.send(new iam.ListAttachedUserPoliciesCommand({ UserName, PathPrefix }))).AttachedPolicies,
      (await root.send(new iam.ListAttachedGroupPoliciesCommand({ GroupName, PathPrefix }))).AttachedPolicies,
      (await root.send(new iam.ListAttachedRolePoliciesCommand({ RoleName: GroupName, PathPrefix })))
        .AttachedPolicies,
    ];
    expect((await lists("/team/")).map((each) => each?.length)).toEqual([1, 1, 1]);
    expect((await lists("/other/")).map((each) => each?.length)).toEqual([0, 0, 0]);

    const entities = async (input: Partial<iam.ListEntitiesForPolicyCommandInput>) => {
      const command = new iam.ListEntitiesForPolicyCommand({ PolicyArn, ...input });
      const { PolicyUsers = [], PolicyRoles = [], PolicyGroups = [] } = await root.send(command);
      return [PolicyUsers.length, PolicyRoles.length, PolicyGroups.length];
    };
    expect(await entities({})).toEqual([1, 1, 1]);
    expect(await entities({ EntityFilter: "User" })).toEqual([1, 0, 0]);
    expect(await entities({ EntityFilter: "Role" })).toEqual([0, 1, 0]);
    expect(await entities({ EntityFilter: "Group" })).toEqual([0, 0, 1]);
    // Policies are no holders of a policy.
    for (const EntityFilter of ["LocalManagedPolicy", "AWSManagedPolicy"] as const)
      expect(await entities({ EntityFilter })).toEqual([0, 0, 0]);
    expect(await entities({ PathPrefix: "/people/" })).toEqual([1, 0, 0]);
  });
});

describe("a path", () => {
  it("selects users and instance profiles, and can be changed", async () => {
    await root.send(new iam.CreateUserCommand({ UserName: "bob", Path: "/robots/" }));
    const users = async (PathPrefix: string) =>
      (await root.send(new iam.ListUsersCommand({ PathPrefix }))).Users?.map((user) => user.UserName);
    expect(await users("/robots/")).toEqual(["bob"]);
    await root.send(new iam.UpdateUserCommand({ UserName: "bob", NewPath: "/people/" }));
    expect([await users("/robots/"), await users("/people/")]).toEqual([[], [UserName, "bob"]]);

    for (const [InstanceProfileName, Path] of [
      ["one", "/a/"],
      ["two", "/b/"],
    ] as const)
      await root.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName, Path }));
    const profiles = await root.send(new iam.ListInstanceProfilesCommand({ PathPrefix: "/b/" }));
    expect(profiles.InstanceProfiles?.map((profile) => profile.InstanceProfileName)).toEqual(["two"]);

    const GroupName = "moved";
    await root.send(new iam.CreateGroupCommand({ GroupName }));
    await root.send(new iam.AddUserToGroupCommand({ GroupName, UserName: "bob" }));
    await root.send(new iam.UpdateGroupCommand({ GroupName, NewPath: "/new/" }));
    const { Groups } = await root.send(new iam.ListGroupsForUserCommand({ UserName: "bob" }));
    expect(Groups?.map((group) => group.Arn)).toEqual([`arn:aws:iam::${ACCOUNT}:group/new/moved`]);
  });
});

describe("a role", () => {
  it("has a description and a boundary from its creation on", async () => {
    const RoleName = "bounded";
    const { Role } = await root.send(
      new iam.CreateRoleCommand({
        ...{ RoleName, AssumeRolePolicyDocument: TRUST, Description: "Bounded." },
        PermissionsBoundary: PolicyArn,
      }),
    );
    expect(Role?.Description).toBe("Bounded.");
    const PolicyDocument = documentOf({ Effect: "Allow", Action: "s3:*", Resource: "*" });
    await root.send(new iam.PutRolePolicyCommand({ RoleName, PolicyName: "all", PolicyDocument }));
    const { EvaluationResults = [] } = await root.send(
      new iam.SimulatePrincipalPolicyCommand({
        PolicySourceArn: Role?.Arn,
        ActionNames: ["s3:GetObject", "s3:PutObject"],
      }),
    );
    expect(EvaluationResults.map((result) => result.EvalDecision)).toEqual(["allowed", "implicitDeny"]);
  });

  it("of a service has a description, and no suffix", async () => {
    const AWSServiceName = "rds.amazonaws.com";
    const create = (more: Partial<iam.CreateServiceLinkedRoleCommandInput>) =>
      root.send(new iam.CreateServiceLinkedRoleCommand({ AWSServiceName, ...more }));
    await expect(create({ CustomSuffix: "mine" })).rejects.toThrow("Custom suffix is not allowed");
    expect((await create({ Description: "Databases." })).Role?.Description).toBe("Databases.");
  });

  // Before: these were refused, which stopped stacks that create them.
  it.each([
    ["autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling"],
    ["events.amazonaws.com", "AWSServiceRoleForCloudWatchEvents"],
    ["pullthroughcache.ecr.amazonaws.com", "AWSServiceRoleForECRPullThroughCache"],
    ["replication.ecr.amazonaws.com", "AWSServiceRoleForECRReplication"],
    ["spot.amazonaws.com", "AWSServiceRoleForEC2Spot"],
  ])("of %s has AWS's managed policy, and can be deleted", async (AWSServiceName, RoleName) => {
    const { Role } = await root.send(new iam.CreateServiceLinkedRoleCommand({ AWSServiceName }));
    expect(Role?.Arn).toBe(`arn:aws:iam::000000000000:role/aws-service-role/${AWSServiceName}/${RoleName}`);
    const { AttachedPolicies = [] } = await root.send(new iam.ListAttachedRolePoliciesCommand({ RoleName }));
    const PolicyArn = AttachedPolicies[0]?.PolicyArn;
    expect((await root.send(new iam.GetPolicyCommand({ PolicyArn }))).Policy?.Arn).toBe(PolicyArn);
    const { DeletionTaskId } = await root.send(new iam.DeleteServiceLinkedRoleCommand({ RoleName }));
    const status = await root.send(new iam.GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId }));
    expect(status.Status).toBe("SUCCEEDED");
  });
});

it("tags a SAML provider that is created", async () => {
  const SAMLMetadataDocument =
    '<EntityDescriptor entityID="one"><IDPSSODescriptor><X509Certificate>' +
    `${"A".repeat(1_000)}</X509Certificate></IDPSSODescriptor></EntityDescriptor>`;
  const Tags = [{ Key: "a", Value: "b" }];
  const { SAMLProviderArn } = await root.send(
    new iam.CreateSAMLProviderCommand({ Name: "tagged", SAMLMetadataDocument, Tags }),
  );
  const listed = await root.send(new iam.ListSAMLProviderTagsCommand({ SAMLProviderArn }));
  expect(listed.Tags).toEqual(Tags);
});

describe("passwords", () => {
  it("must be as the account's policy says", async () => {
    await root.send(
      new iam.UpdateAccountPasswordPolicyCommand({
        RequireLowercaseCharacters: true,
        RequireUppercaseCharacters: true,
        RequireNumbers: true,
        AllowUsersToChangePassword: true,
        HardExpiry: true,
        PasswordReusePrevention: 3,
      }),
    );
    const { PasswordPolicy } = await root.send(new iam.GetAccountPasswordPolicyCommand({}));
    expect(PasswordPolicy).toMatchObject({
      AllowUsersToChangePassword: true,
      HardExpiry: true,
      PasswordReusePrevention: 3,
    });
    const refused = async (send: (Password: string) => Promise<unknown>) => {
      await expect(send("UPPERCASE1")).rejects.toThrow("at least one lowercase letter");
      await expect(send("lowercase1")).rejects.toThrow("at least one uppercase letter");
      await expect(send("NoNumbers")).rejects.toThrow("at least one number");
    };
    await refused((Password) => root.send(new iam.CreateLoginProfileCommand({ UserName, Password })));
    await root.send(new iam.CreateLoginProfileCommand({ UserName, Password: "Correct-horse-1" }));
    await refused((Password) => root.send(new iam.UpdateLoginProfileCommand({ UserName, Password })));
    const changed = { UserName, Password: "Correct-horse-2", PasswordResetRequired: true };
    await root.send(new iam.UpdateLoginProfileCommand(changed));
    const { LoginProfile } = await root.send(new iam.GetLoginProfileCommand({ UserName }));
    expect(LoginProfile?.PasswordResetRequired).toBe(true);
  });
});

describe("the status of a key", () => {
  it("decides whether it signs requests", async () => {
    const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    const own = new sts.STSClient(api.client({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey }));
    const set = (Status: iam.StatusType) =>
      root.send(new iam.UpdateAccessKeyCommand({ UserName, AccessKeyId, Status }));
    const who = () => own.send(new sts.GetCallerIdentityCommand({}));
    expect((await who()).Arn).toContain(UserName);
    await set("Inactive");
    await expect(who()).rejects.toMatchObject({ name: "InvalidClientTokenId" });
    // Before: the key was active again.
    await expect(set("Expired")).rejects.toMatchObject({ name: "ValidationError" });
    await expect(who()).rejects.toMatchObject({ name: "InvalidClientTokenId" });
    await set("Active");
    await who();
  });

  it.each<[string, (Status: iam.StatusType) => Promise<unknown>]>([
    [
      "UpdateSSHPublicKey",
      (Status) => root.send(new iam.UpdateSSHPublicKeyCommand({ UserName, Status, SSHPublicKeyId: PUBLIC })),
    ],
    [
      "UpdateSigningCertificate",
      (Status) =>
        root.send(new iam.UpdateSigningCertificateCommand({ UserName, Status, CertificateId: PUBLIC })),
    ],
  ])("is not set to Expired by %s", async (_, set) => {
    await expect(set("Expired")).rejects.toThrow("Value 'Expired' at 'status'");
    await expect(set("Inactive")).rejects.toMatchObject({ name: "NoSuchEntityException" });
  });
  const PUBLIC = "APKAAAAAAAAAAAAAAAAAAAAAAAAA";
});

it("resynchronizes an MFA device with later codes, and lists devices by their assignment", async () => {
  const create = async (VirtualMFADeviceName: string) =>
    (await root.send(new iam.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName }))).VirtualMFADevice;
  const [device, spare] = [await create("phone"), await create("spare")];
  const SerialNumber = device?.SerialNumber;
  const seed = seedOf(Buffer.from(device?.Base32StringSeed ?? []).toString());
  const step = Math.floor(Date.now() / 30_000);
  const codes = (first: number) => ({
    ...{ UserName, SerialNumber },
    AuthenticationCode1: codeOf(seed, first),
    AuthenticationCode2: codeOf(seed, first + 1),
  });
  await root.send(new iam.EnableMFADeviceCommand(codes(step - 2)));
  const resync = (first: number) => root.send(new iam.ResyncMFADeviceCommand(codes(first)));
  await resync(step);
  await expect(resync(step)).rejects.toMatchObject({ name: "InvalidAuthenticationCodeException" });
  const listed = async (AssignmentStatus: iam.AssignmentStatusType) =>
    (await root.send(new iam.ListVirtualMFADevicesCommand({ AssignmentStatus }))).VirtualMFADevices?.map(
      (each) => each.SerialNumber,
    );
  expect(await listed("Any")).toEqual([SerialNumber, spare?.SerialNumber]);
  expect(await listed("Assigned")).toEqual([SerialNumber]);
  expect(await listed("Unassigned")).toEqual([spare?.SerialNumber]);
});

it("changes how long a session of a role may last", async () => {
  const RoleName = "sessions";
  const role = { RoleName, AssumeRolePolicyDocument: TRUST };
  const RoleArn = (await root.send(new iam.CreateRoleCommand(role))).Role?.Arn;
  const client = new sts.STSClient(api.client());
  const assume = (DurationSeconds: number) =>
    client.send(new sts.AssumeRoleCommand({ RoleArn, RoleSessionName: "session", DurationSeconds }));
  await expect(assume(7_200)).rejects.toThrow("DurationSeconds exceeds");
  await root.send(new iam.UpdateRoleCommand({ RoleName, MaxSessionDuration: 7_200 }));
  expect((await root.send(new iam.GetRoleCommand({ RoleName }))).Role?.MaxSessionDuration).toBe(7_200);
  expect((await assume(7_200)).Credentials).toBeDefined();
  await expect(assume(7_201)).rejects.toThrow("DurationSeconds exceeds");
});

it("lists no service-specific credentials, of one user or of all", async () => {
  const listed = (input: iam.ListServiceSpecificCredentialsCommandInput) =>
    root.send(new iam.ListServiceSpecificCredentialsCommand(input));
  const nobody = { UserName: "nobody" };
  await expect(listed(nobody)).rejects.toMatchObject({ name: "NoSuchEntityException" });
  const { ServiceSpecificCredentials } = await listed({ ...nobody, AllUsers: true });
  expect(ServiceSpecificCredentials).toEqual([]);
});

describe("a simulation", () => {
  const ARN = `arn:aws:iam::${ACCOUNT}:user/people/ada`;
  const object = "arn:aws:s3:::box/a";
  const toAda = documentOf({ Effect: "Allow", Principal: { AWS: ARN }, Action: "s3:*", Resource: object });
  const custom = async (more: Partial<iam.SimulateCustomPolicyCommandInput>) => {
    const command = new iam.SimulateCustomPolicyCommand({
      ...{ PolicyInputList: [READ], ActionNames: ["s3:GetObject"] },
      ...more,
    });
    return (await root.send(command)).EvaluationResults?.map((result) => result.EvalDecision);
  };

  it("of policies takes resources, their policy, the caller, a boundary and context", async () => {
    const onOne = documentOf({ Effect: "Allow", Action: "s3:*", Resource: object });
    const ResourceArns = [object, "arn:aws:s3:::box/b"];
    expect(await custom({ PolicyInputList: [onOne], ResourceArns })).toEqual(["allowed", "implicitDeny"]);
    expect(await custom({ PermissionsBoundaryPolicyInputList: [WRITE] })).toEqual(["implicitDeny"]);
    const byResource = { ActionNames: ["s3:PutObject"], ResourceArns: [object], ResourcePolicy: toAda };
    expect(await custom({ ...byResource, CallerArn: ARN })).toEqual(["allowed"]);
    expect(await custom({ ...byResource, CallerArn: `${ARN}x` })).toEqual(["implicitDeny"]);
    const Condition = { StringEquals: { "aws:SourceVpc": "vpc-1" } };
    const conditional = documentOf({ Effect: "Allow", Action: "s3:*", Resource: "*", Condition });
    const from = (vpc: string) =>
      custom({
        PolicyInputList: [conditional],
        ContextEntries: [
          { ContextKeyName: "aws:SourceVpc", ContextKeyType: "string", ContextKeyValues: [vpc] },
        ],
      });
    expect([await from("vpc-1"), await from("vpc-2")]).toEqual([["allowed"], ["implicitDeny"]]);
  });

  it("of a principal adds policies, and takes another caller", async () => {
    const simulated = async (more: Partial<iam.SimulatePrincipalPolicyCommandInput>) => {
      const command = new iam.SimulatePrincipalPolicyCommand({
        ...{ PolicySourceArn: ARN, ActionNames: ["s3:PutObject"], ResourceArns: [object] },
        ...more,
      });
      return (await root.send(command)).EvaluationResults?.[0]?.EvalDecision;
    };
    expect(await simulated({})).toBe("implicitDeny");
    expect(await simulated({ PolicyInputList: [WRITE] })).toBe("allowed");
    expect(await simulated({ ResourcePolicy: toAda })).toBe("allowed");
    expect(await simulated({ ResourcePolicy: toAda, CallerArn: `${ARN}x` })).toBe("implicitDeny");
  });
});
