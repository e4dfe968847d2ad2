import type * as sdk from "@aws-sdk/client-auto-scaling";
import type { GroupActivityRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { validation } from "./api-error.ts";
import { groupNamed, groupsOf } from "./lookups.ts";

/** What groups did. Source: API_DescribeScalingActivities. */
export function activityOperations(deps: ApiDeps) {
  return {
    DescribeScalingActivities: (input, context) => describeActivities(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** The newest first. Errors: ValidationError. */
function describeActivities(
  { store }: ApiDeps,
  input: sdk.DescribeScalingActivitiesType,
  context: RequestContext,
): sdk.ActivitiesType {
  const { AutoScalingGroupName: name, ActivityIds: ids = [], IncludeDeletedGroups: _ } = input;
  const named = name === undefined ? undefined : groupNamed(store, context, name);
  if (name !== undefined && named === undefined)
    throw validation(`AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`);
  const groups = named === undefined ? groupsOf(store, context) : [named];
  const all = groups.flatMap(({ arn }) => store.listBy("groupActivity", "group", arn).toReversed());
  const chosen = ids.length === 0 ? all : all.filter(({ id }) => ids.includes(id));
  return { Activities: chosen.map(presentActivity) };
}

export function presentActivity(activity: GroupActivityRecord): sdk.Activity {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: activity.groupName,
    AutoScalingGroupARN: activity.groupArn,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: new Date(activity.startedAt),
    EndTime: activity.endedAt === undefined ? undefined : new Date(activity.endedAt),
    StatusCode: activity.statusCode,
    StatusMessage: activity.statusMessage,
    Progress: activity.endedAt === undefined ? 50 : 100,
    Details: activity.details,
  };
}
