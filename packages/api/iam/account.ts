import type * as iam from "@aws-sdk/client-iam";
import type { IamAccountRecord, PasswordPolicy, Reader, Store } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { alreadyExists, noSuchEntity } from "./lookups.ts";

/**
 * An account's alias, password policy and numbers.
 * Source: API_CreateAccountAlias, API_UpdateAccountPasswordPolicy, API_GetAccountSummary.
 */
export function accountOperations({ store }: ApiDeps) {
  return {
    CreateAccountAlias: (input, context) => createAccountAlias(store, input, context),
    DeleteAccountAlias: (input, context) => deleteAccountAlias(store, input, context),
    ListAccountAliases: (_input, { account }) => {
      const alias = store.get("iamAccount", account)?.alias;
      return { AccountAliases: alias === undefined ? [] : [alias], IsTruncated: false };
    },
    UpdateAccountPasswordPolicy: (input, { account }) => updatePasswordPolicy(store, input, account),
    GetAccountPasswordPolicy: (_input, { account }) => ({
      PasswordPolicy: presentPasswordPolicy(findPasswordPolicy(store, account)),
    }),
    DeleteAccountPasswordPolicy: (_input, { account }) => {
      findPasswordPolicy(store, account);
      return changeAccount(store, account, { passwordPolicy: undefined });
    },
    SetSecurityTokenServicePreferences: ({ GlobalEndpointTokenVersion: version }, { account }) =>
      changeAccount(store, account, { globalEndpointTokenVersion: version === "v2Token" ? 2 : 1 }),
    GetAccountSummary: (_input, { account }) => ({ SummaryMap: summaryOf(store, account) }),
  } satisfies Implementation<typeof iam>;
}

/** Changes what an account says of itself. */
export function changeAccount(store: Store, account: string, change: Partial<IamAccountRecord>): object {
  store.transact((tx) =>
    tx.put("iamAccount", account, { ...tx.get("iamAccount", account), ...change, account }),
  );
  return {};
}

function createAccountAlias(
  store: Store,
  { AccountAlias: alias = "" }: iam.CreateAccountAliasRequest,
  { account }: RequestContext,
): object {
  const holder = store.list("iamAccount").find((each) => each.alias === alias);
  if (holder !== undefined && holder.account !== account)
    throw alreadyExists(`The account alias ${alias} already exists.`);
  return changeAccount(store, account, { alias });
}

function deleteAccountAlias(
  store: Store,
  { AccountAlias: alias }: iam.DeleteAccountAliasRequest,
  { account }: RequestContext,
): object {
  if (store.get("iamAccount", account)?.alias !== alias)
    throw noSuchEntity(`The Account Alias ${alias} cannot be found.`);
  return changeAccount(store, account, { alias: undefined });
}

/**
 * A policy that is given replaces the whole one: what is left out has AWS's default.
 * Source: API_UpdateAccountPasswordPolicy.
 */
function updatePasswordPolicy(
  store: Store,
  input: iam.UpdateAccountPasswordPolicyRequest,
  account: string,
): object {
  const passwordPolicy: PasswordPolicy = {
    minimumLength: input.MinimumPasswordLength ?? 6,
    requireSymbols: input.RequireSymbols ?? false,
    requireNumbers: input.RequireNumbers ?? false,
    requireUppercase: input.RequireUppercaseCharacters ?? false,
    requireLowercase: input.RequireLowercaseCharacters ?? false,
    allowUsersToChange: input.AllowUsersToChangePassword ?? false,
    maximumAgeDays: input.MaxPasswordAge ?? 0,
    reusePrevention: input.PasswordReusePrevention ?? 0,
    hardExpiry: input.HardExpiry ?? false,
  };
  return changeAccount(store, account, { passwordPolicy });
}

function findPasswordPolicy(reader: Reader, account: string): PasswordPolicy {
  const policy = reader.get("iamAccount", account)?.passwordPolicy;
  if (policy === undefined)
    throw noSuchEntity(`The Password Policy with domain name ${account} cannot be found.`);
  return policy;
}

function presentPasswordPolicy(policy: PasswordPolicy): iam.PasswordPolicy {
  return {
    MinimumPasswordLength: policy.minimumLength,
    RequireSymbols: policy.requireSymbols,
    RequireNumbers: policy.requireNumbers,
    RequireUppercaseCharacters: policy.requireUppercase,
    RequireLowercaseCharacters: policy.requireLowercase,
    AllowUsersToChangePassword: policy.allowUsersToChange,
    ExpirePasswords: policy.maximumAgeDays > 0,
    MaxPasswordAge: policy.maximumAgeDays > 0 ? policy.maximumAgeDays : undefined,
    PasswordReusePrevention: policy.reusePrevention > 0 ? policy.reusePrevention : undefined,
    HardExpiry: policy.hardExpiry,
  };
}

/** Refuses a password that the account's policy does not allow. Errors: PasswordPolicyViolation. */
export function checkPassword(reader: Reader, account: string, password: string): void {
  const policy = reader.get("iamAccount", account)?.passwordPolicy;
  const refuse = (message: string) => new ApiError("PasswordPolicyViolation", message, { status: 400 });
  // Without a policy of its own an account has AWS's default one. Source: IAM User Guide, "Set an account
  // password policy".
  const kinds = [/[A-Z]/, /[a-z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  if (policy === undefined) {
    if (password.length < 8 || kinds < 3)
      throw refuse(
        "Password should have a minimum length of 8 and at least 3 of: uppercase letters, lowercase " +
          "letters, numbers, symbols",
      );
    return;
  }
  if (password.length < policy.minimumLength)
    throw refuse(`Password should have a minimum length of ${policy.minimumLength}`);
  if (policy.requireUppercase && !/[A-Z]/.test(password))
    throw refuse("Password should have at least one uppercase letter");
  if (policy.requireLowercase && !/[a-z]/.test(password))
    throw refuse("Password should have at least one lowercase letter");
  if (policy.requireNumbers && !/\d/.test(password)) throw refuse("Password should have at least one number");
  if (policy.requireSymbols && !/[!@#$%^&*()_+\-=[\]{}|']/.test(password))
    throw refuse("Password should have at least one symbol");
}

/** Source: API_GetAccountSummary; quotas: "IAM and AWS STS quotas". */
function summaryOf(reader: Reader, account: string): Record<string, number> {
  const count = (
    kind:
      | "user"
      | "group"
      | "role"
      | "policy"
      | "instanceProfile"
      | "mfaDevice"
      | "oidcProvider"
      | "samlProvider"
      | "serverCertificate",
  ) => reader.list(kind).filter((each) => each.account === account).length;
  const devices = reader.list("mfaDevice").filter((each) => each.account === account);
  const versions = reader
    .list("policy")
    .filter((each) => each.account === account)
    .reduce((sum, policy) => sum + policy.versions.length, 0);
  const rootKeys = reader
    .list("accessKey")
    .filter((key) => key.account === account && key.userArn === undefined);
  return {
    Users: count("user"),
    Groups: count("group"),
    Roles: count("role"),
    Policies: count("policy"),
    InstanceProfiles: count("instanceProfile"),
    PolicyVersionsInUse: versions,
    ServerCertificates: count("serverCertificate"),
    Providers: count("oidcProvider") + count("samlProvider"),
    MFADevices: devices.length,
    MFADevicesInUse: devices.filter(({ userId }) => userId !== undefined).length,
    AccountMFAEnabled: 0,
    AccountPasswordPresent: 0,
    AccountSigningCertificatesPresent: 0,
    AccountAccessKeysPresent: rootKeys.length > 0 ? 1 : 0,
    UsersQuota: 5_000,
    GroupsQuota: 300,
    RolesQuota: 1_000,
    PoliciesQuota: 1_500,
    InstanceProfilesQuota: 1_000,
    ServerCertificatesQuota: 20,
    AccessKeysPerUserQuota: 2,
    SigningCertificatesPerUserQuota: 2,
    GroupsPerUserQuota: 10,
    AttachedPoliciesPerUserQuota: 10,
    AttachedPoliciesPerRoleQuota: 10,
    AttachedPoliciesPerGroupQuota: 10,
    VersionsPerPolicyQuota: 5,
    PolicySizeQuota: 6_144,
    PolicyVersionsInUseQuota: 10_000,
    AssumeRolePolicySizeQuota: 2_048,
    UserPolicySizeQuota: 2_048,
    GroupPolicySizeQuota: 5_120,
    RolePolicySizeQuota: 10_240,
    GlobalEndpointTokenVersion: reader.get("iamAccount", account)?.globalEndpointTokenVersion ?? 1,
  };
}
