import type { AutoScalingGroupRecord, GroupInstanceRecord, InstanceRefresh } from "@gantry/state";
import type { GroupSituation } from "./group-situation.ts";

export interface RefreshPlan {
  /** Instances beyond the desired capacity that are launched before others end. */
  readonly extra: number;
  readonly replaced: readonly GroupInstanceRecord[];
  readonly refreshes: AutoScalingGroupRecord["refreshes"];
  readonly lookAgainInMs: number | undefined;
}

/**
 * The next step of a group's instance refresh, or of the replacement of an instance that has reached the maximum
 * lifetime: as many old instances end as leaves the minimum of healthy ones in service, at least one at a time.
 * Source: EC2 Auto Scaling User Guide, "How an instance refresh works", "Maximum instance lifetime".
 */
export function planRefresh(situation: GroupSituation, healthy: readonly GroupInstanceRecord[]): RefreshPlan {
  const { group, now } = situation;
  const none = { extra: 0, replaced: [], refreshes: group.refreshes, lookAgainInMs: undefined };
  const ongoing = group.refreshes.find(({ status }) => status === "InProgress" || status === "Cancelling");
  if (ongoing === undefined || group.isDeleting) return planLifetime(situation, healthy);
  if (ongoing.status === "Cancelling")
    return { ...none, refreshes: changed(group, ongoing, { status: "Cancelled", endedAt: now }) };
  if (group.suspended["InstanceRefresh"] !== undefined) return none;
  const old = healthy.filter((each) => isReplaced(situation, ongoing, each));
  const warmAt = ({ inServiceSince = now }: GroupInstanceRecord) =>
    inServiceSince + ongoing.warmupSeconds * 1_000;
  const isWarm = (each: GroupInstanceRecord): boolean =>
    each.state === "InService" && (each.number <= ongoing.upTo || warmAt(each) <= now);
  const warm = healthy.filter(isWarm);
  const cold = healthy.filter((each) => each.state === "InService" && !isWarm(each));
  const next = cold.length === 0 ? undefined : Math.max(1, Math.min(...cold.map(warmAt)) - now);
  if (old.length === 0) {
    const isDone = warm.length === healthy.length && healthy.length >= group.desired;
    const refreshes = isDone
      ? changed(group, ongoing, { status: "Successful", endedAt: now })
      : group.refreshes;
    return { ...none, refreshes, lookAgainInMs: next };
  }
  const more = Math.floor((group.desired * ongoing.maxHealthyPercentage) / 100) - group.desired;
  const extra = ongoing.maxHealthyPercentage > 100 ? Math.max(1, more) : 0;
  const least = Math.ceil((group.desired * ongoing.minHealthyPercentage) / 100);
  const isWhole = warm.length === healthy.length && healthy.length >= group.desired + extra;
  const allowed = isWhole ? Math.max(1, warm.length - least) : warm.length - least;
  const open = old.filter((each) => !each.isProtected && each.state === "InService");
  return { ...none, extra, replaced: open.slice(0, Math.max(0, allowed)), lookAgainInMs: next };
}

function isReplaced(
  { group, version }: GroupSituation,
  refresh: InstanceRefresh,
  { number, template }: GroupInstanceRecord,
): boolean {
  const matches = template.id === group.settings.template.id && template.version === version;
  return number <= refresh.upTo && !(refresh.skipsMatching && matches);
}

function changed(
  group: AutoScalingGroupRecord,
  refresh: InstanceRefresh,
  change: Partial<InstanceRefresh>,
): AutoScalingGroupRecord["refreshes"] {
  return group.refreshes.map((each) => (each === refresh ? { ...each, ...change } : each));
}

/** One instance at a time, while all others are in service. */
function planLifetime({ group, now }: GroupSituation, healthy: readonly GroupInstanceRecord[]): RefreshPlan {
  const { refreshes } = group;
  const lifetime = group.settings.maxLifetimeSeconds;
  if (lifetime === undefined) return { extra: 0, replaced: [], refreshes, lookAgainInMs: undefined };
  const isWhole = healthy.length >= group.desired && healthy.every(({ state }) => state === "InService");
  const [oldest] = healthy.toSorted((a, b) => a.createdAt - b.createdAt);
  const leftMs = oldest === undefined ? undefined : oldest.createdAt + lifetime * 1_000 - now;
  const isOver = leftMs !== undefined && leftMs <= 0;
  return {
    ...{ extra: 0, refreshes, replaced: isOver && isWhole && oldest !== undefined ? [oldest] : [] },
    lookAgainInMs: isOver ? undefined : leftMs,
  };
}
