import type { Claim } from "./claim.ts";
import type { Exchange } from "./exchange.ts";

/** Parameters of the signature itself, and checksums: SDKs compute those of a presigned upload over an empty body. */
const NOT_HEADERS =
  /^x-amz-(?:algorithm|credential|date|expires|signedheaders|signature|content-sha256|security-token|checksum-|sdk-)/i;

/**
 * Copies the `x-amz-*` query parameters of a presigned request to its headers: SDKs move the headers that
 * they sign into the query, and S3 reads them from there. A header that is sent, and therefore signed, takes
 * precedence.
 */
export function withHeadersOfQuery(exchange: Exchange, claim: Claim | undefined): Exchange {
  if (claim === undefined || claim.form === "header") return exchange;
  const moved = [...new URLSearchParams(exchange.rawQuery)].flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    const isHeader =
      (lower.startsWith("x-amz-") && !NOT_HEADERS.test(lower)) ||
      (claim.form === "presigned-v2" && lower === "content-type");
    return isHeader && exchange.headers[lower] === undefined ? [[lower, value] as const] : [];
  });
  if (moved.length === 0) return exchange;
  return { ...exchange, headers: { ...exchange.headers, ...Object.fromEntries(moved) } };
}
