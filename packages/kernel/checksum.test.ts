import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checksumOf, combineChecksums } from "./checksum.ts";

const of = (algorithm: "crc32" | "crc32c" | "crc64nvme", ...pieces: readonly Uint8Array[]): string => {
  const checksum = checksumOf(algorithm);
  for (const piece of pieces) checksum.update(piece);
  return checksum.digest();
};

describe("checksums", () => {
  // Source: the check values of the CRC catalogue (reveng), of "123456789".
  it.each([
    ["crc32", "cbf43926"],
    ["crc32c", "e3069283"],
    ["crc64nvme", "ae8b14860a799888"],
  ] as const)("%s of the catalogue's text", (algorithm, hex) => {
    expect(Buffer.from(of(algorithm, Buffer.from("123456789")), "base64").toString("hex")).toBe(hex);
  });

  it.each(["crc32", "crc32c", "crc64nvme"] as const)(
    "%s is the same for any chunks and alignment, and when combined from parts",
    (algorithm) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(9), (bytes, cut, shift) => {
          const moved = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift);
          const [first, second] = [moved.subarray(0, cut), moved.subarray(cut)];
          const oneByOne = of(algorithm, ...[...bytes].map((byte) => Uint8Array.of(byte)));
          expect(of(algorithm, moved)).toBe(oneByOne);
          expect(of(algorithm, first, second)).toBe(oneByOne);
          const pieces = [first, second].map((piece) => ({
            checksum: of(algorithm, piece),
            size: piece.length,
          }));
          expect(combineChecksums(algorithm, pieces)).toBe(oneByOne);
        }),
      );
    },
  );
});
