import { messageOf } from "@gantry/kernel";
import type { AutoScalingGroupRecord, GroupActivityRecord } from "@gantry/state";
import type { GroupDeps } from "./group-deps.ts";

const SERVICE = { principal: "autoscaling.amazonaws.com", name: "Auto Scaling" };
const EVENTS: Readonly<Record<string, string>> = {
  "autoscaling:EC2_INSTANCE_LAUNCH": "launch",
  "autoscaling:EC2_INSTANCE_LAUNCH_ERROR": "failed launch",
  "autoscaling:EC2_INSTANCE_TERMINATE": "termination",
};

/**
 * Publishes the notifications of activities that have ended. A crash in between repeats one: subscribers tell
 * them apart by the activity's id.
 */
export function sendNotifications(deps: GroupDeps, group: AutoScalingGroupRecord): void {
  const { store, log } = deps;
  for (const key of store.keysBy("groupActivity", "group", group.arn)) {
    const activity = store.get("groupActivity", key);
    const unsent = activity?.unsent;
    if (activity === undefined || unsent === undefined) continue;
    for (const [topicArn, types] of Object.entries(group.notifications))
      if (types.includes(unsent.type))
        try {
          deps.publish({ topicArn, service: SERVICE, source: group, ...render(group, activity, unsent) });
        } catch (thrown) {
          log.warn("A notification of an Auto Scaling group was not published", {
            ...{ group: group.arn, topic: topicArn, reason: messageOf(thrown) },
          });
        }
    store.transact((tx) => {
      const current = tx.get("groupActivity", key);
      if (current !== undefined) tx.put("groupActivity", key, { ...current, unsent: undefined });
    });
  }
}

/** Source: EC2 Auto Scaling User Guide, "Amazon SNS notification options", example. */
function render(
  group: AutoScalingGroupRecord,
  activity: GroupActivityRecord,
  { type, instanceId }: NonNullable<GroupActivityRecord["unsent"]>,
): { readonly subject: string; readonly message: string } {
  const time = (ms: number | undefined) => new Date(ms ?? activity.startedAt).toISOString();
  const message = {
    ...{ Service: "AWS Auto Scaling", Time: time(activity.endedAt), RequestId: activity.id, Event: type },
    ...{ AccountId: group.account, AutoScalingGroupName: group.name, AutoScalingGroupARN: group.arn },
    ...{ ActivityId: activity.id, Description: activity.description, Cause: activity.cause },
    ...{ StartTime: time(activity.startedAt), EndTime: time(activity.endedAt), Progress: 50 },
    ...{ StatusCode: activity.statusCode === "Failed" ? "Failed" : "InProgress" },
    ...{ StatusMessage: activity.statusMessage ?? "", EC2InstanceId: instanceId },
    Details: JSON.parse(activity.details) as object, // Written by `beginGroupLaunch` and `beginGroupTermination`.
  };
  const subject = `Auto Scaling: ${EVENTS[type] ?? "event"} for group "${group.name}"`.slice(0, 100);
  return { subject, message: JSON.stringify(message) };
}
