import type * as iam from "@aws-sdk/client-iam";
import type { PolicyRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { checkManagedDocument } from "./documents.ts";
import {
  alreadyExists,
  checkName,
  deleteConflict,
  encodeDocument,
  findPolicy,
  noSuchEntity,
  pageOf,
  tagPage,
} from "./lookups.ts";
import { presentManaged, presentManagedVersion } from "./managed/present.ts";
import { managedPolicies, managedPolicy, managedPolicyDocument } from "./managed-policies.ts";
import { isUsed, policyUses, type PolicyUses } from "./policy-uses.ts";

const VERSIONS_MAX = 5;

/** Managed policies. Source: API_CreatePolicy and following. */
export function policyOperations(deps: ApiDeps) {
  return {
    CreatePolicy: (input, context) => createPolicy(deps, input, context),
    GetPolicy: (input, context) => getPolicy(deps, input, context),
    GetPolicyVersion: (input, context) => getPolicyVersion(deps, input, context),
    ListPolicyVersions: (input, context) => listPolicyVersions(deps, input, context),
    CreatePolicyVersion: (input, context) => createPolicyVersion(deps, input, context),
    DeletePolicyVersion: (input, context) => deletePolicyVersion(deps, input, context),
    SetDefaultPolicyVersion: (input, context) => setDefaultPolicyVersion(deps, input, context),
    ListEntitiesForPolicy: (input, context) => listEntitiesForPolicy(deps, input, context),
    DeletePolicy: (input, context) => deletePolicy(deps, input, context),
    ListPolicies: (input, context) => listPolicies(deps, input, context),
    TagPolicy: (input, context) => tagPolicy(deps, input, context),
    UntagPolicy: (input, context) => untagPolicy(deps, input, context),
    ListPolicyTags: (input, context) =>
      tagPage(findPolicy(deps.store, context.account, input.PolicyArn).tags, input),
  } satisfies Implementation<typeof iam>;
}

function createPolicy(
  deps: ApiDeps,
  input: iam.CreatePolicyRequest,
  context: RequestContext,
): iam.CreatePolicyResponse {
  const { store, ids, clock } = deps;
  const name = checkName(input.PolicyName, "policyName");
  checkManagedDocument(input.PolicyDocument ?? "", deps.log);
  const path = input.Path ?? "/";
  const policy = store.transact((tx) => {
    const arn = `arn:aws:iam::${context.account}:policy${path}${name}`;
    if (tx.get("policy", arn) !== undefined)
      throw alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
    const now = clock.now();
    const record: PolicyRecord = {
      arn,
      account: context.account,
      id: `ANPA${ids.upper(17)}`,
      name,
      path,
      description: input.Description,
      versions: [{ id: "v1", document: input.PolicyDocument ?? "", createdAt: now }],
      defaultVersionId: "v1",
      createdAt: now,
      updatedAt: now,
      tags: toTags(input.Tags),
    };
    tx.put("policy", arn, record);
    return record;
  });
  return { Policy: presentPolicy(policy, store) };
}

function getPolicy(
  { store }: ApiDeps,
  input: iam.GetPolicyRequest,
  context: RequestContext,
): iam.GetPolicyResponse {
  const managed = managedPolicy(input.PolicyArn);
  if (managed !== undefined) return { Policy: presentManaged(managed, store, context.account) };
  return { Policy: presentPolicy(findPolicy(store, context.account, input.PolicyArn), store) };
}

function getPolicyVersion(
  { store }: ApiDeps,
  input: iam.GetPolicyVersionRequest,
  context: RequestContext,
): iam.GetPolicyVersionResponse {
  const managed = managedPolicy(input.PolicyArn);
  if (managed !== undefined) {
    if (input.VersionId !== managed.versionId) throw noSuchVersion(managed.arn, input.VersionId);
    const Document = encodeDocument(managedPolicyDocument(managed.arn) ?? "");
    return { PolicyVersion: { Document, ...presentManagedVersion(managed) } };
  }
  const policy = findPolicy(store, context.account, input.PolicyArn);
  const version = policy.versions.find((each) => each.id === input.VersionId);
  if (version === undefined) throw noSuchVersion(policy.arn, input.VersionId);
  return {
    PolicyVersion: {
      Document: encodeDocument(version.document),
      VersionId: version.id,
      IsDefaultVersion: version.id === policy.defaultVersionId,
      CreateDate: new Date(version.createdAt),
    },
  };
}

function listPolicyVersions(
  { store }: ApiDeps,
  input: iam.ListPolicyVersionsRequest,
  context: RequestContext,
): iam.ListPolicyVersionsResponse {
  const managed = managedPolicy(input.PolicyArn);
  if (managed !== undefined) return { Versions: [presentManagedVersion(managed)], IsTruncated: false };
  const policy = findPolicy(store, context.account, input.PolicyArn);
  const { items, ...more } = pageOf(policy.versions, (version) => version.id, input);
  return {
    Versions: items.map((version) => ({
      VersionId: version.id,
      IsDefaultVersion: version.id === policy.defaultVersionId,
      CreateDate: new Date(version.createdAt),
    })),
    ...more,
  };
}

function createPolicyVersion(
  deps: ApiDeps,
  input: iam.CreatePolicyVersionRequest,
  context: RequestContext,
): iam.CreatePolicyVersionResponse {
  const { store, clock } = deps;
  checkManagedDocument(input.PolicyDocument ?? "", deps.log);
  const version = store.transact((tx) => {
    const policy = findPolicy(tx, context.account, input.PolicyArn);
    if (policy.versions.length >= VERSIONS_MAX)
      throw new ApiError(
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete " +
          "an existing version.",
        { status: 409 },
      );
    const next = {
      id: `v${tx.next(`policy-version/${policy.arn}`) + 1}`,
      document: input.PolicyDocument ?? "",
      createdAt: clock.now(),
    };
    tx.put("policy", policy.arn, {
      ...policy,
      versions: [...policy.versions, next],
      defaultVersionId: input.SetAsDefault ? next.id : policy.defaultVersionId,
      updatedAt: clock.now(),
    });
    return next;
  });
  return {
    PolicyVersion: {
      VersionId: version.id,
      IsDefaultVersion: input.SetAsDefault ?? false,
      CreateDate: new Date(version.createdAt),
    },
  };
}

function deletePolicyVersion(
  { store }: ApiDeps,
  input: iam.DeletePolicyVersionRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const policy = findPolicy(tx, context.account, input.PolicyArn);
    if (input.VersionId === policy.defaultVersionId)
      throw deleteConflict("Cannot delete the default version of a policy.");
    tx.put("policy", policy.arn, {
      ...policy,
      versions: policy.versions.filter((version) => version.id !== input.VersionId),
    });
  });
  return {};
}

function setDefaultPolicyVersion(
  { store, clock }: ApiDeps,
  input: iam.SetDefaultPolicyVersionRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const policy = findPolicy(tx, context.account, input.PolicyArn);
    if (!policy.versions.some((version) => version.id === input.VersionId))
      throw noSuchVersion(policy.arn, input.VersionId);
    tx.put("policy", policy.arn, {
      ...policy,
      defaultVersionId: input.VersionId ?? "",
      updatedAt: clock.now(),
    });
  });
  return {};
}

function listEntitiesForPolicy(
  { store }: ApiDeps,
  input: iam.ListEntitiesForPolicyRequest,
  context: RequestContext,
): iam.ListEntitiesForPolicyResponse {
  const arn = input.PolicyArn ?? "";
  if (managedPolicy(arn) === undefined) findPolicy(store, context.account, arn);
  const uses = (identity: {
    attachedPolicies: readonly string[];
    permissionsBoundary?: string | undefined;
  }) =>
    input.PolicyUsageFilter === "PermissionsBoundary"
      ? identity.permissionsBoundary === arn
      : identity.attachedPolicies.includes(arn);
  const asked = (filter: iam.EntityType) => input.EntityFilter === undefined || input.EntityFilter === filter;
  const holding = (kind: "user" | "role" | "group") =>
    store
      .list(kind)
      .filter(
        (each) =>
          each.account === context.account && uses(each) && each.path.startsWith(input.PathPrefix ?? "/"),
      );
  const all = [
    ...(asked("User") ? holding("user") : []),
    ...(asked("Role") ? holding("role") : []),
    ...(asked("Group") ? holding("group") : []),
  ].toSorted((one, other) => (one.arn < other.arn ? -1 : 1));
  const { items, ...more } = pageOf(all, (each) => each.arn, input);
  return {
    PolicyUsers: items
      .filter((each) => each.type === "user")
      .map((each) => ({ UserName: each.name, UserId: each.id })),
    PolicyRoles: items
      .filter((each) => each.type === "role")
      .map((each) => ({ RoleName: each.name, RoleId: each.id })),
    PolicyGroups: items
      .filter((each) => each.type === "group")
      .map((each) => ({ GroupName: each.name, GroupId: each.id })),
    ...more,
  };
}

function deletePolicy({ store }: ApiDeps, input: iam.DeletePolicyRequest, context: RequestContext): object {
  store.transact((tx) => {
    const policy = findPolicy(tx, context.account, input.PolicyArn);
    const uses = policyUses(tx, policy.account);
    if (uses.attached.has(policy.arn) || uses.boundary.has(policy.arn))
      throw deleteConflict("Cannot delete a policy attached to entities.");
    if (policy.versions.length > 1)
      throw deleteConflict(
        "This policy has more than one version. Before you delete a policy, you must delete the " +
          "policy's versions. The default version is deleted with the policy.",
      );
    tx.delete("policy", policy.arn);
  });
  return {};
}

function listPolicies(
  { store }: ApiDeps,
  input: iam.ListPoliciesRequest,
  context: RequestContext,
): iam.ListPoliciesResponse {
  const uses = policyUses(store, context.account);
  const own =
    input.Scope === "AWS"
      ? []
      : store.list("policy", `arn:aws:iam::${context.account}:policy/`).map((policy) => ({
          arn: policy.arn,
          path: policy.path,
          present: () => presentPolicy(policy, store, uses),
        }));
  const managed =
    input.Scope === "Local"
      ? []
      : managedPolicies().map((policy) => ({
          arn: policy.arn,
          path: policy.path,
          present: () => presentManaged(policy, store, context.account, uses),
        }));
  const fitting = [...own, ...managed].filter(
    ({ arn, path }) =>
      path.startsWith(input.PathPrefix ?? "/") &&
      (input.OnlyAttached !== true || (uses.attached.get(arn) ?? 0) > 0) &&
      isUsed(uses, arn, input.PolicyUsageFilter),
  );
  const { items, ...more } = pageOf(
    fitting.toSorted((one, other) => (one.arn < other.arn ? -1 : 1)),
    ({ arn }) => arn,
    input,
  );
  return { Policies: items.map(({ present }) => present()), ...more };
}

function tagPolicy({ store }: ApiDeps, input: iam.TagPolicyRequest, context: RequestContext): object {
  store.transact((tx) => {
    const policy = findPolicy(tx, context.account, input.PolicyArn);
    tx.put("policy", policy.arn, { ...policy, tags: { ...policy.tags, ...toTags(input.Tags) } });
  });
  return {};
}

function untagPolicy({ store }: ApiDeps, input: iam.UntagPolicyRequest, context: RequestContext): object {
  store.transact((tx) => {
    const policy = findPolicy(tx, context.account, input.PolicyArn);
    tx.put("policy", policy.arn, { ...policy, tags: withoutTags(policy.tags, input.TagKeys ?? []) });
  });
  return {};
}

function noSuchVersion(arn: string, version: string | undefined): ApiError {
  return noSuchEntity(`Policy ${arn} version ${version} does not exist or is not attachable.`);
}

export function presentPolicy(
  policy: PolicyRecord,
  reader: Reader,
  uses: PolicyUses = policyUses(reader, policy.account),
): iam.Policy {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersionId,
    AttachmentCount: uses.attached.get(policy.arn) ?? 0,
    PermissionsBoundaryUsageCount: uses.boundary.get(policy.arn) ?? 0,
    IsAttachable: true,
    Description: policy.description,
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
    Tags: presentTags(policy.tags),
  };
}
