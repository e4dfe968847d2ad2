import { generateKeyPairSync } from "node:crypto";
import { request, type IncomingMessage } from "node:http";
import { networkInterfaces } from "node:os";
import type { BalancerAuthentication, BalancersAssignment } from "@gantry/agent-protocol";
import { CLIENT_ID, CLIENT_SECRET, ISSUER, openFakeIssuer } from "@gantry/testkit/fake-issuer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balancer, forward, group, listenerOn } from "../attacks/balancer-builders.ts";
import { openLiveProxy, startTarget } from "./live-proxy.ts";

const ARN = "arn:a";
const PORT = 31_847;
/** The machine's own address: targets on a loopback address are refused. */
const TARGET =
  Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === "IPv4" && !each.internal)?.address ?? "";
const TOKEN_SECONDS = 2;
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
  sessionTimeoutSeconds: 60,
  extraParams: {},
  onUnauthenticatedRequest: "authenticate",
  sessionKey: Buffer.alloc(32, 7).toString("base64url"),
  signingKey: privateKey.export({ type: "pkcs8", format: "pem" }),
  signingKeyId: "11111111-1111-1111-1111-111111111111",
};

function assign(targetPort: number): BalancersAssignment {
  const listener = listenerOn(PORT, { defaultAction: forward, defaultAuthentication: authentication });
  return {
    kind: "balancers",
    key: "balancers",
    balancers: [{ ...balancer("a", listener), addresses: ["127.0.0.79"] }],
    targetGroups: [
      group({
        sourceAddress: TARGET,
        vpcCidrs: [`${TARGET}/32`],
        healthCheck: { ...group().healthCheck, enabled: true, intervalSeconds: 1 },
        targets: [{ address: TARGET, port: targetPort, isNew: false, draining: false }],
      }),
    ],
  };
}

const ask = (port: number, path: string, cookie: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { connection: "close", cookie };
    request({ host: "127.0.0.1", port, path, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response));
    })
      .on("error", reject)
      .end();
  });

const cookiesOf = ({ headers }: IncomingMessage) =>
  (headers["set-cookie"] ?? [])
    .map((each) => each.split(";")[0] ?? "")
    .filter((each) => !each.endsWith("="))
    .join("; ");

describe("a user of a load balancer", () => {
  let issuer: Awaited<ReturnType<typeof openFakeIssuer>>;
  let proxy: Awaited<ReturnType<typeof openLiveProxy>>;
  let target: Awaited<ReturnType<typeof startTarget>>;
  beforeAll(async () => {
    issuer = await openFakeIssuer();
    issuer.answerWith({ expiresIn: TOKEN_SECONDS });
    proxy = await openLiveProxy({ askIssuer: issuer.fetch });
    target = await startTarget();
  });
  afterAll(async () => {
    target.close();
    await proxy.close();
  });

  it("signs in, keeps a session that is renewed, and signs in again once the issuer has ended it", async () => {
    await proxy.apply(assign(target.port));
    const port = await proxy.hostPort(ARN, PORT);
    const statusOf = async () => (await ask(port, "/", "").catch(() => undefined))?.statusCode;
    await expect.poll(statusOf, { timeout: 10_000 }).toBe(302);
    const begun = await ask(port, "/", "");
    const { code, state } = issuer.authorize(begun.headers.location ?? "");
    const query = new URLSearchParams({ code, state }).toString();
    const done = await ask(port, `/oauth2/idpresponse?${query}`, cookiesOf(begun));
    expect([done.statusCode, done.headers.location]).toEqual([302, `https://127.0.0.1:${port}/`]);
    const first = cookiesOf(done);
    const statusWith = async (cookie: string) => (await ask(port, "/", cookie)).statusCode;
    await expect.poll(() => statusWith(first), { timeout: 10_000 }).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, TOKEN_SECONDS * 1_000));
    const renewed = await ask(port, "/", first);
    expect(renewed.statusCode).toBe(200);
    expect(cookiesOf(renewed)).toMatch(/^AWSELBAuthSessionCookie-0=/);
    await new Promise((resolve) => setTimeout(resolve, TOKEN_SECONDS * 1_000));
    issuer.revoke();
    expect((await ask(port, "/", cookiesOf(renewed))).statusCode).toBe(302);
    expect((await ask(port, "/", "AWSELBAuthSessionCookie-0=x")).statusCode).toBe(302);
  });
});
