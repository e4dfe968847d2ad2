import type * as sdk from "@aws-sdk/client-iam";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { namedOf, userNameOf } from "./lookups.ts";
import { oidcProviderArn } from "./oidc-providers.ts";
import { serverCertificateArn, serverCertificateNamed } from "./server-certificates.ts";

type Given = string | undefined;

/** The permissions of what belongs to the account as a whole, to a user besides policies, and of identity providers. */
export function accountPermissions(store: Reader) {
  const user = (input: { UserName?: Given }, caller: Caller): readonly Need[] => {
    const name = userNameOf(input, caller.principal);
    const record = namedOf(store, "user", caller.account, name);
    return on(record?.arn ?? `arn:aws:iam::${caller.account}:user/${name ?? ""}`);
  };
  const device = (input: { SerialNumber?: Given }): readonly Need[] => on(input.SerialNumber ?? "*");
  return {
    ...ON_EVERYTHING,
    /** The key belongs to a user, who is the resource. */
    GetAccessKeyLastUsed: ({ AccessKeyId }, { account }) => {
      const key = store.get("accessKey", AccessKeyId);
      return on(
        key?.account === account && key.userArn !== undefined
          ? key.userArn
          : `arn:aws:iam::${account}:user/*`,
      );
    },
    GenerateServiceLastAccessedDetails: ({ Arn }) => on(Arn ?? "*"),
    ListPoliciesGrantingServiceAccess: ({ Arn }) => on(Arn ?? "*"),
    CreateLoginProfile: user,
    GetLoginProfile: user,
    UpdateLoginProfile: user,
    DeleteLoginProfile: user,
    UploadSSHPublicKey: user,
    GetSSHPublicKey: user,
    ListSSHPublicKeys: user,
    UpdateSSHPublicKey: user,
    DeleteSSHPublicKey: user,
    UploadSigningCertificate: user,
    ListSigningCertificates: user,
    UpdateSigningCertificate: user,
    DeleteSigningCertificate: user,
    ListServiceSpecificCredentials: (input, caller) =>
      input.AllUsers === true ? on("*") : user(input, caller),

    CreateVirtualMFADevice: ({ VirtualMFADeviceName: name = "", Path = "/", Tags }, { account }) =>
      created(`arn:aws:iam::${account}:mfa${Path}${name}`, Tags, "iam:TagMFADevice"),
    DeleteVirtualMFADevice: device,
    TagMFADevice: device,
    UntagMFADevice: device,
    ListMFADeviceTags: device,
    ListMFADevices: user,
    EnableMFADevice: user,
    ResyncMFADevice: user,
    /** Where no user is named, the device's own user is meant. */
    DeactivateMFADevice: (input, caller) => {
      const owner = store.get("mfaDevice", input.SerialNumber)?.userId;
      const record = store.list("user").find(({ id, account }) => id === owner && account === caller.account);
      return input.UserName === undefined && record !== undefined ? on(record.arn) : user(input, caller);
    },
    ...PROVIDERS,
    ...serverCertificates(store),
  } satisfies PermissionTable<typeof sdk>;
}

const ON_EVERYTHING = {
  CreateAccountAlias: "*",
  DeleteAccountAlias: "*",
  ListAccountAliases: "*",
  UpdateAccountPasswordPolicy: "*",
  GetAccountPasswordPolicy: "*",
  DeleteAccountPasswordPolicy: "*",
  GetAccountSummary: "*",
  GenerateCredentialReport: "*",
  GetCredentialReport: "*",
  GetAccountAuthorizationDetails: "*",
  GetServiceLastAccessedDetails: "*",
  GetServiceLastAccessedDetailsWithEntities: "*",
  ListVirtualMFADevices: "*",
  ListOpenIDConnectProviders: "*",
  ListSAMLProviders: "*",
  ListServerCertificates: "*",
  SetSecurityTokenServicePreferences: "*",
} satisfies PermissionTable<typeof sdk>;

const created = (arn: string, tags: readonly unknown[] | undefined, action: string): readonly Need[] => [
  { resource: arn },
  ...tagOnCreate(tags, { action, resource: arn }),
];

/** Requests name a certificate; only the record has the path. */
function serverCertificates(store: Reader) {
  const named = (input: { ServerCertificateName?: Given }, { account }: Caller): readonly Need[] => {
    const name = input.ServerCertificateName ?? "";
    const record = serverCertificateNamed(store, account, name);
    return on(record?.arn ?? serverCertificateArn(account, "/", name));
  };
  return {
    UploadServerCertificate: ({ ServerCertificateName = "", Path = "/", Tags }, { account }) =>
      created(serverCertificateArn(account, Path, ServerCertificateName), Tags, "iam:TagServerCertificate"),
    GetServerCertificate: named,
    // A rename needs permission for both names. Source: IAM User Guide, "Rename a server certificate".
    UpdateServerCertificate: (input, caller) => {
      const name = input.ServerCertificateName ?? "";
      const path = input.NewPath ?? serverCertificateNamed(store, caller.account, name)?.path ?? "/";
      const renamed = serverCertificateArn(caller.account, path, input.NewServerCertificateName ?? name);
      return [...named(input, caller), ...on(renamed)];
    },
    DeleteServerCertificate: named,
    TagServerCertificate: named,
    UntagServerCertificate: named,
    ListServerCertificateTags: named,
  } satisfies PermissionTable<typeof sdk>;
}

const oidc = (input: { OpenIDConnectProviderArn?: Given }): readonly Need[] =>
  on(input.OpenIDConnectProviderArn ?? "*");
const saml = (input: { SAMLProviderArn?: Given }): readonly Need[] => on(input.SAMLProviderArn ?? "*");

const PROVIDERS = {
  CreateOpenIDConnectProvider: ({ Url: url = "", Tags }, { account }) =>
    created(oidcProviderArn(account, url), Tags, "iam:TagOpenIDConnectProvider"),
  GetOpenIDConnectProvider: oidc,
  DeleteOpenIDConnectProvider: oidc,
  AddClientIDToOpenIDConnectProvider: oidc,
  RemoveClientIDFromOpenIDConnectProvider: oidc,
  UpdateOpenIDConnectProviderThumbprint: oidc,
  TagOpenIDConnectProvider: oidc,
  UntagOpenIDConnectProvider: oidc,
  ListOpenIDConnectProviderTags: oidc,

  CreateSAMLProvider: ({ Name = "", Tags }, { account }) =>
    created(`arn:aws:iam::${account}:saml-provider/${Name}`, Tags, "iam:TagSAMLProvider"),
  GetSAMLProvider: saml,
  UpdateSAMLProvider: saml,
  DeleteSAMLProvider: saml,
  TagSAMLProvider: saml,
  UntagSAMLProvider: saml,
  ListSAMLProviderTags: saml,
} satisfies PermissionTable<typeof sdk>;
