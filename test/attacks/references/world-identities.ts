import { global, type Defaults, type Send, type Target } from "./targets.ts";
import type { ReferenceKind } from "./rules.ts";

const Path = "/team/";
const DOCUMENT = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: "*" },
});
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal: { AWS: global("root"), Service: "ecs-tasks.amazonaws.com" },
    Action: "sts:AssumeRole",
  },
});

/** A user, a role, a group, a profile and a policy, all below a path that only their records know. */
export async function createIdentities(send: Send): Promise<{
  readonly targets: readonly Target[];
  readonly defaults: Readonly<Record<"iam" | "sts", Defaults>>;
}> {
  await send("iam", "CreateUser", { UserName: "prod", Path });
  await send("iam", "CreateUser", { UserName: "spare" });
  await send("iam", "CreateRole", { RoleName: "prod", Path, AssumeRolePolicyDocument: TRUST });
  await send("iam", "CreateGroup", { GroupName: "prod", Path });
  await send("iam", "CreateInstanceProfile", { InstanceProfileName: "prod", Path });
  const { Policy } = await send("iam", "CreatePolicy", {
    PolicyName: "prod",
    Path,
    PolicyDocument: DOCUMENT,
  });
  const arn = (Policy as { Arn: string }).Arn; // As answered.
  const inline = { PolicyName: "inline", PolicyDocument: DOCUMENT };
  for (const type of ["User", "Role", "Group"]) {
    await send("iam", `Put${type}Policy`, { [`${type}Name`]: "prod", ...inline });
    await send("iam", `Attach${type}Policy`, { [`${type}Name`]: "prod", PolicyArn: arn });
  }
  await send("iam", "AttachUserPolicy", { UserName: "spare", PolicyArn: arn });
  await send("iam", "AddRoleToInstanceProfile", { InstanceProfileName: "prod", RoleName: "prod" });
  const { AccessKey } = await send("iam", "CreateAccessKey", { UserName: "prod" });
  return {
    targets: targetsOf(arn),
    defaults: {
      iam: {
        ...inline,
        AssumeRolePolicyDocument: TRUST,
        UserName: "spare",
        RoleName: "prod",
        GroupName: "prod",
        InstanceProfileName: "prod",
        PolicyArn: arn,
        PolicySourceArn: global("user/spare"),
        PermissionsBoundary: arn,
        "DeleteAccessKey.AccessKeyId": (AccessKey as { AccessKeyId: string }).AccessKeyId, // As answered.
        "UpdateAccessKey.AccessKeyId": (AccessKey as { AccessKeyId: string }).AccessKeyId,
        Status: "Active",
        VersionId: "v1",
        ActionNames: ["s3:GetObject"],
        PolicyInputList: [DOCUMENT],
        Tags: [{ Key: "a", Value: "b" }],
        TagKeys: ["a"],
      },
      sts: { RoleSessionName: "session" },
    },
  };
}

function targetsOf(policy: string): readonly Target[] {
  const of = (kind: ReferenceKind, type: string, spellings: readonly string[]): Target => ({
    kind,
    arns: [global(`${type}/team/prod`)],
    family: global(`${type}/*`),
    spellings,
  });
  return [
    of("user", "user", ["prod"]),
    of("role", "role", ["prod"]),
    of("group", "group", ["prod"]),
    of("instanceProfile", "instance-profile", ["prod"]),
    of("policy", "policy", [policy]),
    of("identityArn", "user", [global("user/team/prod")]),
    of("identityArn", "role", [global("role/team/prod")]),
    of("assumedRole", "role", [global("role/team/prod")]),
  ];
}
