import { createPrivateKey } from "node:crypto";
import type { BalancerAuthentication } from "@gantry/agent-protocol";
import { SHARDS_MAX } from "./render-authentication.ts";
import { base64url, EncryptJWT, jwtDecrypt, SignJWT, type JWTPayload } from "jose";

/** What a session's cookie holds, encrypted. */
export interface Session {
  readonly subject: string;
  readonly accessToken: string;
  /** The claims that the user info endpoint returned. */
  readonly claims: JWTPayload;
  /** What renews the access token, and when that expires, in ms since the epoch; where the issuer gave both. */
  readonly renewal?: { readonly refreshToken: string; readonly at: number } | undefined;
}

/** A session of a request. */
export interface KnownSession {
  readonly session: Session;
  /** When it times out, in ms since the epoch. */
  readonly until: number;
}

/** Where a sign-in continues, encrypted in the `state` of the authorization request. */
export interface SignIn {
  readonly url: string;
  /** Also in a cookie of the browser that began the sign-in, and in the id token. */
  readonly nonce: string;
}

/** A sign-in may take this long. Source: "Authenticate users using an Application Load Balancer", login timeout. */
export const SIGN_IN_SECONDS = 900;
/** How long a target may accept what it is told of a user. */
const DATA_SECONDS = 120;
/** Source: "Authenticate users using an Application Load Balancer", cookies of 4 KB, and 16 KB at most. */
const SHARD_LENGTH = 3_800;

/**
 * Tokens of an authentication, encrypted with its key (A256GCM): only this load balancer can read or make
 * them. The audience tells sessions from sign-ins, and the issuer and client bind them to the action.
 */
export async function seal(
  config: BalancerAuthentication,
  kind: "session" | "sign-in",
  { payload, now, seconds }: { readonly payload: object; readonly now: number; readonly seconds: number },
): Promise<string> {
  const at = Math.floor(now / 1_000);
  return new EncryptJWT({ ...payload })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setIssuer(bindingOf(config))
    .setAudience(kind)
    .setIssuedAt(at)
    .setExpirationTime(at + seconds)
    .encrypt(base64url.decode(config.sessionKey));
}

/** The payload of a token that `seal` made; undefined for any other text and after its expiry. */
export async function open(
  config: BalancerAuthentication,
  kind: "session" | "sign-in",
  { token, now }: { readonly token: string; readonly now: number },
): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtDecrypt(token, base64url.decode(config.sessionKey), {
      issuer: bindingOf(config),
      audience: kind,
      currentDate: new Date(now),
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    return payload;
  } catch {
    return undefined;
  }
}

function bindingOf({ issuer, clientId }: BalancerAuthentication): string {
  return `${issuer} ${clientId}`;
}

/** The session in a request's cookies. */
export async function readSession(
  config: BalancerAuthentication,
  cookies: ReadonlyMap<string, string>,
  now: number,
): Promise<KnownSession | undefined> {
  const shards = Array.from(
    { length: SHARDS_MAX },
    (_, index) => cookies.get(`${config.sessionCookieName}-${index}`) ?? "",
  );
  const token = shards.join("");
  if (token === "") return undefined;
  const payload = await open(config, "session", { token, now });
  if (payload === undefined) return undefined;
  const { subject, accessToken, claims, renewal } = payload as unknown as Session; // Decrypted: this program wrote it.
  return { session: { subject, accessToken, claims, renewal }, until: (payload.exp ?? 0) * 1_000 };
}

/**
 * The Set-Cookie headers of a session that times out after these seconds. Errors: where it does not fit into the
 * cookies. One that fits only without what renews it lasts without.
 */
export async function sessionCookies(
  config: BalancerAuthentication,
  session: Session,
  { now, seconds }: { readonly now: number; readonly seconds: number },
): Promise<readonly string[]> {
  const token = await seal(config, "session", { payload: session, now, seconds });
  const shards = Math.ceil(token.length / SHARD_LENGTH);
  if (shards > SHARDS_MAX) {
    if (session.renewal === undefined) throw new Error("The session does not fit into its cookies.");
    return sessionCookies(config, { ...session, renewal: undefined }, { now, seconds });
  }
  return Array.from({ length: SHARDS_MAX }, (_, index) => {
    const part = token.slice(index * SHARD_LENGTH, (index + 1) * SHARD_LENGTH);
    // Shards of an earlier, longer session would damage this one.
    return cookie(`${config.sessionCookieName}-${index}`, part, index < shards ? seconds : 0);
  });
}

export function cookie(name: string, value: string, seconds: number): string {
  return `${name}=${value}; Max-Age=${seconds}; Path=/; Secure; HttpOnly; SameSite=None`;
}

/**
 * The headers that tell a target of the user. Source: "Authenticate users using an Application Load Balancer",
 * user claims encoding and signature verification.
 */
export async function userHeaders(
  config: BalancerAuthentication,
  session: Session,
  { balancerArn, now }: { readonly balancerArn: string; readonly now: number },
): Promise<readonly (readonly [string, string])[]> {
  const exp = Math.floor(now / 1_000) + DATA_SECONDS;
  const data = await new SignJWT({ ...session.claims, exp, iss: config.issuer })
    .setProtectedHeader({
      typ: "JWT",
      alg: "ES256",
      kid: config.signingKeyId,
      iss: config.issuer,
      client: config.clientId,
      signer: balancerArn,
      exp,
    })
    .sign(createPrivateKey(config.signingKey));
  return [
    ["x-amzn-oidc-data", data],
    ["x-amzn-oidc-identity", session.subject],
    ["x-amzn-oidc-accesstoken", session.accessToken],
  ];
}
