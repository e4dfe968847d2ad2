import fc from "fast-check";
import { expect, it } from "vitest";
import { actionMatcher } from "./action-patterns.ts";
import { glob } from "./patterns.ts";

it("finds what comparing with every pattern of the list would find", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "B", "*", "?", ":"), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), letters, (patterns, text) => {
      const action = text.replaceAll(/[*?]/g, "a").toLowerCase();
      expect(actionMatcher(patterns)(action)).toBe(
        patterns.some((pattern) => glob(pattern.toLowerCase(), action)),
      );
    }),
  );
});
