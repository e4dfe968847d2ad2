import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { alarmController, metricFilterController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock, VirtualClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new logs.CloudWatchLogsClient(api.client());
const metrics = new cloudwatch.CloudWatchClient(api.client());
const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
const controller = metricFilterController({ ...deps, logs: api.logs, metrics: api.metrics });
/** Carries out what was asked of the controller. */
const settle = async (): Promise<void> => {
  for (const key of controller.keys()) while ((await controller.reconcile(key)) === 0);
};
const logGroupName = "/app";
const put = (...messages: readonly string[]) =>
  client.send(
    new logs.PutLogEventsCommand({
      logGroupName,
      logStreamName: "s",
      logEvents: messages.map((message) => ({ timestamp: Date.now(), message })),
    }),
  );
const transformation = (more: Partial<logs.MetricTransformation> = {}): logs.MetricTransformation => ({
  metricName: "Errors",
  metricNamespace: "App",
  metricValue: "1",
  ...more,
});
const filter = (
  filterName: string,
  filterPattern: string,
  more: Partial<logs.MetricTransformation> = {},
  group = logGroupName,
) =>
  client.send(
    new logs.PutMetricFilterCommand({
      logGroupName: group,
      filterName,
      filterPattern,
      metricTransformations: [transformation(more)],
    }),
  );
async function sumOf(
  MetricName: string,
  Dimensions: cloudwatch.Dimension[] = [],
): Promise<number | undefined> {
  const { Datapoints } = await metrics.send(
    new cloudwatch.GetMetricStatisticsCommand({
      Namespace: "App",
      MetricName,
      Dimensions,
      StartTime: new Date(Date.now() - 600_000),
      EndTime: new Date(Date.now() + 60_000),
      Period: 3_600,
      Statistics: ["Sum"],
    }),
  );
  return Datapoints?.length === 0 ? undefined : Datapoints?.reduce((sum, point) => sum + (point.Sum ?? 0), 0);
}

beforeAll(async () => {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName }));
  await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName: "s" }));
});

describe("a metric filter", () => {
  it("counts the events that match, from its creation on, once each", async () => {
    await put("ERROR before");
    await filter("errors", "ERROR");
    await put("ERROR one", "fine", "ERROR two");
    await settle();
    expect(await sumOf("Errors")).toBe(2);
    await settle();
    await put("ERROR three");
    await settle();
    expect(await sumOf("Errors")).toBe(3);
  });

  it("reports values of fields, with dimensions and units", async () => {
    await filter("latency", '{ $.latency = * && $.path = "/a*" }', {
      metricName: "Latency",
      metricValue: "$.latency",
      unit: "Milliseconds",
      dimensions: { Path: "$.path" },
    });
    await put(
      '{"latency": 10, "path": "/a/1"}',
      '{"latency": 20, "path": "/a/1"}',
      '{"latency": 5, "path": "/b"}',
    );
    await put('{"latency": "none", "path": "/a/1"}');
    await settle();
    expect(await sumOf("Latency", [{ Name: "Path", Value: "/a/1" }])).toBe(30);
    expect(await sumOf("Latency", [{ Name: "Path", Value: "/b" }])).toBeUndefined();
    expect(await sumOf("Latency")).toBeUndefined();
  });

  it("reports the default value where events come and none matches", async () => {
    await filter("bytes", "[ip, status = 5*, bytes]", {
      metricName: "Bytes",
      metricValue: "$bytes",
      defaultValue: 7,
    });
    await put("1.1.1.1 200 100");
    await settle();
    expect(await sumOf("Bytes")).toBe(7);
  });

  it("feeds an alarm", async () => {
    await filter("fatal", "FATAL", { metricName: "Fatal" });
    await metrics.send(
      new cloudwatch.PutMetricAlarmCommand({
        AlarmName: "fatal",
        Namespace: "App",
        MetricName: "Fatal",
        Statistic: "Sum",
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
      }),
    );
    const at = Date.now();
    await client.send(
      new logs.PutLogEventsCommand({
        logGroupName,
        logStreamName: "s",
        logEvents: [{ timestamp: at, message: "FATAL" }],
      }),
    );
    await settle();
    // An alarm is evaluated when the minute of the event is over.
    const clock = new VirtualClock(Math.floor(at / 60_000) * 60_000 + 61_000);
    const alarms = alarmController({ ...deps, clock, metrics: api.metrics, actionOf: () => undefined });
    for (const key of alarms.keys()) await alarms.reconcile(key);
    const { MetricAlarms } = await metrics.send(
      new cloudwatch.DescribeAlarmsCommand({ AlarmNames: ["fatal"] }),
    );
    expect(MetricAlarms?.[0]?.StateValue).toBe("ALARM");
  });

  it("is described by group, by name and by metric, changed in place and deleted", async () => {
    await filter("errors", "?ERROR ?WARN");
    const of = async (input: Partial<logs.DescribeMetricFiltersCommandInput>) =>
      ((await client.send(new logs.DescribeMetricFiltersCommand(input))).metricFilters ?? []).map(
        ({ filterName }) => filterName,
      );
    expect(await of({ logGroupName })).toEqual(["bytes", "errors", "fatal", "latency"]);
    expect(await of({ filterNamePrefix: "l" })).toEqual(["latency"]);
    expect(await of({ metricName: "Errors", metricNamespace: "App" })).toEqual(["errors"]);
    const { logGroups } = await client.send(
      new logs.DescribeLogGroupsCommand({ logGroupNamePrefix: logGroupName }),
    );
    expect(logGroups?.[0]?.metricFilterCount).toBe(4);
    await client.send(new logs.DeleteMetricFilterCommand({ logGroupName, filterName: "errors" }));
    expect(await of({ logGroupName, filterNamePrefix: "errors" })).toEqual([]);
    await expect(
      client.send(new logs.DeleteMetricFilterCommand({ logGroupName, filterName: "errors" })),
    ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  it("tests a pattern without a group", async () => {
    const { matches } = await client.send(
      new logs.TestMetricFilterCommand({
        filterPattern: "[ip, bytes > 10]",
        logEventMessages: ["1.1.1.1 5", "2.2.2.2 50"],
      }),
    );
    expect(matches).toEqual([
      { eventNumber: 2, eventMessage: "2.2.2.2 50", extractedValues: { $ip: "2.2.2.2", $bytes: "50" } },
    ]);
  });

  it("refuses a class of groups, malformed patterns and fields that the pattern does not have", async () => {
    await client.send(
      new logs.CreateLogGroupCommand({ logGroupName: "/rare", logGroupClass: "INFREQUENT_ACCESS" }),
    );
    const invalid = { name: "InvalidParameterException" };
    await expect(filter("x", "ERROR", {}, "/rare")).rejects.toMatchObject(invalid);
    await expect(filter("x", "{ $.a = ")).rejects.toMatchObject(invalid);
    await expect(filter("x", "[a]", { metricValue: "$b" })).rejects.toMatchObject(invalid);
    await expect(filter("x", "word", { metricValue: "$.a" })).rejects.toMatchObject(invalid);
    await expect(
      filter("x", "{ $.a = * }", { dimensions: { a: "$.a" }, defaultValue: 0 }),
    ).rejects.toMatchObject(invalid);
  });
});
