import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { issuerFetch } from "@gantry/agent/haproxy/authentication/issuer-fetch";
import { exchangeCode } from "@gantry/agent/haproxy/authentication/token-exchange";
import { CLIENT_ID, CLIENT_SECRET, ISSUER, openFakeIssuer } from "@gantry/testkit/fake-issuer";
import { newAuthority, openAuthority } from "@gantry/tls";
import { expect, it } from "vitest";

// Whoever may create listeners names the endpoints that the node's agent asks when users sign in.
const config = {
  issuer: ISSUER,
  authorizationEndpoint: `${ISSUER}/authorize`,
  tokenEndpoint: `${ISSUER}/token`,
  userInfoEndpoint: `${ISSUER}/userinfo`,
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  sessionCookieName: "c",
  scope: "openid",
  sessionTimeoutSeconds: 60,
  extraParams: {},
  onUnauthenticatedRequest: "authenticate" as const,
  sessionKey: "",
  signingKey: "",
  signingKeyId: "",
};
const CHUNK = Buffer.alloc(65_536, " ");

/** An answer of 64 MiB, and how much of it was read. */
function endless() {
  let read = 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    read += CHUNK.length;
    if (read > 64 * 1024 * 1024) controller.close();
    else controller.enqueue(CHUNK);
  };
  return { response: () => new Response(new ReadableStream({ pull })), read: () => read };
}

// Before: the agent read each answer whole before it looked at its length, those of `/keys` without any bound.
it.each(["/token", "/userinfo", "/.well-known/openid-configuration", "/keys"])(
  "an endless answer of an issuer's %s does not fill the agent's memory",
  async (path) => {
    const issuer = await openFakeIssuer();
    const { code } = issuer.authorize(`${ISSUER}/authorize?nonce=n&redirect_uri=https://app.example/back`);
    const given = { code, redirectUri: "https://app.example/back", nonce: "n", now: Date.now() };
    const answer = endless();
    const exchanged = exchangeCode(config, given, (input, init) =>
      new URL(input).pathname === path ? Promise.resolve(answer.response()) : issuer.fetch(input, init),
    );
    await expect(exchanged).rejects.toThrow();
    expect(answer.read()).toBeGreaterThan(0);
    expect(answer.read()).toBeLessThan(1024 * 1024);
  },
);

// Before: the agent, which shares the machine's network, connected to every address.
it.each([
  "https://169.254.169.254/latest/meta-data",
  "https://[fe80::1]/",
  "https://[::ffff:169.254.169.254]/",
  "https://2852039166/",
  "https://100.64.0.17:8080/v2/credentials/x",
  "https://0.0.0.0/",
])("an issuer is not asked at %s", async (url) => {
  await expect(issuerFetch(url)).rejects.toThrow("Not an address of an issuer.");
});

it("an issuer is not asked without TLS", async () => {
  await expect(issuerFetch("http://issuer.example/")).rejects.toThrow("by HTTPS alone");
});

it("an issuer is asked where an authority vouches for it, and a redirect is not followed", async () => {
  const authority = await newAuthority(Date.now());
  const issued = await openAuthority(authority).issue(["localhost"], Date.now());
  const asked: unknown[] = [];
  const server = createServer({ key: issued.keyPem, cert: issued.certificatePem }, (request, response) => {
    void request.toArray().then((chunks) => {
      const { method, url, headers } = request;
      const length = headers["content-length"];
      asked.push([method, url, headers.authorization, length, Buffer.concat(chunks).toString()]);
      if (url === "/elsewhere") response.writeHead(302, { location: "/token" }).end();
      else response.setHeader("content-type", "application/json").end('{"a":1}');
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const base = `https://localhost:${(server.address() as AddressInfo).port}`; // A listening TCP server has an address.
  const own = getCACertificates("default");
  try {
    await expect(issuerFetch(`${base}/token`)).rejects.toThrow("certificate");
    setDefaultCACertificates([...own, authority.certificatePem]);
    const post = { method: "POST", headers: { authorization: "Basic x" }, body: "code=1" };
    const answer = await issuerFetch(`${base}/token`, post);
    expect(await answer.json()).toEqual({ a: 1 });
    expect(await issuerFetch(`${base}/elsewhere`)).toMatchObject({ status: 302, ok: false });
    expect(asked).toEqual([
      ["POST", "/token", "Basic x", "6", "code=1"],
      ["GET", "/elsewhere", undefined, undefined, ""],
    ]);
    const late = issuerFetch(`${base}/token`, { signal: AbortSignal.abort() });
    await expect(late).rejects.toThrow("aborted");
  } finally {
    setDefaultCACertificates(own);
    server.close();
    server.closeAllConnections();
  }
});
