import { realTimeOf, type RealTime } from "@gantry/kernel";
import {
  hostOf,
  type AutoScalingGroupRecord,
  type Ec2InstanceRecord,
  type GroupInstanceRecord,
  type Transaction,
} from "@gantry/state";
import {
  beginGroupTermination,
  endGroupActivity,
  groupInstanceKey,
  lifecycleHookOf,
} from "@gantry/state/transactions/auto-scaling-groups";
import type { GroupDeps } from "./group-deps.ts";
import { deregisterInstance, registerInstance, targetsOf } from "./group-targets.ts";
import { callEc2, launchedBy, launchInstance } from "./launch-instance.ts";

/** How long a status check may fail before the instance is unhealthy (real time). */
const UNREACHABLE_MS = 120_000;
/** How often an instance is looked at that changes its state. */
const LOOK_MS = 2_000;

interface At {
  readonly tx: Transaction;
  readonly group: AutoScalingGroupRecord;
  readonly now: number;
}

/**
 * Brings one instance a step further: launches what is wanted, takes into service what runs, checks health, and
 * ends what is to end. Returns in how many ms to look again. Each step can be repeated: a crash between two of
 * them is harmless. `startedAt` is when the controller started: nodes connect after that.
 */
export async function stepInstance(
  deps: GroupDeps,
  key: string,
  startedAt: number,
): Promise<number | undefined> {
  const { store } = deps;
  const instance = store.get("groupInstance", key);
  if (instance === undefined) return undefined;
  if (instance.state.startsWith("Terminating")) return endInstance(deps, instance);
  if (instance.instanceId === undefined) {
    await launchInstance(deps, instance);
    return LOOK_MS;
  }
  const now = deps.clock.now();
  return store.transact((tx) => {
    const current = tx.get("groupInstance", key);
    const group = tx.get("autoScalingGroup", instance.groupArn);
    if (current === undefined || group === undefined) return undefined;
    const machine = tx.get("ec2Instance", current.instanceId);
    switch (current.state) {
      case "Pending":
        return takeIn(deps, { tx, group, now }, { current, machine });
      case "Pending:Wait":
        return waitForHook(deps, { tx, group, now }, current);
      case "InService":
        return checkHealth(
          { tx, group, now },
          { current, machine },
          { startedAt, real: realTimeOf(deps.clock) },
        );
      case "Standby":
        deregisterInstance(tx, current, now);
        return undefined;
      default:
        return undefined;
    }
  });
}

interface Seen {
  readonly current: GroupInstanceRecord;
  readonly machine: Ec2InstanceRecord | undefined;
}

function takeIn({ ids }: GroupDeps, { tx, group, now }: At, { current, machine }: Seen): number | undefined {
  if (machine?.state === "pending") return LOOK_MS;
  if (machine?.state !== "running") {
    const cause = `instance ${current.instanceId} ended before it was in service.`;
    beginGroupTermination(tx, group, current, { ids, now, cause });
    return LOOK_MS;
  }
  const hook = lifecycleHookOf(group, "launching");
  if (hook === undefined) return putInService({ tx, group, now }, current);
  const waiting = { until: now + hook.heartbeatSeconds * 1_000, token: ids.uuid() };
  tx.put("groupInstance", groupInstanceKey(current), { ...current, state: "Pending:Wait", waiting });
  return hook.heartbeatSeconds * 1_000;
}

function putInService({ tx, group, now }: At, instance: GroupInstanceRecord): number {
  const next = { ...instance, state: "InService" as const, inServiceSince: now, waiting: undefined };
  tx.put("groupInstance", groupInstanceKey(instance), next);
  registerInstance(tx, group, next, now);
  endGroupActivity(tx, instance.activityKey, {
    ...{ now, statusCode: "Successful", statusMessage: undefined },
    notify: { type: "autoscaling:EC2_INSTANCE_LAUNCH", instanceId: instance.instanceId ?? "" },
  });
  return LOOK_MS;
}

function waitForHook({ ids }: GroupDeps, { tx, group, now }: At, instance: GroupInstanceRecord): number {
  const result = resultOf(group, instance, "launching", now);
  if (result === undefined) return Math.max(1, (instance.waiting?.until ?? now) - now);
  if (result === "CONTINUE") return putInService({ tx, group, now }, instance);
  const cause = `the lifecycle action of instance ${instance.instanceId} was abandoned.`;
  beginGroupTermination(tx, group, instance, { ids, now, cause });
  return LOOK_MS;
}

/** How a lifecycle action ended; undefined while it is waited for. A hook that is gone lets the instance go on. */
function resultOf(
  group: AutoScalingGroupRecord,
  { waiting }: GroupInstanceRecord,
  transition: "launching" | "terminating",
  now: number,
): string | undefined {
  const hook = lifecycleHookOf(group, transition);
  if (waiting === undefined || hook === undefined) return "CONTINUE";
  return waiting.result ?? (now >= waiting.until ? hook.defaultResult : undefined);
}

/** Source: EC2 Auto Scaling User Guide, "Health checks for instances". */
function checkHealth(
  { tx, group, now }: At,
  { current, machine }: Seen,
  { startedAt, real }: { readonly startedAt: number; readonly real: RealTime },
): number | undefined {
  registerInstance(tx, group, current, now);
  if (group.suspended["HealthCheck"] !== undefined || !current.isHealthy) return undefined;
  const { graceSeconds, checksBalancers } = group.settings;
  const graceMs = (current.inServiceSince ?? now) + graceSeconds * 1_000 - now;
  const isRunning = machine?.state === "running" || machine?.state === "pending";
  // A control plane that was down has not lost the nodes that were up meanwhile.
  const isNodeLost =
    machine !== undefined &&
    now - startedAt >= UNREACHABLE_MS &&
    tx.get("node", hostOf(tx, machine))?.state === "DISCONNECTED";
  const isReachable = !isNodeLost && (machine?.reachable === true || machine?.rebooting === true);
  // Instances answer in real time, however fast the platform's clock is.
  const unreachableSince = isReachable ? undefined : (current.unreachableSince ?? real.clock.now());
  const leftMs =
    unreachableSince === undefined ? undefined : UNREACHABLE_MS - real.elapsedSince(unreachableSince);
  const isImpaired = leftMs !== undefined && leftMs <= 0;
  const isOut =
    checksBalancers && targetsOf(tx, current.instanceId).some((target) => target.state === "unhealthy");
  const isHealthy = isRunning && (graceMs > 0 || (!isImpaired && !isOut));
  if (isHealthy !== current.isHealthy || unreachableSince !== current.unreachableSince)
    tx.put("groupInstance", groupInstanceKey(current), { ...current, isHealthy, unreachableSince });
  const waits = [
    ...(graceMs > 0 ? [graceMs] : []),
    ...(leftMs === undefined || leftMs <= 0 ? [] : [real.wait(leftMs)]),
  ].filter((wait) => wait > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Drains the instance, waits for its lifecycle hook, terminates it, and removes its record once it is gone. */
async function endInstance(deps: GroupDeps, instance: GroupInstanceRecord): Promise<number | undefined> {
  const { store, clock } = deps;
  const group = store.get("autoScalingGroup", instance.groupArn);
  const machine = store.get("ec2Instance", instance.instanceId) ?? launchedBy(store, instance);
  if (group === undefined || machine === undefined || machine.state === "terminated") {
    store.transact((tx) => removeInstance(tx, instance, clock.now()));
    return undefined;
  }
  const wait = store.transact((tx) => release(deps, { tx, group, now: clock.now() }, instance));
  if (wait !== undefined) return wait;
  if (machine.state !== "shutting-down") {
    const InstanceId = machine.id;
    // Auto Scaling ends instances that are protected from termination by callers.
    if (machine.disableApiTermination)
      await callEc2(deps, group, {
        operation: "ModifyInstanceAttribute",
        input: { InstanceId, DisableApiTermination: { Value: false } },
      });
    const input = { InstanceIds: [InstanceId] };
    await callEc2(deps, group, { operation: "TerminateInstances", input });
  }
  return LOOK_MS;
}

/** In how many ms to look again while targets drain or a hook waits; undefined once the instance may end. */
function release({ ids }: GroupDeps, { tx, group, now }: At, seen: GroupInstanceRecord): number | undefined {
  const key = groupInstanceKey(seen);
  const current = tx.get("groupInstance", key);
  if (current === undefined) return undefined;
  const drains = deregisterInstance(tx, current, now);
  const hook = lifecycleHookOf(group, "terminating");
  if (current.state === "Terminating" && hook !== undefined && !group.isDeleting) {
    const waiting = { until: now + hook.heartbeatSeconds * 1_000, token: ids.uuid() };
    tx.put("groupInstance", key, { ...current, state: "Terminating:Wait", waiting });
    return hook.heartbeatSeconds * 1_000;
  }
  if (current.state === "Terminating:Wait") {
    if (resultOf(group, current, "terminating", now) === undefined && !group.isDeleting)
      return Math.max(1, (current.waiting?.until ?? now) - now);
    tx.put("groupInstance", key, { ...current, state: "Terminating:Proceed", waiting: undefined });
  }
  return drains ? LOOK_MS : undefined;
}

function removeInstance(tx: Transaction, instance: GroupInstanceRecord, now: number): void {
  deregisterInstance(tx, instance, now);
  tx.delete("groupInstance", groupInstanceKey(instance));
  endGroupActivity(tx, instance.activityKey, {
    ...{ now, statusCode: "Successful", statusMessage: undefined },
    notify: { type: "autoscaling:EC2_INSTANCE_TERMINATE", instanceId: instance.instanceId ?? "" },
  });
}
