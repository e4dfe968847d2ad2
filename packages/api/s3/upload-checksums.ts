import type { MultipartPart, MultipartUpload } from "@gantry/content";
import { checksumOf, combineChecksums } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";
import { ALGORITHMS, memberOf, type ChecksumMember } from "./checksum-members.ts";

/**
 * Which checksum an upload in parts keeps, of its parts or of the whole.
 * Source: "Checking object integrity", multipart uploads.
 */
export function checksumPlan(input: {
  ChecksumAlgorithm?: string | undefined;
  ChecksumType?: string | undefined;
}): {
  algorithm: string | undefined;
  type: "FULL_OBJECT" | "COMPOSITE" | undefined;
} {
  const algorithm = input.ChecksumAlgorithm?.toUpperCase();
  if (memberOf(algorithm) === undefined) return { algorithm: undefined, type: undefined };
  const standard = algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE";
  const type = input.ChecksumType ?? standard;
  const fits =
    type === standard || (type === "FULL_OBJECT" && (algorithm === "CRC32" || algorithm === "CRC32C"));
  if (!fits || (type !== "FULL_OBJECT" && type !== "COMPOSITE"))
    throw new ApiError(
      "InvalidRequest",
      `The ${type} checksum type cannot be used with the ${algorithm?.toLowerCase()} checksum algorithm.`,
      {
        status: 400,
      },
    );
  return { algorithm, type };
}

/** The checksum of a finished upload; composite ones are a hash of the parts' and end with how many there are. */
export function checksumOfParts(
  upload: MultipartUpload,
  parts: readonly MultipartPart[],
): { member: ChecksumMember; algorithm: string; value: string } | undefined {
  const member = memberOf(upload.checksumAlgorithm);
  if (member === undefined || upload.checksumAlgorithm === undefined) return undefined;
  const algorithm = ALGORITHMS[member];
  const pieces = parts.map((part) => ({ checksum: part.segment.checksum ?? "", size: part.segment.size }));
  if (upload.checksumType === "FULL_OBJECT" && algorithm !== "sha1" && algorithm !== "sha256")
    return { member, algorithm: upload.checksumAlgorithm, value: combineChecksums(algorithm, pieces) };
  const whole = checksumOf(algorithm);
  for (const { checksum } of pieces) whole.update(Buffer.from(checksum, "base64"));
  return { member, algorithm: upload.checksumAlgorithm, value: `${whole.digest()}-${pieces.length}` };
}
