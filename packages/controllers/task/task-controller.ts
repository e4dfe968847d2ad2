import { realTimeOf, type Reconciler, type Vault } from "@gantry/kernel";
import { ecsTasks, trustsService } from "@gantry/iam";
import {
  addServiceEvent,
  issueSession,
  targetKeyOf,
  type TargetRecord,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { unassumable } from "./execution-role.ts";

const SESSION_MS = 6 * 60 * 60_000;
const REFRESH_BEFORE_MS = 60 * 60_000;
/** AWS keeps stopped tasks for an hour; a longer time helps to find out why they stopped. */
const STOPPED_KEPT_MS = 3 * 60 * 60_000;
const DRAIN_LOOK_MS = 1_000;

/**
 * Advances tasks where it does not depend on a node: creates credentials before they start and renews them
 * before they expire, drains targets before tasks stop, ends tasks that were never placed, and removes
 * stopped tasks hours later.
 */
export function taskController(deps: ControllerDeps & { vault: Vault }): Reconciler {
  const { store, clock, log } = deps;
  const ofTarget = (key: string) => {
    const task = store.get("target", key)?.taskArn;
    return task === undefined
      ? store
          .list("task")
          .filter((each) => each.lastStatus === "DEACTIVATING")
          .map((each) => each.arn)
      : [task];
  };
  return {
    name: "task",
    keys: () => store.keys("task"),
    watch: watchKinds(store, { task: (key) => [key], target: ofTarget }),
    async reconcile(key) {
      const task = store.get("task", key);
      if (task === undefined) return undefined;
      const real = realTimeOf(clock);
      if (task.lastStatus === "STOPPED") return reapLater(deps, task);
      if (task.desiredStatus === "STOPPED") {
        const after = store.transact((tx) => stopStep(tx, deps, key));
        if (after?.lastStatus === "STOPPED")
          log.info("Task stopped", { taskArn: key, reason: after.stoppedReason });
        return after?.lastStatus === "DEACTIVATING" ? real.wait(DRAIN_LOOK_MS) : undefined;
      }
      const waitMs = refreshCredentials(deps, task, real.clock.now());
      return waitMs === undefined ? undefined : real.wait(waitMs);
    },
  };
}

function reapLater(deps: ControllerDeps, task: TaskRecord): number | undefined {
  const real = realTimeOf(deps.clock);
  const elapsedMs = task.stoppedAt === undefined ? 0 : real.elapsedSince(task.stoppedAt);
  // A task whose timestamp is in the future is kept for the whole time: the clock may have been set back.
  const leftMs = STOPPED_KEPT_MS - (Number.isFinite(elapsedMs) ? elapsedMs : 0);
  const sessions = Object.values(task.credentials).filter(
    (id) => id !== undefined && deps.store.get("session", id) !== undefined,
  );
  const targets = deps.store.listBy("target", "task", task.arn);
  const hasSecrets = deps.store.get("taskSecrets", task.arn) !== undefined;
  if (sessions.length > 0 || targets.length > 0 || hasSecrets || leftMs <= 0) {
    deps.store.transact((tx) => {
      // The targets of a task that ended by itself are deregistered at once, because it can serve no
      // requests.
      for (const target of targets) tx.delete("target", targetKeyOf(target));
      tx.delete("taskSecrets", task.arn);
      for (const id of sessions) if (id !== undefined) tx.delete("session", id);
      if (leftMs <= 0) tx.delete("task", task.arn);
    });
  }
  return leftMs > 0 ? real.wait(leftMs) : undefined;
}

/**
 * One step towards STOPPED: the task is deregistered from its load balancers, then stopped. A task that has
 * ended is not drained.
 */
function stopStep(tx: Transaction, deps: ControllerDeps, key: string): TaskRecord | undefined {
  const now = deps.clock.now();
  const task = tx.get("task", key);
  if (task === undefined || task.lastStatus === "STOPPED") return task;
  if (task.placement === undefined) {
    const stopped: TaskRecord = {
      ...task,
      lastStatus: "STOPPED",
      stoppedAt: now,
      version: task.version + 1,
      containers: task.containers.map((container) => ({ ...container, lastStatus: "STOPPED" })),
    };
    tx.put("task", key, stopped);
    return stopped;
  }
  const targets = tx.listBy("target", "task", key);
  // A task that has ended by itself, or is stopping already, is not drained.
  const ending = ["STOPPING", "DEPROVISIONING"].includes(task.lastStatus);
  const ended =
    ending || task.stopCode === "EssentialContainerExited" || task.stopCode === "TaskFailedToStart";
  if (targets.length > 0 && ended) {
    for (const target of targets) tx.delete("target", targetKeyOf(target));
  } else if (targets.length > 0) {
    for (const target of targets) {
      if (target.drainingSince === undefined)
        tx.put("target", targetKeyOf(target), {
          ...target,
          drainingSince: now,
          state: "draining",
          reason: "Target.DeregistrationInProgress",
          description: "Target deregistration is in progress",
        });
    }
    if (task.lastStatus === "DEACTIVATING") return task;
    recordDraining(tx, deps, task, targets);
    const draining: TaskRecord = { ...task, lastStatus: "DEACTIVATING", version: task.version + 1 };
    tx.put("task", key, draining);
    return draining;
  }
  if (ending) return task;
  const stopping: TaskRecord = {
    ...task,
    lastStatus: "STOPPING",
    stoppingAt: task.stoppingAt ?? now,
    version: task.version + 1,
  };
  tx.put("task", key, stopping);
  return stopping;
}

/** Adds an event to the service about the deregistration of a task from its target groups. */
function recordDraining(
  tx: Transaction,
  { ids, clock }: ControllerDeps,
  task: TaskRecord,
  targets: readonly TargetRecord[],
): void {
  const service = tx.get("service", task.serviceArn);
  if (service === undefined) return;
  const say = (what: string): void =>
    addServiceEvent(tx, service, { ids, now: clock.now(), message: `(service ${service.name}) ${what}` });
  say("has begun draining connections on 1 tasks.");
  const groups = Map.groupBy(targets, (target) => target.targetGroupArn);
  for (const [arn, members] of groups) say(`deregistered ${members.length} targets in (target-group ${arn})`);
}

/**
 * Creates the credentials of the task's role before the task starts, and renews them an hour before they
 * expire. They are in real time, like everything that signatures are checked against: `now` is real, and so
 * are the ms until the next renewal.
 */
function refreshCredentials(
  deps: ControllerDeps & { vault: Vault },
  task: TaskRecord,
  now: number,
): number | undefined {
  const { store } = deps;
  const definition = store.get("taskDefinition", task.taskDefinitionArn);
  const roleArn = task.overrides.taskRoleArn ?? definition?.spec.taskRoleArn;
  if (roleArn === undefined) return undefined;
  const session = store.get("session", task.credentials.task);
  // A session of a deleted role is not valid, even if another role has the role's name.
  const isOfRole = session?.roleId === store.get("role", roleArn)?.id;
  const leftMs = isOfRole ? (session?.expiresAt ?? 0) - now - REFRESH_BEFORE_MS : 0;
  if (leftMs > 0) return leftMs;
  return store.transact((tx) => {
    const current = tx.get("task", task.arn);
    const role = tx.get("role", roleArn);
    if (current === undefined || current.desiredStatus === "STOPPED") return undefined;
    if (role === undefined || !trustsService(role, ecsTasks(task.arn, now))) {
      const reason = unassumable(roleArn);
      if (session === undefined)
        tx.put("task", task.arn, {
          ...current,
          desiredStatus: "STOPPED",
          stopCode: "TaskFailedToStart",
          stoppedReason: reason,
          version: current.version + 1,
        });
      return undefined;
    }
    const issued = issueSession(tx, deps, {
      role,
      sessionName: task.arn.split("/").at(-1) ?? "task",
      issuedAt: now,
      expiresAt: now + SESSION_MS,
    });
    if (session !== undefined) tx.delete("session", session.accessKeyId);
    tx.put("task", task.arn, {
      ...current,
      credentials: { ...current.credentials, task: issued.record.accessKeyId },
    });
    return SESSION_MS - REFRESH_BEFORE_MS;
  });
}
