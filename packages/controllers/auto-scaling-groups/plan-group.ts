import type { AutoScalingGroupRecord, GroupInstanceRecord } from "@gantry/state";
import type { GroupSituation } from "./group-situation.ts";
import { planRefresh } from "./plan-refresh.ts";

export interface GroupPlan {
  readonly launches: readonly { readonly subnetId: string; readonly zone: string; readonly cause: string }[];
  readonly terminations: readonly { readonly instance: GroupInstanceRecord; readonly cause: string }[];
  readonly refreshes: AutoScalingGroupRecord["refreshes"];
  readonly lookAgainInMs: number | undefined;
}

/** Whether an instance is one of those that the desired capacity counts. */
export function isCounted({ state }: GroupInstanceRecord): boolean {
  return !state.startsWith("Terminating") && state !== "Standby";
}

/**
 * Decides which instances a group launches and ends: unhealthy ones are replaced, the desired capacity is kept,
 * zones are balanced, old instances are replaced by a refresh. Suspended processes do nothing.
 * Source: EC2 Auto Scaling User Guide, "How instances launch", "Termination policies", "Suspend and resume processes".
 */
export function planGroup(situation: GroupSituation): GroupPlan {
  const { group, instances, now } = situation;
  const isSuspended = (process: string): boolean => group.suspended[process] !== undefined;
  const mayTerminate = !isSuspended("Terminate");
  const counted = instances.filter(isCounted);
  const unhealthy =
    isSuspended("ReplaceUnhealthy") || !mayTerminate
      ? []
      : counted.filter((each) => each.state === "InService" && !each.isHealthy);
  const healthy = counted.filter((each) => !unhealthy.includes(each));
  const refresh = planRefresh(situation, healthy);
  const target = group.desired + refresh.extra;
  const ended = unhealthy.map((instance) => ({
    instance,
    cause: "an instance was taken out of service in response to a health check.",
  }));
  const surplus = mayTerminate ? victims(situation, healthy, healthy.length - target) : [];
  const replaced = mayTerminate && surplus.length === 0 ? refresh.replaced : [];
  const wait = group.failures === undefined ? 0 : group.failures.until - now;
  const isHeld = isSuspended("Launch") || group.isDeleting || wait > 0;
  const missing = isHeld ? 0 : target - healthy.length;
  return {
    launches: placed(situation, healthy, missing),
    terminations: [
      ...ended,
      ...surplus.map((instance) => ({ instance, cause: shrinking(healthy.length, target) })),
      ...replaced.map((instance) => ({
        instance,
        cause: "an instance was taken out of service in response to an instance refresh.",
      })),
    ],
    refreshes: refresh.refreshes,
    lookAgainInMs: least([wait > 0 ? wait : undefined, refresh.lookAgainInMs]),
  };
}

function shrinking(from: number, to: number): string {
  return `a difference between desired and actual capacity shrinks the capacity from ${from} to ${to}.`;
}

/** The smallest of the waits that there are. */
export function least(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((each) => each !== undefined);
  return known.length === 0 ? undefined : Math.max(1, Math.min(...known));
}

/** Each launch goes to the zone with the fewest instances, and there to the subnet with the fewest. */
function placed(
  { group, subnets }: GroupSituation,
  instances: readonly GroupInstanceRecord[],
  missing: number,
): GroupPlan["launches"] {
  const places = instances.map(({ zone, subnetId }) => ({ zone, subnetId }));
  const launches: { subnetId: string; zone: string; cause: string }[] = [];
  const count = (keep: (place: (typeof places)[number]) => boolean): number => places.filter(keep).length;
  for (let made = 0; made < missing; made += 1) {
    const [subnet] = subnets.toSorted(
      (a, b) =>
        count(({ zone }) => zone === a.availabilityZone) - count(({ zone }) => zone === b.availabilityZone) ||
        count(({ subnetId }) => subnetId === a.id) - count(({ subnetId }) => subnetId === b.id),
    );
    if (subnet === undefined) break;
    const place = { subnetId: subnet.id, zone: subnet.availabilityZone };
    places.push(place);
    const cause =
      "an instance was started in response to a difference between desired and actual capacity, increasing the " +
      `capacity from ${instances.length} to ${Math.max(group.desired, instances.length + missing)}.`;
    launches.push({ ...place, cause });
  }
  return launches;
}

/**
 * The instances that a scale-in ends: those that are not protected, one by one from the zone with the most, by the
 * group's termination policies; instances that are not in service yet go first.
 */
function victims(
  situation: GroupSituation,
  instances: readonly GroupInstanceRecord[],
  surplus: number,
): readonly GroupInstanceRecord[] {
  const chosen: GroupInstanceRecord[] = [];
  for (let count = 0; count < surplus; count += 1) {
    const left = instances.filter((each) => !chosen.includes(each));
    const inZone = (zone: string): number => left.filter((each) => each.zone === zone).length;
    const open = left.filter((each) => !each.isProtected || situation.group.isDeleting);
    const most = Math.max(...open.map(({ zone }) => inZone(zone)));
    const [victim] = open
      .filter(({ zone }) => inZone(zone) === most)
      .toSorted(
        (a, b) =>
          Number(a.state === "InService") - Number(b.state === "InService") || byPolicies(situation, a, b),
      );
    if (victim === undefined) break;
    chosen.push(victim);
  }
  return chosen;
}

/** By default those of an older version of the template first, and then the oldest. */
function byPolicies(
  { group, version }: GroupSituation,
  a: GroupInstanceRecord,
  b: GroupInstanceRecord,
): number {
  const isOld = ({ template }: GroupInstanceRecord): number =>
    Number(template.id !== group.settings.template.id || template.version !== version);
  for (const policy of group.settings.terminationPolicies) {
    const order =
      policy === "NewestInstance"
        ? b.number - a.number
        : policy === "OldestInstance"
          ? a.number - b.number
          : policy === "OldestLaunchTemplate" || policy === "Default"
            ? isOld(b) - isOld(a)
            : 0;
    if (order !== 0) return order;
  }
  return a.number - b.number;
}
