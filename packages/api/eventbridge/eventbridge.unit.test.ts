import * as sdk from "@aws-sdk/client-eventbridge";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.EventBridgeClient(api.client());
const LOG_GROUP = "arn:aws:logs:eu-south-1:000000000000:log-group:/g";
const PATTERN = '{"source":["shop"]}';
const Tags = [{ Key: "a", Value: "b" }];

describe("event buses", () => {
  it("are created, described, changed, listed and deleted; the default bus exists", async () => {
    const created = await client.send(
      new sdk.CreateEventBusCommand({ Name: "orders", Description: "d", Tags }),
    );
    expect(created.EventBusArn).toBe("arn:aws:events:eu-south-1:000000000000:event-bus/orders");
    await client.send(new sdk.UpdateEventBusCommand({ Name: "orders", Description: "e" }));
    const described = await client.send(new sdk.DescribeEventBusCommand({ Name: "orders" }));
    expect(described).toMatchObject({ Name: "orders", Description: "e" });
    const { EventBuses } = await client.send(new sdk.ListEventBusesCommand({}));
    expect(EventBuses?.map(({ Name }) => Name)).toEqual(["default", "orders"]);
    await client.send(new sdk.PutRuleCommand({ Name: "r", EventBusName: "orders", EventPattern: PATTERN }));
    const remove = () => client.send(new sdk.DeleteEventBusCommand({ Name: "orders" }));
    await expect(remove()).rejects.toThrow(/has rules/);
    await client.send(new sdk.DeleteRuleCommand({ Name: "r", EventBusName: "orders" }));
    await remove();
    await expect(client.send(new sdk.DescribeEventBusCommand({ Name: "orders" }))).rejects.toThrow(
      sdk.ResourceNotFoundException,
    );
    await expect(client.send(new sdk.DeleteEventBusCommand({ Name: "default" }))).rejects.toThrow(/default/);
  });
});

describe("rules", () => {
  it("are put, described, listed, switched and deleted", async () => {
    const put = { Name: "one", EventPattern: PATTERN, Description: "d", Tags };
    const { RuleArn } = await client.send(new sdk.PutRuleCommand(put));
    expect(RuleArn).toBe("arn:aws:events:eu-south-1:000000000000:rule/one");
    await client.send(new sdk.DisableRuleCommand({ Name: "one" }));
    const describe = () => client.send(new sdk.DescribeRuleCommand({ Name: "one" }));
    expect(await describe()).toMatchObject({
      State: "DISABLED",
      EventPattern: PATTERN,
      EventBusName: "default",
    });
    await client.send(new sdk.EnableRuleCommand({ Name: "one" }));
    expect(await describe()).toMatchObject({ State: "ENABLED", CreatedBy: "000000000000" });
    const { Rules } = await client.send(new sdk.ListRulesCommand({ NamePrefix: "on" }));
    expect(Rules?.map(({ Name }) => Name)).toEqual(["one"]);
    await client.send(new sdk.DeleteRuleCommand({ Name: "one" }));
    await expect(describe()).rejects.toThrow("Rule one does not exist on EventBus default.");
  });

  it("keep their targets, which are put, listed and removed", async () => {
    await client.send(new sdk.PutRuleCommand({ Name: "two", ScheduleExpression: "rate(5 minutes)" }));
    const Targets = [
      { Id: "log", Arn: LOG_GROUP, InputPath: "$.detail", RetryPolicy: { MaximumRetryAttempts: 1 } },
    ];
    await client.send(new sdk.PutTargetsCommand({ Rule: "two", Targets }));
    await client.send(new sdk.PutRuleCommand({ Name: "two", ScheduleExpression: "cron(0 10 * * ? *)" }));
    const listed = await client.send(new sdk.ListTargetsByRuleCommand({ Rule: "two" }));
    expect(listed.Targets).toEqual(Targets);
    const byTarget = await client.send(new sdk.ListRuleNamesByTargetCommand({ TargetArn: LOG_GROUP }));
    expect(byTarget.RuleNames).toEqual(["two"]);
    await expect(client.send(new sdk.DeleteRuleCommand({ Name: "two" }))).rejects.toThrow(/has targets/);
    const removed = await client.send(new sdk.RemoveTargetsCommand({ Rule: "two", Ids: ["log", "none"] }));
    expect(removed.FailedEntries).toMatchObject([
      { TargetId: "none", ErrorCode: "ResourceNotFoundException" },
    ]);
    await client.send(new sdk.DeleteRuleCommand({ Name: "two" }));
  });

  it("have tags", async () => {
    const { RuleArn } = await client.send(
      new sdk.PutRuleCommand({ Name: "three", EventPattern: PATTERN, Tags }),
    );
    await client.send(new sdk.TagResourceCommand({ ResourceARN: RuleArn, Tags: [{ Key: "c", Value: "d" }] }));
    await client.send(new sdk.UntagResourceCommand({ ResourceARN: RuleArn, TagKeys: ["a"] }));
    const listed = await client.send(new sdk.ListTagsForResourceCommand({ ResourceARN: RuleArn }));
    expect(listed.Tags).toEqual([{ Key: "c", Value: "d" }]);
  });

  it.each([
    [{}, /must be specified/],
    [{ EventPattern: "{" }, /Event pattern is not valid/],
    [{ ScheduleExpression: "at(2027-01-01T00:00:00)" }, /not valid/],
    [{ ScheduleExpression: "rate(1 minute)", EventBusName: "none" }, /default event bus/],
    [{ EventPattern: PATTERN, EventBusName: "none" }, /does not exist/],
  ])("are refused: %j", async (given, reason) => {
    await expect(client.send(new sdk.PutRuleCommand({ Name: "bad", ...given }))).rejects.toThrow(reason);
  });

  it("are refused targets that cannot be invoked, by name", async () => {
    await client.send(new sdk.PutRuleCommand({ Name: "four", EventPattern: PATTERN }));
    const Arn = "arn:aws:lambda:eu-south-1:000000000000:function:f";
    const put = new sdk.PutTargetsCommand({ Rule: "four", Targets: [{ Id: "t", Arn }] });
    await expect(client.send(put)).rejects.toThrow(/a target of lambda is not there yet/);
  });
});

describe("events", () => {
  it("are accepted one by one, and become deliveries of the matching rules", async () => {
    await client.send(new sdk.PutRuleCommand({ Name: "five", EventPattern: '{"source":["five"]}' }));
    await client.send(new sdk.PutTargetsCommand({ Rule: "five", Targets: [{ Id: "t", Arn: LOG_GROUP }] }));
    const entry = { Source: "five", DetailType: "d", Detail: '{"n":1}', Resources: ["arn:x"] };
    const { Entries, FailedEntryCount } = await client.send(
      new sdk.PutEventsCommand({ Entries: [entry, { ...entry, Detail: "no" }, { ...entry, Source: "" }] }),
    );
    expect(FailedEntryCount).toBe(2);
    expect(Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([
      undefined,
      "MalformedDetail",
      "InvalidArgument",
    ]);
    const [delivery, ...more] = api.store.list("eventDelivery");
    expect(more).toEqual([]);
    expect(JSON.parse(delivery?.payload ?? "")).toMatchObject({
      id: Entries?.[0]?.EventId,
      source: "five",
      "detail-type": "d",
      account: "000000000000",
      resources: ["arn:x"],
      detail: { n: 1 },
    });
  });

  it("are compared with a pattern", async () => {
    const event = {
      id: "1",
      account: "0",
      source: "shop",
      time: "t",
      region: "r",
      resources: [],
      "detail-type": "d",
    };
    const test = (EventPattern: string, Event: string) =>
      client.send(new sdk.TestEventPatternCommand({ EventPattern, Event }));
    expect((await test(PATTERN, JSON.stringify(event))).Result).toBe(true);
    expect((await test(PATTERN, JSON.stringify({ ...event, source: "x" }))).Result).toBe(false);
    await expect(test(PATTERN, '{"source":"shop"}')).rejects.toThrow(/required field/);
  });
});
