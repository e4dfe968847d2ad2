import { expect, it } from "vitest";
import { problemOf } from "./check-sent.ts";

it("names the members that no test sends, forty at most", () => {
  expect(problemOf([])).toBeUndefined();
  expect(problemOf(["ecs RunTask count"])).toMatch(/^No in-process test sends[^\n]*\n {2}ecs RunTask count$/);
  const many = Array.from({ length: 42 }, (_, index) => `ecs RunTask member${index}`);
  expect(problemOf(many)).toMatch(/member39\n {2}and 2 more$/);
});
