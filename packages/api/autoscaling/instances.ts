import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { GroupInstanceRecord } from "@gantry/state";
import { beginGroupTermination } from "@gantry/state/transactions/auto-scaling-groups";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentActivity } from "./activities.ts";
import { validation } from "./api-error.ts";
import { checkedDesired } from "./group-spec.ts";
import { findGroup, findGroupInstance, instanceKeyOf } from "./lookups.ts";
import { presentInstance } from "./present-group.ts";

/** Instances of groups. Source: API_DescribeAutoScalingInstances and following. */
export function instanceOperations(deps: ApiDeps) {
  return {
    DescribeAutoScalingInstances: (input, context) => describeInstances(deps, input, context),
    TerminateInstanceInAutoScalingGroup: (input, context) => terminate(deps, input, context),
    SetInstanceHealth: (input, context) => setHealth(deps, input, context),
    SetInstanceProtection: (input, context) => setProtection(deps, input, context),
    EnterStandby: (input, context) => enterStandby(deps, input, context),
    ExitStandby: (input, context) => exitStandby(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function describeInstances(
  { store }: ApiDeps,
  { InstanceIds: ids = [] }: sdk.DescribeAutoScalingInstancesType,
  context: RequestContext,
): sdk.AutoScalingInstancesType {
  const all = store.list("groupInstance").filter((each) => isIn(each, context));
  const chosen = ids.length === 0 ? all : all.filter(({ instanceId = "" }) => ids.includes(instanceId));
  return {
    AutoScalingInstances: chosen.flatMap((each) => {
      const shown = presentInstance(each);
      if (shown === undefined) return [];
      return [
        { ...shown, AutoScalingGroupName: each.groupName, HealthStatus: shown.HealthStatus?.toUpperCase() },
      ];
    }),
  };
}

/** Errors: ValidationError. */
function terminate(
  { store, ids, clock }: ApiDeps,
  input: sdk.TerminateInstanceInAutoScalingGroupType,
  context: RequestContext,
): sdk.ActivityType {
  return store.transact((tx) => {
    const instance = findGroupInstance(tx, context, input.InstanceId);
    const group = findGroup(tx, context, instance.groupArn);
    const isEnding = instance.state.startsWith("Terminating");
    const shrinks = input.ShouldDecrementDesiredCapacity === true && !isEnding;
    if (shrinks)
      tx.put("autoScalingGroup", group.arn, {
        ...group,
        desired: checkedDesired(group.desired - 1, group.settings),
      });
    const cause = `instance ${instance.instanceId} was taken out of service in response to a user request.`;
    const ended = beginGroupTermination(tx, group, instance, { ids, now: clock.now(), cause });
    const activity = tx.get("groupActivity", ended.activityKey);
    return { Activity: activity && presentActivity(activity) };
  });
}

/** Errors: ValidationError. */
function setHealth(
  { store, clock }: ApiDeps,
  input: sdk.SetInstanceHealthQuery,
  context: RequestContext,
): object {
  const status = input.HealthStatus?.toLowerCase();
  if (status !== "healthy" && status !== "unhealthy")
    throw validation(`Valid instance health states are: [Healthy, Unhealthy].`);
  store.transact((tx) => {
    const instance = findGroupInstance(tx, context, input.InstanceId);
    const { graceSeconds } = findGroup(tx, context, instance.groupArn).settings;
    const since = instance.inServiceSince ?? clock.now();
    const isInGrace = clock.now() - since < graceSeconds * 1_000;
    if (input.ShouldRespectGracePeriod !== false && status === "unhealthy" && isInGrace) return;
    tx.put("groupInstance", instanceKeyOf(instance), { ...instance, isHealthy: status === "healthy" });
  });
  return {};
}

/** Errors: ValidationError. */
function setProtection(
  { store }: ApiDeps,
  input: sdk.SetInstanceProtectionQuery,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    for (const id of input.InstanceIds ?? []) {
      const instance = memberOf(findGroupInstance(tx, context, id), group.arn);
      const isProtected = input.ProtectedFromScaleIn ?? false;
      tx.put("groupInstance", instanceKeyOf(instance), { ...instance, isProtected });
    }
  });
  return {};
}

function memberOf(instance: GroupInstanceRecord, groupArn: string): GroupInstanceRecord {
  if (instance.groupArn !== groupArn)
    throw validation(`The instance ${instance.instanceId} is not part of Auto Scaling group ${groupArn}.`);
  return instance;
}

/** Errors: ValidationError. */
function enterStandby(
  { store }: ApiDeps,
  input: sdk.EnterStandbyQuery,
  context: RequestContext,
): sdk.EnterStandbyAnswer {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const ids = input.InstanceIds ?? [];
    for (const id of ids) {
      const instance = memberOf(findGroupInstance(tx, context, id), group.arn);
      if (instance.state !== "InService") throw validation(`The instance ${id} is not in InService.`);
      tx.put("groupInstance", instanceKeyOf(instance), { ...instance, state: "Standby" });
    }
    if (input.ShouldDecrementDesiredCapacity === true)
      tx.put("autoScalingGroup", group.arn, {
        ...group,
        desired: checkedDesired(group.desired - ids.length, group.settings),
      });
  });
  return { Activities: [] };
}

/** Errors: ValidationError. */
function exitStandby(
  { store, clock }: ApiDeps,
  input: sdk.ExitStandbyQuery,
  context: RequestContext,
): sdk.ExitStandbyAnswer {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const ids = input.InstanceIds ?? [];
    for (const id of ids) {
      const instance = memberOf(findGroupInstance(tx, context, id), group.arn);
      if (instance.state !== "Standby") throw validation(`The instance ${id} is not in Standby.`);
      const inServiceSince = clock.now();
      tx.put("groupInstance", instanceKeyOf(instance), { ...instance, state: "InService", inServiceSince });
    }
    const desired = Math.min(group.desired + ids.length, group.settings.maxSize);
    tx.put("autoScalingGroup", group.arn, { ...group, desired });
  });
  return { Activities: [] };
}
