import type { BalancerAuthentication } from "@gantry/agent-protocol";
import { isObject, messageOf } from "@gantry/kernel";
import { createRemoteJWKSet, customFetch, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose";
import { bounded, type Fetch } from "./issuer-fetch.ts";
import type { Session } from "./sessions.ts";

/** An issuer that does not answer must not keep the sign-in waiting. */
const ANSWER_MS_MAX = 10_000;
const ANSWER_BYTES_MAX = 256 * 1024;
/** Symmetric signatures and unsigned tokens are refused: the issuer's published keys verify the id token. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** A failed sign-in, with its code in the access log. */
export class SignInError extends Error {
  readonly reason: string;

  constructor(reason: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.reason = reason;
  }
}

/** An issuer's endpoint, as the error reasons of access logs name it. */
type Endpoint = "Token" | "Userinfo";

/**
 * Exchanges the code of a sign-in for a session: the token endpoint gives the tokens, the keys that the issuer
 * publishes verify the id token, and the user info endpoint gives the claims. Errors: SignInError where the
 * issuer refuses or an answer is not valid; the message contains no secret.
 * Source: OpenID Connect Core 1.0, 3.1.3 and 5.3; "Access log entries", error reason codes.
 */
export async function exchangeCode(
  config: BalancerAuthentication,
  given: {
    readonly code: string;
    readonly redirectUri: string;
    readonly nonce: string;
    readonly now: number;
  },
  unbounded: Fetch,
): Promise<Session> {
  const request = bounded(unbounded, ANSWER_BYTES_MAX);
  const tokens = await askTokens(request, config, {
    grant_type: "authorization_code",
    code: given.code,
    redirect_uri: given.redirectUri,
  });
  const [accessToken, token] = await failingAs("AuthInvalidTokenResponse", () => [
    textOf(tokens, "access_token"),
    textOf(tokens, "id_token"),
  ]);
  const idToken = await failingAs("AuthInvalidIdToken", () => verifyIdToken(config, token, given, request));
  const claims = await askClaims(request, config, { accessToken, subject: idToken.sub });
  return {
    subject: textOf(claims, "sub"),
    accessToken,
    claims,
    renewal: renewalOf(tokens, undefined, given.now),
  };
}

/**
 * Renews a session by its refresh token: the same user's, with a new access token and claims. Errors: SignInError
 * where the issuer refuses or an answer is not valid.
 * Source: OpenID Connect Core 1.0, 12.1; "Authenticate users using an Application Load Balancer", session timeout.
 */
export async function renewSession(
  config: BalancerAuthentication,
  {
    session,
    refreshToken,
    now,
  }: { readonly session: Session; readonly refreshToken: string; readonly now: number },
  unbounded: Fetch,
): Promise<Session> {
  const request = bounded(unbounded, ANSWER_BYTES_MAX);
  const tokens = await askTokens(request, config, {
    grant_type: "refresh_token",
    refresh_token: refreshToken,
  });
  const accessToken = await failingAs("AuthInvalidTokenResponse", () => textOf(tokens, "access_token"));
  const { subject } = session;
  const claims = await askClaims(request, config, { accessToken, subject });
  return { subject, accessToken, claims, renewal: renewalOf(tokens, refreshToken, now) };
}

/** What an answer of the token endpoint renews its access token with; an issuer may keep the refresh token. */
function renewalOf(
  tokens: Readonly<Record<string, unknown>>,
  known: string | undefined,
  now: number,
): Session["renewal"] {
  const { refresh_token: refreshToken = known, expires_in: seconds } = tokens;
  if (typeof refreshToken !== "string" || refreshToken === "") return undefined;
  if (typeof seconds !== "number" || !(seconds > 0)) return undefined;
  return { refreshToken, at: now + seconds * 1_000 };
}

function askTokens(
  request: Fetch,
  config: BalancerAuthentication,
  form: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, unknown>>> {
  const credentials = [config.clientId, config.clientSecret].map(formEncoded).join(":");
  return askEndpoint("Token", () =>
    askIssuer(request, config.tokenEndpoint, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams(form).toString(),
    }),
  );
}

/** The claims of the user, who must be the one of the id token. Source: OpenID Connect Core 1.0, 5.3.2. */
async function askClaims(
  request: Fetch,
  config: BalancerAuthentication,
  { accessToken, subject }: { readonly accessToken: string; readonly subject: string | undefined },
): Promise<JWTPayload> {
  const claims = await askEndpoint("Userinfo", () =>
    askIssuer(request, config.userInfoEndpoint, { headers: { authorization: `Bearer ${accessToken}` } }),
  );
  return failingAs("AuthInvalidUserinfoResponse", () => {
    if (textOf(claims, "sub") !== subject)
      throw new Error("The user info is of another user than the id token.");
    return claims;
  });
}

async function failingAs<T>(reason: string, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (thrown) {
    throw new SignInError(reason, thrown);
  }
}

async function askEndpoint<T>(endpoint: Endpoint, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    const isLate = thrown instanceof Error && thrown.name === "TimeoutError";
    throw new SignInError(`Auth${endpoint}EpRequest${isLate ? "Timeout" : "Failed"}`, thrown);
  }
}

async function verifyIdToken(
  config: BalancerAuthentication,
  token: string,
  { nonce, now }: { readonly nonce: string; readonly now: number },
  request: Fetch,
): Promise<JWTPayload> {
  const discovery = await askIssuer(
    request,
    `${config.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
    {},
  );
  const jwks = URL.parse(textOf(discovery, "jwks_uri"));
  if (jwks?.protocol !== "https:") throw new Error("The issuer does not publish its keys over HTTPS.");
  const keys = createRemoteJWKSet(jwks, { timeoutDuration: ANSWER_MS_MAX, [customFetch]: request });
  const options: JWTVerifyOptions = {
    issuer: config.issuer,
    audience: config.clientId,
    algorithms: ALGORITHMS,
    currentDate: new Date(now),
    clockTolerance: 30,
    requiredClaims: ["sub", "exp", "iat"],
  };
  const { payload } = await jwtVerify(token, keys, options);
  if (payload["nonce"] !== nonce) throw new Error("The id token belongs to another sign-in.");
  return payload;
}

/** Asks an endpoint of the issuer for a JSON object. Redirects are not followed. */
async function askIssuer(
  request: Fetch,
  url: string,
  init: RequestInit,
): Promise<Readonly<Record<string, unknown>>> {
  const { host } = new URL(url);
  const response = await request(url, {
    ...init,
    redirect: "error",
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  if (!response.ok) throw new Error(`${host} answered ${response.status}.`);
  const value: unknown = await response.json();
  if (!isObject(value)) throw new Error(`${host} did not answer with a JSON object.`);
  return value;
}

function textOf(answer: Readonly<Record<string, unknown>>, name: string): string {
  const value = answer[name];
  if (typeof value !== "string" || value === "") throw new Error(`The issuer's answer has no '${name}'.`);
  // It becomes the value of a header.
  if (!/^[\u0021-\u007e]+(?: [\u0021-\u007e]+)*$/.test(value))
    throw new Error(`The '${name}' of the issuer's answer is not printable.`);
  return value;
}

/** Source: RFC 6749, 2.3.1: the credentials are form-encoded before they are joined. */
function formEncoded(text: string): string {
  return new URLSearchParams({ t: text }).toString().slice("t=".length);
}
