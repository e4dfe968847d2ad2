import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { SignatureError, type Claim, type SignedRequest } from "./claim.ts";

const SKEW_MAX_MS = 15 * 60_000;

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
  const unsigned: string[] = [];
  for (const name of Object.keys(request.headers)) {
    const isToBeSigned = name.startsWith("x-amz-") || options.alsoSigned.includes(name);
    if (isToBeSigned && !claim.signedHeaders.includes(name)) unsigned.push(name);
  }
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
  const path =
    options.pathIs === "objectKey" ? canonicalPathS3(request.rawPath) : canonicalPath(request.rawPath);
  const headers = canonicalHeaders(request.headers, claim.signedHeaders);
  const names = claim.signedHeaders.join(";");
  const canonical = `${request.method}\n${path}\n${canonicalQuery(request.rawQuery)}\n${headers}\n${names}\n${options.payloadHash}`;
  if (!isSigned(canonical, claim, options.secretAccessKey)) {
    throw new SignatureError(
      "mismatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS " +
        "Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
}

/** The signed headers, one on each line. */
function canonicalHeaders(headers: SignedRequest["headers"], names: readonly string[]): string {
  let text = "";
  for (const name of names) text += `${name}:${headers[name] ?? ""}\n`;
  if (!UNUSUAL_SPACE.test(text)) return text;
  text = "";
  for (const name of names) text += `${name}:${collapsed(headers[name] ?? "")}\n`;
  return text;
}

/**
 * Finds white space that a canonical value lacks in lines of names and values: at an end of a value, beside other
 * white space, and other than a space. It also finds a line end after an empty value, which changes nothing.
 */
const UNUSUAL_SPACE = /[:\s]\s|[^\S \n]/;

/**
 * Whether a signature covers the text in one of its encodings. Node decodes header values as Latin-1. Go and curl
 * sign the bytes that they send; boto3 and the JavaScript SDK send Latin-1 and sign the UTF-8 form of the same text.
 * ASCII has one encoding.
 */
function isSigned(canonical: string, claim: Claim, secretAccessKey: string): boolean {
  const mac = signingMac(secretAccessKey, claim);
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const covers = (sha256: string): boolean =>
    equalsInConstantTime(
      mac.hexOf(`AWS4-HMAC-SHA256\n${claim.amzDate}\n${scope}\n${sha256}`),
      claim.signature,
    );
  return (
    covers(sha256Hex(canonical)) ||
    (NOT_ASCII.test(canonical) && covers(sha256Hex(Buffer.from(canonical, "latin1"))))
  );
}

const NOT_ASCII = /[^\0-\x7f]/;

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

interface Signing {
  readonly key: Buffer;
  readonly mac: Mac;
}
const signings = new Map<string, Signing>();
const SIGNINGS_MAX = 1_000;

/** The derived key of a day, region and service. */
export function signingKey(secretAccessKey: string, scope: Scope): Buffer {
  return signingOf(secretAccessKey, scope).key;
}

/** The message authentication code with that key. */
function signingMac(secretAccessKey: string, scope: Scope): Mac {
  return signingOf(secretAccessKey, scope).mac;
}

interface Scope {
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** Deriving a key takes four HMACs, so keys are cached. */
function signingOf(secretAccessKey: string, { date, region, service }: Scope): Signing {
  const name = `${secretAccessKey}/${date}/${region}/${service}`;
  const known = signings.get(name);
  if (known !== undefined) return known;
  const ofRegion = hmac(hmac(Buffer.from(`AWS4${secretAccessKey}`), date), region);
  const key = hmac(hmac(ofRegion, service), "aws4_request");
  const signing = { key, mac: new Mac(key) };
  if (signings.size >= SIGNINGS_MAX) signings.clear();
  signings.set(name, signing);
  return signing;
}

/** A path that neither decoding nor encoding changes: most are. */
const PLAIN_PATH = /^[A-Za-z0-9/._~-]+$/;

/** Decodes and encodes each segment once: S3 does not normalise paths. */
function canonicalPathS3(rawPath: string): string {
  if (PLAIN_PATH.test(rawPath)) return rawPath;
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

/** SHA-256 reads blocks of this size, and a key of HMAC is padded to one. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Texts to sign are short: two dates, a scope and a hash. Longer ones get a buffer of their own. */
const TEXT_BYTES_MAX = 512;
/** A character of UTF-16 has at most three bytes in UTF-8. */
const BYTES_PER_CHARACTER = 3;

/**
 * HMAC-SHA256 of texts with one key, as two one-shot hashes over blocks that are prepared once: half the time of
 * Node's `createHmac`, which makes an object for each. Source: RFC 2104.
 */
export class Mac {
  /** The block of the inner hash, and room for the text. */
  readonly #inner = Buffer.alloc(BLOCK_BYTES + TEXT_BYTES_MAX);
  /** The block of the outer hash, and room for the inner one. */
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

  /** `key`: at most 64 bytes, which a key that SHA-256 derived is. */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK_BYTES) throw new Error("The key is longer than a block of the hash.");
    for (let index = 0; index < BLOCK_BYTES; index += 1) {
      const byte = key[index] ?? 0;
      this.#inner[index] = byte ^ 0x36;
      this.#outer[index] = byte ^ 0x5c;
    }
  }

  /** The code of a text's UTF-8 form, in hexadecimal digits. */
  hexOf(text: string): string {
    this.#outer.write(this.#innerHash(text), BLOCK_BYTES, DIGEST_BYTES, "latin1");
    return hash("sha256", this.#outer);
  }

  #innerHash(text: string): string {
    if (text.length * BYTES_PER_CHARACTER > TEXT_BYTES_MAX)
      return hash(
        "sha256",
        Buffer.concat([this.#inner.subarray(0, BLOCK_BYTES), Buffer.from(text)]),
        "latin1",
      );
    const end = BLOCK_BYTES + this.#inner.write(text, BLOCK_BYTES);
    return hash("sha256", this.#inner.subarray(0, end), "latin1");
  }
}
