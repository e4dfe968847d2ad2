import type * as sts from "@aws-sdk/client-sts";
import type { Principal } from "@gantry/iam";
import type { SessionAttributes, UserSessionRecord } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { attributesOf, checkMfa } from "./assume-role.ts";
import { packedSize, sessionPoliciesOf } from "./session-policies.ts";

const DEFAULT_SECONDS = 43_200;
const ROOT_SECONDS_MAX = 3_600;

/** Temporary credentials of the caller itself. Source: API_GetSessionToken. */
export function getSessionToken(
  deps: ApiDeps,
  input: sts.GetSessionTokenRequest,
  { principal }: RequestContext,
): sts.GetSessionTokenResponse {
  refuseSessions(principal, "GetSessionToken");
  const mfaAt = input.TokenCode === undefined ? undefined : checkMfa(deps, input, principal);
  const attributes = attributesOf({ tags: {}, transitiveTagKeys: [], sourceIdentity: undefined, mfaAt });
  return {
    Credentials: startUserSession(deps, {
      principal,
      seconds: secondsOf(input.DurationSeconds, principal),
      federatedName: undefined,
      sessionPolicies: [],
      attributes,
    }),
  };
}

/**
 * Credentials of a user that the caller names: they allow what the caller's policies and the session's
 * policies both allow.
 * Source: API_GetFederationToken.
 */
export function getFederationToken(
  deps: ApiDeps,
  input: sts.GetFederationTokenRequest,
  context: RequestContext,
): sts.GetFederationTokenResponse {
  const { principal, account } = context;
  refuseSessions(principal, "GetFederationToken");
  const tags = toTags(input.Tags);
  const name = input.Name ?? "";
  const sessionPolicies = sessionPoliciesOf(deps, input);
  return {
    Credentials: startUserSession(deps, {
      principal,
      seconds: secondsOf(input.DurationSeconds, principal),
      federatedName: name,
      sessionPolicies,
      attributes: attributesOf({ tags, transitiveTagKeys: [], sourceIdentity: undefined }),
    }),
    FederatedUser: {
      FederatedUserId: `${account}:${name}`,
      Arn: `arn:aws:sts::${account}:federated-user/${name}`,
    },
    PackedPolicySize: packedSize(sessionPolicies),
  };
}

function startUserSession(
  { store, ids, vault, clock }: ApiDeps,
  options: {
    readonly principal: Principal;
    readonly seconds: number;
    readonly federatedName: string | undefined;
    readonly sessionPolicies: readonly string[];
    readonly attributes: SessionAttributes;
  },
): sts.Credentials {
  const { principal, seconds, ...more } = options;
  const secretAccessKey = ids.secret(30);
  const issuedAt = clock.now();
  const record: UserSessionRecord = {
    ...more,
    accessKeyId: `ASIA${ids.upper(16)}`,
    sealedSecret: vault.seal(secretAccessKey),
    token: ids.secret(120),
    account: principal.account,
    userId: principal.type === "root" ? undefined : principal.id,
    issuedAt,
    expiresAt: issuedAt + seconds * 1000,
  };
  store.transact((tx) => tx.put("userSession", record.accessKeyId, record));
  return {
    AccessKeyId: record.accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: record.token,
    Expiration: new Date(record.expiresAt),
  };
}

/** A session cannot create sessions of this kind. Source: IAM User Guide, "Compare AWS STS credentials". */
function refuseSessions(principal: Principal, operation: string): void {
  const isLongTerm =
    (principal.type === "user" || principal.type === "root") && principal.isTemporary !== true;
  if (!isLongTerm)
    throw new ApiError("AccessDenied", `Cannot call ${operation} with session credentials`, { status: 403 });
}

/** Root's last an hour at most. Source: API_GetSessionToken, DurationSeconds. */
function secondsOf(asked: number | undefined, { type }: Principal): number {
  return type === "root" ? Math.min(asked ?? ROOT_SECONDS_MAX, ROOT_SECONDS_MAX) : (asked ?? DEFAULT_SECONDS);
}
