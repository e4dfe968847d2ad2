import type * as iam from "@aws-sdk/client-iam";
import type { InstanceProfileRecord, Reader, Store } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { presentRole } from "./roles.ts";
import { checkModifiable } from "../common/service-linked-roles.ts";
import {
  alreadyExists,
  checkName,
  deleteConflict,
  findRole,
  noSuchEntity,
  pageOf,
  tagPage,
} from "./lookups.ts";

/**
 * Instance profiles: names under which an EC2 instance would be given a role.
 * Source: API_CreateInstanceProfile and following.
 */
export function instanceProfileOperations(deps: ApiDeps) {
  return {
    CreateInstanceProfile: (input, context) => createInstanceProfile(deps, input, context),
    GetInstanceProfile: (input, context) => getInstanceProfile(deps, input, context),
    ListInstanceProfiles: (input, context) => listInstanceProfiles(deps, input, context),
    ListInstanceProfilesForRole: (input, context) => listInstanceProfilesForRole(deps, input, context),
    DeleteInstanceProfile: (input, context) => deleteInstanceProfile(deps, input, context),
    AddRoleToInstanceProfile: (input, context) => addRoleToInstanceProfile(deps, input, context),
    RemoveRoleFromInstanceProfile: (input, context) => removeRoleFromInstanceProfile(deps, input, context),
    TagInstanceProfile: (input, context) => tagInstanceProfile(deps, input, context),
    UntagInstanceProfile: (input, context) => untagInstanceProfile(deps, input, context),
    ListInstanceProfileTags: (input, context) => listInstanceProfileTags(deps, input, context),
  } satisfies Implementation<typeof iam>;
}

function createInstanceProfile(
  { store, ids, clock }: ApiDeps,
  input: iam.CreateInstanceProfileRequest,
  { account }: RequestContext,
): iam.CreateInstanceProfileResponse {
  const name = checkName(input.InstanceProfileName, "instanceProfileName");
  const path = input.Path ?? "/";
  const profile = store.transact((tx) => {
    if (profilesOf(tx, account).some((each) => each.name === name))
      throw alreadyExists(`Instance Profile ${name} already exists.`);
    const record: InstanceProfileRecord = {
      arn: `arn:aws:iam::${account}:instance-profile${path}${name}`,
      account,
      id: `AIPA${ids.upper(17)}`,
      name,
      path,
      roleArn: undefined,
      createdAt: clock.now(),
      tags: toTags(input.Tags),
    };
    tx.put("instanceProfile", record.arn, record);
    return record;
  });
  return { InstanceProfile: presentProfile(profile, store) };
}

function getInstanceProfile(
  { store }: ApiDeps,
  input: iam.GetInstanceProfileRequest,
  { account }: RequestContext,
): iam.GetInstanceProfileResponse {
  return {
    InstanceProfile: presentProfile(findProfile(store, account, input.InstanceProfileName), store),
  };
}

function listInstanceProfiles(
  { store }: ApiDeps,
  input: iam.ListInstanceProfilesRequest,
  { account }: RequestContext,
): iam.ListInstanceProfilesResponse {
  const fitting = profilesOf(store, account).filter((profile) =>
    profile.path.startsWith(input.PathPrefix ?? "/"),
  );
  const { items, ...more } = pageOf(fitting, (profile) => profile.arn, input);
  return { InstanceProfiles: items.map((profile) => presentProfile(profile, store)), ...more };
}

function listInstanceProfilesForRole(
  { store }: ApiDeps,
  input: iam.ListInstanceProfilesForRoleRequest,
  { account }: RequestContext,
): iam.ListInstanceProfilesForRoleResponse {
  const role = findRole(store, account, input.RoleName);
  const { items, ...more } = pageOf(
    profilesOf(store, account).filter((profile) => profile.roleArn === role.arn),
    (profile) => profile.arn,
    input,
  );
  return { InstanceProfiles: items.map((profile) => presentProfile(profile, store)), ...more };
}

function deleteInstanceProfile(
  { store }: ApiDeps,
  input: iam.DeleteInstanceProfileRequest,
  { account }: RequestContext,
): object {
  store.transact((tx) => {
    const profile = findProfile(tx, account, input.InstanceProfileName);
    if (profile.roleArn !== undefined)
      throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
    tx.delete("instanceProfile", profile.arn);
  });
  return {};
}

function addRoleToInstanceProfile(
  { store }: ApiDeps,
  input: iam.AddRoleToInstanceProfileRequest,
  context: RequestContext,
): object {
  changeProfile(store, context.account, input.InstanceProfileName, (profile, tx) => {
    const role = findRole(tx, context.account, input.RoleName);
    checkModifiable(role);
    if (profile.roleArn !== undefined)
      throw new ApiError("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", {
        status: 409,
      });
    return { ...profile, roleArn: role.arn };
  });
  return {};
}

function removeRoleFromInstanceProfile(
  { store }: ApiDeps,
  input: iam.RemoveRoleFromInstanceProfileRequest,
  { account }: RequestContext,
): object {
  changeProfile(store, account, input.InstanceProfileName, (profile, tx) => {
    if (profile.roleArn !== findRole(tx, account, input.RoleName).arn)
      throw noSuchEntity(`Role ${input.RoleName} is not in instance profile ${profile.name}.`);
    return { ...profile, roleArn: undefined };
  });
  return {};
}

function tagInstanceProfile(
  { store }: ApiDeps,
  input: iam.TagInstanceProfileRequest,
  { account }: RequestContext,
): object {
  changeProfile(store, account, input.InstanceProfileName, (profile) => ({
    ...profile,
    tags: { ...profile.tags, ...toTags(input.Tags) },
  }));
  return {};
}

function untagInstanceProfile(
  { store }: ApiDeps,
  input: iam.UntagInstanceProfileRequest,
  { account }: RequestContext,
): object {
  changeProfile(store, account, input.InstanceProfileName, (profile) => ({
    ...profile,
    tags: withoutTags(profile.tags, input.TagKeys ?? []),
  }));
  return {};
}

function listInstanceProfileTags(
  { store }: ApiDeps,
  input: iam.ListInstanceProfileTagsRequest,
  { account }: RequestContext,
): iam.ListInstanceProfileTagsResponse {
  return tagPage(findProfile(store, account, input.InstanceProfileName).tags, input);
}

function profilesOf(reader: Reader, account: string): readonly InstanceProfileRecord[] {
  return reader.list("instanceProfile", `arn:aws:iam::${account}:instance-profile/`);
}

function findProfile(reader: Reader, account: string, name: string | undefined): InstanceProfileRecord {
  const profile = profilesOf(reader, account).find((each) => each.name === name);
  if (profile === undefined) throw noSuchEntity(`Instance Profile ${name} cannot be found.`);
  return profile;
}

export function presentProfile(profile: InstanceProfileRecord, reader: Reader): iam.InstanceProfile {
  const role = reader.get("role", profile.roleArn);
  return {
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: profile.arn,
    Path: profile.path,
    CreateDate: new Date(profile.createdAt),
    Roles: role === undefined ? [] : [presentRole(role, reader)],
    Tags: presentTags(profile.tags),
  };
}

function changeProfile(
  store: Store,
  account: string,
  name: string | undefined,
  apply: (profile: InstanceProfileRecord, reader: Reader) => InstanceProfileRecord,
): void {
  store.transact((tx) => {
    const profile = findProfile(tx, account, name);
    tx.put("instanceProfile", profile.arn, apply(profile, tx));
  });
}
