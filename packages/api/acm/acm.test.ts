import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import {
  ACMClient,
  AddTagsToCertificateCommand,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  GetCertificateCommand,
  ListCertificatesCommand,
  ListTagsForCertificateCommand,
  RemoveTagsFromCertificateCommand,
  RequestCertificateCommand,
  type ListCertificatesRequest,
} from "@aws-sdk/client-acm";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ACMClient(api.client());
const list = async (input: ListCertificatesRequest) =>
  (await client.send(new ListCertificatesCommand(input))).CertificateSummaryList?.map(
    (each) => each.DomainName,
  );

beforeAll(async () => {
  for (const DomainName of ["a.example.com", "b.example.com"]) {
    const { CertificateArn = "" } = await client.send(new RequestCertificateCommand({ DomainName }));
    const createdAt = DomainName.startsWith("a") ? 1_000 : 2_000;
    api.store.transact((tx) => {
      const record = tx.get("certificate", CertificateArn);
      if (record !== undefined) tx.put("certificate", CertificateArn, { ...record, createdAt });
    });
  }
});

it("sorts certificates by their creation", async () => {
  const SortBy = "CREATED_AT";
  expect(await list({ SortBy, SortOrder: "ASCENDING" })).toEqual(["a.example.com", "b.example.com"]);
  expect(await list({ SortBy, SortOrder: "DESCENDING" })).toEqual(["b.example.com", "a.example.com"]);
  await expect(list({ SortBy })).rejects.toThrow("SortBy and SortOrder must be specified together.");
});

it("filters certificates by key type, use and origin", async () => {
  expect(await list({ Includes: { keyTypes: ["RSA_4096"] } })).toEqual([]);
  expect(await list({ Includes: { keyTypes: ["RSA_2048"] } })).toHaveLength(2);
  expect(await list({ Includes: { extendedKeyUsage: ["CODE_SIGNING"] } })).toEqual([]);
  expect(await list({ Includes: { keyUsage: ["ANY"] } })).toHaveLength(2);
  expect(await list({ Includes: { exportOption: "ENABLED" } })).toEqual([]);
  expect(await list({ CertificateKeyPairOrigins: ["CUSTOMER_PROVIDED"] })).toEqual([]);
});

// Before: the token of another region returned the ARN of that region's certificate.
it("keeps idempotency tokens apart between regions", async () => {
  const request = { DomainName: "c.example.com", IdempotencyToken: "t" };
  const here = await client.send(new RequestCertificateCommand(request));
  const there = await new ACMClient(api.client(undefined, "us-west-2")).send(
    new RequestCertificateCommand(request),
  );
  expect(there.CertificateArn).toContain(":us-west-2:");
  expect(there.CertificateArn).not.toBe(here.CertificateArn);
});

it("describes, tags and deletes a certificate", async () => {
  const { CertificateArn = "" } = await client.send(
    new RequestCertificateCommand({
      DomainName: "d.example.com",
      SubjectAlternativeNames: ["*.d.example.com"],
    }),
  );
  const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn }));
  expect(Certificate).toMatchObject({
    Status: "ISSUED",
    Issuer: "Gantry",
    SignatureAlgorithm: "SHA256WITHECDSA",
    InUseBy: [],
    SubjectAlternativeNames: ["d.example.com", "*.d.example.com"],
  });
  const { Certificate: pem } = await client.send(new GetCertificateCommand({ CertificateArn }));
  expect(pem).toContain("BEGIN CERTIFICATE");
  const Tags = [{ Key: "a", Value: "b" }];
  const tags = async () => (await client.send(new ListTagsForCertificateCommand({ CertificateArn }))).Tags;
  await client.send(new AddTagsToCertificateCommand({ CertificateArn, Tags }));
  expect(await tags()).toEqual(Tags);
  await client.send(new RemoveTagsFromCertificateCommand({ CertificateArn, Tags }));
  expect(await tags()).toEqual([]);
  await client.send(new DeleteCertificateCommand({ CertificateArn }));
  expect(api.store.get("certificate", CertificateArn)).toBeUndefined();
  await expect(client.send(new DescribeCertificateCommand({ CertificateArn }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});

it("refuses names that no certificate can have", async () =>
  expect(client.send(new RequestCertificateCommand({ DomainName: "not a name" }))).rejects.toMatchObject({
    name: "ValidationException",
  }));

// Before: every certificate was ISSUED, signed with ECDSA and issued by Gantry.
it("shows the status, the issuer and the signature of an imported certificate", async () => {
  const { CertificateArn = "" } = await client.send(
    new RequestCertificateCommand({ DomainName: "e.example.com" }),
  );
  const rsa = rootCertificates.map((pem) => new X509Certificate(pem)).find(isOfIsrg);
  api.store.transact((tx) => {
    const record = tx.get("certificate", CertificateArn) ?? expect.fail("It was just issued.");
    const certificatePem = rsa?.toString() ?? "";
    tx.put("certificate", CertificateArn, { ...record, certificatePem, notAfter: Date.now() - 1_000 });
  });
  const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn }));
  expect(Certificate).toMatchObject({
    Status: "EXPIRED",
    Issuer: "Internet Security Research Group",
    SignatureAlgorithm: "SHA256WITHRSA",
  });
  expect(await list({ CertificateStatuses: ["EXPIRED"], Includes: { keyTypes: ["RSA_4096"] } })).toEqual([
    "e.example.com",
  ]);
  expect(await list({ CertificateStatuses: ["ISSUED"] })).not.toContain("e.example.com");
});

function isOfIsrg({ subject, publicKey }: X509Certificate): boolean {
  return subject.includes("ISRG") && publicKey.asymmetricKeyType === "rsa";
}

it.each(["EC_prime256v1", "EC_secp384r1", "RSA_2048"] as const)(
  "issues a certificate with a key of the type %s",
  async (KeyAlgorithm) => {
    const { CertificateArn } = await client.send(
      new RequestCertificateCommand({ DomainName: "key.example.com", KeyAlgorithm }),
    );
    const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn }));
    expect(Certificate).toMatchObject({ KeyAlgorithm, SignatureAlgorithm: "SHA256WITHECDSA" });
    const { Certificate: pem = "", CertificateChain = "" } = await client.send(
      new GetCertificateCommand({ CertificateArn }),
    );
    expect(new X509Certificate(pem).verify(new X509Certificate(CertificateChain).publicKey)).toBe(true);
    await client.send(new DeleteCertificateCommand({ CertificateArn }));
  },
);

it("gives a request that names no key algorithm an RSA key of 2,048 bits", async () => {
  const { CertificateArn } = await client.send(
    new RequestCertificateCommand({ DomainName: "d.example.com" }),
  );
  const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn }));
  expect(Certificate?.KeyAlgorithm).toBe("RSA_2048");
  await client.send(new DeleteCertificateCommand({ CertificateArn }));
});
