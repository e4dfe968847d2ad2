import { generateKeyPairSync } from "node:crypto";
import { AuthenticationServer } from "@gantry/agent/haproxy/authentication/authentication-server";
import type { Balancer, BalancerAuthentication, BalancersAssignment } from "@gantry/agent-protocol";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { CLIENT_ID, CLIENT_SECRET, ISSUER, openFakeIssuer } from "@gantry/testkit/fake-issuer";
import { afterAll, beforeAll, expect, it } from "vitest";
import { balancer, forward, group, listenerOn } from "./balancer-builders.ts";
import { get, openRealProxy, statusOf } from "./real-proxy.ts";

const PORT = 8_001;
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const authentication: BalancerAuthentication = {
  issuer: ISSUER,
  authorizationEndpoint: `${ISSUER}/authorize`,
  tokenEndpoint: `${ISSUER}/token`,
  userInfoEndpoint: `${ISSUER}/userinfo`,
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  sessionCookieName: "AWSELBAuthSessionCookie",
  scope: "openid",
  sessionTimeoutSeconds: 3_600,
  extraParams: {},
  onUnauthenticatedRequest: "authenticate",
  sessionKey: Buffer.alloc(32, 7).toString("base64url"),
  signingKey: privateKey.export({ type: "pkcs8", format: "pem" }),
  signingKeyId: "11111111-1111-1111-1111-111111111111",
};
const served: Balancer = balancer(
  "a",
  listenerOn(PORT, {
    defaultAction: forward,
    rules: [
      {
        priority: 1,
        conditions: [{ field: "path-pattern", values: ["/private/*"] }],
        action: forward,
        authentication,
      },
      {
        priority: 2,
        conditions: [{ field: "path-pattern", values: ["/denied/*"] }],
        action: forward,
        authentication: { ...authentication, onUnauthenticatedRequest: "deny" },
      },
      {
        priority: 3,
        conditions: [{ field: "path-pattern", values: ["/open/*"] }],
        action: forward,
        authentication: { ...authentication, onUnauthenticatedRequest: "allow" },
      },
    ],
  }),
);
const assignment: BalancersAssignment = {
  kind: "balancers",
  key: "balancers",
  balancers: [served],
  targetGroups: [group({})],
};

let proxy: Awaited<ReturnType<typeof openRealProxy>>;
let server: AuthenticationServer;
let issuer: Awaited<ReturnType<typeof openFakeIssuer>>;
beforeAll(async () => {
  issuer = await openFakeIssuer();
  proxy = await openRealProxy();
  const deps = { clock: new SystemClock(), ids: randomIds(), log: silentLogger, fetch: issuer.fetch };
  server = new AuthenticationServer(deps);
  await server.use(assignment, proxy.folder);
  await proxy.serve(assignment);
});
afterAll(async () => {
  server.close();
  await proxy.close();
});

async function ask(path: string, headers: Readonly<Record<string, string>> = {}) {
  const [answer] = await proxy.request(get(PORT, path, headers));
  const said = answer?.said ?? "";
  const all = (name: string) =>
    [...said.matchAll(new RegExp(`^${name}: (.*?)\\r$`, "gim"))].map(([, value = ""]) => value);
  return { status: statusOf(answer), said, location: all("location")[0] ?? "", cookies: all("set-cookie") };
}
const pairs = (cookies: readonly string[]) =>
  cookies
    .map((each) => each.split(";")[0] ?? "")
    .filter((each) => !each.endsWith("="))
    .join("; ");

// Before: a listener could not authenticate users.
it("signs users in, and lets nobody else and no forged header through", async () => {
  expect(proxy.acceptance.leftOutOf(assignment)).toEqual([]);
  const claimed = { "x-amzn-oidc-identity": "root", "x-amzn-oidc-data": "x", "x-amzn-oidc-accesstoken": "x" };
  const started = await ask("/private/a?b=c", claimed);
  expect(started.status).toBe(302);
  expect(started.location).toContain(`${ISSUER}/authorize?`);
  expect((await ask("/denied/a", claimed)).status).toBe(401);
  for (const path of ["/open/a", "/elsewhere"]) {
    const passed = await ask(path, claimed);
    expect(passed.status).toBe(200);
    expect(passed.said).not.toMatch(/x-amzn-oidc/);
  }

  const begun = issuer.authorize(started.location);
  const callback = `/oauth2/idpresponse?${new URLSearchParams(begun).toString()}`;
  expect((await ask(callback)).status).toBe(401);
  const completed = await ask(callback, { cookie: pairs(started.cookies) });
  expect(completed).toMatchObject({ status: 302, location: "https://a.elb.localhost/private/a?b=c" });

  const cookie = pairs(completed.cookies);
  const private1 = await ask("/private/a", { cookie, ...claimed });
  expect(private1.status).toBe(200);
  const body = /\{.*\}/s.exec(private1.said)?.[0] ?? "{}";
  expect((JSON.parse(body) as { headers: object }).headers).toMatchObject({
    "x-amzn-oidc-identity": "ann",
    "x-amzn-oidc-accesstoken": "access-1",
    "x-amzn-oidc-data": expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
  });
  const [name = "", token = ""] = cookie.split("=");
  const forged = `${name}=${token.slice(0, -3)}AAA`;
  expect((await ask("/private/a", { cookie: forged })).status).toBe(302);
  expect((await ask("/denied/a", { cookie: forged })).status).toBe(401);
});

it("refuses requests while the agent does not answer", async () => {
  server.close();
  expect((await ask("/private/a")).status).toBe(503);
  expect((await ask("/open/a")).status).toBe(503);
  expect((await ask("/elsewhere")).status).toBe(200);
});
