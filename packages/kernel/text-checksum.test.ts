import { crc32 } from "node:zlib";
import { expect, it } from "vitest";
import { crc32Of } from "./text-checksum.ts";

it("is the CRC-32 of the catalogue's text, and of every other what zlib computes, however many there are", () => {
  expect(crc32Of("123456789")).toBe(0xcbf43926);
  for (const text of ["", "a", "é€😀", "record".repeat(2_000), "x".repeat(100_000), "after 16 KiB"])
    expect(crc32Of(text)).toBe(crc32(text));
});
