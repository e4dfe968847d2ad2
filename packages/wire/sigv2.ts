import { createHmac } from "node:crypto";
import { SignatureError, type Claim, type SignedRequest } from "./claim.ts";
import { equalsInConstantTime } from "./sigv4.ts";

/**
 * Parameters that are part of the resource: they select the sub-resource or change the response's headers.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html, "Constructing the
 * CanonicalizedResource element".
 */
const RESOURCE_PARAMETERS: ReadonlySet<string> = new Set([
  "accelerate",
  "acl",
  "analytics",
  "attributes",
  "cors",
  "defaultObjectAcl",
  "delete",
  "encryption",
  "intelligent-tiering",
  "inventory",
  "legal-hold",
  "lifecycle",
  "location",
  "logging",
  "metadataConfiguration",
  "metadataTable",
  "metrics",
  "notification",
  "object-lock",
  "ownershipControls",
  "partNumber",
  "policy",
  "policyStatus",
  "publicAccessBlock",
  "renameObject",
  "replication",
  "requestPayment",
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
  "restore",
  "retention",
  "select",
  "select-type",
  "session",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versionId",
  "versioning",
  "versions",
  "website",
]);
/** Parameters that no operation uses, that carry the signature itself, or that only affect a listing. */
const FREE_PARAMETERS: ReadonlySet<string> = new Set([
  "AWSAccessKeyId",
  "Signature",
  "Expires",
  "x-id",
  "content-type",
  "content-md5",
  "prefix",
  "delimiter",
  "marker",
  "max-keys",
  "encoding-type",
  "key-marker",
  "version-id-marker",
  "upload-id-marker",
  "max-uploads",
  "list-type",
  "continuation-token",
  "fetch-owner",
  "start-after",
]);

/**
 * Checks a presigned URL of signature version 2. `bucket` is set where the host names it; `now` is in ms.
 * Every `x-amz-*` header and parameter is part of the signature. A parameter that the signature does not cover and that
 * is not known to be harmless is refused, so that nothing can be added to a URL. Throws SignatureError.
 */
export function verifyVersion2(options: {
  request: SignedRequest;
  claim: Claim;
  secretAccessKey: string;
  now: number;
  bucket: string | undefined;
}): void {
  const { request, claim } = options;
  if (options.now >= (claim.expiresSeconds ?? 0) * 1000)
    throw new SignatureError("expired", "Request has expired");
  const query = [...new URLSearchParams(request.rawQuery)];
  const free = query.find(
    ([name]) => !RESOURCE_PARAMETERS.has(name) && !FREE_PARAMETERS.has(name) && !/^x-amz-/i.test(name),
  );
  if (free !== undefined)
    throw new SignatureError("mismatch", `The parameter ${free[0]} is not part of the signature.`);
  const signed = (name: string) =>
    request.headers[name] ?? query.find(([each]) => each.toLowerCase() === name)?.[1] ?? "";
  const path = options.bucket === undefined ? request.rawPath : `/${options.bucket}${request.rawPath}`;
  const signatureOf = (signedPath: string): string => {
    const toSign = [
      request.method,
      signed("content-md5"),
      signed("content-type"),
      String(claim.expiresSeconds),
      ...amzLines(request, query),
      signedPath + parametersOf(query),
    ].join("\n");
    return createHmac("sha1", options.secretAccessKey).update(toSign).digest("base64");
  };
  // Clients sign a bucket's path with a trailing slash and send it without one.
  const paths = /^\/[^/]+$/.test(path) ? [path, `${path}/`] : [path];
  if (!paths.some((each) => equalsInConstantTime(signatureOf(each), claim.signature)))
    throw new SignatureError(
      "mismatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS " +
        "Secret Access Key and signing method. Consult the service documentation for details.",
    );
}

/** Every `x-amz-*` header, and every such parameter: clients move the headers that they sign into the query. */
function amzLines(request: SignedRequest, query: readonly (readonly [string, string])[]): readonly string[] {
  const values = new Map<string, string>();
  for (const [name, value] of query) if (/^x-amz-/i.test(name)) values.set(name.toLowerCase(), value.trim());
  for (const [name, value] of Object.entries(request.headers))
    if (name.startsWith("x-amz-") && value !== undefined) values.set(name, value.trim());
  return [...values].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}`);
}

/** The parameters of the resource, which end the string to sign. */
function parametersOf(query: readonly (readonly [string, string])[]): string {
  const parts = query
    .filter(([name]) => RESOURCE_PARAMETERS.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`));
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}
