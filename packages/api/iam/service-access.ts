import { evaluate, MalformedPolicyError, type PrincipalIds } from "@gantry/iam";
import { readBound } from "./policy-principals.ts";

/** A resource with a policy, as records store it. */
interface Guarded {
  readonly policy?: string | undefined;
  readonly policyPrincipals?: PrincipalIds | undefined;
}

/** What a service that acts by itself does with a resource. */
export interface ServiceRequest {
  readonly action: string;
  readonly resource: string;
  /** Who acts: `Service:…`, or the names of an account of AWS. */
  readonly principals: readonly string[];
  /** Condition keys besides the time and the transport. */
  readonly conditions: Readonly<Record<string, string | readonly string[]>>;
  readonly now: number;
}

/** Principals and condition keys of a service that acts for a resource of an account. */
export function asService(
  service: string,
  source: { readonly arn: string; readonly account: string },
): Pick<ServiceRequest, "principals" | "conditions"> {
  return {
    principals: [`Service:${service}`],
    conditions: {
      "aws:SourceArn": source.arn,
      "aws:SourceAccount": source.account,
      "aws:PrincipalIsAWSService": "true",
      "aws:PrincipalServiceName": service,
    },
  };
}

/**
 * Whether the policy of a resource lets a service act. No identity policy does, and neither does a policy that is
 * missing or cannot be read.
 */
export function permitsService(
  { policy, policyPrincipals }: Guarded,
  { action, resource, principals, conditions, now }: ServiceRequest,
): boolean {
  if (policy === undefined) return false;
  try {
    return evaluate(
      { identity: [], resource: readBound(policy, policyPrincipals) },
      {
        action,
        resource,
        principals,
        conditions: {
          "aws:SecureTransport": "true",
          "aws:CurrentTime": new Date(now).toISOString(),
          "aws:EpochTime": String(Math.floor(now / 1_000)),
          ...conditions,
        },
      },
    ).allowed;
  } catch (thrown) {
    if (thrown instanceof MalformedPolicyError) return false;
    throw thrown;
  }
}
