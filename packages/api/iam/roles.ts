import type * as iam from "@aws-sdk/client-iam";
import type { PolicyDocument, PrincipalIds } from "@gantry/iam";
import type { Reader, RoleRecord } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkModifiable, isLinkedPath } from "../common/service-linked-roles.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { checkBoundary, presentBoundary } from "./boundaries.ts";
import { checkTrustDocument } from "./documents.ts";
import { heldPolicies } from "./held-policies.ts";
import { alreadyExists, checkName, deleteConflict, encodeDocument, findRole, pageOf } from "./lookups.ts";

import { presentBound, resolvePrincipals } from "./policy-principals.ts";

const SESSION_SECONDS = 3_600;

/** Roles and their policies. Source: API_CreateRole and following. */
export function roleOperations(deps: ApiDeps) {
  const { store, ids, clock } = deps;
  const held = heldPolicies(deps);
  const find = (context: { account: string }, input: { RoleName?: string | undefined }) =>
    findRole(store, context.account, input.RoleName);
  const findOwn = (context: { account: string }, input: { RoleName?: string | undefined }): RoleRecord => {
    const role = find(context, input);
    checkModifiable(role);
    return role;
  };
  const change = (
    account: string,
    name: string | undefined,
    apply: (role: RoleRecord, tx: Reader) => RoleRecord,
  ) =>
    store.transact((tx) => {
      const role = findRole(tx, account, name);
      tx.put("role", role.arn, apply(role, tx));
      return {};
    });
  return {
    CreateRole(input, context) {
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
    },
    GetRole: (input, context) => ({
      Role: presentRole(findRole(store, context.account, input.RoleName), store),
    }),
    ListRoles(input, context) {
      const found = store
        .list("role", `arn:aws:iam::${context.account}:role/`)
        .filter((role) => role.path.startsWith(input.PathPrefix ?? "/"));
      const { items, ...more } = pageOf(found, (role) => role.arn, input);
      return { Roles: items.map((role) => presentRole(role, store)), ...more };
    },
    UpdateRole: (input, context) =>
      change(context.account, input.RoleName, (role) => {
        if (input.MaxSessionDuration !== undefined) checkModifiable(role);
        return {
          ...role,
          description: input.Description ?? role.description,
          maxSessionSeconds: input.MaxSessionDuration ?? role.maxSessionSeconds,
        };
      }),
    UpdateAssumeRolePolicy(input, context) {
      const trust = checkTrustDocument(input.PolicyDocument ?? "", deps.log);
      return change(context.account, input.RoleName, (role, tx) => {
        checkModifiable(role);
        return {
          ...role,
          trustPolicy: input.PolicyDocument ?? "",
          trustPrincipals: trustedIds(tx, trust),
        };
      });
    },
    DeleteRole(input, context) {
      store.transact((tx) => {
        const role = findRole(tx, context.account, input.RoleName);
        checkModifiable(role);
        if (role.attachedPolicies.length > 0)
          throw deleteConflict("Cannot delete entity, must detach all policies first.");
        if (Object.keys(role.inlinePolicies).length > 0)
          throw deleteConflict("Cannot delete entity, must delete policies first.");
        if (tx.list("instanceProfile").some((profile) => profile.roleArn === role.arn))
          throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
        tx.delete("role", role.arn);
      });
      return {};
    },
    PutRolePolicy: (input, context) => held.put(findOwn(context, input), input),
    GetRolePolicy: (input, context) => ({
      RoleName: input.RoleName,
      ...held.get(find(context, input), input.PolicyName),
    }),
    ListRolePolicies: (input, context) => held.list(find(context, input), input),
    DeleteRolePolicy: (input, context) => held.delete(findOwn(context, input), input.PolicyName),
    AttachRolePolicy: (input, context) => held.attach(findOwn(context, input), input.PolicyArn),
    DetachRolePolicy: (input, context) => held.detach(findOwn(context, input), input.PolicyArn),
    ListAttachedRolePolicies: (input, context) => held.listAttached(find(context, input), input),
    TagRole: (input, context) =>
      change(context.account, input.RoleName, (role) => ({
        ...role,
        tags: { ...role.tags, ...toTags(input.Tags) },
      })),
    UntagRole: (input, context) =>
      change(context.account, input.RoleName, (role) => ({
        ...role,
        tags: withoutTags(role.tags, input.TagKeys ?? []),
      })),
    ListRoleTags: (input, context) => ({
      Tags: presentTags(findRole(store, context.account, input.RoleName).tags),
      IsTruncated: false,
    }),
  } satisfies Implementation<typeof iam>;
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
    RoleLastUsed: {},
  };
}
