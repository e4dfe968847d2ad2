import type { Assignment } from "@gantry/agent-protocol";
import { messageOf } from "@gantry/kernel";
import {
  activePeerings,
  balancersOfService,
  firstNode,
  hostOf,
  type Change,
  type Kind,
  type NetworkInterfaceRecord,
  type Reader,
} from "@gantry/state";
import { primaryIdOf } from "@gantry/state/transactions/standbys";
import { balancersAssignment } from "./balancers-assignment.ts";
import { databaseAssignment } from "./database-assignment.ts";
import { replicationSubjects } from "./database-replication.ts";
import { serverNamed, standbySubjects } from "./database-standbys.ts";
import { databaseSnapshotFiles, snapshotAssignmentKey, snapshotSubjects } from "./database-snapshots.ts";
import { ebsSnapshotSubjects, snapshotFile, volumeFile } from "./ebs-assignment.ts";
import { instanceAssignment } from "./instance-assignment.ts";
import { interfaceAssignment, taskAssignment, type AssignmentDeps } from "./pod-assignment.ts";
import { vpcAssignment } from "./vpc-assignment.ts";
import { zoneAssignment, zoneKeyOf, zonesOf } from "./zone-assignment.ts";

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
  "databaseStandby",
  "mountTarget",
  "networkAcl",
  "prefixList",
  "vpcEndpoint",
  "endpointService",
  "blockPublicAccess",
  "publicAccessExclusion",
  "flowLog",
  "vpcPeering",
]);
const BALANCER_KINDS: ReadonlySet<Kind> = new Set([
  "loadBalancer",
  "listener",
  "rule",
  "targetGroup",
  "target",
  "certificate",
  "serverCertificate",
  "trustStore",
  // Their rules bind clients on the host.
  "securityGroup",
  // Listeners also accept connections at the network interfaces of VPC endpoints.
  "vpcEndpoint",
  "endpointService",
]);

/** The assignments of one node. */
export interface NodeAssignments {
  readonly assignments: readonly Assignment[];
  /**
   * Keys of assignments that cannot be computed from their records, with the reason: the node keeps its
   * earlier version of them.
   */
  readonly broken: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * Computes all assignments of a node from the current records: its own tasks, interfaces, databases, file
 * systems and load balancers, and the VPCs that they are in. A record that cannot be read affects only its
 * own assignment.
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

/** The keys of the assignments of all nodes: `KIND/ID`. */
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
    ...reader.keys("databaseStandby").map((id) => `standby/${id}`),
    ...reader.keys("ec2Instance").map((id) => `instance/${id}`),
    ...reader.keys("fileSystem").map((id) => `folder/${id}`),
    ...reader.keys("volume").map((id) => `volume/${id}`),
    ...reader.keys("snapshot").map((id) => `snapshot/${id}`),
    ...reader.keys("databaseSnapshot").map((key) => `databaseSnapshot/${key}`),
    ...reader.keys("hostedZone").map(zoneKeyOf),
    "balancers",
  ];
}

/** The subjects whose assignments a change can affect. */
export function subjectsOf(reader: Reader, change: Change): readonly string[] {
  const keys: string[] = [];
  if (change.kind === "task") keys.push(`task/${change.key}`);
  // The cluster's settings decide what is measured of its tasks.
  if (change.kind === "cluster")
    keys.push(
      ...reader
        .listBy("task", "cluster", change.key)
        .filter((task) => task.lastStatus !== "STOPPED" && task.placement !== undefined)
        .map((task) => `task/${task.arn}`),
    );
  if (change.kind === "fileSystem") keys.push(`folder/${change.key}`);
  if (change.kind === "volume") keys.push(`volume/${change.key}`, ...instanceKeysOf(reader, change.key));
  if (change.kind === "databaseSnapshot") keys.push(...snapshotSubjects(reader, change.key));
  if (change.kind === "snapshot") keys.push(...ebsSnapshotSubjects(reader, change.key));
  keys.push(...databaseSubjects(reader, change));
  if (change.kind === "ec2Instance") {
    const vpcId = reader.get("ec2Instance", change.key)?.vpcId;
    keys.push(`instance/${change.key}`, ...(vpcId === undefined ? [] : [`vpc/${vpcId}`]));
  }
  if (change.kind === "networkInterface") {
    const eni = reader.get("networkInterface", change.key);
    keys.push(
      `interface/${change.key}`,
      ...(eni?.owner.type === "instance" ? [`instance/${eni.owner.key}`] : []),
      ...(eni === undefined
        ? reader.keys("vpc").map((id) => `vpc/${id}`)
        : [eni.vpcId, ...activePeerings(reader, eni.vpcId).map(({ peer }) => peer.vpcId)].map(
            (id) => `vpc/${id}`,
          )),
    );
  }
  if (change.kind === "session")
    keys.push(
      ...reader
        .list("task")
        .filter((task) => task.credentials.task === change.key)
        .map((task) => `task/${task.arn}`),
      ...reader
        .list("ec2Instance")
        .filter((instance) => instance.sessionId === change.key)
        .map((instance) => `instance/${instance.id}`),
    );
  if (NETWORK_KINDS.has(change.kind))
    keys.push(
      ...reader.keys("vpc").map((id) => `vpc/${id}`),
      ...(change.kind === "vpc" ? [`vpc/${change.key}`] : []),
    );
  if (BALANCER_KINDS.has(change.kind)) keys.push("balancers");
  keys.push(...zonesOf(reader, change));
  return keys;
}

/** The subjects of databases that a change affects. */
function databaseSubjects(reader: Reader, { kind, key }: Change): readonly string[] {
  // A database whose KMS key cannot be used is stopped, and so is its standby.
  if (kind === "kmsKey")
    return reader
      .list("databaseInstance")
      .filter(({ kmsKeyArn }) => kmsKeyArn === key)
      .flatMap(({ arn }) => replicationSubjects(reader, arn));
  if (kind === "databaseInstance") return replicationSubjects(reader, key);
  return kind === "databaseStandby" ? standbySubjects(reader, key) : [];
}

/** The instances whose devices a volume's change affects: one that it left is unknown, so that it is all of them. */
function instanceKeysOf(reader: Reader, volumeId: string): readonly string[] {
  const instanceId = reader.get("volume", volumeId)?.attachment?.instanceId;
  return (instanceId === undefined ? reader.keys("ec2Instance") : [instanceId]).map((id) => `instance/${id}`);
}

/** The name of the server of an instance. */
function primaryNameOf(reader: Reader, arn: string): string | undefined {
  const database = reader.get("databaseInstance", arn);
  return database && primaryIdOf(database);
}

/** The key of the assignment of a subject. */
export function assignmentKeyOf(reader: Reader, key: string): string {
  const [kind = "", ...rest] = key.split("/");
  const name = rest.join("/");
  switch (kind) {
    case "task":
      return `pod/${name.split("/").at(-1)}`;
    case "instance":
      return `pod/${name}`;
    case "database":
      return `pod/${primaryNameOf(reader, name) ?? name.split(":").at(-1)}`;
    case "standby":
      return `pod/${name}`;
    case "databaseSnapshot":
      return snapshotAssignmentKey(name);
    default:
      return key;
  }
}

/**
 * Computes a subject's assignment to a node from the current records; undefined where the node has none (any
 * more). Throws where a record is broken.
 */
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
    case "standby": {
      const server = serverNamed(reader, name);
      const isOwn = server !== undefined && hostOf(reader, server) === nodeId;
      return isOwn ? databaseAssignment(reader, deps, server) : undefined;
    }
    case "instance": {
      const instance = reader.get("ec2Instance", name);
      const isOwn = instance !== undefined && hostOf(reader, instance) === nodeId;
      return isOwn ? instanceAssignment(reader, deps, instance) : undefined;
    }
    case "folder": {
      const fileSystem = reader.get("fileSystem", name);
      const isOwn = fileSystem !== undefined && hostOf(reader, fileSystem) === nodeId;
      return isOwn ? { kind: "folder", key, path: `efs/${name}` } : undefined;
    }
    case "volume":
      return volumeFile(reader, nodeId, name);
    case "snapshot":
      return snapshotFile(reader, nodeId, name);
    case "databaseSnapshot":
      return databaseSnapshotFiles(reader, nodeId, name);
    case "zone":
      return zoneAssignment(reader, name);
    default:
      return balancersAssignment(reader, deps.vault, nodeId);
  }
}

/**
 * Whether an interface is on a node. Those of NAT gateways, mount targets and endpoints are on every node
 * that has a router for their VPC; one from before nodes could be chosen is on the node that registered
 * first.
 */
function isOnNode(reader: Reader, nodeId: string): (eni: NetworkInterfaceRecord) => boolean {
  const first = firstNode(reader)?.id;
  return (eni) => {
    if (eni.type === "vpc_endpoint") return isEndpointOn(reader, nodeId, eni);
    return eni.type === "nat_gateway" || eni.type === "efs" || (eni.nodeId ?? first ?? nodeId) === nodeId;
  };
}

/** An endpoint of AWS is on every node; one of a customer's service is where its load balancers are. */
function isEndpointOn(reader: Reader, nodeId: string, { owner }: NetworkInterfaceRecord): boolean {
  const serviceId = reader.get("vpcEndpoint", owner.key)?.serviceId;
  if (serviceId === undefined) return true;
  const service = reader.get("endpointService", serviceId);
  const balancers = service === undefined ? [] : balancersOfService(reader, service);
  return balancers.some(({ balancer }) => hostOf(reader, balancer) === nodeId);
}
