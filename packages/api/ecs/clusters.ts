import type * as ecs from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import type { ClusterRecord, Reader, Tags, Transaction } from "@gantry/state";
import { ApiError, type Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { refuseMembers } from "../common/refuse.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { presentLowerTags, toTags, withoutTags } from "../common/tags.ts";
import { clusterArnOf, clusterOf, invalidParameter, taggedKindOf, taggedOf } from "./lookups.ts";

/** Clusters, and tags on everything of ECS. */
export function clusterOperations(deps: ApiDeps) {
  const { store, clock } = deps;
  return {
    CreateCluster(input, context) {
      refuseMembers(
        input,
        ["configuration", "serviceConnectDefaults", "defaultCapacityProviderStrategy"],
        "InvalidParameterException",
      );
      const name = input.clusterName ?? "default";
      if (!/^[A-Za-z0-9_-]{1,255}$/.test(name))
        throw invalidParameter(
          "Invalid identifier: cluster names may have up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens.",
        );
      const insights = toInsights(input.settings);
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
          capacityProviders: input.capacityProviders ?? [],
          tags: toTags(input.tags),
          createdAt: clock.now(),
        };
        tx.put("cluster", arn, record);
        return record;
      });
      return { cluster: presentCluster(cluster, store, ["TAGS", "SETTINGS"]) };
    },
    DescribeClusters(input, context) {
      const names =
        input.clusters === undefined || input.clusters.length === 0 ? ["default"] : input.clusters;
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
    },
    ListClusters(input, context) {
      const all = store
        .list("cluster", formatArn("ecs", context, "cluster/"))
        .filter((cluster) => cluster.status === "ACTIVE");
      const { items, nextToken } = page(all, (cluster) => cluster.arn, {
        token: input.nextToken,
        size: input.maxResults ?? 100,
        invalidToken: () => invalidParameter("Invalid token."),
      });
      return { clusterArns: items.map((cluster) => cluster.arn), nextToken };
    },
    DeleteCluster(input, context) {
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
    },
    TagResource(input, context) {
      store.transact((tx) =>
        retag(tx, context, input.resourceArn, (tags) => ({ ...tags, ...toTags(input.tags) })),
      );
      return {};
    },
    UntagResource(input, context) {
      store.transact((tx) =>
        retag(tx, context, input.resourceArn, (tags) => withoutTags(tags, input.tagKeys ?? [])),
      );
      return {};
    },
    ListTagsForResource(input, context) {
      if (taggedKindOf(input.resourceArn) === undefined) throw invalidParameter("Invalid resource ARN.");
      return { tags: presentLowerTags(taggedOf(store, context, input.resourceArn)?.tags ?? {}) };
    },
  } satisfies Implementation<typeof ecs>;
}

/** The value of the setting containerInsights. Errors: InvalidParameterException. */
function toInsights(settings: readonly ecs.ClusterSetting[] | undefined): string {
  let value = "disabled";
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

function retag(tx: Transaction, place: Place, arn: string | undefined, change: (tags: Tags) => Tags): void {
  const kind = taggedKindOf(arn);
  const record = taggedOf(tx, place, arn);
  if (kind === undefined) throw invalidParameter("Invalid resource ARN.");
  if (record === undefined)
    throw invalidParameter("The specified resource cannot be found. Specify a valid ARN and try again.");
  tx.put(kind, record.arn, { ...record, tags: change(record.tags) }); // The record of the kind just read, with other tags.
}

function presentCluster(cluster: ClusterRecord, reader: Reader, include: readonly string[]): ecs.Cluster {
  const tasks = reader.listBy("task", "cluster", cluster.arn).filter((task) => task.lastStatus !== "STOPPED");
  const services = reader
    .listBy("service", "cluster", cluster.arn)
    .filter((service) => service.status === "ACTIVE");
  const running = tasks.filter((task) => task.lastStatus === "RUNNING").length;
  const pending = tasks.filter((task) =>
    ["PROVISIONING", "PENDING", "ACTIVATING"].includes(task.lastStatus),
  ).length;
  return {
    clusterArn: cluster.arn,
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: running,
    pendingTasksCount: pending,
    activeServicesCount: services.length,
    statistics: include.includes("STATISTICS")
      ? [
          { name: "RunningFargateTasksCount", value: String(running) },
          { name: "PendingFargateTasksCount", value: String(pending) },
          { name: "activeFargateServiceCount", value: String(services.length) },
        ]
      : [],
    tags: include.includes("TAGS") ? presentLowerTags(cluster.tags) : [],
    settings: include.includes("SETTINGS") ? cluster.settings.map((setting) => ({ ...setting })) : [],
    capacityProviders: [...cluster.capacityProviders],
    defaultCapacityProviderStrategy: [],
  };
}
