import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { GroupInstanceRecord, LifecycleHook, Reader } from "@gantry/state";
import { lifecycleHookOf } from "@gantry/state/transactions/auto-scaling-groups";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError, validation } from "./api-error.ts";
import { presentHook, toHook } from "./hook-spec.ts";
import { findGroup, findGroupInstance, instanceKeyOf, instancesOf } from "./lookups.ts";

/** Source: EC2 Auto Scaling User Guide, "Quotas". */
const HOOKS_MAX = 50;

/** Lifecycle hooks, which hold instances back. Source: API_PutLifecycleHook and following. */
export function hookOperations(deps: ApiDeps) {
  return {
    PutLifecycleHook: (input, context) => putHook(deps, input, context),
    DeleteLifecycleHook: (input, context) => deleteHook(deps, input, context),
    DescribeLifecycleHooks: (input, context) => describeHooks(deps, input, context),
    DescribeLifecycleHookTypes: () => ({
      LifecycleHookTypes: ["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"],
    }),
    CompleteLifecycleAction: (input, context) => completeAction(deps, input, context),
    RecordLifecycleActionHeartbeat: (input, context) => recordHeartbeat(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ValidationError, LimitExceeded. */
function putHook({ store }: ApiDeps, input: sdk.PutLifecycleHookType, context: RequestContext): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const before = group.hooks.find(({ name }) => name === input.LifecycleHookName);
    const hooks = [...group.hooks.filter((each) => each !== before), toHook(input, before)];
    if (hooks.length > HOOKS_MAX)
      throw new ApiError("LimitExceeded", `A group must not have more than ${HOOKS_MAX} lifecycle hooks.`);
    tx.put("autoScalingGroup", group.arn, { ...group, hooks });
  });
  return {};
}

function deleteHook({ store }: ApiDeps, input: sdk.DeleteLifecycleHookType, context: RequestContext): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const hook = group.hooks.find(({ name }) => name === input.LifecycleHookName);
    if (hook === undefined) throw validation(`No Lifecycle Hook found with name: ${input.LifecycleHookName}`);
    tx.put("autoScalingGroup", group.arn, { ...group, hooks: group.hooks.filter((each) => each !== hook) });
  });
  return {};
}

function describeHooks(
  { store }: ApiDeps,
  { LifecycleHookNames: names = [], ...input }: sdk.DescribeLifecycleHooksType,
  context: RequestContext,
): sdk.DescribeLifecycleHooksAnswer {
  const { hooks, name } = findGroup(store, context, input.AutoScalingGroupName);
  const chosen = names.length === 0 ? hooks : hooks.filter((hook) => names.includes(hook.name));
  return { LifecycleHooks: chosen.map((hook) => presentHook(hook, name)) };
}

/** The instance that waits for a hook, by its id or by the token of its action. Errors: ValidationError. */
function waitingFor(
  reader: Reader,
  place: Place,
  input: sdk.CompleteLifecycleActionType | sdk.RecordLifecycleActionHeartbeatType,
): { readonly instance: GroupInstanceRecord; readonly hook: LifecycleHook } {
  const group = findGroup(reader, place, input.AutoScalingGroupName);
  const { InstanceId: id, LifecycleActionToken: token } = input;
  const instance =
    id === undefined
      ? instancesOf(reader, group.arn).find((each) => each.waiting?.token === token)
      : findGroupInstance(reader, place, id);
  const isLaunch = instance?.state === "Pending:Wait";
  const hook = lifecycleHookOf(group, isLaunch ? "launching" : "terminating");
  const isWaiting = instance?.waiting !== undefined && instance.groupArn === group.arn;
  if (!isWaiting || hook === undefined || hook.name !== input.LifecycleHookName)
    throw validation(`No active Lifecycle Action found with instance ID ${id ?? token ?? ""}`);
  return { instance, hook };
}

function completeAction(
  { store }: ApiDeps,
  input: sdk.CompleteLifecycleActionType,
  context: RequestContext,
): object {
  const result = input.LifecycleActionResult;
  if (result !== "CONTINUE" && result !== "ABANDON")
    throw validation("LifecycleActionResult must be CONTINUE or ABANDON.");
  store.transact((tx) => {
    const { instance } = waitingFor(tx, context, input);
    if (instance.waiting === undefined) return;
    const waiting = { ...instance.waiting, result };
    tx.put("groupInstance", instanceKeyOf(instance), { ...instance, waiting });
  });
  return {};
}

function recordHeartbeat(
  { store, clock }: ApiDeps,
  input: sdk.RecordLifecycleActionHeartbeatType,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const { instance, hook } = waitingFor(tx, context, input);
    if (instance.waiting === undefined) return;
    const waiting = { ...instance.waiting, until: clock.now() + hook.heartbeatSeconds * 1_000 };
    tx.put("groupInstance", instanceKeyOf(instance), { ...instance, waiting });
  });
  return {};
}
