/** Why a request's signature is refused. */
export type AuthFailure =
  | "missing"
  | "malformed"
  | "malformed-query"
  | "unsupported"
  | "two-mechanisms"
  | "unknown-key"
  | "expired-token"
  | "bad-token"
  | "unsigned-headers"
  | "missing-payload-hash"
  | "mismatch"
  | "skewed"
  | "expired";

/** Thrown by verification; the dispatcher translates it to the service's protocol. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
  readonly failure: AuthFailure;
  /** Further elements of S3's response. */
  readonly fields: Readonly<Record<string, string>>;
  constructor(failure: AuthFailure, message: string, fields: Readonly<Record<string, string>> = {}) {
    super(message);
    this.failure = failure;
    this.fields = fields;
  }
}

/** What a request states about its signer, the signature, and its scope. */
export interface Claim {
  /** `presigned` carries a signature of version 4 in the query, `presigned-v2` S3's older one of version 2. */
  readonly form: "header" | "presigned" | "presigned-v2";
  readonly accessKeyId: string;
  /** YYYYMMDD of the credential scope. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** Names in lower case, as they are signed. Version 2 signs every `x-amz-*` header and lists none. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly amzDate: string;
  /** Seconds after `amzDate` for version 4; seconds since the epoch for version 2. */
  readonly expiresSeconds: number | undefined;
  readonly token: string | undefined;
  /** `x-amz-content-sha256`, where the request has it as a header or, presigned, as a parameter. */
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

const PRESIGNED_MAX_S = 604_800;
const CREDENTIAL = /^([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/;
const AMZ_DATE = /^\d{8}T\d{6}Z$/;
const CREDENTIAL_FORM = 'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".';

/**
 * The claim in the Authorization header or the query; undefined if the request is unsigned. Throws
 * SignatureError if a claim is malformed, or if there is more than one.
 */
export function readClaim(request: SignedRequest): Claim | undefined {
  const authorization = request.headers["authorization"];
  const query = isQuerySigned(request.rawQuery) ? new URLSearchParams(request.rawQuery) : undefined;
  if (authorization !== undefined && query !== undefined)
    throw new SignatureError(
      "two-mechanisms",
      "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query " +
        "string parameter or the Authorization header should be specified",
    );
  if (authorization !== undefined) return readHeaderClaim(authorization, request);
  if (query === undefined) return undefined;
  return query.has("AWSAccessKeyId") ? readVersion2Claim(query) : readPresignedClaim(query, request);
}

/** A query with any part of a signature is signed: an incomplete one must not count as an anonymous request. */
function isQuerySigned(rawQuery: string): boolean {
  return /(?:^|&)(?:X-Amz-(?:Algorithm|Credential|Signature)|AWSAccessKeyId)=/.test(rawQuery);
}

function readHeaderClaim(authorization: string, request: SignedRequest): Claim {
  if (!authorization.startsWith("AWS4-HMAC-SHA256"))
    throw new SignatureError(
      "unsupported",
      "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    );
  const end = authorization.lastIndexOf(SIGNATURE_IS) + SIGNATURE_IS.length;
  const signer = signerIn(authorization.slice(0, end));
  const [, signature] = SIGNATURE.exec(authorization.slice(end)) ?? [];
  const amzDate = request.headers["x-amz-date"] ?? "";
  if (signer === undefined || signature === undefined || !AMZ_DATE.test(amzDate)) {
    throw new SignatureError(
      "malformed",
      "The Authorization header has the wrong form: it must name Credential, SignedHeaders and " +
        "Signature of AWS4-HMAC-SHA256, and X-Amz-Date must be there.",
    );
  }
  return {
    form: "header",
    accessKeyId: signer.accessKeyId,
    date: signer.date,
    region: signer.region,
    service: signer.service,
    signedHeaders: signer.signedHeaders,
    signature,
    amzDate,
    expiresSeconds: undefined,
    token: request.headers["x-amz-security-token"],
    payloadHash: request.headers["x-amz-content-sha256"],
  };
}

const SIGNATURE_IS = "Signature=";
const SIGNATURE = /^([0-9a-f]{64})\s*$/;

/** The parts of an Authorization header before the signature; undefined if it is malformed. */
const signerIn = remembered((header) => {
  const [, credential, names] =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=$/.exec(header) ?? [];
  const scope = credential === undefined ? undefined : scopeOf(credential);
  return scope && names !== undefined ? { ...scope, signedHeaders: names.split(";") } : undefined;
});

/** Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. */
function readPresignedClaim(query: URLSearchParams, request: SignedRequest): Claim {
  const malformed = (message: string) => new SignatureError("malformed-query", message);
  const text = (name: string) => query.get(name) ?? "";
  const amzDate = text("X-Amz-Date");
  for (const name of ["Algorithm", "Credential", "Signature", "Date", "SignedHeaders"])
    if (text(`X-Amz-${name}`) === "")
      throw malformed(
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
          "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
      );
  if (text("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256")
    throw malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"');
  const scope = scopeOf(text("X-Amz-Credential"));
  if (scope === undefined)
    throw malformed(
      `Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; ${CREDENTIAL_FORM}`,
    );
  if (!AMZ_DATE.test(amzDate))
    throw malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  return {
    form: "presigned",
    ...scope,
    signedHeaders: text("X-Amz-SignedHeaders").split(";"),
    signature: text("X-Amz-Signature"),
    amzDate,
    expiresSeconds: readExpires(query.get("X-Amz-Expires")),
    token: query.get("X-Amz-Security-Token") ?? undefined,
    payloadHash: request.headers["x-amz-content-sha256"] ?? query.get("X-Amz-Content-Sha256") ?? undefined,
  };
}

function readExpires(text: string | null): number | undefined {
  if (text === null) return undefined;
  const seconds = Number(text);
  if (!/^-?\d+$/.test(text)) throw new SignatureError("malformed-query", "X-Amz-Expires should be a number");
  if (seconds < 0) throw new SignatureError("expired", "X-Amz-Expires must be non-negative");
  if (seconds > PRESIGNED_MAX_S)
    throw new SignatureError(
      "expired",
      "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be " +
        `less than ${PRESIGNED_MAX_S} seconds`,
    );
  return seconds;
}

/**
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html, "Query string
 * request authentication alternative".
 */
function readVersion2Claim(query: URLSearchParams): Claim {
  const [expires, signature] = [query.get("Expires"), query.get("Signature")];
  if (expires === null || signature === null || signature === "")
    throw new SignatureError(
      "expired",
      "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
    );
  if (!/^\d{1,15}$/.test(expires))
    throw new SignatureError("expired", `Invalid date (should be seconds since epoch): ${expires}`);
  return {
    form: "presigned-v2",
    accessKeyId: query.get("AWSAccessKeyId") ?? "",
    date: "",
    // Version 2 has no credential scope: only S3 accepts it, in any region.
    region: "us-east-1",
    service: "s3",
    signedHeaders: [],
    signature,
    amzDate: "",
    expiresSeconds: Number(expires),
    token: query.get("x-amz-security-token") ?? undefined,
    payloadHash: undefined,
  };
}

type CredentialScope = Pick<Claim, "accessKeyId" | "date" | "region" | "service">;

/** The parts of a credential; undefined if it is malformed. */
function scopeOf(credential: string): CredentialScope | undefined {
  const match = CREDENTIAL.exec(credential);
  if (match === null) return undefined;
  const [, accessKeyId = "", date = "", region = "", service = ""] = match;
  return { accessKeyId, date, region, service };
}

const REMEMBERED_MAX = 1_000;
/** Longer texts than any client sends are not remembered, so that they take no memory. */
const REMEMBERED_LENGTH_MAX = 1_024;

/**
 * A function of a text that remembers its last answers: a client repeats its credential and the names of the headers
 * that it signs with every request.
 */
function remembered<T>(read: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const answer = read(text);
    if (text.length > REMEMBERED_LENGTH_MAX) return answer;
    if (known.size >= REMEMBERED_MAX) known.clear();
    known.set(text, answer);
    return answer;
  };
}

/** The region of a signature's scope. A signature of version 2 and an unsigned request have none. */
export function regionOf(claim: Claim | undefined): string | undefined {
  return claim?.form === "presigned-v2" ? undefined : claim?.region;
}
