import { createPrivateKey, X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { newAuthority, openAuthority } from "./authority.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

it("issues certificates with a key of their own, which verify against the authority", async () => {
  const files = await newAuthority(NOW);
  const issued = await openAuthority(files).issue(["fileshare.example.org", "*.example.org"], NOW);
  const certificate = new X509Certificate(issued.certificatePem);
  expect(certificate.verify(new X509Certificate(files.certificatePem).publicKey)).toBe(true);
  expect(certificate.subjectAltName).toBe("DNS:fileshare.example.org, DNS:*.example.org");
  expect(certificate.checkPrivateKey(createPrivateKey(issued.keyPem))).toBe(true);
  expect(issued.chainPem).toBe(files.certificatePem);
});

it("refuses the key of another certificate", async () => {
  const [one, other] = [await newAuthority(NOW), await newAuthority(NOW)];
  expect(() => openAuthority({ certificatePem: one.certificatePem, keyPem: other.keyPem })).toThrow(
    "do not belong together",
  );
});
