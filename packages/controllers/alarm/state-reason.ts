import type { AlarmState, MetricAlarmSpec } from "@gantry/state";
import { isBreaching, type AlarmVerdict } from "./evaluate-alarm.ts";

/** Why a metric alarm has a state: the sentence of CloudWatch, and the data beside it as JSON. */
export function stateReason(
  spec: MetricAlarmSpec,
  verdict: AlarmVerdict,
  change: {
    readonly before: AlarmState;
    readonly after: AlarmState;
    readonly period: number;
    readonly now: number;
  },
): { readonly reason: string; readonly data: string } {
  return { reason: sentenceOf(spec, verdict, change), data: dataOf(spec, verdict, change) };
}

function sentenceOf(
  spec: MetricAlarmSpec,
  { evaluated, filled }: AlarmVerdict,
  { before, after }: { readonly before: AlarmState; readonly after: AlarmState },
): string {
  if (after === "INSUFFICIENT_DATA")
    return (
      `Insufficient Data: ${count(spec.evaluationPeriods, "datapoint")} ` +
      `${spec.evaluationPeriods === 1 ? "was" : "were"} unknown.`
    );
  const treated = filled === 0 ? "" : treatment(spec, filled);
  if (evaluated.length === 0)
    return `Threshold Crossed: no datapoints were received for ${count(spec.evaluationPeriods, "period")}${treated}.`;
  const isAlarm = after === "ALARM";
  const named = evaluated.filter(({ value }) => isBreaching(spec, value) === isAlarm);
  const list = named.map(({ at, value }) => `${decimal(value)} (${shortDate(at)})`).join(", ");
  const verb = named.length === 1 ? "was" : "were";
  const needed = isAlarm
    ? (spec.datapointsToAlarm ?? spec.evaluationPeriods)
    : spec.evaluationPeriods - (spec.datapointsToAlarm ?? spec.evaluationPeriods) + 1;
  const way = before === "INSUFFICIENT_DATA" ? (isAlarm ? "OK" : "ALARM") : before;
  return (
    `Threshold Crossed: ${named.length} out of the last ${evaluated.length} datapoints [${list}] ${verb} ` +
    `${isAlarm ? "" : "not "}${WORDS[spec.comparison]} the threshold (${decimal(spec.threshold)}) ` +
    `(minimum ${count(needed, "datapoint")} for ${way} -> ${after} transition)${treated}.`
  );
}

const WORDS = {
  GreaterThanOrEqualToThreshold: "greater than or equal to",
  GreaterThanThreshold: "greater than",
  LessThanThreshold: "less than",
  LessThanOrEqualToThreshold: "less than or equal to",
} as const;

function treatment(spec: MetricAlarmSpec, filled: number): string {
  const words = {
    breaching: "Breaching",
    notBreaching: "NonBreaching",
    ignore: "Ignored",
    missing: "Missing",
  };
  const how = words[spec.treatMissingData ?? "missing"];
  return ` and ${count(filled, "missing datapoint")} ${filled === 1 ? "was" : "were"} treated as [${how}]`;
}

function dataOf(
  spec: MetricAlarmSpec,
  { evaluated }: AlarmVerdict,
  { period, now }: { readonly period: number; readonly now: number },
): string {
  const oldest = evaluated.at(-1);
  const stat = spec.source.type === "metric" ? spec.source.stat : undefined;
  return JSON.stringify({
    version: "1.0",
    queryDate: longDate(now),
    ...(oldest === undefined ? {} : { startDate: longDate(oldest.at) }),
    ...(stat === undefined ? {} : { unit: stat.unit, statistic: stat.statistic }),
    period,
    recentDatapoints: evaluated.map(({ value }) => value).toReversed(),
    threshold: spec.threshold,
    evaluatedDatapoints: evaluated.map(({ at, value, sampleCount }) => ({
      timestamp: longDate(at),
      sampleCount,
      value,
    })),
  });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Numbers are written as Java writes a double. */
function decimal(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** DD/MM/YY HH:MM:SS, as the reasons have it. */
function shortDate(at: number): string {
  const [, year = "", month, day, time] =
    /^(\d{4})-(\d\d)-(\d\d)T(.{8})/.exec(new Date(at).toISOString()) ?? [];
  return `${day}/${month}/${year.slice(2)} ${time}`;
}

function longDate(at: number): string {
  return new Date(at).toISOString().replace("Z", "+0000");
}
