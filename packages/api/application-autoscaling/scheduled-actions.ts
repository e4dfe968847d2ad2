import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import { formatArn } from "@gantry/kernel";
import { isTimezone, parseSchedule, type Reader, type ScheduledActionRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
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

/** Source: Application Auto Scaling User Guide, "Quotas". */
const ACTIONS_MAX = 200;

/** Scheduled actions: changes of a target's bounds at set times. */
export function scheduledActionOperations(deps: ApiDeps) {
  return {
    PutScheduledAction: (input, context) => putAction(deps, input, context),
    DescribeScheduledActions: (input, context) => describeActions(deps, input, context),
    DeleteScheduledAction: (input, context) => deleteAction(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Creates an action, or changes what is given of one. Source: API_PutScheduledAction.
 * Errors: ObjectNotFoundException, ValidationException, LimitExceededException.
 */
function putAction(
  { store, ids, clock }: ApiDeps,
  input: sdk.PutScheduledActionRequest,
  context: Place,
): sdk.PutScheduledActionResponse {
  store.transact((tx) => {
    const target = findTarget(tx, context, input);
    const name = input.ScheduledActionName ?? "";
    const actions = tx.listBy("scheduledAction", "target", target.arn);
    const before = actions.find((each) => each.name === name);
    if (before === undefined && actions.length >= ACTIONS_MAX)
      throw new ApiError(
        "LimitExceededException",
        `A scalable target must not have more than ${ACTIONS_MAX} scheduled actions.`,
      );
    const now = clock.now();
    const path = `resource/${NAMESPACE}/${target.resourceId}:scheduledActionName/${name}`;
    const action: ScheduledActionRecord = {
      account: context.account,
      region: context.region,
      arn: before?.arn ?? formatArn("autoscaling", context, `scheduledAction:${ids.uuid()}:${path}`),
      name,
      targetArn: target.arn,
      schedule: input.Schedule ?? before?.schedule ?? "",
      timezone: input.Timezone ?? before?.timezone,
      startAt: input.StartTime?.getTime() ?? before?.startAt,
      endAt: input.EndTime?.getTime() ?? before?.endAt,
      minCapacity:
        input.ScalableTargetAction === undefined
          ? before?.minCapacity
          : input.ScalableTargetAction.MinCapacity,
      maxCapacity:
        input.ScalableTargetAction === undefined
          ? before?.maxCapacity
          : input.ScalableTargetAction.MaxCapacity,
      createdAt: before?.createdAt ?? now,
      handledUntil: now,
    };
    checkAction(action, now);
    tx.put("scheduledAction", action.arn, action);
  });
  return {};
}

function checkAction(action: ScheduledActionRecord, now: number): void {
  const { schedule, timezone, startAt = now, endAt, minCapacity: min, maxCapacity: max } = action;
  if (timezone !== undefined && !isTimezone(timezone)) throw validation(`Invalid timezone: ${timezone}`);
  if (parseSchedule(schedule, { timezone, startAt }) === undefined)
    throw validation(`Schedule expression ${schedule} is not valid: use at(...), rate(...) or cron(...)`);
  if (endAt !== undefined && endAt <= startAt) throw validation("StartTime must be before EndTime");
  if (min === undefined && max === undefined)
    throw validation("ScalableTargetAction must specify MinCapacity, MaxCapacity or both");
  if (min !== undefined && max !== undefined && min > max)
    throw validation("Minimum capacity cannot be greater than maximum capacity");
}

/** Errors: ValidationException, InvalidNextTokenException. */
function describeActions(
  { store }: ApiDeps,
  input: sdk.DescribeScheduledActionsRequest,
  context: Place,
): sdk.DescribeScheduledActionsResponse {
  checkNamespace(input);
  const { items, nextToken } = pageOfParts(
    targetsIn(store, context, input.ResourceId),
    ({ arn }) => store.listBy("scheduledAction", "target", arn),
    { ...input, names: input.ScheduledActionNames },
  );
  return { ScheduledActions: items.map(presentAction), NextToken: nextToken };
}

function presentAction({
  part: action,
  resourceId,
}: {
  part: ScheduledActionRecord;
  resourceId: string;
}): sdk.ScheduledAction {
  const date = (at: number | undefined) => (at === undefined ? undefined : new Date(at));
  return {
    ScheduledActionName: action.name,
    ScheduledActionARN: action.arn,
    ServiceNamespace: NAMESPACE,
    Schedule: action.schedule,
    Timezone: action.timezone,
    ResourceId: resourceId,
    ScalableDimension: DIMENSION,
    StartTime: date(action.startAt),
    EndTime: date(action.endAt),
    ScalableTargetAction: { MinCapacity: action.minCapacity, MaxCapacity: action.maxCapacity },
    CreationTime: new Date(action.createdAt),
  };
}

/** Errors: ObjectNotFoundException. */
function deleteAction(
  { store }: ApiDeps,
  input: sdk.DeleteScheduledActionRequest,
  context: Place,
): sdk.DeleteScheduledActionResponse {
  store.transact((tx) => {
    const action = actionNamed(tx, findTarget(tx, context, input).arn, input.ScheduledActionName);
    if (action === undefined)
      throw notFound(`No scheduled action found for name: ${input.ScheduledActionName}`, input);
    tx.delete("scheduledAction", action.arn);
  });
  return {};
}

function actionNamed(
  reader: Reader,
  targetArn: string,
  name: string | undefined,
): ScheduledActionRecord | undefined {
  return reader.listBy("scheduledAction", "target", targetArn).find((action) => action.name === name);
}
