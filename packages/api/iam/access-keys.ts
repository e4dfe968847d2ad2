import type * as iam from "@aws-sdk/client-iam";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findUser, noSuchEntity, pageOf, settableStatus, userNameOf } from "./lookups.ts";

/** Two keys are what a user may have. Source: "IAM and AWS STS quotas". */
const KEYS_MAX = 2;

/** Access keys of users. Source: API_CreateAccessKey and following. */
export function accessKeyOperations(deps: ApiDeps) {
  return {
    CreateAccessKey: (input, context) => createAccessKey(deps, input, context),
    ListAccessKeys: (input, context) => listAccessKeys(deps, input, context),
    UpdateAccessKey: (input, context) => updateAccessKey(deps, input, context),
    DeleteAccessKey: (input, context) => deleteAccessKey(deps, input, context),
  } satisfies Implementation<typeof iam>;
}

function createAccessKey(
  { store, ids, clock, vault }: ApiDeps,
  input: iam.CreateAccessKeyRequest,
  context: RequestContext,
): iam.CreateAccessKeyResponse {
  const secret = ids.secret(30);
  const key = store.transact((tx) => {
    const user = findUser(tx, context.account, userNameOf(input, context.principal));
    if (tx.listBy("accessKey", "user", user.arn).length >= KEYS_MAX)
      throw new ApiError("LimitExceeded", `Cannot exceed quota for AccessKeysPerUser: ${KEYS_MAX}`, {
        status: 409,
      });
    const record = {
      accessKeyId: `AKIA${ids.upper(16)}`,
      sealedSecret: vault.seal(secret),
      account: context.account,
      userArn: user.arn,
      status: "Active" as const,
      createdAt: clock.now(),
    };
    tx.put("accessKey", record.accessKeyId, record);
    return record;
  });
  return {
    AccessKey: {
      UserName: key.userArn?.split("/").at(-1),
      AccessKeyId: key.accessKeyId,
      Status: "Active",
      SecretAccessKey: secret,
      CreateDate: new Date(key.createdAt),
    },
  };
}

function listAccessKeys(
  { store }: ApiDeps,
  input: iam.ListAccessKeysRequest,
  context: RequestContext,
): iam.ListAccessKeysResponse {
  const user = findUser(store, context.account, userNameOf(input, context.principal));
  const keys = store
    .listBy("accessKey", "user", user.arn)
    .toSorted((a, b) => (a.accessKeyId < b.accessKeyId ? -1 : 1));
  const { items, ...more } = pageOf(keys, (key) => key.accessKeyId, input);
  const AccessKeyMetadata = items.map((key) => ({
    UserName: user.name,
    AccessKeyId: key.accessKeyId,
    Status: key.status,
    CreateDate: new Date(key.createdAt),
  }));
  return { AccessKeyMetadata, ...more };
}

function updateAccessKey(
  { store }: ApiDeps,
  input: iam.UpdateAccessKeyRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const user = findUser(tx, context.account, userNameOf(input, context.principal));
    const key = tx.get("accessKey", input.AccessKeyId);
    if (key?.userArn !== user.arn)
      throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
    tx.put("accessKey", key.accessKeyId, {
      ...key,
      status: settableStatus(input.Status),
    });
  });
  return {};
}

function deleteAccessKey(
  { store }: ApiDeps,
  input: iam.DeleteAccessKeyRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const user = findUser(tx, context.account, userNameOf(input, context.principal));
    const key = tx.get("accessKey", input.AccessKeyId);
    if (key?.userArn !== user.arn)
      throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
    tx.delete("accessKey", key.accessKeyId);
    tx.delete("identityUse", key.accessKeyId);
  });
  return {};
}
