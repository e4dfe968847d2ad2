import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findRejected, type Verdict } from "./isolate.ts";
import type { Part } from "./parts.ts";

const partsNamed = (keys: readonly string[]): readonly Part[] =>
  keys.map((key) => ({ key, level: 1, balancerArn: "lb", label: key }));

/**
 * A proxy that rejects these parts; its message names those with an even number, as a message with a line
 * would.
 */
function proxyThatRejects(bad: ReadonlySet<string>) {
  let checks = 0;
  const check = async (leftOut: ReadonlySet<string>): Promise<Verdict> => {
    checks += 1;
    const there = [...bad].filter((key) => !leftOut.has(key));
    if (there.length === 0) return { type: "accepted" };
    const named = there.filter((key) => Number(key) % 2 === 0);
    return { type: "rejected", reason: "no", suspects: new Map(named.map((key) => [key, "named"])) };
  };
  return { check, checks: () => checks };
}

describe("the parts that a proxy rejects", () => {
  it("are found, and no other part is left out", () =>
    fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(60), { maxLength: 40 }), fc.nat(8), async (numbers, count) => {
        const keys = numbers.map(String);
        const bad = new Set(keys.slice(0, count));
        const proxy = proxyThatRejects(bad);
        const found = await findRejected(partsNamed(keys), await proxy.check(new Set()), proxy.check);
        expect(new Set(found.keys())).toEqual(bad);
      }),
    ));

  it("cost two checks where the messages name them, and a logarithm where they do not", async () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => String(index));
    const named = proxyThatRejects(new Set(["500"]));
    await findRejected(partsNamed(keys), await named.check(new Set()), named.check);
    expect(named.checks()).toBe(2);
    const unnamed = proxyThatRejects(new Set(["501"]));
    await findRejected(partsNamed(keys), await unnamed.check(new Set()), unnamed.check);
    expect(unnamed.checks()).toBeLessThan(30);
  });

  it("are reported as a failure where the configuration is rejected without all of them", async () => {
    const check = async (): Promise<Verdict> => ({
      type: "rejected",
      reason: "disk full",
      suspects: new Map(),
    });
    await expect(findRejected(partsNamed(["1"]), await check(), check)).rejects.toThrow("disk full");
  });
});
