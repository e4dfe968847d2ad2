import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import { removeScalableTarget, scalableTargetArnOf, type ScalableTargetRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ensureLinkedRole, linkedRoleArn } from "../common/service-linked-roles.ts";
import {
  checkNamespace,
  DIMENSION,
  findScaledService,
  findTarget,
  invalidToken,
  NAMESPACE,
  targetsIn,
  validation,
} from "./lookups.ts";
import { checkTags } from "./tags.ts";

const LINKED_SERVICE = "ecs.application-autoscaling.amazonaws.com";
const PAGE = 50;

/** Scalable targets: services whose desired count is kept between two bounds. */
export function targetOperations(deps: ApiDeps) {
  return {
    RegisterScalableTarget: (input, context) => registerTarget(deps, input, context),
    DescribeScalableTargets: (input, context) => describeTargets(deps, input, context),
    DeregisterScalableTarget: (input, context) => deregisterTarget(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Registers a target, or changes what is given of one that is registered. Source: API_RegisterScalableTarget.
 * Errors: ValidationException, TooManyTagsException.
 */
function registerTarget(
  deps: ApiDeps,
  input: sdk.RegisterScalableTargetRequest,
  context: RequestContext,
): sdk.RegisterScalableTargetResponse {
  const { store, clock } = deps;
  findScaledService(store, context, input);
  ensureLinkedRole(deps, context, LINKED_SERVICE);
  const arn = store.transact((tx) => {
    const service = findScaledService(tx, context, input);
    const resourceId = input.ResourceId ?? "";
    const key = scalableTargetArnOf(context, resourceId);
    const before = tx.get("scalableTarget", key);
    const min = input.MinCapacity ?? before?.minCapacity;
    const max = input.MaxCapacity ?? before?.maxCapacity;
    if (min === undefined || max === undefined)
      throw validation("MinCapacity and MaxCapacity must be specified for new scalable targets.");
    if (min > max) throw validation("Minimum capacity cannot be greater than maximum capacity");
    const isRangeNew = min !== before?.minCapacity || max !== before.maxCapacity || before.isRangeNew;
    const tags = before?.tags ?? {};
    const record: ScalableTargetRecord = {
      account: context.account,
      region: context.region,
      arn: key,
      resourceId,
      serviceArn: service.arn,
      minCapacity: min,
      maxCapacity: max,
      suspended: suspendedOf(input.SuspendedState, before?.suspended),
      isRangeNew,
      cooldown: before?.cooldown,
      createdAt: before?.createdAt ?? clock.now(),
      tags: before === undefined ? { ...input.Tags } : tags,
    };
    checkTags(record.tags, key);
    tx.put("scalableTarget", key, record);
    return key;
  });
  return { ScalableTargetARN: arn };
}

/**
 * Members of the suspended state that are left out are not suspended, where any member is given.
 * Source: API_SuspendedState.
 */
function suspendedOf(
  given: sdk.SuspendedState | undefined,
  before: ScalableTargetRecord["suspended"] = { scaleIn: false, scaleOut: false, scheduled: false },
): ScalableTargetRecord["suspended"] {
  if (given === undefined) return before;
  return {
    scaleIn: given.DynamicScalingInSuspended ?? false,
    scaleOut: given.DynamicScalingOutSuspended ?? false,
    scheduled: given.ScheduledScalingSuspended ?? false,
  };
}

/** Errors: ValidationException, InvalidNextTokenException. */
function describeTargets(
  { store }: ApiDeps,
  input: sdk.DescribeScalableTargetsRequest,
  context: Place,
): sdk.DescribeScalableTargetsResponse {
  checkNamespace(input);
  const { ResourceIds: wanted = [] } = input;
  const all = targetsIn(store, context, undefined).filter(
    ({ resourceId }) => wanted.length === 0 || wanted.includes(resourceId),
  );
  const { items, nextToken } = page(all, ({ arn }) => arn, {
    token: input.NextToken,
    size: input.MaxResults ?? PAGE,
    invalidToken,
  });
  return { ScalableTargets: items.map(presentTarget), NextToken: nextToken };
}

function presentTarget(target: ScalableTargetRecord): sdk.ScalableTarget {
  return {
    ServiceNamespace: NAMESPACE,
    ResourceId: target.resourceId,
    ScalableDimension: DIMENSION,
    MinCapacity: target.minCapacity,
    MaxCapacity: target.maxCapacity,
    RoleARN: linkedRoleArn(target.account, LINKED_SERVICE),
    CreationTime: new Date(target.createdAt),
    SuspendedState: {
      DynamicScalingInSuspended: target.suspended.scaleIn,
      DynamicScalingOutSuspended: target.suspended.scaleOut,
      ScheduledScalingSuspended: target.suspended.scheduled,
    },
    ScalableTargetARN: target.arn,
  };
}

/**
 * Removes a target with its policies and scheduled actions.
 * Source: API_DeregisterScalableTarget.
 * Errors: ObjectNotFoundException.
 */
function deregisterTarget(
  { store }: ApiDeps,
  input: sdk.DeregisterScalableTargetRequest,
  context: Place,
): sdk.DeregisterScalableTargetResponse {
  store.transact((tx) => removeScalableTarget(tx, findTarget(tx, context, input)));
  return {};
}
