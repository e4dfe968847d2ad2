import { messageOf } from "@gantry/kernel";
import type { AutoScalingGroupRecord, GroupInstanceRecord, LifecycleHook } from "@gantry/state";
import { groupInstanceKey, lifecycleHookOf } from "@gantry/state/transactions/auto-scaling-groups";
import { servicePrincipal } from "../service-principal.ts";
import type { GroupDeps } from "./group-deps.ts";

/**
 * Sends the target of a lifecycle hook, as the role of the hook, a message about each instance that waits for it.
 * A crash in between repeats a message: receivers tell it by its token. One that cannot be sent is logged, and
 * the instance waits all the same.
 */
export async function announceWaits(deps: GroupDeps, group: AutoScalingGroupRecord): Promise<void> {
  const { store, log } = deps;
  for (const key of store.keysBy("groupInstance", "group", group.arn)) {
    const instance = store.get("groupInstance", key);
    const isLaunch = instance?.state === "Pending:Wait";
    const hook = lifecycleHookOf(group, isLaunch ? "launching" : "terminating");
    if (instance?.waiting === undefined || instance.waiting.announced === true || hook === undefined)
      continue;
    const reason = hook.targetArn === undefined ? undefined : await send(deps, group, { hook, instance });
    if (reason !== undefined)
      log.warn("The target of a lifecycle hook got no message", {
        ...{ group: group.arn, hook: hook.name, target: hook.targetArn, reason },
      });
    store.transact((tx) => {
      const current = tx.get("groupInstance", groupInstanceKey(instance));
      if (current?.waiting !== undefined && current.waiting.token === instance.waiting?.token)
        tx.put("groupInstance", key, { ...current, waiting: { ...current.waiting, announced: true } });
    });
  }
}

interface Wait {
  readonly hook: LifecycleHook;
  readonly instance: GroupInstanceRecord;
}

/** Why the message was not sent; undefined where it was. */
async function send(deps: GroupDeps, group: AutoScalingGroupRecord, wait: Wait): Promise<string | undefined> {
  const { store, clock, callApi } = deps;
  const { targetArn = "", roleArn = "" } = wait.hook;
  const principal = servicePrincipal(store, roleArn, {
    ...{ service: "autoscaling.amazonaws.com", sourceArn: group.arn, account: group.account },
    ...{ session: "AutoScaling", now: clock.now() },
  });
  if (principal === undefined)
    return `The role ${roleArn} does not exist or cannot be assumed by autoscaling.amazonaws.com.`;
  const [, , service, region = "", account, name] = targetArn.split(":");
  const message = render(group, wait, clock.now());
  const subject = `Auto Scaling: Lifecycle action for instance ${wait.instance.instanceId} in progress.`;
  const call =
    service === "sqs"
      ? {
          service,
          operation: "SendMessage",
          input: { QueueUrl: `/${account}/${name}`, MessageBody: message },
        }
      : {
          ...{ service: "sns", operation: "Publish" },
          input: { TopicArn: targetArn, Message: message, Subject: subject.slice(0, 100) },
        };
  try {
    await callApi({ ...call, region, principal });
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** Source: EC2 Auto Scaling User Guide, "Notification message example" of "Prepare to add a lifecycle hook". */
function render(group: AutoScalingGroupRecord, { hook, instance }: Wait, now: number): string {
  const isLaunch = hook.transition === "launching";
  return JSON.stringify({
    ...{ Service: "AWS Auto Scaling", Time: new Date(now).toISOString(), RequestId: instance.waiting?.token },
    ...{ LifecycleActionToken: instance.waiting?.token, AccountId: group.account },
    ...{ AutoScalingGroupName: group.name, LifecycleHookName: hook.name, EC2InstanceId: instance.instanceId },
    LifecycleTransition: `autoscaling:EC2_INSTANCE_${isLaunch ? "LAUNCHING" : "TERMINATING"}`,
    ...(hook.metadata === undefined ? {} : { NotificationMetadata: hook.metadata }),
    ...{ Origin: isLaunch ? "EC2" : "AutoScalingGroup", Destination: isLaunch ? "AutoScalingGroup" : "EC2" },
  });
}
