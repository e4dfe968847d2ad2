import { X509Certificate } from "node:crypto";
import type { RequestContext } from "@gantry/wire";
import { findAsCaller } from "../s3/read-as-caller.ts";
import { ApiError, type ErrorCode } from "./api-error.ts";
import type { Elbv2Deps } from "./elbv2-deps.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const REVOCATIONS = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g;
/** Source: "Quotas for your Application Load Balancers", trust stores. */
const CERTIFICATES_MAX = 25;
const FILE_BYTES_MAX = 5 * 1024 * 1024;
/** Tags of DER. Source: X.690. */
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const TIMES: readonly number[] = [0x17, 0x18];

/** An object in S3, as the request names it. */
interface NamedObject {
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly version: string | undefined;
}

/** Reads a file from S3 with the caller's permissions. Errors: AccessDenied, the given code where it does not exist. */
export async function readFromS3(
  deps: Elbv2Deps,
  context: RequestContext,
  { bucket = "", key = "", version }: NamedObject,
  missing: ErrorCode,
): Promise<string> {
  const found = findAsCaller(deps, context, { bucket, key, version });
  if (found === undefined || found.meta.size > FILE_BYTES_MAX)
    throw new ApiError(
      missing,
      `The file '${key}' in the bucket '${bucket}' cannot be found or is too large`,
    );
  return (await found.read()).toString("latin1");
}

/** The certificates of a bundle. Errors: InvalidCaCertificatesBundle. */
export function parseBundle(text: string): { readonly pem: string; readonly count: number } {
  const found = text.match(CERTIFICATE) ?? [];
  const isValid = found.length > 0 && found.length <= CERTIFICATES_MAX && found.every(isAuthority);
  if (!isValid)
    throw new ApiError(
      "InvalidCaCertificatesBundle",
      `The certificate bundle must consist of 1 to ${CERTIFICATES_MAX} certificates of authorities in PEM`,
    );
  return { pem: `${found.join("\n")}\n`, count: found.length };
}

function isAuthority(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}

/** The lists of a revocation file. Errors: InvalidRevocationContent. */
export function parseRevocations(text: string): { readonly pem: string; readonly count: number } {
  const found = [...text.matchAll(REVOCATIONS)];
  const counts = found.map(([, base64 = ""]) => countRevoked(Buffer.from(base64, "base64")));
  if (found.length === 0 || counts.some((count) => count === undefined))
    throw new ApiError(
      "InvalidRevocationContent",
      "The revocation file must consist of certificate revocation lists in PEM",
    );
  const count = counts.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  return { pem: `${found.map(([pem]) => pem).join("\n")}\n`, count };
}

/** The number of entries of a certificate revocation list in DER; undefined where it is none. Source: RFC 5280, 5.1. */
function countRevoked(der: Buffer): number | undefined {
  const outer = elementsOf(der)[0];
  const toBeSigned = outer?.tag === SEQUENCE ? elementsOf(outer.content)[0] : undefined;
  if (toBeSigned?.tag !== SEQUENCE) return undefined;
  const parts = elementsOf(toBeSigned.content).filter(({ tag }) => tag !== INTEGER);
  // The algorithm, the issuer, thisUpdate, and nextUpdate where it is there.
  if (parts[0]?.tag !== SEQUENCE || parts[1]?.tag !== SEQUENCE || !TIMES.includes(parts[2]?.tag ?? 0))
    return undefined;
  const after = parts.slice(TIMES.includes(parts[3]?.tag ?? 0) ? 4 : 3);
  return after[0]?.tag === SEQUENCE ? elementsOf(after[0].content).length : 0;
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The elements of DER, up to the first that is cut. */
function elementsOf(der: Buffer): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at + 2 <= der.length;) {
    const first = der[at + 1] ?? 0;
    const digits = first < 0x80 ? 0 : first & 0x7f;
    if (digits > 4 || at + 2 + digits > der.length) break;
    const length = digits === 0 ? first : der.readUIntBE(at + 2, digits);
    const begin = at + 2 + digits;
    if (begin + length > der.length) break;
    found.push({ tag: der[at] ?? 0, content: der.subarray(begin, begin + length) });
    at = begin + length;
  }
  return found;
}
