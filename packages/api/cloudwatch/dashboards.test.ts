import * as sdk from "@aws-sdk/client-cloudwatch";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.CloudWatchClient(api.client());
const put = (DashboardName: string, body: unknown) =>
  client.send(
    new sdk.PutDashboardCommand({
      DashboardName,
      DashboardBody: typeof body === "string" ? body : JSON.stringify(body),
    }),
  );
const widget = { type: "text", x: 0, y: 0, width: 6, height: 3, properties: { markdown: "# Hello" } };

it("stores dashboards, lists them by prefix and deletes all given ones or none", async () => {
  for (const name of ["one", "other", "two"]) await put(name, { widgets: [widget] });
  const get = () => client.send(new sdk.GetDashboardCommand({ DashboardName: "one" }));
  expect(await get()).toMatchObject({
    DashboardArn: "arn:aws:cloudwatch::000000000000:dashboard/one",
    DashboardBody: JSON.stringify({ widgets: [widget] }),
  });
  const list = await client.send(new sdk.ListDashboardsCommand({ DashboardNamePrefix: "o" }));
  expect(list.DashboardEntries?.map((each) => each.DashboardName)).toEqual(["one", "other"]);
  const remove = (...DashboardNames: string[]) =>
    client.send(new sdk.DeleteDashboardsCommand({ DashboardNames }));
  await expect(remove("one", "none")).rejects.toThrow("Dashboard none does not exist");
  await get();
  await remove("one", "other");
  await expect(get()).rejects.toThrow("Dashboard one does not exist");
});

it("lists a thousand dashboards at a time", async () => {
  await put("page-0000", { widgets: [] });
  const names = Array.from({ length: 1_001 }, (_, index) => `page-${String(index).padStart(4, "0")}`);
  api.store.transact((tx) => {
    const [dashboard = expect.fail("It was just put.")] = tx.list("dashboard");
    for (const name of names) {
      const arn = dashboard.arn.replace(dashboard.name, name);
      tx.put("dashboard", arn, { ...dashboard, name, arn });
    }
  });
  const list = (NextToken?: string) =>
    client.send(new sdk.ListDashboardsCommand({ DashboardNamePrefix: "page-", NextToken }));
  const first = await list();
  const second = await list(first.NextToken);
  const shown = [...(first.DashboardEntries ?? []), ...(second.DashboardEntries ?? [])];
  expect(shown.map((each) => each.DashboardName)).toEqual(names);
  expect([first.DashboardEntries?.length, second.NextToken]).toEqual([1_000, undefined]);
});

it.each<[string, unknown, { DataPath?: string; Message: string }[]]>([
  ["no JSON", "{", [{ Message: "The field DashboardBody must be a valid JSON object" }]],
  ["no widgets", {}, [{ DataPath: "", Message: "Should have required property 'widgets'" }]],
  [
    "a widget without type",
    { widgets: [widget, { properties: {} }] },
    [{ DataPath: "/widgets/1", Message: "Should have required property 'type'" }],
  ],
  [
    "half a column",
    { widgets: [{ ...widget, width: 1.5 }] },
    [{ DataPath: "/widgets/0", Message: "width should be integer" }],
  ],
])("refuses a body with %s, and reports the place", async (_, body, messages) => {
  const thrown: unknown = await put("refused", body).catch((each: unknown) => each);
  expect(thrown).toBeInstanceOf(sdk.DashboardInvalidInputError);
  expect((thrown as sdk.DashboardInvalidInputError).dashboardValidationMessages).toEqual(messages); // Just checked.
});

it("tags alarms and dashboards", async () => {
  await put("tagged", { widgets: [] });
  await client.send(new sdk.PutCompositeAlarmCommand({ AlarmName: "tagged", AlarmRule: "FALSE" }));
  for (const ResourceARN of [
    "arn:aws:cloudwatch::000000000000:dashboard/tagged",
    "arn:aws:cloudwatch:eu-south-1:000000000000:alarm:tagged",
  ]) {
    const Tags = [
      { Key: "a", Value: "1" },
      { Key: "b", Value: "2" },
    ];
    await client.send(new sdk.TagResourceCommand({ ResourceARN, Tags }));
    await client.send(new sdk.UntagResourceCommand({ ResourceARN, TagKeys: ["a"] }));
    const listed = await client.send(new sdk.ListTagsForResourceCommand({ ResourceARN }));
    expect(listed.Tags).toEqual([{ Key: "b", Value: "2" }]);
  }
  const missing = client.send(new sdk.ListTagsForResourceCommand({ ResourceARN: "arn:aws:cloudwatch:x" }));
  await expect(missing).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});

it("refuses a composite rule that cannot be read, names no alarm, or leads back to itself", async () => {
  const composite = (AlarmName: string, AlarmRule: string) =>
    client.send(new sdk.PutCompositeAlarmCommand({ AlarmName, AlarmRule }));
  await expect(composite("c", "ALARM(")).rejects.toThrow("AlarmRule ends too early.");
  await expect(composite("c", "ALARM(none)")).rejects.toThrow("an alarm that does not exist: none");
  await composite("inner", "TRUE");
  await composite("outer", "ALARM(inner)");
  await expect(composite("inner", "ALARM(outer)")).rejects.toThrow("refers to inner itself");
  const shown = await client.send(
    new sdk.DescribeAlarmsCommand({ AlarmTypes: ["CompositeAlarm"], AlarmNames: ["outer"] }),
  );
  expect(shown.CompositeAlarms?.[0]).toMatchObject({ AlarmRule: "ALARM(inner)" });
});

it("evaluates expressions of GetMetricData", async () => {
  const at = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 60_000);
  await client.send(
    new sdk.PutMetricDataCommand({
      Namespace: "Math",
      MetricData: [
        { MetricName: "A", Value: 6, Timestamp: at },
        { MetricName: "B", Value: 3, Timestamp: at },
      ],
    }),
  );
  const metric = (Id: string, MetricName: string) => ({
    Id,
    ReturnData: false,
    MetricStat: { Metric: { Namespace: "Math", MetricName }, Period: 60, Stat: "Sum" },
  });
  const evaluate = async (Expression: string) => {
    const input = {
      StartTime: new Date(at.getTime() - 600_000),
      EndTime: new Date(at.getTime() + 60_000),
      MetricDataQueries: [metric("a", "A"), metric("b", "B"), { Id: "e", Expression }],
    };
    const { MetricDataResults } = await client.send(new sdk.GetMetricDataCommand(input));
    return MetricDataResults?.map(({ Id, Values }) => [Id, Values]);
  };
  expect(await evaluate("100 * b / (a + b)")).toEqual([["e", [100 / 3]]]);
  await expect(evaluate("a +")).rejects.toThrow("Error in expression: The expression ends too early.");
});
