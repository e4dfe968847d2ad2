import * as acm from "@aws-sdk/client-acm";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it makes or narrows.
const api = await startApi();
afterAll(() => api.close());
const client = new acm.ACMClient(api.client());
const list = async (input: acm.ListCertificatesRequest) =>
  (await client.send(new acm.ListCertificatesCommand(input))).CertificateSummaryList?.map(
    (each) => each.DomainName,
  );

beforeAll(() => client.send(new acm.RequestCertificateCommand({ DomainName: "a.example" })));

it.each<[boolean, acm.ListCertificatesRequest]>([
  [true, { CertificateStatuses: ["ISSUED"] }],
  [true, { CertificateStatuses: ["EXPIRED", "ISSUED"] }],
  ...(["PENDING_VALIDATION", "FAILED", "INACTIVE", "REVOKED", "VALIDATION_TIMED_OUT"] as const).map(
    (status): [boolean, acm.ListCertificatesRequest] => [false, { CertificateStatuses: [status] }],
  ),
  [true, { CertificateKeyPairOrigins: ["AWS_MANAGED"] }],
  [false, { CertificateKeyPairOrigins: ["ACME"] }],
  [false, { Includes: { managedBy: "CLOUDFRONT" } }],
  [true, { Includes: { exportOption: "DISABLED" } }],
  ...(["EC_secp384r1", "EC_secp521r1", "RSA_1024", "EC_prime256v1", "RSA_3072"] as const).map(
    (type): [boolean, acm.ListCertificatesRequest] => [false, { Includes: { keyTypes: [type] } }],
  ),
])("whether certificates are listed: %s by %j", async (isListed, input) => {
  expect(await list(input)).toEqual(isListed ? ["a.example"] : []);
});

it("a certificate has the validation method that is asked for, and is not exported", async () => {
  for (const ValidationMethod of ["EMAIL", "DNS"] as const) {
    const { CertificateArn } = await client.send(
      new acm.RequestCertificateCommand({
        DomainName: `${ValidationMethod.toLowerCase()}.example`,
        ValidationMethod,
        Options: { Export: "DISABLED" },
      }),
    );
    const shown = await client.send(new acm.DescribeCertificateCommand({ CertificateArn }));
    expect(shown.Certificate?.DomainValidationOptions).toMatchObject([{ ValidationMethod }]);
    expect(shown.Certificate?.Options?.Export).toBe("DISABLED");
  }
  // Before: a certificate of HTTP was one of DNS.
  const http = new acm.RequestCertificateCommand({ DomainName: "http.example", ValidationMethod: "HTTP" });
  await expect(client.send(http)).rejects.toThrow("ValidationMethod");
});
