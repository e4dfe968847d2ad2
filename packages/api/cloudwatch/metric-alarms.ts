import type * as sdk from "@aws-sdk/client-cloudwatch";
import { checkQueries, ExpressionError } from "@gantry/content";
import {
  alarmPeriod,
  type Comparison,
  type MetricAlarmSpec,
  type MetricQuerySpec,
  type MetricStatSpec,
  type MissingData,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { refuseMembers } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { invalidCombination, missingParameter, validationError } from "./lookups.ts";
import { isExtendedStatistic, isPeriod, toDimensions, toQuerySpecs } from "./metric-spec.ts";
import { saveAlarm } from "./save-alarm.ts";

const COMPARISONS: ReadonlySet<string> = new Set<Comparison>([
  "GreaterThanOrEqualToThreshold",
  "GreaterThanThreshold",
  "LessThanThreshold",
  "LessThanOrEqualToThreshold",
]);
const MISSING_DATA: ReadonlySet<string> = new Set<MissingData>([
  "missing",
  "ignore",
  "breaching",
  "notBreaching",
]);
/** Source: API_PutMetricAlarm, EvaluationPeriods. */
const DAY_S = 86_400;
const WEEK_S = 604_800;
const UNSUPPORTED = [
  "ThresholdMetricId",
  "EvaluationWindow",
  "WarmUpConfiguration",
  "EvaluationCriteria",
  "EvaluationInterval",
  "ActionConfiguration",
];
/** Members that describe a single metric, which a list of queries excludes. */
const SINGLE = [
  "MetricName",
  "Namespace",
  "Statistic",
  "ExtendedStatistic",
  "Dimensions",
  "Period",
  "Unit",
] as const;

/** A read of nothing, for an expression that is only checked. */
const UNREAD = { key: "", unit: undefined, from: 0, until: 0, statistics: [], perUnit: false };

/** Creates an alarm on a metric or an expression, or replaces its configuration. Source: API_PutMetricAlarm. */
export function putMetricAlarm(
  deps: CloudWatchDeps,
  input: sdk.PutMetricAlarmInput,
  context: RequestContext,
): object {
  refuseMembers(input, UNSUPPORTED, "InvalidParameterValue");
  saveAlarm(deps, context, input, toMetricAlarmSpec(input));
  return {};
}

function toMetricAlarmSpec(input: sdk.PutMetricAlarmInput): MetricAlarmSpec {
  const { ComparisonOperator: comparison, Threshold: threshold, EvaluationPeriods: periods } = input;
  if (periods === undefined) throw missingParameter("EvaluationPeriods");
  if (comparison === undefined) throw missingParameter("ComparisonOperator");
  if (!COMPARISONS.has(comparison))
    throw invalidCombination(
      `Gantry does not support anomaly detection: ComparisonOperator must not be ${comparison}.`,
    );
  if (threshold === undefined) throw missingParameter("Threshold");
  const toAlarm = input.DatapointsToAlarm;
  if (toAlarm !== undefined && toAlarm > periods)
    throw validationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods");
  const missing = input.TreatMissingData;
  if (missing !== undefined && !MISSING_DATA.has(missing))
    throw validationError(
      "Option for treating missing data must be one of [breaching, notBreaching, ignore, missing]",
    );
  const lowSamples = input.EvaluateLowSampleCountPercentile;
  if (lowSamples !== undefined && lowSamples !== "evaluate" && lowSamples !== "ignore")
    throw validationError("Option EvaluateLowSampleCountPercentile must be one of [evaluate, ignore]");
  const source = sourceOf(input);
  if (lowSamples !== undefined && (source.type !== "metric" || !source.stat.statistic.startsWith("p")))
    throw invalidCombination("EvaluateLowSampleCountPercentile is valid for percentile statistics only.");
  checkRange(source, periods);
  return {
    type: "metric",
    source,
    evaluationPeriods: periods,
    datapointsToAlarm: toAlarm,
    threshold,
    comparison: comparison as Comparison, // Checked above.
    treatMissingData: missing as MissingData | undefined, // As above.
    evaluateLowSampleCountPercentile: lowSamples,
  };
}

function sourceOf(input: sdk.PutMetricAlarmInput): MetricAlarmSpec["source"] {
  if (input.Metrics === undefined || input.Metrics.length === 0)
    return { type: "metric", stat: singleStat(input) };
  const both = SINGLE.filter((name) => input[name] !== undefined);
  if (both.length > 0)
    throw invalidCombination(`The parameters Metrics and ${both.join(", ")} must not be given together.`);
  const queries = toQuerySpecs(input.Metrics);
  if (queries.filter((query) => query.returnData).length !== 1)
    throw validationError("Metrics list must contain exactly one metric matching the ReturnData as true.");
  checkExpressions(queries);
  return { type: "queries", queries };
}

/** Errors: ValidationError in the words of the expression's parser. */
export function checkExpressions(queries: readonly MetricQuerySpec[]): void {
  try {
    checkQueries(
      queries.map(({ id, source }) => ({
        id,
        label: id,
        source:
          source.type === "metric"
            ? { type: "read", read: { ...UNREAD, period: source.stat.period } }
            : { type: "expression", expression: source.expression },
      })),
    );
  } catch (thrown) {
    if (thrown instanceof ExpressionError) throw validationError(`Error in expression: ${thrown.message}`);
    throw thrown;
  }
}

function singleStat(input: sdk.PutMetricAlarmInput): MetricStatSpec {
  for (const name of ["MetricName", "Namespace", "Period"] as const)
    if (input[name] === undefined) throw missingParameter(name);
  if ((input.Statistic === undefined) === (input.ExtendedStatistic === undefined))
    throw invalidCombination("Exactly one of the parameters Statistic and ExtendedStatistic is required.");
  if (input.ExtendedStatistic !== undefined && !isExtendedStatistic(input.ExtendedStatistic))
    throw validationError(`The extended statistic ${input.ExtendedStatistic} is not valid.`);
  const period = input.Period ?? 0;
  if (!isPeriod(period) || period < 10)
    throw validationError("Period must be 10, 20, 30, or a multiple of 60");
  return {
    namespace: input.Namespace ?? "",
    metricName: input.MetricName ?? "",
    dimensions: toDimensions(input.Dimensions),
    statistic: input.Statistic ?? input.ExtendedStatistic ?? "",
    period,
    unit: input.Unit,
  };
}

function checkRange(source: MetricAlarmSpec["source"], periods: number): void {
  const period = alarmPeriod(source);
  if (period === 0) throw validationError("Period must not be null");
  const seconds = period * periods;
  const limit = period >= 3_600 ? WEEK_S : DAY_S;
  if (seconds > limit)
    throw validationError(
      `Metrics cannot be checked across more than ${limit === DAY_S ? "a day" : "seven days"} ` +
        `(EvaluationPeriods * Period must be <= ${limit}).`,
    );
}
