import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cidrContains, cidrsOverlap, formatIp, parseCidr, parseIp } from "./cidr.ts";

describe("addresses and blocks", () => {
  it("parses what it formats", () =>
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (ip) => parseIp(formatIp(ip)) === ip)));

  it.each(["10.0.0.0/33", "10.0.0.1/24", "10.0.0/8", "a.b.c.d/8", "256.0.0.0/8", "10.0.0.0/8/8", ""])(
    "refuses the block %s",
    (text) => expect(parseCidr(text)).toBeUndefined(),
  );

  it("computes containment and overlap", () => {
    const block = (text: string) => parseCidr(text) ?? expect.fail(text);
    expect(cidrContains(block("172.16.15.0/24"), block("172.16.15.96/28"))).toBe(true);
    expect(cidrContains(block("172.16.15.96/28"), block("172.16.15.0/24"))).toBe(false);
    expect(cidrsOverlap(block("10.0.0.0/8"), block("10.1.0.0/16"))).toBe(true);
    expect(cidrsOverlap(block("10.0.0.0/16"), block("10.1.0.0/16"))).toBe(false);
  });
});
