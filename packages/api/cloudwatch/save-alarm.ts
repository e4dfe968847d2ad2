import type * as sdk from "@aws-sdk/client-cloudwatch";
import { addAlarmHistory, type AlarmRecord, type Transaction } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { alarmArnOf, alarmOf, validationError } from "./lookups.ts";
import { presentAlarm } from "./present-alarm.ts";

type CommonInput = Pick<
  sdk.PutMetricAlarmInput,
  | "AlarmName"
  | "AlarmDescription"
  | "ActionsEnabled"
  | "OKActions"
  | "AlarmActions"
  | "InsufficientDataActions"
  | "Tags"
>;

/** Stores an alarm in a transaction of its own. Source: API_PutMetricAlarm. Errors: as `saveAlarmIn`. */
export function saveAlarm(
  { store, clock }: CloudWatchDeps,
  context: RequestContext,
  input: CommonInput,
  spec: AlarmRecord["spec"],
): void {
  store.transact((tx) => saveAlarmIn(tx, { place: context, now: clock.now() }, input, spec));
}

/**
 * Of one account in one region: each is evaluated again and again.
 * Source: CloudWatch User Guide, "CloudWatch service quotas".
 */
const ALARMS_MAX = 5_000;

/**
 * Stores a new alarm in the state INSUFFICIENT_DATA, or the new configuration of one whose state stays. Tags
 * count only for a new alarm. Returns its ARN. Errors: LimitExceeded; ValidationError where the name is that
 * of an alarm of another type.
 */
export function saveAlarmIn(
  tx: Transaction,
  { place, now }: { readonly place: Place; readonly now: number },
  input: CommonInput,
  spec: AlarmRecord["spec"],
): string {
  const name = input.AlarmName ?? "";
  const before = alarmOf(tx, place, name);
  if (before !== undefined && before.spec.type !== spec.type)
    throw validationError(`An alarm of another type has the name ${name}.`);
  const key = `${place.account}/${place.region}`;
  if (before === undefined && tx.countBy("alarm", "place", key) >= ALARMS_MAX)
    throw new ApiError("LimitExceeded", "The maximum limit for alarms in the account has been reached.");
  const after: AlarmRecord = {
    ...(before ?? newAlarm(place, name, now)),
    description: input.AlarmDescription,
    spec,
    actionsEnabled: input.ActionsEnabled ?? true,
    okActions: input.OKActions ?? [],
    alarmActions: input.AlarmActions ?? [],
    insufficientDataActions: input.InsufficientDataActions ?? [],
    configurationUpdatedAt: now,
    tags: before?.tags ?? toTags(input.Tags),
  };
  tx.put("alarm", after.arn, after);
  addAlarmHistory(tx, after, {
    at: now,
    itemType: "ConfigurationUpdate",
    summary: `Alarm "${name}" ${before === undefined ? "created" : "updated"}`,
    data:
      before === undefined
        ? { version: "1.0", type: "Create", createdAlarm: presentAlarm(after) }
        : { version: "1.0", type: "Update", updatedAlarm: presentAlarm(after) },
  });
  return after.arn;
}

function newAlarm(
  place: { account: string; region: string },
  name: string,
  now: number,
): Omit<AlarmRecord, "spec" | "description"> {
  return {
    arn: alarmArnOf(place, name),
    name,
    account: place.account,
    region: place.region,
    actionsEnabled: true,
    okActions: [],
    alarmActions: [],
    insufficientDataActions: [],
    stateValue: "INSUFFICIENT_DATA",
    stateReason: "Unchecked: Initial alarm creation",
    stateReasonData: undefined,
    stateUpdatedAt: now,
    stateTransitionedAt: now,
    evaluationState: undefined,
    configurationUpdatedAt: now,
    pendingActions: [],
    suppression: undefined,
    tags: {},
  };
}
