import type * as sdk from "@aws-sdk/client-cloudwatch";
import type { AlarmRecord, CompositeAlarmSpec, MetricAlarmSpec } from "@gantry/state";
import { isExtendedStatistic, presentDimensions, presentQuery } from "./metric-spec.ts";

/** An alarm as DescribeAlarms shows it. */
export function presentAlarm(alarm: AlarmRecord): sdk.MetricAlarm | sdk.CompositeAlarm {
  return alarm.spec.type === "metric"
    ? presentMetricAlarm(alarm, alarm.spec)
    : presentCompositeAlarm(alarm, alarm.spec);
}

/** Alarms as DescribeAlarms and DescribeAlarmsForMetric list them: each type in a list of its own. */
export function presentAlarms(alarms: readonly AlarmRecord[]): {
  MetricAlarms: sdk.MetricAlarm[];
  CompositeAlarms: sdk.CompositeAlarm[];
} {
  return {
    MetricAlarms: alarms.flatMap((alarm) =>
      alarm.spec.type === "metric" ? [presentMetricAlarm(alarm, alarm.spec)] : [],
    ),
    CompositeAlarms: alarms.flatMap((alarm) =>
      alarm.spec.type === "composite" ? [presentCompositeAlarm(alarm, alarm.spec)] : [],
    ),
  };
}

function presentMetricAlarm(alarm: AlarmRecord, spec: MetricAlarmSpec): sdk.MetricAlarm {
  return {
    ...presentCommon(alarm),
    ...presentSource(spec),
    EvaluationPeriods: spec.evaluationPeriods,
    DatapointsToAlarm: spec.datapointsToAlarm,
    Threshold: spec.threshold,
    ComparisonOperator: spec.comparison,
    TreatMissingData: spec.treatMissingData,
    EvaluateLowSampleCountPercentile: spec.evaluateLowSampleCountPercentile,
    EvaluationState: alarm.evaluationState,
  };
}

function presentSource(spec: MetricAlarmSpec): Partial<sdk.MetricAlarm> {
  if (spec.source.type === "queries") return { Metrics: spec.source.queries.map(presentQuery) };
  const { stat } = spec.source;
  return {
    MetricName: stat.metricName,
    Namespace: stat.namespace,
    ...(isExtendedStatistic(stat.statistic)
      ? { ExtendedStatistic: stat.statistic }
      : { Statistic: stat.statistic as sdk.Statistic }), // One of AWS's five, checked where it came in.
    Dimensions: presentDimensions(stat.dimensions),
    Period: stat.period,
    Unit: stat.unit as sdk.StandardUnit | undefined, // As above.
  };
}

function presentCompositeAlarm(alarm: AlarmRecord, spec: CompositeAlarmSpec): sdk.CompositeAlarm {
  return {
    ...presentCommon(alarm),
    AlarmRule: spec.rule,
    ActionsSuppressor: spec.suppressor?.alarm,
    ActionsSuppressorWaitPeriod: spec.suppressor?.waitPeriod,
    ActionsSuppressorExtensionPeriod: spec.suppressor?.extensionPeriod,
    ActionsSuppressedBy: alarm.suppression?.by,
    ActionsSuppressedReason: alarm.suppression?.reason,
  };
}

function presentCommon(alarm: AlarmRecord) {
  return {
    AlarmName: alarm.name,
    AlarmArn: alarm.arn,
    AlarmDescription: alarm.description,
    AlarmConfigurationUpdatedTimestamp: new Date(alarm.configurationUpdatedAt),
    ActionsEnabled: alarm.actionsEnabled,
    OKActions: [...alarm.okActions],
    AlarmActions: [...alarm.alarmActions],
    InsufficientDataActions: [...alarm.insufficientDataActions],
    StateValue: alarm.stateValue,
    StateReason: alarm.stateReason,
    StateReasonData: alarm.stateReasonData,
    StateUpdatedTimestamp: new Date(alarm.stateUpdatedAt),
    StateTransitionedTimestamp: new Date(alarm.stateTransitionedAt),
  };
}
