import { formatArn } from "@gantry/kernel";
import type { DatabaseInstanceRecord, Reader } from "@gantry/state";
import type { Credential } from "@gantry/wire/authentication";
import { readClaim, SignatureError, type SignedRequest } from "@gantry/wire/claim";
import { checkClaim, sha256Hex, verifySignature } from "@gantry/wire/sigv4";
import type { PolicyDecider } from "../iam/decide.ts";

const ACTION = "rds-db:connect";
/** Source: Amazon RDS User Guide, "IAM database authentication": a token has a lifetime of 15 minutes. */
const LIFETIME_MAX_S = 900;
const TOKEN_MAX = 16_384;

interface LoginDeps {
  readonly store: Reader;
  readonly credentials: { find(accessKeyId: string): Credential | undefined };
  readonly policy: Pick<PolicyDecider, "current" | "deniedBecause" | "requestKeys">;
  /** Real time, in ms. */
  readonly now: number;
}

/** A login that a server of a database asks about. */
export interface DatabaseLogin {
  readonly instance: DatabaseInstanceRecord;
  readonly user: string;
  /** What the client gave as its password: `HOST:PORT/?Action=connect&DBUser=…`, with a signature in the query. */
  readonly token: string;
}

/**
 * Why a user of a database may not log in with a token; undefined where it may. The token is a URL that is signed for
 * the endpoint of the instance, its region and the user, by a principal of the instance's account that may
 * `rds-db:connect` as this user now.
 * Source: Amazon RDS User Guide, "Connecting to your DB instance using IAM authentication", "Creating and using an IAM
 * policy for IAM database access".
 */
export function loginDeniedBecause(deps: LoginDeps, login: DatabaseLogin): string | undefined {
  try {
    return denial(deps, login);
  } catch (thrown) {
    if (thrown instanceof SignatureError) return thrown.message;
    throw thrown;
  }
}

function denial({ credentials, policy, now }: LoginDeps, login: DatabaseLogin): string | undefined {
  const { instance, user, token } = login;
  if (instance.iamAuthentication !== true || instance.deleting)
    return "IAM database authentication is off for the instance.";
  const request = token.length > TOKEN_MAX ? undefined : requestOf(token);
  if (request === undefined) return "The password is not an authentication token.";
  const host = `${instance.endpointName}:${instance.port}`;
  if (request.headers["host"] !== host.toLowerCase()) return "The token is for another endpoint.";
  const query = new URLSearchParams(request.rawQuery);
  if (only(query, "Action") !== "connect" || only(query, "DBUser") !== user)
    return "The token is for another user.";
  const claim = readClaim(request);
  if (claim?.form !== "presigned" || claim.expiresSeconds === undefined) return "The token is not signed.";
  if (claim.service !== "rds-db" || claim.region !== instance.region)
    return "The token is signed for another service or region.";
  checkClaim(request, claim, { now, alsoSigned: [], lifetimeMaxSeconds: LIFETIME_MAX_S });
  const credential = credentials.find(claim.accessKeyId);
  if (credential === undefined) return "The access key is unknown.";
  const { secretAccessKey, expiresAt } = credential;
  if (credential.token !== claim.token || (expiresAt !== undefined && now >= expiresAt))
    return "The session token is of another access key, or has expired.";
  verifySignature({ request, claim, secretAccessKey, payloadHash: sha256Hex(""), pathIs: "normalized" });
  const principal = policy.current(credential.principal);
  if (principal === undefined || principal.account !== instance.account)
    return "The principal is gone, or of another account.";
  const { account, region } = instance;
  const resource = formatArn("rds-db", instance, `dbuser:${instance.resourceId}/${user}`);
  return policy.deniedBecause(principal, ACTION, resource, () => ({
    "aws:CurrentTime": new Date(now).toISOString(),
    "aws:EpochTime": String(Math.floor(now / 1_000)),
    "aws:SecureTransport": "true",
    ...policy.requestKeys({
      ...{ action: ACTION, resource, input: {}, account, region, headers: request.headers },
      ...{ rawQuery: request.rawQuery, tlsVersion: "TLSv1.3" },
      signed: { form: "presigned", amzDate: claim.amzDate, accessKeyId: claim.accessKeyId },
    }),
  }));
}

/** The request that a token is signed for: `GET /`, to the host and port that it begins with. */
function requestOf(token: string): SignedRequest | undefined {
  const [, host, rawQuery] = /^([A-Za-z0-9.-]+:\d{1,5})\/\?([\x21-\x7e]+)$/.exec(token) ?? [];
  if (host === undefined || rawQuery === undefined) return undefined;
  return { method: "GET", rawPath: "/", rawQuery, headers: { host } };
}

/** The value of a parameter that is given once. */
function only(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  return values.length === 1 ? values[0] : undefined;
}
