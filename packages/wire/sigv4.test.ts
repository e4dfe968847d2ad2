import { expect, it } from "vitest";
import { readClaim, SignatureError } from "./claim.ts";
import { checkClaim, verifySignature } from "./sigv4.ts";

// Source: AWS documentation, "Authenticating Requests: Using the Authorization Header", GET object example.
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const request = {
  method: "GET",
  rawPath: "/test.txt",
  rawQuery: "",
  headers: {
    host: "examplebucket.s3.amazonaws.com",
    range: "bytes=0-9",
    "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-amz-date": "20130524T000000Z",
    authorization:
      "AWS4-HMAC-SHA256 " +
      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  } as Record<string, string | undefined>,
};
const now = Date.UTC(2013, 4, 24);
const verify = (changed: Partial<typeof request>, at = now): void => {
  const given = { ...request, ...changed };
  const claim = readClaim(given);
  if (claim === undefined) throw new SignatureError("missing", "");
  checkClaim(given, claim, { now: at, alsoSigned: [], lifetimeMaxSeconds: 604_800 });
  const payloadHash = claim.payloadHash ?? "UNSIGNED-PAYLOAD";
  verifySignature({ request: given, claim, secretAccessKey: SECRET, payloadHash, pathIs: "objectKey" });
};

it("accepts AWS's own example", () => expect(() => verify({})).not.toThrow());

// Source: AWS documentation, "Authenticating Requests: Using Query Parameters".
it("accepts AWS's presigned example, until it expires", () => {
  const rawQuery =
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  const presigned = { rawQuery, headers: { host: "examplebucket.s3.amazonaws.com" } };
  expect(() => verify(presigned)).not.toThrow();
  expect(() => verify(presigned, now + 86_401_000)).toThrow(/expired/);
});

it.each([
  ["another path", { rawPath: "/other.txt" }],
  ["another method", { method: "PUT" }],
  ["another query", { rawQuery: "a=b" }],
  ["another signed header", { headers: { ...request.headers, range: "bytes=0-99" } }],
  ["an x-amz header that is not signed", { headers: { ...request.headers, "x-amz-acl": "public-read" } }],
])("refuses %s", (_, changed) => expect(() => verify(changed)).toThrow(SignatureError));

it("refuses a clock that is more than 15 minutes off, either way", () => {
  expect(() => verify({}, now + 16 * 60_000)).toThrow(/Signature expired/);
  expect(() => verify({}, now - 16 * 60_000)).toThrow(/not yet current/);
});
