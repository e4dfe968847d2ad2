import { timingSafeEqual } from "node:crypto";
import type { BalancerAuthentication } from "@gantry/agent-protocol";
import { messageOf, type Clock, type Ids, type Logger } from "@gantry/kernel";
import { cookie, open, readSession, seal, sessionCookies, SIGN_IN_SECONDS, userHeaders } from "./sessions.ts";
import { CALLBACK_PATH, ERROR_REASON } from "./render-authentication.ts";
import type { Fetch } from "./issuer-fetch.ts";
import type { Renewals } from "./renewals.ts";
import { exchangeCode, SignInError } from "./token-exchange.ts";

const NONCE_COOKIE = "AWSALBAuthNonce";
const NONCE_DIGITS = 32;
const HOST = /^[A-Za-z0-9.-]+(?::\d{1,5})?$/;
/** The status of a sign-in that the issuer refuses. Source: "Troubleshoot your Application Load Balancers". */
const ISSUER_FAILED = 561;

export interface AuthenticateDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly fetch: Fetch;
  readonly renewals: Renewals;
}

/** A request to a rule with an authentication. */
export interface UserRequest {
  readonly balancerArn: string;
  readonly host: string;
  /** With the query. */
  readonly path: string;
  readonly cookie: string;
}

export type Verdict =
  /** The headers are the request's, but for `set-cookie`, which is for its response. */
  | { readonly type: "continue"; readonly headers: readonly (readonly [string, string])[] }
  | {
      readonly type: "answer";
      readonly status: number;
      readonly headers: readonly (readonly [string, string])[];
    };

/** A refusal. `reason` is its code in the access log, which the proxy does not send to the client. */
const refusal = (status: number, reason: string): Verdict => answer(status, [[ERROR_REASON, reason]]);

const answer = (status: number, headers: readonly (readonly [string, string])[] = []): Verdict => ({
  type: "answer",
  status,
  headers: [["cache-control", "no-store"], ...headers],
});

/** Decides about a request: it continues with its session's user, or is treated as the action says. */
export async function authenticate(
  deps: AuthenticateDeps,
  config: BalancerAuthentication,
  request: UserRequest,
): Promise<Verdict> {
  const now = deps.clock.now();
  const known = await readSession(config, cookiesOf(request.cookie), now);
  const session = known === undefined ? undefined : await deps.renewals.current(deps, config, known);
  if (known !== undefined && session !== undefined) {
    const { balancerArn } = request;
    const headers = await userHeaders(config, session, { balancerArn, now });
    if (session === known.session) return { type: "continue", headers };
    // A renewal does not extend the session.
    const seconds = Math.max(1, Math.floor((known.until - now) / 1_000));
    const cookies = await sessionCookies(config, session, { now, seconds });
    return {
      type: "continue",
      headers: [...headers, ...cookies.map((each) => ["set-cookie", each] as const)],
    };
  }
  switch (config.onUnauthenticatedRequest) {
    case "allow":
      return { type: "continue", headers: [] };
    case "deny":
      return answer(401);
    case "authenticate":
      return signIn(deps, config, request);
  }
}

async function signIn(
  { clock, ids }: AuthenticateDeps,
  config: BalancerAuthentication,
  { host, path }: UserRequest,
): Promise<Verdict> {
  if (host === "") return refusal(400, "AuthMissingHostHeader");
  if (!HOST.test(host) || !path.startsWith("/")) return answer(400);
  const nonce = ids.hex(NONCE_DIGITS);
  const payload = { url: `https://${host}${path}`, nonce };
  const state = await seal(config, "sign-in", { payload, now: clock.now(), seconds: SIGN_IN_SECONDS });
  const url = new URL(config.authorizationEndpoint);
  const own = {
    client_id: config.clientId,
    redirect_uri: `https://${host}${CALLBACK_PATH}`,
    response_type: "code",
    scope: config.scope,
    state,
    nonce,
  };
  for (const [name, value] of Object.entries({ ...config.extraParams, ...own }))
    url.searchParams.set(name, value);
  return answer(302, [
    ["location", url.href],
    ["set-cookie", cookie(NONCE_COOKIE, nonce, SIGN_IN_SECONDS)],
  ]);
}

/**
 * Completes a sign-in. The state must be one of this load balancer's, and the browser the one that began the
 * sign-in: it has the nonce in a cookie, which the answer removes. The address to continue at comes from the
 * state, not from the request.
 */
export async function completeSignIn(
  deps: AuthenticateDeps,
  configs: readonly BalancerAuthentication[],
  { host, path, cookie: cookies }: UserRequest,
): Promise<Verdict> {
  const now = deps.clock.now();
  const query = new URLSearchParams(path.slice(CALLBACK_PATH.length));
  const [state, code] = [query.get("state") ?? "", query.get("code") ?? ""];
  if (state === "") return refusal(401, "AuthMissingStateParam");
  for (const config of configs) {
    const payload = await open(config, "sign-in", { token: state, now });
    if (payload === undefined) continue;
    // Decrypted: this program wrote it.
    const { url, nonce } = payload as { readonly url: string; readonly nonce: string };
    if (!isSame(cookiesOf(cookies).get(NONCE_COOKIE) ?? "", nonce))
      return refusal(401, "AuthInvalidAWSALBAuthNonce");
    if (new URL(url).host !== new URL(`https://${host}`).host) return refusal(401, "AuthInvalidStateParam");
    if (query.has("error")) return answer(ISSUER_FAILED);
    if (code === "") return refusal(400, "AuthMissingAuthorizationCode");
    try {
      const redirectUri = `https://${host}${CALLBACK_PATH}`;
      const session = await exchangeCode(config, { code, redirectUri, nonce, now }, deps.fetch);
      const seconds = config.sessionTimeoutSeconds;
      const kept = await sessionCookies(config, session, { now, seconds });
      return answer(302, [
        ["location", url],
        ...kept.map((each) => ["set-cookie", each] as const),
        ["set-cookie", cookie(NONCE_COOKIE, "", 0)],
      ]);
    } catch (thrown) {
      deps.log.warn("A user could not be signed in", { issuer: config.issuer, reason: messageOf(thrown) });
      return refusal(ISSUER_FAILED, thrown instanceof SignInError ? thrown.reason : "AuthUnhandledException");
    }
  }
  return refusal(401, "AuthInvalidStateParam");
}

function isSame(given: string, expected: string): boolean {
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

/** The first cookie of each name. */
function cookiesOf(header: string): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const part of header.split(";")) {
    const at = part.indexOf("=");
    const name = part.slice(0, at).trim();
    if (at > 0 && !cookies.has(name)) cookies.set(name, part.slice(at + 1).trim());
  }
  return cookies;
}
