import { createHash, X509Certificate } from "node:crypto";
import type * as iam from "@aws-sdk/client-iam";
import type { Store, UploadedKey, UserRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { checkPassword } from "./account.ts";
import { alreadyExists, findUser, noSuchEntity, pageOf, settableStatus, userNameOf } from "./lookups.ts";
import { openSshKey, pemOfSsh } from "./ssh-keys.ts";

/** Source: "IAM and AWS STS quotas". */
const SSH_KEYS_MAX = 5;
const CERTIFICATES_MAX = 2;

/**
 * What a user has besides access keys. There is no console, no CodeCommit and no SOAP API to use it with: it
 * is checked, kept and listed.
 * Source: API_CreateLoginProfile, API_UploadSSHPublicKey, API_UploadSigningCertificate and following.
 */
export function userKeyOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateLoginProfile: (input, context) => createLoginProfile(deps, input, context),
    GetLoginProfile: (input, context) => ({
      LoginProfile: presentLogin(userOf(store, input, context)),
    }),
    UpdateLoginProfile: (input, context) => updateLoginProfile(store, input, context),
    DeleteLoginProfile: (input, context) =>
      change(store, input, context, (user) => {
        presentLogin(user);
        return { ...user, loginProfile: undefined };
      }),
    ...sshKeyOperations(deps),
    ...certificateOperations(deps),
    /** There are no services that such credentials are for (CodeCommit, Keyspaces, Bedrock). */
    ListServiceSpecificCredentials: (input, context) => {
      if (input.AllUsers !== true) userOf(store, input, context);
      return { ServiceSpecificCredentials: [], IsTruncated: false };
    },
  } satisfies Implementation<typeof iam>;
}

function sshKeyOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    UploadSSHPublicKey: (input, context) => uploadSshKey(deps, input, context),
    GetSSHPublicKey: (input, context) => {
      const key = keyOf(userOf(store, input, context).sshPublicKeys, input.SSHPublicKeyId, "SSH Public Key");
      const body = input.Encoding === "PEM" ? pemOfSsh(key.body) : openSshKey(key.body);
      return { SSHPublicKey: { ...presentSshKey(input.UserName, key), SSHPublicKeyBody: body } };
    },
    ListSSHPublicKeys: (input, context) => {
      const user = userOf(store, input, context);
      const { items, ...more } = pageOf(byId(user.sshPublicKeys), ({ id }) => id, input);
      return {
        SSHPublicKeys: items.map((key) => ({
          UserName: user.name,
          SSHPublicKeyId: key.id,
          Status: key.status,
          UploadDate: new Date(key.uploadedAt),
        })),
        ...more,
      };
    },
    UpdateSSHPublicKey: (input, context) =>
      changeKey(store, input, context, {
        list: "sshPublicKeys",
        id: input.SSHPublicKeyId,
        status: settableStatus(input.Status),
      }),
    DeleteSSHPublicKey: (input, context) =>
      changeKey(store, input, context, { list: "sshPublicKeys", id: input.SSHPublicKeyId }),
  } satisfies Implementation<typeof iam>;
}

function certificateOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    UploadSigningCertificate: (input, context) => uploadCertificate(deps, input, context),
    ListSigningCertificates: (input, context) => {
      const user = userOf(store, input, context);
      const { items, ...more } = pageOf(byId(user.signingCertificates), ({ id }) => id, input);
      return { Certificates: items.map((key) => presentCertificate(user.name, key)), ...more };
    },
    UpdateSigningCertificate: (input, context) =>
      changeKey(store, input, context, {
        list: "signingCertificates",
        id: input.CertificateId,
        status: settableStatus(input.Status),
      }),
    DeleteSigningCertificate: (input, context) =>
      changeKey(store, input, context, { list: "signingCertificates", id: input.CertificateId }),
  } satisfies Implementation<typeof iam>;
}

interface Named {
  readonly UserName?: string | undefined;
}

function userOf(store: Store, input: Named, { account, principal }: RequestContext): UserRecord {
  return findUser(store, account, userNameOf(input, principal));
}

function change(
  store: Store,
  input: Named,
  { account, principal }: RequestContext,
  apply: (user: UserRecord) => UserRecord,
): object {
  store.transact((tx) => {
    const user = findUser(tx, account, userNameOf(input, principal));
    tx.put("user", user.arn, apply(user));
  });
  return {};
}

function createLoginProfile(
  { store, clock }: ApiDeps,
  input: iam.CreateLoginProfileRequest,
  context: RequestContext,
): iam.CreateLoginProfileResponse {
  checkPassword(store, context.account, input.Password ?? "");
  const loginProfile = { createdAt: clock.now(), mustReset: input.PasswordResetRequired ?? false };
  change(store, input, context, (user) => {
    if (user.loginProfile !== undefined)
      throw alreadyExists(`Login Profile for user ${user.name} already exists.`);
    return { ...user, loginProfile };
  });
  return { LoginProfile: presentLogin(userOf(store, input, context)) };
}

function updateLoginProfile(
  store: Store,
  input: iam.UpdateLoginProfileRequest,
  context: RequestContext,
): object {
  if (input.Password !== undefined) checkPassword(store, context.account, input.Password);
  return change(store, input, context, (user) => {
    const { loginProfile } = user;
    if (loginProfile === undefined) throw noLogin(user.name);
    return {
      ...user,
      loginProfile: { ...loginProfile, mustReset: input.PasswordResetRequired ?? loginProfile.mustReset },
    };
  });
}

function presentLogin({ name, loginProfile }: UserRecord): iam.LoginProfile {
  if (loginProfile === undefined) throw noLogin(name);
  return {
    UserName: name,
    CreateDate: new Date(loginProfile.createdAt),
    PasswordResetRequired: loginProfile.mustReset,
  };
}

function noLogin(name: string): ApiError {
  return noSuchEntity(`Login Profile for User ${name} cannot be found.`);
}

function uploadSshKey(
  { store, ids, clock }: ApiDeps,
  input: iam.UploadSSHPublicKeyRequest,
  context: RequestContext,
): iam.UploadSSHPublicKeyResponse {
  const body = input.SSHPublicKeyBody ?? "";
  openSshKey(body);
  const key: UploadedKey = { id: `APKA${ids.upper(16)}`, body, status: "Active", uploadedAt: clock.now() };
  change(store, input, context, (user) => {
    const keys = user.sshPublicKeys ?? [];
    if (keys.some((each) => openSshKey(each.body) === openSshKey(body)))
      throw new ApiError("DuplicateSSHPublicKey", "The SSH public key is already associated with the user.", {
        status: 400,
      });
    if (keys.length >= SSH_KEYS_MAX) throw limit("SSHPublicKeysPerUser", SSH_KEYS_MAX);
    return { ...user, sshPublicKeys: [...keys, key] };
  });
  return { SSHPublicKey: { ...presentSshKey(input.UserName, key), SSHPublicKeyBody: body } };
}

function presentSshKey(name: string | undefined, key: UploadedKey): iam.SSHPublicKey {
  const blob = Buffer.from(openSshKey(key.body).split(" ")[1] ?? "", "base64");
  const fingerprint = createHash("md5")
    .update(blob)
    .digest("hex")
    .replaceAll(/(..)(?!$)/g, "$1:");
  return {
    UserName: name,
    SSHPublicKeyId: key.id,
    Fingerprint: fingerprint,
    SSHPublicKeyBody: key.body,
    Status: key.status,
    UploadDate: new Date(key.uploadedAt),
  };
}

function uploadCertificate(
  { store, ids, clock }: ApiDeps,
  input: iam.UploadSigningCertificateRequest,
  context: RequestContext,
): iam.UploadSigningCertificateResponse {
  const body = input.CertificateBody ?? "";
  const fingerprint = fingerprintOf(body);
  const key: UploadedKey = { id: ids.upper(32), body, status: "Active", uploadedAt: clock.now() };
  change(store, input, context, (user) => {
    const keys = user.signingCertificates ?? [];
    if (keys.some((each) => fingerprintOf(each.body) === fingerprint))
      throw new ApiError("DuplicateCertificate", "The certificate is already associated with the user.", {
        status: 409,
      });
    if (keys.length >= CERTIFICATES_MAX) throw limit("SigningCertificatesPerUser", CERTIFICATES_MAX);
    return { ...user, signingCertificates: [...keys, key] };
  });
  return { Certificate: presentCertificate(userOf(store, input, context).name, key) };
}

function fingerprintOf(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    throw new ApiError(
      "MalformedCertificate",
      "Unable to parse certificate. Please ensure the certificate is in PEM format.",
      {
        status: 400,
      },
    );
  }
}

function presentCertificate(name: string, key: UploadedKey): iam.SigningCertificate {
  return {
    UserName: name,
    CertificateId: key.id,
    CertificateBody: key.body,
    Status: key.status,
    UploadDate: new Date(key.uploadedAt),
  };
}

/** Sets the status of a key, or removes it where none is given. */
function changeKey(
  store: Store,
  input: Named,
  context: RequestContext,
  {
    list,
    id,
    status,
  }: {
    list: "sshPublicKeys" | "signingCertificates";
    id: string | undefined;
    status?: UploadedKey["status"];
  },
): object {
  const what = list === "sshPublicKeys" ? "SSH Public Key" : "Certificate";
  return change(store, input, context, (user) => {
    const key = keyOf(user[list], id, what);
    const others = (user[list] ?? []).filter((each) => each.id !== key.id);
    return { ...user, [list]: status === undefined ? others : [...others, { ...key, status }] };
  });
}

function keyOf(keys: readonly UploadedKey[] | undefined, id: string | undefined, what: string): UploadedKey {
  const key = keys?.find((each) => each.id === id);
  if (key === undefined) throw noSuchEntity(`The ${what} with id ${id} cannot be found.`);
  return key;
}

function byId(keys: readonly UploadedKey[] | undefined): readonly UploadedKey[] {
  return (keys ?? []).toSorted((one, other) => (one.id < other.id ? -1 : 1));
}

function limit(quota: string, most: number): ApiError {
  return new ApiError("LimitExceeded", `Cannot exceed quota for ${quota}: ${most}`, { status: 409 });
}
