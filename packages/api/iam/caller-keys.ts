import type { ConditionContext, Principal } from "@gantry/iam";
import type { RoleRecord, UserRecord } from "@gantry/state";

/**
 * The condition keys that are known of every caller. The wire adds the request's.
 * Source: IAM User Guide, "AWS global condition context keys".
 */
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
  if (principal.type === "service") return { ...always, ...serviceKeys(principal) };
  return {
    ...always,
    "aws:PrincipalArn": principal.roleArn ?? principal.arn,
    "aws:PrincipalAccount": principal.account,
    "aws:PrincipalType": PRINCIPAL_TYPES[principal.type],
    "aws:userid": principal.id,
    ...(principal.type === "user" ? { "aws:username": principal.arn.split("/").at(-1) ?? "" } : {}),
    ...mfaKeys(principal, now),
    ...(principal.sourceIdentity === undefined ? {} : { "aws:SourceIdentity": principal.sourceIdentity }),
    ...(principal.provider === undefined ? {} : { "aws:FederatedProvider": principal.provider }),
    ...(principal.issuedAt === undefined
      ? {}
      : { "aws:TokenIssueTime": new Date(principal.issuedAt).toISOString() }),
    ...Object.fromEntries(
      // A session's own tags take the place of its role's. Source: IAM User Guide, "Pass session tags in AWS STS".
      Object.entries({ ...identity?.tags, ...principal.sessionTags }).map(([key, value]) => [
        `aws:PrincipalTag/${key}`,
        value,
      ]),
    ),
  };
}

/** Source: as above, aws:SourceArn and aws:PrincipalServiceName. */
function serviceKeys({ id, account, sourceArn }: Principal): ConditionContext {
  return {
    "aws:PrincipalIsAWSService": "true",
    "aws:PrincipalServiceName": id,
    "aws:PrincipalServiceNamesList": [id],
    "aws:SourceAccount": account,
    ...(sourceArn === undefined ? {} : { "aws:SourceArn": sourceArn }),
  };
}

const PRINCIPAL_TYPES = {
  root: "Account",
  user: "User",
  "assumed-role": "AssumedRole",
  "federated-user": "FederatedUser",
} as const;

/**
 * Long-term credentials have neither key.
 * Source: IAM User Guide, "AWS global condition context keys", aws:MultiFactorAuthPresent.
 */
function mfaKeys({ type, isTemporary = false, mfaAt }: Principal, now: number): ConditionContext {
  if (mfaAt !== undefined)
    return {
      "aws:MultiFactorAuthPresent": "true",
      "aws:MultiFactorAuthAge": String(Math.floor((now - mfaAt) / 1000)),
    };
  return type === "assumed-role" || type === "federated-user" || isTemporary
    ? { "aws:MultiFactorAuthPresent": "false" }
    : {};
}
