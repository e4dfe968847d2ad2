import {
  actionMatches,
  checkPolicyDocument,
  MalformedPolicyError,
  principalMatch,
  type PolicyDocument,
  type Principal,
} from "@gantry/iam";
import type { KmsKeyRecord, Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { resolvePrincipals } from "../iam/policy-principals.ts";
import { ApiError } from "./api-error.ts";

/** Source: KMS Developer Guide, "Default key policy": it lets IAM policies of the account decide. */
export function defaultPolicy(account: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Id: "key-default-1",
    Statement: [
      {
        Sid: "Enable IAM User Permissions",
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  });
}

/**
 * The policy of a key that the platform has for one of its services.
 * Source: KMS Developer Guide, "AWS managed keys".
 */
export function servicePolicy({ account, region }: Place, service: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Id: `auto-${service}-1`,
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: [
          "kms:Encrypt",
          "kms:Decrypt",
          "kms:ReEncrypt*",
          "kms:GenerateDataKey*",
          "kms:CreateGrant",
          "kms:DescribeKey",
        ],
        Resource: "*",
        Condition: {
          StringEquals: {
            "kms:CallerAccount": account,
            "kms:ViaService": `${service}.${region}.amazonaws.com`,
          },
        },
      },
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
        Resource: "*",
      },
    ],
  });
}

/**
 * A key policy as its record keeps it. Unless the check is bypassed, the caller must still be able to change it.
 * Errors: MalformedPolicyDocumentException.
 */
export function toKeyPolicy(
  reader: Reader,
  text: string,
  caller: { readonly principal: Principal; readonly bypass: boolean | undefined },
): Pick<KmsKeyRecord, "policy" | "policyPrincipals"> {
  const document = readPolicy(text);
  const { ids, missing } = resolvePrincipals(reader, document);
  if (missing !== undefined)
    throw malformed("Policy contains a statement with one or more invalid principals.");
  if (caller.bypass !== true && !mayChange(document, caller.principal))
    throw malformed("The new key policy will not allow you to update the key policy in the future.");
  return { policy: text, policyPrincipals: ids };
}

/** Whether the caller, or its account, may put another policy. */
function mayChange(document: PolicyDocument, { arn, account, roleArn = arn }: Principal): boolean {
  const principals = [arn, roleArn, `arn:aws:iam::${account}:root`, account];
  return document.statements.some(
    (statement) =>
      statement.effect === "Allow" &&
      actionMatches(statement, "kms:PutKeyPolicy") &&
      principalMatch(statement, { principals }) !== "nobody",
  );
}

function readPolicy(text: string): PolicyDocument {
  try {
    return checkPolicyDocument(text, "bucket");
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) throw malformed(thrown.message);
    throw thrown;
  }
}

function malformed(message: string): ApiError {
  return new ApiError("MalformedPolicyDocumentException", message);
}
