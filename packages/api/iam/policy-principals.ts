import {
  bindPrincipals,
  namedPrincipals,
  NOBODY,
  parsePolicyDocument,
  presentPrincipals,
  type PolicyDocument,
  type PrincipalIds,
} from "@gantry/iam";
import type { Reader, Store } from "@gantry/state";

/** Finds who a new policy names. `missing` is the first ARN that nobody has. */
export function resolvePrincipals(
  reader: Reader,
  document: PolicyDocument,
): { readonly ids: PrincipalIds; readonly missing: string | undefined } {
  const entries = namedPrincipals(document).map((arn) => [arn, idOf(reader, arn)] as const);
  return {
    ids: Object.fromEntries(entries.map(([arn, id]) => [arn, id ?? NOBODY])),
    missing: entries.find(([, id]) => id === undefined)?.[0],
  };
}

/** A stored resource policy as evaluation needs it. Errors: MalformedPolicyError. */
export function readBound(text: string, ids: PrincipalIds | undefined, name?: string): PolicyDocument {
  return bindPrincipals(parsePolicyDocument(text, name), ids ?? {});
}

/** A stored resource policy as the API shows it. */
export function presentBound(reader: Reader, text: string, ids: PrincipalIds | undefined): string {
  return presentPrincipals(text, ids ?? {}, (id) => arnOf(reader, id));
}

/**
 * Binds the policies that an older version stored by name alone to those who have the names now. Those that name
 * nobody match nobody.
 */
export function bindStoredPolicies(store: Store): void {
  store.transact((tx) => {
    const idsOf = (text: string) => resolvePrincipals(tx, parsePolicyDocument(text)).ids;
    for (const role of tx.list("role"))
      if (role.trustPrincipals === undefined)
        tx.put("role", role.arn, { ...role, trustPrincipals: idsOf(role.trustPolicy) });
    for (const bucket of tx.list("bucket"))
      if (bucket.policy !== undefined && bucket.policyPrincipals === undefined)
        tx.put("bucket", bucket.name, { ...bucket, policyPrincipals: idsOf(bucket.policy) });
    for (const repository of tx.list("repository"))
      if (repository.policy !== undefined && repository.policyPrincipals === undefined)
        tx.put("repository", repository.arn, {
          ...repository,
          policyPrincipals: idsOf(repository.policy),
        });
  });
}

const SESSION_ARN = /^arn:aws:sts::(\d{12}):assumed-role\/([^/]+)\/(.+)$/;

function idOf(reader: Reader, arn: string): string | undefined {
  const session = SESSION_ARN.exec(arn);
  if (session === null) return (reader.get("user", arn) ?? reader.get("role", arn))?.id;
  const [, account, name, sessionName] = session;
  const role = reader.list("role", `arn:aws:iam::${account}:role/`).find((each) => each.name === name);
  return role === undefined ? undefined : `${role.id}:${sessionName}`;
}

function arnOf(reader: Reader, id: string): string | undefined {
  const [principalId, sessionName] = id.split(":");
  const found =
    reader.list("role").find((each) => each.id === principalId) ??
    reader.list("user").find((each) => each.id === principalId);
  if (found === undefined || sessionName === undefined) return found?.arn;
  return `arn:aws:sts::${found.account}:assumed-role/${found.name}/${sessionName}`;
}
