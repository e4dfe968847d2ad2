import type * as sdk from "@aws-sdk/client-iam";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import {
  isLinkedService,
  linkedRoleArn,
  linkedServiceOf,
  roleOfDeletion,
} from "../common/service-linked-roles.ts";
import { namedOf, userNameOf, type NamedKind } from "./lookups.ts";
import { accountPermissions } from "./permissions-account.ts";

type Given = string | undefined;
type Tagged = { readonly Tags?: readonly unknown[] | undefined };

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for IAM". */
export function iamPermissions(store: Reader) {
  const needs = iamNeeds(store);
  return {
    ...listings,
    ...simulations,
    ...accountPermissions(store),
    ...userPermissions(needs),
    ...rolePermissions(needs),
    ...serviceLinkedRolePermissions(store, needs),
    ...groupPermissions(needs),
    ...instanceProfilePermissions(needs),
    ...policyPermissions,
  } satisfies PermissionTable<typeof sdk>;
}

/** What the operations on one identity or instance profile need. */
function iamNeeds(store: Reader) {
  /** The ARN of an identity or a profile; requests name these, and only the record has the path. */
  const arnOf = (kind: NamedKind, name: Given, caller: Caller) =>
    namedOf(store, kind, caller.account, name)?.arn ?? newArn(kind, { name }, caller);
  const boundaryOf = (kind: "user" | "role", name: Given, { account }: Caller) =>
    namedOf(store, kind, account, name)?.permissionsBoundary;
  /** An identity with the policy that is attached or detached and with its boundary, as condition keys. */
  const need = (
    kind: "user" | "role",
    name: Given,
    caller: Caller,
    { policy, boundary = boundaryOf(kind, name, caller) }: { policy?: Given; boundary?: Given } = {},
  ): Need => ({
    resource: arnOf(kind, name, caller),
    conditions: {
      ...(policy === undefined ? {} : { "iam:PolicyARN": policy }),
      ...(boundary === undefined ? {} : { "iam:PermissionsBoundary": boundary }),
    },
  });
  const user = (
    input: { UserName?: Given; PolicyArn?: Given; PermissionsBoundary?: Given },
    caller: Caller,
  ): readonly Need[] => [
    need("user", userNameOf(input, caller.principal), caller, {
      policy: input.PolicyArn,
      boundary: input.PermissionsBoundary,
    }),
  ];
  const role = (
    input: { RoleName?: Given; PolicyArn?: Given; PermissionsBoundary?: Given },
    caller: Caller,
  ): readonly Need[] => [
    need("role", input.RoleName, caller, { policy: input.PolicyArn, boundary: input.PermissionsBoundary }),
  ];
  const group = (input: { GroupName?: Given; PolicyArn?: Given }, caller: Caller): readonly Need[] => [
    {
      resource: arnOf("group", input.GroupName, caller),
      conditions: input.PolicyArn === undefined ? {} : { "iam:PolicyARN": input.PolicyArn },
    },
  ];
  const profile = (input: { InstanceProfileName?: Given }, caller: Caller): readonly Need[] =>
    on(arnOf("instanceProfile", input.InstanceProfileName, caller));
  /** The new name of a rename, which needs permission for both names. Source: API_UpdateUser, API_UpdateGroup. */
  const renamed = (
    kind: "user" | "group",
    name: Given,
    next: { name: Given; path: Given },
    caller: Caller,
  ): readonly Need[] => {
    const there = namedOf(store, kind, caller.account, name);
    return on(newArn(kind, { name: next.name ?? name, path: next.path ?? there?.path }, caller));
  };
  return { arnOf, user, role, group, profile, renamed };
}

type IamNeeds = ReturnType<typeof iamNeeds>;

function userPermissions({ user, renamed }: IamNeeds) {
  return {
    CreateUser: (input, caller) => [
      created("user", { name: input.UserName, path: input.Path }, caller, input.PermissionsBoundary),
      ...tagging("user", { name: input.UserName, path: input.Path }, caller, input),
    ],
    GetUser: user,
    UpdateUser: (input, caller) => [
      ...user(input, caller),
      ...renamed("user", input.UserName, { name: input.NewUserName, path: input.NewPath }, caller),
    ],
    DeleteUser: user,
    CreateAccessKey: user,
    ListAccessKeys: user,
    UpdateAccessKey: user,
    DeleteAccessKey: user,
    PutUserPolicy: user,
    GetUserPolicy: user,
    ListUserPolicies: user,
    DeleteUserPolicy: user,
    AttachUserPolicy: user,
    DetachUserPolicy: user,
    ListAttachedUserPolicies: user,
    PutUserPermissionsBoundary: user,
    DeleteUserPermissionsBoundary: user,
    TagUser: user,
    UntagUser: user,
    ListUserTags: user,
    ListGroupsForUser: user,
  } satisfies PermissionTable<typeof sdk>;
}

function rolePermissions({ role }: IamNeeds) {
  return {
    CreateRole: (input, caller) => [
      created("role", { name: input.RoleName, path: input.Path }, caller, input.PermissionsBoundary),
      ...tagging("role", { name: input.RoleName, path: input.Path }, caller, input),
    ],
    GetRole: role,
    UpdateRole: role,
    UpdateRoleDescription: role,
    UpdateAssumeRolePolicy: role,
    DeleteRole: role,
    PutRolePolicy: role,
    GetRolePolicy: role,
    ListRolePolicies: role,
    DeleteRolePolicy: role,
    AttachRolePolicy: role,
    DetachRolePolicy: role,
    ListAttachedRolePolicies: role,
    PutRolePermissionsBoundary: role,
    DeleteRolePermissionsBoundary: role,
    TagRole: role,
    UntagRole: role,
    ListRoleTags: role,
    ListInstanceProfilesForRole: role,
  } satisfies PermissionTable<typeof sdk>;
}

function serviceLinkedRolePermissions(store: Reader, { role }: IamNeeds) {
  return {
    CreateServiceLinkedRole: ({ AWSServiceName: service = "" }, { account }) => [
      {
        resource: isLinkedService(service)
          ? linkedRoleArn(account, service)
          : `arn:aws:iam::${account}:role/aws-service-role/${service}/*`,
        conditions: { "iam:AWSServiceName": service },
      },
    ],
    DeleteServiceLinkedRole: (input, caller) => {
      const record = namedOf(store, "role", caller.account, input.RoleName);
      const service = record && linkedServiceOf(record);
      return role(input, caller).map((each) => ({
        ...each,
        conditions: {
          ...each.conditions,
          ...(service === undefined ? {} : { "iam:AWSServiceName": service }),
        },
      }));
    },
    GetServiceLinkedRoleDeletionStatus: (input, { account }) =>
      on(roleOfDeletion(account, input.DeletionTaskId) ?? `arn:aws:iam::${account}:role/aws-service-role/*`),
  } satisfies PermissionTable<typeof sdk>;
}

function groupPermissions({ group, renamed }: IamNeeds) {
  return {
    CreateGroup: (input, caller) => [
      created("group", { name: input.GroupName, path: input.Path }, caller, undefined),
    ],
    GetGroup: group,
    UpdateGroup: (input, caller) => [
      ...group(input, caller),
      ...renamed("group", input.GroupName, { name: input.NewGroupName, path: input.NewPath }, caller),
    ],
    DeleteGroup: group,
    AddUserToGroup: group,
    RemoveUserFromGroup: group,
    PutGroupPolicy: group,
    GetGroupPolicy: group,
    ListGroupPolicies: group,
    DeleteGroupPolicy: group,
    AttachGroupPolicy: group,
    DetachGroupPolicy: group,
    ListAttachedGroupPolicies: group,
  } satisfies PermissionTable<typeof sdk>;
}

function instanceProfilePermissions({ profile, arnOf }: IamNeeds) {
  return {
    CreateInstanceProfile: (input, caller) => [
      created("instanceProfile", { name: input.InstanceProfileName, path: input.Path }, caller, undefined),
      ...tagging("instanceProfile", { name: input.InstanceProfileName, path: input.Path }, caller, input),
    ],
    GetInstanceProfile: profile,
    DeleteInstanceProfile: profile,
    AddRoleToInstanceProfile: (input, caller) => [
      ...profile(input, caller),
      {
        action: "iam:PassRole",
        resource: arnOf("role", input.RoleName, caller),
        conditions: {
          "iam:PassedToService": "ec2.amazonaws.com",
          // Source: IAM User Guide, "Available keys for AWS services", iam:AssociatedResourceArn.
          "iam:AssociatedResourceArn": `arn:aws:ec2:*:${caller.account}:instance/*`,
        },
      },
    ],
    RemoveRoleFromInstanceProfile: profile,
    TagInstanceProfile: profile,
    UntagInstanceProfile: profile,
    ListInstanceProfileTags: profile,
  } satisfies PermissionTable<typeof sdk>;
}

function policy(input: { PolicyArn?: Given }): readonly Need[] {
  return on(input.PolicyArn ?? "*");
}

const policyPermissions = {
  CreatePolicy: (input, caller) => [
    created("policy", { name: input.PolicyName, path: input.Path }, caller, undefined),
    ...tagging("policy", { name: input.PolicyName, path: input.Path }, caller, input),
  ],
  GetPolicy: policy,
  GetPolicyVersion: policy,
  ListPolicyVersions: policy,
  CreatePolicyVersion: policy,
  DeletePolicyVersion: policy,
  SetDefaultPolicyVersion: policy,
  ListEntitiesForPolicy: policy,
  DeletePolicy: policy,
  TagPolicy: policy,
  UntagPolicy: policy,
  ListPolicyTags: policy,
} satisfies PermissionTable<typeof sdk>;

const listings = {
  ListUsers: "*",
  ListRoles: "*",
  ListGroups: "*",
  ListInstanceProfiles: "*",
  ListPolicies: "*",
} satisfies PermissionTable<typeof sdk>;

const simulations = {
  SimulatePrincipalPolicy: (input: { PolicySourceArn?: Given }) => on(input.PolicySourceArn ?? "*"),
  SimulateCustomPolicy: "*",
} satisfies PermissionTable<typeof sdk>;

const TYPES = {
  user: ["user", "iam:TagUser"],
  role: ["role", "iam:TagRole"],
  group: ["group", ""],
  policy: ["policy", "iam:TagPolicy"],
  instanceProfile: ["instance-profile", "iam:TagInstanceProfile"],
} as const;

/** The ARN that a created or renamed resource gets. */
function newArn(
  kind: keyof typeof TYPES,
  { name, path = "/" }: { name: Given; path?: Given },
  { account }: Caller,
): string {
  return `arn:aws:iam::${account}:${TYPES[kind][0]}${path}${name ?? ""}`;
}

function created(
  kind: keyof typeof TYPES,
  named: { name: Given; path: Given },
  caller: Caller,
  boundary: Given,
): Need {
  return {
    resource: newArn(kind, named, caller),
    conditions: boundary === undefined ? {} : { "iam:PermissionsBoundary": boundary },
  };
}

function tagging(
  kind: "user" | "role" | "policy" | "instanceProfile",
  named: { name: Given; path: Given },
  caller: Caller,
  input: Tagged,
): readonly Need[] {
  return tagOnCreate(input.Tags, { action: TYPES[kind][1], resource: newArn(kind, named, caller) });
}
