import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import { scalableTargetArnOf, type ScalingActivityRecord } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { checkNamespace, DIMENSION, invalidToken, NAMESPACE } from "./lookups.ts";

const PAGE = 50;

/** The history of scaling. */
export function activityOperations(deps: ApiDeps) {
  return {
    DescribeScalingActivities: (input, context) => describeActivities(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** The newest first. Source: API_DescribeScalingActivities. Errors: ValidationException, InvalidNextTokenException. */
function describeActivities(
  { store }: ApiDeps,
  input: sdk.DescribeScalingActivitiesRequest,
  context: Place,
): sdk.DescribeScalingActivitiesResponse {
  checkNamespace(input);
  const found =
    input.ResourceId === undefined
      ? store.list("scalingActivity").filter((activity) => isIn(activity, context))
      : store.listBy("scalingActivity", "target", scalableTargetArnOf(context, input.ResourceId));
  const all = found
    .filter(({ notScaled }) => notScaled === undefined || input.IncludeNotScaledActivities === true)
    .toReversed()
    .toSorted((a, b) => b.startedAt - a.startedAt);
  // A token names the last activity of the page before it.
  const start = input.NextToken === undefined ? 0 : all.findIndex(({ id }) => id === input.NextToken) + 1;
  if (input.NextToken !== undefined && start === 0) throw invalidToken();
  const size = input.MaxResults ?? PAGE;
  const items = all.slice(start, start + size);
  return {
    ScalingActivities: items.map(presentActivity),
    NextToken: start + size < all.length ? items.at(-1)?.id : undefined,
  };
}

function presentActivity(activity: ScalingActivityRecord): sdk.ScalingActivity {
  const { notScaled, endedAt } = activity;
  return {
    ActivityId: activity.id,
    ServiceNamespace: NAMESPACE,
    ResourceId: activity.resourceId,
    ScalableDimension: DIMENSION,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: new Date(activity.startedAt),
    EndTime: endedAt === undefined ? undefined : new Date(endedAt),
    StatusCode: activity.statusCode,
    StatusMessage: activity.statusMessage,
    NotScaledReasons: notScaled === undefined ? undefined : [presentReason(notScaled)],
  };
}

function presentReason({
  code,
  min,
  max,
  current,
}: NonNullable<ScalingActivityRecord["notScaled"]>): sdk.NotScaledReason {
  switch (code) {
    case "AlreadyAtMaxCapacity":
      return { Code: code, MaxCapacity: max };
    case "AlreadyAtMinCapacity":
      return { Code: code, MinCapacity: min };
    case "AlreadyAtDesiredCapacity":
      return { Code: code, CurrentCapacity: current };
  }
}
