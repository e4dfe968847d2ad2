import type * as sdk from "@aws-sdk/client-auto-scaling";
import { formatArn } from "@gantry/kernel";
import {
  isTimezone,
  parseSchedule,
  type Reader,
  type ScheduledActionRecord,
  type Transaction,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { ApiError, validation } from "./api-error.ts";
import { findGroup, groupsOf } from "./lookups.ts";

/** Source: EC2 Auto Scaling User Guide, "Quotas". */
const ACTIONS_MAX = 125;

/** Changes of a group's sizes at set times. Source: API_PutScheduledUpdateGroupAction and following. */
export function scheduledActionOperations(deps: ApiDeps) {
  return {
    PutScheduledUpdateGroupAction: (input, context) => {
      deps.store.transact((tx) => putAction(tx, deps, { input, context }));
      return {};
    },
    DescribeScheduledActions: (input, context) => describeActions(deps, input, context),
    DeleteScheduledAction: (input, context) => deleteAction(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ValidationError, LimitExceeded. */
function putAction(
  tx: Transaction,
  { ids, clock }: ApiDeps,
  {
    input,
    context,
  }: { readonly input: sdk.PutScheduledUpdateGroupActionType; readonly context: RequestContext },
): void {
  const group = findGroup(tx, context, input.AutoScalingGroupName);
  const name = input.ScheduledActionName ?? "";
  const actions = tx.listBy("scheduledAction", "target", group.arn);
  const before = actions.find((each) => each.name === name);
  if (before === undefined && actions.length >= ACTIONS_MAX)
    throw new ApiError("LimitExceeded", `A group must not have more than ${ACTIONS_MAX} scheduled actions.`);
  const { MinSize: minCapacity, MaxSize: maxCapacity, DesiredCapacity: desiredCapacity } = input;
  if (minCapacity === undefined && maxCapacity === undefined && desiredCapacity === undefined)
    throw validation("At least one of MinSize, MaxSize and DesiredCapacity must be specified.");
  const now = clock.now();
  const given = (input.StartTime ?? input.Time)?.getTime() ?? before?.startAt;
  // Schedules have whole seconds.
  const startAt = given === undefined ? undefined : given - (given % 1_000);
  if (input.Recurrence === undefined && (startAt === undefined || startAt <= now))
    throw validation("Given start time is in the past");
  if (input.TimeZone !== undefined && !isTimezone(input.TimeZone))
    throw validation(`The time zone '${input.TimeZone}' is not valid.`);
  const path = `autoScalingGroupName/${group.name}:scheduledActionName/${name}`;
  const record: ScheduledActionRecord = {
    ...{ account: context.account, region: context.region, name, targetArn: group.arn },
    arn: before?.arn ?? formatArn("autoscaling", context, `scheduledUpdateGroupAction:${ids.uuid()}:${path}`),
    schedule: scheduleOf(input.Recurrence, startAt ?? now),
    ...{ recurrence: input.Recurrence, timezone: input.TimeZone, startAt, endAt: input.EndTime?.getTime() },
    ...{ minCapacity, maxCapacity, desiredCapacity, createdAt: now, handledUntil: now },
  };
  if (
    parseSchedule(record.schedule, { timezone: record.timezone, startAt: record.startAt ?? now }) ===
    undefined
  )
    throw validation(`Given recurrence string: ${input.Recurrence} is invalid.`);
  tx.put("scheduledAction", record.arn, record);
}

/**
 * A recurrence in the five fields of crontab as a schedule of AWS, which has a year, counts days of the week from 1 and
 * leaves out one of the two days. Source: API_PutScheduledUpdateGroupAction, Recurrence.
 */
export function scheduleOf(recurrence: string | undefined, startAt: number): string {
  if (recurrence === undefined) return `at(${new Date(startAt).toISOString().slice(0, 19)})`;
  const [minute, hour, day = "*", month, weekday = "*", ...more] = recurrence.trim().split(/\s+/);
  if (month === undefined || more.length > 0) return recurrence;
  const days = weekday.replaceAll(/\d+/g, (digit, at: number) =>
    weekday[at - 1] === "/" ? digit : String((Number(digit) % 7) + 1),
  );
  const [first, second] = weekday === "*" ? [day, "?"] : ["?", days];
  return `cron(${minute} ${hour} ${first} ${month} ${second} *)`;
}

function describeActions(
  { store }: ApiDeps,
  input: sdk.DescribeScheduledActionsType,
  context: RequestContext,
): sdk.ScheduledActionsType {
  const { AutoScalingGroupName: name, ScheduledActionNames: names = [] } = input;
  const groups = name === undefined ? groupsOf(store, context) : [findGroup(store, context, name)];
  const [from, to] = [input.StartTime?.getTime() ?? -Infinity, input.EndTime?.getTime() ?? Infinity];
  return {
    ScheduledUpdateGroupActions: groups.flatMap((group) =>
      store
        .listBy("scheduledAction", "target", group.arn)
        .filter((action) => names.length === 0 || names.includes(action.name) || names.includes(action.arn))
        .filter(({ startAt = from }) => startAt >= from && startAt <= to)
        .map((action) => present(action, group.name)),
    ),
  };
}

function present(action: ScheduledActionRecord, groupName: string): sdk.ScheduledUpdateGroupAction {
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms));
  return {
    AutoScalingGroupName: groupName,
    ScheduledActionName: action.name,
    ScheduledActionARN: action.arn,
    StartTime: time(action.startAt ?? nextOf(action)),
    Time: time(action.startAt ?? nextOf(action)),
    EndTime: time(action.endAt),
    Recurrence: action.recurrence,
    MinSize: action.minCapacity,
    MaxSize: action.maxCapacity,
    DesiredCapacity: action.desiredCapacity,
    TimeZone: action.timezone,
  };
}

function nextOf({ schedule, timezone, createdAt }: ScheduledActionRecord): number | undefined {
  return parseSchedule(schedule, { timezone, startAt: createdAt })?.next(createdAt);
}

/** Errors: ValidationError. */
function deleteAction(
  { store }: ApiDeps,
  input: sdk.DeleteScheduledActionType,
  context: RequestContext,
): object {
  store.transact((tx) => {
    const action = actionNamed(tx, context, input);
    if (action === undefined) throw validation("Scheduled action name not found");
    tx.delete("scheduledAction", action.arn);
  });
  return {};
}

export function actionNamed(
  reader: Reader,
  place: Place,
  { AutoScalingGroupName: name, ScheduledActionName }: sdk.DeleteScheduledActionType,
): ScheduledActionRecord | undefined {
  const group = groupsOf(reader, place).find((each) => each.name === name);
  return reader
    .listBy("scheduledAction", "target", group?.arn)
    .find((each) => each.name === ScheduledActionName);
}
