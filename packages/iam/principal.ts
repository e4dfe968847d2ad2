/** The caller of a request, as determined by signature verification. */
export interface Principal {
  readonly type: "root" | "user" | "assumed-role" | "federated-user" | "anonymous" | "service";
  readonly arn: string;
  readonly account: string;
  /** The unique id that GetCallerIdentity calls UserId. */
  readonly id: string;
  /** ARN of the role behind an assumed-role session. */
  readonly roleArn?: string;
  /** The time when a session was created, ms since the epoch. */
  readonly issuedAt?: number;
  /** Policy documents that limit a session. */
  readonly sessionPolicies?: readonly string[];
  /** The ARN and the unique id of the user who made a federated user's session. */
  readonly user?: { readonly arn: string; readonly id: string };
  /** Whether a user or root signs with temporary credentials (GetSessionToken). */
  readonly isTemporary?: boolean;
  readonly sessionTags?: Readonly<Record<string, string>>;
  readonly transitiveTagKeys?: readonly string[];
  readonly sourceIdentity?: string;
  /** When a code of an MFA device was given for the session, ms since the epoch. */
  readonly mfaAt?: number;
  /** The identity provider whose token was exchanged for the session. */
  readonly provider?: string;
  /** For which resource a service acts. */
  readonly sourceArn?: string;
}

/** The caller of an unsigned request. */
export const ANONYMOUS: Principal = { type: "anonymous", arn: "", account: "", id: "anonymous" };

/**
 * A service that acts for a resource of an account by itself, not by a role: the policies of other resources alone
 * let it in. No request is signed by one.
 */
export function serviceActingFor(
  service: string,
  source: { readonly arn: string; readonly account: string },
): Principal {
  return { type: "service", arn: service, account: source.account, id: service, sourceArn: source.arn };
}

/** Values of condition keys, by key. */
export type ConditionContext = Readonly<Record<string, string | readonly string[]>>;

/** The principal of a role's session: policies see the session's ARN, and the ARN and unique id of its role. */
export function sessionOf(
  role: { readonly arn: string; readonly account: string; readonly name: string; readonly id: string },
  session: string,
): Principal {
  return {
    type: "assumed-role",
    arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${session}`,
    account: role.account,
    id: `${role.id}:${session}`,
    roleArn: role.arn,
  };
}
