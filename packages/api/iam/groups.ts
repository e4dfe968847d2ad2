import type * as iam from "@aws-sdk/client-iam";
import type { GroupRecord, Reader, UserRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
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
import { presentUser } from "./users.ts";
import { alreadyExists, checkName, deleteConflict, findGroup, findUser, pageOf } from "./lookups.ts";

/**
 * Groups of users: their policies are their members'. Who is in which stands with the user.
 * Source: API_CreateGroup and following.
 */
export function groupOperations(deps: ApiDeps) {
  return {
    CreateGroup: (input, context) => createGroup(deps, input, context),
    GetGroup: (input, context) => getGroup(deps, input, context),
    ListGroups: (input, context) => listGroups(deps, input, context),
    UpdateGroup: (input, context) => updateGroup(deps, input, context),
    DeleteGroup: (input, context) => deleteGroup(deps, input, context),
    AddUserToGroup: (input, context) => addUserToGroup(deps, input, context),
    RemoveUserFromGroup: (input, context) => removeUserFromGroup(deps, input, context),
    ListGroupsForUser: (input, context) => listGroupsForUser(deps, input, context),
    PutGroupPolicy: (input, context) =>
      putInlinePolicy(deps, findGroup(deps.store, context.account, input.GroupName), input),
    GetGroupPolicy: (input, context) => getGroupPolicy(deps, input, context),
    ListGroupPolicies: (input, context) =>
      listInlinePolicies(findGroup(deps.store, context.account, input.GroupName), input),
    DeleteGroupPolicy: (input, context) =>
      deleteInlinePolicy(deps, findGroup(deps.store, context.account, input.GroupName), input.PolicyName),
    AttachGroupPolicy: (input, context) =>
      attachManagedPolicy(deps, findGroup(deps.store, context.account, input.GroupName), input.PolicyArn),
    DetachGroupPolicy: (input, context) =>
      detachManagedPolicy(deps, findGroup(deps.store, context.account, input.GroupName), input.PolicyArn),
    ListAttachedGroupPolicies: (input, context) =>
      listAttachedPolicies(findGroup(deps.store, context.account, input.GroupName), input),
  } satisfies Implementation<typeof iam>;
}

function createGroup(
  { store, ids, clock }: ApiDeps,
  input: iam.CreateGroupRequest,
  { account }: RequestContext,
): iam.CreateGroupResponse {
  const name = checkName(input.GroupName, "groupName");
  const path = input.Path ?? "/";
  const group = store.transact((tx) => {
    refuseTaken(tx, account, name);
    const record: GroupRecord = {
      type: "group",
      arn: `arn:aws:iam::${account}:group${path}${name}`,
      account,
      id: `AGPA${ids.upper(17)}`,
      name,
      path,
      inlinePolicies: {},
      attachedPolicies: [],
      createdAt: clock.now(),
    };
    tx.put("group", record.arn, record);
    return record;
  });
  return { Group: presentGroup(group) };
}

function getGroup(
  { store }: ApiDeps,
  input: iam.GetGroupRequest,
  context: RequestContext,
): iam.GetGroupResponse {
  const group = findGroup(store, context.account, input.GroupName);
  const { items, ...more } = pageOf(membersOf(store, group), (user) => user.name, input);
  return { Group: presentGroup(group), Users: items.map(presentUser), ...more };
}

function listGroups(
  { store }: ApiDeps,
  input: iam.ListGroupsRequest,
  { account }: RequestContext,
): iam.ListGroupsResponse {
  const fitting = store
    .list("group", `arn:aws:iam::${account}:group/`)
    .filter((group) => group.path.startsWith(input.PathPrefix ?? "/"));
  const { items, ...more } = pageOf(fitting, (group) => group.arn, input);
  return { Groups: items.map(presentGroup), ...more };
}

function updateGroup({ store }: ApiDeps, input: iam.UpdateGroupRequest, { account }: RequestContext): object {
  store.transact((tx) => {
    const group = findGroup(tx, account, input.GroupName);
    const [name, path] = [input.NewGroupName ?? group.name, input.NewPath ?? group.path];
    if (name !== group.name) refuseTaken(tx, account, name);
    const arn = `arn:aws:iam::${account}:group${path}${name}`;
    for (const user of membersOf(tx, group))
      tx.put("user", user.arn, {
        ...user,
        groups: (user.groups ?? []).map((each) => (each === group.arn ? arn : each)),
      });
    tx.delete("group", group.arn);
    tx.put("group", arn, { ...group, arn, name, path });
  });
  return {};
}

function deleteGroup({ store }: ApiDeps, input: iam.DeleteGroupRequest, { account }: RequestContext): object {
  store.transact((tx) => {
    const group = findGroup(tx, account, input.GroupName);
    if (membersOf(tx, group).length > 0)
      throw deleteConflict("Cannot delete entity, must remove users from group first.");
    refuseHeldPolicies(group);
    tx.delete("group", group.arn);
  });
  return {};
}

function addUserToGroup(
  { store }: ApiDeps,
  input: iam.AddUserToGroupRequest,
  { account }: RequestContext,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, account, input.GroupName);
    const user = findUser(tx, account, input.UserName);
    tx.put("user", user.arn, { ...user, groups: [...new Set([...(user.groups ?? []), group.arn])] });
  });
  return {};
}

function removeUserFromGroup(
  { store }: ApiDeps,
  input: iam.RemoveUserFromGroupRequest,
  { account }: RequestContext,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, account, input.GroupName);
    const user = findUser(tx, account, input.UserName);
    tx.put("user", user.arn, { ...user, groups: (user.groups ?? []).filter((arn) => arn !== group.arn) });
  });
  return {};
}

function listGroupsForUser(
  { store }: ApiDeps,
  input: iam.ListGroupsForUserRequest,
  { account }: RequestContext,
): iam.ListGroupsForUserResponse {
  const groups = (findUser(store, account, input.UserName).groups ?? []).flatMap(
    (arn) => store.get("group", arn) ?? [],
  );
  const { items, ...more } = pageOf(groups.toSorted(byArn), (group) => group.arn, input);
  return { Groups: items.map(presentGroup), ...more };
}

function getGroupPolicy(
  { store }: ApiDeps,
  input: iam.GetGroupPolicyRequest,
  context: RequestContext,
): iam.GetGroupPolicyResponse {
  return {
    GroupName: input.GroupName,
    ...getInlinePolicy(findGroup(store, context.account, input.GroupName), input.PolicyName),
  };
}

function byArn(one: { arn: string }, other: { arn: string }): number {
  return one.arn < other.arn ? -1 : 1;
}

function membersOf(reader: Reader, group: GroupRecord): readonly UserRecord[] {
  const members = reader
    .list("user", `arn:aws:iam::${group.account}:user/`)
    .filter((user) => user.groups?.includes(group.arn) === true);
  return members.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function refuseTaken(reader: Reader, account: string, name: string): void {
  if (
    reader
      .list("group", `arn:aws:iam::${account}:group/`)
      .some((each) => each.name.toLowerCase() === name.toLowerCase())
  )
    throw alreadyExists(`Group with name ${name} already exists.`);
}

export function presentGroup(group: GroupRecord): iam.Group {
  return {
    GroupName: group.name,
    GroupId: group.id,
    Arn: group.arn,
    Path: group.path,
    CreateDate: new Date(group.createdAt),
  };
}
