import type * as sdk from "@aws-sdk/client-servicediscovery";
import type {
  DiscoveryDns,
  DiscoveryNamespaceRecord,
  DiscoveryServiceRecord,
  Reader,
  Transaction,
} from "@gantry/state";
import {
  addDiscoveryOperation,
  discoveryServiceArnOf,
  syncDiscoveryService,
} from "@gantry/state/transactions/discovery";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { toDns, withTtls } from "./dns-config.ts";
import { matches } from "./filters.ts";
import { findNamespace, findService, invalidInput, namespaceArnIn, pageOf } from "./lookups.ts";
import { newTags } from "./tags.ts";

/** Services of a namespace; AWS names no quota. */
const SERVICES_MAX = 1_000;
const CONDITIONS = { NAMESPACE_ID: ["EQ"], RESOURCE_OWNER: ["EQ"] } as const;

/** Services of namespaces. */
export function serviceOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateService: (input, context) => createService(deps, input, context),
    GetService(input, context) {
      const service = findService(store, context, input.Id);
      const { creatorRequestId } = service;
      return {
        Service: {
          ...presentOne(store, service),
          ...(creatorRequestId === undefined ? {} : { CreatorRequestId: creatorRequestId }),
        },
      };
    },
    ListServices: (input, context) => listServices(store, input, context),
    UpdateService: (input, context) => updateService(deps, input, context),
    DeleteService(input, context) {
      store.transact((tx) => {
        const service = findService(tx, context, input.Id);
        if (tx.countBy("discoveryInstance", "service", service.arn) > 0)
          throw new ApiError(
            "ResourceInUse",
            "Service contains registered instances; delete the instances before deleting the service",
          );
        tx.delete("discoveryService", service.arn);
      });
      return {};
    },
  } satisfies Implementation<typeof sdk>;
}

/** Errors: InvalidInput, NamespaceNotFound, ServiceAlreadyExists, ResourceLimitExceeded, TooManyTagsException. */
function createService(
  deps: ApiDeps,
  input: sdk.CreateServiceRequest,
  { account, region }: RequestContext,
): sdk.CreateServiceResponse {
  const place = { account, region };
  const tags = newTags(input.Tags);
  const given = input.NamespaceId ?? input.DnsConfig?.NamespaceId;
  if (given === undefined) throw invalidInput("NamespaceId must be specified.");
  if (
    input.DnsConfig?.NamespaceId !== undefined &&
    namespaceArnIn(place, input.DnsConfig.NamespaceId) !== namespaceArnIn(place, given)
  )
    throw invalidInput("NamespaceId and DnsConfig.NamespaceId name two namespaces.");
  return deps.store.transact((tx) => {
    const namespace = findNamespace(tx, place, given);
    const dns = toDns(namespace, input);
    const repeated = sameService(tx, namespace, input);
    if (repeated !== undefined) return { Service: presentOne(tx, repeated) };
    const id = `srv-${deps.ids.upper(16).toLowerCase()}`;
    const service: DiscoveryServiceRecord = {
      ...{ account, region, arn: discoveryServiceArnOf(place, id), id, dns, tags },
      name: input.Name ?? "",
      namespaceArn: namespace.arn,
      description: input.Description,
      creatorRequestId: input.CreatorRequestId,
      hasCustomHealth: input.HealthCheckCustomConfig !== undefined,
      ...{ attributes: {}, revision: 1, createdAt: deps.clock.now() },
    };
    tx.put("discoveryService", service.arn, service);
    return { Service: presentOne(tx, service) };
  });
}

/**
 * The service that the same request created before. Names of services that DNS finds differ by more than case.
 * Errors: ServiceAlreadyExists, ResourceLimitExceeded.
 */
function sameService(
  tx: Transaction,
  namespace: DiscoveryNamespaceRecord,
  { Name: name = "", CreatorRequestId }: sdk.CreateServiceRequest,
): DiscoveryServiceRecord | undefined {
  const known = tx.listBy("discoveryService", "namespace", namespace.arn);
  const isHttp = namespace.type === "HTTP";
  const same = known.find((each) =>
    isHttp ? each.name === name : each.name.toLowerCase() === name.toLowerCase(),
  );
  if (same !== undefined) {
    if (CreatorRequestId !== undefined && same.creatorRequestId === CreatorRequestId) return same;
    throw new ApiError("ServiceAlreadyExists", `Service already exists: ${same.name}`, {
      fields: { CreatorRequestId: same.creatorRequestId, ServiceId: same.id },
    });
  }
  if (known.length >= SERVICES_MAX)
    throw new ApiError("ResourceLimitExceeded", `A namespace can have at most ${SERVICES_MAX} services.`);
  return undefined;
}

function listServices(
  store: Reader,
  input: sdk.ListServicesRequest,
  { account, region }: Place,
): sdk.ListServicesResponse {
  const filters = (input.Filters ?? []).map((filter) =>
    filter.Name === "NAMESPACE_ID"
      ? { ...filter, Values: filter.Values?.map((value) => namespaceArnIn({ account, region }, value)) }
      : filter,
  );
  const found = store
    .listBy("discoveryService", "place", `${account}/${region}`)
    .filter((service) =>
      matches(filters, CONDITIONS, (name) => (name === "NAMESPACE_ID" ? service.namespaceArn : "SELF")),
    );
  const { items, nextToken } = pageOf(found, ({ id }) => id, input);
  return {
    Services: items.map((each) => presentService(store, each)),
    ...(nextToken === undefined ? {} : { NextToken: nextToken }),
  };
}

/**
 * Changes the description and the TTLs of the records, also of the instances that are registered. Without a
 * DnsConfig, the service has no records any more. Source: API_UpdateService. Errors: InvalidInput, ServiceNotFound.
 */
function updateService(
  deps: ApiDeps,
  input: sdk.UpdateServiceRequest,
  { account, region }: RequestContext,
): sdk.UpdateServiceResponse {
  return deps.store.transact((tx) => {
    const service = findService(tx, { account, region }, input.Id);
    const { Description, DnsConfig } = input.Service ?? {};
    const dns: DiscoveryDns | undefined =
      DnsConfig === undefined ? undefined : withTtls(service, DnsConfig.DnsRecords ?? []);
    tx.put("discoveryService", service.arn, {
      ...service,
      dns,
      description: Description ?? service.description,
    });
    const now = deps.clock.now();
    const zone = syncDiscoveryService(tx, service.arn, { ids: deps.ids, now });
    const operation = addDiscoveryOperation(tx, deps.ids, {
      ...{ account, region, type: "UPDATE_SERVICE", serviceId: service.id, zone },
      namespaceId: service.namespaceArn.split("/")[1],
      ...{ instanceId: undefined, failure: undefined, createdAt: now },
    });
    return { OperationId: operation.id };
  });
}

function presentOne(reader: Reader, service: DiscoveryServiceRecord): sdk.Service {
  return { ...presentService(reader, service), NamespaceId: service.namespaceArn.split("/")[1] };
}

function presentService(reader: Reader, service: DiscoveryServiceRecord): sdk.ServiceSummary {
  const { id, arn, name, description, dns, hasCustomHealth, createdAt, account } = service;
  return {
    Id: id,
    Arn: arn,
    ResourceOwner: account,
    Name: name,
    Type: dns === undefined ? "HTTP" : "DNS_HTTP",
    ...(description === undefined ? {} : { Description: description }),
    InstanceCount: reader.countBy("discoveryInstance", "service", arn),
    ...(dns === undefined
      ? {}
      : {
          DnsConfig: {
            NamespaceId: service.namespaceArn.split("/")[1],
            RoutingPolicy: dns.routing,
            DnsRecords: dns.records.map(({ type, ttlSeconds }) => ({ Type: type, TTL: ttlSeconds })),
          },
        }),
    ...(hasCustomHealth ? { HealthCheckCustomConfig: { FailureThreshold: 1 } } : {}),
    CreateDate: new Date(createdAt),
    CreatedByAccount: account,
  };
}
