import type * as iam from "@aws-sdk/client-iam";
import type { InstanceProfileRecord, Reader } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { checkModifiable } from "../common/service-linked-roles.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { alreadyExists, checkName, deleteConflict, findRole, noSuchEntity, pageOf } from "./lookups.ts";
import { presentRole } from "./roles.ts";

/** Instance profiles: names under which an EC2 instance would be given a role. Source: API_CreateInstanceProfile and following. */
export function instanceProfileOperations({ store, ids, clock }: ApiDeps) {
  const change = (
    account: string,
    name: string | undefined,
    apply: (profile: InstanceProfileRecord, tx: Reader) => InstanceProfileRecord,
  ) =>
    store.transact((tx) => {
      const profile = findProfile(tx, account, name);
      const next = apply(profile, tx);
      tx.put("instanceProfile", profile.arn, next);
      return next;
    });
  return {
    CreateInstanceProfile(input, { account }) {
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
    },
    GetInstanceProfile: (input, { account }) => ({
      InstanceProfile: presentProfile(findProfile(store, account, input.InstanceProfileName), store),
    }),
    ListInstanceProfiles(input, { account }) {
      const fitting = profilesOf(store, account).filter((profile) =>
        profile.path.startsWith(input.PathPrefix ?? "/"),
      );
      const { items, ...more } = pageOf(fitting, (profile) => profile.arn, input);
      return { InstanceProfiles: items.map((profile) => presentProfile(profile, store)), ...more };
    },
    ListInstanceProfilesForRole(input, { account }) {
      const role = findRole(store, account, input.RoleName);
      const { items, ...more } = pageOf(
        profilesOf(store, account).filter((profile) => profile.roleArn === role.arn),
        (profile) => profile.arn,
        input,
      );
      return { InstanceProfiles: items.map((profile) => presentProfile(profile, store)), ...more };
    },
    DeleteInstanceProfile(input, { account }) {
      store.transact((tx) => {
        const profile = findProfile(tx, account, input.InstanceProfileName);
        if (profile.roleArn !== undefined)
          throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
        tx.delete("instanceProfile", profile.arn);
      });
      return {};
    },
    AddRoleToInstanceProfile(input, context) {
      change(context.account, input.InstanceProfileName, (profile, tx) => {
        const role = findRole(tx, context.account, input.RoleName);
        checkModifiable(role);
        if (profile.roleArn !== undefined)
          throw new ApiError(
            "LimitExceeded",
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
            { status: 409 },
          );
        return { ...profile, roleArn: role.arn };
      });
      return {};
    },
    RemoveRoleFromInstanceProfile(input, { account }) {
      change(account, input.InstanceProfileName, (profile, tx) => {
        if (profile.roleArn !== findRole(tx, account, input.RoleName).arn)
          throw noSuchEntity(`Role ${input.RoleName} is not in instance profile ${profile.name}.`);
        return { ...profile, roleArn: undefined };
      });
      return {};
    },
    TagInstanceProfile(input, { account }) {
      change(account, input.InstanceProfileName, (profile) => ({
        ...profile,
        tags: { ...profile.tags, ...toTags(input.Tags) },
      }));
      return {};
    },
    UntagInstanceProfile(input, { account }) {
      change(account, input.InstanceProfileName, (profile) => ({
        ...profile,
        tags: withoutTags(profile.tags, input.TagKeys ?? []),
      }));
      return {};
    },
    ListInstanceProfileTags: (input, { account }) => ({
      Tags: presentTags(findProfile(store, account, input.InstanceProfileName).tags),
      IsTruncated: false,
    }),
  } satisfies Implementation<typeof iam>;
}

function profilesOf(reader: Reader, account: string): readonly InstanceProfileRecord[] {
  return reader.list("instanceProfile", `arn:aws:iam::${account}:instance-profile/`);
}

function findProfile(reader: Reader, account: string, name: string | undefined): InstanceProfileRecord {
  const profile = profilesOf(reader, account).find((each) => each.name === name);
  if (profile === undefined) throw noSuchEntity(`Instance Profile ${name} cannot be found.`);
  return profile;
}

function presentProfile(profile: InstanceProfileRecord, reader: Reader): iam.InstanceProfile {
  const role = profile.roleArn === undefined ? undefined : reader.get("role", profile.roleArn);
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
