import type * as ecs from "@aws-sdk/client-ecs";
import { CAPACITY_PROVIDERS, type CapacityProvider, type ClusterRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { capacityProviderArn, toCapacityProviders, toStrategy } from "./capacity-strategy.ts";
import { page } from "../common/paging.ts";
import { findCluster } from "./lookups.ts";
import { presentCluster } from "./present-cluster.ts";

/** The capacity providers of clusters. Source: API_PutClusterCapacityProviders, API_DescribeCapacityProviders. */
export function capacityProviderOperations(deps: ApiDeps) {
  return {
    PutClusterCapacityProviders: (input, context) => putClusterCapacityProviders(deps, input, context),
    DescribeCapacityProviders: (input, context) => describeCapacityProviders(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

/** Errors: ClusterNotFoundException, InvalidParameterException, ResourceInUseException. */
function putClusterCapacityProviders(
  { store }: ApiDeps,
  input: ecs.PutClusterCapacityProvidersRequest,
  context: RequestContext,
): ecs.PutClusterCapacityProvidersResponse {
  const cluster = store.transact((tx) => {
    const found = findCluster(tx, context, input.cluster);
    const capacityProviders = toCapacityProviders(input.capacityProviders);
    const defaultStrategy = toStrategy(input.defaultCapacityProviderStrategy, capacityProviders);
    const used = tx
      .listBy("service", "cluster", found.arn)
      .flatMap((service) => tx.listBy("taskSet", "service", service.arn))
      .flatMap((set) => set.capacityProviderStrategy ?? [])
      .find(({ provider }) => !capacityProviders.includes(provider));
    if (used !== undefined)
      throw new ApiError(
        "ResourceInUseException",
        "The specified capacity provider is in use and cannot be removed.",
      );
    const next: ClusterRecord = { ...found, capacityProviders, defaultStrategy };
    tx.put("cluster", found.arn, next);
    return next;
  });
  return { cluster: presentCluster(cluster, store, ["SETTINGS", "CONFIGURATIONS", "TAGS"]) };
}

/** The providers of Fargate are all that there are; clusters do not have to be named. */
function describeCapacityProviders(
  { store }: ApiDeps,
  input: ecs.DescribeCapacityProvidersRequest,
  context: RequestContext,
): ecs.DescribeCapacityProvidersResponse {
  const { cluster } = input;
  const offered =
    cluster === undefined ? CAPACITY_PROVIDERS : findCluster(store, context, cluster).capacityProviders;
  const names = (input.capacityProviders ?? []).map((name) => ({
    name,
    provider: providerNamed(context, name),
  }));
  const shown = names.length === 0 ? offered : names.flatMap(({ provider }) => provider ?? []);
  const { items, nextToken } = page([...shown].sort(), (name) => name, {
    token: input.nextToken,
    size: input.maxResults ?? 10,
    invalidToken: () => new ApiError("InvalidParameterException", "Invalid token."),
  });
  return {
    nextToken,
    capacityProviders: items.map((name) => ({
      capacityProviderArn: capacityProviderArn(context, name),
      name,
      status: "ACTIVE",
      ...(input.include?.includes("TAGS") === true ? { tags: [] } : {}),
    })),
    failures: names.flatMap(({ name, provider }) =>
      provider === undefined ? [{ arn: capacityProviderArn(context, name), reason: "MISSING" }] : [],
    ),
  };
}

function providerNamed(place: Place, name: string): CapacityProvider | undefined {
  return CAPACITY_PROVIDERS.find((each) => name === each || name === capacityProviderArn(place, each));
}
