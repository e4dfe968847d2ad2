import { formatArn } from "@gantry/kernel";
import type { ClusterRecord, Reader, ServiceRecord, TaskRecord } from "@gantry/state";
import { ApiError } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";

export function clusterArnOf(place: Place, name: string | undefined): string {
  const given = name || "default";
  return given.startsWith("arn:") ? given : formatArn("ecs", place, `cluster/${given}`);
}

/** The ACTIVE cluster. Errors: ClusterNotFoundException. */
export function findCluster(reader: Reader, place: Place, name: string | undefined): ClusterRecord {
  const cluster = reader.get("cluster", clusterArnOf(place, name));
  if (cluster === undefined || cluster.account !== place.account)
    throw new ApiError("ClusterNotFoundException", "Cluster not found.");
  if (cluster.status === "INACTIVE")
    throw new ApiError("InvalidParameterException", "The referenced cluster was inactive.");
  return cluster;
}

/** A task by ARN or id, within the cluster. */
export function findTask(reader: Reader, cluster: ClusterRecord, name: string): TaskRecord | undefined {
  const task = reader.get(
    "task",
    name.startsWith("arn:") ? name : formatArn("ecs", cluster, `task/${cluster.name}/${name}`),
  );
  return task?.clusterArn === cluster.arn ? task : undefined;
}

export function serviceArnOf(cluster: ClusterRecord, name: string): string {
  return name.startsWith("arn:") ? name : formatArn("ecs", cluster, `service/${cluster.name}/${name}`);
}

/** A service that is not gone. Errors: ServiceNotFoundException, ServiceNotActiveException. */
export function findService(reader: Reader, cluster: ClusterRecord, name: string | undefined): ServiceRecord {
  const service = reader.get("service", serviceArnOf(cluster, name ?? ""));
  if (service === undefined) throw new ApiError("ServiceNotFoundException", "Service not found.");
  if (service.status !== "ACTIVE") throw new ApiError("ServiceNotActiveException", "Service was not ACTIVE.");
  return service;
}

export function invalidParameter(message: string): ApiError {
  return new ApiError("InvalidParameterException", message);
}
