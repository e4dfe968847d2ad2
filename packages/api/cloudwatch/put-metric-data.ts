import type * as sdk from "@aws-sdk/client-cloudwatch";
import type { MetricPoint, Sample } from "@gantry/content";
import type { RequestContext } from "@gantry/wire";
import { ApiError, refuseMembers } from "./api-error.ts";
import type { CloudWatchDeps } from "./cloudwatch-deps.ts";
import { invalidCombination, invalidParameter, missingParameter } from "./lookups.ts";
import { toDimensions } from "./metric-spec.ts";

/** Source: API_PutMetricData; API_MetricDatum. */
const DATA_MAX = 1_000;
const VALUES_MAX = 150;
const VALUE_MAX = 2 ** 360;
const PAST_MAX_MS = 14 * 24 * 60 * 60_000;
const FUTURE_MAX_MS = 2 * 60 * 60_000;

/** Adds measurements: single values, values with their counts, statistic sets. */
export async function putMetricData(
  { metrics, clock }: CloudWatchDeps,
  input: sdk.PutMetricDataInput,
  context: RequestContext,
): Promise<object> {
  refuseMembers(input, ["EntityMetricData", "StrictEntityValidation"], "InvalidParameterValue");
  const { Namespace: namespace = "", MetricData: data = [] } = input;
  if (/^AWS\//i.test(namespace))
    throw invalidParameter(`The value ${namespace} for parameter Namespace is invalid.`);
  if (data.length === 0) throw missingParameter("MetricData");
  if (data.length > DATA_MAX)
    throw invalidParameter(`The collection MetricData must not have a size greater than ${DATA_MAX}.`);
  const now = clock.now();
  const points = data.map((datum, index): MetricPoint => {
    const path = `MetricData.member.${index + 1}`;
    return {
      metric: {
        account: context.account,
        region: context.region,
        namespace,
        name: datum.MetricName ?? "",
        dimensions: toDimensions(datum.Dimensions),
      },
      unit: datum.Unit ?? "None",
      at: timeOf(datum, path, now),
      highResolution: isHighResolution(datum, path),
      sample: sampleOf(datum, path),
    };
  });
  // AWS has no such limit, and no error for it.
  if ((await metrics.put(points)) === "full")
    throw new ApiError(
      "LimitExceeded",
      "The account has as many custom metrics as this instance keeps, 100,000 with names of 16 MiB. " +
        "Metrics cannot be deleted: put values of known metrics, with fewer different dimensions.",
    );
  return {};
}

function timeOf(datum: sdk.MetricDatum, path: string, now: number): number {
  const at = datum.Timestamp?.getTime() ?? now;
  if (at > now + FUTURE_MAX_MS)
    throw invalidParameter(
      `The parameter ${path}.Timestamp must specify a time no more than two hours in the future.`,
    );
  if (at < now - PAST_MAX_MS)
    throw invalidParameter(
      `The parameter ${path}.Timestamp must specify a time no more than two weeks in the past.`,
    );
  return at;
}

function isHighResolution(datum: sdk.MetricDatum, path: string): boolean {
  const { StorageResolution: resolution = 60 } = datum;
  if (resolution !== 1 && resolution !== 60)
    throw invalidParameter(`The value ${resolution} for parameter ${path}.StorageResolution is invalid.`);
  return resolution === 1;
}

function sampleOf(datum: sdk.MetricDatum, path: string): Sample {
  const given = (["Value", "Values", "StatisticValues"] as const).filter((name) => datum[name] !== undefined);
  if (given.length > 1)
    throw invalidCombination(
      `The parameters ${path}.${given[0]} and ${path}.${given[1]} are mutually exclusive and you have specified both.`,
    );
  if (datum.Value !== undefined) {
    const value = checked(datum.Value, path, "Value");
    return { count: 1, sum: value, min: value, max: value, values: undefined };
  }
  if (datum.Values !== undefined) return sampleOfValues(datum.Values, datum.Counts, path);
  if (datum.StatisticValues !== undefined) return sampleOfSet(datum.StatisticValues, path);
  throw missingParameter(`${path}.Value`);
}

function sampleOfValues(
  values: readonly number[],
  counts: readonly number[] | undefined,
  path: string,
): Sample {
  if (values.length === 0) throw missingParameter(`${path}.Values`);
  if (values.length > VALUES_MAX)
    throw invalidParameter(`The collection ${path}.Values must not have a size greater than ${VALUES_MAX}.`);
  if (counts !== undefined && counts.length !== values.length)
    throw invalidParameter(
      `The parameters ${path}.Values and ${path}.Counts must have the same number of elements.`,
    );
  const pairs = new Map<number, number>();
  let [count, sum, min, max] = [0, 0, Infinity, -Infinity];
  for (let index = 0; index < values.length; index += 1) {
    const value = checked(values[index] ?? 0, path, "Values", index);
    const times = counts === undefined ? 1 : checked(counts[index] ?? 1, path, "Counts", index);
    if (times < 0) throw invalidParameter(`The value ${times} for parameter ${path}.Counts is invalid.`);
    if (times === 0) continue;
    pairs.set(value, (pairs.get(value) ?? 0) + times);
    count += times;
    sum += value * times;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (count === 0) throw invalidParameter(`The parameter ${path}.Counts must have a count above 0.`);
  return { count, sum, min, max, values: pairs };
}

function sampleOfSet(set: sdk.StatisticSet, path: string): Sample {
  const read = (name: keyof sdk.StatisticSet): number => {
    const value = set[name];
    if (value === undefined) throw missingParameter(`${path}.StatisticValues.${name}`);
    return checked(value, path, `StatisticValues.${name}`);
  };
  const [count, sum, min, max] = [read("SampleCount"), read("Sum"), read("Minimum"), read("Maximum")];
  if (count <= 0)
    throw invalidParameter(
      `The value ${count} for parameter ${path}.StatisticValues.SampleCount is invalid.`,
    );
  if (min > max)
    throw invalidParameter(
      `The parameter ${path}.StatisticValues.Minimum must not be greater than ${path}.StatisticValues.Maximum.`,
    );
  return { count, sum, min, max, values: undefined };
}

function checked(value: number, path: string, name: string, index?: number): number {
  if (Number.isFinite(value) && Math.abs(value) <= VALUE_MAX) return value;
  const member = index === undefined ? name : `${name}.member.${index + 1}`;
  throw invalidParameter(`The value ${value} for parameter ${path}.${member} is invalid.`);
}
