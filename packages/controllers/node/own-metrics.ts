import type { ToControlPlane } from "@gantry/agent-protocol";
import { hostOf, type Reader } from "@gantry/state";
import { primaryIdOf } from "@gantry/state/transactions/standbys";

type Batch = Extract<ToControlPlane, { type: "metrics" }>;

/**
 * The part of a batch that is about the node's own tasks, instances, databases and load balancers. A node that could
 * measure those of another node would scale its services and set off its alarms.
 */
export function ownMetrics(reader: Reader, nodeId: string, batch: Batch): Batch {
  const { usage, traffic } = batch;
  let databases: ReadonlySet<string> | undefined;
  const isOwn = (pod: string): boolean => {
    const id = pod.replace(/^pod\//, "");
    const [task] = reader.listBy("task", "id", id);
    if (task !== undefined) return task.placement?.nodeId === nodeId;
    const instance = reader.get("ec2Instance", id);
    if (instance !== undefined) return hostOf(reader, instance) === nodeId;
    databases ??= databasesOn(reader, nodeId);
    return databases.has(id);
  };
  return {
    ...batch,
    usage: usage.filter(({ pod }) => isOwn(pod)),
    ...(traffic === undefined
      ? {}
      : { traffic: traffic.filter(({ balancer }) => isHostedBy(reader, nodeId, balancer)) }),
  };
}

/** The names of the databases' servers that a node hosts, without standbys. */
function databasesOn(reader: Reader, nodeId: string): ReadonlySet<string> {
  return new Set(
    reader
      .list("databaseInstance")
      .filter((database) => hostOf(reader, database) === nodeId)
      .map(primaryIdOf),
  );
}

function isHostedBy(reader: Reader, nodeId: string, arn: string): boolean {
  const balancer = reader.get("loadBalancer", arn);
  return balancer !== undefined && hostOf(reader, balancer) === nodeId;
}
