/**
 * ACM: certificates signed by the platform's own authority, for load balancers to present. Names that public hosted
 * zones of the instance cover are validated there; others are not. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-acm";
import { formatArn } from "@gantry/kernel";
import type { CertificateRecord, Reader } from "@gantry/state";
import { certificateUsers, unvalidatedNames } from "@gantry/state/transactions/certificate-validation";
import type { Authority, KeyType } from "@gantry/tls";
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
import { presentDetail, presentValidity } from "./present-certificate.ts";

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
  const repeated = requestedBefore(store, context, input);
  if (repeated !== undefined) return { CertificateArn: repeated };
  const keyType = (input.KeyAlgorithm ?? "RSA_2048") as KeyType; // Others are refused by `REFUSED`.
  // The key is made by a thread of its own: an RSA key takes some 100 ms.
  const issued = await authority.issue(names, clock.now(), { keyType });
  const arn = store.transact((tx) => {
    const token = input.IdempotencyToken;
    const known = requestedBefore(tx, context, input);
    if (known !== undefined) return known;
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

/** The certificate that a request with the same token and domain was given. */
function requestedBefore(
  reader: Reader,
  place: RequestContext,
  { IdempotencyToken: token, DomainName: domainName }: sdk.RequestCertificateRequest,
): string | undefined {
  if (token === undefined) return undefined;
  return reader
    .list("certificate")
    .find(
      (each) => isIn(each, place) && each.tags["aws:acm:token"] === token && each.domainName === domainName,
    )?.arn;
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
      InUse: certificateUsers(store, record.arn).length > 0,
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
    if (certificateUsers(tx, record.arn).length > 0)
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
    tx.put("certificate", record.arn, { ...record, tags: withoutPairs(record.tags, input.Tags ?? []) });
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
