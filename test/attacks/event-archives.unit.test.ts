import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as eb from "@aws-sdk/client-eventbridge";
import { ACCOUNT } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REGION, startEvents } from "./events-world.ts";
import { admitOther, OTHER } from "./other-account.ts";

// An archive holds events of everybody who may put them on a bus. Who may start a replay must not read them through
// another bus, another account's archive, or the API of log groups; and a replay must not feed itself.
// Before: there were no archives.
const world = await startEvents();
afterAll(() => world.close());
const { api } = world;
const client = new eb.EventBridgeClient(api.client());
const groups = new logs.CloudWatchLogsClient(api.client());
const busArn = (name: string) => `arn:aws:events:${REGION}:${ACCOUNT}:event-bus/${name}`;
const archiveArn = (name: string) => `arn:aws:events:${REGION}:${ACCOUNT}:archive/${name}`;
const ruleArn = (name: string) => `arn:aws:events:${REGION}:${ACCOUNT}:rule/${name}`;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ALWAYS = { EventStartTime: new Date(0), EventEndTime: new Date(Date.UTC(2099, 0)) };

const put = async (Source: string, Detail = "{}", more: Partial<eb.PutEventsRequestEntry> = {}) => {
  await client.send(new eb.PutEventsCommand({ Entries: [{ Source, DetailType: "d", Detail, ...more }] }));
  await world.settle();
};
const create = (ArchiveName: string, more: Partial<eb.CreateArchiveRequest> = {}) =>
  client.send(new eb.CreateArchiveCommand({ ArchiveName, EventSourceArn: busArn("default"), ...more }));
const describeArchive = (ArchiveName: string) => client.send(new eb.DescribeArchiveCommand({ ArchiveName }));
const replay = (ReplayName: string, archive: string, more: Partial<eb.StartReplayRequest> = {}) =>
  client.send(
    new eb.StartReplayCommand({
      ...{ ReplayName, EventSourceArn: archiveArn(archive), ...ALWAYS },
      ...{ Destination: { Arn: busArn("default") }, ...more },
    }),
  );
const describeReplay = (ReplayName: string) => client.send(new eb.DescribeReplayCommand({ ReplayName }));

/** A rule of the default bus that writes events of a source to a log group of its name. */
async function rule(Name: string, source = Name): Promise<void> {
  const logGroupName = `/events/${Name}`;
  await groups.send(new logs.CreateLogGroupCommand({ logGroupName }));
  await client.send(new eb.PutRuleCommand({ Name, EventPattern: JSON.stringify({ source: [source] }) }));
  const Targets = [{ Id: "t", Arn: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${logGroupName}` }];
  await client.send(new eb.PutTargetsCommand({ Rule: Name, Targets }));
}
async function received(name: string): Promise<Record<string, unknown>[]> {
  const { events = [] } = await groups.send(
    new logs.FilterLogEventsCommand({ logGroupName: `/events/${name}` }),
  );
  return events.map(({ message = "" }) => JSON.parse(message) as Record<string, unknown>);
}

beforeAll(async () => {
  admitOther(api);
  await world.openLogs("events");
  await client.send(new eb.CreateEventBusCommand({ Name: "other" }));
});

describe("an archive", () => {
  it("keeps the events of its bus that match its pattern", async () => {
    const EventPattern = '{"source":["shop"],"detail":{"n":[1]}}';
    const created = await create("shop", { EventPattern, Description: "d", RetentionDays: 2 });
    expect(created).toMatchObject({ ArchiveArn: archiveArn("shop"), State: "ENABLED" });
    await create("all");
    await put("shop", '{"n":1}');
    await put("shop", '{"n":2}');
    await put("shop", '{"n":1}', { EventBusName: "other" });
    expect(await describeArchive("shop")).toMatchObject({
      ...{ ArchiveName: "shop", EventSourceArn: busArn("default"), EventPattern, Description: "d" },
      ...{ RetentionDays: 2, EventCount: 1, State: "ENABLED" },
    });
    expect((await describeArchive("shop")).SizeBytes).toBeGreaterThan(100);
    expect(await describeArchive("all")).toMatchObject({ EventCount: 2, RetentionDays: 0 });
  });

  it("is changed, listed and deleted with its events", async () => {
    const Description = "changed";
    const EventPattern = '{"source":["none"]}';
    await client.send(
      new eb.UpdateArchiveCommand({ ArchiveName: "shop", Description, EventPattern, RetentionDays: 3 }),
    );
    await put("shop", '{"n":1}');
    const shown = await describeArchive("shop");
    expect(shown).toMatchObject({ Description, EventPattern, RetentionDays: 3, EventCount: 1 });
    const names = async (input: eb.ListArchivesRequest) =>
      (await client.send(new eb.ListArchivesCommand(input))).Archives?.map(({ ArchiveName }) => ArchiveName);
    expect(await names({})).toEqual(["all", "shop"]);
    expect(await names({ Limit: 1 })).toEqual(["all"]);
    expect(await names({ NamePrefix: "sh" })).toEqual(["shop"]);
    expect(await names({ EventSourceArn: busArn("other") })).toEqual([]);
    expect([await names({ State: "ENABLED" }), await names({ State: "CREATING" })]).toEqual([
      ["all", "shop"],
      [],
    ]);
    await expect(names({ State: "ENABLED", NamePrefix: "a" })).rejects.toThrow("At most one filter");
    await client.send(new eb.DeleteArchiveCommand({ ArchiveName: "shop" }));
    await expect(describeArchive("shop")).rejects.toThrow("Archive shop does not exist.");
    await create("shop");
    expect((await describeArchive("shop")).EventCount).toBe(0);
  });

  it("keeps its bus from being deleted", async () => {
    await create("bound", { EventSourceArn: busArn("other") });
    const remove = () => client.send(new eb.DeleteEventBusCommand({ Name: "other" }));
    await expect(remove()).rejects.toThrow("cannot be deleted since it has rules");
  });

  it.each([
    [{ ArchiveName: "all" }, "Archive all already exists."],
    [{ ArchiveName: "a/b" }, "regular expression pattern"],
    [{ ArchiveName: "x".repeat(49) }, "less than or equal to 48"],
    [{ EventSourceArn: ruleArn("x") }, "Must contain an event bus ARN."],
    [{ EventSourceArn: busArn("none") }, "Event bus none does not exist."],
    [{ EventSourceArn: busArn("default").replace(ACCOUNT, "111111111111") }, "is not authorized"],
    [{ EventSourceArn: busArn("default").replace(REGION, "us-west-2") }, "does not exist."],
    [{ EventPattern: "{" }, "Event pattern is not valid"],
    [{ RetentionDays: -1 }, "greater than or equal to 0"],
    [{ KmsKeyIdentifier: "alias/a" }, "KmsKeyIdentifier"],
  ])("is refused: %j", async (given, reason) => {
    await expect(create("bad", given)).rejects.toThrow(reason);
  });
  it("is not changed to a key or a pattern that is not one", async () => {
    const change = (more: object) =>
      client.send(new eb.UpdateArchiveCommand({ ArchiveName: "all", ...more }));
    await expect(change({ KmsKeyIdentifier: "alias/a" })).rejects.toThrow("KmsKeyIdentifier");
    await expect(change({ EventPattern: "[]" })).rejects.toThrow("Event pattern is not valid");
  });
});

describe("a replay", () => {
  it("puts the events again, with its name, to the rules that are there now", async () => {
    await create("again", { EventPattern: '{"source":["again"]}' });
    for (const n of [1, 2, 3]) await put("again", `{"n":${n}}`);
    await rule("again");
    const started = await replay("first", "again", { Description: "d" });
    expect(started).toMatchObject({ State: "STARTING" });
    await world.settle(1_000);
    const events = await received("again");
    expect(events.map((event) => [event["detail"], event["replay-name"]])).toEqual(
      [1, 2, 3].map((n) => [{ n }, "first"]),
    );
    const shown = await describeReplay("first");
    expect(shown).toMatchObject({
      ...{ State: "COMPLETED", Description: "d", Destination: { Arn: busArn("default") } },
      EventSourceArn: archiveArn("again"),
    });
    expect([shown.ReplayEndTime, shown.EventLastReplayedTime]).toEqual([expect.any(Date), expect.any(Date)]);
    // What is replayed is not archived again.
    expect((await describeArchive("again")).EventCount).toBe(3);
  });

  it("puts events of its time alone, to the rules that it names", async () => {
    await create("timed", { EventPattern: '{"source":["timed"]}' });
    await rule("named", "timed");
    await rule("unnamed", "timed");
    for (const year of [2020, 2021, 2022])
      await put("timed", `{"year":${year}}`, { Time: new Date(Date.UTC(year, 5)) });
    await replay("narrow", "timed", {
      EventStartTime: new Date(Date.UTC(2021, 0)),
      EventEndTime: new Date(Date.UTC(2022, 0)),
      Destination: { Arn: busArn("default"), FilterArns: [ruleArn("named")] },
    });
    await world.settle(1_000);
    const again = async (name: string) =>
      (await received(name)).flatMap((event) => (event["replay-name"] === "narrow" ? [event["detail"]] : []));
    expect([await again("named"), await again("unnamed")]).toEqual([[{ year: 2021 }], []]);
    expect((await describeReplay("narrow")).Destination?.FilterArns).toEqual([ruleArn("named")]);
  });

  it("is cancelled, and fails when its archive goes", async () => {
    // A replay waits while many deliveries do.
    api.store.transact((tx) => {
      const target = { id: "t", arn: archiveArn("none"), roleArn: undefined, runTask: undefined };
      const retry = { attempts: 0, ageSeconds: 60 };
      for (let index = 0; index < 5_000; index += 1)
        tx.put("eventDelivery", `waiting-${index}`, {
          ...{ account: ACCOUNT, region: REGION, id: `waiting-${index}`, sourceArn: archiveArn("none") },
          ...{ service: "events", payload: "{}", createdAt: world.clock.now(), attempts: 0 },
          target: { ...target, putEvents: undefined, parameters: {}, retry },
          nextAt: world.clock.now() + DAY,
        });
    });
    await replay("stopped", "again");
    const cancel = () => client.send(new eb.CancelReplayCommand({ ReplayName: "stopped" }));
    expect(await cancel()).toMatchObject({ State: "CANCELLING" });
    await create("gone");
    await replay("lost", "gone");
    await client.send(new eb.DeleteArchiveCommand({ ArchiveName: "gone" }));
    api.store.transact((tx) => {
      for (let index = 0; index < 5_000; index += 1) tx.delete("eventDelivery", `waiting-${index}`);
    });
    await world.settle(2_000);
    expect((await describeReplay("stopped")).State).toBe("CANCELLED");
    expect(await describeReplay("lost")).toMatchObject({ State: "FAILED", StateReason: expect.any(String) });
    await expect(cancel()).rejects.toThrow("is not in a valid state");
    const names = async (input: eb.ListReplaysRequest) =>
      (await client.send(new eb.ListReplaysCommand(input))).Replays?.map(({ ReplayName }) => ReplayName);
    expect(await names({ State: "CANCELLED" })).toEqual(["stopped"]);
    expect(await names({ NamePrefix: "lo" })).toEqual(["lost"]);
    expect(await names({ EventSourceArn: archiveArn("timed") })).toEqual(["narrow"]);
    expect(await names({ Limit: 2 })).toEqual(["first", "lost"]);
    await expect(names({ State: "FAILED", NamePrefix: "l" })).rejects.toThrow("At most one filter");
  });

  it.each<[Partial<eb.StartReplayRequest>, string]>([
    [{ ReplayName: "first" }, "Replay first already exists."],
    [{ EventSourceArn: archiveArn("none") }, "Archive none does not exist."],
    [{ Destination: { Arn: busArn("other") } }, "Cross event bus replay is not permitted."],
    [{ Destination: { Arn: ruleArn("again") } }, "Must contain an event bus ARN."],
    [{ Destination: { Arn: busArn("none") } }, "does not exist"],
    [{ Destination: { Arn: busArn("default"), FilterArns: [ruleArn("none")] } }, "FilterArns"],
    [{ EventStartTime: ALWAYS.EventEndTime }, "EventStartTime must be before EventEndTime."],
  ])("is refused: %j", async (given, reason) => {
    await expect(replay("bad", "again", given)).rejects.toThrow(reason);
  });

  it("of another account, or of an archive of another account, is refused", async () => {
    const other = new eb.EventBridgeClient(api.client(OTHER));
    const own = busArn("default").replace(ACCOUNT, "111111111111");
    const start = (EventSourceArn: string, Arn: string) =>
      other.send(
        new eb.StartReplayCommand({ ReplayName: "x", EventSourceArn, ...ALWAYS, Destination: { Arn } }),
      );
    await expect(start(archiveArn("again"), own)).rejects.toThrow(/not authorized|does not exist/);
    await expect(start(archiveArn("again"), busArn("default"))).rejects.toThrow(
      /not authorized|does not exist/,
    );
    await expect(other.send(new eb.DescribeArchiveCommand({ ArchiveName: "again" }))).rejects.toThrow(
      "does not exist",
    );
  });
});

it("an archive's events are not read as a log group's", async () => {
  const { contentGroup } = api.store.get("eventArchive", archiveArn("again")) ?? expect.fail("is there");
  for (const logGroupIdentifier of [contentGroup, archiveArn("again")])
    await expect(groups.send(new logs.FilterLogEventsCommand({ logGroupIdentifier }))).rejects.toBeDefined();
  const { logGroups } = await groups.send(new logs.DescribeLogGroupsCommand({}));
  expect(logGroups?.map(({ logGroupName }) => logGroupName)).not.toContain(contentGroup);
});

// Last: the clients' own clocks stay behind.
it("an archive drops events after their retention, by when they were archived", async () => {
  await create("short", { RetentionDays: 1, EventPattern: '{"source":["aged"]}' });
  await put("aged", "{}", { Time: new Date(0) });
  const late = new eb.EventBridgeClient({ ...api.client(), systemClockOffset: DAY + 2 * HOUR });
  const count = async (from: eb.EventBridgeClient) =>
    (await from.send(new eb.DescribeArchiveCommand({ ArchiveName: "short" }))).EventCount;
  expect(await count(client)).toBe(1);
  await world.settle(DAY + 2 * HOUR);
  expect(await count(late)).toBe(0);
});
