import { createHash } from "node:crypto";
import { checksumOf } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";
import { ALGORITHMS } from "./checksum-members.ts";

/** 16 bytes in base64. */
const MD5 = /^[A-Za-z0-9+/]{22}==$/;

/**
 * Checks the document of a request against its Content-MD5 and its checksum headers. Bodies of objects are
 * checked where they are received. The checksums of CompleteMultipartUpload are those of the whole object.
 * Source: "Checking object integrity in Amazon S3". Errors: InvalidDigest, BadDigest.
 */
export function checkBody(
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
  operation: string,
): void {
  const md5 = headers["content-md5"];
  if (md5 !== undefined) {
    checkMd5(md5);
    if (createHash("md5").update(body).digest("base64") !== md5) throw badMd5();
  }
  if (operation === "CompleteMultipartUpload") return;
  for (const algorithm of Object.values(ALGORITHMS)) {
    const claimed = headers[`x-amz-checksum-${algorithm}`];
    if (claimed === undefined) continue;
    const checksum = checksumOf(algorithm);
    checksum.update(body);
    if (checksum.digest() !== claimed) throw badChecksum(algorithm);
  }
}

/** Errors: InvalidDigest where the text is no MD5. */
export function checkMd5(text: string | undefined): void {
  if (text !== undefined && !MD5.test(text))
    throw new ApiError("InvalidDigest", "The Content-MD5 you specified was invalid.", { status: 400 });
}

export function badMd5(): ApiError {
  return new ApiError("BadDigest", "The Content-MD5 you specified did not match what we received.", {
    status: 400,
  });
}

export function badChecksum(algorithm: string): ApiError {
  return new ApiError(
    "BadDigest",
    `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
    { status: 400 },
  );
}
