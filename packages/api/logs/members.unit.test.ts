import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it narrows.
const api = await startApi();
afterAll(() => api.close());
const client = new logs.CloudWatchLogsClient(api.client());
const logGroupName = "/app/web";
const now = Date.now();

beforeAll(async () => {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName, logGroupClass: "STANDARD" }));
  for (const [index, logStreamName] of ["a/1", "a/2", "b/1"].entries()) {
    await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName }));
    const timestamp = now - 60_000 * (3 - index);
    const logEvents = [{ timestamp, message: logStreamName }];
    await client.send(new logs.PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
  }
});

it("groups by a part of their name", async () => {
  const names = async (logGroupNamePattern: string) =>
    (await client.send(new logs.DescribeLogGroupsCommand({ logGroupNamePattern }))).logGroups?.length;
  expect([await names("web"), await names("none")]).toEqual([1, 0]);
});

it("groups by their class, and the class of essentials is refused", async () => {
  const create = (logGroupClass: logs.LogGroupClass) =>
    client.send(new logs.CreateLogGroupCommand({ logGroupName: `/${logGroupClass}`, logGroupClass }));
  const names = async (logGroupClass: logs.LogGroupClass) =>
    (await client.send(new logs.DescribeLogGroupsCommand({ logGroupClass }))).logGroups?.map(
      (group) => group.logGroupName,
    );
  await create("DELIVERY");
  await expect(create("ESSENTIALS")).rejects.toThrow("ESSENTIALS");
  expect(await names("DELIVERY")).toEqual(["/DELIVERY"]);
  expect(await names("ESSENTIALS")).toEqual([]);
});

it("groups by their identifiers", async () => {
  const names = async (...logGroupIdentifiers: string[]) =>
    (await client.send(new logs.DescribeLogGroupsCommand({ logGroupIdentifiers }))).logGroups?.map(
      (group) => group.logGroupName,
    );
  expect(await names(logGroupName)).toEqual([logGroupName]);
  expect(await names("/none")).toEqual([]);
});

it("listed groups by their class", async () => {
  const names = async (logGroupClass: logs.LogGroupClass) =>
    (await client.send(new logs.ListLogGroupsCommand({ logGroupClass }))).logGroups?.map(
      (group) => group.logGroupName,
    );
  expect(await names("STANDARD")).toEqual([logGroupName]);
  expect(await names("INFREQUENT_ACCESS")).toEqual([]);
  expect(await names("DELIVERY")).toEqual(["/DELIVERY"]);
  expect(await names("ESSENTIALS")).toEqual([]);
});

it("streams by their prefix, in both orders", async () => {
  const names = async (input: Partial<logs.DescribeLogStreamsRequest>) =>
    (await client.send(new logs.DescribeLogStreamsCommand({ logGroupName, ...input }))).logStreams?.map(
      (stream) => stream.logStreamName,
    );
  expect(await names({ logStreamNamePrefix: "a/" })).toEqual(["a/1", "a/2"]);
  expect(await names({ orderBy: "LogStreamName", descending: true })).toEqual(["b/1", "a/2", "a/1"]);
  expect(await names({ orderBy: "LastEventTime", descending: true })).toEqual(["b/1", "a/2", "a/1"]);
});

describe("events", () => {
  const found = async (input: Partial<logs.FilterLogEventsRequest>) =>
    (await client.send(new logs.FilterLogEventsCommand({ logGroupName, ...input }))).events?.map(
      (event) => event.message,
    );

  it("by stream and time", async () => {
    expect(await found({ logStreamNames: ["a/1", "b/1"] })).toEqual(["a/1", "b/1"]);
    expect(await found({ logStreamNamePrefix: "a/" })).toEqual(["a/1", "a/2"]);
    expect(await found({ startTime: now - 130_000 })).toEqual(["a/2", "b/1"]);
    expect(await found({ endTime: now - 130_000 })).toEqual(["a/1"]);
  });

  it("of a stream, page by page", async () => {
    const logStreamName = "pages";
    await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName }));
    const logEvents = [1, 2, 3].map((each) => ({ timestamp: now + each, message: `m${each}` }));
    await client.send(new logs.PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
    const read = (input: Partial<logs.GetLogEventsRequest>) =>
      client.send(
        new logs.GetLogEventsCommand({ logGroupName, logStreamName, startFromHead: true, ...input }),
      );
    const messages = ({ events = [] }: logs.GetLogEventsCommandOutput) =>
      events.map((event) => event.message);
    const first = await read({ limit: 2 });
    expect(messages(first)).toEqual(["m1", "m2"]);
    expect(messages(await read({ limit: 2, nextToken: first.nextForwardToken }))).toEqual(["m3"]);
    expect(messages(await read({ startTime: now + 2 }))).toEqual(["m2", "m3"]);
    expect(messages(await read({ endTime: now + 2 }))).toEqual(["m1"]);
  });
});
