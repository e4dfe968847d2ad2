import type * as ecs from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import { accountSettingOf, type ClusterRecord, type Reader, type Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { within } from "../common/place.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { toCapacityProviders, toStrategy } from "./capacity-strategy.ts";
import { clusterArnOf, clusterOf, findCluster, invalidParameter } from "./lookups.ts";
import { presentCluster } from "./present-cluster.ts";

/** Clusters. Source: API_CreateCluster and following. */
export function clusterOperations(deps: ApiDeps) {
  const { store } = deps;
  const changeCluster = (
    place: Place,
    name: string | undefined,
    change: Partial<Pick<ClusterRecord, "settings" | "configuration" | "serviceConnectNamespace">>,
  ) => {
    const cluster = store.transact((tx) => {
      const next: ClusterRecord = { ...findCluster(tx, place, name), ...change };
      tx.put("cluster", next.arn, next);
      return next;
    });
    return { cluster: presentCluster(cluster, store, ["TAGS", "SETTINGS", "CONFIGURATIONS"]) };
  };
  return {
    CreateCluster: (input, context) => createCluster(deps, input, context),
    UpdateCluster(input, context) {
      const insights = toInsights(input.settings);
      const changes = toClusterChanges(deps, input, context);
      return changeCluster(context, input.cluster, { ...changes, ...settingsOf(insights) });
    },
    UpdateClusterSettings(input, context) {
      if (input.settings === undefined || input.settings.length === 0)
        throw invalidParameter("Settings cannot be empty.");
      return changeCluster(context, input.cluster, settingsOf(toInsights(input.settings)));
    },
    DescribeClusters: (input, context) => describeClusters(deps, input, context),
    ListClusters: (input, context) => listClusters(deps, input, context),
    DeleteCluster: (input, context) => deleteCluster(deps, input, context),
  } satisfies Implementation<typeof ecs>;
}

function createCluster(
  deps: ApiDeps,
  input: ecs.CreateClusterRequest,
  context: RequestContext,
): ecs.CreateClusterResponse {
  const { store, clock } = deps;
  const name = input.clusterName ?? "default";
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name))
    throw invalidParameter(
      "Invalid identifier: cluster names may have up to 255 letters (uppercase and lowercase), " +
        "numbers, underscores, and hyphens.",
    );
  const capacityProviders = toCapacityProviders(input.capacityProviders);
  const defaultStrategy = toStrategy(input.defaultCapacityProviderStrategy, capacityProviders);
  const insights = toInsights(input.settings) ?? accountSettingOf(store, context, "containerInsights");
  const changes = toClusterChanges(deps, input, context);
  ensureLinkedRole(deps, context, "ecs.amazonaws.com", { isOptional: true });
  const cluster = store.transact((tx) => {
    const arn = formatArn("ecs", context, `cluster/${name}`);
    const there = tx.get("cluster", arn);
    if (there?.status === "ACTIVE") return there;
    const record: ClusterRecord = {
      account: context.account,
      region: context.region,
      arn,
      name,
      status: "ACTIVE",
      settings: [{ name: "containerInsights", value: insights }],
      capacityProviders,
      defaultStrategy,
      ...changes,
      tags: toTags(input.tags),
      createdAt: clock.now(),
    };
    tx.put("cluster", arn, record);
    return record;
  });
  return { cluster: presentCluster(cluster, store, ["TAGS", "SETTINGS", "CONFIGURATIONS"]) };
}

function describeClusters(
  { store }: ApiDeps,
  input: ecs.DescribeClustersRequest,
  context: RequestContext,
): ecs.DescribeClustersResponse {
  const names = input.clusters === undefined || input.clusters.length === 0 ? ["default"] : input.clusters;
  const found = names.map((name) => ({
    arn: clusterArnOf(context, name),
    cluster: clusterOf(store, context, name),
  }));
  return {
    clusters: found.flatMap(({ cluster }) =>
      cluster === undefined ? [] : [presentCluster(cluster, store, input.include ?? [])],
    ),
    failures: found.flatMap(({ arn, cluster }) =>
      cluster === undefined ? [{ arn, reason: "MISSING" }] : [],
    ),
  };
}

function listClusters(
  { store }: ApiDeps,
  input: ecs.ListClustersRequest,
  context: RequestContext,
): ecs.ListClustersResponse {
  const all = store
    .list("cluster", formatArn("ecs", context, "cluster/"))
    .filter((cluster) => cluster.status === "ACTIVE");
  const { items, nextToken } = page(all, (cluster) => cluster.arn, {
    token: input.nextToken,
    size: input.maxResults ?? 100,
    invalidToken: () => invalidParameter("Invalid token."),
  });
  return { clusterArns: items.map((cluster) => cluster.arn), nextToken };
}

function deleteCluster(
  { store }: ApiDeps,
  input: ecs.DeleteClusterRequest,
  context: RequestContext,
): ecs.DeleteClusterResponse {
  const cluster = store.transact((tx) => {
    const found = clusterOf(tx, context, input.cluster);
    if (found === undefined || found.status === "INACTIVE")
      throw new ApiError("ClusterNotFoundException", "Cluster not found.");
    if (tx.listBy("service", "cluster", found.arn).some((service) => service.status === "ACTIVE"))
      throw new ApiError(
        "ClusterContainsServicesException",
        "The Cluster cannot be deleted while Services are active.",
      );
    if (tx.listBy("task", "cluster", found.arn).some((task) => task.lastStatus !== "STOPPED"))
      throw new ApiError(
        "ClusterContainsTasksException",
        "The Cluster cannot be deleted while Tasks are active.",
      );
    const next: ClusterRecord = { ...found, status: "INACTIVE" };
    tx.put("cluster", found.arn, next);
    return next;
  });
  return { cluster: presentCluster(cluster, store, []) };
}

function settingsOf(insights: string | undefined): Pick<ClusterRecord, "settings"> | Record<string, never> {
  return insights === undefined ? {} : { settings: [{ name: "containerInsights", value: insights }] };
}

/**
 * What a call says about how commands are run in the cluster's tasks and where they store data, which is recorded,
 * and the namespace of Service Connect. Errors: InvalidParameterException, NamespaceNotFoundException.
 */
function toClusterChanges(
  deps: ApiDeps,
  input: {
    readonly configuration?: ecs.ClusterConfiguration | undefined;
    readonly serviceConnectDefaults?: ecs.ClusterServiceConnectDefaultsRequest | undefined;
  },
  context: RequestContext,
): Partial<Pick<ClusterRecord, "configuration" | "serviceConnectNamespace">> {
  const { configuration, serviceConnectDefaults } = input;
  const command = configuration?.executeCommandConfiguration;
  if (command?.logging === "OVERRIDE" && command.logConfiguration === undefined)
    throw invalidParameter("A logConfiguration is required where logging is OVERRIDE.");
  return {
    ...(configuration === undefined ? {} : { configuration }),
    ...(serviceConnectDefaults === undefined
      ? {}
      : {
          serviceConnectNamespace: deps.store.transact((tx) =>
            connectNamespace(tx, deps, context, serviceConnectDefaults.namespace),
          ),
        }),
  };
}

/** The value of the setting containerInsights where it is given. Errors: InvalidParameterException. */
function toInsights(settings: readonly ecs.ClusterSetting[] | undefined): string | undefined {
  let value: string | undefined;
  for (const setting of settings ?? []) {
    if (setting.name !== "containerInsights")
      throw invalidParameter(`Invalid setting name: ${setting.name ?? ""}.`);
    value = setting.value ?? "disabled";
    if (!["enabled", "disabled", "enhanced"].includes(value))
      throw invalidParameter(
        `Invalid value for containerInsights: ${value}. Use enabled, disabled or enhanced.`,
      );
  }
  return value;
}

/**
 * The ARN of the Cloud Map namespace that a cluster's Service Connect uses, by its name or ARN. A name that no
 * namespace has makes an HTTP namespace, with the caller's permission.
 * Source: API_ClusterServiceConnectDefaultsRequest. Errors: NamespaceNotFoundException.
 */
function connectNamespace(
  tx: Transaction,
  { ids, clock }: Pick<ApiDeps, "ids" | "clock">,
  context: RequestContext,
  given: string | undefined,
): string | undefined {
  if (given === undefined || given === "") return undefined;
  const found = namespaceNamed(tx, context, given);
  if (found !== undefined) return found;
  if (given.startsWith("arn:"))
    throw new ApiError("NamespaceNotFoundException", `The specified namespace ${given} could not be found.`);
  context.authorize("servicediscovery:CreateHttpNamespace", "*");
  const { account, region } = context;
  const id = `ns-${ids.upper(16).toLowerCase()}`;
  const arn = formatArn("servicediscovery", context, `namespace/${id}`);
  tx.put("discoveryNamespace", arn, {
    ...{ account, region, arn, id, name: given, type: "HTTP", httpName: given },
    ...{ description: undefined, creatorRequestId: undefined, zoneArn: undefined, vpcId: undefined },
    tags: { AmazonECSManaged: "true" },
    createdAt: clock.now(),
  });
  return arn;
}

function namespaceNamed(reader: Reader, context: RequestContext, given: string): string | undefined {
  if (given.startsWith("arn:")) return within(reader.get("discoveryNamespace", given), context)?.arn;
  return reader
    .listBy("discoveryNamespace", "place", `${context.account}/${context.region}`)
    .find(({ name, type }) => name === given && type !== "DNS_PUBLIC")?.arn;
}
