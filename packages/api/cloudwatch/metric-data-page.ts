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

/** Returns results from the given one on, at least one and as many as may hold so many datapoints. No result: the end. */
type RowSource = (from: number, datapoints: number) => Promise<readonly Row[]>;

/**
 * One page of results: their datapoints are counted through. The token names the result and the datapoint that the next page
 * begins with, so that a page reads no results but its own.
 */
export async function metricDataPage(
  source: RowSource,
  input: sdk.GetMetricDataInput,
): Promise<sdk.GetMetricDataOutput> {
  let { index, skip } = positionOf(input.NextToken);
  let room = Math.min(input.MaxDatapoints ?? DATAPOINTS_MAX, DATAPOINTS_MAX);
  const results: sdk.MetricDataResult[] = [];
  while (room > 0) {
    const rows = await source(index, room + skip);
    if (rows.length === 0) return { MetricDataResults: results, Messages: [] };
    for (const row of rows) {
      const until = Math.min(row.values.length, skip + room);
      results.push(presentPart(row, { from: skip, until }, input.ScanBy === "TimestampAscending"));
      room -= Math.max(0, until - skip);
      if (until < row.values.length)
        return { MetricDataResults: results, Messages: [], NextToken: `${index}:${until}` };
      index += 1;
      skip = 0;
      if (room === 0) break;
    }
  }
  const isEnd = (await source(index, 1)).length === 0;
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
  { from, until }: { from: number; until: number },
  ascending: boolean,
): sdk.MetricDataResult {
  const { length } = values;
  const size = Math.max(0, until - from);
  const times: Date[] = [];
  const numbers: number[] = [];
  for (let index = 0; index < size; index += 1) {
    const at = ascending ? from + index : length - 1 - from - index;
    times.push(new Date(timestamps[at] ?? 0));
    numbers.push(values[at] ?? 0);
  }
  return {
    Id: id,
    Label: label,
    Timestamps: times,
    Values: numbers,
    StatusCode: until < length ? "PartialData" : "Complete",
  };
}
