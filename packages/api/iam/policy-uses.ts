import type * as iam from "@aws-sdk/client-iam";
import type { Reader } from "@gantry/state";

/** How often each policy is attached and is a boundary in an account, by the policy's ARN. */
export interface PolicyUses {
  readonly attached: ReadonlyMap<string, number>;
  readonly boundary: ReadonlyMap<string, number>;
}

/** Counts the uses of all policies in an account. */
export function policyUses(reader: Reader, account: string): PolicyUses {
  const identities = [...reader.list("role"), ...reader.list("user"), ...reader.list("group")].filter(
    (identity) => identity.account === account,
  );
  const count = (arns: readonly string[]) => {
    const counts = new Map<string, number>();
    for (const arn of arns) counts.set(arn, (counts.get(arn) ?? 0) + 1);
    return counts;
  };
  return {
    attached: count(identities.flatMap(({ attachedPolicies }) => attachedPolicies)),
    boundary: count(
      identities.flatMap((identity) =>
        identity.type === "group" || identity.permissionsBoundary === undefined
          ? []
          : [identity.permissionsBoundary],
      ),
    ),
  };
}

/** Whether a policy is used as the filter asks: attached to an identity, or as the boundary of one. */
export function isUsed(uses: PolicyUses, arn: string, usage: iam.PolicyUsageType | undefined): boolean {
  if (usage === undefined) return true;
  return (uses[usage === "PermissionsPolicy" ? "attached" : "boundary"].get(arn) ?? 0) > 0;
}
