import { formatArn } from "@gantry/kernel";
import type { ClusterRecord, Reader, ServiceRecord, TaskDefinitionRecord, TaskRecord } from "@gantry/state";
import type { Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";

/** The ARN that a cluster's name or ARN stands for. */
export function clusterArnOf(place: Place, name: string | undefined): string {
  const given = name || "default";
  return given.startsWith("arn:") ? given : formatArn("ecs", place, `cluster/${given}`);
}

/** A cluster by ARN or name, ACTIVE or not. */
export function clusterOf(reader: Reader, place: Place, name: string | undefined): ClusterRecord | undefined {
  return within(reader.get("cluster", clusterArnOf(place, name)), place);
}

/** The ACTIVE cluster. Errors: ClusterNotFoundException, InvalidParameterException for an INACTIVE one. */
export function findCluster(reader: Reader, place: Place, name: string | undefined): ClusterRecord {
  const cluster = clusterOf(reader, place, name);
  if (cluster === undefined) throw new ApiError("ClusterNotFoundException", "Cluster not found.");
  if (cluster.status === "INACTIVE") throw invalidParameter("The referenced cluster was inactive.");
  return cluster;
}

/** The ARN that a task's id or ARN stands for within the cluster. */
export function taskArnOf(cluster: Place & { name: string }, name: string | undefined): string {
  return name?.startsWith("arn:") ? name : formatArn("ecs", cluster, `task/${cluster.name}/${name ?? ""}`);
}

/** A task by ARN or id, within the cluster. */
export function findTask(
  reader: Reader,
  cluster: ClusterRecord,
  name: string | undefined,
): TaskRecord | undefined {
  const task = reader.get("task", taskArnOf(cluster, name));
  return task?.clusterArn === cluster.arn ? task : undefined;
}

/** The ARN that a service's name or ARN stands for within the cluster. */
export function serviceArnOf(cluster: Place & { name: string }, name: string | undefined): string {
  return name?.startsWith("arn:") ? name : formatArn("ecs", cluster, `service/${cluster.name}/${name ?? ""}`);
}

/** A service by ARN or name, within the cluster, whatever its status. */
export function serviceOf(
  reader: Reader,
  cluster: ClusterRecord,
  name: string | undefined,
): ServiceRecord | undefined {
  const service = reader.get("service", serviceArnOf(cluster, name));
  return service?.clusterArn === cluster.arn ? service : undefined;
}

/** A service that is ACTIVE. Errors: ServiceNotFoundException, ServiceNotActiveException. */
export function findService(reader: Reader, cluster: ClusterRecord, name: string | undefined): ServiceRecord {
  const service = serviceOf(reader, cluster, name);
  if (service === undefined) throw new ApiError("ServiceNotFoundException", "Service not found.");
  if (service.status !== "ACTIVE") throw new ApiError("ServiceNotActiveException", "Service was not ACTIVE.");
  return service;
}

/** Finds by ARN, `family:revision`, or `family` (its latest ACTIVE revision). */
export function findTaskDefinition(
  reader: Reader,
  place: Place,
  name: string | undefined,
): TaskDefinitionRecord | undefined {
  if (name === undefined) return undefined;
  if (name.startsWith("arn:")) return within(reader.get("taskDefinition", name), place);
  if (/:\d+$/.test(name))
    return reader.get("taskDefinition", formatArn("ecs", place, `task-definition/${name}`));
  return reader
    .listBy("taskDefinition", "family", name)
    .filter((each) => within(each, place) !== undefined && each.status === "ACTIVE")
    .toSorted((a, b) => b.revision - a.revision)[0];
}

/** A record by its ARN: what ECS tags. Errors: InvalidParameterException for an ARN of another kind. */
export function taggedOf(reader: Reader, place: Place, arn: string | undefined) {
  const kind = taggedKindOf(arn);
  return kind === undefined || arn === undefined ? undefined : within(reader.get(kind, arn), place);
}

/** The kind of record that an ARN of ECS names. */
export function taggedKindOf(
  arn: string | undefined,
): "cluster" | "service" | "task" | "taskDefinition" | undefined {
  switch (arn?.split(":")[5]?.split("/")[0]) {
    case "cluster":
      return "cluster";
    case "service":
      return "service";
    case "task":
      return "task";
    case "task-definition":
      return "taskDefinition";
    default:
      return undefined;
  }
}

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterException", message);
}
