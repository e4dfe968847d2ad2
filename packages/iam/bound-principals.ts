import type { PolicyDocument } from "./policy-document.ts";

/**
 * The unique ids of the users, roles and sessions that a policy names by ARN, as of the time when it was
 * written. A policy grants to an id: another principal that gets the same name later is not granted anything.
 * Source: IAM User Guide, "AWS JSON policy elements: Principal", IAM role principals and IAM user principals.
 */
export type PrincipalIds = Readonly<Record<string, string>>;

/**
 * Stands for an id where no such principal existed when an older version's policy was bound. It matches no
 * principal.
 */
export const NOBODY = "nobody";

/** Returns the document with ids in place of ARNs. */
export function bindPrincipals(document: PolicyDocument, ids: PrincipalIds): PolicyDocument {
  const bind = (names: readonly string[] | undefined) =>
    names?.map((name) => (Object.hasOwn(ids, name) ? (ids[name] ?? name) : name));
  return {
    ...document,
    statements: document.statements.map((statement) => ({
      ...statement,
      principals: bind(statement.principals),
      notPrincipals: bind(statement.notPrincipals),
    })),
  };
}

/** The ARNs of users, roles and sessions that a document names as principals. */
export function namedPrincipals(document: PolicyDocument): readonly string[] {
  const names = document.statements.flatMap(({ principals = [], notPrincipals = [] }) => [
    ...principals,
    ...notPrincipals,
  ]);
  return [...new Set(names)].filter((name) =>
    /^arn:aws:(?:iam::\d{12}:(?:user|role)|sts::\d{12}:assumed-role)\//.test(name),
  );
}

/**
 * Returns the document's text for display: a principal by its current ARN, and by its id where it no longer
 * exists. `arnOf` returns the current ARN of an id.
 */
export function presentPrincipals(
  text: string,
  ids: PrincipalIds,
  arnOf: (id: string) => string | undefined,
): string {
  const shown = new Map(
    Object.entries(ids).flatMap(([arn, id]) => {
      const name = id === NOBODY ? arn : (arnOf(id) ?? id);
      return name === arn ? [] : [[arn, name] as const];
    }),
  );
  if (shown.size === 0) return text;
  const rename = (value: unknown): unknown => {
    if (typeof value === "string") return shown.get(value) ?? value;
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, rename(each)]));
  };
  return JSON.stringify(
    JSON.parse(text, (key, value: unknown) =>
      key === "Principal" || key === "NotPrincipal" ? rename(value) : value,
    ),
  );
}
