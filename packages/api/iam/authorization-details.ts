import type * as iam from "@aws-sdk/client-iam";
import type { GroupRecord, PolicyRecord, Reader, RoleRecord, UserRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags } from "../common/tags.ts";
import { presentBoundary } from "./boundaries.ts";
import { presentGroup } from "./groups.ts";
import { presentProfile } from "./instance-profiles.ts";
import { encodeDocument, pageOf } from "./lookups.ts";
import { managedPolicies, managedPolicyDocument } from "./managed-policies.ts";
import { presentManaged, presentManagedVersion } from "./managed/present.ts";
import { presentPolicy } from "./policies.ts";
import { policyUses } from "./policy-uses.ts";
import { presentRole } from "./roles.ts";
import { presentUser } from "./users.ts";

type Part = Pick<
  iam.GetAccountAuthorizationDetailsResponse,
  "UserDetailList" | "GroupDetailList" | "RoleDetailList" | "Policies"
>;
/** A user, group, role or policy in the order in which pages list them. */
interface Entry {
  readonly key: string;
  readonly present: () => Part;
}

/**
 * Users, groups, roles and policies of an account with their documents. Of AWS's managed policies, those that
 * are in use.
 * Source: API_GetAccountAuthorizationDetails.
 */
export function authorizationDetailOperations({ store }: ApiDeps) {
  return {
    GetAccountAuthorizationDetails(input, { account }) {
      const wanted = (type: iam.EntityType) => input.Filter?.includes(type) ?? true;
      const entries = [
        ...(wanted("User") ? users(store, account) : []),
        ...(wanted("Group") ? groups(store, account) : []),
        ...(wanted("Role") ? roles(store, account) : []),
        ...(wanted("LocalManagedPolicy") ? ownPolicies(store, account) : []),
        ...(wanted("AWSManagedPolicy") ? awsPolicies(store, account) : []),
      ].toSorted((one, other) => (one.key < other.key ? -1 : 1));
      const { items, ...more } = pageOf(entries, ({ key }) => key, input);
      const parts = items.map(({ present }) => present());
      return {
        UserDetailList: parts.flatMap(({ UserDetailList = [] }) => UserDetailList),
        GroupDetailList: parts.flatMap(({ GroupDetailList = [] }) => GroupDetailList),
        RoleDetailList: parts.flatMap(({ RoleDetailList = [] }) => RoleDetailList),
        Policies: parts.flatMap(({ Policies = [] }) => Policies),
        ...more,
      };
    },
  } satisfies Implementation<typeof iam>;
}

function users(reader: Reader, account: string): readonly Entry[] {
  return reader.list("user", `arn:aws:iam::${account}:user/`).map((user) => ({
    key: `1 ${user.arn}`,
    present: () => ({ UserDetailList: [presentUserDetail(reader, user)] }),
  }));
}

function presentUserDetail(reader: Reader, user: UserRecord): iam.UserDetail {
  const { PasswordLastUsed: _none, ...shown } = presentUser(user);
  return {
    ...shown,
    UserPolicyList: inlinePolicies(user),
    GroupList: (user.groups ?? []).flatMap((arn) => reader.get("group", arn)?.name ?? []),
    AttachedManagedPolicies: attachedPolicies(user),
    PermissionsBoundary: presentBoundary(user.permissionsBoundary),
  };
}

function groups(reader: Reader, account: string): readonly Entry[] {
  return reader.list("group", `arn:aws:iam::${account}:group/`).map((group) => ({
    key: `2 ${group.arn}`,
    present: () => ({
      GroupDetailList: [
        {
          ...presentGroup(group),
          GroupPolicyList: inlinePolicies(group),
          AttachedManagedPolicies: attachedPolicies(group),
        },
      ],
    }),
  }));
}

function roles(reader: Reader, account: string): readonly Entry[] {
  return reader.list("role", `arn:aws:iam::${account}:role/`).map((role) => ({
    key: `3 ${role.arn}`,
    present: () => ({ RoleDetailList: [presentRoleDetail(reader, role)] }),
  }));
}

function presentRoleDetail(reader: Reader, role: RoleRecord): iam.RoleDetail {
  const { Description: _text, MaxSessionDuration: _seconds, ...shown } = presentRole(role, reader);
  const profiles = reader.list("instanceProfile").filter(({ roleArn }) => roleArn === role.arn);
  return {
    ...shown,
    InstanceProfileList: profiles.map((profile) => presentProfile(profile, reader)),
    RolePolicyList: inlinePolicies(role),
    AttachedManagedPolicies: attachedPolicies(role),
    Tags: presentTags(role.tags),
  };
}

function ownPolicies(reader: Reader, account: string): readonly Entry[] {
  return reader.list("policy", `arn:aws:iam::${account}:policy/`).map((policy) => ({
    key: `4 ${policy.arn}`,
    present: () => ({ Policies: [presentPolicyDetail(policy, reader)] }),
  }));
}

function presentPolicyDetail(policy: PolicyRecord, reader: Reader): iam.ManagedPolicyDetail {
  const { Tags: _tags, ...shown } = presentPolicy(policy, reader);
  return {
    ...shown,
    PolicyVersionList: policy.versions.map((version) => ({
      Document: encodeDocument(version.document),
      VersionId: version.id,
      IsDefaultVersion: version.id === policy.defaultVersionId,
      CreateDate: new Date(version.createdAt),
    })),
  };
}

function awsPolicies(reader: Reader, account: string): readonly Entry[] {
  const uses = policyUses(reader, account);
  return managedPolicies()
    .filter(({ arn }) => uses.attached.has(arn) || uses.boundary.has(arn))
    .map((policy) => ({
      key: `5 ${policy.arn}`,
      present: () => ({
        Policies: [
          {
            ...presentManaged(policy, reader, account, uses),
            PolicyVersionList: [
              {
                Document: encodeDocument(managedPolicyDocument(policy.arn) ?? ""),
                ...presentManagedVersion(policy),
              },
            ],
          },
        ],
      }),
    }));
}

type Holder = UserRecord | RoleRecord | GroupRecord;

function inlinePolicies(holder: Holder): iam.PolicyDetail[] {
  return Object.entries(holder.inlinePolicies).map(([PolicyName, document]) => ({
    PolicyName,
    PolicyDocument: encodeDocument(document),
  }));
}

function attachedPolicies(holder: Holder): iam.AttachedPolicy[] {
  return holder.attachedPolicies.map((PolicyArn) => ({
    PolicyName: PolicyArn.split("/").at(-1),
    PolicyArn,
  }));
}
