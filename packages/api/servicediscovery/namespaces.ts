import type * as sdk from "@aws-sdk/client-servicediscovery";
import { isRecordName, normalName } from "@gantry/kernel/dns/dns-name";
import type { DiscoveryNamespaceRecord, Reader, Transaction } from "@gantry/state";
import { addDiscoveryOperation, discoveryNamespaceArnOf } from "@gantry/state/transactions/discovery";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { matches } from "./filters.ts";
import { findNamespace, invalidInput, pageOf } from "./lookups.ts";
import { newTags } from "./tags.ts";
import { createNamespaceZone, deleteNamespaceZone, soaTtlOf, zoneConflict } from "./zones.ts";

/** Source: AWS Cloud Map Developer Guide, "Quotas". */
const NAMESPACES_MAX = 50;
const CONDITIONS = {
  TYPE: ["EQ", "IN"],
  NAME: ["EQ", "BEGINS_WITH"],
  HTTP_NAME: ["EQ", "BEGINS_WITH"],
  RESOURCE_OWNER: ["EQ"],
} as const;

interface Wanted {
  readonly input: sdk.CreateHttpNamespaceRequest;
  readonly type: DiscoveryNamespaceRecord["type"];
  readonly vpc?: string | undefined;
  readonly soaTtl?: number | undefined;
}

/** Namespaces: created, read, listed and deleted. */
export function namespaceOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateHttpNamespace: (input, context) => create(deps, { input, type: "HTTP" }, context),
    CreatePrivateDnsNamespace: (input, context) =>
      create(
        deps,
        {
          ...{ input, type: "DNS_PRIVATE", vpc: input.Vpc },
          soaTtl: input.Properties?.DnsProperties?.SOA?.TTL,
        },
        context,
      ),
    CreatePublicDnsNamespace: (input, context) =>
      create(deps, { input, type: "DNS_PUBLIC", soaTtl: input.Properties?.DnsProperties?.SOA?.TTL }, context),
    GetNamespace(input, context) {
      const namespace = findNamespace(store, context, input.Id);
      const { creatorRequestId } = namespace;
      return { Namespace: { ...presentNamespace(store, namespace), CreatorRequestId: creatorRequestId } };
    },
    ListNamespaces: (input, context) => listNamespaces(store, input, context),
    DeleteNamespace: (input, context) => deleteNamespace(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Creates a namespace, and the hosted zone of a DNS namespace. A zone that cannot be created makes the operation
 * fail, as on AWS. Errors: InvalidInput, NamespaceAlreadyExists, ResourceLimitExceeded, TooManyTagsException.
 */
function create(deps: ApiDeps, wanted: Wanted, { account, region }: RequestContext): { OperationId: string } {
  const place = { account, region };
  const { input, type } = wanted;
  const tags = newTags(input.Tags);
  if (type !== "HTTP" && !isRecordName(normalName(input.Name ?? "")))
    throw invalidInput(`The namespace name '${input.Name}' is not a valid DNS name.`);
  return deps.store.transact((tx) => {
    const vpcId = type === "DNS_PRIVATE" ? ownVpc(tx, place, wanted.vpc) : undefined;
    const known = tx.listBy("discoveryNamespace", "place", `${account}/${region}`);
    const repeated = operationBefore(tx, place, known, wanted);
    if (repeated !== undefined) return { OperationId: repeated };
    checkName(known, wanted, vpcId);
    const id = `ns-${deps.ids.upper(16).toLowerCase()}`;
    const namespace: DiscoveryNamespaceRecord = {
      ...{ account, region, arn: discoveryNamespaceArnOf(place, id), id, type, vpcId, tags },
      name: input.Name ?? "",
      httpName: httpNameOf(known, input.Name ?? "", id),
      description: input.Description,
      creatorRequestId: input.CreatorRequestId,
      zoneArn: undefined,
      createdAt: deps.clock.now(),
    };
    const operation = {
      ...({ account, region, type: "CREATE_NAMESPACE", namespaceId: id } as const),
      ...{ serviceId: undefined, instanceId: undefined, createdAt: namespace.createdAt },
    };
    const failure = type === "HTTP" ? undefined : zoneConflict(tx, namespace);
    if (failure !== undefined)
      return {
        OperationId: addDiscoveryOperation(tx, deps.ids, { ...operation, zone: undefined, failure }).id,
      };
    const zone = type === "HTTP" ? undefined : createNamespaceZone(tx, deps, namespace, wanted.soaTtl);
    tx.put("discoveryNamespace", namespace.arn, { ...namespace, zoneArn: zone?.arn });
    return { OperationId: addDiscoveryOperation(tx, deps.ids, { ...operation, zone, failure }).id };
  });
}

/** A VPC of the caller's account and region. Errors: InvalidInput. */
function ownVpc(reader: Reader, place: Place, id: string | undefined): string {
  const vpc = reader.get("vpc", id);
  if (vpc === undefined || vpc.account !== place.account || vpc.region !== place.region)
    throw invalidInput(`The VPC ID '${id ?? ""}' is invalid.`);
  return vpc.id;
}

/** The operation of the same request that was made before. */
function operationBefore(
  tx: Transaction,
  place: Place,
  known: readonly DiscoveryNamespaceRecord[],
  { input, type }: Wanted,
): string | undefined {
  const before = known.find(
    (each) =>
      each.creatorRequestId !== undefined &&
      each.creatorRequestId === input.CreatorRequestId &&
      each.name === input.Name &&
      each.type === type,
  );
  if (before === undefined) return undefined;
  return tx
    .listBy("discoveryOperation", "place", `${place.account}/${place.region}`)
    .find((each) => each.type === "CREATE_NAMESPACE" && each.namespaceId === before.id)?.id;
}

/** Errors: NamespaceAlreadyExists, ResourceLimitExceeded. */
function checkName(
  known: readonly DiscoveryNamespaceRecord[],
  { input, type }: Wanted,
  vpcId: string | undefined,
): void {
  const same = known.find((each) => each.type === type && each.vpcId === vpcId && each.name === input.Name);
  if (same !== undefined)
    throw new ApiError("NamespaceAlreadyExists", `Namespace with name '${same.name}' already exists.`, {
      fields: { CreatorRequestId: same.creatorRequestId, NamespaceId: same.id },
    });
  if (known.length >= NAMESPACES_MAX)
    throw new ApiError(
      "ResourceLimitExceeded",
      `The account has ${NAMESPACES_MAX} namespaces in this Region, the most it can have.`,
    );
}

/** The name itself, or one with a suffix where another namespace has it. Source: API_DiscoverInstances. */
function httpNameOf(known: readonly DiscoveryNamespaceRecord[], name: string, id: string): string {
  const isTaken = known.some(({ httpName }) => httpName === name);
  return isTaken ? `${name}-${id.slice(3)}` : name;
}

function listNamespaces(
  store: Reader,
  input: sdk.ListNamespacesRequest,
  { account, region }: Place,
): sdk.ListNamespacesResponse {
  const found = store.listBy("discoveryNamespace", "place", `${account}/${region}`).filter((namespace) =>
    matches(input.Filters ?? [], CONDITIONS, (name) => {
      switch (name) {
        case "TYPE":
          return namespace.type;
        case "NAME":
          return namespace.name;
        case "HTTP_NAME":
          return namespace.httpName;
        case "RESOURCE_OWNER":
          return "SELF";
      }
    }),
  );
  const { items, nextToken } = pageOf(found, ({ id }) => id, input);
  return {
    Namespaces: items.map((each) => presentNamespace(store, each)),
    ...(nextToken === undefined ? {} : { NextToken: nextToken }),
  };
}

/** Errors: NamespaceNotFound, ResourceInUse. */
function deleteNamespace(
  deps: ApiDeps,
  input: sdk.DeleteNamespaceRequest,
  { account, region }: RequestContext,
): sdk.DeleteNamespaceResponse {
  return deps.store.transact((tx) => {
    const namespace = findNamespace(tx, { account, region }, input.Id);
    if (tx.countBy("discoveryService", "namespace", namespace.arn) > 0)
      throw new ApiError(
        "ResourceInUse",
        "Namespace has associated services; delete the services before deleting the namespace",
      );
    const zone = deleteNamespaceZone(tx, deps, namespace);
    tx.delete("discoveryNamespace", namespace.arn);
    const operation = addDiscoveryOperation(tx, deps.ids, {
      ...{ account, region, type: "DELETE_NAMESPACE", namespaceId: namespace.id, zone },
      ...{ serviceId: undefined, instanceId: undefined, failure: undefined, createdAt: deps.clock.now() },
    });
    return { OperationId: operation.id };
  });
}

function presentNamespace(reader: Reader, namespace: DiscoveryNamespaceRecord): sdk.NamespaceSummary {
  const { id, arn, name, type, description, httpName, zoneArn, createdAt } = namespace;
  return {
    Id: id,
    Arn: arn,
    ResourceOwner: namespace.account,
    Name: name,
    Type: type,
    ...(description === undefined ? {} : { Description: description }),
    ServiceCount: reader.countBy("discoveryService", "namespace", arn),
    Properties: {
      DnsProperties:
        zoneArn === undefined
          ? { SOA: undefined }
          : { HostedZoneId: zoneArn.split("/")[1], SOA: { TTL: soaTtlOf(reader, zoneArn) } },
      HttpProperties: { HttpName: httpName },
    },
    CreateDate: new Date(createdAt),
  };
}
