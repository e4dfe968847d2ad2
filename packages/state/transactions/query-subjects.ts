import type { NodeRecord, SubnetRecord } from "../records.ts";
import type { Reader } from "../store.ts";

/** Source: Amazon ECS Developer Guide, "Amazon ECS container instance attributes". */
const OS_TYPE = "linux";

/**
 * What queries of the cluster query language see of a node, for a task that would get its interface in a subnet: its
 * labels are attributes. A node that serves several zones has that of the subnet.
 */
export function querySubjectsOf(
  reader: Reader,
  {
    node,
    subnet,
    clusterArn,
  }: { readonly node: NodeRecord; readonly subnet: SubnetRecord; readonly clusterArn: string },
) {
  const tasks = reader
    .listBy("task", "cluster", clusterArn)
    .filter(({ placement, lastStatus }) => placement?.nodeId === node.id && lastStatus !== "STOPPED");
  return {
    attributes: {
      ...node.labels,
      "ecs.os-type": OS_TYPE,
      "ecs.availability-zone": subnet.availabilityZone,
      "ecs.subnet-id": subnet.id,
      "ecs.vpc-id": subnet.vpcId,
      ...(node.architecture === undefined ? {} : { "ecs.cpu-architecture": node.architecture }),
    },
    agentConnected: node.state !== "DISCONNECTED",
    registeredAt: node.registeredAt,
    runningTasksCount: tasks.filter(({ lastStatus }) => lastStatus === "RUNNING").length,
    taskGroups: new Set(tasks.map(({ group }) => group)),
  };
}
