import { createHash, X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import * as iam from "@aws-sdk/client-iam";
import * as sts from "@aws-sdk/client-sts";
import { isForbidden } from "@gantry/kernel/issuer-address";
import { startApi } from "@gantry/testkit";
import { newAuthority, openAuthority } from "@gantry/tls";
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWK,
} from "jose";
import { afterAll, describe, expect, it } from "vitest";

// An attacker who is nobody wants the credentials of a role that trusts an issuer, and sends tokens that the
// issuer did not sign for it; or makes the platform ask addresses of its own. The issuer is a real one: a
// server of this file with a certificate and keys. Each token below is refused, where the one that it was
// made of is accepted.
// Before: there was no AssumeRoleWithWebIdentity. Where the audience is not checked, its two tokens are
// accepted.
const api = await startApi();
const root = new iam.IAMClient(api.client());
const { credentials: _, ...withoutCredentials } = api.client();
const nobody = new sts.STSClient(withoutCredentials);
const authority = await newAuthority(Date.now());
const stranger = await newAuthority(Date.now());
const thumbprint = (pem: string) => createHash("sha1").update(new X509Certificate(pem).raw).digest("hex");
const servers: Server[] = [];
afterAll(() => {
  api.close();
  for (const server of servers) server.close();
});

const AUDIENCE = "sts.amazonaws.com";
const SUBJECT = "repo:acme/site:ref:refs/heads/main";
const keys = await generateKeyPair("RS256", { extractable: true });
const others = await generateKeyPair("RS256", { extractable: true });
const publicJwk: JWK = { ...(await exportJWK(keys.publicKey)), kid: "one", alg: "RS256", use: "sig" };

/**
 * Starts an issuer on a free port of loopback; its certificate is signed by the authority, whose certificate
 * it sends along.
 */
async function startIssuer({
  files = authority,
  chain = files.certificatePem,
  answer,
}: {
  files?: typeof authority;
  chain?: string;
  answer?: (path: string, url: string) => { status?: number; body: string; location?: string } | undefined;
} = {}) {
  const issued = await openAuthority(files).issue(["localhost"], Date.now());
  const seen: string[] = [];
  let url = "";
  const server = createServer(
    { key: issued.keyPem, cert: `${issued.certificatePem}\n${chain}` },
    (request, response) => {
      const path = request.url ?? "";
      seen.push(path);
      const {
        status = 200,
        body,
        location,
      } = answer?.(path, url) ?? {
        body: path.includes("well-known")
          ? JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` })
          : JSON.stringify({ keys: [publicJwk] }),
      };
      response.writeHead(status, location === undefined ? {} : { location }).end(body);
    },
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}`; // A TCP server has one.
  return { url, seen };
}

let count = 0;
/** Creates the provider of an issuer and a role that trusts it for one subject. */
async function newRole(
  url: string,
  thumbprints = [thumbprint(authority.certificatePem)],
  statement: object = {},
) {
  const { OpenIDConnectProviderArn: provider } = await root.send(
    new iam.CreateOpenIDConnectProviderCommand({
      Url: url,
      ClientIDList: [AUDIENCE],
      ThumbprintList: thumbprints,
    }),
  );
  const host = url.slice("https://".length);
  const { Role } = await root.send(
    new iam.CreateRoleCommand({
      RoleName: `web-${(count += 1)}`,
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: {
          Effect: "Allow",
          Principal: { Federated: provider },
          Action: ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
          Condition: {
            StringEquals: { [`${host}:aud`]: AUDIENCE },
            StringLike: { [`${host}:sub`]: "repo:acme/*" },
          },
          ...statement,
        },
      }),
    }),
  );
  return Role?.Arn ?? "";
}

const now = () => Math.floor(Date.now() / 1000);
async function sign(
  url: string,
  {
    claims = {},
    key = keys.privateKey,
    header = {},
  }: { claims?: object; key?: CryptoKey | Uint8Array; header?: object } = {},
): Promise<string> {
  const payload = { iss: url, sub: SUBJECT, aud: AUDIENCE, iat: now(), exp: now() + 300, ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: "RS256", kid: "one", ...header }).sign(key);
}
const assume = (
  RoleArn: string,
  WebIdentityToken: string,
  more: Partial<sts.AssumeRoleWithWebIdentityCommandInput> = {},
) =>
  nobody.send(
    new sts.AssumeRoleWithWebIdentityCommand({
      RoleArn,
      RoleSessionName: "ci-run",
      WebIdentityToken,
      ...more,
    }),
  );

const { url } = await startIssuer();
const RoleArn = await newRole(url);
const secretOf = async () => new TextEncoder().encode(await exportSPKI(keys.publicKey));

describe("a token of an issuer that a role trusts", () => {
  it("returns working credentials of the role", async () => {
    const answer = await assume(RoleArn, await sign(url));
    expect(answer).toMatchObject({ SubjectFromWebIdentityToken: SUBJECT, Provider: url, Audience: AUDIENCE });
    const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = answer.Credentials ?? {};
    const session = new sts.STSClient(
      api.client({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }),
    );
    const { Arn } = await session.send(new sts.GetCallerIdentityCommand({}));
    expect(Arn).toBe(`arn:aws:sts::000000000000:assumed-role/web-1/ci-run`);
  });

  const refused: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
    ["says that it needs no signature", async () => unsigned(url), /verification key/],
    ["is signed by another key", () => sign(url, { key: others.privateKey }), /verification key/],
    [
      "brings the key that verifies it",
      async () => sign(url, { key: others.privateKey, header: { jwk: await exportJWK(others.publicKey) } }),
      /verification key/,
    ],
    [
      "is signed with the public key as a shared secret",
      async () => sign(url, { key: await secretOf(), header: { alg: "HS256" } }),
      /verification key/,
    ],
    ["is of another issuer", () => sign("https://elsewhere.example"), /Not authorized/],
    ["is for another audience", () => sign(url, { claims: { aud: "other" } }), /audience/],
    ["was made for another party", () => sign(url, { claims: { azp: "other" } }), /audience/],
    ["is of another subject", () => sign(url, { claims: { sub: "repo:evil/site" } }), /Not authorized/],
    ["is expired", () => sign(url, { claims: { iat: now() - 900, exp: now() - 600 } }), /expired/],
    ["never expires", () => sign(url, { claims: { exp: undefined } }), /claim/],
    ["is not valid yet", () => sign(url, { claims: { nbf: now() + 600 } }), /claim/],
    ["was changed", async () => changed(await sign(url)), /verification key/],
    ["is none", async () => "not.a.token", /not a valid JWT/],
  ];
  it.each(refused)("is refused where it %s", async (_what, token, message) => {
    await expect(assume(RoleArn, await token())).rejects.toThrow(message);
  });

  it("is given a session of the duration and the policies that it asks for", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: "s3:ListAllMyBuckets", Resource: "*" },
    });
    const PolicyArns = [{ arn: "arn:aws:iam::aws:policy/AmazonVPCFullAccess" }];
    const more = { DurationSeconds: 900, Policy, PolicyArns };
    const { Credentials } = await assume(RoleArn, await sign(url), more);
    const left = (Credentials?.Expiration?.getTime() ?? 0) - Date.now();
    expect(left).toBeLessThanOrEqual(900_000);
    expect(left).toBeGreaterThan(800_000);
    const { sessionPolicies = [] } = api.store.get("session", Credentials?.AccessKeyId) ?? {};
    expect(sessionPolicies).toHaveLength(2);
    expect(sessionPolicies[0]).toBe(Policy);
    expect(sessionPolicies[1]).toContain("ec2:");
  });

  it("gives the session the tags of its claim if the role permits it", async () => {
    const claims = {
      "https://aws.amazon.com/tags": { principal_tags: { team: ["red"] }, transitive_tag_keys: ["team"] },
    };
    const { Credentials } = await assume(RoleArn, await sign(url, { claims }));
    expect(api.store.get("session", Credentials?.AccessKeyId)?.attributes).toMatchObject({
      tags: { team: "red" },
      transitiveTagKeys: ["team"],
    });
    const { url: untagged } = await startIssuer();
    const role = await newRole(untagged, undefined, { Action: "sts:AssumeRoleWithWebIdentity" });
    await expect(assume(role, await sign(untagged, { claims }))).rejects.toThrow("Not authorized");
  });

  it("gets the same answer for a missing role as for one that does not trust the issuer", async () => {
    const token = await sign(url);
    const { url: second } = await startIssuer();
    const other = await newRole(second);
    await expect(assume("arn:aws:iam::000000000000:role/none-of-it", token)).rejects.toThrow(
      /^Not authorized/,
    );
    await expect(assume(other, token)).rejects.toThrow(/^Not authorized/);
  });
});

describe("an issuer", () => {
  const token = (of: string) => sign(of);
  it("is not contacted if the role does not trust it", async () => {
    const issuer = await startIssuer();
    await root.send(
      new iam.CreateOpenIDConnectProviderCommand({ Url: issuer.url, ClientIDList: [AUDIENCE] }),
    );
    await expect(assume(RoleArn, await token(issuer.url))).rejects.toThrow("Not authorized");
    expect(issuer.seen).toEqual([]);
  });

  it("is trusted by a certificate that the thumbprint's owner signed, and by no other", async () => {
    const unpinned = await startIssuer();
    await expect(assume(await newRole(unpinned.url, []), await token(unpinned.url))).rejects.toThrow(
      "verification key",
    );
    // A server sends along the certificate that is trusted, which did not sign its own.
    const posing = await startIssuer({ files: stranger, chain: authority.certificatePem });
    await expect(assume(await newRole(posing.url), await token(posing.url))).rejects.toThrow(
      "verification key",
    );
    expect([...unpinned.seen, ...posing.seen]).toEqual([]); // Nothing was sent.
  });

  it.each([
    ["redirects", () => ({ status: 302, body: "", location: url })],
    [
      "names plain HTTP for its keys",
      (_path: string, own: string) => ({
        body: JSON.stringify({ issuer: own, jwks_uri: "http://127.0.0.1:4566/" }),
      }),
    ],
    [
      "names the metadata of a cloud for its keys",
      (_path: string, own: string) => ({
        body: JSON.stringify({ issuer: own, jwks_uri: "https://169.254.169.254/latest" }),
      }),
    ],
    ["says that it is another", () => ({ body: JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }) })],
    ["answers without end", () => ({ body: " ".repeat(200_000) })],
  ] as const)("is not followed if it %s", async (_what, answer) => {
    const issuer = await startIssuer({ answer });
    const role = await newRole(issuer.url);
    await expect(assume(role, await token(issuer.url))).rejects.toThrow("Couldn't retrieve verification key");
  });

  it("has no address of the machine's link, of a cloud's metadata or of the platform's VPCs", () => {
    const forbidden = [
      "0.0.0.0",
      "169.254.169.254",
      "100.64.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "fe80::1",
    ];
    const mapped = [
      "::ffff:169.254.169.254",
      "::ffff:a9fe:a9fe",
      "fd00:ec2::254",
      "ff02::1",
      "64:ff9b::a9fe:a9fe",
    ];
    expect([...forbidden, ...mapped].filter((address) => !isForbidden(address))).toEqual([]);
    expect(
      ["127.0.0.1", "10.0.0.1", "192.168.1.1", "140.82.112.3", "2606:50c0::1"].filter(isForbidden),
    ).toEqual([]);
  });
});

it("does not permit another operation of STS without a signature", async () => {
  const send = (body: string) =>
    fetch(api.endpoint, {
      method: "POST",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded", host: "sts.amazonaws.com" },
    }).then((answer) => answer.text());
  for (const action of ["GetCallerIdentity", "GetSessionToken", "AssumeRole", "GetFederationToken"])
    expect(
      await send(`Action=${action}&Version=2011-06-15&RoleArn=${RoleArn}&RoleSessionName=x&Name=xx`),
    ).toContain("MissingAuthenticationToken");
});

function unsigned(iss: string): string {
  return new UnsecuredJWT({ iss, sub: SUBJECT, aud: AUDIENCE })
    .setIssuedAt()
    .setExpirationTime("5m")
    .encode();
}

/** The same token of another subject, with the signature of the first. */
function changed(token: string): string {
  const [header, payload = "", signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object; // Our own.
  const other = Buffer.from(JSON.stringify({ ...claims, sub: "repo:acme/other" })).toString("base64url");
  return [header, other, signature].join(".");
}
