import type * as sdk from "@aws-sdk/client-auto-scaling";
import { formatArn } from "@gantry/kernel";
import { removeScalingPolicy, type AutoScalingGroupRecord, type Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { glob } from "@gantry/iam";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ensureLinkedRole } from "../common/service-linked-roles.ts";
import { ApiError, validation } from "./api-error.ts";
import { checkedDesired, toSettings } from "./group-spec.ts";
import { toHook } from "./hook-spec.ts";
import { findGroup, groupNamed, groupsOf, instanceKeyOf, instancesOf } from "./lookups.ts";
import { presentGroup } from "./present-group.ts";
import { withTags } from "./tags.ts";

/** Auto Scaling groups. Source: API_CreateAutoScalingGroup and following. */
export function groupOperations(deps: ApiDeps) {
  return {
    CreateAutoScalingGroup: (input, context) => createGroup(deps, input, context),
    UpdateAutoScalingGroup: (input, context) => updateGroup(deps, input, context),
    DeleteAutoScalingGroup: (input, context) => deleteGroup(deps, input, context),
    DescribeAutoScalingGroups: (input, context) => describeGroups(deps, input, context),
    SetDesiredCapacity: (input, context) => setDesiredCapacity(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: AlreadyExists, ValidationError. */
function createGroup(deps: ApiDeps, input: sdk.CreateAutoScalingGroupType, context: RequestContext): object {
  const { store, ids, clock } = deps;
  const { account, region } = context;
  const name = input.AutoScalingGroupName ?? "";
  if (!/^[^:\u0000-\u001f]{1,255}$/.test(name)) throw validation(`Invalid AutoScalingGroup name '${name}'.`);
  ensureLinkedRole(deps, context, "autoscaling.amazonaws.com");
  store.transact((tx) => {
    if (groupNamed(tx, context, name) !== undefined)
      throw new ApiError(
        "AlreadyExists",
        `AutoScalingGroup by this name already exists - A group with the name ${name} already exists`,
      );
    const settings = toSettings(tx, context, input, undefined);
    const arn = formatArn(
      "autoscaling",
      context,
      `autoScalingGroup:${ids.uuid()}:autoScalingGroupName/${name}`,
    );
    const sources = (input.TrafficSources ?? []).map((each) => targetGroupOfSource(each));
    const targetGroupArns = [...new Set([...(input.TargetGroupARNs ?? []), ...sources])];
    checkTargetGroups(tx, context, targetGroupArns);
    const record: AutoScalingGroupRecord = {
      ...{ account, region, arn, name, settings, targetGroupArns, suspended: {}, metrics: [] },
      desired: checkedDesired(input.DesiredCapacity ?? settings.minSize, settings),
      hooks: (input.LifecycleHookSpecificationList ?? []).map((each) => toHook(each, undefined)),
      ...{ tags: {}, propagated: [], notifications: {}, refreshes: [], isDeleting: false },
      ...{ failures: undefined, cooldown: undefined, createdAt: clock.now() },
    };
    tx.put("autoScalingGroup", arn, withTags(record, input.Tags ?? []));
  });
  return {};
}

/** Errors: ValidationError for a source that is no target group. */
export function targetGroupOfSource({ Identifier = "", Type }: sdk.TrafficSourceIdentifier): string {
  if ((Type !== undefined && Type !== "elbv2") || !Identifier.includes(":targetgroup/"))
    throw validation("Gantry attaches target groups of Elastic Load Balancing (elbv2) as traffic sources.");
  return Identifier;
}

/** Errors: ValidationError for what is no target group of the place, or one of addresses. */
export function checkTargetGroups(reader: Reader, place: Place, arns: readonly string[]): void {
  for (const arn of arns) {
    const group = within(reader.get("targetGroup", arn), place);
    if (group === undefined)
      throw validation("Provided Target Groups may not be valid. Please ensure they exist and try again.");
    if (group.targetType !== "instance")
      throw validation(
        "Provided Target Groups have invalid target type. Please ensure all provided Target Groups have target " +
          "type of instance.",
      );
  }
}

/** Errors: ValidationError, ScalingActivityInProgress. */
function updateGroup(
  { store }: ApiDeps,
  input: sdk.UpdateAutoScalingGroupType,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const settings = toSettings(tx, context, input, group.settings);
    const { minSize, maxSize } = settings;
    const desired =
      input.DesiredCapacity === undefined
        ? Math.min(Math.max(group.desired, minSize), maxSize)
        : checkedDesired(input.DesiredCapacity, settings);
    // What was changed may let a launch that failed succeed.
    tx.put("autoScalingGroup", group.arn, { ...group, settings, desired, failures: undefined });
  });
  return {};
}

/**
 * A group with instances is deleted by force alone; its instances end first. Errors: ResourceInUse,
 * ValidationError.
 */
function deleteGroup(
  { store }: ApiDeps,
  input: sdk.DeleteAutoScalingGroupType,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const instances = instancesOf(tx, group.arn);
    if (instances.length > 0 && input.ForceDelete !== true)
      throw new ApiError(
        "ResourceInUse",
        "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) " +
          "still in the group.",
      );
    for (const key of tx.keysBy("scalingPolicy", "target", group.arn)) removeScalingPolicy(tx, key);
    for (const key of tx.keysBy("scheduledAction", "target", group.arn)) tx.delete("scheduledAction", key);
    if (instances.length === 0) {
      for (const key of tx.keysBy("groupActivity", "group", group.arn)) tx.delete("groupActivity", key);
      tx.delete("autoScalingGroup", group.arn);
      return;
    }
    const settings = { ...group.settings, minSize: 0, maxSize: 0 };
    tx.put("autoScalingGroup", group.arn, { ...group, settings, desired: 0, isDeleting: true });
    for (const each of instances)
      if (each.isProtected) tx.put("groupInstance", instanceKeyOf(each), { ...each, isProtected: false });
  });
  return {};
}

/** Source: API_DescribeAutoScalingGroups. */
function describeGroups(
  { store }: ApiDeps,
  input: sdk.AutoScalingGroupNamesType,
  context: RequestContext,
): sdk.AutoScalingGroupsType {
  const { AutoScalingGroupNames: names = [], Filters: filters = [], IncludeInstances: hasInstances } = input;
  const chosen = groupsOf(store, context).filter(
    (group) =>
      (names.length === 0 || names.includes(group.name) || names.includes(group.arn)) &&
      filters.every((filter) => matches(group, filter)),
  );
  const shown = chosen.map((group) => presentGroup(store, group));
  return {
    AutoScalingGroups: hasInstances === false ? shown.map((each) => ({ ...each, Instances: [] })) : shown,
  };
}

/** Errors: ValidationError. */
function matches(
  { tags }: AutoScalingGroupRecord,
  { Name: name = "", Values: wanted = [] }: sdk.Filter,
): boolean {
  const values =
    name === "tag-key"
      ? Object.keys(tags)
      : name === "tag-value"
        ? Object.values(tags)
        : name.startsWith("tag:")
          ? Object.entries(tags).flatMap(([key, value]) => (key === name.slice(4) ? [value] : []))
          : undefined;
  if (values === undefined) throw validation(`The filter '${name}' is not valid.`);
  return wanted.some((pattern) => values.some((value) => glob(pattern, value)));
}

/** Errors: ValidationError. */
function setDesiredCapacity(
  { store }: ApiDeps,
  input: sdk.SetDesiredCapacityType,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const desired = checkedDesired(input.DesiredCapacity ?? group.desired, group.settings);
    tx.put("autoScalingGroup", group.arn, { ...group, desired, failures: undefined });
  });
  return {};
}
