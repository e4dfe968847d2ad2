import * as sdk from "@aws-sdk/client-cloudwatch";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";
import { SmithyRpcV2CborProtocol } from "@smithy/core/cbor";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());

const base = { ...api.client() };
const CLIENTS = {
  "JSON 1.0": new sdk.CloudWatchClient(base),
  Query: new sdk.CloudWatchClient({ ...base, protocol: AwsQueryProtocol as never }),
  CBOR: new sdk.CloudWatchClient({ ...base, protocol: SmithyRpcV2CborProtocol as never }),
};
const client = CLIENTS["JSON 1.0"];
const alarm = (AlarmName: string, more: Partial<sdk.PutMetricAlarmInput> = {}) =>
  new sdk.PutMetricAlarmCommand({
    AlarmName,
    Namespace: "AWS/ECS",
    MetricName: "CPUUtilization",
    Dimensions: [
      { Name: "ServiceName", Value: "web" },
      { Name: "ClusterName", Value: "main" },
    ],
    Statistic: "Average",
    Period: 60,
    EvaluationPeriods: 2,
    Threshold: 80,
    ComparisonOperator: "GreaterThanThreshold",
    ...more,
  });
const describeOne = async (name: string) =>
  (await client.send(new sdk.DescribeAlarmsCommand({ AlarmNames: [name] }))).MetricAlarms?.[0];

describe.each(Object.entries(CLIENTS))("alarms over %s", (protocol, each) => {
  it("are stored, described and set", async () => {
    const name = `of ${protocol}`;
    await each.send(alarm(name, { AlarmActions: ["arn:aws:sns:eu-south-1:000000000000:nobody"] }));
    const { MetricAlarms } = await each.send(new sdk.DescribeAlarmsCommand({ AlarmNames: [name] }));
    expect(MetricAlarms?.[0]).toMatchObject({
      StateValue: "INSUFFICIENT_DATA",
      StateReason: "Unchecked: Initial alarm creation",
      ActionsEnabled: true,
      Dimensions: [
        { Name: "ClusterName", Value: "main" },
        { Name: "ServiceName", Value: "web" },
      ],
      Threshold: 80,
      AlarmArn: `arn:aws:cloudwatch:eu-south-1:000000000000:alarm:${name}`,
    });
    await each.send(
      new sdk.SetAlarmStateCommand({ AlarmName: name, StateValue: "ALARM", StateReason: "a test" }),
    );
    const { AlarmHistoryItems: lines } = await each.send(
      new sdk.DescribeAlarmHistoryCommand({ AlarmName: name, HistoryItemType: "StateUpdate" }),
    );
    expect(lines?.map((line) => line.HistorySummary)).toEqual([
      "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ]);
    const missing = new sdk.SetAlarmStateCommand({
      AlarmName: "none",
      StateValue: "OK",
      StateReason: "a test",
    });
    await expect(each.send(missing)).rejects.toMatchObject({ name: "ResourceNotFound" });
  });
});

describe("PutMetricAlarm", () => {
  it("keeps state and tags when it changes the configuration", async () => {
    await client.send(alarm("kept", { Tags: [{ Key: "a", Value: "1" }] }));
    await client.send(
      new sdk.SetAlarmStateCommand({ AlarmName: "kept", StateValue: "OK", StateReason: "a test" }),
    );
    await client.send(alarm("kept", { Threshold: 5, Tags: [{ Key: "a", Value: "2" }] }));
    expect(await describeOne("kept")).toMatchObject({ StateValue: "OK", Threshold: 5 });
    const record = api.store.list("alarm").find(({ name }) => name === "kept");
    expect(record?.tags).toEqual({ a: "1" });
  });

  it.each<[string, Partial<sdk.PutMetricAlarmInput>, string]>([
    ["a period between minutes", { Period: 90 }, "ValidationError"],
    ["more datapoints than periods", { DatapointsToAlarm: 3 }, "ValidationError"],
    ["more than a day", { Period: 600, EvaluationPeriods: 200 }, "ValidationError"],
    ["two statistics", { ExtendedStatistic: "p99" }, "InvalidParameterCombination"],
    ["an unknown percentile", { Statistic: undefined, ExtendedStatistic: "p101" }, "ValidationError"],
    ["no threshold", { Threshold: undefined }, "MissingParameter"],
    ["an unknown treatment", { TreatMissingData: "guess" }, "ValidationError"],
    ["anomaly detection", { ComparisonOperator: "LessThanLowerThreshold" }, "InvalidParameterCombination"],
    ["an unknown unit", { Unit: "Furlongs" as never }, "ValidationError"],
  ])("refuses %s", async (_, more, code) => {
    const thrown: unknown = await client.send(alarm("refused", more)).catch((each: unknown) => each);
    expect(thrown).toMatchObject({ Code: code });
  });

  it("accepts every unit of the SDK", async () => {
    for (const Unit of Object.values(sdk.StandardUnit)) await client.send(alarm("unit", { Unit }));
    expect((await describeOne("unit"))?.Unit).toBe("Terabytes/Second");
  });

  it("accepts a list of queries of which one returns data", async () => {
    const Metrics: sdk.MetricDataQuery[] = [
      { Id: "e", Expression: "m * 2" },
      {
        Id: "m",
        MetricStat: { Metric: { Namespace: "N", MetricName: "M" }, Period: 60, Stat: "p90" },
        ReturnData: false,
      },
    ];
    const single = {
      Namespace: undefined,
      MetricName: undefined,
      Dimensions: undefined,
      Statistic: undefined,
      Period: undefined,
    };
    await client.send(alarm("math", { ...single, Metrics }));
    expect((await describeOne("math"))?.Metrics).toMatchObject(Metrics);
    const both = Metrics.map((query) => ({ ...query, ReturnData: true }));
    await expect(client.send(alarm("math", { ...single, Metrics: both }))).rejects.toThrow(
      "Metrics list must contain exactly one metric matching the ReturnData as true.",
    );
  });
});

it("deletes all given alarms or none, and keeps their history", async () => {
  await client.send(alarm("gone"));
  const missing = new sdk.DeleteAlarmsCommand({ AlarmNames: ["gone", "none"] });
  await expect(client.send(missing)).rejects.toMatchObject({ name: "ResourceNotFound" });
  expect(await describeOne("gone")).toBeDefined();
  await client.send(new sdk.DeleteAlarmsCommand({ AlarmNames: ["gone"] }));
  expect(await describeOne("gone")).toBeUndefined();
  const { AlarmHistoryItems } = await client.send(
    new sdk.DescribeAlarmHistoryCommand({ AlarmName: "gone", ScanBy: "TimestampAscending" }),
  );
  expect(AlarmHistoryItems?.map((line) => line.HistorySummary)).toEqual([
    'Alarm "gone" created',
    'Alarm "gone" deleted',
  ]);
});

it("finds alarms by prefix, state, action and metric, page by page", async () => {
  for (const name of ["find-a", "find-b", "find-c"])
    await client.send(alarm(name, { MetricName: "Found", OKActions: [`arn:aws:sns:::${name}`] }));
  const names = async (input: sdk.DescribeAlarmsInput) =>
    (await client.send(new sdk.DescribeAlarmsCommand(input))).MetricAlarms?.map((each) => each.AlarmName);
  expect(await names({ AlarmNamePrefix: "find-" })).toEqual(["find-a", "find-b", "find-c"]);
  expect(await names({ ActionPrefix: "arn:aws:sns:::find-b" })).toEqual(["find-b"]);
  expect(await names({ AlarmNamePrefix: "find-", StateValue: "OK" })).toEqual([]);
  const pages = sdk.paginateDescribeAlarms({ client, pageSize: 2 }, { AlarmNamePrefix: "find-" });
  const sizes: (number | undefined)[] = [];
  for await (const each of pages) sizes.push(each.MetricAlarms?.length);
  expect(sizes).toEqual([2, 1]);
  const forMetric = new sdk.DescribeAlarmsForMetricCommand({
    Namespace: "AWS/ECS",
    MetricName: "Found",
    Dimensions: [
      { Name: "ClusterName", Value: "main" },
      { Name: "ServiceName", Value: "web" },
    ],
  });
  expect((await client.send(forMetric)).MetricAlarms).toHaveLength(3);
});

it("makes the actions of a new state pending, unless they are disabled", async () => {
  const actions = { OKActions: ["arn:aws:sns:::ok"], AlarmActions: ["arn:aws:sns:::alarm"] };
  await client.send(alarm("acting", actions));
  const set = (StateValue: sdk.StateValue) =>
    client.send(new sdk.SetAlarmStateCommand({ AlarmName: "acting", StateValue, StateReason: "a test" }));
  const pending = () => api.store.list("alarm").find(({ name }) => name === "acting")?.pendingActions;
  await set("ALARM");
  expect(pending()).toEqual(["arn:aws:sns:::alarm"]);
  await client.send(new sdk.DisableAlarmActionsCommand({ AlarmNames: ["acting"] }));
  await set("OK");
  expect(pending()).toEqual([]);
});
