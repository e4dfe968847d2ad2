import type * as iam from "@aws-sdk/client-iam";
import type { PolicyRecord, Reader } from "@gantry/state";
import { ApiError, type Implementation, type RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { checkManagedDocument } from "./documents.ts";
import {
  alreadyExists,
  checkName,
  deleteConflict,
  encodeDocument,
  findPolicy,
  noSuchEntity,
  pageOf,
} from "./lookups.ts";
import { managedPolicyArns, managedPolicyDocument } from "./managed-policies.ts";

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
  const document = managedPolicyDocument(input.PolicyArn ?? "");
  if (document !== undefined)
    return {
      Policy: {
        PolicyName: input.PolicyArn?.split("/").at(-1),
        PolicyId: "ANPAAWSMANAGED",
        Arn: input.PolicyArn,
        Path: "/",
        DefaultVersionId: "v1",
        IsAttachable: true,
        AttachmentCount: attachments(store, context.account, input.PolicyArn),
      },
    };
  return { Policy: presentPolicy(findPolicy(store, context.account, input.PolicyArn), store) };
}

function getPolicyVersion(
  { store }: ApiDeps,
  input: iam.GetPolicyVersionRequest,
  context: RequestContext,
): iam.GetPolicyVersionResponse {
  const managed = managedPolicyDocument(input.PolicyArn ?? "");
  if (managed !== undefined)
    return {
      PolicyVersion: { Document: encodeDocument(managed), VersionId: "v1", IsDefaultVersion: true },
    };
  const policy = findPolicy(store, context.account, input.PolicyArn);
  const version = policy.versions.find((each) => each.id === input.VersionId);
  if (version === undefined)
    throw noSuchEntity(
      `Policy ${policy.arn} version ${input.VersionId} does not exist or is not attachable.`,
    );
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
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
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
      throw noSuchEntity(
        `Policy ${policy.arn} version ${input.VersionId} does not exist or is not attachable.`,
      );
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
  if (managedPolicyDocument(arn) === undefined) findPolicy(store, context.account, arn);
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
    const isBoundary = [...tx.list("user"), ...tx.list("role")].some(
      ({ permissionsBoundary }) => permissionsBoundary === policy.arn,
    );
    if (isBoundary || attachments(tx, policy.account, policy.arn) > 0)
      throw deleteConflict("Cannot delete a policy attached to entities.");
    if (policy.versions.length > 1)
      throw deleteConflict(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
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
  const own =
    input.Scope === "AWS"
      ? []
      : store
          .list("policy", `arn:aws:iam::${context.account}:policy/`)
          .map((policy) => presentPolicy(policy, store));
  const managed =
    input.Scope === "Local"
      ? []
      : managedPolicyArns().map((Arn) => ({
          Arn,
          PolicyName: Arn.split("/").at(-1),
          Path: "/",
          DefaultVersionId: "v1",
          IsAttachable: true,
        }));
  const fitting = [...own, ...managed].filter(
    (policy) =>
      (policy.Path ?? "/").startsWith(input.PathPrefix ?? "/") &&
      (input.OnlyAttached !== true || attachments(store, context.account, policy.Arn) > 0) &&
      isUsed(store, context.account, { arn: policy.Arn, usage: input.PolicyUsageFilter }),
  );
  const { items, ...more } = pageOf(
    fitting.toSorted((one, other) => ((one.Arn ?? "") < (other.Arn ?? "") ? -1 : 1)),
    (policy) => policy.Arn ?? "",
    input,
  );
  return { Policies: [...items], ...more };
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

/** How many identities of the account have the policy attached. */
/** Whether a policy is used as the filter asks: attached to an identity, or as the boundary of one. */
function isUsed(
  reader: Reader,
  account: string,
  { arn, usage }: { arn: string | undefined; usage: iam.PolicyUsageType | undefined },
): boolean {
  if (usage === undefined) return true;
  if (usage === "PermissionsPolicy") return attachments(reader, account, arn) > 0;
  return [...reader.list("role"), ...reader.list("user")].some(
    (identity) => identity.account === account && identity.permissionsBoundary === arn,
  );
}

function attachments(reader: Reader, account: string, arn: string | undefined): number {
  return [...reader.list("role"), ...reader.list("user"), ...reader.list("group")].filter(
    (identity) =>
      identity.account === account && arn !== undefined && identity.attachedPolicies.includes(arn),
  ).length;
}

function presentPolicy(policy: PolicyRecord, reader: Reader): iam.Policy {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersionId,
    AttachmentCount: attachments(reader, policy.account, policy.arn),
    PermissionsBoundaryUsageCount: 0,
    IsAttachable: true,
    Description: policy.description,
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
    Tags: presentTags(policy.tags),
  };
}
