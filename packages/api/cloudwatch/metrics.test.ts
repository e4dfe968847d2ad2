import * as sdk from "@aws-sdk/client-cloudwatch";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";
import { SmithyRpcV2CborProtocol } from "@smithy/core/cbor";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());

const base = api.client();
const CLIENTS = {
  "JSON 1.0": new sdk.CloudWatchClient(base),
  Query: new sdk.CloudWatchClient({ ...base, protocol: AwsQueryProtocol as never }),
  CBOR: new sdk.CloudWatchClient({
    ...base,
    protocol: SmithyRpcV2CborProtocol as never,
    // This SDK sends the length of the body before its compression; boto3, which speaks CBOR, does not.
    disableRequestCompression: true,
  }),
};
const client = CLIENTS["JSON 1.0"];
const MINUTE = 60_000;
const now = Math.floor(Date.now() / MINUTE) * MINUTE;
const window = { StartTime: new Date(now - 10 * MINUTE), EndTime: new Date(now) };
const at = (minutesAgo: number) => new Date(now - minutesAgo * MINUTE);
const put = (Namespace: string, MetricData: sdk.MetricDatum[], from = client) =>
  from.send(new sdk.PutMetricDataCommand({ Namespace, MetricData }));
const statistics = async (input: Partial<sdk.GetMetricStatisticsInput>, from = client) => {
  const { Datapoints = [] } = await from.send(
    new sdk.GetMetricStatisticsCommand({
      ...window,
      Namespace: "N",
      MetricName: "M",
      Period: 60,
      ...input,
    }),
  );
  return Datapoints.toSorted((a, b) => Number(a.Timestamp) - Number(b.Timestamp));
};
const query = (Id: string, Namespace: string, MetricName: string, Stat = "Sum", Period = 60) => ({
  Id,
  MetricStat: { Metric: { Namespace, MetricName }, Period, Stat },
});

describe.each(Object.entries(CLIENTS))("metrics over %s", (protocol, each) => {
  const Namespace = `of ${protocol}`;

  it("are put as values, as values with counts and as statistic sets, and read", async () => {
    await put(
      Namespace,
      [
        { MetricName: "M", Timestamp: at(5), Value: 2.5, Unit: "Seconds" },
        { MetricName: "M", Timestamp: at(5), Values: [1, 4], Counts: [3, 1], Unit: "Seconds" },
        {
          MetricName: "M",
          Timestamp: at(4),
          StatisticValues: { SampleCount: 2, Sum: 10, Minimum: 3, Maximum: 7 },
          Unit: "Seconds",
        },
      ],
      each,
    );
    const input = {
      Namespace,
      Statistics: Object.values(sdk.Statistic),
      ExtendedStatistics: ["p50", "TM(10%:90%)"],
    };
    expect(await statistics(input, each)).toEqual([
      {
        Timestamp: at(5),
        Unit: "Seconds",
        SampleCount: 5,
        Sum: 9.5,
        Average: 1.9,
        Minimum: 1,
        Maximum: 4,
        ExtendedStatistics: { p50: 1, "TM(10%:90%)": (2.5 * 1 + 2.5 + 0.5 * 4) / 4 },
      },
      {
        Timestamp: at(4),
        Unit: "Seconds",
        SampleCount: 2,
        Sum: 10,
        Average: 5,
        Minimum: 3,
        Maximum: 7,
      },
    ]);
    const { MetricDataResults } = await each.send(
      new sdk.GetMetricDataCommand({ ...window, MetricDataQueries: [query("q", Namespace, "M")] }),
    );
    expect(MetricDataResults?.[0]).toMatchObject({
      Id: "q",
      Label: "M",
      StatusCode: "Complete",
      Timestamps: [at(4), at(5)],
      Values: [10, 9.5],
    });
  });

  it("are put in large bodies", async () => {
    const many = Array.from({ length: 900 }, (_, index) => ({ MetricName: `Many${index}`, Value: index }));
    await put(`${Namespace}/many`, many, each);
    const list = sdk.paginateListMetrics({ client: each }, { Namespace: `${Namespace}/many` });
    const names = new Set<string | undefined>();
    const sizes: (number | undefined)[] = [];
    for await (const page of list) {
      sizes.push(page.Metrics?.length);
      for (const metric of page.Metrics ?? []) names.add(metric.MetricName);
    }
    expect([sizes, names.size]).toEqual([[500, 400], 900]);
  });
});

describe("PutMetricData", () => {
  const set = { SampleCount: 1, Sum: 1, Minimum: 1, Maximum: 1 };
  it.each<[string, Partial<sdk.MetricDatum>, string]>([
    ["nothing to add", {}, "MissingParameter"],
    ["a value and a statistic set", { Value: 1, StatisticValues: set }, "InvalidParameterCombination"],
    ["no number", { Value: Number.NaN }, "InvalidParameterValue"],
    ["more than CloudWatch holds", { Value: 2 ** 361 }, "InvalidParameterValue"],
    ["counts of another number", { Values: [1, 2], Counts: [1] }, "InvalidParameterValue"],
    ["more than 150 values", { Values: Array<number>(151).fill(1) }, "InvalidParameterValue"],
    ["a time in three hours", { Value: 1, Timestamp: at(-180) }, "InvalidParameterValue"],
    ["a time three weeks ago", { Value: 1, Timestamp: at(21 * 24 * 60) }, "InvalidParameterValue"],
    ["another resolution", { Value: 1, StorageResolution: 10 }, "InvalidParameterValue"],
    [
      "more dimensions than 30",
      {
        Value: 1,
        Dimensions: Array.from({ length: 31 }, (_, index) => ({ Name: `n${index}`, Value: "v" })),
      },
      "InvalidParameterValue",
    ],
  ])("refuses %s, and stores none of the batch", async (_, datum, code) => {
    const data = [
      { MetricName: "Refused", Value: 1 },
      { MetricName: "Refused", ...datum },
    ];
    const thrown: unknown = await put("Refused", data).catch((each: unknown) => each);
    expect(thrown).toMatchObject({ Code: code });
    const { Metrics } = await client.send(new sdk.ListMetricsCommand({ Namespace: "Refused" }));
    expect(Metrics).toEqual([]);
  });

  it("refuses the namespaces of AWS", async () => {
    await expect(put("AWS/ECS", [{ MetricName: "M", Value: 1 }])).rejects.toThrow(
      "The value AWS/ECS for parameter Namespace is invalid.",
    );
  });
});

describe("reading", () => {
  it("keeps dimensions, units and regions apart", async () => {
    const Dimensions = [{ Name: "A", Value: "1" }];
    await put("Apart", [
      { MetricName: "M", Timestamp: at(1), Value: 1, Unit: "Count" },
      { MetricName: "M", Timestamp: at(1), Value: 2, Unit: "Bytes" },
      { MetricName: "M", Timestamp: at(1), Value: 4, Dimensions },
    ]);
    const sums = async (input: Partial<sdk.GetMetricStatisticsInput>, from = client) =>
      (await statistics({ Namespace: "Apart", Statistics: ["Sum"], ...input }, from)).map((each) => [
        each.Unit,
        each.Sum,
      ]);
    expect(await sums({})).toEqual([
      ["Count", 1],
      ["Bytes", 2],
    ]);
    expect(await sums({ Unit: "Bytes" })).toEqual([["Bytes", 2]]);
    expect(await sums({ Dimensions })).toEqual([["None", 4]]);
    const elsewhere = new sdk.CloudWatchClient(api.client(undefined, "us-east-1"));
    expect(await sums({}, elsewhere)).toEqual([]);
  });

  it("refuses more than 1,440 datapoints, and times in the wrong order", async () => {
    await expect(statistics({ StartTime: at(1_500), Statistics: ["Sum"] })).rejects.toThrow(
      "You have requested up to 1,500 datapoints, which exceeds the limit of 1,440.",
    );
    await expect(statistics({ StartTime: at(-1), Statistics: ["Sum"] })).rejects.toThrow(
      "The parameter StartTime must be less than the parameter EndTime.",
    );
  });

  it("answers GetMetricData page by page, in either order", async () => {
    for (const name of ["A", "B"])
      await put(
        "Pages",
        [1, 2, 3].map((minute) => ({ MetricName: name, Timestamp: at(minute), Value: minute })),
      );
    const pages = sdk.paginateGetMetricData(
      { client },
      {
        ...window,
        MaxDatapoints: 4,
        ScanBy: "TimestampAscending",
        MetricDataQueries: [query("a", "Pages", "A"), query("b", "Pages", "B"), query("c", "Pages", "C")],
      },
    );
    const values: unknown[] = [];
    for await (const page of pages)
      values.push(page.MetricDataResults?.map(({ Id, Values, StatusCode }) => [Id, Values, StatusCode]));
    expect(values).toEqual([
      [
        ["a", [3, 2, 1], "Complete"],
        ["b", [3], "PartialData"],
      ],
      [
        ["b", [2, 1], "Complete"],
        ["c", [], "Complete"],
      ],
    ]);
  });

  it("searches for metrics in expressions", async () => {
    const of = (Service: string, Value: number) => ({
      MetricName: "Latency",
      Timestamp: at(2),
      Value,
      Dimensions: [{ Name: "Service", Value: Service }],
    });
    await put("Searched", [
      of("web-app", 1),
      of("api", 2),
      { MetricName: "Latency", Timestamp: at(2), Value: 9 },
    ]);
    const search = async (Expression: string) => {
      const { MetricDataResults = [] } = await client.send(
        new sdk.GetMetricDataCommand({ ...window, MetricDataQueries: [{ Id: "e", Expression }] }),
      );
      return MetricDataResults.map(({ Id, Label, Values }) => [Id, Label, ...(Values ?? [])]);
    };
    expect(await search("SEARCH('{Searched,Service} latency', 'Sum', 60)")).toEqual([
      ["e", "web-app", 1],
      ["e", "api", 2],
    ]);
    expect(await search(`SUM(SEARCH('{Searched,Service} Service="api" OR web', 'Sum', 60)) * 2`)).toEqual([
      ["e", "e", 6],
    ]);
    expect(await search("SEARCH('{Searched} nothing', 'Sum', 60)")).toEqual([]);
    await expect(search("SEARCH('(a', 'Sum', 60)")).rejects.toThrow(
      "Error in expression: The search lacks a closing parenthesis.",
    );
    await expect(search("SEARCH('a', 'Most', 60)")).rejects.toThrow(
      "SEARCH does not know the statistic Most.",
    );
  });

  it("lists metrics by name and by their dimensions", async () => {
    const dimensions = (A: string, B: string) => [
      { Name: "A", Value: A },
      { Name: "B", Value: B },
    ];
    await put("Listed", [
      { MetricName: "X", Value: 1, Dimensions: dimensions("1", "1") },
      { MetricName: "X", Value: 1, Dimensions: dimensions("1", "2") },
      { MetricName: "Y", Value: 1 },
    ]);
    const count = async (input: sdk.ListMetricsInput) =>
      (await client.send(new sdk.ListMetricsCommand({ Namespace: "Listed", ...input }))).Metrics?.length;
    expect(await count({})).toBe(3);
    expect(await count({ MetricName: "X", RecentlyActive: "PT3H" })).toBe(2);
    expect(await count({ Dimensions: [{ Name: "A" }, { Name: "B", Value: "2" }] })).toBe(1);
    expect(await count({ Dimensions: [{ Name: "constructor" }] })).toBe(0);
  });
});
