import type * as sdk from "@aws-sdk/client-cloudwatch";
import { invalidToken } from "./lookups.ts";

/** Source: API_GetMetricData. */
const DATAPOINTS_MAX = 100_800;

/** The datapoints of one result, in ascending order of time. */
export interface Row {
  readonly id: string;
  readonly label: string;
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/**
 * All results of a request. `read` returns those from the given one on: at least one, and as many as may hold so
 * many datapoints.
 */
interface RowSource {
  readonly count: number;
  read(from: number, datapoints: number): Promise<readonly Row[]>;
}

/**
 * One page of results: their datapoints are counted through. The token names the result and the datapoint
 * that the next page begins with, so that a page reads no results but its own.
 */
export async function metricDataPage(
  source: RowSource,
  input: sdk.GetMetricDataInput,
): Promise<sdk.GetMetricDataOutput> {
  let { index, skip } = positionOf(input.NextToken);
  let room = Math.min(input.MaxDatapoints ?? DATAPOINTS_MAX, DATAPOINTS_MAX);
  const results: sdk.MetricDataResult[] = [];
  const ascending = input.ScanBy === "TimestampAscending";
  const datesOf = sharedDates();
  while (room > 0 && index < source.count) {
    for (const row of await source.read(index, room + skip)) {
      const until = Math.min(row.values.length, skip + room);
      results.push(presentPart(row, { from: skip, until, ascending }, datesOf));
      room -= Math.max(0, until - skip);
      if (until < row.values.length)
        return { MetricDataResults: results, Messages: [], NextToken: `${index}:${until}` };
      index += 1;
      skip = 0;
      if (room === 0) break;
    }
  }
  const isEnd = index >= source.count;
  return { MetricDataResults: results, Messages: [], ...(isEnd ? {} : { NextToken: `${index}:0` }) };
}

function positionOf(token: string | undefined): { index: number; skip: number } {
  if (token === undefined) return { index: 0, skip: 0 };
  const [, index, skip] = /^(\d{1,9}):(\d{1,9})$/.exec(token) ?? [];
  if (index === undefined || skip === undefined) throw invalidToken();
  return { index: Number(index), skip: Number(skip) };
}

function presentPart(
  { id, label, timestamps, values }: Row,
  { from, until, ascending }: { from: number; until: number; ascending: boolean },
  datesOf: (timestamps: Float64Array) => Date[],
): sdk.MetricDataResult {
  const { length } = values;
  const count = Math.max(0, until - from);
  const [first, step] = ascending ? [from, 1] : [length - 1 - from, -1];
  const part: number[] = [];
  for (let at = 0; at < count; at += 1) part.push(values[first + step * at] ?? 0);
  const times = ascending
    ? timestamps.subarray(from, from + count)
    : timestamps.slice(length - from - count, length - from).reverse();
  return {
    Id: id,
    Label: label,
    Timestamps: datesOf(times),
    Values: part,
    StatusCode: until < length ? "PartialData" : "Complete",
  };
}

/** Most results of a request have the same times: they share one frozen list, which is written once. */
function sharedDates(): (timestamps: Float64Array) => Date[] {
  let known: { readonly timestamps: Float64Array; readonly dates: Date[] } | undefined;
  return (timestamps) => {
    if (
      known?.timestamps.length === timestamps.length &&
      timestamps.every((at, index) => at === known?.timestamps[index])
    )
      return known.dates;
    const dates: Date[] = [];
    for (const at of timestamps) dates.push(new Date(at));
    known = { timestamps, dates: Object.freeze(dates) as Date[] }; // The SDK's type is of lists that may change.
    return dates;
  };
}
