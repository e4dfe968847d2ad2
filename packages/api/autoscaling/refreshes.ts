import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { AutoScalingGroupRecord, InstanceRefresh } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findGroup, instancesOf } from "./lookups.ts";

const HEALTHY_PERCENTAGE = 90;
/** Refreshes that a group remembers. */
const REFRESHES_MAX = 20;

/** Rolling replacements of a group's instances. Source: API_StartInstanceRefresh and following. */
export function refreshOperations(deps: ApiDeps) {
  return {
    StartInstanceRefresh: (input, context) => startRefresh(deps, input, context),
    CancelInstanceRefresh: (input, context) => cancelRefresh(deps, input, context),
    DescribeInstanceRefreshes: (input, context) => describeRefreshes(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function isOngoing({ status }: InstanceRefresh): boolean {
  return status === "InProgress" || status === "Cancelling";
}

/** Errors: ValidationError, InstanceRefreshInProgress. */
function startRefresh(
  { store, ids, clock }: ApiDeps,
  input: sdk.StartInstanceRefreshType,
  context: RequestContext,
): sdk.StartInstanceRefreshAnswer {
  const preferences = input.Preferences ?? {};
  return store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    if (group.refreshes.some(isOngoing))
      throw new ApiError(
        "InstanceRefreshInProgress",
        "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
      );
    const instances = instancesOf(tx, group.arn).filter(({ state }) => !state.startsWith("Terminating"));
    const refresh: InstanceRefresh = {
      ...{ id: ids.uuid(), status: "InProgress", startedAt: clock.now(), endedAt: undefined },
      minHealthyPercentage: preferences.MinHealthyPercentage ?? HEALTHY_PERCENTAGE,
      maxHealthyPercentage: preferences.MaxHealthyPercentage ?? 100,
      warmupSeconds:
        preferences.InstanceWarmup ?? group.settings.warmupSeconds ?? group.settings.graceSeconds,
      skipsMatching: preferences.SkipMatching ?? false,
      ...{ upTo: Math.max(0, ...instances.map(({ number }) => number)), total: instances.length },
      preferences: JSON.parse(JSON.stringify(preferences)) as Readonly<Record<string, unknown>>, // A structure.
    };
    const refreshes = [refresh, ...group.refreshes].slice(0, REFRESHES_MAX);
    tx.put("autoScalingGroup", group.arn, { ...group, refreshes });
    return { InstanceRefreshId: refresh.id };
  });
}

/** Errors: ActiveInstanceRefreshNotFound, ValidationError. */
function cancelRefresh(
  { store }: ApiDeps,
  input: sdk.CancelInstanceRefreshType,
  context: RequestContext,
): sdk.CancelInstanceRefreshAnswer {
  return store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const ongoing = group.refreshes.find(isOngoing);
    if (ongoing === undefined)
      throw new ApiError(
        "ActiveInstanceRefreshNotFound",
        "No in progress or pending Instance Refresh found for Auto Scaling group " + group.name,
      );
    const refreshes = group.refreshes.map((each) =>
      each === ongoing ? { ...each, status: "Cancelling" as const } : each,
    );
    tx.put("autoScalingGroup", group.arn, { ...group, refreshes });
    return { InstanceRefreshId: ongoing.id };
  });
}

function describeRefreshes(
  { store }: ApiDeps,
  { InstanceRefreshIds: ids = [], ...input }: sdk.DescribeInstanceRefreshesType,
  context: RequestContext,
): sdk.DescribeInstanceRefreshesAnswer {
  const group = findGroup(store, context, input.AutoScalingGroupName);
  const left = (refresh: InstanceRefresh) =>
    instancesOf(store, group.arn).filter(({ number }) => number <= refresh.upTo).length;
  return {
    InstanceRefreshes: group.refreshes
      .filter(({ id }) => ids.length === 0 || ids.includes(id))
      .map((refresh) => present(group, refresh, isOngoing(refresh) ? left(refresh) : 0)),
  };
}

function present(group: AutoScalingGroupRecord, refresh: InstanceRefresh, left: number): sdk.InstanceRefresh {
  const done = refresh.total === 0 ? 100 : Math.floor((100 * (refresh.total - left)) / refresh.total);
  return {
    InstanceRefreshId: refresh.id,
    AutoScalingGroupName: group.name,
    Status: refresh.status,
    StartTime: new Date(refresh.startedAt),
    EndTime: refresh.endedAt === undefined ? undefined : new Date(refresh.endedAt),
    PercentageComplete: Math.max(0, done),
    InstancesToUpdate: left,
    Strategy: "Rolling",
    Preferences: {
      ...refresh.preferences,
      MinHealthyPercentage: refresh.minHealthyPercentage,
      MaxHealthyPercentage: refresh.maxHealthyPercentage,
      InstanceWarmup: refresh.warmupSeconds,
      SkipMatching: refresh.skipsMatching,
    },
  };
}
