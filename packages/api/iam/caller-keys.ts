import type { ConditionContext, Principal } from "@gantry/iam";
import type { RoleRecord, UserRecord } from "@gantry/state";

/** The condition keys that are known of every caller. The wire adds the request's. Source: IAM User Guide, "AWS global condition context keys". */
export function callerKeys(
  principal: Principal,
  identity: UserRecord | RoleRecord | undefined,
  now: number,
): ConditionContext {
  const always = {
    "aws:CurrentTime": new Date(now).toISOString(),
    "aws:EpochTime": String(Math.floor(now / 1000)),
    "aws:ViaAWSService": "false",
    "aws:PrincipalIsAWSService": "false",
  };
  if (principal.type === "anonymous")
    return { ...always, "aws:PrincipalType": "Anonymous", "aws:userid": "anonymous" };
  return {
    ...always,
    "aws:PrincipalArn": principal.roleArn ?? principal.arn,
    "aws:PrincipalAccount": principal.account,
    "aws:PrincipalType":
      principal.type === "assumed-role" ? "AssumedRole" : principal.type === "root" ? "Account" : "User",
    "aws:userid": principal.id,
    ...(principal.type === "user" ? { "aws:username": principal.arn.split("/").at(-1) ?? "" } : {}),
    ...(principal.type === "assumed-role" ? { "aws:MultiFactorAuthPresent": "false" } : {}),
    ...(principal.issuedAt === undefined
      ? {}
      : { "aws:TokenIssueTime": new Date(principal.issuedAt).toISOString() }),
    ...Object.fromEntries(
      Object.entries(identity?.tags ?? {}).map(([key, value]) => [`aws:PrincipalTag/${key}`, value]),
    ),
  };
}
