import type * as sdk from "@aws-sdk/client-scheduler";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { groupArnOf, namedArnOf } from "./lookups.ts";

type Given = string | undefined;
type Named = { readonly Name?: Given; readonly GroupName?: Given };

/**
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EventBridge
 * Scheduler".
 */
export function schedulerPermissions() {
  const schedule = (input: Named, place: Caller): readonly Need[] =>
    on(namedArnOf(place, input.GroupName, input.Name));
  const withRole = (
    input: Named & { readonly Target?: { readonly RoleArn?: Given } | undefined },
    place: Caller,
  ) => [
    ...schedule(input, place),
    ...passRole(input.Target?.RoleArn, namedArnOf(place, input.GroupName, input.Name)),
  ];
  const group = (input: { readonly Name?: Given }, place: Caller): readonly Need[] =>
    on(groupArnOf(place, input.Name));
  const tagged = (input: { readonly ResourceArn?: Given }): readonly Need[] => on(input.ResourceArn ?? "*");
  return {
    CreateSchedule: withRole,
    UpdateSchedule: withRole,
    GetSchedule: schedule,
    DeleteSchedule: schedule,
    ListSchedules: "*",
    CreateScheduleGroup: (input, place) => [
      ...group(input, place),
      ...tagOnCreate(input.Tags, {
        action: "scheduler:TagResource",
        resource: groupArnOf(place, input.Name),
      }),
    ],
    GetScheduleGroup: group,
    DeleteScheduleGroup: group,
    ListScheduleGroups: "*",
    TagResource: tagged,
    UntagResource: tagged,
    ListTagsForResource: tagged,
  } satisfies PermissionTable<typeof sdk>;
}

/** The role by which Scheduler invokes the target. */
function passRole(resource: Given, scheduleArn: string): readonly Need[] {
  if (resource === undefined) return [];
  return [
    {
      action: "iam:PassRole",
      resource,
      conditions: {
        "iam:PassedToService": "scheduler.amazonaws.com",
        "iam:AssociatedResourceArn": scheduleArn,
      },
    },
  ];
}
