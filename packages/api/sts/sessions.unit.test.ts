import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import * as sts from "@aws-sdk/client-sts";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { codeOf, seedOf } from "../iam/mfa-devices.ts";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const allow = (Action: string | readonly string[], more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource: "*",
  ...more,
});

const UserName = "ada";
await root.send(new iam.CreateUserCommand({ UserName, Tags: [{ Key: "team", Value: "red" }] }));
await root.send(
  new iam.PutUserPolicyCommand({ UserName, PolicyName: "all", PolicyDocument: document(allow("*")) }),
);
const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName }));
const ada = api.client({
  accessKeyId: AccessKey?.AccessKeyId ?? "",
  secretAccessKey: AccessKey?.SecretAccessKey ?? "",
});
const client = (credentials: sts.Credentials | undefined) =>
  api.client({
    accessKeyId: credentials?.AccessKeyId ?? "",
    secretAccessKey: credentials?.SecretAccessKey ?? "",
    sessionToken: credentials?.SessionToken ?? "",
  });
const identity = async (config: ReturnType<typeof client>) =>
  (await new sts.STSClient(config).send(new sts.GetCallerIdentityCommand({}))).Arn;
const listUsers = (config: ReturnType<typeof client>) =>
  new iam.IAMClient(config).send(new iam.ListUsersCommand({}));
const listBuckets = (config: ReturnType<typeof client>) =>
  new s3.S3Client({ ...config, forcePathStyle: true }).send(new s3.ListBucketsCommand({}));

/** Enables a device and answers how to make its next code. */
async function newDevice() {
  const { VirtualMFADevice } = await root.send(
    new iam.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: UserName }),
  );
  const seed = seedOf(Buffer.from(VirtualMFADevice?.Base32StringSeed ?? []).toString());
  const SerialNumber = VirtualMFADevice?.SerialNumber ?? "";
  const step = Math.floor(Date.now() / 30_000);
  const [AuthenticationCode1, AuthenticationCode2] = [codeOf(seed, step - 2), codeOf(seed, step - 1)];
  await root.send(
    new iam.EnableMFADeviceCommand({ UserName, SerialNumber, AuthenticationCode1, AuthenticationCode2 }),
  );
  return { SerialNumber, code: (ahead: number) => codeOf(seed, step + ahead) };
}
const device = await newDevice();

describe("GetSessionToken", () => {
  it("returns credentials of the caller that cannot call IAM or start a further session", async () => {
    const { Credentials } = await new sts.STSClient(ada).send(new sts.GetSessionTokenCommand({}));
    const session = client(Credentials);
    expect(await identity(session)).toBe("arn:aws:iam::000000000000:user/ada");
    await expect(listBuckets(session)).resolves.toBeDefined();
    await expect(listUsers(session)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(new sts.STSClient(session).send(new sts.GetSessionTokenCommand({}))).rejects.toThrow(
      "session credentials",
    );
    await expect(
      new sts.STSClient(session).send(new sts.GetFederationTokenCommand({ Name: "bob" })),
    ).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("accepts each code of the caller's device once, and the session may then call IAM", async () => {
    const ask = (TokenCode: string, SerialNumber = device.SerialNumber) =>
      new sts.STSClient(ada).send(new sts.GetSessionTokenCommand({ SerialNumber, TokenCode }));
    await expect(ask("000000", "arn:aws:iam::000000000000:mfa/none")).rejects.toThrow(
      "invalid MFA one time pass code",
    );
    const { Credentials } = await ask(device.code(0));
    await expect(listUsers(client(Credentials))).resolves.toBeDefined();
    await expect(ask(device.code(0))).rejects.toThrow("invalid MFA one time pass code");
  });

  it("ends with its user, and after an hour for root", async () => {
    const { Credentials } = await new sts.STSClient(api.client()).send(
      new sts.GetSessionTokenCommand({ DurationSeconds: 43_200 }),
    );
    expect((Credentials?.Expiration?.getTime() ?? 0) - Date.now()).toBeLessThanOrEqual(3_600_000);
    await expect(listUsers(client(Credentials))).rejects.toMatchObject({ name: "AccessDenied" });
    await root.send(new iam.CreateUserCommand({ UserName: "gone" }));
    const key = await root.send(new iam.CreateAccessKeyCommand({ UserName: "gone" }));
    const { AccessKeyId = "", SecretAccessKey = "" } = key.AccessKey ?? {};
    const config = api.client({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey });
    const session = await new sts.STSClient(config).send(new sts.GetSessionTokenCommand({}));
    await root.send(new iam.DeleteAccessKeyCommand({ UserName: "gone", AccessKeyId }));
    await root.send(new iam.DeleteUserCommand({ UserName: "gone" }));
    await root.send(new iam.CreateUserCommand({ UserName: "gone" }));
    await expect(identity(client(session.Credentials))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
  });
});

describe("GetFederationToken", () => {
  const federate = (Policy?: string) =>
    new sts.STSClient(ada).send(
      new sts.GetFederationTokenCommand({ Name: "bob", Policy, Tags: [{ Key: "unit", Value: "a" }] }),
    );
  it("permits what both the session's policy and the user's allow, except IAM", async () => {
    const { Credentials, FederatedUser } = await federate(document(allow(["s3:*", "iam:*"])));
    expect(FederatedUser?.Arn).toBe("arn:aws:sts::000000000000:federated-user/bob");
    const bob = client(Credentials);
    await expect(listBuckets(bob)).resolves.toBeDefined();
    await expect(listUsers(bob)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(new ec2.EC2Client(bob).send(new ec2.DescribeVpcsCommand({}))).rejects.toThrow(
      "because no session policy allows the ec2:DescribeVpcs action",
    );
  });

  it("permits what managed policies allow, for as long as it is asked for", async () => {
    const PolicyArns = [{ arn: "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" }];
    const { Credentials } = await new sts.STSClient(ada).send(
      new sts.GetFederationTokenCommand({ Name: "bob", PolicyArns, DurationSeconds: 900 }),
    );
    await expect(listBuckets(client(Credentials))).resolves.toBeDefined();
    const left = (Credentials?.Expiration?.getTime() ?? 0) - Date.now();
    expect(left).toBeLessThanOrEqual(900_000);
    expect(left).toBeGreaterThan(800_000);
    await expect(
      new ec2.EC2Client(client(Credentials)).send(new ec2.DescribeVpcsCommand({})),
    ).rejects.toThrow("because no session policy allows the ec2:DescribeVpcs action");
  });

  it("permits nothing without a policy", async () => {
    const { Credentials } = await federate();
    await expect(listBuckets(client(Credentials))).rejects.toMatchObject({ name: "AccessDenied" });
  });
});

describe("the tags and the source identity of a session", () => {
  const trust = (...actions: string[]) =>
    document({ Effect: "Allow", Principal: { AWS: "000000000000" }, Action: ["sts:AssumeRole", ...actions] });
  const newRole = async (RoleName: string, policy: string) => {
    const { Role } = await root.send(
      new iam.CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: policy,
        Tags: [{ Key: "team", Value: "blue" }],
      }),
    );
    await root.send(
      new iam.PutRolePolicyCommand({
        RoleName,
        PolicyName: "red",
        PolicyDocument: document(
          allow("s3:*", { Condition: { StringEquals: { "aws:PrincipalTag/team": "red" } } }),
          allow("sts:*"),
        ),
      }),
    );
    return Role?.Arn ?? "";
  };
  const assume = (
    config: ReturnType<typeof client>,
    input: Partial<sts.AssumeRoleRequest> & { RoleArn: string },
  ) => new sts.STSClient(config).send(new sts.AssumeRoleCommand({ RoleSessionName: "session", ...input }));

  it("override the role's, if both sides permit the caller to set them", async () => {
    const first = await newRole("first", trust("sts:TagSession", "sts:SetSourceIdentity"));
    const second = await newRole("second", trust("sts:TagSession", "sts:SetSourceIdentity"));
    const closed = await newRole("closed", trust());
    const Tags = [{ Key: "team", Value: "red" }];
    await expect(assume(ada, { RoleArn: closed, Tags })).rejects.toThrow("sts:TagSession");
    await expect(assume(ada, { RoleArn: closed, SourceIdentity: "ada" })).rejects.toThrow(
      "sts:SetSourceIdentity",
    );
    const blue = await assume(ada, { RoleArn: first });
    await expect(listBuckets(client(blue.Credentials))).rejects.toMatchObject({ name: "AccessDenied" });
    const red = await assume(ada, {
      RoleArn: first,
      Tags,
      TransitiveTagKeys: ["team"],
      SourceIdentity: "ada",
    });
    expect(red.SourceIdentity).toBe("ada");
    await expect(listBuckets(client(red.Credentials))).resolves.toBeDefined();
    const chained = await assume(client(red.Credentials), { RoleArn: second });
    await expect(listBuckets(client(chained.Credentials))).resolves.toBeDefined();
    expect(chained.SourceIdentity).toBe("ada");
    await expect(assume(client(red.Credentials), { RoleArn: second, SourceIdentity: "eve" })).rejects.toThrow(
      "cannot be changed",
    );
    await expect(assume(client(red.Credentials), { RoleArn: second, Tags })).rejects.toThrow(
      "conflicts with a transitive",
    );
    await expect(assume(ada, { RoleArn: first, TransitiveTagKeys: ["team"] })).rejects.toThrow(
      "must be included",
    );
  });

  it("and a code of a device meet a condition of the trust policy", async () => {
    const RoleArn = await newRole(
      "guarded",
      document({
        Effect: "Allow",
        Principal: { AWS: "000000000000" },
        Action: "sts:AssumeRole",
        Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } },
      }),
    );
    await expect(assume(ada, { RoleArn })).rejects.toMatchObject({ name: "AccessDenied" });
    const { SerialNumber } = device;
    await expect(assume(ada, { RoleArn, SerialNumber, TokenCode: device.code(1) })).resolves.toBeDefined();
  });
});

describe("about keys and denials", () => {
  it("the account of an access key is returned", async () => {
    const client = new sts.STSClient(ada);
    const AccessKeyId = AccessKey?.AccessKeyId;
    expect((await client.send(new sts.GetAccessKeyInfoCommand({ AccessKeyId }))).Account).toBe(
      "000000000000",
    );
    await expect(
      client.send(new sts.GetAccessKeyInfoCommand({ AccessKeyId: "AKIANOBODYNOBODYNOBO" })),
    ).rejects.toThrow("no account");
  });

  it("a denial of EC2 is decoded, and no other secret of the vault is opened", async () => {
    const { Credentials } = await new sts.STSClient(ada).send(
      new sts.GetFederationTokenCommand({ Name: "bob", Policy: document(allow("s3:*")) }),
    );
    const denied = await new ec2.EC2Client(client(Credentials))
      .send(new ec2.DescribeVpcsCommand({}))
      .catch((thrown: Error) => thrown.message);
    const EncodedMessage = /Encoded authorization failure message: (\S+)$/.exec(String(denied))?.[1];
    const decode = (text: string | undefined) =>
      new sts.STSClient(ada).send(new sts.DecodeAuthorizationMessageCommand({ EncodedMessage: text }));
    const { DecodedMessage } = await decode(EncodedMessage);
    expect(JSON.parse(DecodedMessage ?? "")).toMatchObject({
      allowed: false,
      explicitDeny: false,
      context: { action: "ec2:DescribeVpcs" },
    });
    const sealed = api.store.get("accessKey", AccessKey?.AccessKeyId)?.sealedSecret ?? "";
    for (const other of [sealed, Buffer.from(sealed).toString("base64url"), `${EncodedMessage}x`.slice(1)])
      await expect(decode(other)).rejects.toMatchObject({ name: "InvalidAuthorizationMessageException" });
  });
});
