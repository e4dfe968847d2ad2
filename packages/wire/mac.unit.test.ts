import { createHmac, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { Mac } from "./sigv4.ts";

it("computes what HMAC-SHA256 of Node computes, whatever the key and the text", () => {
  const texts = [
    "",
    "a",
    "ü€𝄞\ud800",
    ...[169, 170, 171, 200, 511, 512, 513, 5_000].map((size) => "ä".repeat(size)),
  ];
  for (const bytes of [0, 1, 32, 63, 64]) {
    const key = randomBytes(bytes);
    const mac = new Mac(key);
    // Twice: what one text leaves in the buffers must not reach the next.
    for (const text of [...texts, ...texts.toReversed()])
      expect(mac.hexOf(text)).toBe(createHmac("sha256", key).update(text).digest("hex"));
  }
});

it("takes no key that is longer than a block", () => {
  expect(() => new Mac(randomBytes(65))).toThrow("longer than a block");
});
