import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { SignatureError, type Claim, type SignedRequest } from "./claim.ts";

const SKEW_MAX_MS = 15 * 60_000;
const SIGNATURE = /^[0-9a-f]{64}$/;

/**
 * Checks the time and the signed headers of a claim, without the secret: everything that can be refused
 * before the body is read. `lifetimeMaxSeconds` bounds a presigned URL. Throws SignatureError.
 */
export function checkClaim(
  request: SignedRequest,
  claim: Claim,
  options: { now: number; alsoSigned: readonly string[]; lifetimeMaxSeconds: number },
): void {
  checkTime(claim, options.now, options.lifetimeMaxSeconds);
  if (!claim.signedHeaders.includes("host"))
    throw new SignatureError(
      claim.form === "header" ? "mismatch" : "malformed-query",
      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
  const unsigned = Object.keys(request.headers).filter(
    (name) =>
      (name.startsWith("x-amz-") || options.alsoSigned.includes(name)) && !claim.signedHeaders.includes(name),
  );
  if (unsigned.length > 0)
    throw new SignatureError(
      "unsigned-headers",
      `There were headers present in the request which were not signed: ${unsigned.join(", ")}`,
      { HeadersNotSigned: unsigned.join(", ") },
    );
}

/**
 * Checks a claim's signature against the secret. `payloadHash` is the body's hash in the canonical request.
 * An object's key is signed as it is sent (`pathIs: "objectKey"`); the paths of other services are normalized
 * and encoded a second time.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Throws
 * SignatureError.
 */
export function verifySignature(options: {
  request: SignedRequest;
  claim: Claim;
  secretAccessKey: string;
  payloadHash: string;
  pathIs: "objectKey" | "normalized";
}): void {
  const { request, claim } = options;
  const canonicalHead = [
    request.method,
    options.pathIs === "objectKey" ? canonicalPathS3(request.rawPath) : canonicalPath(request.rawPath),
    canonicalQuery(request.rawQuery),
  ].join("\n");
  const headers = claim.signedHeaders.map((name) => `${name}:${collapsed(request.headers[name] ?? "")}`);
  const canonical = [canonicalHead, ...headers, "", claim.signedHeaders.join(";"), options.payloadHash].join(
    "\n",
  );
  if (!readingsOf(canonical).some((reading) => isSignatureOf(reading, claim, options.secretAccessKey))) {
    throw new SignatureError(
      "mismatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS " +
        "Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
}

/**
 * The byte sequences that a signature may cover. Node decodes header values as Latin-1. Go and curl sign the
 * bytes that they send; boto3 and the JavaScript SDK send Latin-1 and sign the UTF-8 form of the same text.
 * ASCII has one encoding.
 */
function readingsOf(canonical: string): readonly Buffer[] {
  const utf8 = Buffer.from(canonical);
  return utf8.length === canonical.length ? [utf8] : [Buffer.from(canonical, "latin1"), utf8];
}

function isSignatureOf(canonical: Buffer, claim: Claim, secretAccessKey: string): boolean {
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", claim.amzDate, scope, sha256Hex(canonical)].join("\n");
  const expected = hmac(signingKey(secretAccessKey, claim), toSign);
  return SIGNATURE.test(claim.signature) && timingSafeEqual(expected, Buffer.from(claim.signature, "hex"));
}

/** Trims the value and collapses runs of white space to one space. Most values need neither. */
function collapsed(value: string): string {
  return /^\s|\s\s|[^\S ]|\s$/.test(value) ? value.trim().replace(/\s+/g, " ") : value;
}

function checkTime(claim: Claim, now: number, lifetimeMaxSeconds: number): void {
  const signedAt = momentOf(claim.amzDate);
  if (Number.isNaN(signedAt) || claim.amzDate.slice(0, 8) !== claim.date)
    throw new SignatureError(
      claim.form === "header" ? "malformed" : "malformed-query",
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
    );
  if (claim.form === "presigned") {
    const seconds = Math.min(claim.expiresSeconds ?? lifetimeMaxSeconds, lifetimeMaxSeconds);
    if (now >= signedAt + seconds * 1000) throw new SignatureError("expired", "Request has expired");
    if (signedAt > now + SKEW_MAX_MS) throw new SignatureError("skewed", "Request is not yet valid");
    return;
  }
  if (Math.abs(now - signedAt) <= SKEW_MAX_MS) return;
  const [signed, limit] = [
    amzDateOf(signedAt),
    amzDateOf(signedAt < now ? now - SKEW_MAX_MS : now + SKEW_MAX_MS),
  ];
  const verdict =
    signedAt < now
      ? `Signature expired: ${signed} is now earlier than ${limit}`
      : `Signature not yet current: ${signed} is still later than ${limit}`;
  throw new SignatureError("skewed", `${verdict} (${amzDateOf(now)} ${signedAt < now ? "-" : "+"} 15 min.)`);
}

let lastDate: { text: string; at: number } | undefined;

/**
 * The time of an X-Amz-Date, in ms. The last one is cached: most requests of one second carry the same date.
 */
function momentOf(amzDate: string): number {
  if (lastDate?.text === amzDate) return lastDate.at;
  const at = Date.parse(amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  lastDate = { text: amzDate, at };
  return at;
}

export function amzDateOf(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

const signingKeys = new Map<string, Buffer>();
const SIGNING_KEYS_MAX = 1_000;

/** The derived key of a day, region and service. It takes four HMACs, so keys are cached. */
export function signingKey(
  secretAccessKey: string,
  scope: { date: string; region: string; service: string },
): Buffer {
  const name = `${secretAccessKey}/${scope.date}/${scope.region}/${scope.service}`;
  const known = signingKeys.get(name);
  if (known !== undefined) return known;
  const key = ["aws4_request"].reduce(
    (from, text) => hmac(from, text),
    hmac(hmac(hmac(Buffer.from(`AWS4${secretAccessKey}`), scope.date), scope.region), scope.service),
  );
  if (signingKeys.size >= SIGNING_KEYS_MAX) signingKeys.clear();
  signingKeys.set(name, key);
  return key;
}

/** Decodes and encodes each segment once: S3 does not normalise paths. */
function canonicalPathS3(rawPath: string): string {
  return (
    rawPath
      .split("/")
      .map((segment) => encode(decode(segment)))
      .join("/") || "/"
  );
}

/** Removes dot segments, then encodes every segment, which is already encoded, once more. */
function canonicalPath(rawPath: string): string {
  if (rawPath === "/") return rawPath;
  const kept: string[] = [];
  for (const segment of rawPath.split("/").slice(1)) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  return `/${kept
    .filter((segment, index) => segment !== "" || index === kept.length - 1)
    .map(encode)
    .join("/")}`;
}

function canonicalQuery(rawQuery: string): string {
  if (rawQuery === "") return "";
  return rawQuery
    .split("&")
    .filter((pair) => pair !== "" && !pair.startsWith("X-Amz-Signature="))
    .map((pair) => {
      // A plus is decoded as a space, as operations do: a signed plus must not be exchangeable for a space.
      const [name = "", ...value] = pair.replaceAll("+", "%20").split("=");
      return [encode(decode(name)), encode(decode(value.join("=")))] as const;
    })
    .toSorted(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function sha256Hex(data: string | Uint8Array): string {
  return hash("sha256", data);
}

export function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

export function equalsInConstantTime(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
