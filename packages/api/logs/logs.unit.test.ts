import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new logs.CloudWatchLogsClient(api.client());

async function newGroup(logGroupName: string): Promise<void> {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName, tags: { stage: "test" } }));
}
const groupOf = async (logGroupNamePrefix: string) =>
  (await client.send(new logs.DescribeLogGroupsCommand({ logGroupNamePrefix }))).logGroups?.[0];

it("keeps events for as long as the policy says, and refuses other durations", async () => {
  const logGroupName = "/retention";
  await newGroup(logGroupName);
  await client.send(new logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays: 7 }));
  expect((await groupOf(logGroupName))?.retentionInDays).toBe(7);
  await expect(
    client.send(new logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays: 2 })),
  ).rejects.toMatchObject({ name: "InvalidParameterException" });
  await client.send(new logs.DeleteRetentionPolicyCommand({ logGroupName }));
  expect((await groupOf(logGroupName))?.retentionInDays).toBeUndefined();
});

it("lists the tags of a group by its name", async () => {
  await newGroup("/tags");
  const { tags } = await client.send(new logs.ListTagsLogGroupCommand({ logGroupName: "/tags" }));
  expect(tags).toEqual({ stage: "test" });
  await expect(
    client.send(new logs.ListTagsLogGroupCommand({ logGroupName: "/none" })),
  ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});

// Before: 10,000 events of 256 KB each came in one response, and 1,000 of them were read in one turn.
it("returns about 1 MB of found events at once, and the rest with the token", async () => {
  const [logGroupName, logStreamName] = ["/large", "one"];
  await newGroup(logGroupName);
  await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName }));
  for (let index = 0; index < 6; index += 1) {
    const event = { timestamp: Date.now(), message: `${index}${"x".repeat(250_000)}` };
    await client.send(new logs.PutLogEventsCommand({ logGroupName, logStreamName, logEvents: [event] }));
  }
  const pages: string[] = [];
  let nextToken: string | undefined;
  do {
    const found = await client.send(new logs.FilterLogEventsCommand({ logGroupName, nextToken }));
    pages.push((found.events ?? []).map(({ message }) => message?.charAt(0)).join(""));
    ({ nextToken } = found);
  } while (nextToken !== undefined);
  expect(pages).toEqual(["01234", "5"]);
});

it("finds events of all streams by a pattern, and none of a stream that is deleted", async () => {
  const logGroupName = "/events";
  await newGroup(logGroupName);
  for (const logStreamName of ["one", "two"]) {
    await client.send(new logs.CreateLogStreamCommand({ logGroupName, logStreamName }));
    await client.send(
      new logs.PutLogEventsCommand({
        logGroupName,
        logStreamName,
        logEvents: [
          { timestamp: Date.now() - 2, message: `ERROR ${logStreamName}` },
          { timestamp: Date.now() - 1, message: "fine" },
        ],
      }),
    );
  }
  const errors = async () =>
    (
      await client.send(new logs.FilterLogEventsCommand({ logGroupName, filterPattern: "ERROR" }))
    ).events?.map((event) => event.message);
  expect((await errors())?.toSorted()).toEqual(["ERROR one", "ERROR two"]);
  await client.send(new logs.DeleteLogStreamCommand({ logGroupName, logStreamName: "one" }));
  expect(await errors()).toEqual(["ERROR two"]);
  await expect(
    client.send(new logs.DeleteLogStreamCommand({ logGroupName, logStreamName: "one" })),
  ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});

it("deletes a group with its streams", async () => {
  const logGroupName = "/deleted";
  await newGroup(logGroupName);
  await client.send(new logs.DeleteLogGroupCommand({ logGroupName }));
  expect(await groupOf(logGroupName)).toBeUndefined();
  await expect(client.send(new logs.DeleteLogGroupCommand({ logGroupName }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});

it("keeps the class of a group, and lists groups by it", async () => {
  const logGroupName = "/infrequent";
  const create = (logGroupClass: logs.LogGroupClass) =>
    client.send(new logs.CreateLogGroupCommand({ logGroupName, logGroupClass }));
  await create("INFREQUENT_ACCESS");
  const ofClass = async (logGroupClass: logs.LogGroupClass) =>
    (await client.send(new logs.DescribeLogGroupsCommand({ logGroupClass }))).logGroups ?? [];
  expect((await ofClass("INFREQUENT_ACCESS")).map((group) => group.logGroupName)).toEqual([logGroupName]);
  expect((await ofClass("STANDARD")).map((group) => group.logGroupName)).not.toContain(logGroupName);
  await expect(
    client.send(
      new logs.CreateLogGroupCommand({
        logGroupName: "/essential",
        logGroupClass: "ESSENTIALS",
      }),
    ),
  ).rejects.toMatchObject({ name: "InvalidParameterException" });
});
