import type { PodObservation, VpcAssignment } from "@gantry/agent-protocol";
import {
  hostOf,
  type DatabaseInstanceRecord,
  type DatabaseStandbyRecord,
  type Reader,
  type Transaction,
} from "@gantry/state";
import { asStandby, primaryIdOf, standbyOf } from "@gantry/state/transactions/standbys";

/** A server of databases by its name, as its node runs it: a standby, or the primary that it has become. */
export function serverNamed(reader: Reader, id: string): DatabaseInstanceRecord | undefined {
  const standby = reader.get("databaseStandby", id);
  const instance =
    standby === undefined
      ? reader.list("databaseInstance").find((each) => primaryIdOf(each) === id)
      : reader.get("databaseInstance", standby.instanceArn);
  return standby === undefined || instance === undefined ? instance : asStandby(instance, standby);
}

/** The subjects that a change of a standby affects: itself, and the primary that relies on it. */
export function standbySubjects(reader: Reader, id: string): readonly string[] {
  const standby = reader.get("databaseStandby", id);
  // Of one that is gone, the instance is not known.
  const arns = standby === undefined ? reader.keys("databaseInstance") : [standby.instanceArn];
  return [`standby/${id}`, ...arns.map((arn) => `database/${arn}`)];
}

/** The standbys in a VPC, which follow their primaries through its router. */
export function standbysIn(reader: Reader, vpcId: string): Pick<VpcAssignment, "standbys"> {
  const standbys = reader.list("databaseInstance").flatMap((instance) => {
    const standby = instance.vpcId === vpcId ? standbyOf(reader, instance) : undefined;
    const [primary, other] = [instance, standby].map(
      (each) => reader.get("networkInterface", each?.networkInterfaceId)?.privateIp,
    );
    return primary === undefined || other === undefined
      ? []
      : [{ primary, standby: other, port: instance.port }];
  });
  return standbys.length === 0 ? {} : { standbys };
}

/**
 * Records what a node reports of a standby. It is synchronous once its check says so: the primary wrote, after it had
 * begun to wait for this standby with every commit, what the check reads in the standby's own files. A container that
 * ran in an earlier epoch says nothing about this one.
 */
export function recordStandby(
  tx: Transaction,
  of: { readonly nodeId: string; readonly now: number },
  standby: DatabaseStandbyRecord,
  observation: PodObservation,
): void {
  if (hostOf(tx, standby) !== of.nodeId) return;
  const next = observed(standby, observation, of.now);
  if (JSON.stringify(next) === JSON.stringify(standby)) return;
  tx.put("databaseStandby", standby.id, next);
  const instance = tx.get("databaseInstance", standby.instanceArn);
  if (next.state === "synchronous" && instance?.conversion === "pending")
    tx.put("databaseInstance", instance.arn, { ...instance, conversion: "done" });
}

function observed(
  standby: DatabaseStandbyRecord,
  { containers: [server], phase }: PodObservation,
  now: number,
): DatabaseStandbyRecord {
  if (standby.state === "deleting") return { ...standby, stopped: phase === "stopped" || standby.stopped };
  if (standby.state === "replaced") return standby;
  const running = server?.status === "RUNNING";
  const serverId = server?.runtimeId ?? standby.serverId;
  const { lostSince, ...own } = standby;
  const isHealthy = running && server?.health === "HEALTHY";
  if (isHealthy && serverId !== standby.formerServerId) {
    if (isOfEpoch(standby, serverId)) return { ...own, serverId, running, state: "synchronous" };
    return standby;
  }
  return {
    ...own,
    ...{ serverId, running },
    ...(standby.state === "synchronous" ? { lostSince: lostSince ?? now } : {}),
  };
}

/**
 * Whether a healthy container began in this epoch. One that is not known may be of the epoch before, where its node was
 * not connected when it began: a container is seen before it is healthy, or it does not count.
 */
function isOfEpoch({ state, epoch, serverId }: DatabaseStandbyRecord, healthy: string | undefined): boolean {
  return healthy !== undefined && (state !== "joining" || epoch === 1 || healthy === serverId);
}
