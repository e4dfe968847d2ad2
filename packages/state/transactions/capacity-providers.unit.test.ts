import { describe, expect, it } from "vitest";
import type { CapacityProvider, CapacityStrategyItem } from "../records.ts";
import { nextCapacityProvider } from "./capacity-providers.ts";

const item = (provider: CapacityProvider, weight: number, base = 0): CapacityStrategyItem => ({
  provider,
  weight,
  base,
});
function spread(strategy: readonly CapacityStrategyItem[], count: number): string {
  const running: (CapacityProvider | undefined)[] = [];
  while (running.length < count) running.push(nextCapacityProvider(strategy, running));
  return running.map((each) => (each === "FARGATE_SPOT" ? "S" : each === "FARGATE" ? "F" : "-")).join("");
}

describe("the capacity provider of the next task", () => {
  it("fills the base first, and then shares by weight", () => {
    expect(spread([item("FARGATE", 1, 2), item("FARGATE_SPOT", 3)], 10)).toBe("FFSSFSSSFS");
    expect(spread([item("FARGATE", 1), item("FARGATE_SPOT", 1)], 4)).toBe("FSFS");
  });

  it("gives nothing beyond the base to a provider of weight 0", () =>
    expect(spread([item("FARGATE", 0, 1), item("FARGATE_SPOT", 1)], 4)).toBe("FSSS"));

  it("replaces a task on the provider that lost it", () => {
    const strategy = [item("FARGATE", 1, 1), item("FARGATE_SPOT", 1)];
    expect(nextCapacityProvider(strategy, ["FARGATE_SPOT", "FARGATE_SPOT"])).toBe("FARGATE");
    expect(nextCapacityProvider(strategy, ["FARGATE", "FARGATE"])).toBe("FARGATE_SPOT");
  });

  it("is none without a strategy", () => expect(nextCapacityProvider([], [])).toBeUndefined());
});
