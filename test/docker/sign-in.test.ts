import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage } from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { BalancerAuthentication, BalancersAssignment } from "@gantry/agent-protocol";
import { CLIENT_ID, CLIENT_SECRET, ISSUER, openFakeIssuer } from "@gantry/testkit/fake-issuer";
import { newAuthority, openAuthority } from "@gantry/tls";
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
const authenticationBy = (issuer: string): BalancerAuthentication => ({
  issuer,
  authorizationEndpoint: `${issuer}/authorize`,
  tokenEndpoint: `${issuer}/token`,
  userInfoEndpoint: `${issuer}/userinfo`,
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
});

function assign(targetPort: number, issuer = ISSUER): BalancersAssignment {
  const defaultAuthentication = authenticationBy(issuer);
  const listener = listenerOn(PORT, { defaultAction: forward, defaultAuthentication });
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

/** An issuer that is a program of its own, with a certificate that this process trusts. */
async function startIssuer() {
  const folder = mkdtempSync(join(tmpdir(), "gantry-issuer-"));
  const authority = openAuthority(await newAuthority(Date.now()));
  const { certificatePem, chainPem, keyPem } = await authority.issue(["localhost"], Date.now());
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  writeFileSync(certificate, `${certificatePem}\n${chainPem}`);
  writeFileSync(key, keyPem, { mode: 0o600 });
  const trusted = getCACertificates("default");
  setDefaultCACertificates([...trusted, authority.caPem]);
  const program = join(import.meta.dirname, "issuer-program.ts");
  const child = spawn(process.execPath, [program, certificate, key, String(TOKEN_SECONDS)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [origin] = (await once(createInterface(child.stdout), "line")) as [string]; // It prints its origin.
  return {
    origin,
    close() {
      child.stdin.end();
      setDefaultCACertificates(trusted);
      rmSync(folder, { recursive: true });
    },
  };
}

/** The browser's visit of a page of the issuer, with the issuer's own cookie. */
const visit = (url: string, cookie = "") =>
  new Promise<IncomingMessage>((resolve, reject) => {
    https
      .get(url, { headers: { cookie } }, (response) => {
        response.resume();
        response.on("end", () => resolve(response));
      })
      .on("error", reject);
  });

/**
 * An application whose `/logout` ends the session: it lets the load balancer's cookies expire and sends the browser
 * to the issuer. Source: "Authenticate users using an Application Load Balancer", authentication logout.
 */
async function startApplication(issuer: string) {
  const server = createServer(({ url, headers }, response) => {
    if (url === "/logout")
      response.setHeader(
        "set-cookie",
        [0, 1, 2, 3].map((shard) => `AWSELBAuthSessionCookie-${shard}=; Path=/; Max-Age=-1`),
      );
    response.writeHead(
      url === "/logout" ? 302 : 200,
      url === "/logout" ? { location: `${issuer}/logout` } : {},
    );
    response.end(String(headers["x-amzn-oidc-identity"]));
  });
  await once(server.listen(0, TARGET), "listening");
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }; // It listens on a port.
}

describe("a user of an issuer that is another program", () => {
  let issuer: Awaited<ReturnType<typeof startIssuer>>;
  let proxy: Awaited<ReturnType<typeof openLiveProxy>>;
  let application: Awaited<ReturnType<typeof startApplication>>;
  beforeAll(async () => {
    issuer = await startIssuer();
    proxy = await openLiveProxy();
    application = await startApplication(issuer.origin);
  });
  afterAll(async () => {
    application.close();
    await proxy.close();
    issuer.close();
  });

  it("signs in over HTTPS, and signs in again after the application logged it out", async () => {
    await proxy.apply(assign(application.port, issuer.origin));
    const port = await proxy.hostPort(ARN, PORT);
    const statusOf = async () => (await ask(port, "/", "").catch(() => undefined))?.statusCode;
    await expect.poll(statusOf, { timeout: 10_000 }).toBe(302);
    const begun = await ask(port, "/", "");
    const page = begun.headers.location ?? "";
    expect(page).toContain(`${issuer.origin}/authorize?`);
    expect((await visit(page)).statusCode).toBe(200); // The page to sign in.
    const own = cookiesOf(await visit(`${issuer.origin}/login`));
    const back = new URL((await visit(page, own)).headers.location ?? "");
    expect(back.pathname).toBe("/oauth2/idpresponse");
    const done = await ask(port, `${back.pathname}${back.search}`, cookiesOf(begun));
    expect(done.statusCode).toBe(302);
    const session = cookiesOf(done);
    await expect.poll(async () => (await ask(port, "/", session)).statusCode, { timeout: 10_000 }).toBe(200);

    const left = await ask(port, "/logout", session);
    expect([left.statusCode, left.headers.location]).toEqual([302, `${issuer.origin}/logout`]);
    expect(cookiesOf(left)).toBe(""); // All of them expire.
    await visit(left.headers.location ?? "", own);
    const again = await ask(port, "/", cookiesOf(left));
    expect(again.statusCode).toBe(302);
    expect((await visit(again.headers.location ?? "")).statusCode).toBe(200); // The page to sign in.
    // A copy of the session's cookie ends with its access token, which the issuer renews no more.
    await new Promise((resolve) => setTimeout(resolve, TOKEN_SECONDS * 1_000));
    expect((await ask(port, "/", session)).statusCode).toBe(302);
  });
});
