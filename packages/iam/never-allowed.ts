import { actionMatches, principalMatch, type Denial, type PolicySet } from "./evaluate.ts";
import type { PolicyDocument } from "./policy-document.ts";

/** A call of which only the caller and the action are known. */
export interface PartialRequest {
  readonly action: string;
  /** As in PolicyRequest. */
  readonly principals: readonly string[];
}

/**
 * The reason why `evaluate` denies the action on every resource and under all conditions; undefined where
 * some resource and some conditions may be allowed. It evaluates only action patterns and a resource policy's
 * principals, so it may miss a denial but never reports one for a call that `evaluate` allows. `resources`
 * yields every resource policy that the called resource may have; it is called only where the other policies
 * do not decide.
 */
export function neverAllowed(
  policies: Omit<PolicySet, "resource">,
  request: PartialRequest,
  options: { isSession: boolean; resources: () => Iterable<PolicyDocument> },
): Denial | undefined {
  const may = (documents: readonly PolicyDocument[] | undefined) =>
    documents === undefined || documents.some((document) => mayAllow(document, request.action));
  const lacking: Denial | undefined = !may(policies.identity)
    ? "no-identity-allow"
    : !may(policies.boundary && [policies.boundary])
      ? "no-boundary-allow"
      : !may(policies.session)
        ? "no-session-allow"
        : undefined;
  if (lacking === undefined) return undefined;
  // A resource policy that names the caller replaces identity policies. Where it names the caller by more
  // than its own name, it does not replace the boundary and the session policies of a session.
  const isLimited =
    options.isSession && (!may(policies.boundary && [policies.boundary]) || !may(policies.session));
  const namings = isLimited ? ["itself"] : ["itself", "covered"];
  for (const document of options.resources()) if (mayGrant(document, request, namings)) return undefined;
  return lacking;
}

function mayAllow(document: PolicyDocument, action: string): boolean {
  return document.statements.some(
    (statement) => statement.effect === "Allow" && actionMatches(statement, action),
  );
}

function mayGrant(document: PolicyDocument, request: PartialRequest, namings: readonly string[]): boolean {
  return document.statements.some(
    (statement) =>
      statement.effect === "Allow" &&
      actionMatches(statement, request.action) &&
      namings.includes(principalMatch(statement, request)),
  );
}
