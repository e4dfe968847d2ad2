/** The caller of a request, as signature verification found it. */
export interface Principal {
  readonly type: "root" | "user" | "assumed-role" | "anonymous";
  readonly arn: string;
  readonly account: string;
  /** The unique id that GetCallerIdentity calls UserId. */
  readonly id: string;
  /** ARN of the role behind an assumed-role session. */
  readonly roleArn?: string;
  /** When a session was made, ms since the epoch. */
  readonly issuedAt?: number;
  /** Policy documents that limit a session. */
  readonly sessionPolicies?: readonly string[];
}

/** The caller of an unsigned request. */
export const ANONYMOUS: Principal = { type: "anonymous", arn: "", account: "", id: "anonymous" };

/** Values of condition keys, by key. */
export type ConditionContext = Readonly<Record<string, string | readonly string[]>>;
