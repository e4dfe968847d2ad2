import type * as sdk from "@aws-sdk/client-auto-scaling";
import { formatArn } from "@gantry/kernel";
import { removeScalingPolicy, type Reader, type ScalingPolicyRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { putTrackingAlarms } from "../application-autoscaling/alarms.ts";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError, validation } from "./api-error.ts";
import { checkedDesired } from "./group-spec.ts";
import { findGroup, groupsOf } from "./lookups.ts";
import { adjustedCapacity, toPolicySpec } from "./policy-spec.ts";

/** Source: EC2 Auto Scaling User Guide, "Quotas". */
const POLICIES_MAX = 50;

/** Scaling policies of groups. Source: API_PutScalingPolicy and following. */
export function policyOperations(deps: ApiDeps) {
  return {
    PutScalingPolicy: (input, context) => putPolicy(deps, input, context),
    DescribePolicies: (input, context) => describePolicies(deps, input, context),
    DeletePolicy: (input, context) => deletePolicy(deps, input, context),
    ExecutePolicy: (input, context) => executePolicy(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ValidationError, LimitExceeded. */
function putPolicy(
  { store, ids, clock }: ApiDeps,
  input: sdk.PutScalingPolicyType,
  context: RequestContext,
): sdk.PolicyARNType {
  return store.transact((tx) => {
    const group = findGroup(tx, context, input.AutoScalingGroupName);
    const { settings } = group;
    const name = input.PolicyName ?? "";
    const policies = tx.listBy("scalingPolicy", "target", group.arn);
    const before = policies.find((each) => each.name === name);
    if (before === undefined && policies.length >= POLICIES_MAX)
      throw new ApiError(
        "LimitExceeded",
        `A group must not have more than ${POLICIES_MAX} scaling policies.`,
      );
    const spec = toPolicySpec(input, {
      name: group.name,
      cooldownSeconds: settings.defaultCooldownSeconds,
      warmupSeconds: settings.warmupSeconds,
    });
    if (before !== undefined && before.spec.type !== spec.type)
      throw validation("The policy type cannot be changed: delete the policy first.");
    const now = clock.now();
    const path = `autoScalingGroupName/${group.name}:policyName/${name}`;
    const arn = before?.arn ?? formatArn("autoscaling", context, `scalingPolicy:${ids.uuid()}:${path}`);
    const { account, region } = context;
    const alarms =
      spec.type === "step"
        ? undefined
        : putTrackingAlarms(
            tx,
            context,
            { arn, spec, alarms: before?.alarms },
            { resourceId: group.name, ids, now },
          );
    const record: ScalingPolicyRecord = {
      ...{ account, region, arn, name, targetArn: group.arn, spec, alarms },
      given: JSON.parse(JSON.stringify({ ...input, Enabled: input.Enabled ?? true })) as Readonly<
        Record<string, unknown>
      >, // A structure.
      ...{ decidedAt: before?.decidedAt, createdAt: before?.createdAt ?? now },
    };
    tx.put("scalingPolicy", arn, record);
    return { PolicyARN: arn, Alarms: alarmsOf(tx, record) };
  });
}

/** The alarms that were made for a policy, or that name it as an action. */
function alarmsOf(reader: Reader, policy: ScalingPolicyRecord): sdk.Alarm[] {
  const all = reader.list("alarm", formatArn("cloudwatch", policy, "alarm:"));
  return all
    .filter((alarm) =>
      [alarm.okActions, alarm.alarmActions, alarm.insufficientDataActions].some((list) =>
        list.includes(policy.arn),
      ),
    )
    .map(({ name, arn }) => ({ AlarmName: name, AlarmARN: arn }));
}

function describePolicies(
  { store }: ApiDeps,
  input: sdk.DescribePoliciesType,
  context: RequestContext,
): sdk.PoliciesType {
  const { AutoScalingGroupName: name, PolicyNames: names = [], PolicyTypes: types = [] } = input;
  const groups = name === undefined ? groupsOf(store, context) : [findGroup(store, context, name)];
  const shown = groups.flatMap((group) =>
    store
      .listBy("scalingPolicy", "target", group.arn)
      .filter((policy) => names.length === 0 || names.includes(policy.name) || names.includes(policy.arn))
      .map((policy) => present(store, policy, group.name)),
  );
  return {
    ScalingPolicies: shown.filter(({ PolicyType = "" }) => types.length === 0 || types.includes(PolicyType)),
  };
}

function present(reader: Reader, policy: ScalingPolicyRecord, groupName: string): sdk.ScalingPolicy {
  const given: Partial<sdk.PutScalingPolicyType> = policy.given ?? {};
  const type = given.PolicyType ?? "SimpleScaling";
  const tracking = given.TargetTrackingConfiguration;
  return {
    ...given,
    AutoScalingGroupName: groupName,
    PolicyName: policy.name,
    PolicyARN: policy.arn,
    PolicyType: type,
    MetricAggregationType: type === "StepScaling" ? (given.MetricAggregationType ?? "Average") : undefined,
    StepAdjustments: given.StepAdjustments ?? [],
    TargetTrackingConfiguration: tracking && {
      ...tracking,
      DisableScaleIn: tracking.DisableScaleIn ?? false,
    },
    Enabled: given.Enabled ?? true,
    Alarms: alarmsOf(reader, policy),
  };
}

/** A policy by its ARN, or by its name in a group; undefined where there is none. */
export function policyNamed(
  reader: Reader,
  place: Place,
  { AutoScalingGroupName: group, PolicyName: name = "" }: sdk.DeletePolicyType,
): ScalingPolicyRecord | undefined {
  const groups = groupsOf(reader, place).filter((each) => group === undefined || each.name === group);
  return groups
    .flatMap(({ arn }) => reader.listBy("scalingPolicy", "target", arn))
    .find((policy) => policy.arn === name || (group !== undefined && policy.name === name));
}

/** Errors: ValidationError. */
function findPolicy(reader: Reader, place: Place, named: sdk.DeletePolicyType): ScalingPolicyRecord {
  const found = policyNamed(reader, place, named);
  if (found === undefined) throw validation(`No policy found with name: ${named.PolicyName ?? ""}`);
  return found;
}

function deletePolicy({ store }: ApiDeps, input: sdk.DeletePolicyType, context: RequestContext): object {
  store.transact((tx) => removeScalingPolicy(tx, findPolicy(tx, context, input).arn));
  return {};
}

/** Executes a simple or step policy now. Errors: ValidationError, ScalingActivityInProgress. */
function executePolicy(
  { store, clock }: ApiDeps,
  input: sdk.ExecutePolicyType,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const policy = findPolicy(tx, context, input);
    const group = findGroup(tx, context, policy.targetArn);
    if (policy.spec.type !== "step")
      throw validation("A target tracking policy cannot be executed by a caller.");
    const now = clock.now();
    if (input.HonorCooldown === true && now < (group.cooldown?.until ?? 0))
      throw new ApiError("ScalingActivityInProgress", "The group is in its cooldown period.");
    const breach = (input.MetricValue ?? 0) - (input.BreachThreshold ?? 0);
    const asked = adjustedCapacity(policy.spec, group.desired, breach);
    const { minSize, maxSize } = group.settings;
    const desired = checkedDesired(
      Math.min(Math.max(asked ?? group.desired, minSize), maxSize),
      group.settings,
    );
    const until = now + (policy.spec.cooldown ?? 0) * 1_000;
    const direction = desired > group.desired ? ("out" as const) : ("in" as const);
    const cooldown = { direction, from: group.desired, to: desired, until };
    tx.put("autoScalingGroup", group.arn, { ...group, desired, cooldown });
  });
  return {};
}
