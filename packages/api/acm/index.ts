/**
 * ACM: certificates signed by the platform's own authority, for load balancers to present. Names that public hosted
 * zones of the instance cover are validated there; others are not. What is refused: SUPPORT.md.
 */
import { X509Certificate } from "node:crypto";
import * as sdk from "@aws-sdk/client-acm";
import { formatArn } from "@gantry/kernel";
import type { CertificateRecord, Reader } from "@gantry/state";
import {
  isWaiting,
  unvalidatedNames,
  validationRecordOf,
} from "@gantry/state/transactions/certificate-validation";
import type { Authority } from "@gantry/tls";
import type { Implementation, ServiceModule, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { paged, type PagedList } from "../common/paging.ts";
import { permissionsBy } from "../common/permissions.ts";
import { isIn } from "../common/place.ts";
import { ApiError, refusing } from "./api-error.ts";
import { algorithmOf, certificatesOf, listKeyOf, statusOf } from "./list-certificates.ts";
import { findCertificate } from "./lookups.ts";
import { acmPermissions } from "./permissions.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { keyAlgorithmOf } from "../common/import-certificate.ts";
import { checkedImport } from "./checked-import.ts";
import { presentTags, toTags, withoutPairs } from "../common/tags.ts";
import { REFUSED } from "./members.ts";

export interface AcmDeps extends ApiDeps {
  readonly authority: Authority;
}

/** Source: API_ListCertificates. */
const LIST: PagedList = {
  size: "MaxItems",
  token: "NextToken",
  next: "NextToken",
  most: 1_000,
  invalidToken: () => new ApiError("InvalidArgsException", "The token is not valid.", { status: 400 }),
  keyOf: listKeyOf,
};

export function acmService(deps: AcmDeps): ServiceModule {
  const operations = certificateOperations(deps);
  return {
    sdk,
    operations: refusing(paged(operations, { ListCertificates: LIST }), REFUSED, "ValidationException"),
    constraints: CONSTRAINTS,
    // A chain has at most 2,097,152 bytes, in base64. Source: API_ImportCertificate.
    bodyLimits: { ImportCertificate: { bytes: 3 * 1024 * 1024, values: 1_000 } },
    permissions: permissionsBy("acm", operations, acmPermissions(deps.store)),
  };
}

/** Certificates: requested, imported, described, deleted and tagged. Source: API_RequestCertificate and following. */
function certificateOperations(deps: AcmDeps) {
  return {
    RequestCertificate: (input, context) => requestCertificate(deps, input, context),
    ImportCertificate: (input, context) => importCertificate(deps, input, context),
    DescribeCertificate: (input, context) => describeCertificate(deps, input, context),
    GetCertificate: (input, context) => getCertificate(deps, input, context),
    ListCertificates: (input, context) => listCertificates(deps, input, context),
    DeleteCertificate: (input, context) => deleteCertificate(deps, input, context),
    AddTagsToCertificate: (input, context) => addTagsToCertificate(deps, input, context),
    RemoveTagsFromCertificate: (input, context) => removeTagsFromCertificate(deps, input, context),
    ListTagsForCertificate: (input, context) => listTagsForCertificate(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

async function requestCertificate(
  { store, ids, clock, vault, authority }: AcmDeps,
  input: sdk.RequestCertificateRequest,
  context: RequestContext,
): Promise<sdk.RequestCertificateResponse> {
  const domainName = input.DomainName ?? "";
  const names = [...new Set([domainName, ...(input.SubjectAlternativeNames ?? [])])];
  for (const name of names)
    if (!/^(\*\.)?(([a-z0-9-]{1,63})\.)+[a-z0-9-]{2,63}$/i.test(name))
      throw new ApiError(
        "ValidationException",
        `1 validation error detected: Value '${name}' at 'domainName' failed to satisfy constraint: ` +
          "Member must be a valid domain name",
      );
  const issued = await authority.issue(names, clock.now());
  const arn = store.transact((tx) => {
    const token = input.IdempotencyToken;
    const known =
      token === undefined
        ? undefined
        : tx
            .list("certificate")
            .find(
              (each) =>
                isIn(each, context) && each.tags["aws:acm:token"] === token && each.domainName === domainName,
            );
    if (known !== undefined) return known.arn;
    const record = newRecord(
      context,
      { ids, clock },
      {
        domainName,
        names,
        validationMethod: input.ValidationMethod === "EMAIL" ? "EMAIL" : "DNS",
        type: "AMAZON_ISSUED",
        issued,
        sealedKey: vault.seal(issued.keyPem),
      },
    );
    const unvalidated = unvalidatedNames(tx, record);
    tx.put("certificate", record.arn, {
      ...record,
      ...(unvalidated.length === 0 ? {} : { unvalidated }),
      tags: { ...toTags(input.Tags), ...(token === undefined ? {} : { "aws:acm:token": token }) },
    });
    return record.arn;
  });
  return { CertificateArn: arn };
}

function describeCertificate(
  { store, clock }: AcmDeps,
  input: sdk.DescribeCertificateRequest,
  context: RequestContext,
): sdk.DescribeCertificateResponse {
  return {
    Certificate: presentDetail(findCertificate(store, context, input.CertificateArn), store, clock.now()),
  };
}

function getCertificate(
  { store }: AcmDeps,
  input: sdk.GetCertificateRequest,
  context: RequestContext,
): sdk.GetCertificateResponse {
  const record = findCertificate(store, context, input.CertificateArn);
  if (record.unvalidated !== undefined)
    throw new ApiError(
      "RequestInProgressException",
      `The certificate ${record.arn} is not issued yet: its domains are not validated.`,
    );
  return { Certificate: record.certificatePem, CertificateChain: record.chainPem };
}

function listCertificates(
  { store, clock }: AcmDeps,
  input: sdk.ListCertificatesRequest,
  context: RequestContext,
): sdk.ListCertificatesResponse {
  const now = clock.now();
  return {
    CertificateSummaryList: certificatesOf(store, context, input, now).map((record) => ({
      CertificateArn: record.arn,
      DomainName: record.domainName,
      SubjectAlternativeNameSummaries: [...record.subjectAlternativeNames],
      Status: statusOf(record, now),
      Type: record.type,
      KeyAlgorithm: algorithmOf(record),
      InUse: usersOf(store, record.arn).length > 0,
      CreatedAt: new Date(record.createdAt),
      ...presentValidity(record),
    })),
  };
}

function deleteCertificate(
  { store }: AcmDeps,
  input: sdk.DeleteCertificateRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const record = findCertificate(tx, context, input.CertificateArn);
    if (usersOf(tx, record.arn).length > 0)
      throw new ApiError(
        "ResourceInUseException",
        `Certificate ${record.arn} in account ${record.account} is in use.`,
      );
    tx.delete("certificate", record.arn);
  });
  return {};
}

function addTagsToCertificate(
  { store }: AcmDeps,
  input: sdk.AddTagsToCertificateRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const record = findCertificate(tx, context, input.CertificateArn);
    tx.put("certificate", record.arn, { ...record, tags: { ...record.tags, ...toTags(input.Tags) } });
  });
  return {};
}

function removeTagsFromCertificate(
  { store }: AcmDeps,
  input: sdk.RemoveTagsFromCertificateRequest,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const record = findCertificate(tx, context, input.CertificateArn);
    const unvalidated = unvalidatedNames(tx, record);
    tx.put("certificate", record.arn, {
      ...record,
      ...(unvalidated.length === 0 ? {} : { unvalidated }),
      tags: withoutPairs(record.tags, input.Tags ?? []),
    });
  });
  return {};
}

function listTagsForCertificate(
  { store }: AcmDeps,
  input: sdk.ListTagsForCertificateRequest,
  context: RequestContext,
): sdk.ListTagsForCertificateResponse {
  return {
    Tags: presentTags(findCertificate(store, context, input.CertificateArn).tags).filter(
      (tag) => !tag.Key.startsWith("aws:"),
    ),
  };
}

/** Imports a certificate, or imports one again over an imported one. Source: API_ImportCertificate. */
function importCertificate(
  { store, ids, clock, vault }: AcmDeps,
  input: sdk.ImportCertificateRequest,
  place: Place,
): sdk.ImportCertificateResponse {
  const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
  const imported = checkedImport(
    {
      certificate: text(input.Certificate),
      key: text(input.PrivateKey),
      chain: text(input.CertificateChain),
    },
    clock.now(),
  );
  const { parsed, domainName, names } = imported;
  const issued = {
    certificatePem: imported.certificatePem,
    chainPem: imported.chainPem,
    serial: parsed.serialNumber,
    notBefore: parsed.validFromDate.getTime(),
    notAfter: parsed.validToDate.getTime(),
  };
  const arn = store.transact((tx) => {
    const known =
      input.CertificateArn === undefined ? undefined : findImported(tx, place, input.CertificateArn);
    if (known !== undefined) {
      if ((input.Tags ?? []).length > 0) throw validation("Tagging is not permitted on re-import.");
      if (algorithmOf(known) !== keyAlgorithmOf(parsed.publicKey))
        throw validation("The key type and size of a certificate cannot be changed on re-import.");
    }
    const record = newRecord(
      place,
      { ids, clock },
      {
        domainName,
        names,
        validationMethod: "DNS",
        type: "IMPORTED",
        issued,
        sealedKey: vault.seal(imported.keyPem),
      },
    );
    const next =
      known === undefined
        ? { ...record, tags: toTags(input.Tags) }
        : { ...record, arn: known.arn, createdAt: known.createdAt, tags: known.tags };
    tx.put("certificate", next.arn, next);
    return next.arn;
  });
  return { CertificateArn: arn };
}

/** The certificate that an import replaces: an imported one of the caller's account and region. */
function findImported(reader: Reader, place: Place, arn: string): CertificateRecord {
  const record = findCertificate(reader, place, arn);
  if (record.type !== "IMPORTED")
    throw validation(`The certificate ${arn} was not imported and cannot be replaced by an import.`);
  return record;
}

function validation(message: string): ApiError {
  return new ApiError("ValidationException", message, { status: 400 });
}

function newRecord(
  place: Place,
  deps: Pick<ApiDeps, "ids" | "clock">,
  from: {
    domainName: string;
    names: readonly string[];
    validationMethod: "DNS" | "EMAIL";
    type: CertificateRecord["type"];
    issued: { certificatePem: string; chainPem: string; serial: string; notBefore: number; notAfter: number };
    sealedKey: string;
  },
): CertificateRecord {
  const { issued } = from;
  return {
    account: place.account,
    region: place.region,
    arn: formatArn("acm", place, `certificate/${deps.ids.uuid()}`),
    domainName: from.domainName,
    subjectAlternativeNames: from.names,
    validationMethod: from.validationMethod,
    type: from.type,
    certificatePem: issued.certificatePem,
    chainPem: issued.chainPem,
    sealedKey: from.sealedKey,
    serial: issued.serial,
    notBefore: issued.notBefore,
    notAfter: issued.notAfter,
    createdAt: deps.clock.now(),
    tags: {},
  };
}

function usersOf(reader: Reader, arn: string): readonly string[] {
  return [
    ...new Set(
      reader
        .list("listener")
        .filter((listener) => listener.certificates.includes(arn))
        .map((listener) => listener.loadBalancerArn),
    ),
  ];
}

function presentDetail(record: CertificateRecord, reader: Reader, now: number): sdk.CertificateDetail {
  const date = (ms: number) => new Date(ms);
  const { issuer, signatureAlgorithm } = new X509Certificate(record.certificatePem);
  return {
    CertificateArn: record.arn,
    DomainName: record.domainName,
    SubjectAlternativeNames: [...record.subjectAlternativeNames],
    DomainValidationOptions: record.subjectAlternativeNames.map((DomainName) => ({
      DomainName,
      ValidationDomain: DomainName,
      ValidationStatus: validationStatusOf(record, DomainName, now),
      ValidationMethod: record.validationMethod,
      ResourceRecord: presentValidation(record.account, DomainName),
    })),
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
    InUseBy: [...usersOf(reader, record.arn)],
    RenewalEligibility: "INELIGIBLE",
    Options: { CertificateTransparencyLoggingPreference: "ENABLED", Export: "DISABLED" },
    KeyUsages: [{ Name: "DIGITAL_SIGNATURE" }],
    ExtendedKeyUsages: [{ Name: "TLS_WEB_SERVER_AUTHENTICATION", OID: "1.3.6.1.5.5.7.3.1" }],
  };
}

/** A certificate that is not issued has no validity. */
function presentValidity({ unvalidated, notBefore, notAfter }: CertificateRecord) {
  return unvalidated === undefined ? { NotBefore: new Date(notBefore), NotAfter: new Date(notAfter) } : {};
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
