import { formatArn } from "@gantry/kernel";
import { alarmPeriod } from "../alarm-period.ts";
import { alarmsOfRule, parseAlarmRule } from "../alarm-rule.ts";
import type { AlarmRecord, Placed } from "../records.ts";
import type { Reader } from "../store.ts";

const MINUTE_MS = 60_000;
/** The longest bake time that a service may ask for. Source: API_DeploymentConfiguration, bakeTimeInMinutes. */
const BAKE_MAX_MS = 1_440 * MINUTE_MS;

/** The alarms of an account and region, among those named, that are in ALARM. */
export function alarmsInAlarm(
  reader: Pick<Reader, "get">,
  place: Placed,
  names: readonly string[],
): readonly string[] {
  return names.filter((name) => alarmOf(reader, place, name)?.stateValue === "ALARM");
}

/**
 * How long (ms) a rolling deployment watches its alarms after the old tasks are gone: until the alarm with
 * the longest evaluation range has seen a whole range in which the new version served alone, at most a day.
 * AWS computes the time from the alarms' configuration too, and does not document how.
 * Source: Amazon ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS deployment failures".
 */
export function alarmBakeMs(reader: Pick<Reader, "get">, place: Placed, names: readonly string[]): number {
  const seen = new Set<string>();
  const secondsOf = (name: string): number => {
    const alarm = alarmOf(reader, place, name);
    if (alarm === undefined || seen.has(alarm.arn)) return 0;
    seen.add(alarm.arn);
    // The first range begins with the next period.
    if (alarm.spec.type === "metric")
      return alarmPeriod(alarm.spec.source) * (alarm.spec.evaluationPeriods + 1);
    return Math.max(0, ...alarmsOfRule(parseAlarmRule(alarm.spec.rule)).map(secondsOf));
  };
  return Math.min(BAKE_MAX_MS, Math.max(0, ...names.map(secondsOf)) * 1_000);
}

/** An alarm of an account and region by its name or its ARN. */
function alarmOf(reader: Pick<Reader, "get">, place: Placed, name: string): AlarmRecord | undefined {
  const arn = name.startsWith("arn:") ? name : formatArn("cloudwatch", place, `alarm:${name}`);
  const alarm = reader.get("alarm", arn);
  return alarm?.account === place.account && alarm.region === place.region ? alarm : undefined;
}
