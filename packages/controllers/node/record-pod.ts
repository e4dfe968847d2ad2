import { removeZoneCopy, zoneArnOf } from "@gantry/state/transactions/zones";
import type { PodObservation, ToControlPlane } from "@gantry/agent-protocol";
import { realTimeOf, type RealTime } from "@gantry/kernel";
import { primaryIdOf } from "@gantry/state/transactions/standbys";
import { hostOf, recordServiceImage, type TaskRecord, type Transaction } from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { removeSeed } from "./database-replication.ts";
import { recordDatabase } from "./record-database.ts";
import { recordInstance, recordInstanceRemoved } from "./record-instance.ts";
import { foldObservation } from "../task/fold-observation.ts";

/**
 * Writes a node's observation of a pod into the record of its task, instance or database. Observations of
 * pods of other nodes are ignored.
 */
export function recordPod(deps: ControllerDeps, nodeId: string, observation: PodObservation): void {
  const { store, clock, log } = deps;
  const id = observation.key.slice("pod/".length);
  store.transact((tx) => {
    const [task] = tx.listBy("task", "id", id);
    if (task === undefined) {
      if (id.startsWith("i-"))
        recordInstance(tx, { nodeId, instanceId: id, now: realTimeOf(clock).clock.now() }, observation);
      else recordDatabase(tx, { nodeId, id, now: realTimeOf(clock).clock.now() }, observation);
      return;
    }
    if (task.placement?.nodeId !== nodeId) return;
    const next = foldObservation(
      task,
      stamped(observation, realTimeOf(clock)),
      tx.get("taskDefinition", task.taskDefinitionArn),
      clock.now(),
    );
    if (next === task) return;
    tx.put("task", task.arn, next);
    recordImages(tx, deps, task, next);
    if (next.lastStatus !== task.lastStatus)
      log.info("Task moved", {
        taskArn: task.arn,
        from: task.lastStatus,
        to: next.lastStatus,
        reason: next.stoppedReason,
      });
  });
}

/** A node reports in real time; the records of tasks have the platform's. */
function stamped(observation: PodObservation, real: RealTime): PodObservation {
  const stamp = (at: number | undefined) => (at === undefined ? undefined : real.stampOf(at));
  return {
    ...observation,
    connectivityAt: stamp(observation.connectivityAt),
    pullStartedAt: stamp(observation.pullStartedAt),
    pullStoppedAt: stamp(observation.pullStoppedAt),
    startedAt: stamp(observation.startedAt),
    executionStoppedAt: stamp(observation.executionStoppedAt),
  };
}

/**
 * Frees the address of a pod that was removed from its node completely. A late message about a task that has
 * not stopped frees nothing: a pod is removed only once its task is recorded as stopped.
 */
export function recordRemoved({ store, clock }: ControllerDeps, nodeId: string, key: string): void {
  const id = key.slice(key.indexOf("/") + 1);
  store.transact((tx) => {
    if (key.startsWith("zone/")) removeZoneCopy(tx, zoneArnOf(id), nodeId);
    if (key.startsWith("pod/i-"))
      return recordInstanceRemoved(tx, { nodeId, instanceId: id, now: clock.now() });
    const [task] = tx.listBy("task", "id", id);
    if (task !== undefined && (task.placement?.nodeId !== nodeId || task.lastStatus !== "STOPPED")) return;
    const enis =
      task === undefined ? tx.list("networkInterface") : tx.listBy("networkInterface", "owner", task.arn);
    for (const eni of enis)
      if (eni.nodeId === nodeId && eni.owner.type === "task" && eni.owner.key.endsWith(`/${id}`))
        tx.delete("networkInterface", eni.id);
    if (removeStandbyRecord(tx, nodeId, id)) return;
    const database = tx.list("databaseInstance").find((each) => primaryIdOf(each) === id && each.stopped);
    if (database !== undefined && hostOf(tx, database) === nodeId) {
      tx.delete("networkInterface", database.networkInterfaceId);
      tx.delete("databaseInstance", database.arn);
      removeSeed(tx, database);
    }
  });
}

/** Removes what is recorded of a standby whose files its node has removed. Returns whether there is one. */
function removeStandbyRecord(tx: Transaction, nodeId: string, id: string): boolean {
  const standby = tx.get("databaseStandby", id);
  if (standby === undefined) return false;
  if (standby.state === "deleting" && standby.stopped && hostOf(tx, standby) === nodeId) {
    tx.delete("networkInterface", standby.networkInterfaceId);
    tx.delete("databaseStandby", id);
  }
  return true;
}

/** Records whether a warm interface of a node is ready. */
export function recordInterface(
  { store }: ControllerDeps,
  nodeId: string,
  { id, ready }: Extract<ToControlPlane, { type: "interface" }>,
): void {
  store.transact((tx) => {
    const eni = tx.get("networkInterface", id);
    if (eni?.nodeId === nodeId && eni.ready !== ready) tx.put("networkInterface", eni.id, { ...eni, ready });
  });
}

/** Adds an event to the service of a task about the source of the images that its node found. */
function recordImages(tx: Transaction, deps: ControllerDeps, before: TaskRecord, after: TaskRecord): void {
  for (const [index, container] of after.containers.entries())
    if (container.imageSource !== before.containers[index]?.imageSource)
      recordServiceImage(tx, after, container, { ids: deps.ids, now: deps.clock.now() });
}
