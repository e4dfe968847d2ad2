import type * as sts from "@aws-sdk/client-sts";
import type { Principal } from "@gantry/iam";
import { issueSession, type RoleRecord, type SessionAttributes } from "@gantry/state";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { packedSize } from "./session-policies.ts";

const SESSION_SECONDS_MIN = 900;
const CHAINED_SECONDS_MAX = 3_600;

/** Credentials of a role's session as STS returns them. */
export interface RoleSession {
  readonly Credentials: sts.Credentials;
  readonly PackedPolicySize: number | undefined;
  readonly AssumedRoleUser: sts.AssumedRoleUser;
}

/** Issues credentials of a role. Whether the caller may have them is decided before. */
export function startRoleSession(
  deps: ApiDeps,
  options: {
    readonly role: RoleRecord;
    readonly sessionName: string;
    readonly seconds: number;
    readonly sessionPolicies: readonly string[];
    readonly attributes: SessionAttributes;
  },
): RoleSession {
  const { store, clock } = deps;
  const { role, sessionName, sessionPolicies, attributes } = options;
  const issuedAt = clock.now();
  const { record, secretAccessKey } = store.transact((tx) =>
    issueSession(tx, deps, {
      role,
      sessionName,
      sessionPolicies,
      attributes,
      issuedAt,
      expiresAt: issuedAt + options.seconds * 1000,
    }),
  );
  return {
    Credentials: {
      AccessKeyId: record.accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: record.token,
      Expiration: new Date(record.expiresAt),
    },
    PackedPolicySize: packedSize(sessionPolicies),
    AssumedRoleUser: {
      AssumedRoleId: `${role.id}:${sessionName}`,
      Arn: `arn:aws:sts::${role.account}:assumed-role/${role.name}/${sessionName}`,
    },
  };
}

/** How long a session lasts. Source: API_AssumeRole, DurationSeconds; IAM User Guide, "Role chaining". */
export function sessionSeconds(asked: number | undefined, role: RoleRecord, principal?: Principal): number {
  const isChained = principal?.type === "assumed-role";
  const seconds = asked ?? Math.min(CHAINED_SECONDS_MAX, role.maxSessionSeconds);
  const refuse = (message: string) => new ApiError("ValidationError", message, { status: 400 });
  if (isChained && seconds > CHAINED_SECONDS_MAX)
    throw refuse(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
  if (seconds < SESSION_SECONDS_MIN || seconds > role.maxSessionSeconds)
    throw refuse("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  return seconds;
}
