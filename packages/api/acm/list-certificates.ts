import { X509Certificate } from "node:crypto";
import type * as sdk from "@aws-sdk/client-acm";
import { formatArn } from "@gantry/kernel";
import type { CertificateRecord, Reader } from "@gantry/state";
import { isWaiting } from "@gantry/state/transactions/certificate-validation";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { keyAlgorithmOf } from "../common/import-certificate.ts";

/** The key usages of every certificate, as DescribeCertificate shows them. */
const KEY_USAGE = "DIGITAL_SIGNATURE";
const EXTENDED_KEY_USAGE = "TLS_WEB_SERVER_AUTHENTICATION";

/** The latest time of a Date. Source: ECMA-262, "Time Values and Time Range". */
const TIME_MAX = 8_640_000_000_000_000;

/**
 * The certificates of an account and region that all filters let through, oldest first where a sort is asked
 * for ascending.
 * Source: API_ListCertificates and API_Filters. Errors: ValidationException for half of a sort.
 */
export function certificatesOf(
  reader: Reader,
  place: Place,
  input: sdk.ListCertificatesRequest,
  now: number,
): readonly CertificateRecord[] {
  if ((input.SortBy === undefined) !== (input.SortOrder === undefined))
    throw new ApiError("ValidationException", "SortBy and SortOrder must be specified together.", {
      status: 400,
    });
  const found = reader
    .list("certificate", formatArn("acm", place, "certificate/"))
    .filter((record) => isWanted(record, input, now));
  if (input.SortOrder === undefined) return found;
  const sign = input.SortOrder === "ASCENDING" ? 1 : -1;
  return found.toSorted((a, b) => sign * (a.createdAt - b.createdAt));
}

/** The order of a summary in the list: by ARN, or by the time that it was created where a sort is asked for. */
export function listKeyOf(
  summary: Readonly<Record<string, unknown>>,
  { SortOrder }: Readonly<Record<string, unknown>>,
): string {
  const { CertificateArn, CreatedAt } = summary as sdk.CertificateSummary; // As ListCertificates shows it.
  const createdAt = CreatedAt?.getTime() ?? 0;
  const time = SortOrder === "DESCENDING" ? TIME_MAX - createdAt : createdAt;
  const order = SortOrder === undefined ? "" : `${String(time).padStart(16, "0")} `;
  return `${order}${CertificateArn}`;
}

function isWanted(record: CertificateRecord, input: sdk.ListCertificatesRequest, now: number): boolean {
  const { keyTypes, keyUsage, extendedKeyUsage, exportOption, managedBy } = input.Includes ?? {};
  const isOneOf = (value: string, wanted: readonly string[] | undefined) =>
    wanted === undefined || wanted.length === 0 || wanted.includes(value);
  const isAnyOrOneOf = (value: string, wanted: readonly string[] | undefined) =>
    isOneOf(value, wanted) || wanted?.includes("ANY") === true;
  return (
    isOneOf(statusOf(record, now), input.CertificateStatuses) &&
    isOneOf(
      record.type === "IMPORTED" ? "CUSTOMER_PROVIDED" : "AWS_MANAGED",
      input.CertificateKeyPairOrigins,
    ) &&
    (keyTypes === undefined || isOneOf(algorithmOf(record), keyTypes)) &&
    isAnyOrOneOf(KEY_USAGE, keyUsage) &&
    isAnyOrOneOf(EXTENDED_KEY_USAGE, extendedKeyUsage) &&
    isOneOf("DISABLED", exportOption === undefined ? undefined : [exportOption]) &&
    managedBy === undefined
  );
}

/** The status of a certificate at a time (ms since the epoch). */
export function statusOf(record: CertificateRecord, now: number): sdk.CertificateStatus {
  if (record.unvalidated !== undefined)
    return isWaiting(record, now) ? "PENDING_VALIDATION" : "VALIDATION_TIMED_OUT";
  return record.notAfter < now ? "EXPIRED" : "ISSUED";
}

export function algorithmOf(record: CertificateRecord): sdk.KeyAlgorithm {
  // ACM's names are made of the key's type and size.
  return keyAlgorithmOf(new X509Certificate(record.certificatePem).publicKey) as sdk.KeyAlgorithm;
}
