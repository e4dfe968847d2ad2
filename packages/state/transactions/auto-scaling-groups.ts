import type { Ids } from "@gantry/kernel";
import type {
  AutoScalingGroupRecord,
  GroupActivityRecord,
  GroupInstanceRecord,
  LifecycleHook,
} from "../records.ts";
import type { Transaction } from "../store.ts";

/** Source: EC2 Auto Scaling User Guide, "Verify a scaling activity": six weeks; a group keeps its latest. */
const ACTIVITIES_MAX = 200;
const NUMBER_DIGITS = 15;

interface At {
  readonly ids: Ids;
  readonly now: number;
  readonly cause: string;
}

/** The key of an instance of a group. */
export function groupInstanceKey(instance: Pick<GroupInstanceRecord, "groupArn" | "number">): string {
  return `${instance.groupArn}#${String(instance.number).padStart(NUMBER_DIGITS, "0")}`;
}

/** Records that an instance is wanted: the controller launches it. */
export function beginGroupLaunch(
  tx: Transaction,
  group: AutoScalingGroupRecord,
  place: Pick<GroupInstanceRecord, "subnetId" | "zone">,
  at: At,
): GroupInstanceRecord {
  const { account, region, arn: groupArn, name: groupName } = group;
  const number = tx.next("groupInstance");
  const activity = {
    description: "Launching a new EC2 instance.",
    statusCode: "WaitingForInstanceId" as const,
  };
  const details = JSON.stringify({ "Subnet ID": place.subnetId, "Availability Zone": place.zone });
  const instance: GroupInstanceRecord = {
    ...{ account, region, groupArn, groupName, number, clientToken: at.ids.uuid(), instanceId: undefined },
    ...{ instanceType: undefined, template: group.settings.template, ...place, state: "Pending" },
    ...{
      isHealthy: true,
      isProtected: group.settings.protectsNew,
      inServiceSince: undefined,
      unreachableSince: undefined,
    },
    ...{ waiting: undefined, createdAt: at.now },
    activityKey: addGroupActivity(tx, group, { ...activity, details }, at),
  };
  tx.put("groupInstance", groupInstanceKey(instance), instance);
  return instance;
}

/**
 * Records that an instance is to end: the controller drains and terminates it. One that ends is left as it is.
 */
export function beginGroupTermination(
  tx: Transaction,
  group: AutoScalingGroupRecord,
  instance: GroupInstanceRecord,
  at: At,
): GroupInstanceRecord {
  if (instance.state.startsWith("Terminating")) return instance;
  const description = `Terminating EC2 instance: ${instance.instanceId ?? "none"}`;
  const details = JSON.stringify({ "Subnet ID": instance.subnetId, "Availability Zone": instance.zone });
  if (instance.state.startsWith("Pending"))
    endGroupActivity(tx, instance.activityKey, {
      now: at.now,
      statusCode: "Cancelled",
      statusMessage: at.cause,
    });
  const next: GroupInstanceRecord = {
    ...{ ...instance, state: "Terminating", waiting: undefined },
    activityKey: addGroupActivity(tx, group, { description, details, statusCode: "InProgress" }, at),
  };
  tx.put("groupInstance", groupInstanceKey(instance), next);
  return next;
}

/** Adds an activity to a group's history, and drops the oldest. Returns its key. */
export function addGroupActivity(
  tx: Transaction,
  group: AutoScalingGroupRecord,
  activity: Pick<GroupActivityRecord, "description" | "statusCode" | "details">,
  { ids, now, cause }: At,
): string {
  const keys = tx.keysBy("groupActivity", "group", group.arn);
  for (const key of keys.slice(0, Math.max(0, keys.length - ACTIVITIES_MAX + 1)))
    tx.delete("groupActivity", key);
  const key = `${group.arn}#${String(tx.next("groupActivity")).padStart(NUMBER_DIGITS, "0")}`;
  const at = new Date(now).toISOString().replace(/\.\d+/, "");
  tx.put("groupActivity", key, {
    ...{ ...activity, account: group.account, region: group.region, id: ids.uuid() },
    ...{ groupArn: group.arn, groupName: group.name, cause: `At ${at} ${cause}`, startedAt: now },
    ...{ endedAt: undefined, statusMessage: undefined, unsent: undefined },
  });
  return key;
}

/** Ends an activity, with a notification of the type where one is given. */
export function endGroupActivity(
  tx: Transaction,
  key: string,
  end: Pick<GroupActivityRecord, "statusCode" | "statusMessage"> & {
    readonly now: number;
    readonly description?: string;
    readonly notify?: GroupActivityRecord["unsent"];
  },
): void {
  const activity = tx.get("groupActivity", key);
  if (activity === undefined || activity.endedAt !== undefined) return;
  const { now, statusCode, statusMessage, description = activity.description, notify: unsent } = end;
  tx.put("groupActivity", key, { ...activity, description, statusCode, statusMessage, endedAt: now, unsent });
}

/** The first lifecycle hook of a transition; undefined where the group has none. */
export function lifecycleHookOf(
  group: AutoScalingGroupRecord,
  transition: LifecycleHook["transition"],
): LifecycleHook | undefined {
  return group.hooks.find((each) => each.transition === transition);
}
