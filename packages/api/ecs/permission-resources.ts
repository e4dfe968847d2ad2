import { findTaskSet, taskSetArnOf, type Reader } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import type { Need } from "../common/permissions.ts";
import { containerInstanceArnOf } from "./container-instances.ts";
import { clusterArnOf, clusterOf, findTask, serviceArnOf, serviceOf, taskArnOf } from "./lookups.ts";

export type EcsResources = ReturnType<typeof ecsResources>;

/** Names the resources that a request of ECS refers to, by the records that the operations would find. */
export function ecsResources(store: Reader) {
  const cluster = (place: Place, name: string | undefined) =>
    clusterOf(store, place, name)?.arn ?? clusterArnOf(place, name);
  /** Resources of a cluster: named by the records found in it, with the cluster as a condition key. */
  const inCluster = (
    place: Place,
    named: string | undefined,
    names: readonly (string | undefined)[],
    type: "task" | "service",
  ): readonly Need[] => {
    const record = clusterOf(store, place, named);
    const arn = record?.arn ?? clusterArnOf(place, named);
    const conditions = { "ecs:cluster": arn };
    const home = record ?? { ...place, name: arn.split("/").at(-1) ?? "default" };
    return names.map((name) => {
      const found =
        record === undefined
          ? undefined
          : type === "task"
            ? findTask(store, record, name)
            : serviceOf(store, record, name);
      const standsFor = () => (type === "task" ? taskArnOf(home, name) : serviceArnOf(home, name));
      return { resource: found?.arn ?? standsFor(), conditions };
    });
  };
  /** Task sets of a service, with the service and its cluster as condition keys. */
  const taskSets = (
    place: Place,
    input: { cluster?: string | undefined; service?: string | undefined },
    names: readonly (string | undefined)[],
  ): readonly Need[] =>
    inCluster(place, input.cluster, [input.service], "service").flatMap((need) =>
      names.map((name) => {
        const service = store.get("service", need.resource);
        const found = service === undefined ? undefined : findTaskSet(store, service, name);
        const id = found?.id ?? name?.replace(/^arn:.*:task-set\/[^/]*\/[^/]*\//, "") ?? "";
        return {
          resource: taskSetArnOf({ ...place, arn: need.resource }, id),
          conditions: { ...need.conditions, "ecs:service": need.resource },
        };
      }),
    );
  /** The cluster that a name stands for, whether or not it exists. */
  const homeOf = (place: Place, named: string | undefined) => {
    const arn = cluster(place, named);
    return { ...place, arn, name: arn.split("/").at(-1) ?? "default" };
  };
  const instances = (place: Place, named: string | undefined, names: readonly string[] = []) => {
    const home = homeOf(place, named);
    return names.map((name) => ({
      resource: containerInstanceArnOf(home, name),
      conditions: { "ecs:cluster": home.arn },
    }));
  };
  return { cluster, homeOf, inCluster, taskSets, instances };
}
