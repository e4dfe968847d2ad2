import type { CapacityProvider, CapacityStrategyItem } from "../records.ts";

/** The capacity providers that every account has. Source: Amazon ECS Developer Guide, "Fargate capacity providers". */
export const CAPACITY_PROVIDERS: readonly CapacityProvider[] = ["FARGATE", "FARGATE_SPOT"];

/**
 * The capacity provider of the next task: the one whose base is not reached, else the one that is furthest
 * below its share of the tasks beyond the base; the first of the strategy where several are. Undefined for an
 * empty strategy.
 * Source: API_CapacityProviderStrategyItem, base and weight.
 */
export function nextCapacityProvider(
  strategy: readonly CapacityStrategyItem[],
  running: readonly (CapacityProvider | undefined)[],
): CapacityProvider | undefined {
  const countOf = (item: CapacityStrategyItem): number =>
    running.filter((each) => each === item.provider).length;
  const needy = strategy.find((item) => countOf(item) < item.base);
  if (needy !== undefined) return needy.provider;
  const load = (item: CapacityStrategyItem): number => (countOf(item) - item.base + 1) / item.weight;
  const [first, ...others] = strategy.filter((item) => item.weight > 0);
  if (first === undefined) return strategy[0]?.provider;
  return others.reduce((best, item) => (load(item) < load(best) ? item : best), first).provider;
}
