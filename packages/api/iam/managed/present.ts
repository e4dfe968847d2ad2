import { createHash } from "node:crypto";
import type * as iam from "@aws-sdk/client-iam";
import type { Reader } from "@gantry/state";
import { policyUses, type PolicyUses } from "../policy-uses.ts";
import type { ManagedPolicy } from "./archive.ts";

const ID_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** One of AWS's managed policies as an account sees it. Source: API_Policy. */
export function presentManaged(
  policy: ManagedPolicy,
  reader: Reader,
  account: string,
  uses: PolicyUses = policyUses(reader, account),
): iam.Policy {
  return {
    PolicyName: policy.name,
    PolicyId: idOf(policy.arn),
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.versionId,
    AttachmentCount: uses.attached.get(policy.arn) ?? 0,
    PermissionsBoundaryUsageCount: uses.boundary.get(policy.arn) ?? 0,
    IsAttachable: true,
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
  };
}

export function presentManagedVersion(policy: ManagedPolicy): iam.PolicyVersion {
  return { VersionId: policy.versionId, IsDefaultVersion: true, CreateDate: new Date(policy.updatedAt) };
}

/** A unique id that is the same in every account and at every time; AWS's own is not published. */
function idOf(arn: string): string {
  const bytes = createHash("sha256").update(arn).digest().subarray(0, 17);
  return `ANPA${[...bytes].map((byte) => ID_CHARACTERS[byte % ID_CHARACTERS.length]).join("")}`;
}
