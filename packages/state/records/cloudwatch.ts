import type { Placed, Tags } from "./common.ts";

export type AlarmState = "OK" | "ALARM" | "INSUFFICIENT_DATA";

/** A metric and the requested statistic. */
export interface MetricStatSpec {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: Tags;
  /** An AWS statistic (`Average`) or an extended one (`p99`, `TM(5%:95%)`). */
  readonly statistic: string;
  /** Seconds. */
  readonly period: number;
  readonly unit: string | undefined;
}

/** One entry of a list of queries: a metric or an expression over the others. */
export interface MetricQuerySpec {
  readonly id: string;
  readonly source:
    | { readonly type: "metric"; readonly stat: MetricStatSpec }
    | { readonly type: "expression"; readonly expression: string; readonly period: number | undefined };
  readonly label: string | undefined;
  readonly returnData: boolean;
}

export type Comparison =
  | "GreaterThanOrEqualToThreshold"
  | "GreaterThanThreshold"
  | "LessThanThreshold"
  | "LessThanOrEqualToThreshold";

export type MissingData = "missing" | "ignore" | "breaching" | "notBreaching";

/** An alarm on a metric or on an expression. */
export interface MetricAlarmSpec {
  readonly type: "metric";
  readonly source:
    | { readonly type: "metric"; readonly stat: MetricStatSpec }
    | { readonly type: "queries"; readonly queries: readonly MetricQuerySpec[] };
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number | undefined;
  readonly threshold: number;
  readonly comparison: Comparison;
  readonly treatMissingData: MissingData | undefined;
  readonly evaluateLowSampleCountPercentile: "evaluate" | "ignore" | undefined;
}

/** An alarm on the states of other alarms. */
export interface CompositeAlarmSpec {
  readonly type: "composite";
  readonly rule: string;
  /** The actions are suppressed while the suppressor is in ALARM. Periods in seconds. */
  readonly suppressor:
    | { readonly alarm: string; readonly waitPeriod: number; readonly extensionPeriod: number }
    | undefined;
}

/** Why a composite alarm suppresses its actions. */
export interface AlarmSuppression {
  readonly by: "Alarm" | "WaitPeriod" | "ExtensionPeriod";
  readonly reason: string;
  readonly since: number;
}

/** Key: the ARN. Only the transaction `changeAlarmState` changes its state. */
export interface AlarmRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly spec: MetricAlarmSpec | CompositeAlarmSpec;
  readonly actionsEnabled: boolean;
  readonly okActions: readonly string[];
  readonly alarmActions: readonly string[];
  readonly insufficientDataActions: readonly string[];
  readonly stateValue: AlarmState;
  /** The state before the last transition. */
  readonly previousState?: AlarmState;
  readonly stateReason: string;
  readonly stateReasonData: string | undefined;
  /** When a state was last recorded, even if it did not change. */
  readonly stateUpdatedAt: number;
  /** When the state last changed. */
  readonly stateTransitionedAt: number;
  readonly evaluationState: "PARTIAL_DATA" | "EVALUATION_ERROR" | undefined;
  readonly configurationUpdatedAt: number;
  /** Action ARNs of the last transition that have not been executed yet. */
  readonly pendingActions: readonly string[];
  readonly suppression: AlarmSuppression | undefined;
  readonly tags: Tags;
}

/**
 * A line of an alarm's history. It is kept for up to 30 days after its alarm is deleted. Key:
 * `ALARM_ARN#NUMBER`.
 */
export interface AlarmHistoryRecord extends Placed {
  readonly alarmArn: string;
  readonly alarmName: string;
  readonly alarmType: "MetricAlarm" | "CompositeAlarm";
  readonly at: number;
  readonly itemType: "ConfigurationUpdate" | "StateUpdate" | "Action";
  readonly summary: string;
  /** JSON, as DescribeAlarmHistory returns it. */
  readonly data: string;
}

/** Dashboards are global: the region of the record is where it was written. Key: the ARN. */
export interface DashboardRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly body: string;
  readonly modifiedAt: number;
  readonly tags: Tags;
}
