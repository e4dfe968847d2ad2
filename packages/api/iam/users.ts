import type * as iam from "@aws-sdk/client-iam";
import type { Store, UserRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { checkBoundary, presentBoundary } from "./boundaries.ts";
import {
  attachManagedPolicy,
  deleteInlinePolicy,
  detachManagedPolicy,
  getInlinePolicy,
  listAttachedPolicies,
  listInlinePolicies,
  putInlinePolicy,
  refuseHeldPolicies,
} from "./held-policies.ts";
import {
  alreadyExists,
  checkName,
  deleteConflict,
  findUser,
  pageOf,
  tagPage,
  userNameOf,
} from "./lookups.ts";

/** Users, their policies and tags. Source: API_CreateUser and following. */
export function userOperations(deps: ApiDeps) {
  return {
    CreateUser: (input, context) => createUser(deps, input, context),
    GetUser: (input, context) => getUser(deps, input, context),
    ListUsers: (input, context) => listUsers(deps, input, context),
    UpdateUser: (input, context) => updateUser(deps, input, context),
    DeleteUser: (input, context) => deleteUser(deps, input, context),
    PutUserPolicy: (input, context) =>
      putInlinePolicy(deps, findUser(deps.store, context.account, input.UserName), input),
    GetUserPolicy: (input, context) => getUserPolicy(deps, input, context),
    ListUserPolicies: (input, context) =>
      listInlinePolicies(findUser(deps.store, context.account, input.UserName), input),
    DeleteUserPolicy: (input, context) =>
      deleteInlinePolicy(deps, findUser(deps.store, context.account, input.UserName), input.PolicyName),
    AttachUserPolicy: (input, context) =>
      attachManagedPolicy(deps, findUser(deps.store, context.account, input.UserName), input.PolicyArn),
    DetachUserPolicy: (input, context) =>
      detachManagedPolicy(deps, findUser(deps.store, context.account, input.UserName), input.PolicyArn),
    ListAttachedUserPolicies: (input, context) =>
      listAttachedPolicies(findUser(deps.store, context.account, input.UserName), input),
    TagUser: (input, context) => tagUser(deps, input, context),
    UntagUser: (input, context) => untagUser(deps, input, context),
    ListUserTags: (input, context) =>
      tagPage(findUser(deps.store, context.account, input.UserName).tags, input),
  } satisfies Implementation<typeof iam>;
}

function createUser(
  { store, ids, clock }: ApiDeps,
  input: iam.CreateUserRequest,
  context: RequestContext,
): iam.CreateUserResponse {
  const name = checkName(input.UserName, "userName");
  const path = input.Path ?? "/";
  const user = store.transact((tx) => {
    if (tx.list("user", `arn:aws:iam::${context.account}:user/`).some((each) => each.name === name))
      throw alreadyExists(`User with name ${name} already exists.`);
    if (input.PermissionsBoundary !== undefined)
      checkBoundary(tx, context.account, input.PermissionsBoundary);
    const record: UserRecord = {
      type: "user",
      arn: `arn:aws:iam::${context.account}:user${path}${name}`,
      account: context.account,
      id: `AIDA${ids.upper(17)}`,
      name,
      path,
      inlinePolicies: {},
      attachedPolicies: [],
      permissionsBoundary: input.PermissionsBoundary,
      createdAt: clock.now(),
      tags: toTags(input.Tags),
    };
    tx.put("user", record.arn, record);
    return record;
  });
  return { User: presentUser(user) };
}

function getUser(
  { store }: ApiDeps,
  input: iam.GetUserRequest,
  context: RequestContext,
): iam.GetUserResponse {
  if (input.UserName === undefined && context.principal.type === "root")
    return {
      User: {
        UserName: "root",
        UserId: context.account,
        Arn: context.principal.arn,
        Path: "/",
        CreateDate: new Date(0),
      },
    };
  return {
    User: presentUser(findUser(store, context.account, userNameOf(input, context.principal))),
  };
}

function listUsers(
  { store }: ApiDeps,
  input: iam.ListUsersRequest,
  context: RequestContext,
): iam.ListUsersResponse {
  const found = store
    .list("user", `arn:aws:iam::${context.account}:user/`)
    .filter((user) => user.path.startsWith(input.PathPrefix ?? "/"));
  const { items, ...more } = pageOf(found, (user) => user.arn, input);
  return { Users: items.map(presentUser), ...more };
}

function updateUser({ store }: ApiDeps, input: iam.UpdateUserRequest, context: RequestContext): object {
  store.transact((tx) => {
    const user = findUser(tx, context.account, input.UserName);
    const [name, path] = [
      checkName(input.NewUserName ?? user.name, "newUserName"),
      input.NewPath ?? user.path,
    ];
    if (
      name !== user.name &&
      tx.list("user", `arn:aws:iam::${context.account}:user/`).some((each) => each.name === name)
    )
      throw alreadyExists(`User with name ${name} already exists.`);
    const arn = `arn:aws:iam::${context.account}:user${path}${name}`;
    for (const key of tx.listBy("accessKey", "user", user.arn))
      tx.put("accessKey", key.accessKeyId, { ...key, userArn: arn });
    tx.delete("user", user.arn);
    tx.put("user", arn, { ...user, arn, name, path });
  });
  return {};
}

function deleteUser({ store }: ApiDeps, input: iam.DeleteUserRequest, context: RequestContext): object {
  store.transact((tx) => {
    const user = findUser(tx, context.account, input.UserName);
    if (tx.listBy("accessKey", "user", user.arn).length > 0)
      throw deleteConflict("Cannot delete entity, must delete access keys first.");
    refuseHeldPolicies(user);
    if ((user.groups ?? []).length > 0)
      throw deleteConflict("Cannot delete entity, must remove users from group first.");
    if (user.loginProfile !== undefined)
      throw deleteConflict("Cannot delete entity, must delete login profile first.");
    if ((user.sshPublicKeys ?? []).length > 0)
      throw deleteConflict("Cannot delete entity, must delete SSH public keys first.");
    if ((user.signingCertificates ?? []).length > 0)
      throw deleteConflict("Cannot delete entity, must delete signing certificates first.");
    if (tx.list("mfaDevice").some(({ userId }) => userId === user.id))
      throw deleteConflict("Cannot delete entity, must deactivate MFA devices first.");
    tx.delete("user", user.arn);
    tx.delete("identityUse", user.id);
  });
  return {};
}

function getUserPolicy(
  { store }: ApiDeps,
  input: iam.GetUserPolicyRequest,
  context: RequestContext,
): iam.GetUserPolicyResponse {
  return {
    UserName: input.UserName,
    ...getInlinePolicy(findUser(store, context.account, input.UserName), input.PolicyName),
  };
}

function tagUser({ store }: ApiDeps, input: iam.TagUserRequest, context: RequestContext): object {
  return changeUser(store, context.account, input.UserName, (user) => ({
    ...user,
    tags: { ...user.tags, ...toTags(input.Tags) },
  }));
}

function untagUser({ store }: ApiDeps, input: iam.UntagUserRequest, context: RequestContext): object {
  return changeUser(store, context.account, input.UserName, (user) => ({
    ...user,
    tags: withoutTags(user.tags, input.TagKeys ?? []),
  }));
}

export function presentUser(user: UserRecord): iam.User {
  return {
    UserName: user.name,
    UserId: user.id,
    Arn: user.arn,
    Path: user.path,
    CreateDate: new Date(user.createdAt),
    PermissionsBoundary: presentBoundary(user.permissionsBoundary),
    Tags: presentTags(user.tags),
  };
}

function changeUser(
  store: Store,
  account: string,
  name: string | undefined,
  apply: (user: UserRecord) => UserRecord,
): object {
  store.transact((tx) => {
    const user = findUser(tx, account, name);
    tx.put("user", user.arn, apply(user));
  });
  return {};
}
