import type { AlarmRecord } from "@gantry/state";
import type { AlarmAction } from "../alarm/execute-actions.ts";
import type { ControllerDeps } from "../controller-deps.ts";

const SUBJECT_MAX = 100;
const SERVICE = { principal: "cloudwatch.amazonaws.com", name: "CloudWatch Alarms" };

interface TopicActionDeps extends Pick<ControllerDeps, "store"> {
  /** Publishes for a service, if the topic's policy and its key's let the service. Errors: why it does not. */
  readonly publish: (message: {
    readonly topicArn: string;
    readonly service: { readonly principal: string; readonly name: string };
    readonly source: AlarmRecord;
    readonly subject: string;
    readonly message: string;
  }) => void;
}

/**
 * The action that publishes an alarm's state to a topic; undefined where no topic has the ARN.
 * Source: CloudWatch User Guide, "Notifying users on alarm changes".
 */
export function topicAction({ store, publish }: TopicActionDeps, topicArn: string): AlarmAction | undefined {
  if (store.get("topic", topicArn) === undefined) return undefined;
  return (alarm) => {
    publish({
      ...{ topicArn, service: SERVICE, source: alarm, message: JSON.stringify(describe(alarm)) },
      subject: `${alarm.stateValue}: "${alarm.name}" in ${alarm.region}`.slice(0, SUBJECT_MAX),
    });
    return Promise.resolve();
  };
}

/** What CloudWatch sends. Source: CloudWatch User Guide, "Notification event structure" of alarms. */
function describe(alarm: AlarmRecord): object {
  const { spec } = alarm;
  return {
    AlarmName: alarm.name,
    AlarmDescription: alarm.description ?? null,
    AWSAccountId: alarm.account,
    AlarmConfigurationUpdatedTimestamp: timeOf(alarm.configurationUpdatedAt),
    NewStateValue: alarm.stateValue,
    NewStateReason: alarm.stateReason,
    StateChangeTime: timeOf(alarm.stateTransitionedAt),
    Region: alarm.region,
    AlarmArn: alarm.arn,
    OldStateValue: alarm.previousState ?? "INSUFFICIENT_DATA",
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    ...(spec.type === "composite"
      ? { AlarmRule: spec.rule }
      : {
          Trigger: {
            ...(spec.source.type === "metric"
              ? {
                  MetricName: spec.source.stat.metricName,
                  Namespace: spec.source.stat.namespace,
                  Statistic: spec.source.stat.statistic.toUpperCase(),
                  Unit: spec.source.stat.unit ?? null,
                  Dimensions: Object.entries(spec.source.stat.dimensions).map(([name, value]) => ({
                    name,
                    value,
                  })),
                  Period: spec.source.stat.period,
                }
              : { Metrics: spec.source.queries }),
            EvaluationPeriods: spec.evaluationPeriods,
            DatapointsToAlarm: spec.datapointsToAlarm,
            ComparisonOperator: spec.comparison,
            Threshold: spec.threshold,
            TreatMissingData: spec.treatMissingData ?? "",
          },
        }),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "+0000");
}
