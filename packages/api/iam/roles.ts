import type * as iam from "@aws-sdk/client-iam";
import type { PolicyDocument, PrincipalIds } from "@gantry/iam";
import type { Reader, RoleRecord, Store } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkModifiable, isLinkedPath } from "../common/service-linked-roles.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { checkBoundary, presentBoundary } from "./boundaries.ts";
import { checkTrustDocument } from "./documents.ts";
import { presentRoleLastUsed } from "./last-used.ts";
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
  encodeDocument,
  findRole,
  pageOf,
  tagPage,
} from "./lookups.ts";
import { presentBound, resolvePrincipals } from "./policy-principals.ts";

const SESSION_SECONDS = 3_600;

/** Roles and their policies. Source: API_CreateRole and following. */
export function roleOperations(deps: ApiDeps) {
  return {
    CreateRole: (input, context) => createRole(deps, input, context),
    GetRole: (input, context) => getRole(deps, input, context),
    ListRoles: (input, context) => listRoles(deps, input, context),
    UpdateRole: (input, context) => updateRole(deps, input, context),
    UpdateRoleDescription: (input, context) => {
      updateRole(deps, input, context);
      return getRole(deps, input, context);
    },
    UpdateAssumeRolePolicy: (input, context) => updateAssumeRolePolicy(deps, input, context),
    DeleteRole: (input, context) => deleteRole(deps, input, context),
    PutRolePolicy: (input, context) =>
      putInlinePolicy(deps, findOwnRole(deps.store, context.account, input.RoleName), input),
    GetRolePolicy: (input, context) => getRolePolicy(deps, input, context),
    ListRolePolicies: (input, context) =>
      listInlinePolicies(findRole(deps.store, context.account, input.RoleName), input),
    DeleteRolePolicy: (input, context) =>
      deleteInlinePolicy(deps, findOwnRole(deps.store, context.account, input.RoleName), input.PolicyName),
    AttachRolePolicy: (input, context) =>
      attachManagedPolicy(deps, findOwnRole(deps.store, context.account, input.RoleName), input.PolicyArn),
    DetachRolePolicy: (input, context) =>
      detachManagedPolicy(deps, findOwnRole(deps.store, context.account, input.RoleName), input.PolicyArn),
    ListAttachedRolePolicies: (input, context) =>
      listAttachedPolicies(findRole(deps.store, context.account, input.RoleName), input),
    TagRole: (input, context) => tagRole(deps, input, context),
    UntagRole: (input, context) => untagRole(deps, input, context),
    ListRoleTags: (input, context) => listRoleTags(deps, input, context),
  } satisfies Implementation<typeof iam>;
}

function createRole(
  deps: ApiDeps,
  input: iam.CreateRoleRequest,
  context: RequestContext,
): iam.CreateRoleResponse {
  const { store, ids, clock } = deps;

  const name = checkName(input.RoleName, "roleName");
  const trust = checkTrustDocument(input.AssumeRolePolicyDocument ?? "", deps.log);
  const path = input.Path ?? "/";
  if (isLinkedPath(path))
    throw new ApiError("InvalidInput", `The path ${path} is reserved for service-linked roles.`, {
      status: 400,
    });
  const role = store.transact((tx) => {
    if (tx.list("role", `arn:aws:iam::${context.account}:role/`).some((each) => each.name === name))
      throw alreadyExists(`Role with name ${name} already exists.`);
    if (input.PermissionsBoundary !== undefined)
      checkBoundary(tx, context.account, input.PermissionsBoundary);
    const record: RoleRecord = {
      type: "role",
      arn: `arn:aws:iam::${context.account}:role${path}${name}`,
      account: context.account,
      id: `AROA${ids.upper(17)}`,
      name,
      path,
      description: input.Description,
      trustPolicy: input.AssumeRolePolicyDocument ?? "",
      trustPrincipals: trustedIds(tx, trust),
      maxSessionSeconds: input.MaxSessionDuration ?? SESSION_SECONDS,
      inlinePolicies: {},
      attachedPolicies: [],
      permissionsBoundary: input.PermissionsBoundary,
      createdAt: clock.now(),
      tags: toTags(input.Tags),
    };
    tx.put("role", record.arn, record);
    return record;
  });
  return { Role: presentRole(role, store) };
}

function getRole(
  { store }: ApiDeps,
  input: iam.GetRoleRequest,
  context: RequestContext,
): iam.GetRoleResponse {
  return {
    Role: presentRole(findRole(store, context.account, input.RoleName), store),
  };
}

function listRoles(
  { store }: ApiDeps,
  input: iam.ListRolesRequest,
  context: RequestContext,
): iam.ListRolesResponse {
  const found = store
    .list("role", `arn:aws:iam::${context.account}:role/`)
    .filter((role) => role.path.startsWith(input.PathPrefix ?? "/"));
  const { items, ...more } = pageOf(found, (role) => role.arn, input);
  return { Roles: items.map((role) => presentRole(role, store)), ...more };
}

function updateRole({ store }: ApiDeps, input: iam.UpdateRoleRequest, context: RequestContext): object {
  return changeRole(store, context.account, input.RoleName, (role) => {
    if (input.MaxSessionDuration !== undefined) checkModifiable(role);
    return {
      ...role,
      description: input.Description ?? role.description,
      maxSessionSeconds: input.MaxSessionDuration ?? role.maxSessionSeconds,
    };
  });
}

function updateAssumeRolePolicy(
  deps: ApiDeps,
  input: iam.UpdateAssumeRolePolicyRequest,
  context: RequestContext,
): object {
  const { store } = deps;

  const trust = checkTrustDocument(input.PolicyDocument ?? "", deps.log);
  return changeRole(store, context.account, input.RoleName, (role, tx) => {
    checkModifiable(role);
    return { ...role, trustPolicy: input.PolicyDocument ?? "", trustPrincipals: trustedIds(tx, trust) };
  });
}

function deleteRole({ store }: ApiDeps, input: iam.DeleteRoleRequest, context: RequestContext): object {
  store.transact((tx) => {
    const role = findOwnRole(tx, context.account, input.RoleName);
    refuseHeldPolicies(role);
    if (tx.list("instanceProfile").some((profile) => profile.roleArn === role.arn))
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    tx.delete("role", role.arn);
    tx.delete("identityUse", role.id);
  });
  return {};
}

function getRolePolicy(
  { store }: ApiDeps,
  input: iam.GetRolePolicyRequest,
  context: RequestContext,
): iam.GetRolePolicyResponse {
  return {
    RoleName: input.RoleName,
    ...getInlinePolicy(findRole(store, context.account, input.RoleName), input.PolicyName),
  };
}

function tagRole({ store }: ApiDeps, input: iam.TagRoleRequest, context: RequestContext): object {
  return changeRole(store, context.account, input.RoleName, (role) => ({
    ...role,
    tags: { ...role.tags, ...toTags(input.Tags) },
  }));
}

function untagRole({ store }: ApiDeps, input: iam.UntagRoleRequest, context: RequestContext): object {
  return changeRole(store, context.account, input.RoleName, (role) => ({
    ...role,
    tags: withoutTags(role.tags, input.TagKeys ?? []),
  }));
}

function listRoleTags(
  { store }: ApiDeps,
  input: iam.ListRoleTagsRequest,
  context: RequestContext,
): iam.ListRoleTagsResponse {
  return tagPage(findRole(store, context.account, input.RoleName).tags, input);
}

/** Errors: MalformedPolicyDocument where the trust policy names somebody who does not exist. */
function trustedIds(reader: Reader, trust: PolicyDocument): PrincipalIds {
  const { ids, missing } = resolvePrincipals(reader, trust);
  if (missing === undefined) return ids;
  throw new ApiError("MalformedPolicyDocument", `Invalid principal in policy: "AWS":"${missing}"`, {
    status: 400,
  });
}

export function presentRole(role: RoleRecord, reader: Reader): iam.Role {
  return {
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    Path: role.path,
    CreateDate: new Date(role.createdAt),
    AssumeRolePolicyDocument: encodeDocument(presentBound(reader, role.trustPolicy, role.trustPrincipals)),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    PermissionsBoundary: presentBoundary(role.permissionsBoundary),
    Tags: presentTags(role.tags),
    RoleLastUsed: presentRoleLastUsed(reader, role),
  };
}

/** A role that its account may change. Errors: NoSuchEntity, UnmodifiableEntity for a service-linked role. */
function findOwnRole(reader: Reader, account: string, name: string | undefined): RoleRecord {
  const role = findRole(reader, account, name);
  checkModifiable(role);
  return role;
}

function changeRole(
  store: Store,
  account: string,
  name: string | undefined,
  apply: (role: RoleRecord, reader: Reader) => RoleRecord,
): object {
  store.transact((tx) => {
    const role = findRole(tx, account, name);
    tx.put("role", role.arn, apply(role, tx));
  });
  return {};
}
