import type { Readable } from "node:stream";
import { ANONYMOUS, type Principal } from "@gantry/iam/principal";
import type { Clock } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";
import { type Claim, SignatureError } from "./claim.ts";
import type { Exchange } from "./exchange.ts";
import type { BodyLease } from "./large-bodies.ts";
import { readAll, verifiedStream } from "./request-body.ts";
import { splitBucket } from "./routing.ts";
import { checkScope } from "./scope.ts";
import { readFormOf } from "./service-choice.ts";
import type { LoadedService, Protocol } from "./service.ts";
import { verifyVersion2 } from "./sigv2.ts";
import { checkClaim, sha256Hex, verifySignature } from "./sigv4.ts";

/** The principal of an access key, and its secret. */
export interface Credential {
  readonly secretAccessKey: string;
  readonly principal: Principal;
  /** The session token that must accompany the key, if it has one. */
  readonly token: string | undefined;
  readonly expiresAt: number | undefined;
}

/** A request with what authentication needs besides its bytes. */
export interface Candidate {
  readonly exchange: Exchange;
  readonly claim: Claim | undefined;
  readonly service: LoadedService;
  readonly protocol: Protocol;
  /** The largest body of the called operation, if it does not stream. */
  readonly bodyMaxBytes: number;
  readonly lease: BodyLease;
  /**
   * Throws if the caller may not call the operation at all. Runs after the caller is verified, and before the
   * body is read if its hash is declared.
   */
  readonly admit: (principal: Principal) => void;
}

/**
 * A week for S3. Others accept a presigned URL for as long as a signed header. Source: "Authenticating
 * Requests: Using Query Parameters"; API_GetCallerIdentity as EKS uses it.
 */
const S3_PRESIGNED_MAX_S = 604_800;
const PRESIGNED_MAX_S = 900;
/** Bodies of operations that are not signed: a token of an issuer has 20,000 characters at most. */
const ANONYMOUS_BYTES_MAX = 64 * 1024;
const HASH = /^[0-9a-f]{64}$/;
const UNSIGNED = "UNSIGNED-PAYLOAD";
/**
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html. The
 * ECDSA forms need signature version 4A.
 */
const S3_PAYLOADS: ReadonlySet<string> = new Set([
  UNSIGNED,
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
]);
const EMPTY_HASH = sha256Hex("");

/** Identifies the sender of a request. It reads the body only after every check that the headers permit. */
export class Authenticator {
  readonly #clock: Clock;
  readonly #credentials: { find(accessKeyId: string): Credential | undefined };

  constructor(deps: { clock: Clock; credentials: { find(accessKeyId: string): Credential | undefined } }) {
    this.#clock = deps.clock;
    this.#credentials = deps.credentials;
  }

  /**
   * The caller, and the body: verified bytes, or for S3 a stream that verifies as it flows. Throws SignatureError; the
   * stream fails with ApiError.
   */
  async authenticate(candidate: Candidate): Promise<{ principal: Principal; body: Buffer | Readable }> {
    const { exchange, claim, service } = candidate;
    if (claim === undefined && service.anonymousOperations.size > 0) {
      return { principal: ANONYMOUS, body: await readUnsigned(candidate) };
    }
    if (claim === undefined) {
      if (!service.allowsAnonymous)
        throw new SignatureError("missing", "Request is missing Authentication Token");
      const declared = exchange.headers["x-amz-content-sha256"];
      if (declared !== undefined) checkS3Payload(declared);
      candidate.admit(ANONYMOUS);
      exchange.continueWith();
      return { principal: ANONYMOUS, body: verifiedStream(exchange, { declared, signing: undefined }) };
    }
    const credential = this.#check(candidate, claim);
    const { principal } = credential;
    const body = service.descriptor.isObjectStorage
      ? verifiedS3Body(candidate, claim, credential, this.#clock.now())
      : await readVerified(candidate, claim, credential);
    return { principal, body };
  }

  /** Every check that precedes the body. */
  #check({ exchange, service, protocol }: Candidate, claim: Claim): Credential {
    checkScope(exchange, claim, service.descriptor);
    const isObjectStorage = service.descriptor.isObjectStorage;
    if (claim.form === "presigned") checkPresigned(claim, isObjectStorage ? "object-storage" : protocol);
    const credential = this.#credentials.find(claim.accessKeyId);
    if (credential === undefined) throw new SignatureError("unknown-key", "Unknown access key");
    if (credential.token !== claim.token)
      throw new SignatureError("bad-token", "The session token does not belong to the access key");
    const now = this.#clock.now();
    if (credential.expiresAt !== undefined && now >= credential.expiresAt)
      throw new SignatureError("expired-token", "Expired token");
    if (claim.form !== "presigned-v2")
      checkClaim(exchange, claim, {
        now,
        alsoSigned: isObjectStorage ? ["content-md5"] : [],
        lifetimeMaxSeconds: isObjectStorage ? S3_PRESIGNED_MAX_S : PRESIGNED_MAX_S,
      });
    return credential;
  }
}

/**
 * Query signatures are accepted where AWS documents them: by S3, and by services of the Query protocols for a
 * request whose query, which is signed as a whole, is the call (STS GetCallerIdentity, EC2
 * DescribeInstances); its body is empty. Elsewhere the signature would not cover the called operation.
 */
function checkPresigned(claim: Claim, kind: Protocol | "object-storage"): void {
  switch (kind) {
    case "object-storage":
      if (claim.expiresSeconds === undefined)
        throw new SignatureError(
          "malformed-query",
          "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        );
      return;
    case "awsQuery":
    case "ec2Query":
      return;
    default:
      throw new SignatureError("missing", "Request is missing Authentication Token");
  }
}

/** The body of a call that is not signed. */
async function readUnsigned({ exchange, bodyMaxBytes, lease }: Candidate): Promise<Buffer> {
  const form = readFormOf(exchange);
  if (form !== undefined) return form;
  if (exchange.headers["expect"] !== undefined) exchange.continueWith();
  const { bytes } = await readAll(exchange.request, Math.min(bodyMaxBytes, ANONYMOUS_BYTES_MAX), lease);
  return bytes;
}

/** Checks the signature before the body if the request declares the body's hash, else after it. */
async function readVerified(
  candidate: Candidate,
  claim: Claim,
  { principal, secretAccessKey }: Credential,
): Promise<Buffer> {
  const { exchange } = candidate;
  const declared = claim.form === "presigned" ? EMPTY_HASH : claim.payloadHash;
  // S3 Control, which signs as S3, does not escape its paths once more either. Source: its endpoint rules.
  const pathIs = claim.service === "s3" ? "objectKey" : "normalized";
  const verify = (payloadHash: string) =>
    verifySignature({ request: exchange, claim, secretAccessKey, payloadHash, pathIs });
  if (declared !== undefined) {
    if (!HASH.test(declared)) throw hashMismatch();
    verify(declared);
    candidate.admit(principal);
  }
  if (exchange.headers["expect"] !== undefined) exchange.continueWith();
  const { bytes, sha256 } = await readAll(exchange.request, candidate.bodyMaxBytes, candidate.lease);
  if (declared === undefined) {
    verify(sha256);
    candidate.admit(principal);
  } else if (declared !== sha256) throw hashMismatch();
  return bytes;
}

function hashMismatch(): SignatureError {
  return new SignatureError(
    "mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  );
}

function verifiedS3Body(
  { exchange, admit }: Candidate,
  claim: Claim,
  { principal, secretAccessKey }: Credential,
  now: number,
): Readable {
  if (claim.form === "presigned-v2") {
    const { bucket, path } = splitBucket(exchange);
    // If the path is unchanged, the host names the bucket.
    const isInHost = path === exchange.rawPath;
    verifyVersion2({
      request: exchange,
      claim,
      secretAccessKey,
      now,
      bucket: isInHost ? bucket : undefined,
    });
    admit(principal);
    exchange.continueWith();
    return verifiedStream(exchange, { declared: undefined, signing: undefined });
  }
  const declared = claim.payloadHash ?? (claim.form === "presigned" ? UNSIGNED : undefined);
  if (declared === undefined)
    throw new SignatureError(
      "missing-payload-hash",
      "Missing required header for this request: x-amz-content-sha256",
    );
  checkS3Payload(declared);
  verifySignature({
    request: exchange,
    claim,
    secretAccessKey,
    payloadHash: declared,
    pathIs: "objectKey",
  });
  admit(principal);
  exchange.continueWith();
  return verifiedStream(exchange, { declared, signing: { claim, secretAccessKey } });
}

/** Errors: InvalidArgument, as S3 phrases it. */
function checkS3Payload(declared: string): void {
  if (HASH.test(declared) || S3_PAYLOADS.has(declared)) return;
  throw new ApiError(
    "InvalidArgument",
    `x-amz-content-sha256 must be ${[...S3_PAYLOADS].join(", ")} or a valid sha256 value.`,
    { status: 400, fields: { ArgumentName: "x-amz-content-sha256", ArgumentValue: declared } },
  );
}
