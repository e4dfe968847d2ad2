import type * as sdk from "@aws-sdk/client-servicediscovery";
import type { DiscoveryInstanceRecord } from "@gantry/state";
import { discoveryInstancesOf } from "@gantry/state/transactions/discovery";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { statusOf } from "./health.ts";
import { namedBy } from "./lookups.ts";

const PAGE = 100;

/** Instances by the names of their namespace and service. Errors: NamespaceNotFound, ServiceNotFound. */
export function discoverOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    DiscoverInstances: (input, context) => discover(deps, input, context),
    DiscoverInstancesRevision(input, context) {
      const { service } = found(deps, input, context);
      return { InstancesRevision: service.revision };
    },
  } satisfies Implementation<typeof sdk>;

  function discover(
    { clock, ids }: ApiDeps,
    input: sdk.DiscoverInstancesRequest,
    context: RequestContext,
  ): sdk.DiscoverInstancesResponse {
    const { namespace, service } = found(deps, input, context);
    const now = clock.now();
    const asked = discoveryInstancesOf(store, service.arn).filter((each) =>
      hasAll(each, input.QueryParameters),
    );
    const wished = asked.filter((each) => hasAll(each, input.OptionalParameters));
    const instances = (wished.length === 0 ? asked : wished).map((each) => ({
      InstanceId: each.id,
      NamespaceName: namespace.httpName,
      ServiceName: service.name,
      HealthStatus: statusOf(service, each, now),
      Attributes: { ...each.attributes },
    }));
    const chosen = service.hasCustomHealth ? byHealth(instances, input.HealthStatus) : instances;
    return {
      Instances: shuffled(chosen, ids).slice(0, input.MaxResults ?? PAGE),
      InstancesRevision: service.revision,
    };
  }
}

function found(
  { store }: ApiDeps,
  input: { readonly NamespaceName: string | undefined; readonly ServiceName: string | undefined } & {
    readonly OwnerAccount?: string | undefined;
  },
  context: RequestContext,
) {
  const { namespace, service } = namedBy(store, context, input);
  const isOwn = input.OwnerAccount === undefined || input.OwnerAccount === context.account;
  if (namespace === undefined || !isOwn)
    throw new ApiError("NamespaceNotFound", `Namespace '${input.NamespaceName}' doesn't exist.`);
  if (service === undefined)
    throw new ApiError(
      "ServiceNotFound",
      `Service '${input.ServiceName}' doesn't exist in the namespace '${input.NamespaceName}'.`,
    );
  return { namespace, service };
}

function hasAll(
  { attributes }: DiscoveryInstanceRecord,
  asked: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(asked ?? {}).every(
    ([key, value]) => Object.hasOwn(attributes, key) && attributes[key] === value,
  );
}

function byHealth(
  instances: readonly sdk.HttpInstanceSummary[],
  wanted: sdk.HealthStatusFilter = "HEALTHY_OR_ELSE_ALL",
): readonly sdk.HttpInstanceSummary[] {
  const healthy = instances.filter(({ HealthStatus }) => HealthStatus === "HEALTHY");
  switch (wanted) {
    case "ALL":
      return instances;
    case "HEALTHY":
      return healthy;
    case "UNHEALTHY":
      return instances.filter(({ HealthStatus }) => HealthStatus === "UNHEALTHY");
    case "HEALTHY_OR_ELSE_ALL":
      return healthy.length === 0 ? instances : healthy;
  }
}

/** In a random order, so that callers that take the first one spread. */
function shuffled<T>(items: readonly T[], ids: ApiDeps["ids"]): T[] {
  return items
    .map((item) => ({ item, order: ids.hex(8) }))
    .toSorted((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ item }) => item);
}
