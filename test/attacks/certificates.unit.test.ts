import { generateKeyPairSync, X509Certificate } from "node:crypto";
import * as acm from "@aws-sdk/client-acm";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLoadBalancer } from "./load-balancers.ts";

const { api, newBalancer, newListener } = await openLoadBalancer();
const client = new acm.ACMClient(api.client());
const bytes = (text: string) => new TextEncoder().encode(text);
afterAll(() => api.close());

const NOW = Date.now();
const YEAR_MS = 366 * 24 * 60 * 60_000;
let issued: Awaited<ReturnType<ReturnType<typeof openAuthority>["issue"]>>;
let other: typeof issued;
let old: typeof issued;
let early: typeof issued;
beforeAll(async () => {
  const files = await newAuthority(NOW - 3 * YEAR_MS);
  const authority = openAuthority(files);
  issued = await authority.issue(["www.example.org"], NOW);
  other = await openAuthority(await newAuthority(NOW)).issue(["www.example.org"], NOW);
  old = await authority.issue(["old.example.org"], NOW - 2 * YEAR_MS);
  early = await authority.issue(["early.example.org"], NOW + YEAR_MS / 2);
});

interface Given {
  readonly certificate?: string;
  readonly key?: string;
  readonly chain?: string;
  readonly arn?: string;
  readonly tags?: acm.Tag[];
}
const importing = ({ certificate, key, chain, arn, tags }: Given = {}) =>
  client.send(
    new acm.ImportCertificateCommand({
      Certificate: bytes(certificate ?? issued.certificatePem),
      PrivateKey: bytes(key ?? issued.keyPem),
      CertificateChain: bytes(chain ?? issued.chainPem),
      CertificateArn: arn,
      Tags: tags,
    }),
  );

// Before: all of these were imported; the first listener that used one froze every load balancer of the node:
// with another's key, a rule made after it never answered, while the load balancer's state was "active".
describe("an import is refused", () => {
  const pairOf = (type: "rsa1024" | "ed25519" | "encrypted") => {
    if (type === "ed25519")
      return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
    if (type === "rsa1024")
      return generateKeyPairSync("rsa", { modulusLength: 1_024 }).privateKey.export({
        type: "pkcs1",
        format: "pem",
      });
    return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "x",
    });
  };
  it.each<[string, () => Given, string | RegExp]>([
    ["another certificate's key", () => ({ key: other.keyPem }), "does not match"],
    ["an encrypted key", () => ({ key: pairOf("encrypted") }), "is encrypted"],
    ["no key", () => ({ key: "no key" }), "Unable to parse private key"],
    ["a short key", () => ({ key: pairOf("rsa1024") }), "private key length is not supported"],
    ["a key of another kind", () => ({ key: pairOf("ed25519") }), "The private key is not supported."],
    ["no certificate", () => ({ certificate: "no certificate" }), "Unable to parse certificate"],
    [
      "a PEM of nonsense",
      () => ({ certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }),
      "Unable to parse certificate",
    ],
    [
      "two certificates",
      () => ({ certificate: issued.certificatePem + issued.chainPem }),
      "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
    ],
    [
      "a key behind the certificate",
      () => ({ certificate: issued.certificatePem + issued.keyPem }),
      "Unable to parse",
    ],
    [
      "another authority's chain",
      () => ({ chain: other.chainPem }),
      "The index within the chain of the invalid certificate is: 0",
    ],
    ["a chain that goes on", () => ({ chain: issued.chainPem + other.chainPem }), "is: 1"],
    ["the certificate as its own chain", () => ({ chain: issued.certificatePem }), "is: 0"],
    [
      "text in the chain",
      () => ({ chain: `${issued.chainPem}\nbind *:1\n` }),
      "Unable to parse certificate chain",
    ],
    ["an expired certificate", () => ({ certificate: old.certificatePem, key: old.keyPem }), "has expired"],
    [
      "one that is not valid yet",
      () => ({ certificate: early.certificatePem, key: early.keyPem }),
      "not valid yet",
    ],
  ])("with %s", async (_, given, message) => {
    await expect(importing(given())).rejects.toMatchObject({
      name: "ValidationException",
      message: expect.stringContaining(String(message)) as string,
    });
  });

  it("without a chain where the certificate is not self-signed", async () => {
    await expect(
      client.send(
        new acm.ImportCertificateCommand({
          Certificate: bytes(issued.certificatePem),
          PrivateKey: bytes(issued.keyPem),
        }),
      ),
    ).rejects.toThrow("not a valid self signed");
  });
});

describe("an import over another certificate", () => {
  // Before: any ARN was written, also one of account 999999999999, or of a certificate that the platform had issued.
  it("is refused for a missing, another account's or an issued certificate", async () => {
    const { CertificateArn: requested } = await client.send(
      new acm.RequestCertificateCommand({ DomainName: "issued.example.org" }),
    );
    await expect(importing({ arn: requested })).rejects.toMatchObject({ name: "ValidationException" });
    for (const arn of [
      "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000",
      "arn:aws:iam::000000000000:role/admin",
      "arn:aws:s3:::somebody/else",
    ])
      await expect(importing({ arn })).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    const foreign = "arn:aws:acm:us-east-1:111111111111:certificate/12345678-1234-1234-1234-123456789012";
    await expect(importing({ arn: foreign })).rejects.toMatchObject({ name: "AccessDeniedException" });
    const { CertificateSummaryList = [] } = await client.send(new acm.ListCertificatesCommand({}));
    expect(CertificateSummaryList.map((each) => each.CertificateArn)).toEqual([requested]);
  });

  it("replaces an imported one in place, without tags and with a key of the same kind", async () => {
    const { CertificateArn: arn = "" } = await importing({ tags: [{ Key: "team", Value: "a" }] });
    await expect(importing({ arn, tags: [{ Key: "team", Value: "b" }] })).rejects.toThrow(
      "Tagging is not permitted on re-import.",
    );
    expect(
      (await importing({ arn, certificate: other.certificatePem, key: other.keyPem, chain: other.chainPem }))
        .CertificateArn,
    ).toBe(arn);
    const got = await client.send(new acm.GetCertificateCommand({ CertificateArn: arn }));
    expect(new X509Certificate(got.Certificate ?? "").serialNumber).toBe(
      new X509Certificate(other.certificatePem).serialNumber,
    );
    const { Tags } = await client.send(new acm.ListTagsForCertificateCommand({ CertificateArn: arn }));
    expect(Tags).toEqual([{ Key: "team", Value: "a" }]);
  });
});

it("is not used by a listener with an unknown security policy", async () => {
  const { CertificateArn } = await client.send(
    new acm.RequestCertificateCommand({ DomainName: "policy.example.org" }),
  );
  const balancer = await newBalancer("policies");
  const secure = (SslPolicy: string) =>
    newListener(balancer, { Protocol: "HTTPS", Port: 443, Certificates: [{ CertificateArn }], SslPolicy });
  // Before: any text was accepted and nothing was done by it.
  await expect(secure("ELBSecurityPolicy-of-mine")).rejects.toMatchObject({
    name: "SSLPolicyNotFoundException",
  });
  await expect(secure("constructor")).rejects.toMatchObject({ name: "SSLPolicyNotFoundException" });
  await secure("ELBSecurityPolicy-TLS13-1-2-2021-06");
});
