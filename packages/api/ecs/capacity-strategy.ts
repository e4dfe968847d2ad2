import type * as ecs from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import {
  CAPACITY_PROVIDERS,
  type CapacityProvider,
  type CapacityStrategyItem,
  type ClusterRecord,
  type Reader,
} from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { invalidParameter } from "./lookups.ts";

/** Source: API_PutClusterCapacityProviders, defaultCapacityProviderStrategy. */
const STRATEGY_MAX = 20;

/** The ARN that a capacity provider's name or ARN stands for. */
export function capacityProviderArn(place: Place, name: string): string {
  return name.startsWith("arn:") ? name : formatArn("ecs", place, `capacity-provider/${name}`);
}

/** Errors: InvalidParameterException for a provider that does not exist. */
export function toCapacityProviders(names: readonly string[] | undefined): readonly CapacityProvider[] {
  return (names ?? []).map((name) => {
    const known = CAPACITY_PROVIDERS.find((each) => each === name);
    if (known === undefined)
      throw invalidParameter(
        `The specified capacity provider ${name} was not found. Specify a valid name or ARN and try again.`,
      );
    return known;
  });
}

/**
 * A strategy over the capacity providers of a cluster.
 * Source: API_CapacityProviderStrategyItem.
 * Errors: InvalidParameterException.
 */
export function toStrategy(
  given: readonly ecs.CapacityProviderStrategyItem[] | undefined,
  offered: readonly string[],
): readonly CapacityStrategyItem[] {
  const items = given ?? [];
  if (items.length > STRATEGY_MAX)
    throw invalidParameter(
      `The capacity provider strategy can have at most ${STRATEGY_MAX} capacity providers.`,
    );
  const providers = toCapacityProviders(items.map((item) => item.capacityProvider ?? ""));
  if (new Set(providers).size < providers.length)
    throw invalidParameter("The capacity provider strategy cannot contain duplicate capacity providers.");
  if (providers.some((provider) => !offered.includes(provider)))
    throw invalidParameter(
      "The specified capacity provider strategy cannot contain a capacity provider that is not " +
        "associated with the cluster. Associate the capacity provider with the cluster and try again.",
    );
  const strategy = items.map((item, index) => ({
    provider: providers[index] ?? "FARGATE",
    base: item.base ?? 0,
    // An item without a weight has the weight 0, except where it is the only one: it then takes all tasks.
    weight: item.weight ?? (items.length === 1 ? 1 : 0),
  }));
  if (strategy.filter(({ base }) => base > 0).length > 1)
    throw invalidParameter(
      "Only one capacity provider in a capacity provider strategy can have a base defined.",
    );
  if (strategy.length > 0 && strategy.every(({ weight }) => weight === 0))
    throw invalidParameter(
      "The capacity provider strategy must have at least one capacity provider with a weight greater than 0.",
    );
  return strategy;
}

/**
 * The strategy by which a call places its tasks: its own, else the cluster's where the call names no launch type.
 * Undefined where the launch type decides. Errors: InvalidParameterException.
 */
export function strategyOf(
  reader: Reader,
  cluster: ClusterRecord,
  input: {
    readonly launchType?: string | undefined;
    readonly capacityProviderStrategy?: readonly ecs.CapacityProviderStrategyItem[] | undefined;
  },
): readonly CapacityStrategyItem[] | undefined {
  const { launchType, capacityProviderStrategy: given = [] } = input;
  if (given.length > 0 && launchType !== undefined)
    throw invalidParameter(
      "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
    );
  if (launchType !== undefined) return undefined;
  if (given.length > 0) return toStrategy(given, cluster.capacityProviders);
  const defaults = reader.get("cluster", cluster.arn)?.defaultStrategy ?? [];
  return defaults.length > 0 ? defaults : undefined;
}

export function presentStrategy(
  strategy: readonly CapacityStrategyItem[] | undefined,
): ecs.CapacityProviderStrategyItem[] {
  return (strategy ?? []).map(({ provider, weight, base }) => ({ capacityProvider: provider, weight, base }));
}
