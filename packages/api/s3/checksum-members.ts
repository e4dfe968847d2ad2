import { ApiError } from "./api-error.ts";

/** The SDK's member of each checksum, and its algorithm. */
export const ALGORITHMS = {
  ChecksumCRC32: "crc32",
  ChecksumCRC32C: "crc32c",
  ChecksumCRC64NVME: "crc64nvme",
  ChecksumSHA1: "sha1",
  ChecksumSHA256: "sha256",
} as const;
export type ChecksumMember = keyof typeof ALGORITHMS;

/** The member of an algorithm as S3 names it (`CRC32`, `SHA256`). Errors: InvalidRequest where there is none. */
export function memberOf(algorithm: string | undefined): ChecksumMember | undefined {
  if (algorithm === undefined) return undefined;
  const member = `Checksum${algorithm.toUpperCase()}`;
  if (member in ALGORITHMS) return member as ChecksumMember; // The table's own key.
  throw new ApiError(
    "InvalidRequest",
    "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, " +
      "CRC32C, CRC64NVME, SHA1, SHA256]",
    {
      status: 400,
    },
  );
}
