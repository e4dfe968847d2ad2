import * as sdk from "@aws-sdk/client-cloudwatch";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by the description of what it made, or by what it narrows.
const api = await startApi();
afterAll(() => api.close());
const client = new sdk.CloudWatchClient(api.client());
const Tags = [{ Key: "a", Value: "b" }];
const Dimensions = [{ Name: "d", Value: "1" }];
const METRIC = { Namespace: "N", MetricName: "M", Dimensions };
const alarmOf = (
  AlarmName: string,
  more: Partial<sdk.PutMetricAlarmInput> = {},
): sdk.PutMetricAlarmInput => ({
  AlarmName,
  EvaluationPeriods: 3,
  Threshold: 1,
  ComparisonOperator: "GreaterThanThreshold",
  ...more,
});
const shown = async (AlarmName: string) => {
  const AlarmTypes: sdk.AlarmType[] = ["MetricAlarm", "CompositeAlarm"];
  const command = new sdk.DescribeAlarmsCommand({ AlarmNames: [AlarmName], AlarmTypes });
  const { MetricAlarms = [], CompositeAlarms = [] } = await client.send(command);
  return MetricAlarms[0] ?? CompositeAlarms[0];
};

describe("alarms of a metric", () => {
  it.each<[string, Partial<sdk.PutMetricAlarmInput>]>([
    [
      "of a statistic",
      {
        ...{ ...METRIC, Period: 60, Statistic: "Maximum", Unit: "Count" },
        AlarmDescription: "d",
        ActionsEnabled: false,
        InsufficientDataActions: [],
        DatapointsToAlarm: 2,
        TreatMissingData: "breaching",
        ComparisonOperator: "LessThanThreshold",
      },
    ],
    [
      "of the least",
      { ...METRIC, Period: 60, Statistic: "Minimum", ComparisonOperator: "LessThanOrEqualToThreshold" },
    ],
    [
      "of the count",
      {
        ...METRIC,
        Period: 60,
        Statistic: "SampleCount",
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
      },
    ],
    [
      "of a percentile",
      { ...METRIC, Period: 60, ExtendedStatistic: "p90", EvaluateLowSampleCountPercentile: "ignore" },
    ],
    [
      "of an expression",
      {
        Metrics: [
          { Id: "e", Expression: "m * 2", Label: "twice", ReturnData: true, Period: 60 },
          {
            Id: "m",
            MetricStat: { Metric: METRIC, Period: 60, Stat: "Sum", Unit: "Count" },
            ReturnData: false,
          },
        ],
      },
    ],
  ])("%s", async (name, given) => {
    await client.send(new sdk.PutMetricAlarmCommand(alarmOf(name, given)));
    expect(await shown(name)).toMatchObject(given);
  });

  it("are found by the metric, its statistic, period and unit", async () => {
    const one = { Namespace: "Found", MetricName: "M", Period: 60, Unit: sdk.StandardUnit.Bytes };
    await client.send(new sdk.PutMetricAlarmCommand(alarmOf("sum", { ...one, Statistic: "Sum" })));
    await client.send(new sdk.PutMetricAlarmCommand(alarmOf("p50", { ...one, ExtendedStatistic: "p50" })));
    const find = async (input: Partial<sdk.DescribeAlarmsForMetricInput>) => {
      const command = new sdk.DescribeAlarmsForMetricCommand({
        Namespace: "Found",
        MetricName: "M",
        ...input,
      });
      return (await client.send(command)).MetricAlarms?.map(({ AlarmName }) => AlarmName);
    };
    expect(await find({ Statistic: "Sum" })).toEqual(["sum"]);
    expect(await find({ ExtendedStatistic: "p50" })).toEqual(["p50"]);
    expect(await find({ Period: 300 })).toEqual([]);
    expect(await find({ Unit: "Bytes" })).toHaveLength(2);
    expect(await find({ Unit: "Count" })).toEqual([]);
  });

  it.each(["Average", "Maximum", "Minimum", "SampleCount"] as const)(
    "are found by the %s of a metric",
    async (Statistic) => {
      const metric = { Namespace: "Of", MetricName: "M", Period: 60 };
      await client.send(new sdk.PutMetricAlarmCommand(alarmOf(`of-${Statistic}`, { ...metric, Statistic })));
      const command = new sdk.DescribeAlarmsForMetricCommand({ ...metric, Statistic });
      const { MetricAlarms } = await client.send(command);
      expect(MetricAlarms?.map(({ AlarmName }) => AlarmName)).toEqual([`of-${Statistic}`]);
    },
  );

  it("whose state is set, and its history", async () => {
    await client.send(
      new sdk.PutMetricAlarmCommand(alarmOf("set", { ...METRIC, Period: 60, Statistic: "Sum" })),
    );
    const StateReasonData = '{"why":"test"}';
    const state = { AlarmName: "set", StateValue: sdk.StateValue.ALARM, StateReason: "r", StateReasonData };
    await client.send(new sdk.SetAlarmStateCommand(state));
    expect(await shown("set")).toMatchObject({ StateValue: "ALARM", StateReasonData });
    const inState = async (StateValue: sdk.StateValue) => {
      const command = new sdk.DescribeAlarmsCommand({ AlarmNames: ["set"], StateValue });
      return (await client.send(command)).MetricAlarms?.length;
    };
    expect([await inState("ALARM"), await inState("INSUFFICIENT_DATA"), await inState("OK")]).toEqual([
      1, 0, 0,
    ]);
    const history = async (input: Partial<sdk.DescribeAlarmHistoryInput>) => {
      const command = new sdk.DescribeAlarmHistoryCommand({ AlarmName: "set", ...input });
      return (await client.send(command)).AlarmHistoryItems?.map((each) => each.HistoryItemType);
    };
    const [past, future] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
    const both = ["ConfigurationUpdate", "StateUpdate"];
    expect(await history({ ScanBy: "TimestampAscending" })).toEqual(both);
    expect(await history({ ScanBy: "TimestampDescending" })).toEqual(both.toReversed());
    expect(await history({ HistoryItemType: "ConfigurationUpdate" })).toEqual(["ConfigurationUpdate"]);
    expect(await history({ HistoryItemType: "Action" })).toEqual([]);
    for (const AlarmTypes of [["CompositeAlarm"], ["LogAlarm"]] satisfies sdk.AlarmType[][])
      expect(await history({ AlarmTypes })).toEqual([]);
    expect(await history({ AlarmTypes: ["MetricAlarm"] })).toEqual(both.toReversed());
    for (const HistoryItemType of ["AlarmContributorAction", "AlarmContributorStateUpdate"] as const)
      expect(await history({ HistoryItemType })).toEqual([]);
    expect(await history({ StartDate: past, EndDate: future, MaxRecords: 1 })).toHaveLength(1);
    expect(await history({ StartDate: future })).toEqual([]);
    expect(await history({ EndDate: past })).toEqual([]);
  });
});

const ACTION = "arn:aws:codedeploy:eu-south-1:000000000000:nothing";
const ACTIONS = [
  ["OKActions", "OK", "INSUFFICIENT_DATA"],
  ["AlarmActions", "ALARM", "OK"],
  ["InsufficientDataActions", "INSUFFICIENT_DATA", "OK"],
] as const;

describe("actions", () => {
  const setState = (AlarmName: string, StateValue: sdk.StateValue) =>
    client.send(new sdk.SetAlarmStateCommand({ AlarmName, StateValue, StateReason: "test" }));
  const pending = (name: string) =>
    api.store
      .list("alarm")
      .filter((alarm) => alarm.name === name)
      .flatMap(({ pendingActions }) => pendingActions);

  // The controller of alarms executes the actions that are pending.
  it.each(ACTIONS)(
    "%s of an alarm of a metric run when its state becomes %s",
    async (member, state, from) => {
      const name = `metric-${member}`;
      const given = { ...METRIC, Period: 60, Statistic: "Sum" as const, ActionsEnabled: true };
      await client.send(new sdk.PutMetricAlarmCommand(alarmOf(name, { ...given, [member]: [ACTION] })));
      await setState(name, from);
      expect(pending(name)).toEqual([]);
      await setState(name, state);
      expect(pending(name)).toEqual([ACTION]);
    },
  );

  it.each(ACTIONS)("%s of a composite alarm run when its state becomes %s", async (member, state, from) => {
    const AlarmName = `composite-${member}`;
    const given = { AlarmRule: "FALSE", ActionsEnabled: true, [member]: [ACTION] };
    await client.send(new sdk.PutCompositeAlarmCommand({ AlarmName, ...given }));
    await setState(AlarmName, from);
    expect(pending(AlarmName)).toEqual([]);
    await setState(AlarmName, state);
    expect(pending(AlarmName)).toEqual([ACTION]);
  });
});

it.each([
  "GreaterThanUpperThreshold",
  "LessThanLowerOrGreaterThanUpperThreshold",
  "LessThanLowerThreshold",
] as const)("an alarm of a band, %s, is refused", async (ComparisonOperator) => {
  const given = { ...METRIC, Period: 60, Statistic: "Sum" as const, ComparisonOperator };
  await expect(client.send(new sdk.PutMetricAlarmCommand(alarmOf("band", given)))).rejects.toThrow(
    ComparisonOperator,
  );
});

it("metrics of another account are refused", async () => {
  const query = {
    Id: "m",
    AccountId: "111111111111",
    MetricStat: { Metric: METRIC, Period: 60, Stat: "Sum" },
  };
  const time = { StartTime: new Date(0), EndTime: new Date(60_000) };
  const read = new sdk.GetMetricDataCommand({ ...time, MetricDataQueries: [query] });
  await expect(client.send(read)).rejects.toThrow("MetricDataQueries.AccountId");
  const put = new sdk.PutMetricAlarmCommand(alarmOf("foreign", { Metrics: [query] }));
  await expect(client.send(put)).rejects.toThrow("Metrics.AccountId");
});

it("a dashboard has its tags", async () => {
  const DashboardBody = '{"widgets":[]}';
  await client.send(new sdk.PutDashboardCommand({ DashboardName: "board", DashboardBody, Tags }));
  const { DashboardArn: ResourceARN } = await client.send(
    new sdk.GetDashboardCommand({ DashboardName: "board" }),
  );
  const tags = await client.send(new sdk.ListTagsForResourceCommand({ ResourceARN }));
  expect(tags.Tags).toEqual(Tags);
});

it("an alarm of no type that there is, is not found", async () => {
  const { MetricAlarms, CompositeAlarms } = await client.send(
    new sdk.DescribeAlarmsCommand({ AlarmTypes: ["LogAlarm"] }),
  );
  expect([MetricAlarms, CompositeAlarms]).toEqual([[], []]);
});

it("a composite alarm", async () => {
  await client.send(
    new sdk.PutMetricAlarmCommand(alarmOf("child", { ...METRIC, Period: 60, Statistic: "Sum" })),
  );
  const given = {
    AlarmRule: "ALARM(child)",
    AlarmDescription: "all",
    ActionsEnabled: false,
    AlarmActions: [],
    OKActions: [],
    InsufficientDataActions: [],
    ActionsSuppressor: "child",
    ActionsSuppressorWaitPeriod: 10,
    ActionsSuppressorExtensionPeriod: 20,
  };
  await client.send(new sdk.PutCompositeAlarmCommand({ AlarmName: "all", ...given, Tags }));
  const alarm = await shown("all");
  expect(alarm).toMatchObject(given);
  const tags = new sdk.ListTagsForResourceCommand({ ResourceARN: alarm?.AlarmArn });
  expect((await client.send(tags)).Tags).toEqual(Tags);
});

it("metric data of a dimension, in its unit and by its label", async () => {
  const Timestamp = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 120_000);
  const MetricData: sdk.MetricDatum[] = [
    { MetricName: "M", Dimensions, Timestamp, Value: 1, Unit: "Count", StorageResolution: 1 },
    {
      MetricName: "M",
      Dimensions,
      Timestamp: new Date(+Timestamp + 1_000),
      Value: 2,
      Unit: "Count",
      StorageResolution: 1,
    },
  ];
  await client.send(new sdk.PutMetricDataCommand({ Namespace: "N", MetricData }));
  const read = async (Unit: sdk.StandardUnit, ScanBy: sdk.ScanBy) => {
    const command = new sdk.GetMetricDataCommand({
      StartTime: Timestamp,
      EndTime: new Date(+Timestamp + 60_000),
      ScanBy,
      MetricDataQueries: [
        {
          Id: "m",
          Label: "mine",
          ReturnData: true,
          MetricStat: { Metric: METRIC, Period: 1, Stat: "Sum", Unit },
        },
      ],
    });
    const { MetricDataResults = [] } = await client.send(command);
    return MetricDataResults.map(({ Label, Values }) => [Label, Values]);
  };
  expect(await read("Count", "TimestampAscending")).toEqual([["mine", [1, 2]]]);
  expect(await read("Count", "TimestampDescending")).toEqual([["mine", [2, 1]]]);
  expect(await read("Bytes", "TimestampAscending")).toEqual([["mine", []]]);
});
