import type * as iam from "@aws-sdk/client-iam";
import type { GroupRecord, Reader, UserRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { heldPolicies } from "./held-policies.ts";
import { alreadyExists, checkName, deleteConflict, findGroup, findUser, pageOf } from "./lookups.ts";
import { presentUser } from "./users.ts";

/** Groups of users: their policies are their members'. Who is in which stands with the user. Source: API_CreateGroup and following. */
export function groupOperations(deps: ApiDeps) {
  const { store, ids, clock } = deps;
  const held = heldPolicies(deps);
  const find = (context: { account: string }, input: { GroupName?: string | undefined }) =>
    findGroup(store, context.account, input.GroupName);
  return {
    CreateGroup(input, { account }) {
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
    },
    GetGroup(input, context) {
      const group = find(context, input);
      const { items, ...more } = pageOf(membersOf(store, group), (user) => user.name, input);
      return { Group: presentGroup(group), Users: items.map(presentUser), ...more };
    },
    ListGroups(input, { account }) {
      const fitting = store
        .list("group", `arn:aws:iam::${account}:group/`)
        .filter((group) => group.path.startsWith(input.PathPrefix ?? "/"));
      const { items, ...more } = pageOf(fitting, (group) => group.arn, input);
      return { Groups: items.map(presentGroup), ...more };
    },
    UpdateGroup(input, { account }) {
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
    },
    DeleteGroup(input, { account }) {
      store.transact((tx) => {
        const group = findGroup(tx, account, input.GroupName);
        if (membersOf(tx, group).length > 0)
          throw deleteConflict("Cannot delete entity, must remove users from group first.");
        if (group.attachedPolicies.length > 0)
          throw deleteConflict("Cannot delete entity, must detach all policies first.");
        if (Object.keys(group.inlinePolicies).length > 0)
          throw deleteConflict("Cannot delete entity, must delete policies first.");
        tx.delete("group", group.arn);
      });
      return {};
    },
    AddUserToGroup(input, { account }) {
      store.transact((tx) => {
        const group = findGroup(tx, account, input.GroupName);
        const user = findUser(tx, account, input.UserName);
        tx.put("user", user.arn, { ...user, groups: [...new Set([...(user.groups ?? []), group.arn])] });
      });
      return {};
    },
    RemoveUserFromGroup(input, { account }) {
      store.transact((tx) => {
        const group = findGroup(tx, account, input.GroupName);
        const user = findUser(tx, account, input.UserName);
        tx.put("user", user.arn, { ...user, groups: (user.groups ?? []).filter((arn) => arn !== group.arn) });
      });
      return {};
    },
    ListGroupsForUser(input, { account }) {
      const groups = (findUser(store, account, input.UserName).groups ?? []).flatMap(
        (arn) => store.get("group", arn) ?? [],
      );
      const { items, ...more } = pageOf(groups.toSorted(byArn), (group) => group.arn, input);
      return { Groups: items.map(presentGroup), ...more };
    },
    PutGroupPolicy: (input, context) => held.put(find(context, input), input),
    GetGroupPolicy: (input, context) => ({
      GroupName: input.GroupName,
      ...held.get(find(context, input), input.PolicyName),
    }),
    ListGroupPolicies: (input, context) => held.list(find(context, input), input),
    DeleteGroupPolicy: (input, context) => held.delete(find(context, input), input.PolicyName),
    AttachGroupPolicy: (input, context) => held.attach(find(context, input), input.PolicyArn),
    DetachGroupPolicy: (input, context) => held.detach(find(context, input), input.PolicyArn),
    ListAttachedGroupPolicies: (input, context) => held.listAttached(find(context, input), input),
  } satisfies Implementation<typeof iam>;
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

function presentGroup(group: GroupRecord): iam.Group {
  return {
    GroupName: group.name,
    GroupId: group.id,
    Arn: group.arn,
    Path: group.path,
    CreateDate: new Date(group.createdAt),
  };
}
