import { createHmac, hash, timingSafeEqual } from "node:crypto";

/** Why a request's signature does not let it in. */
export type AuthFailure =
  | "missing"
  | "malformed"
  | "unknown-key"
  | "expired-token"
  | "bad-token"
  | "mismatch"
  | "skewed"
  | "expired";

/** Thrown by verification; the dispatcher says it in the words of the service's protocol. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
  readonly failure: AuthFailure;
  constructor(failure: AuthFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/** What a request claims about who signed it, how, and for whom. */
export interface Claim {
  readonly form: "header" | "presigned";
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly amzDate: string;
  readonly expiresSeconds: number | undefined;
  readonly token: string | undefined;
  /** `x-amz-content-sha256`, where the request has it. */
  readonly payloadHash: string | undefined;
}

export interface SignedRequest {
  readonly method: string;
  /** Path as received, still encoded, without the query. */
  readonly rawPath: string;
  /** Query as received, without the question mark. */
  readonly rawQuery: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

const SKEW_MAX_MS = 15 * 60_000;
const PRESIGNED_MAX_S = 604_800;
const CREDENTIAL = /^([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/;

/** The claim in the Authorization header or the query; undefined where the request is unsigned. */
export function readClaim(request: SignedRequest): Claim | undefined {
  const authorization = request.headers["authorization"];
  if (authorization !== undefined) return readHeaderClaim(authorization, request);
  const query = new URLSearchParams(request.rawQuery);
  return query.has("X-Amz-Signature") ? readPresignedClaim(query) : undefined;
}

function readHeaderClaim(authorization: string, request: SignedRequest): Claim {
  const match =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})\s*$/.exec(
      authorization,
    );
  const scope = CREDENTIAL.exec(match?.[1] ?? "");
  const amzDate = request.headers["x-amz-date"] ?? "";
  if (match === null || scope === null || !/^\d{8}T\d{6}Z$/.test(amzDate)) {
    throw new SignatureError(
      "malformed",
      "The Authorization header has the wrong form: it must name Credential, SignedHeaders and Signature of AWS4-HMAC-SHA256, and X-Amz-Date must be there.",
    );
  }
  const [, accessKeyId = "", date = "", region = "", service = ""] = scope;
  return {
    form: "header",
    accessKeyId,
    date,
    region,
    service,
    signedHeaders: (match[2] ?? "").split(";"),
    signature: match[3] ?? "",
    amzDate,
    expiresSeconds: undefined,
    token: request.headers["x-amz-security-token"],
    payloadHash: request.headers["x-amz-content-sha256"],
  };
}

function readPresignedClaim(query: URLSearchParams): Claim {
  const scope = CREDENTIAL.exec(query.get("X-Amz-Credential") ?? "");
  const expiresSeconds = Number(query.get("X-Amz-Expires") ?? "x");
  const amzDate = query.get("X-Amz-Date") ?? "";
  const fits = Number.isInteger(expiresSeconds) && expiresSeconds >= 1 && expiresSeconds <= PRESIGNED_MAX_S;
  if (
    scope === null ||
    query.get("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256" ||
    !fits ||
    !/^\d{8}T\d{6}Z$/.test(amzDate)
  ) {
    throw new SignatureError(
      "malformed",
      "Query-string authentication requires X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders and X-Amz-Expires of 1 to 604800 seconds.",
    );
  }
  const [, accessKeyId = "", date = "", region = "", service = ""] = scope;
  return {
    form: "presigned",
    accessKeyId,
    date,
    region,
    service,
    signedHeaders: (query.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: query.get("X-Amz-Signature") ?? "",
    amzDate,
    expiresSeconds,
    token: query.get("X-Amz-Security-Token") ?? undefined,
    payloadHash: undefined,
  };
}

/**
 * Checks the claim against the secret. `bodyHash` is the hex SHA-256 of the body where the request does not say one.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Throws SignatureError.
 */
export function verifySignature(options: {
  request: SignedRequest;
  claim: Claim;
  secretAccessKey: string;
  now: number;
  bodyHash: string | undefined;
}): void {
  const { request, claim, now } = options;
  checkTime(claim, now);
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith("x-amz-") && claim.form === "header" && !claim.signedHeaders.includes(name)) {
      throw new SignatureError(
        "mismatch",
        `There were headers present in the request which were not signed: ${name}`,
      );
    }
  }
  if (!claim.signedHeaders.includes("host"))
    throw new SignatureError("malformed", "Host must be in SignedHeaders.");
  const isS3 = claim.service === "s3";
  const payloadHash =
    claim.payloadHash ??
    (claim.form === "presigned" && isS3 ? "UNSIGNED-PAYLOAD" : (options.bodyHash ?? sha256Hex("")));
  const canonical = [
    request.method,
    isS3 ? canonicalPathS3(request.rawPath) : canonicalPath(request.rawPath),
    canonicalQuery(request.rawQuery),
    ...claim.signedHeaders.map((name) => `${name}:${collapsed(request.headers[name] ?? "")}`),
    "",
    claim.signedHeaders.join(";"),
    payloadHash,
  ].join("\n");
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", claim.amzDate, scope, sha256Hex(canonical)].join("\n");
  const expected = hmac(signingKey(options.secretAccessKey, claim), toSign);
  if (
    !/^[0-9a-f]{64}$/.test(claim.signature) ||
    !timingSafeEqual(expected, Buffer.from(claim.signature, "hex"))
  ) {
    throw new SignatureError(
      "mismatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
}

/** Without space around it, and one where there are several. Most headers are so. */
function collapsed(value: string): string {
  return /^\s|\s\s|[^\S ]|\s$/.test(value) ? value.trim().replace(/\s+/g, " ") : value;
}

function checkTime(claim: Claim, now: number): void {
  const signedAt = momentOf(claim.amzDate);
  if (Number.isNaN(signedAt) || claim.amzDate.slice(0, 8) !== claim.date)
    throw new SignatureError(
      "malformed",
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
    );
  if (claim.expiresSeconds !== undefined) {
    if (now > signedAt + claim.expiresSeconds * 1000)
      throw new SignatureError("expired", "Request has expired");
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

/** Most requests of one second carry the same date. */
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

/** The derived key of a day, region and service; remembered, for it costs four HMACs. */
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

/** Decoded and encoded once: S3 never normalises. */
function canonicalPathS3(rawPath: string): string {
  return (
    rawPath
      .split("/")
      .map((segment) => encode(decode(segment)))
      .join("/") || "/"
  );
}

/** Dot segments removed, then every segment, which is encoded already, encoded again. */
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
      const [name = "", ...value] = pair.split("=");
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
