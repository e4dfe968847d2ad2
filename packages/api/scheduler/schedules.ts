import type * as sdk from "@aws-sdk/client-scheduler";
import { trustsService } from "@gantry/iam";
import type { Vault } from "@gantry/kernel";
import {
  isTimezone,
  nextOfSchedule,
  parseSchedule,
  type EventTargetRecord,
  type Reader,
  type ScheduleRecord,
} from "@gantry/state";
import { scheduleUse } from "@gantry/state/transactions/schedule-inputs";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { protect, reveal } from "../common/protected-values.ts";
import { runTaskSpec } from "../eventbridge/run-task-spec.ts";
import { ApiError } from "./api-error.ts";
import {
  conflict,
  DEFAULT_GROUP,
  findGroup,
  findSchedule,
  groupArnOf,
  pageOf,
  namedArnOf,
  validation,
} from "./lookups.ts";
import { queueFields } from "../eventbridge/queue-targets.ts";
import { targetProblem } from "./target-spec.ts";

/** Of one account: each is a timer, and its occurrences are written. AWS has a million by default. */
const SCHEDULES_MAX = 10_000;
/** Source: API_RetryPolicy. */
const RETRY = { attempts: 185, ageSeconds: 86_400 };
const TARGET_MEMBERS = [
  ...(["Input", "RetryPolicy", "EcsParameters", "EventBridgeParameters"] as const),
  ...(["SqsParameters", "DeadLetterConfig"] as const),
];

/** Schedules: at a time, at a rate, or by a cron expression in a time zone. */
export function scheduleOperations(deps: ApiDeps) {
  return {
    CreateSchedule: (input, context) => createSchedule(deps, input, context),
    UpdateSchedule: (input, context) => updateSchedule(deps, input, context),
    GetSchedule: (input, context) => {
      const schedule = findSchedule(deps.store, context, input.GroupName, input.Name);
      return presentSchedule(schedule, inputOf(deps, schedule, context));
    },
    DeleteSchedule: (input, context) => deleteSchedule(deps, input, context),
    ListSchedules: (input, context) => listSchedules(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ConflictException, ResourceNotFoundException, ServiceQuotaExceededException, ValidationException. */
function createSchedule(
  { store, clock, vault }: ApiDeps,
  input: sdk.CreateScheduleInput,
  place: RequestContext,
): sdk.CreateScheduleOutput {
  return store.transact((tx) => {
    findGroup(tx, place, input.GroupName);
    const arn = namedArnOf(place, input.GroupName, input.Name);
    const before = tx.get("schedule", arn);
    const now = clock.now();
    const schedule = toSchedule(input, { reader: tx, vault, place, createdAt: now, now });
    if (before !== undefined) throw conflict(`Schedule ${input.Name ?? ""} already exists.`);
    if (tx.countBy("schedule", "account", place.account) >= SCHEDULES_MAX)
      throw new ApiError(
        "ServiceQuotaExceededException",
        `An account has at most ${SCHEDULES_MAX} schedules.`,
        { status: 402 },
      );
    tx.put("schedule", arn, schedule);
    return { ScheduleArn: arn };
  });
}

/** Replaces all of a schedule. Errors: ResourceNotFoundException, ValidationException. */
function updateSchedule(
  { store, clock, vault }: ApiDeps,
  input: sdk.UpdateScheduleInput,
  place: RequestContext,
): sdk.UpdateScheduleOutput {
  return store.transact((tx) => {
    const before = findSchedule(tx, place, input.GroupName, input.Name);
    const { createdAt } = before;
    const next = toSchedule(input, { reader: tx, vault, place, createdAt, now: clock.now() });
    tx.put("schedule", next.arn, next);
    return { ScheduleArn: next.arn };
  });
}

interface At {
  readonly reader: Reader;
  readonly vault: Vault;
  readonly place: RequestContext;
  readonly createdAt: number;
  readonly now: number;
}

function toSchedule(input: sdk.CreateScheduleInput, at: At): ScheduleRecord {
  const { place, createdAt, now } = at;
  const { FlexibleTimeWindow: window, ScheduleExpressionTimezone: timezone } = input;
  const arn = namedArnOf(place, input.GroupName, input.Name);
  const schedule: ScheduleRecord = {
    account: place.account,
    region: place.region,
    arn,
    name: input.Name ?? "",
    groupName: input.GroupName ?? DEFAULT_GROUP,
    groupArn: groupArnOf(place, input.GroupName),
    expression: input.ScheduleExpression ?? "",
    timezone,
    startAt: input.StartDate?.getTime(),
    endAt: input.EndDate?.getTime(),
    description: input.Description,
    enabled: input.State !== "DISABLED",
    windowMinutes: window?.Mode === "FLEXIBLE" ? window.MaximumWindowInMinutes : undefined,
    deleteAfterCompletion: input.ActionAfterCompletion === "DELETE",
    target: withEncryptedInput(
      toTarget(input.Target, { ...at, groupArn: groupArnOf(place, input.GroupName) }),
      { ...at, arn, keyId: input.KmsKeyArn },
    ),
    ...(input.KmsKeyArn === undefined ? {} : { kmsKeyArn: input.KmsKeyArn }),
    createdAt,
    modifiedAt: now,
    nextAt: undefined,
  };
  if (window?.Mode === "FLEXIBLE" && schedule.windowMinutes === undefined)
    throw validation("MaximumWindowInMinutes is required for the mode FLEXIBLE.");
  if (window?.Mode === "OFF" && window.MaximumWindowInMinutes !== undefined)
    throw validation("MaximumWindowInMinutes must not be set for the mode OFF.");
  checkTimes(schedule);
  return { ...schedule, nextAt: nextOfSchedule(schedule, now) };
}

/** Errors: ValidationException. */
function checkTimes({ expression, timezone, startAt, endAt, createdAt }: ScheduleRecord): void {
  if (timezone !== undefined && !isTimezone(timezone))
    throw validation("Invalid Schedule Expression Timezone.");
  if (parseSchedule(expression, { timezone, startAt: startAt ?? createdAt }) === undefined)
    throw validation(`Invalid Schedule Expression ${expression}.`);
  if (startAt !== undefined && endAt !== undefined && endAt <= startAt)
    throw validation("The EndDate you specify must come after the StartDate.");
}

/**
 * The target with its input under the schedule's KMS key, where it has one. Its caller needs `kms:DescribeKey`,
 * `kms:GenerateDataKey` and `kms:Decrypt`. Source: EventBridge Scheduler User Guide, "Encryption at rest".
 * Errors: ValidationException for a key that cannot be used, AccessDeniedException.
 */
function withEncryptedInput(
  target: EventTargetRecord,
  { reader, vault, place, arn, keyId }: At & { readonly arn: string; readonly keyId: string | undefined },
): EventTargetRecord {
  if (keyId === undefined) return target;
  const { Input: given, ...parameters } = target.parameters;
  const plaintext = typeof given === "string" ? given : "";
  const encryptedInput = protect(reader, { vault }, place, { plaintext, keyId, use: scheduleUse(arn) });
  return { ...target, parameters, encryptedInput };
}

/** The input of a schedule; under a KMS key its reader needs `kms:Decrypt`. Errors: as withEncryptedInput. */
function inputOf(
  { store, vault }: ApiDeps,
  { arn, target }: ScheduleRecord,
  context: RequestContext,
): string | undefined {
  const { encryptedInput, parameters } = target;
  if (encryptedInput === undefined)
    return typeof parameters["Input"] === "string" ? parameters["Input"] : undefined;
  const text = reveal(store, { vault }, context, { ...encryptedInput, use: scheduleUse(arn) });
  return text === "" ? undefined : text;
}

/** Errors: ValidationException for a target that cannot be invoked, or a role that Scheduler cannot assume. */
function toTarget(
  target: sdk.Target | undefined,
  { reader, place, groupArn, now }: { reader: Reader; place: Place; groupArn: string; now: number },
): EventTargetRecord {
  const problem = targetProblem(target ?? { Arn: undefined, RoleArn: undefined }, place);
  if (problem !== undefined) throw validation(problem);
  const role = reader.get("role", target?.RoleArn);
  const caller = {
    service: "scheduler.amazonaws.com",
    sourceArn: groupArn,
    sourceAccount: place.account,
    now,
  };
  if (role?.account !== place.account || !trustsService(role, caller))
    throw validation(
      "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
    );
  const retry = target?.RetryPolicy;
  return {
    id: "target",
    ...queueFields(target ?? {}),
    runTask: runTaskSpec(target?.EcsParameters),
    putEvents:
      target?.EventBridgeParameters === undefined
        ? undefined
        : {
            detailType: target.EventBridgeParameters.DetailType ?? "",
            source: target.EventBridgeParameters.Source ?? "",
          },
    arn: target?.Arn ?? "",
    roleArn: target?.RoleArn,
    parameters: Object.fromEntries(
      TARGET_MEMBERS.flatMap((name) => (target?.[name] === undefined ? [] : [[name, target[name]]])),
    ),
    retry: {
      attempts: retry?.MaximumRetryAttempts ?? RETRY.attempts,
      ageSeconds: retry?.MaximumEventAgeInSeconds ?? RETRY.ageSeconds,
    },
  };
}

/** Errors: ResourceNotFoundException. */
function deleteSchedule({ store }: ApiDeps, input: sdk.DeleteScheduleInput, place: Place): object {
  store.transact((tx) => tx.delete("schedule", findSchedule(tx, place, input.GroupName, input.Name).arn));
  return {};
}

function listSchedules(
  { store }: ApiDeps,
  input: sdk.ListSchedulesInput,
  place: Place,
): sdk.ListSchedulesOutput {
  const { GroupName: group } = input;
  const found =
    group === undefined
      ? store.list("schedule", namedArnOf(place, "", "").slice(0, -1))
      : store.listBy("schedule", "group", findGroup(store, place, group).arn);
  const all = found.filter(
    (each) =>
      each.name.startsWith(input.NamePrefix ?? "") &&
      (input.State === undefined || (input.State === "ENABLED") === each.enabled),
  );
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return { Schedules: items.map(presentSummary), NextToken: nextToken };
}

function presentSummary(schedule: ScheduleRecord): sdk.ScheduleSummary {
  return {
    Arn: schedule.arn,
    Name: schedule.name,
    GroupName: schedule.groupName,
    State: schedule.enabled ? "ENABLED" : "DISABLED",
    CreationDate: new Date(schedule.createdAt),
    LastModificationDate: new Date(schedule.modifiedAt),
    Target: { Arn: schedule.target.arn },
  };
}

function presentSchedule(schedule: ScheduleRecord, input: string | undefined): sdk.GetScheduleOutput {
  const { target, windowMinutes, startAt, endAt } = schedule;
  return {
    Arn: schedule.arn,
    Name: schedule.name,
    GroupName: schedule.groupName,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timezone ?? "UTC",
    StartDate: startAt === undefined ? undefined : new Date(startAt),
    EndDate: endAt === undefined ? undefined : new Date(endAt),
    Description: schedule.description,
    KmsKeyArn: schedule.kmsKeyArn,
    State: schedule.enabled ? "ENABLED" : "DISABLED",
    FlexibleTimeWindow:
      windowMinutes === undefined
        ? { Mode: "OFF" }
        : { Mode: "FLEXIBLE", MaximumWindowInMinutes: windowMinutes },
    ActionAfterCompletion: schedule.deleteAfterCompletion ? "DELETE" : "NONE",
    Target: {
      ...target.parameters,
      Input: input,
      Arn: target.arn,
      RoleArn: target.roleArn,
      RetryPolicy: {
        MaximumEventAgeInSeconds: target.retry.ageSeconds,
        MaximumRetryAttempts: target.retry.attempts,
      },
    },
    CreationDate: new Date(schedule.createdAt),
    LastModificationDate: new Date(schedule.modifiedAt),
  };
}
