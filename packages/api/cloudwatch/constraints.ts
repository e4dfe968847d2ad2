import { HistoryItemType } from "@aws-sdk/client-cloudwatch";
import type { Constraints } from "@gantry/wire";

const ALARM_NAME = { shortest: 1, longest: 255 };
const ACTIONS = { longest: 5, each: { shortest: 1, longest: 1_024 } };
const UNITS = {
  oneOf: [
    ...["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"],
    ...["", "Kilo", "Mega", "Giga", "Tera"].flatMap((prefix) =>
      ["bytes", "bits"].flatMap((of) => {
        const unit = prefix === "" ? `${of.charAt(0).toUpperCase()}${of.slice(1)}` : `${prefix}${of}`;
        return [unit, `${unit}/Second`];
      }),
    ),
  ],
};
const NAMESPACE = { shortest: 1, longest: 255, pattern: "[^:].*" };
const METRIC_NAME = { shortest: 1, longest: 255 };

/** Source: the service's model, CloudWatch API Reference. */
export const CONSTRAINTS: Constraints = {
  AlarmName: ALARM_NAME,
  AlarmNames: { longest: 100, each: ALARM_NAME },
  AlarmNamePrefix: ALARM_NAME,
  AlarmDescription: { longest: 1_024 },
  OKActions: ACTIONS,
  AlarmActions: ACTIONS,
  InsufficientDataActions: ACTIONS,
  MetricName: METRIC_NAME,
  Namespace: NAMESPACE,
  "MetricData/MetricName": METRIC_NAME,
  "MetricData/Unit": UNITS,
  Unit: UNITS,
  Statistic: { oneOf: ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] },
  Period: { least: 1 },
  EvaluationPeriods: { least: 1 },
  DatapointsToAlarm: { least: 1 },
  AlarmRule: { shortest: 1, longest: 10_240 },
  ActionsSuppressor: { shortest: 1, longest: 1_600 },
  DashboardName: { pattern: "[A-Za-z0-9_-]{1,255}" },
  DashboardNames: { shortest: 1, longest: 100 },
  DashboardBody: { longest: 1_048_576 },
  ResourceARN: { shortest: 1, longest: 1_024 },
  StateValue: { oneOf: ["OK", "ALARM", "INSUFFICIENT_DATA"] },
  StateReason: { longest: 1_023 },
  StateReasonData: { longest: 4_000 },
  HistoryItemType: { oneOf: Object.values(HistoryItemType) },
  RecentlyActive: { oneOf: ["PT3H"] },
  Statistics: {
    shortest: 1,
    longest: 5,
    each: { oneOf: ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] },
  },
  ExtendedStatistics: { shortest: 1, longest: 10 },
  MaxDatapoints: { least: 1 },
  ScanBy: { oneOf: ["TimestampDescending", "TimestampAscending"] },
  MaxRecords: { least: 1, most: 100 },
  Tags: { longest: 50 },
};
