import type * as sdk from "@aws-sdk/client-application-auto-scaling";
import type { MetricAlarmSpec, MetricStatSpec, TargetTrackingSpec } from "@gantry/state";
import { checkExpressions } from "../cloudwatch/metric-alarms.ts";
import { toDimensions, toQuerySpecs } from "../cloudwatch/metric-spec.ts";
import { ApiError } from "./api-error.ts";
import { validation } from "./lookups.ts";
import { parseLabel } from "./request-count-label.ts";

const PERIOD_S = 60;
/** The metrics of ECS that a policy may name, with their names in AWS/ECS. */
const SERVICE_METRICS: Readonly<Record<string, string>> = {
  ECSServiceAverageCPUUtilization: "CPUUtilization",
  ECSServiceAverageMemoryUtilization: "MemoryUtilization",
};

/** Source: API_TargetTrackingScalingPolicyConfiguration. Errors: ValidationException. */
export function toTrackingSpec(
  given: sdk.TargetTrackingScalingPolicyConfiguration,
  resourceId: string,
): TargetTrackingSpec {
  const {
    TargetValue: targetValue,
    PredefinedMetricSpecification: predefined,
    CustomizedMetricSpecification: customized,
  } = given;
  if (targetValue === undefined || !(targetValue > 0))
    throw validation("TargetValue must be greater than zero.");
  for (const cooldown of [given.ScaleInCooldown, given.ScaleOutCooldown])
    if (cooldown !== undefined && cooldown < 0) throw validation("Cooldowns must not be negative.");
  if ((predefined === undefined) === (customized === undefined))
    throw validation(
      "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified.",
    );
  const common = {
    type: "targetTracking",
    targetValue,
    scaleOutCooldown: given.ScaleOutCooldown,
    scaleInCooldown: given.ScaleInCooldown,
    disableScaleIn: given.DisableScaleIn,
  } as const;
  if (customized !== undefined)
    return {
      ...common,
      metric: { type: "customized", specification: customized },
      source: customizedSource(customized),
    };
  const { PredefinedMetricType: metricType = "", ResourceLabel: resourceLabel } = predefined ?? {};
  return {
    ...common,
    metric: { type: "predefined", metricType, resourceLabel },
    source: { type: "metric", stat: predefinedStat(metricType, resourceLabel, resourceId) },
  };
}

function predefinedStat(metricType: string, label: string | undefined, resourceId: string): MetricStatSpec {
  const common = { period: PERIOD_S, unit: undefined };
  if (metricType === "ALBRequestCountPerTarget") {
    const { balancer, group } = parseLabel(label);
    return {
      ...common,
      namespace: "AWS/ApplicationELB",
      metricName: "RequestCountPerTarget",
      dimensions: { LoadBalancer: balancer, TargetGroup: group },
      statistic: "Sum",
    };
  }
  const metricName = SERVICE_METRICS[metricType];
  if (metricName === undefined)
    throw validation(`The predefined metric type ${metricType} is not one of ECS services.`);
  if (label !== undefined) throw validation(`ResourceLabel must not be specified for ${metricType}.`);
  const [, cluster = "", service = ""] = resourceId.split("/");
  return {
    ...common,
    namespace: "AWS/ECS",
    metricName,
    dimensions: { ClusterName: cluster, ServiceName: service },
    statistic: "Average",
  };
}

/** One metric, or queries of which one gives the value. Periods are a minute. Errors: ValidationException. */
function customizedSource(given: sdk.CustomizedMetricSpecification): MetricAlarmSpec["source"] {
  const { MetricName: metricName, Namespace: namespace, Statistic: statistic, Metrics: metrics = [] } = given;
  if (metrics.length === 0) {
    if (metricName === undefined || namespace === undefined || statistic === undefined)
      throw validation("MetricName, Namespace and Statistic must be specified for a customized metric.");
    const dimensions = inOwnWords(() => toDimensions(given.Dimensions));
    return {
      type: "metric",
      stat: { namespace, metricName, dimensions, statistic, period: PERIOD_S, unit: given.Unit },
    };
  }
  if (metricName !== undefined || namespace !== undefined || statistic !== undefined)
    throw validation("Metrics must not be specified together with MetricName, Namespace or Statistic.");
  const queries = inOwnWords(() => toQuerySpecs(metrics.map(toQuery)));
  if (queries.filter(({ returnData }) => returnData).length !== 1)
    throw validation("Exactly one of the Metrics must have ReturnData set to true.");
  inOwnWords(() => checkExpressions(queries));
  return { type: "queries", queries };
}

function toQuery({ Id, Label, Expression, ReturnData, MetricStat: stat }: sdk.TargetTrackingMetricDataQuery) {
  return {
    Id,
    Label,
    Expression,
    ReturnData,
    MetricStat:
      stat === undefined
        ? undefined
        : {
            Metric: { ...stat.Metric, Dimensions: stat.Metric?.Dimensions },
            Stat: stat.Stat,
            Period: PERIOD_S,
            Unit: stat.Unit as undefined, // CloudWatch's units: a unit that there is not finds no data.
          },
  };
}

/** CloudWatch's checks, with this service's error code. */
function inOwnWords<T>(check: () => T): T {
  try {
    return check();
  } catch (thrown) {
    if (thrown instanceof ApiError) throw validation(thrown.message);
    throw thrown;
  }
}

export function presentTracking(spec: TargetTrackingSpec): sdk.TargetTrackingScalingPolicyConfiguration {
  const { metric } = spec;
  return {
    TargetValue: spec.targetValue,
    ScaleOutCooldown: spec.scaleOutCooldown,
    ScaleInCooldown: spec.scaleInCooldown,
    DisableScaleIn: spec.disableScaleIn ?? false,
    ...(metric.type === "predefined"
      ? {
          PredefinedMetricSpecification: {
            PredefinedMetricType: metric.metricType as sdk.MetricType, // Checked where it came in.
            ResourceLabel: metric.resourceLabel,
          },
        }
      : { CustomizedMetricSpecification: metric.specification }),
  };
}
