import * as sdk from "@aws-sdk/client-cloudwatch";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { processorMs } from "@gantry/testkit/processor-time";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.CloudWatchClient(api.client());
const put = (datum: Partial<sdk.MetricDatum>, more: readonly sdk.MetricDatum[] = []) =>
  client.send(
    new sdk.PutMetricDataCommand({
      Namespace: "attack",
      MetricData: [{ MetricName: "m", Value: 1, ...datum }, ...more],
    }),
  );
const dimensions = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ Name: `d${index}`, Value: "v" }));
const DAY_MS = 24 * 60 * 60_000;

describe("invalid measurements are refused, and nothing of their batch is stored", () => {
  it.each<[string, Partial<sdk.MetricDatum>]>([
    ["NaN", { Value: Number.NaN }],
    ["an infinite value", { Value: Number.POSITIVE_INFINITY }],
    ["a value beyond 2^360", { Value: 2 ** 361 }],
    ["a list with NaN", { Value: undefined, Values: [1, Number.NaN] }],
    ["a negative count", { Value: undefined, Values: [1], Counts: [-1] }],
    ["more counts than values", { Value: undefined, Values: [1], Counts: [1, 2] }],
    ["too many values", { Value: undefined, Values: Array.from({ length: 151 }, (_, index) => index) }],
    [
      "a statistic set whose minimum is NaN",
      { Value: undefined, StatisticValues: { SampleCount: 1, Sum: 1, Minimum: Number.NaN, Maximum: 1 } },
    ],
    ["31 dimensions", { Dimensions: dimensions(31) }],
    ["10,000 dimensions", { Dimensions: dimensions(10_000) }],
    ["a long name", { MetricName: "n".repeat(256) }],
    ["a long dimension", { Dimensions: [{ Name: "d", Value: "v".repeat(1_025) }] }],
    ["a time of three weeks ago", { Timestamp: new Date(Date.now() - 21 * DAY_MS) }],
    ["a time of tomorrow", { Timestamp: new Date(Date.now() + DAY_MS) }],
    ["the year 9999", { Timestamp: new Date(Date.UTC(9_999, 0, 1)) }],
  ])("%s", async (_, datum) => {
    await expect(put(datum, [{ MetricName: "beside", Value: 1 }])).rejects.toMatchObject({
      $fault: "client",
    });
    const { Metrics } = await client.send(new sdk.ListMetricsCommand({ Namespace: "attack" }));
    expect(Metrics).toEqual([]);
  });
});

describe("expensive expressions are refused", () => {
  const query = (Expression: string, seconds = 3_600, Period = 60) =>
    client.send(
      new sdk.GetMetricDataCommand({
        StartTime: new Date(Date.now() - seconds * 1_000),
        EndTime: new Date(),
        MetricDataQueries: [{ Id: "e", Expression, Period }],
      }),
    );
  // Deep nesting within the limit of 2,048 characters is evaluated or refused within two seconds.
  it.each<[string, string]>([
    ["brackets", `${"(".repeat(1_000)}1${")".repeat(1_000)}`],
    ["signs", `${"-".repeat(2_000)}1`],
    ["functions", `${"ABS(".repeat(400)}TIME_SERIES(1)${")".repeat(400)}`],
    ["powers", `${"9^".repeat(1_000)}9`],
    ["a search that nests", `SEARCH('${"(".repeat(900)}a${")".repeat(900)}', 'Sum')`],
    ["a search of many words", `SEARCH('${"a OR ".repeat(380)}b', 'Sum')`],
    ["a search by what looks like an expression", `SEARCH('{attack,d} MetricName="(a+)+$"', 'Sum')`],
    ["beyond the length", "1+".repeat(5_000)],
  ])("%s", async (_, expression) => {
    const began = processorMs();
    await query(expression).catch((thrown: unknown) => expect(thrown).toMatchObject({ $fault: "client" }));
    expect(processorMs() - began).toBeLessThan(2_000);
  });

  it("a second's period over a year", async () => {
    const began = processorMs();
    await query("TIME_SERIES(1)", 365 * 24 * 3_600, 1).catch((thrown: unknown) =>
      expect(thrown).toMatchObject({ $fault: "client" }),
    );
    expect(processorMs() - began).toBeLessThan(2_000);
  });
});

// Before: alarms had no limit. Each is evaluated every minute: 100,000 of one account delayed those of every other.
describe("alarms of one account", () => {
  const alarm = {
    Namespace: "attack",
    MetricName: "m",
    Period: 60,
    Statistic: "Sum" as const,
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: "GreaterThanThreshold" as const,
  };
  beforeAll(async () => {
    await client.send(new sdk.PutMetricAlarmCommand({ AlarmName: "first", ...alarm }));
    const [first] = api.store.list("alarm");
    if (first === undefined) throw new Error("There is an alarm.");
    api.store.transact((tx) => {
      for (let index = 1; index < 5_000; index += 1) {
        const arn = `arn:aws:cloudwatch:eu-south-1:${ACCOUNT}:alarm:a${index}`;
        tx.put("alarm", arn, { ...first, arn, name: `a${index}` });
      }
    });
  });

  it("are 5,000 at most in a region", async () => {
    const more = new sdk.PutMetricAlarmCommand({ AlarmName: "more", ...alarm });
    await expect(client.send(more)).rejects.toThrow(sdk.LimitExceededFault);
    const rule = new sdk.PutCompositeAlarmCommand({ AlarmName: "more", AlarmRule: 'ALARM("first")' });
    await expect(client.send(rule)).rejects.toThrow(sdk.LimitExceededFault);
    await client.send(new sdk.PutMetricAlarmCommand({ AlarmName: "first", ...alarm, Threshold: 2 }));
    const elsewhere = new sdk.CloudWatchClient(api.client(undefined, "us-west-2"));
    await elsewhere.send(new sdk.PutMetricAlarmCommand({ AlarmName: "more", ...alarm }));
  });
});
