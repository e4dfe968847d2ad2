import type * as sdk from "@aws-sdk/client-cloudwatch";
import {
  addAlarmHistory,
  changeAlarmState,
  type AlarmHistoryRecord,
  type AlarmRecord,
  type Transaction,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { putCompositeAlarm } from "./composite-alarms.ts";
import {
  alarmArnOf,
  alarmOf,
  alarmsIn,
  findAlarm,
  invalidCombination,
  invalidToken,
  validationError,
} from "./lookups.ts";
import { putMetricAlarm } from "./metric-alarms.ts";
import { isExtendedStatistic, toDimensions } from "./metric-spec.ts";
import { presentAlarm, presentAlarms } from "./present-alarm.ts";

/** Source: API_DescribeAlarms, MaxRecords. */
const PAGE = 50;
const HISTORY_PAGE = 100;

/** Alarms, their states and their history. Source: API_PutMetricAlarm and following. */
export function alarmOperations(deps: CloudWatchDeps) {
  return {
    PutMetricAlarm: (input, context) => putMetricAlarm(deps, input, context),
    PutCompositeAlarm: (input, context) => putCompositeAlarm(deps, input, context),
    DescribeAlarms: (input, context) => describeAlarms(deps, input, context),
    DescribeAlarmsForMetric: (input, context) => describeAlarmsForMetric(deps, input, context),
    DescribeAlarmHistory: (input, context) => describeAlarmHistory(deps, input, context),
    SetAlarmState: (input, context) => setAlarmState(deps, input, context),
    EnableAlarmActions: (input, context) => setActionsEnabled(deps, input.AlarmNames, context, true),
    DisableAlarmActions: (input, context) => setActionsEnabled(deps, input.AlarmNames, context, false),
    DeleteAlarms: (input, context) => deleteAlarms(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function describeAlarms(
  { store }: CloudWatchDeps,
  input: sdk.DescribeAlarmsInput,
  context: RequestContext,
): sdk.DescribeAlarmsOutput {
  refuseMembers(input, ["ChildrenOfAlarmName", "ParentsOfAlarmName"], "InvalidParameterValue");
  if (input.AlarmNames !== undefined && input.AlarmNames.length > 0 && input.AlarmNamePrefix !== undefined)
    throw invalidCombination("The parameters AlarmNames and AlarmNamePrefix must not be given together.");
  const types = input.AlarmTypes?.length ? input.AlarmTypes : ["MetricAlarm"];
  const named = input.AlarmNames?.length ? new Set(input.AlarmNames) : undefined;
  const all = alarmsIn(store, context).filter(
    (alarm) =>
      types.includes(typeOf(alarm)) &&
      (named === undefined || named.has(alarm.name)) &&
      alarm.name.startsWith(input.AlarmNamePrefix ?? "") &&
      (input.StateValue === undefined || alarm.stateValue === input.StateValue) &&
      hasAction(alarm, input.ActionPrefix),
  );
  const { items, nextToken } = page(all, (alarm) => alarm.name, {
    token: input.NextToken,
    size: input.MaxRecords ?? PAGE,
    invalidToken,
  });
  return { ...presentAlarms(items), NextToken: nextToken };
}

function hasAction(alarm: AlarmRecord, prefix: string | undefined): boolean {
  const actions = [...alarm.okActions, ...alarm.alarmActions, ...alarm.insufficientDataActions];
  return prefix === undefined || actions.some((action) => action.startsWith(prefix));
}

function typeOf(alarm: AlarmRecord): "MetricAlarm" | "CompositeAlarm" {
  return alarm.spec.type === "metric" ? "MetricAlarm" : "CompositeAlarm";
}

function describeAlarmsForMetric(
  { store }: CloudWatchDeps,
  input: sdk.DescribeAlarmsForMetricInput,
  context: RequestContext,
): sdk.DescribeAlarmsForMetricOutput {
  if (input.ExtendedStatistic !== undefined && !isExtendedStatistic(input.ExtendedStatistic))
    throw validationError(`The extended statistic ${input.ExtendedStatistic} is not valid.`);
  const dimensions = JSON.stringify(toDimensions(input.Dimensions));
  const statistic = input.Statistic ?? input.ExtendedStatistic;
  const found = alarmsIn(store, context).filter(({ spec }) => {
    if (spec.type !== "metric" || spec.source.type !== "metric") return false;
    const { stat } = spec.source;
    return (
      stat.namespace === input.Namespace &&
      stat.metricName === input.MetricName &&
      JSON.stringify(stat.dimensions) === dimensions &&
      (statistic === undefined || stat.statistic === statistic) &&
      (input.Period === undefined || stat.period === input.Period) &&
      (input.Unit === undefined || stat.unit === input.Unit)
    );
  });
  return { MetricAlarms: presentAlarms(found).MetricAlarms };
}

function describeAlarmHistory(
  { store }: CloudWatchDeps,
  input: sdk.DescribeAlarmHistoryInput,
  context: RequestContext,
): sdk.DescribeAlarmHistoryOutput {
  refuseMembers(input, ["AlarmContributorId"], "InvalidParameterValue");
  const types = input.AlarmTypes?.length ? input.AlarmTypes : ["MetricAlarm"];
  const [from, until] = [input.StartDate?.getTime() ?? 0, input.EndDate?.getTime() ?? Infinity];
  const lines =
    input.AlarmName === undefined
      ? store.list("alarmHistory", alarmArnOf(context, ""))
      : store.listBy("alarmHistory", "alarm", alarmArnOf(context, input.AlarmName));
  const all = lines.filter(
    (line) =>
      // Without a name AWS answers the lines of the given types, by default those of metric alarms.
      (input.AlarmName !== undefined && input.AlarmTypes === undefined
        ? true
        : types.includes(line.alarmType)) &&
      (input.HistoryItemType === undefined || line.itemType === input.HistoryItemType) &&
      line.at >= from &&
      line.at <= until,
  );
  const ascending = all.toSorted((a, b) => a.at - b.at);
  const ordered = input.ScanBy === "TimestampAscending" ? ascending : ascending.toReversed();
  const start = input.NextToken === undefined ? 0 : Number(input.NextToken);
  if (!Number.isSafeInteger(start) || start < 0) throw invalidToken();
  const end = start + (input.MaxRecords ?? HISTORY_PAGE);
  return {
    AlarmHistoryItems: ordered.slice(start, end).map(presentLine),
    NextToken: end < ordered.length ? String(end) : undefined,
  };
}

function presentLine(line: AlarmHistoryRecord): sdk.AlarmHistoryItem {
  return {
    AlarmName: line.alarmName,
    AlarmType: line.alarmType,
    Timestamp: new Date(line.at),
    HistoryItemType: line.itemType,
    HistorySummary: line.summary,
    HistoryData: line.data,
  };
}

/**
 * Sets the state until the next evaluation. A transition executes the actions of the state.
 * Source: API_SetAlarmState.
 */
function setAlarmState(
  { store, clock }: CloudWatchDeps,
  input: sdk.SetAlarmStateInput,
  context: RequestContext,
): object {
  const { StateReasonData: data, StateReason: reason = "", StateValue: value = "INSUFFICIENT_DATA" } = input;
  if (data !== undefined && !isJson(data))
    throw new ApiError("InvalidFormat", "The StateReasonData must be valid JSON.");
  store.transact((tx) => {
    const alarm = findAlarm(tx, context, input.AlarmName);
    changeAlarmState(tx, alarm, { value, reason, data }, clock.now());
  });
  return {};
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Names without an alarm are passed over, as on AWS. */
function setActionsEnabled(
  { store, clock }: CloudWatchDeps,
  names: readonly string[] | undefined,
  context: RequestContext,
  actionsEnabled: boolean,
): object {
  const now = clock.now();
  store.transact((tx) => {
    for (const name of names ?? []) {
      const alarm = alarmOf(tx, context, name);
      if (alarm === undefined || alarm.actionsEnabled === actionsEnabled) continue;
      const changed = { ...alarm, actionsEnabled, configurationUpdatedAt: now };
      tx.put("alarm", alarm.arn, changed);
      addConfigurationLine(tx, changed, "Update", now);
    }
  });
  return {};
}

/** All alarms are deleted or none: one name without an alarm refuses the call. Source: API_DeleteAlarms. */
function deleteAlarms(
  { store, clock }: CloudWatchDeps,
  input: sdk.DeleteAlarmsInput,
  context: RequestContext,
): object {
  const now = clock.now();
  store.transact((tx) => {
    const alarms = (input.AlarmNames ?? []).map((name) => findAlarm(tx, context, name));
    for (const alarm of alarms) {
      tx.delete("alarm", alarm.arn);
      addConfigurationLine(tx, alarm, "Delete", now);
    }
  });
  return {};
}

function addConfigurationLine(
  tx: Transaction,
  alarm: AlarmRecord,
  type: "Update" | "Delete",
  at: number,
): void {
  const shown = presentAlarm(alarm);
  addAlarmHistory(tx, alarm, {
    at,
    itemType: "ConfigurationUpdate",
    summary: `Alarm "${alarm.name}" ${type === "Update" ? "updated" : "deleted"}`,
    data: {
      version: "1.0",
      type,
      ...(type === "Update" ? { updatedAlarm: shown } : { deletedAlarm: shown }),
    },
  });
}
