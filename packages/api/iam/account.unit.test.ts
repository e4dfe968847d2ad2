import { generateKeyPairSync } from "node:crypto";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { codeOf, seedOf } from "./mfa-devices.ts";

const api = await startApi();
afterAll(() => api.close());
const root = new iam.IAMClient(api.client());
const UserName = "ada";
await root.send(new iam.CreateUserCommand({ UserName }));

describe("an account", () => {
  it("has one alias", async () => {
    await root.send(new iam.CreateAccountAliasCommand({ AccountAlias: "first" }));
    await root.send(new iam.CreateAccountAliasCommand({ AccountAlias: "second" }));
    const aliases = async () => (await root.send(new iam.ListAccountAliasesCommand({}))).AccountAliases;
    expect(await aliases()).toEqual(["second"]);
    await expect(
      root.send(new iam.DeleteAccountAliasCommand({ AccountAlias: "first" })),
    ).rejects.toMatchObject({ name: "NoSuchEntityException" });
    await root.send(new iam.DeleteAccountAliasCommand({ AccountAlias: "second" }));
    expect(await aliases()).toEqual([]);
  });

  it("has a password policy, which applies to passwords", async () => {
    const read = () => root.send(new iam.GetAccountPasswordPolicyCommand({}));
    await expect(read()).rejects.toMatchObject({ name: "NoSuchEntityException" });
    await root.send(
      new iam.UpdateAccountPasswordPolicyCommand({
        MinimumPasswordLength: 12,
        RequireSymbols: true,
        MaxPasswordAge: 90,
      }),
    );
    expect((await read()).PasswordPolicy).toMatchObject({
      MinimumPasswordLength: 12,
      RequireSymbols: true,
      RequireNumbers: false,
      ExpirePasswords: true,
      MaxPasswordAge: 90,
    });
    const login = (Password: string) => root.send(new iam.CreateLoginProfileCommand({ UserName, Password }));
    await expect(login("short")).rejects.toMatchObject({ name: "PasswordPolicyViolationException" });
    await expect(login("long-enough-and-more".replaceAll("-", "a"))).rejects.toThrow("at least one symbol");
    await root.send(new iam.DeleteAccountPasswordPolicyCommand({}));
    await expect(read()).rejects.toMatchObject({ name: "NoSuchEntityException" });
  });

  it("counts its resources", async () => {
    const { SummaryMap } = await root.send(new iam.GetAccountSummaryCommand({}));
    expect(SummaryMap).toMatchObject({ Users: 1, Groups: 0, AccessKeysPerUserQuota: 2 });
  });
});

describe("a user", () => {
  const blocked = async (what: string) =>
    expect(root.send(new iam.DeleteUserCommand({ UserName }))).rejects.toThrow(`must ${what} first`);

  it("has a login profile without its password", async () => {
    const { LoginProfile } = await root.send(
      new iam.CreateLoginProfileCommand({
        UserName,
        Password: "Correct-horse-1",
        PasswordResetRequired: true,
      }),
    );
    expect(LoginProfile).toMatchObject({ UserName, PasswordResetRequired: true });
    expect(JSON.stringify(api.store.list("user"))).not.toContain("Correct-horse");
    await root.send(new iam.UpdateLoginProfileCommand({ UserName, PasswordResetRequired: false }));
    const read = () => root.send(new iam.GetLoginProfileCommand({ UserName }));
    expect((await read()).LoginProfile?.PasswordResetRequired).toBe(false);
    await blocked("delete login profile");
    await root.send(new iam.DeleteLoginProfileCommand({ UserName }));
    await expect(read()).rejects.toMatchObject({ name: "NoSuchEntityException" });
  });

  it("has SSH public keys, in both encodings", async () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = publicKey.export({ type: "spki", format: "pem" });
    const { SSHPublicKey } = await root.send(
      new iam.UploadSSHPublicKeyCommand({ UserName, SSHPublicKeyBody: pem }),
    );
    const SSHPublicKeyId = SSHPublicKey?.SSHPublicKeyId;
    const read = async (Encoding: "SSH" | "PEM") =>
      (await root.send(new iam.GetSSHPublicKeyCommand({ UserName, SSHPublicKeyId, Encoding }))).SSHPublicKey;
    expect((await read("PEM"))?.SSHPublicKeyBody).toBe(pem);
    const ssh = (await read("SSH"))?.SSHPublicKeyBody ?? "";
    expect(ssh).toMatch(/^ssh-rsa AAAAB3NzaC1yc2E/);
    await expect(
      root.send(new iam.UploadSSHPublicKeyCommand({ UserName, SSHPublicKeyBody: `${ssh} ada@host` })),
    ).rejects.toMatchObject({ name: "DuplicateSSHPublicKeyException" });
    await expect(
      root.send(new iam.UploadSSHPublicKeyCommand({ UserName, SSHPublicKeyBody: "ssh-rsa AAAA" })),
    ).rejects.toMatchObject({ name: "InvalidPublicKeyException" });
    await root.send(new iam.UpdateSSHPublicKeyCommand({ UserName, SSHPublicKeyId, Status: "Inactive" }));
    const { SSHPublicKeys } = await root.send(new iam.ListSSHPublicKeysCommand({ UserName }));
    expect(SSHPublicKeys).toMatchObject([{ SSHPublicKeyId, Status: "Inactive" }]);
    await blocked("delete SSH public keys");
    await root.send(new iam.DeleteSSHPublicKeyCommand({ UserName, SSHPublicKeyId }));
  });

  it("has signing certificates", async () => {
    const { newAuthority } = await import("@gantry/tls");
    const { certificatePem: certificate } = await newAuthority(Date.now());
    const upload = () =>
      root.send(new iam.UploadSigningCertificateCommand({ UserName, CertificateBody: certificate }));
    const CertificateId = (await upload()).Certificate?.CertificateId;
    await expect(upload()).rejects.toMatchObject({ name: "DuplicateCertificateException" });
    await root.send(new iam.UpdateSigningCertificateCommand({ UserName, CertificateId, Status: "Inactive" }));
    const { Certificates } = await root.send(new iam.ListSigningCertificatesCommand({ UserName }));
    expect(Certificates).toMatchObject([{ CertificateId, Status: "Inactive", UserName }]);
    await blocked("delete signing certificates");
    await root.send(new iam.DeleteSigningCertificateCommand({ UserName, CertificateId }));
    const none = await root.send(new iam.ListServiceSpecificCredentialsCommand({ UserName }));
    expect(none.ServiceSpecificCredentials).toEqual([]);
  });

  it("has virtual MFA devices, enabled by two codes in a row", async () => {
    const { VirtualMFADevice } = await root.send(
      new iam.CreateVirtualMFADeviceCommand({
        VirtualMFADeviceName: "phone",
        Tags: [{ Key: "a", Value: "b" }],
      }),
    );
    const SerialNumber = VirtualMFADevice?.SerialNumber ?? "";
    const seed = seedOf(Buffer.from(VirtualMFADevice?.Base32StringSeed ?? []).toString());
    const step = Math.floor(Date.now() / 30_000);
    const enable = (one: number, two: number) =>
      root.send(
        new iam.EnableMFADeviceCommand({
          UserName,
          SerialNumber,
          AuthenticationCode1: codeOf(seed, one),
          AuthenticationCode2: codeOf(seed, two),
        }),
      );
    await expect(enable(step, step - 1)).rejects.toMatchObject({
      name: "InvalidAuthenticationCodeException",
    });
    await expect(enable(step - 100, step - 99)).rejects.toMatchObject({
      name: "InvalidAuthenticationCodeException",
    });
    await enable(step - 1, step);
    const { MFADevices } = await root.send(new iam.ListMFADevicesCommand({ UserName }));
    expect(MFADevices).toMatchObject([{ UserName, SerialNumber }]);
    const all = await root.send(new iam.ListVirtualMFADevicesCommand({ AssignmentStatus: "Assigned" }));
    expect(all.VirtualMFADevices).toMatchObject([{ SerialNumber, User: { UserName } }]);
    await blocked("deactivate MFA devices");
    await expect(
      root.send(
        new iam.ResyncMFADeviceCommand({
          UserName,
          SerialNumber,
          AuthenticationCode1: codeOf(seed, step - 1),
          AuthenticationCode2: codeOf(seed, step),
        }),
      ),
    ).rejects.toMatchObject({ name: "InvalidAuthenticationCodeException" }); // Used before.
    await root.send(new iam.TagMFADeviceCommand({ SerialNumber, Tags: [{ Key: "c", Value: "d" }] }));
    await root.send(new iam.UntagMFADeviceCommand({ SerialNumber, TagKeys: ["a"] }));
    expect((await root.send(new iam.ListMFADeviceTagsCommand({ SerialNumber }))).Tags).toEqual([
      { Key: "c", Value: "d" },
    ]);
    await expect(root.send(new iam.DeleteVirtualMFADeviceCommand({ SerialNumber }))).rejects.toMatchObject({
      name: "DeleteConflictException",
    });
    await root.send(new iam.DeactivateMFADeviceCommand({ UserName, SerialNumber }));
    await root.send(new iam.DeleteVirtualMFADeviceCommand({ SerialNumber }));
  });
});

it("lists tags of users and policies, and describes a role anew", async () => {
  const Tags = [{ Key: "a", Value: "b" }];
  await root.send(new iam.TagUserCommand({ UserName, Tags }));
  expect((await root.send(new iam.ListUserTagsCommand({ UserName }))).Tags).toEqual(Tags);
  const PolicyDocument =
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}';
  const { Policy } = await root.send(
    new iam.CreatePolicyCommand({ PolicyName: "tagged", PolicyDocument, Tags }),
  );
  const { Tags: ofPolicy } = await root.send(new iam.ListPolicyTagsCommand({ PolicyArn: Policy?.Arn }));
  expect(ofPolicy).toEqual(Tags);
  const RoleName = "described";
  const AssumeRolePolicyDocument =
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}';
  await root.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  const { Role } = await root.send(new iam.UpdateRoleDescriptionCommand({ RoleName, Description: "new" }));
  expect(Role?.Description).toBe("new");
});

describe("identity providers", () => {
  it("of OpenID Connect are found by their issuer", async () => {
    const { OpenIDConnectProviderArn } = await root.send(
      new iam.CreateOpenIDConnectProviderCommand({
        Url: "https://token.actions.githubusercontent.com",
        ClientIDList: ["sts.amazonaws.com"],
        ThumbprintList: ["ab".repeat(20)],
        Tags: [{ Key: "a", Value: "b" }],
      }),
    );
    expect(OpenIDConnectProviderArn).toBe(
      "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com",
    );
    const named = { OpenIDConnectProviderArn };
    await root.send(new iam.AddClientIDToOpenIDConnectProviderCommand({ ...named, ClientID: "other" }));
    await root.send(
      new iam.RemoveClientIDFromOpenIDConnectProviderCommand({ ...named, ClientID: "sts.amazonaws.com" }),
    );
    await root.send(
      new iam.UpdateOpenIDConnectProviderThumbprintCommand({ ...named, ThumbprintList: ["CD".repeat(20)] }),
    );
    await root.send(new iam.TagOpenIDConnectProviderCommand({ ...named, Tags: [{ Key: "c", Value: "d" }] }));
    await root.send(new iam.UntagOpenIDConnectProviderCommand({ ...named, TagKeys: ["a"] }));
    expect(await root.send(new iam.GetOpenIDConnectProviderCommand(named))).toMatchObject({
      Url: "token.actions.githubusercontent.com",
      ClientIDList: ["other"],
      ThumbprintList: ["cd".repeat(20)],
      Tags: [{ Key: "c", Value: "d" }],
    });
    expect((await root.send(new iam.ListOpenIDConnectProviderTagsCommand(named))).Tags).toHaveLength(1);
    expect(
      (await root.send(new iam.ListOpenIDConnectProvidersCommand({}))).OpenIDConnectProviderList,
    ).toEqual([{ Arn: OpenIDConnectProviderArn }]);
    await expect(
      root.send(new iam.CreateOpenIDConnectProviderCommand({ Url: "http://plain.example" })),
    ).rejects.toMatchObject({ name: "InvalidInputException" });
    await root.send(new iam.DeleteOpenIDConnectProviderCommand(named));
    await expect(root.send(new iam.GetOpenIDConnectProviderCommand(named))).rejects.toMatchObject({
      name: "NoSuchEntityException",
    });
  });

  it("of SAML keep their metadata", async () => {
    const metadata = (entity: string) =>
      "<EntityDescriptor " +
      `entityID="${entity}"><IDPSSODescriptor><X509Certificate>${"A".repeat(1_000)}</X509Certificate></IDPSSODescriptor></EntityDescriptor>`;
    const { SAMLProviderArn } = await root.send(
      new iam.CreateSAMLProviderCommand({ Name: "adfs", SAMLMetadataDocument: metadata("one") }),
    );
    const named = { SAMLProviderArn };
    await root.send(
      new iam.UpdateSAMLProviderCommand({ SAMLProviderArn, SAMLMetadataDocument: metadata("two") }),
    );
    await root.send(new iam.TagSAMLProviderCommand({ SAMLProviderArn, Tags: [{ Key: "a", Value: "b" }] }));
    expect((await root.send(new iam.ListSAMLProviderTagsCommand({ SAMLProviderArn }))).Tags).toHaveLength(1);
    await root.send(new iam.UntagSAMLProviderCommand({ SAMLProviderArn, TagKeys: ["a"] }));
    expect(await root.send(new iam.GetSAMLProviderCommand({ SAMLProviderArn }))).toMatchObject({
      SAMLMetadataDocument: metadata("two"),
    });
    await expect(
      root.send(new iam.CreateSAMLProviderCommand({ Name: "bad", SAMLMetadataDocument: "x".repeat(1_000) })),
    ).rejects.toMatchObject({ name: "InvalidInputException" });
    expect((await root.send(new iam.ListSAMLProvidersCommand({}))).SAMLProviderList).toHaveLength(1);
    await root.send(new iam.DeleteSAMLProviderCommand({ SAMLProviderArn }));
    await expect(root.send(new iam.GetSAMLProviderCommand(named))).rejects.toMatchObject({
      name: "NoSuchEntityException",
    });
  });
});
