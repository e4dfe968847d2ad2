import type { Ids } from "@gantry/kernel";
import type { SubnetRecord } from "../records/ec2.ts";
import type { DatabaseInstanceRecord, DatabaseStandbyRecord } from "../records/rds.ts";
import type { Reader, Transaction } from "../store.ts";
import { createInterface } from "./addresses.ts";
import { hostOf } from "./hosting.ts";

/** The name of the server that is an instance's primary: of its pod and of its folder. A failover changes it. */
export function primaryIdOf({
  primaryId,
  resourceId,
}: Pick<DatabaseInstanceRecord, "primaryId" | "resourceId">): string {
  return primaryId ?? resourceId;
}

/** The other servers of an instance: its standby, and those that are being removed. */
export function standbysOf(
  reader: Reader,
  { arn }: Pick<DatabaseInstanceRecord, "arn">,
): readonly DatabaseStandbyRecord[] {
  return reader.listBy("databaseStandby", "instance", arn);
}

/** The standby that follows the primary of an instance, or copies its files. */
export function standbyOf(
  reader: Reader,
  instance: Pick<DatabaseInstanceRecord, "arn">,
): DatabaseStandbyRecord | undefined {
  return standbysOf(reader, instance).find(({ state }) => state === "joining" || state === "synchronous");
}

/** Whether an instance has to have a standby. One that is a read replica gets it when it is promoted. */
export function needsStandby({ multiAz, deleting, replicaOf, engine }: DatabaseInstanceRecord): boolean {
  return multiAz && !deleting && replicaOf === undefined && engine === "postgres";
}

/** A subnet of an instance's subnet group that is in another availability zone than its primary. */
export function standbySubnet(
  reader: Reader,
  { account, region, subnetGroupName, availabilityZone }: DatabaseInstanceRecord,
): SubnetRecord | undefined {
  const arn = `arn:aws:rds:${region}:${account}:subgrp:${subnetGroupName}`;
  const subnets = reader.get("databaseSubnetGroup", arn)?.subnetIds ?? [];
  return subnets
    .flatMap((id) => reader.get("subnet", id) ?? [])
    .find((subnet) => subnet.availabilityZone !== availabilityZone);
}

/**
 * Adds a standby to an instance, in another availability zone and on the node of the primary: there is no network
 * between the nodes. Does nothing where the subnet group has no subnet in another zone.
 */
export function addStandby(
  tx: Transaction,
  ids: Ids,
  instance: DatabaseInstanceRecord,
  now: number,
): DatabaseStandbyRecord | undefined {
  const subnet = standbySubnet(tx, instance);
  if (subnet === undefined) return undefined;
  const { account, region, arn, resourceId, securityGroups } = instance;
  const nodeId = hostOf(tx, instance);
  const eni = createInterface(tx, ids, {
    ...{ subnet, securityGroups, nodeId, now },
    ...{ type: "interface", description: "RDSNetworkInterface", publicIp: undefined },
    owner: { type: "databaseInstance", key: resourceId },
  });
  const standby: DatabaseStandbyRecord = {
    ...{ account, region, id: `db-${ids.upper(26)}`, instanceArn: arn, nodeId, networkInterfaceId: eni.id },
    ...{ availabilityZone: subnet.availabilityZone, state: "joining", epoch: 1, epochAt: now },
    ...{ running: false, stopped: false, createdAt: now },
  };
  tx.put("databaseStandby", standby.id, standby);
  return standby;
}

/** Removes servers of an instance: their nodes stop them, and remove their files. */
export function removeStandbys(tx: Transaction, standbys: readonly DatabaseStandbyRecord[]): void {
  for (const each of standbys)
    if (each.state !== "deleting")
      tx.put("databaseStandby", each.id, { ...each, state: "deleting", running: false });
}

/**
 * Tells the primary to rely on a standby no more. From then on commits may be missing there, so that it does not
 * take over before it has joined anew.
 */
export function beginEpoch(tx: Transaction, standby: DatabaseStandbyRecord, now: number): void {
  const { serverId, lostSince: _, ...own } = standby;
  tx.put("databaseStandby", standby.id, {
    ...own,
    ...{ state: "joining", epoch: standby.epoch + 1, epochAt: now },
    failedJoins: standby.state === "joining" ? (standby.failedJoins ?? 0) + 1 : 0,
    ...(serverId === undefined ? {} : { serverId, formerServerId: serverId }),
  });
}

/** Whether a standby can take over from the primary now, without the loss of a commit that was acknowledged. */
export function canTakeOver(standby: DatabaseStandbyRecord | undefined): standby is DatabaseStandbyRecord {
  return standby?.state === "synchronous" && standby.running;
}

/**
 * Makes a synchronous standby the primary of its instance, whose name leads to it from then on. The server that was
 * the primary is stopped. No commit is lost that it has acknowledged: the standby has each of them, and
 * without the standby it acknowledges no more.
 */
export function failOver(
  tx: Transaction,
  instance: DatabaseInstanceRecord,
  standby: DatabaseStandbyRecord,
  changes: Partial<DatabaseInstanceRecord> = {},
): DatabaseInstanceRecord {
  const { account, region, arn, nodeId, networkInterfaceId, availabilityZone, serverId } = instance;
  const id = primaryIdOf(instance);
  tx.delete("databaseStandby", standby.id);
  tx.put("databaseStandby", id, {
    ...{ account, region, id, instanceArn: arn, nodeId, networkInterfaceId, availabilityZone },
    ...{ state: "replaced", epoch: 0, epochAt: standby.epochAt },
    ...{ running: false, stopped: false, createdAt: standby.createdAt },
    ...(serverId === undefined ? {} : { serverId }),
  });
  const { unhealthySince: _, ...own } = instance;
  const next: DatabaseInstanceRecord = {
    ...own,
    ...{ primaryId: standby.id, nodeId: standby.nodeId, networkInterfaceId: standby.networkInterfaceId },
    ...{ availabilityZone: standby.availabilityZone, serverId: standby.serverId },
    ...{ status: "rebooting", failingOver: true, restarts: (instance.restarts ?? 0) + 1 },
    ...changes,
  };
  tx.put("databaseInstance", next.arn, next);
  return next;
}

/**
 * The record of an instance as its standby runs it: a server with a name, an address and a folder of its own, which
 * follows the instance itself.
 */
export function asStandby(
  instance: DatabaseInstanceRecord,
  standby: DatabaseStandbyRecord,
): DatabaseInstanceRecord {
  const { id, nodeId, networkInterfaceId, availabilityZone, stopped } = standby;
  const { restoredFrom: _, ...own } = instance;
  const isStopped = instance.status === "stopping" || instance.status === "stopped";
  return {
    ...own,
    ...{ primaryId: id, nodeId, networkInterfaceId, availabilityZone },
    replicaOf: { arn: instance.arn, resourceId: instance.resourceId },
    ...{ stopped, deleting: standby.state === "deleting" },
    status: standby.state === "replaced" || isStopped ? "stopped" : "available",
  };
}

/** Whether a record is that of a standby: it follows itself. */
export function isStandby({
  replicaOf,
  resourceId,
}: Pick<DatabaseInstanceRecord, "replicaOf" | "resourceId">): boolean {
  return replicaOf?.resourceId === resourceId;
}

/**
 * What primary and standby agree on: the name of the standby at the primary, and the epoch. Undefined where there is
 * no standby.
 */
export function standbyToken(standby: DatabaseStandbyRecord | undefined): string | undefined {
  return standby && `${followerName(standby.id)} ${standby.epoch}`;
}

/** How a server is named at the one that it follows: lower case letters, digits and underscores. */
export function followerName(id: string): string {
  return `gantry_${id.toLowerCase().replaceAll("-", "_")}`;
}
