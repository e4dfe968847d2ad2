import { type AutoScalingGroupRecord, type ScalingCooldown, type Transaction } from "@gantry/state";
import { callsOf, hasChanged, measure, REPEAT_MS } from "../auto-scaling/apply-policies.ts";
import { planCapacity } from "../auto-scaling/plan-capacity.ts";
import { planSchedule } from "../auto-scaling/plan-schedule.ts";
import type { GroupDeps } from "./group-deps.ts";

/** Runs the scheduled actions whose time has come. Returns when the next one is due (ms since the epoch). */
export function runGroupSchedule({ store, clock }: GroupDeps, groupArn: string): number | undefined {
  const now = clock.now();
  const actionsOf = () => store.listBy("scheduledAction", "target", groupArn);
  const { due } = planSchedule(actionsOf(), now);
  if (due.length > 0)
    store.transact((tx) => {
      for (const action of due) {
        const group = tx.get("autoScalingGroup", groupArn);
        if (group === undefined) return;
        // An action that runs once is gone afterwards, as on AWS.
        if (action.recurrence === undefined) tx.delete("scheduledAction", action.arn);
        else tx.put("scheduledAction", action.arn, { ...action, handledUntil: now });
        if (group.suspended["ScheduledActions"] !== undefined || group.isDeleting) continue;
        const minSize =
          action.minCapacity ?? Math.min(group.settings.minSize, action.maxCapacity ?? Infinity);
        const maxSize = action.maxCapacity ?? Math.max(group.settings.maxSize, minSize);
        const desired = Math.min(Math.max(action.desiredCapacity ?? group.desired, minSize), maxSize);
        tx.put("autoScalingGroup", groupArn, {
          ...group,
          ...{ settings: { ...group.settings, minSize, maxSize }, desired },
        });
      }
    });
  return planSchedule(actionsOf(), now).nextAt;
}

/**
 * Executes the policies that alarms ask for. Returns in how many ms to look again, or undefined while no alarm asks for
 * any.
 */
export async function applyGroupPolicies(deps: GroupDeps, groupArn: string): Promise<number | undefined> {
  const { store, clock } = deps;
  const calling = callsOf(store, groupArn).filter(({ policy }) => policy.given?.["Enabled"] !== false);
  if (calling.length === 0) return undefined;
  const calls = await Promise.all(calling.map((each) => measure(deps, each)));
  store.transact((tx) => {
    const group = tx.get("autoScalingGroup", groupArn);
    if (group === undefined || group.isDeleting || hasChanged(tx, calling)) return;
    if (group.suspended["AlarmNotification"] !== undefined) return;
    const now = clock.now();
    const plan = planCapacity({
      target: {
        ...{ minCapacity: group.settings.minSize, maxCapacity: group.settings.maxSize },
        suspended: { scaleIn: false, scaleOut: false, scheduled: false },
        cooldown: group.cooldown,
      },
      ...{ desiredCount: group.desired, isDeploying: false, now, calls },
      policies: tx.listBy("scalingPolicy", "target", groupArn),
    });
    if (plan.type !== "change") return;
    scale(tx, group, plan);
    for (const { policy } of calls) tx.put("scalingPolicy", policy.arn, { ...policy, decidedAt: now });
  });
  return REPEAT_MS;
}

function scale(
  tx: Transaction,
  group: AutoScalingGroupRecord,
  { to, cooldown }: { readonly to: number; readonly cooldown: ScalingCooldown },
): void {
  tx.put("autoScalingGroup", group.arn, { ...group, desired: to, cooldown });
}
