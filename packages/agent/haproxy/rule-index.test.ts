import type { BalancerRule } from "@gantry/agent-protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Context } from "./render-context.ts";
import { DICE_SIDES } from "./render-weights.ts";
import { renderIndexed, segmentsOf } from "./rule-index.ts";

const contextOf = (): Context => ({
  options: {
    folder: "/f",
    hostPortOf: () => undefined,
    namespaces: new Set(),
    connectionsMax: 1,
  },
  files: {},
  known: new Set(["g"]),
  keeping: new Set(),
  preserving: new Set(),
});
const ruleOf = (values: readonly string[]): BalancerRule => ({
  conditions: [{ field: "path-pattern", values }],
  action: { type: "forward", targets: [{ targetGroupArn: "g", weight: 1 }], stickySeconds: undefined },
});
const matches = (pattern: string, path: string) =>
  pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern;

/** The number of the rule that the maps select: an exact entry, or else the entry of the longest prefix. */
function selected(files: Readonly<Record<string, string>>, path: string): number {
  const entries = (kind: string) =>
    Object.entries(files)
      .filter(([name]) => name.startsWith(`rules_${kind}_`))
      .flatMap(([, text]) => text.split("\n").filter((each) => each !== ""))
      .map((each) => each.split(" "));
  const exact = entries("str").find(([key]) => key === path);
  const prefix = entries("beg")
    .filter(([key = ""]) => path.startsWith(key))
    .toSorted(([a = ""], [b = ""]) => b.length - a.length)[0];
  const found = (exact ?? prefix)?.[1];
  return found === undefined ? -1 : Number(found) / DICE_SIDES;
}

const paths = fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 5 }).map((parts) => `/${parts.join("")}`);
const patterns = fc.tuple(paths, fc.boolean()).map(([path, isPrefix]) => (isPrefix ? `${path}*` : path));

it("selects the first rule that matches, as a test of each rule in order does", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(patterns, { minLength: 1, maxLength: 3 }), { minLength: 4, maxLength: 12 }),
      fc.array(paths, { minLength: 1, maxLength: 20 }),
      (rules, requested) => {
        const context = contextOf();
        const [segment, ...others] = segmentsOf(rules.map(ruleOf), context);
        if (segment?.type !== "indexed") return expect.fail("The rules are not indexed.");
        expect(others).toEqual([]);
        renderIndexed(segment.rules, { name: "l", prefix: "r", when: "", isLogged: false }, context);
        for (const path of requested)
          expect(selected(context.files, path)).toBe(
            rules.findIndex((values) => values.some((value) => matches(value, path))),
          );
      },
    ),
  );
});

it("keeps rules apart that a map cannot select", () => {
  const plain = ["/a*", "/b", "/c*", "/d"].map((value) => ruleOf([value]));
  const wild = ruleOf(["/*/x"]);
  const fixed: BalancerRule = {
    ...ruleOf(["/e"]),
    action: { type: "fixed-response", statusCode: 200, contentType: "text/plain", body: "" },
  };
  const kinds = segmentsOf([...plain, wild, fixed, ...plain], contextOf()).map(({ type }) => type);
  expect(kinds).toEqual(["indexed", "one", "one", "indexed"]);
});

it("indexes nothing while a part of the configuration is left out", () => {
  const rules = ["/a*", "/b", "/c*", "/d"].map((value) => ruleOf([value]));
  const context = contextOf();
  const searching = { ...context, options: { ...context.options, leftOut: new Set(["x"]) } };
  expect(segmentsOf(rules, searching).map(({ type }) => type)).toEqual(["one", "one", "one", "one"]);
});
