import type { Assignment } from "@gantry/agent-protocol";
import { messageOf } from "@gantry/kernel";
import {
  firstNode,
  hostOf,
  type Change,
  type Kind,
  type NetworkInterfaceRecord,
  type Reader,
} from "@gantry/state";
import { balancersAssignment } from "./balancers-assignment.ts";
import { databaseAssignment } from "./database-assignment.ts";
import { interfaceAssignment, taskAssignment, type AssignmentDeps } from "./pod-assignment.ts";
import { vpcAssignment } from "./vpc-assignment.ts";

const NETWORK_KINDS: ReadonlySet<Kind> = new Set([
  "vpc",
  "subnet",
  "routeTable",
  "natGateway",
  "internetGateway",
  "securityGroup",
  "elasticAddress",
  "loadBalancer",
  "databaseInstance",
  "mountTarget",
  "networkAcl",
  "prefixList",
  "vpcEndpoint",
  "blockPublicAccess",
  "publicAccessExclusion",
]);
const BALANCER_KINDS: ReadonlySet<Kind> = new Set([
  "loadBalancer",
  "listener",
  "rule",
  "targetGroup",
  "target",
  "certificate",
  "trustStore",
  // Their rules bind clients on the host.
  "securityGroup",
]);

/** All that a node is to make. */
export interface NodeAssignments {
  readonly assignments: readonly Assignment[];
  /** Keys of assignments that cannot be made from their records, with the reason: the node keeps what it has of them. */
  readonly broken: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * All that a node is to make, fresh from the records: its own tasks, interfaces, databases, file systems and load
 * balancers, and the VPCs that they are in. A broken record keeps none of the others from the node.
 */
export function assignmentsFor(reader: Reader, deps: AssignmentDeps, nodeId: string): NodeAssignments {
  const assignments: Assignment[] = [];
  const broken: { key: string; reason: string }[] = [];
  for (const key of subjectKeys(reader)) {
    try {
      const assignment = assignmentOf(reader, deps, nodeId, key);
      if (assignment !== undefined) assignments.push(assignment);
    } catch (thrown) {
      broken.push({ key: assignmentKeyOf(reader, key), reason: messageOf(thrown) });
    }
  }
  return { assignments, broken };
}

/** The keys of everything that some node is to make: `KIND/ID`. */
export function subjectKeys(reader: Reader): readonly string[] {
  return [
    ...reader.keys("vpc").map((id) => `vpc/${id}`),
    ...reader
      .list("networkInterface")
      .filter((eni) => eni.type === "warm")
      .map((eni) => `interface/${eni.id}`),
    ...reader
      .list("task")
      .filter((task) => task.lastStatus !== "STOPPED" && task.placement !== undefined)
      .map((task) => `task/${task.arn}`),
    ...reader.keys("databaseInstance").map((arn) => `database/${arn}`),
    ...reader.keys("fileSystem").map((id) => `folder/${id}`),
    "balancers",
  ];
}

/** The subjects whose assignments a change can touch. */
export function subjectsOf(reader: Reader, change: Change): readonly string[] {
  const keys: string[] = [];
  if (change.kind === "task") keys.push(`task/${change.key}`);
  if (change.kind === "fileSystem") keys.push(`folder/${change.key}`);
  if (change.kind === "databaseInstance") keys.push(`database/${change.key}`);
  if (change.kind === "networkInterface") {
    const eni = reader.get("networkInterface", change.key);
    keys.push(
      `interface/${change.key}`,
      ...(eni === undefined ? reader.keys("vpc").map((id) => `vpc/${id}`) : [`vpc/${eni.vpcId}`]),
    );
  }
  if (change.kind === "session")
    keys.push(
      ...reader
        .list("task")
        .filter((task) => task.credentials.task === change.key)
        .map((task) => `task/${task.arn}`),
    );
  if (NETWORK_KINDS.has(change.kind))
    keys.push(
      ...reader.keys("vpc").map((id) => `vpc/${id}`),
      ...(change.kind === "vpc" ? [`vpc/${change.key}`] : []),
    );
  if (BALANCER_KINDS.has(change.kind)) keys.push("balancers");
  return keys;
}

/** The key of the assignment that a subject leads to. */
export function assignmentKeyOf(reader: Reader, key: string): string {
  const [kind = "", ...rest] = key.split("/");
  const name = rest.join("/");
  switch (kind) {
    case "task":
      return `pod/${name.split("/").at(-1)}`;
    case "database":
      return `pod/${reader.get("databaseInstance", name)?.resourceId ?? name.split(":").at(-1)}`;
    default:
      return key;
  }
}

/** What a node is to do about a subject, fresh from the records; undefined where nothing (any more). Throws where a record is broken. */
export function assignmentOf(
  reader: Reader,
  deps: AssignmentDeps,
  nodeId: string,
  key: string,
): Assignment | undefined {
  const [kind = "", ...rest] = key.split("/");
  const name = rest.join("/");
  switch (kind) {
    case "vpc": {
      const vpc = reader.get("vpc", name);
      return vpc && vpcAssignment(reader, vpc, isOnNode(reader, nodeId));
    }
    case "interface": {
      const eni = reader.get("networkInterface", name);
      const isOwn = eni?.type === "warm" && eni.nodeId === nodeId;
      return isOwn ? { kind: "interface", key, interface: interfaceAssignment(reader, eni) } : undefined;
    }
    case "task": {
      const task = reader.get("task", name);
      const isOwn = task?.placement?.nodeId === nodeId;
      return isOwn ? taskAssignment(reader, deps, task) : undefined;
    }
    case "database": {
      const database = reader.get("databaseInstance", name);
      const isOwn = database !== undefined && hostOf(reader, database) === nodeId;
      return isOwn ? databaseAssignment(reader, deps, database) : undefined;
    }
    case "folder": {
      const fileSystem = reader.get("fileSystem", name);
      const isOwn = fileSystem !== undefined && hostOf(reader, fileSystem) === nodeId;
      return isOwn ? { kind: "folder", key, path: `efs/${name}` } : undefined;
    }
    default:
      return balancersAssignment(reader, deps.vault, nodeId);
  }
}

/**
 * Whether an interface is on a node. Those of NAT gateways, mount targets and endpoints are on every node that has a router for
 * their VPC; one that was made before there was a choice is on the node that registered first.
 */
function isOnNode(reader: Reader, nodeId: string): (eni: NetworkInterfaceRecord) => boolean {
  const first = firstNode(reader)?.id;
  return (eni) =>
    eni.type === "nat_gateway" ||
    eni.type === "efs" ||
    eni.type === "vpc_endpoint" ||
    (eni.nodeId ?? first ?? nodeId) === nodeId;
}
