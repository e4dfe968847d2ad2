import { generateKeyPairSync } from "node:crypto";
import type { BalancerAuthentication } from "@gantry/agent-protocol";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { CLIENT_ID, CLIENT_SECRET, ISSUER, openFakeIssuer } from "@gantry/testkit/fake-issuer";
import { decodeJwt, jwtVerify } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { Renewals } from "./renewals.ts";
import { authenticate, completeSignIn, type UserRequest, type Verdict } from "./authenticate.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const config: BalancerAuthentication = {
  issuer: ISSUER,
  authorizationEndpoint: `${ISSUER}/authorize?tenant=1`,
  tokenEndpoint: `${ISSUER}/token`,
  userInfoEndpoint: `${ISSUER}/userinfo`,
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  sessionCookieName: "AWSELBAuthSessionCookie",
  scope: "openid email",
  sessionTimeoutSeconds: 3_600,
  extraParams: { prompt: "login" },
  onUnauthenticatedRequest: "authenticate",
  sessionKey: Buffer.alloc(32, 7).toString("base64url"),
  signingKey: privateKey.export({ type: "pkcs8", format: "pem" }),
  signingKeyId: "11111111-1111-1111-1111-111111111111",
};
const other = { ...config, sessionKey: Buffer.alloc(32, 8).toString("base64url") };

let issuer: Awaited<ReturnType<typeof openFakeIssuer>>;
let now = 0;
beforeEach(async () => {
  issuer = await openFakeIssuer();
  now = Date.now();
  renewals = new Renewals();
});
let renewals = new Renewals();
const deps = () => ({
  renewals,
  clock: Object.assign(new SystemClock(), { now: () => now }),
  ids: randomIds(),
  log: silentLogger,
  fetch: issuer.fetch,
});
const request = (more: Partial<UserRequest> = {}): UserRequest => ({
  balancerArn: "arn:lb",
  host: "app.example",
  path: "/inbox?page=2",
  cookie: "",
  ...more,
});
const headersOf = (verdict: Verdict, name: string) =>
  verdict.headers.filter(([each]) => each === name).map(([, value]) => value);
const cookiesOf = (verdict: Verdict) =>
  headersOf(verdict, "set-cookie")
    .map((each) => each.split(";")[0] ?? "")
    .filter((each) => !each.endsWith("="))
    .join("; ");

/** Begins a sign-in in a browser. */
async function begin() {
  const started = await authenticate(deps(), config, request());
  const [location = ""] = headersOf(started, "location");
  return { cookie: cookiesOf(started), location, ...issuer.authorize(location) };
}
const complete = (
  more: { state: string; code: string; cookie: string },
  ...configs: BalancerAuthentication[]
) =>
  completeSignIn(
    deps(),
    configs.length === 0 ? [config] : configs,
    request({
      path: `/oauth2/idpresponse?${new URLSearchParams({ code: more.code, state: more.state }).toString()}`,
      cookie: more.cookie,
    }),
  );
async function signedIn(): Promise<string> {
  return cookiesOf(await complete(await begin()));
}
const answered = (status: number) => expect.objectContaining({ type: "answer", status });

describe("a sign-in", () => {
  it("leads to the issuer and back, and tells the target of the user", async () => {
    const { location, ...begun } = await begin();
    expect(Object.fromEntries(new URL(location).searchParams)).toMatchObject({
      tenant: "1",
      prompt: "login",
      client_id: CLIENT_ID,
      redirect_uri: "https://app.example/oauth2/idpresponse",
      response_type: "code",
      scope: "openid email",
    });
    const completed = await complete(begun);
    expect(completed).toEqual(answered(302));
    expect(headersOf(completed, "location")).toEqual(["https://app.example/inbox?page=2"]);
    const cookie = cookiesOf(completed);
    expect(cookie).toMatch(/^AWSELBAuthSessionCookie-0=[\w.-]+$/);
    expect(JSON.stringify(headersOf(completed, "set-cookie"))).not.toContain("access-1");
    const verdict = await authenticate(deps(), config, request({ cookie }));
    expect(verdict.type).toBe("continue");
    expect(headersOf(verdict, "x-amzn-oidc-identity")).toEqual(["ann"]);
    expect(headersOf(verdict, "x-amzn-oidc-accesstoken")).toEqual(["access-1"]);
    const [data = ""] = headersOf(verdict, "x-amzn-oidc-data");
    const { payload, protectedHeader } = await jwtVerify(data, publicKey);
    expect(payload).toMatchObject({ sub: "ann", email: "ann@example.com", iss: ISSUER });
    expect(protectedHeader).toMatchObject({ alg: "ES256", kid: config.signingKeyId, signer: "arn:lb" });
  });

  it("is asked for again after the session's timeout", async () => {
    const cookie = await signedIn();
    now += 3_601_000;
    expect(await authenticate(deps(), config, request({ cookie }))).toEqual(answered(302));
  });

  it("is not asked for where the action denies or allows", async () => {
    const as = (onUnauthenticatedRequest: "allow" | "deny") =>
      authenticate(deps(), { ...config, onUnauthenticatedRequest }, request());
    expect(await as("deny")).toEqual(answered(401));
    expect(await as("allow")).toEqual({ type: "continue", headers: [] });
  });

  it("spreads a large session over several cookies", async () => {
    issuer.answerWith({ userInfo: { groups: "g".repeat(6_000) } });
    const cookie = await signedIn();
    expect(cookie).toContain("AWSELBAuthSessionCookie-2=");
    const verdict = await authenticate(deps(), config, request({ cookie }));
    expect(decodeJwt(headersOf(verdict, "x-amzn-oidc-data")[0] ?? "")["groups"]).toHaveLength(6_000);
  });
});

describe("a session with a refresh token", () => {
  const tokenOf = (verdict: Verdict) => headersOf(verdict, "x-amzn-oidc-accesstoken")[0];
  beforeEach(() => issuer.answerWith({ expiresIn: 300 }));

  it("is renewed once for all requests when its access token expires, and does not last longer", async () => {
    const cookie = await signedIn();
    now += 299_000;
    const before = await authenticate(deps(), config, request({ cookie }));
    expect([tokenOf(before), cookiesOf(before)]).toEqual(["access-1", ""]);
    now += 2_000;
    const ask = (given: string) => authenticate(deps(), config, request({ cookie: given }));
    const renewed = await Promise.all([ask(cookie), ask(cookie)]);
    expect([...renewed, await ask(cookie)].map(tokenOf)).toEqual(["access-2", "access-2", "access-2"]);
    const [next = ""] = renewed.map(cookiesOf);
    expect(tokenOf(await ask(next))).toBe("access-2");
    now += 301_000;
    expect(tokenOf(await ask(next))).toBe("access-3");
    now += 3_000_000;
    expect(await ask(next)).toEqual(answered(302));
  });

  it("ends where the issuer does not renew it, or tells of another user", async () => {
    const [cookie, another] = [await signedIn(), await signedIn()];
    now += 301_000;
    issuer.answerWith({ expiresIn: 300, userInfo: { sub: "bob" } });
    expect(await authenticate(deps(), config, request({ cookie: another }))).toEqual(answered(302));
    issuer.answerWith({ expiresIn: 300 });
    issuer.revoke();
    expect(await authenticate(deps(), config, request({ cookie }))).toEqual(answered(302));
  });
});

describe("a refused sign-in", () => {
  it("has a reason for the access log", async () => {
    const reasonOf = (verdict: Verdict) => headersOf(verdict, "error-reason")[0];
    const refusals = [
      [{ idToken: { aud: "another" } }, "AuthInvalidIdToken"],
      [{ userInfo: { sub: "bob" } }, "AuthInvalidUserinfoResponse"],
    ] as const;
    for (const [fault, reason] of refusals) {
      issuer.answerWith(fault);
      expect(reasonOf(await complete(await begin()))).toBe(reason);
    }
    issuer.answerWith({});
    const begun = await begin();
    expect(reasonOf(await complete({ ...begun, code: "forged" }))).toBe("AuthTokenEpRequestFailed");
    expect(reasonOf(await complete({ ...begun, cookie: "" }))).toBe("AuthInvalidAWSALBAuthNonce");
    expect(reasonOf(await complete({ ...begun, state: "" }))).toBe("AuthMissingStateParam");
    expect(reasonOf(await complete({ ...begun, state: "x" }))).toBe("AuthInvalidStateParam");
    expect(reasonOf(await complete({ ...begun, code: "" }))).toBe("AuthMissingAuthorizationCode");
    expect(reasonOf(await authenticate(deps(), config, request({ host: "" })))).toBe("AuthMissingHostHeader");
  });
});

// Before: rules could not authenticate users; each test fails without the check that it names.
describe("an attacker", () => {
  it("cannot forge a session, nor use one of another load balancer", async () => {
    const cookie = await signedIn();
    const [name = "", token = ""] = cookie.split("=");
    const parts = token.split(".");
    const changed = [...parts.slice(0, 3), `A${parts[3]?.slice(1)}`, parts[4]].join(".");
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.e30.`;
    for (const forged of [changed, unsigned, token.slice(0, -4), "x"])
      expect(await authenticate(deps(), config, request({ cookie: `${name}=${forged}` }))).toEqual(
        answered(302),
      );
    expect(await authenticate(deps(), other, request({ cookie }))).toEqual(answered(302));
  });

  it("cannot use the state of a sign-in as a session", async () => {
    const { state } = await begin();
    const cookie = `AWSELBAuthSessionCookie-0=${state}`;
    expect(await authenticate(deps(), config, request({ cookie }))).toEqual(answered(302));
  });

  it("cannot complete a sign-in in another browser, and so not sign a victim in as the attacker", async () => {
    const [attacker, victim] = [await begin(), await begin()];
    expect(await complete({ ...attacker, cookie: "" })).toEqual(answered(401));
    expect(await complete({ ...attacker, cookie: victim.cookie })).toEqual(answered(401));
  });

  it("cannot use a code that was issued for another sign-in", async () => {
    const [attacker, victim] = [await begin(), await begin()];
    expect(await complete({ ...victim, code: attacker.code })).toEqual(answered(561));
  });

  it("cannot replay a sign-in, nor complete one that is too old", async () => {
    const begun = await begin();
    expect(await complete(begun)).toEqual(answered(302));
    expect(await complete(begun)).toEqual(answered(561));
    const late = await begin();
    now += 901_000;
    expect(await complete(late)).toEqual(answered(401));
  });

  it("cannot send a user elsewhere: the address to continue at is in the sealed state", async () => {
    const begun = await begin();
    expect(await complete({ ...begun, state: `${begun.state}x` })).toEqual(answered(401));
    expect(await complete(begun, other)).toEqual(answered(401));
    for (const host of ["evil.example/x", "a@evil.example", "evil.example\\", ""])
      expect(await authenticate(deps(), config, request({ host }))).toEqual(answered(400));
    const [location = ""] = headersOf(
      await authenticate(deps(), config, request({ path: "//evil.example/" })),
      "location",
    );
    expect(new URL(location).origin).toBe(ISSUER);
  });

  it("cannot sign in with an id token that the issuer did not sign for this client and sign-in", async () => {
    const faults = [
      { signsWithOtherKey: true },
      { idToken: { aud: "another" } },
      { idToken: { iss: "https://another.example" } },
      { idToken: { nonce: "0" } },
      { idToken: { exp: 1 } },
      { userInfo: { sub: "bob" } },
      { userInfo: { sub: "ann\r\nx-admin: 1" } },
    ];
    for (const fault of faults) {
      issuer.answerWith(fault);
      expect(await complete(await begin())).toEqual(answered(561));
    }
  });
});
