import type { Reconciler } from "@gantry/kernel";
import type { AutoScalingGroupRecord, Reader, SubnetRecord } from "@gantry/state";
import {
  beginGroupLaunch,
  beginGroupTermination,
  groupInstanceKey,
} from "@gantry/state/transactions/auto-scaling-groups";
import { watchKinds } from "../controller-deps.ts";
import { announceWaits } from "./announce-hooks.ts";
import type { GroupDeps } from "./group-deps.ts";
import { versionOf } from "./launch-instance.ts";
import { sendNotifications } from "./notify.ts";
import { least, planGroup } from "./plan-group.ts";
import { applyGroupPolicies, runGroupSchedule } from "./scale-group.ts";
import { stepInstance } from "./step-instance.ts";

/**
 * Keeps the desired number of instances in each Auto Scaling group. A key is the ARN of a group. What is to be
 * launched or ended is recorded first and done afterwards, each launch with a token, so that a crash at any
 * point neither loses nor doubles an instance.
 */
export function autoScalingGroupController(deps: GroupDeps): Reconciler {
  const { store, clock } = deps;
  const startedAt = clock.now();
  const groupOfInstance = (id: string | undefined): readonly string[] =>
    store.listBy("groupInstance", "instance", id).map(({ groupArn }) => groupArn);
  const targetOf = (record: { readonly targetArn: string } | undefined): readonly string[] =>
    record !== undefined && store.get("autoScalingGroup", record.targetArn) !== undefined
      ? [record.targetArn]
      : [];
  return {
    name: "auto-scaling-group",
    keys: () => store.keys("autoScalingGroup"),
    watch: watchKinds(store, {
      autoScalingGroup: (key) => [key],
      groupInstance: (key) => [key.slice(0, key.lastIndexOf("#"))],
      ec2Instance: groupOfInstance,
      // The status checks of a node's instances fail with its session.
      node: () => store.keys("autoScalingGroup"),
      target: (key) => groupOfInstance(store.get("target", key)?.instanceId),
      scalingPolicy: (key) => targetOf(store.get("scalingPolicy", key)),
      scheduledAction: (key) => targetOf(store.get("scheduledAction", key)),
      alarm: (key) => {
        const alarm = store.get("alarm", key);
        const actions = [alarm?.okActions, alarm?.alarmActions, alarm?.insufficientDataActions];
        return actions
          .flatMap((list) => list ?? [])
          .flatMap((arn) => targetOf(store.get("scalingPolicy", arn)));
      },
    }),
    async reconcile(key) {
      if (store.get("autoScalingGroup", key) === undefined) return undefined;
      const nextAt = runGroupSchedule(deps, key);
      const repeat = await applyGroupPolicies(deps, key);
      const steps = await stepAll(deps, key, startedAt);
      const planned = carryOut(deps, key);
      const group = store.get("autoScalingGroup", key);
      if (group !== undefined) {
        sendNotifications(deps, group);
        await announceWaits(deps, group);
      }
      const schedule = nextAt === undefined ? undefined : nextAt - clock.now();
      return least([schedule, repeat, steps, planned]);
    },
  };
}

/** A failure with one instance does not hold back the others: it is reported once all have been looked at. */
async function stepAll(deps: GroupDeps, groupArn: string, startedAt: number): Promise<number | undefined> {
  const waits: (number | undefined)[] = [];
  const failures: unknown[] = [];
  for (const key of deps.store.keysBy("groupInstance", "group", groupArn))
    try {
      waits.push(await stepInstance(deps, key, startedAt));
    } catch (thrown) {
      failures.push(thrown);
    }
  if (failures.length > 0) throw failures[0];
  return least(waits);
}

/** Records what the plan decides, in one transaction. */
function carryOut({ store, clock, ids }: GroupDeps, groupArn: string): number | undefined {
  const now = clock.now();
  return store.transact((tx) => {
    const group = tx.get("autoScalingGroup", groupArn);
    if (group === undefined) return undefined;
    const instances = tx.listBy("groupInstance", "group", groupArn).toSorted((a, b) => a.number - b.number);
    if (group.isDeleting && instances.length === 0) {
      for (const key of tx.keysBy("groupActivity", "group", groupArn)) tx.delete("groupActivity", key);
      tx.delete("autoScalingGroup", groupArn);
      return undefined;
    }
    const version = String(versionOf(tx, group.settings.template)?.number ?? "");
    const plan = planGroup({ group, instances, subnets: subnetsOf(tx, group), version, now });
    for (const { instance, cause } of plan.terminations) {
      const current = tx.get("groupInstance", groupInstanceKey(instance)) ?? instance;
      beginGroupTermination(tx, group, current, { ids, now, cause });
    }
    for (const { cause, ...place } of plan.launches) beginGroupLaunch(tx, group, place, { ids, now, cause });
    if (plan.refreshes !== group.refreshes)
      tx.put("autoScalingGroup", groupArn, { ...group, refreshes: plan.refreshes });
    return plan.lookAgainInMs;
  });
}

/** The group's subnets, or the default ones of its zones. */
function subnetsOf(reader: Reader, group: AutoScalingGroupRecord): readonly SubnetRecord[] {
  const { subnetIds, zones } = group.settings;
  if (subnetIds.length > 0) return subnetIds.flatMap((id) => reader.get("subnet", id) ?? []);
  return reader
    .list("subnet")
    .filter(
      (each) =>
        each.account === group.account &&
        each.region === group.region &&
        each.defaultForAz &&
        zones.includes(each.availabilityZone),
    );
}
