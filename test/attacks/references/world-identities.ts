import { codeOf, seedOf } from "@gantry/api/iam/mfa-devices";
import { newAuthority, openAuthority } from "@gantry/tls";
import { global, type Defaults, type Send, type Target } from "./targets.ts";
import type { ReferenceKind } from "./rules.ts";

const Path = "/team/";
const DOCUMENT = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: "*" },
});
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal: { AWS: global("root"), Service: "ecs-tasks.amazonaws.com" },
    Action: "sts:AssumeRole",
  },
});

/** A key of RSA whose numbers are made up of the byte. */
export const sshKey = (byte: number): string =>
  `ssh-rsa ${Buffer.concat([
    Buffer.from([0, 0, 0, 7]),
    Buffer.from("ssh-rsa"),
    Buffer.from([0, 0, 0, 3, 1, 0, 1, 0, 0, 1, 0]),
    Buffer.alloc(256, byte),
  ]).toString("base64")}`;
const SSH_KEY = sshKey(0x55);
const METADATA =
  "<EntityDescriptor " +
  `entityID="a"><IDPSSODescriptor><X509Certificate>${"A".repeat(1_000)}</X509Certificate></IDPSSODescriptor></EntityDescriptor>`;

/** A login profile, a signing certificate and an enabled device of the user; answers the certificate's id. */
async function createCredentials(send: Send): Promise<string> {
  await send("iam", "CreateLoginProfile", { UserName: "prod", Password: "Correct-horse-1" });
  const { certificatePem: CertificateBody } = await newAuthority(Date.now());
  const { Certificate } = await send("iam", "UploadSigningCertificate", {
    UserName: "prod",
    CertificateBody,
  });
  await enableDevice(send, "prod");
  return (Certificate as { CertificateId: string }).CertificateId; // As answered.
}

/** Creates a virtual device and enables it for the user. */
export async function enableDevice(send: Send, name: string): Promise<void> {
  const { VirtualMFADevice } = await send("iam", "CreateVirtualMFADevice", {
    VirtualMFADeviceName: name,
    Path,
  });
  const { SerialNumber, Base32StringSeed } = VirtualMFADevice as {
    SerialNumber: string;
    Base32StringSeed: Uint8Array;
  }; // As answered.
  const seed = seedOf(Buffer.from(Base32StringSeed).toString());
  const step = Math.floor(Date.now() / 30_000);
  const [AuthenticationCode1, AuthenticationCode2] = [codeOf(seed, step - 1), codeOf(seed, step)];
  await send("iam", "EnableMFADevice", {
    UserName: "prod",
    SerialNumber,
    AuthenticationCode1,
    AuthenticationCode2,
  });
}

/** A provider of each kind, and a server certificate. */
async function createProviders(send: Send): Promise<void> {
  await send("iam", "CreateOpenIDConnectProvider", { Url: "https://prod.example" });
  await send("iam", "CreateSAMLProvider", { Name: "prod", SAMLMetadataDocument: METADATA });
  await uploadServerCertificate(send, "prod");
}

/** A server certificate of this name. */
export async function uploadServerCertificate(send: Send, ServerCertificateName: string): Promise<void> {
  const issued = await openAuthority(await newAuthority(Date.now())).issue(["prod.example"], Date.now());
  const pair = { CertificateBody: issued.certificatePem, PrivateKey: issued.keyPem };
  await send("iam", "UploadServerCertificate", { ...pair, ServerCertificateName, Path });
}

/** A user, a role, a group, a profile and a policy, all below a path that only their records know. */
export async function createIdentities(send: Send): Promise<{
  readonly targets: readonly Target[];
  readonly defaults: Readonly<Record<"iam" | "sts", Defaults>>;
}> {
  await send("iam", "CreateUser", { UserName: "prod", Path });
  await send("iam", "CreateUser", { UserName: "spare" });
  await send("iam", "CreateRole", { RoleName: "prod", Path, AssumeRolePolicyDocument: TRUST });
  await send("iam", "CreateGroup", { GroupName: "prod", Path });
  await send("iam", "CreateInstanceProfile", { InstanceProfileName: "prod", Path });
  const { Policy } = await send("iam", "CreatePolicy", {
    PolicyName: "prod",
    Path,
    PolicyDocument: DOCUMENT,
  });
  const arn = (Policy as { Arn: string }).Arn; // As answered.
  const inline = { PolicyName: "inline", PolicyDocument: DOCUMENT };
  for (const type of ["User", "Role", "Group"]) {
    await send("iam", `Put${type}Policy`, { [`${type}Name`]: "prod", ...inline });
    await send("iam", `Attach${type}Policy`, { [`${type}Name`]: "prod", PolicyArn: arn });
  }
  await send("iam", "AttachUserPolicy", { UserName: "spare", PolicyArn: arn });
  await send("iam", "AddRoleToInstanceProfile", { InstanceProfileName: "prod", RoleName: "prod" });
  const { AccessKey } = await send("iam", "CreateAccessKey", { UserName: "prod" });
  await createProviders(send);
  const CertificateId = await createCredentials(send);
  const { SSHPublicKey } = await send("iam", "UploadSSHPublicKey", {
    UserName: "prod",
    SSHPublicKeyBody: SSH_KEY,
  });
  return {
    targets: targetsOf(arn),
    defaults: {
      iam: {
        ...inline,
        AssumeRolePolicyDocument: TRUST,
        UserName: "spare",
        RoleName: "prod",
        GroupName: "prod",
        InstanceProfileName: "prod",
        PolicyArn: arn,
        PolicySourceArn: global("user/spare"),
        PermissionsBoundary: arn,
        "DeleteAccessKey.AccessKeyId": (AccessKey as { AccessKeyId: string }).AccessKeyId, // As answered.
        "UpdateAccessKey.AccessKeyId": (AccessKey as { AccessKeyId: string }).AccessKeyId,
        Status: "Active",
        SSHPublicKeyId: (SSHPublicKey as { SSHPublicKeyId: string }).SSHPublicKeyId, // As answered.
        Encoding: "SSH",
        SerialNumber: global("mfa/team/prod"),
        AuthenticationCode1: "000000",
        AuthenticationCode2: "000000",
        Password: "Correct-horse-1",
        CertificateId,
        CertificateBody: "none",
        SSHPublicKeyBody: SSH_KEY,
        Url: "https://spare.example",
        ClientID: "spare",
        ThumbprintList: ["ab".repeat(20)],
        "CreateSAMLProvider.Name": "spare",
        SAMLMetadataDocument: METADATA,
        AccountAlias: "spare",
        VirtualMFADeviceName: "spare",
        VersionId: "v1",
        ActionNames: ["s3:GetObject"],
        PolicyInputList: [DOCUMENT],
        Tags: [{ Key: "a", Value: "b" }],
        TagKeys: ["a"],
      },
      sts: { RoleSessionName: "session" },
    },
  };
}

function targetsOf(policy: string): readonly Target[] {
  const of = (kind: ReferenceKind, type: string, spellings: readonly string[]): Target => ({
    kind,
    arns: [global(`${type}/team/prod`)],
    family: global(`${type}/*`),
    spellings,
  });
  const provider = (kind: ReferenceKind, path: string): Target => ({
    kind,
    arns: [global(path)],
    family: global(`${path.split("/")[0]}/*`),
    spellings: [global(path)],
  });
  return [
    of("user", "user", ["prod"]),
    of("role", "role", ["prod"]),
    of("group", "group", ["prod"]),
    of("instanceProfile", "instance-profile", ["prod"]),
    of("policy", "policy", [policy]),
    of("identityArn", "user", [global("user/team/prod")]),
    of("identityArn", "role", [global("role/team/prod")]),
    of("serverCertificate", "server-certificate", ["prod"]),
    of("mfaDevice", "mfa", [global("mfa/team/prod")]),
    provider("oidcProvider", "oidc-provider/prod.example"),
    provider("samlProvider", "saml-provider/prod"),
    of("assumedRole", "role", [global("role/team/prod")]),
  ];
}
