import type { AlarmHistoryRecord, AlarmRecord, AlarmState } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";

/**
 * AWS keeps 30 days of history; an alarm that flaps keeps its latest thousand lines. Source:
 * API_DescribeAlarmHistory.
 */
const HISTORY_MAX = 1_000;
const HISTORY_MS = 30 * 24 * 60 * 60_000;
const NUMBER_DIGITS = 15;

/** A state and its reason. `data` is the JSON of `StateReasonData`. */
export interface AlarmStateChange {
  readonly value: AlarmState;
  readonly reason: string;
  readonly data: string | undefined;
}

/**
 * Records an alarm's state. If it differs from the previous one, a line is added to the history and the
 * actions of the new state become pending; the alarm controller executes them. Used by SetAlarmState and by
 * the alarm controller.
 */
export function changeAlarmState(
  tx: Transaction,
  alarm: AlarmRecord,
  change: AlarmStateChange,
  now: number,
): AlarmRecord {
  const isTransition = change.value !== alarm.stateValue;
  const next: AlarmRecord = {
    ...alarm,
    stateValue: change.value,
    ...(isTransition ? { previousState: alarm.stateValue } : {}),
    stateReason: change.reason,
    stateReasonData: change.data,
    stateUpdatedAt: now,
    stateTransitionedAt: isTransition ? now : alarm.stateTransitionedAt,
    pendingActions:
      isTransition && alarm.actionsEnabled
        ? actionsOf(alarm, change.value)
        : isTransition
          ? []
          : alarm.pendingActions,
  };
  tx.put("alarm", alarm.arn, next);
  if (!isTransition) return next;
  addAlarmHistory(tx, alarm, {
    at: now,
    itemType: "StateUpdate",
    summary: `Alarm updated from ${alarm.stateValue} to ${change.value}`,
    data: { version: "1.0", oldState: stateOf(alarm), newState: stateOf(next) },
  });
  return next;
}

/** Adds a line to an alarm's history and drops the lines that are too old or too many. */
export function addAlarmHistory(
  tx: Transaction,
  alarm: AlarmRecord,
  line: Pick<AlarmHistoryRecord, "at" | "itemType" | "summary"> & { readonly data: object },
): void {
  const number = String(tx.next("alarmHistory")).padStart(NUMBER_DIGITS, "0");
  const keys = tx.keysBy("alarmHistory", "alarm", alarm.arn);
  tx.put("alarmHistory", `${alarm.arn}#${number}`, {
    account: alarm.account,
    region: alarm.region,
    alarmArn: alarm.arn,
    alarmName: alarm.name,
    alarmType: alarm.spec.type === "metric" ? "MetricAlarm" : "CompositeAlarm",
    at: line.at,
    itemType: line.itemType,
    summary: line.summary,
    data: JSON.stringify(line.data),
  });
  const surplus = keys.length + 1 - HISTORY_MAX;
  for (const [index, key] of keys.entries()) {
    const isOld = (tx.get("alarmHistory", key)?.at ?? 0) < line.at - HISTORY_MS;
    if (!isOld && index >= surplus) break;
    tx.delete("alarmHistory", key);
  }
}

/** The state of an alarm; undefined if no alarm has that ARN. */
export function alarmState(reader: Reader, arn: string): AlarmState | undefined {
  return reader.get("alarm", arn)?.stateValue;
}

function actionsOf(alarm: AlarmRecord, state: AlarmState): readonly string[] {
  switch (state) {
    case "OK":
      return alarm.okActions;
    case "ALARM":
      return alarm.alarmActions;
    case "INSUFFICIENT_DATA":
      return alarm.insufficientDataActions;
  }
}

function stateOf(alarm: AlarmRecord): object {
  return {
    stateValue: alarm.stateValue,
    stateReason: alarm.stateReason,
    ...(alarm.stateReasonData === undefined ? {} : { stateReasonData: parsed(alarm.stateReasonData) }),
  };
}

/** Callers of SetAlarmState may pass any JSON text. */
function parsed(data: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return data;
  }
}
