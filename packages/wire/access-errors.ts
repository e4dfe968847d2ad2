import { ApiError } from "./api-error.ts";
import type { ErrorCode } from "./error-codes.ts";
import type { Protocol } from "./service.ts";
import type { AuthFailure, SignatureError } from "./claim.ts";

type Words = Readonly<Record<AuthFailure, readonly [code: ErrorCode, status: number, message?: string]>>;

const INVALID_TOKEN = "The security token included in the request is invalid.";
const EXPIRED_TOKEN = "The security token included in the request is expired";
const MISSING = "Request is missing Authentication Token";

/** Source: the CommonErrors pages of each protocol's services; S3's from its ErrorResponses page. */
const JSON_WORDS: Words = {
  missing: ["MissingAuthenticationTokenException", 400, MISSING],
  malformed: ["IncompleteSignatureException", 400],
  "malformed-query": ["IncompleteSignatureException", 400],
  unsupported: ["IncompleteSignatureException", 400],
  "two-mechanisms": ["IncompleteSignatureException", 400],
  "unsigned-headers": ["InvalidSignatureException", 400],
  "missing-payload-hash": ["InvalidSignatureException", 400],
  "unknown-key": ["UnrecognizedClientException", 400, INVALID_TOKEN],
  "bad-token": ["UnrecognizedClientException", 400, INVALID_TOKEN],
  "expired-token": ["ExpiredTokenException", 400, EXPIRED_TOKEN],
  mismatch: ["InvalidSignatureException", 400],
  skewed: ["InvalidSignatureException", 400],
  expired: ["InvalidSignatureException", 400],
};

const QUERY_WORDS: Words = {
  missing: ["MissingAuthenticationToken", 403, MISSING],
  malformed: ["IncompleteSignature", 400],
  "malformed-query": ["IncompleteSignature", 400],
  unsupported: ["IncompleteSignature", 400],
  "two-mechanisms": ["IncompleteSignature", 400],
  "unsigned-headers": ["SignatureDoesNotMatch", 403],
  "missing-payload-hash": ["SignatureDoesNotMatch", 403],
  "unknown-key": ["InvalidClientTokenId", 403, INVALID_TOKEN],
  "bad-token": ["InvalidClientTokenId", 403, INVALID_TOKEN],
  "expired-token": ["ExpiredToken", 403, EXPIRED_TOKEN],
  mismatch: ["SignatureDoesNotMatch", 403],
  skewed: ["SignatureDoesNotMatch", 403],
  expired: ["RequestExpired", 400],
};

const EC2_WORDS: Words = {
  ...QUERY_WORDS,
  missing: ["MissingAuthenticationToken", 403, MISSING],
  "unknown-key": ["AuthFailure", 401, "AWS was not able to validate the provided access credentials"],
  "bad-token": ["AuthFailure", 401, "AWS was not able to validate the provided access credentials"],
  "expired-token": ["RequestExpired", 400, "Request has expired."],
};

const S3_WORDS: Words = {
  missing: ["AccessDenied", 403, "Access Denied"],
  malformed: ["AuthorizationHeaderMalformed", 400],
  "malformed-query": ["AuthorizationQueryParametersError", 400],
  unsupported: ["InvalidRequest", 400],
  "two-mechanisms": ["InvalidArgument", 400],
  "unsigned-headers": [
    "AccessDenied",
    403,
    "There were headers present in the request which were not signed",
  ],
  "missing-payload-hash": ["InvalidRequest", 400],
  "unknown-key": [
    "InvalidAccessKeyId",
    403,
    "The AWS Access Key Id you provided does not exist in our records.",
  ],
  "bad-token": ["InvalidToken", 400, "The provided token is malformed or otherwise invalid."],
  "expired-token": ["ExpiredToken", 400, "The provided token has expired."],
  mismatch: [
    "SignatureDoesNotMatch",
    403,
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
  ],
  skewed: [
    "RequestTimeTooSkewed",
    403,
    "The difference between the request time and the current time is too large.",
  ],
  expired: ["AccessDenied", 403],
};

function wordsOf(protocol: Protocol): Words {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1":
    case "rpcv2Cbor":
    case "restJson1":
      return JSON_WORDS;
    case "awsQuery":
      return QUERY_WORDS;
    case "ec2Query":
      return EC2_WORDS;
    case "restXml":
      return S3_WORDS;
  }
}

/** The error for a failed signature, in the protocol's form. */
export function authenticationError(protocol: Protocol, error: SignatureError): ApiError {
  const [code, status, words] = wordsOf(protocol)[error.failure];
  return new ApiError(code, words ?? error.message, {
    status: protocol === "restJson1" ? 403 : status,
    ...(protocol === "restXml" ? { fields: error.fields } : {}),
  });
}

/** The error for a denied call, in the protocol's form. */
export function accessDeniedError(protocol: Protocol, message: string): ApiError {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1":
    case "rpcv2Cbor":
      return new ApiError("AccessDeniedException", message, { status: 400 });
    case "restJson1":
      return new ApiError("AccessDeniedException", message, { status: 403 });
    case "awsQuery":
      return new ApiError("AccessDenied", message, { status: 403 });
    case "ec2Query":
      return new ApiError(
        "UnauthorizedOperation",
        `You are not authorized to perform this operation. ${message}`,
        { status: 403 },
      );
    case "restXml":
      return new ApiError("AccessDenied", message, { status: 403 });
  }
}

/** The error for a failure that the caller did not cause. */
export function internalError(protocol: Protocol, message: string): ApiError {
  const code =
    protocol === "restXml"
      ? "InternalError"
      : protocol.startsWith("awsJson")
        ? "ServerException"
        : "InternalFailure";
  return new ApiError(code, message, { status: 500 });
}

/**
 * The error for a full disk. Nothing was written; the same call succeeds once there is room. Source:
 * ServiceUnavailable of the CommonErrors pages and of S3.
 */
export function noRoomError(protocol: Protocol): ApiError {
  const code = protocol.startsWith("awsJson") ? "ServerException" : "ServiceUnavailable";
  return new ApiError(
    code,
    "The disk that holds the platform's state is full: make room on it, then try again.",
    { status: 503 },
  );
}

/**
 * The error for too many requests: the same call succeeds a moment later, and every SDK retries. Source: the
 * CommonErrors pages; EC2's and S3's error codes.
 */
export function throttledError(protocol: Protocol): ApiError {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1":
    case "rpcv2Cbor":
      return new ApiError("ThrottlingException", "Rate exceeded", { status: 400 });
    case "restJson1":
      return new ApiError("ThrottlingException", "Rate exceeded", { status: 429 });
    case "awsQuery":
      return new ApiError("Throttling", "Rate exceeded", { status: 400 });
    case "ec2Query":
      return new ApiError("RequestLimitExceeded", "Request limit exceeded.", { status: 503 });
    case "restXml":
      return new ApiError("SlowDown", "Please reduce your request rate.", { status: 503 });
  }
}
