import { expect, it } from "vitest";
import { CHANGING_MS, observeAgainIn, STEADY_MS } from "./observation-interval.ts";

const healthy = { health: "healthy", draining: false } as const;

it("observes the proxy once a second where all targets are healthy and nothing changed for ten seconds", () => {
  expect(observeAgainIn([healthy, healthy], 10_000)).toBe(STEADY_MS);
  expect(observeAgainIn([], Number.POSITIVE_INFINITY)).toBe(STEADY_MS);
});

it.each([
  ["a target is not healthy yet", [healthy, { health: "initial", draining: false }], 60_000],
  ["a target fails its checks", [{ health: "unhealthy", draining: false }], 60_000],
  ["a target drains", [{ health: "healthy", draining: true }], 60_000],
  ["something changed a moment ago", [healthy], 9_999],
] as const)("observes the proxy four times a second while %s", (_, targets, sinceChangeMs) => {
  expect(observeAgainIn(targets, sinceChangeMs)).toBe(CHANGING_MS);
});
