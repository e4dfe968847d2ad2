import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from "jose";

export const ISSUER = "https://issuer.example";
export const CLIENT_ID = "client";
export const CLIENT_SECRET = "client-secret-4711";

/** The issuer's answers that a test replaces. */
export interface IssuerFaults {
  readonly idToken?: JWTPayload;
  readonly userInfo?: Readonly<Record<string, unknown>>;
  /** Signs with a key that the issuer does not publish. */
  readonly signsWithOtherKey?: boolean;
  /** Gives refresh tokens, each for one use, and access tokens that expire after these seconds. */
  readonly expiresIn?: number;
}

/** An OpenID Connect issuer that answers in this process; its endpoints are below its origin. */
export async function openFakeIssuer(origin = ISSUER) {
  const [own, other] = [
    await generateKeyPair("ES256", { extractable: true }),
    await generateKeyPair("ES256", { extractable: true }),
  ];
  const codes = new Map<string, { nonce: string; redirectUri: string }>();
  let faults: IssuerFaults = {};
  let count = 0;
  const issued = issuedTokens();
  const answers: Readonly<Record<string, (init: RequestInit) => Promise<unknown>>> = {
    "/.well-known/openid-configuration": () =>
      Promise.resolve({ issuer: origin, jwks_uri: `${origin}/keys` }),
    "/keys": async () => ({ keys: [{ ...(await exportJWK(own.publicKey)), kid: "1", alg: "ES256" }] }),
    "/token": async (init) => {
      const credentials = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString("base64");
      if (new Headers(init.headers).get("authorization") !== `Basic ${credentials}`) return undefined;
      const form = new URLSearchParams(typeof init.body === "string" ? init.body : "");
      if (form.get("grant_type") === "refresh_token")
        return issued.isRenewed(form) ? issued.next(faults.expiresIn) : undefined;
      const given = String(form.get("code"));
      const code = codes.get(given);
      codes.delete(given);
      if (code === undefined || form.get("redirect_uri") !== code.redirectUri) return undefined;
      const idToken = await new SignJWT({ nonce: code.nonce, sub: "ann", ...faults.idToken })
        .setProtectedHeader({ alg: "ES256", kid: "1" })
        .setIssuer(faults.idToken?.iss ?? origin)
        .setAudience(faults.idToken?.aud ?? CLIENT_ID)
        .setIssuedAt()
        .setExpirationTime(faults.idToken?.exp ?? "5m")
        .sign(faults.signsWithOtherKey === true ? other.privateKey : own.privateKey);
      return { ...issued.next(faults.expiresIn), id_token: idToken };
    },
    "/userinfo": (init) =>
      Promise.resolve(
        issued.isKnown(new Headers(init.headers).get("authorization"))
          ? { sub: "ann", email: "ann@example.com", ...faults.userInfo }
          : undefined,
      ),
  };
  return {
    /** Signs a user in as the browser's visit of the authorization endpoint does, and returns the code. */
    authorize(location: string): { readonly code: string; readonly state: string } {
      const query = new URL(location).searchParams;
      const code = `code-${(count += 1)}`;
      codes.set(code, { nonce: query.get("nonce") ?? "", redirectUri: query.get("redirect_uri") ?? "" });
      return { code, state: query.get("state") ?? "" };
    },
    /** Revokes the refresh tokens that it has given. */
    revoke: () => issued.revoke(),
    answerWith: (changed: IssuerFaults) => void (faults = changed),
    fetch: (async (input, init = {}) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const value = url.origin === origin ? await answers[url.pathname]?.(init) : undefined;
      return value === undefined ? new Response("no", { status: 400 }) : Response.json(value);
    }) satisfies typeof fetch,
  };
}

/** The access tokens and refresh tokens that an issuer has given. */
function issuedTokens() {
  const authorizations = new Set<string>();
  const refreshTokens = new Set<string>();
  let count = 0;
  return {
    next(expiresIn: number | undefined): Readonly<Record<string, unknown>> {
      count += 1;
      authorizations.add(`Bearer access-${count}`);
      const answer = { access_token: `access-${count}`, token_type: "Bearer" };
      if (expiresIn === undefined) return answer;
      refreshTokens.add(`refresh-${count}`);
      return { ...answer, refresh_token: `refresh-${count}`, expires_in: expiresIn };
    },
    isKnown: (authorization: string | null) => authorization !== null && authorizations.has(authorization),
    /** Whether the form has a refresh token, which is used up. */
    isRenewed: (form: URLSearchParams) => refreshTokens.delete(String(form.get("refresh_token"))),
    revoke: () => refreshTokens.clear(),
  };
}
