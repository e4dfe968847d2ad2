import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import { formatArn } from "@gantry/kernel";
import {
  removeScalingPolicy,
  type Reader,
  type ScalingPolicyRecord,
  type TargetTrackingSpec,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { putTrackingAlarms } from "./alarms.ts";
import {
  checkNamespace,
  DIMENSION,
  findTarget,
  NAMESPACE,
  notFound,
  pageOfParts,
  targetsIn,
  validation,
} from "./lookups.ts";
import { checkLabel } from "./request-count-label.ts";
import { presentStep, toStepSpec } from "./step-spec.ts";
import { presentTracking, toTrackingSpec } from "./tracking-spec.ts";

/** Source: Application Auto Scaling User Guide, "Quotas". */
const POLICIES_MAX = 50;

/** Scaling policies: how a target's capacity follows alarms. */
export function policyOperations(deps: ApiDeps) {
  return {
    PutScalingPolicy: (input, context) => putPolicy(deps, input, context),
    DescribeScalingPolicies: (input, context) => describePolicies(deps, input, context),
    DeleteScalingPolicy: (input, context) => deletePolicy(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Creates or replaces a policy. Source: API_PutScalingPolicy.
 * Errors: ObjectNotFoundException, ValidationException, LimitExceededException.
 */
function putPolicy(
  { store, ids, clock }: ApiDeps,
  input: sdk.PutScalingPolicyRequest,
  context: RequestContext,
): sdk.PutScalingPolicyResponse {
  checkNamespace(input);
  return store.transact((tx) => {
    const target = findTarget(tx, context, input);
    const name = input.PolicyName ?? "";
    const policies = tx.listBy("scalingPolicy", "target", target.arn);
    const before = policies.find((policy) => policy.name === name);
    if (before === undefined && policies.length >= POLICIES_MAX)
      throw new ApiError(
        "LimitExceededException",
        `A scalable target must not have more than ${POLICIES_MAX} scaling policies.`,
      );
    const spec = toSpec(input, before);
    if (before !== undefined && before.spec.type !== spec.type)
      throw validation("Policy type cannot be changed: delete the policy first.");
    if (spec.type === "targetTracking") checkMetric(tx, target.serviceArn, spec);
    const { resourceId } = target;
    const path = `resource/${NAMESPACE}/${resourceId}:policyName/${name}`;
    const now = clock.now();
    const arn = before?.arn ?? formatArn("autoscaling", context, `scalingPolicy:${ids.uuid()}:${path}`);
    const alarms =
      spec.type === "step"
        ? undefined
        : putTrackingAlarms(tx, context, { arn, spec, alarms: before?.alarms }, { resourceId, ids, now });
    const { account, region } = context;
    const createdAt = before?.createdAt ?? now;
    const record = {
      account,
      region,
      arn,
      name,
      targetArn: target.arn,
      spec,
      alarms,
      decidedAt: before?.decidedAt,
      createdAt,
    };
    tx.put("scalingPolicy", arn, record);
    return { PolicyARN: arn, Alarms: alarmsOf(record) };
  });
}

function checkMetric(reader: Reader, serviceArn: string, { metric }: TargetTrackingSpec): void {
  if (metric.type === "predefined" && metric.metricType === "ALBRequestCountPerTarget")
    checkLabel(reader, serviceArn, metric.resourceLabel);
}

/** Source: API_PutScalingPolicy: PolicyType is StepScaling unless given. Errors: ValidationException. */
function toSpec(
  input: sdk.PutScalingPolicyRequest,
  before: ScalingPolicyRecord | undefined,
): ScalingPolicyRecord["spec"] {
  const kept = before?.spec.type === "targetTracking" ? "TargetTrackingScaling" : "StepScaling";
  const type = input.PolicyType ?? kept;
  if (type === "PredictiveScaling")
    throw validation(
      "Gantry does not support the policy type PredictiveScaling: use TargetTrackingScaling or StepScaling.",
    );
  const { StepScalingPolicyConfiguration: step, TargetTrackingScalingPolicyConfiguration: tracking } = input;
  if (type === "TargetTrackingScaling") {
    if (tracking === undefined || step !== undefined)
      throw validation(
        "TargetTrackingScalingPolicyConfiguration must be specified for policy type TargetTrackingScaling.",
      );
    return toTrackingSpec(tracking, input.ResourceId ?? "");
  }
  if (step === undefined || tracking !== undefined)
    throw validation("StepScalingPolicyConfiguration must be specified for policy type StepScaling.");
  return toStepSpec(step);
}

/** Errors: ValidationException, InvalidNextTokenException. */
function describePolicies(
  { store }: ApiDeps,
  input: sdk.DescribeScalingPoliciesRequest,
  context: Place,
): sdk.DescribeScalingPoliciesResponse {
  checkNamespace(input);
  const alarms = store.list("alarm", formatArn("cloudwatch", context, "alarm:"));
  const { items, nextToken } = pageOfParts(
    targetsIn(store, context, input.ResourceId),
    ({ arn }) => store.listBy("scalingPolicy", "target", arn),
    { ...input, names: input.PolicyNames },
  );
  return {
    NextToken: nextToken,
    ScalingPolicies: items.map(({ part: policy, resourceId }) => ({
      PolicyARN: policy.arn,
      PolicyName: policy.name,
      ServiceNamespace: NAMESPACE,
      ResourceId: resourceId,
      ScalableDimension: DIMENSION,
      CreationTime: new Date(policy.createdAt),
      // A step policy has the alarms that name it as an action.
      Alarms:
        policy.spec.type === "step"
          ? alarms
              .filter((alarm) =>
                [alarm.okActions, alarm.alarmActions, alarm.insufficientDataActions].some((list) =>
                  list.includes(policy.arn),
                ),
              )
              .map((alarm) => ({ AlarmName: alarm.name, AlarmARN: alarm.arn }))
          : alarmsOf(policy),
      ...(policy.spec.type === "step"
        ? { PolicyType: "StepScaling", StepScalingPolicyConfiguration: presentStep(policy.spec) }
        : {
            PolicyType: "TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration: presentTracking(policy.spec),
          }),
    })),
  };
}

function alarmsOf({ alarms }: Pick<ScalingPolicyRecord, "alarms">): sdk.Alarm[] {
  return [alarms?.high, alarms?.low].flatMap((arn) =>
    arn === undefined
      ? []
      : [{ AlarmName: arn.slice(arn.indexOf(":alarm:") + ":alarm:".length), AlarmARN: arn }],
  );
}

/**
 * Removes a policy and the alarms that were made for it.
 * Source: API_DeleteScalingPolicy.
 * Errors: ObjectNotFoundException.
 */
function deletePolicy(
  { store }: ApiDeps,
  input: sdk.DeleteScalingPolicyRequest,
  context: Place,
): sdk.DeleteScalingPolicyResponse {
  store.transact((tx) => {
    const target = findTarget(tx, context, input);
    const policy = tx
      .listBy("scalingPolicy", "target", target.arn)
      .find(({ name }) => name === input.PolicyName);
    if (policy === undefined) throw notFound(`No scaling policy found for name: ${input.PolicyName}`, input);
    removeScalingPolicy(tx, policy.arn);
  });
  return {};
}
