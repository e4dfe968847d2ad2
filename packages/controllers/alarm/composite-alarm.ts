import { formatArn } from "@gantry/kernel";
import {
  changeAlarmState,
  parseAlarmRule,
  type AlarmRecord,
  type AlarmRule,
  type CompositeAlarmSpec,
  type Reader,
  type Store,
} from "@gantry/state";

/** Records the state that a composite alarm's rule has now. */
export function evaluateComposite(
  { store, clock }: { readonly store: Store; readonly clock: { now(): number } },
  alarm: AlarmRecord,
  spec: CompositeAlarmSpec,
): void {
  store.transact((tx) => {
    const current = tx.get("alarm", alarm.arn);
    if (current === undefined) return;
    const value = holds(tx, alarm, parseAlarmRule(spec.rule)) ? "ALARM" : "OK";
    if (value === current.stateValue) return;
    const reason = `${alarm.arn} transitioned to ${value} at ${new Date(clock.now()).toUTCString()}`;
    changeAlarmState(tx, current, { value, reason, data: undefined }, clock.now());
  });
}

/** An alarm of the same account and region, by name or ARN. */
export function alarmNamed(reader: Reader, beside: AlarmRecord, name: string): AlarmRecord | undefined {
  const found = reader.get(
    "alarm",
    name.startsWith("arn:") ? name : formatArn("cloudwatch", beside, `alarm:${name}`),
  );
  return found?.account === beside.account && found.region === beside.region ? found : undefined;
}

function holds(reader: Reader, alarm: AlarmRecord, rule: AlarmRule): boolean {
  switch (rule.type) {
    case "constant":
      return rule.value;
    case "not":
      return !holds(reader, alarm, rule.operand);
    case "and":
      return rule.operands.every((each) => holds(reader, alarm, each));
    case "or":
      return rule.operands.some((each) => holds(reader, alarm, each));
    case "state":
      // An alarm that has been deleted has no state.
      return alarmNamed(reader, alarm, rule.alarm)?.stateValue === rule.state;
  }
}
