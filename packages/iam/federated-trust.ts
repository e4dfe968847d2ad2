import type { ConditionContext } from "./principal.ts";
import { evaluate } from "./evaluate.ts";
import { MalformedPolicyError, parsePolicyDocument } from "./policy-document.ts";

/** Whoever an identity provider vouches for, who asks for a role. */
export interface FederatedCaller {
  /** The provider's ARN. */
  readonly provider: string;
  readonly actions: readonly string[];
  readonly conditions: ConditionContext;
}

/**
 * Whether a role's trust policy lets a caller of an identity provider do all of the actions: it must name the provider
 * itself. Source: IAM User Guide, "Create a role for OpenID Connect federation".
 */
export function trustsFederated(
  role: { readonly arn: string; readonly trustPolicy: string },
  { provider, actions, conditions }: FederatedCaller,
): boolean {
  try {
    const resource = parsePolicyDocument(role.trustPolicy);
    const principals = [`Federated:${provider}`];
    return actions.every(
      (action) =>
        evaluate({ identity: [], resource }, { action, resource: role.arn, principals, conditions }).allowed,
    );
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) return false;
    throw thrown;
  }
}

/** Whether a trust policy names the provider at all, whatever its conditions. */
export function namesProvider(role: { readonly trustPolicy: string }, provider: string): boolean {
  try {
    return parsePolicyDocument(role.trustPolicy).statements.some(
      ({ effect, principals = [] }) => effect === "Allow" && principals.includes(`Federated:${provider}`),
    );
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) return false;
    throw thrown;
  }
}
