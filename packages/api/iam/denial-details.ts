import type { Decision, Principal } from "@gantry/iam";
import type { Vault } from "@gantry/kernel";

/** Marks a sealed text as the details of a denial: no other secret that the vault sealed is shown as one. */
const KIND = "authorization-failure/1";

/** The details of a denied call, sealed, in the form that a URL may hold. Source: API_DecodeAuthorizationMessage. */
export function sealDenial(
  vault: Vault,
  question: {
    readonly principal: Principal;
    readonly action: string;
    readonly resource: string;
    readonly conditions: object;
  },
  decision: Decision,
): string {
  const { principal, action, resource, conditions } = question;
  const text = JSON.stringify({
    allowed: false,
    explicitDeny: !decision.allowed && decision.because.startsWith("explicit-deny"),
    matchedStatements: {
      items: decision.statements.map(({ policy, number }) => ({
        statementId: String(number),
        sourcePolicyId: policy,
      })),
    },
    failures: { items: [] },
    context: {
      principal: { id: principal.id, arn: principal.arn },
      action,
      resource,
      conditions: {
        items: Object.entries(conditions).map(([key, value]) => ({
          key,
          values: { items: [value].flat().map((each: unknown) => ({ value: String(each) })) },
        })),
      },
    },
  });
  const sealed = vault.seal(JSON.stringify({ kind: KIND, account: principal.account, text }));
  return Buffer.from(sealed).toString("base64url");
}

/** The details of a denied call and the caller's account; undefined for a text that is nothing of the kind. */
export function readDenial(vault: Vault, encoded: string): { account: string; text: string } | undefined {
  try {
    const value: unknown = JSON.parse(vault.open(Buffer.from(encoded, "base64url").toString()));
    if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== KIND)
      return undefined;
    return value as unknown as { account: string; text: string }; // Sealed above.
  } catch {
    return undefined;
  }
}
