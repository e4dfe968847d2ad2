import { X509Certificate } from "node:crypto";
import type * as sdk from "@aws-sdk/client-acm";
import type { CertificateRecord, Reader } from "@gantry/state";
import {
  certificateUsers,
  isWaiting,
  validationRecordOf,
} from "@gantry/state/transactions/certificate-validation";
import { algorithmOf, statusOf } from "./list-certificates.ts";

/** A certificate as DescribeCertificate shows it, at a time in ms since the epoch. */
export function presentDetail(record: CertificateRecord, reader: Reader, now: number): sdk.CertificateDetail {
  const date = (ms: number) => new Date(ms);
  const users = certificateUsers(reader, record.arn);
  const { issuer, signatureAlgorithm } = new X509Certificate(record.certificatePem);
  return {
    CertificateArn: record.arn,
    DomainName: record.domainName,
    SubjectAlternativeNames: [...record.subjectAlternativeNames],
    DomainValidationOptions: presentDomains(record, (name) => validationStatusOf(record, name, now)),
    Subject: `CN=${record.domainName}`,
    Issuer: issuerOf(issuer),
    Status: statusOf(record, now),
    Type: record.type,
    KeyAlgorithm: algorithmOf(record),
    SignatureAlgorithm: signatureOf(signatureAlgorithm),
    CreatedAt: date(record.createdAt),
    ...(record.unvalidated === undefined
      ? { Serial: record.serial, IssuedAt: date(record.issuedAt ?? record.createdAt) }
      : {}),
    ...presentValidity(record),
    InUseBy: [...users],
    RenewalEligibility: record.type === "AMAZON_ISSUED" && users.length > 0 ? "ELIGIBLE" : "INELIGIBLE",
    RenewalSummary: presentRenewal(record),
    Options: { CertificateTransparencyLoggingPreference: "ENABLED", Export: "DISABLED" },
    KeyUsages: [{ Name: "DIGITAL_SIGNATURE" }],
    ExtendedKeyUsages: [{ Name: "TLS_WEB_SERVER_AUTHENTICATION", OID: "1.3.6.1.5.5.7.3.1" }],
  };
}

/** A certificate that is not issued has no validity. */
export function presentValidity({ unvalidated, notBefore, notAfter }: CertificateRecord) {
  return unvalidated === undefined ? { NotBefore: new Date(notBefore), NotAfter: new Date(notAfter) } : {};
}

/** The last renewal, or the one that waits for records; a certificate that was not renewed yet has none. */
function presentRenewal(record: CertificateRecord): sdk.RenewalSummary | undefined {
  const { renewal } = record;
  if (renewal === undefined) return undefined;
  const { status, unvalidated, updatedAt } = renewal;
  return {
    RenewalStatus: status,
    DomainValidationOptions: presentDomains(record, (name) =>
      unvalidated.includes(name) ? "PENDING_VALIDATION" : "SUCCESS",
    ),
    UpdatedAt: new Date(updatedAt),
  };
}

function presentDomains(
  { account, subjectAlternativeNames, validationMethod }: CertificateRecord,
  statusOfDomain: (name: string) => sdk.DomainStatus,
): sdk.DomainValidation[] {
  return subjectAlternativeNames.map((DomainName) => ({
    DomainName,
    ValidationDomain: DomainName,
    ValidationStatus: statusOfDomain(DomainName),
    ValidationMethod: validationMethod,
    ResourceRecord: presentValidation(account, DomainName),
  }));
}

function validationStatusOf(record: CertificateRecord, name: string, now: number): sdk.DomainStatus {
  if (record.unvalidated?.includes(name) !== true) return "SUCCESS";
  return isWaiting(record, now) ? "PENDING_VALIDATION" : "FAILED";
}

function presentValidation(account: string, domain: string): sdk.ResourceRecord {
  const { name, value } = validationRecordOf(account, domain);
  return { Name: `${name}.`, Type: "CNAME", Value: `${value}.` };
}

/** The name of an issuer: its organization, else its common name. `text` has a line for each attribute. */
function issuerOf(text: string): string {
  const [, name] = /^O=(.*)$/m.exec(text) ?? /^CN=(.*)$/m.exec(text) ?? [];
  return name ?? text;
}

/** ACM's name of a signature algorithm, as SHA256WITHRSA, from OpenSSL's. */
function signatureOf(name: string | undefined): string | undefined {
  const [, digest] = /(sha\d+)/i.exec(name ?? "") ?? [];
  if (digest === undefined) return name;
  return `${digest.toUpperCase()}WITH${/ecdsa/i.test(name ?? "") ? "ECDSA" : "RSA"}`;
}
