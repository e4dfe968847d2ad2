import * as logs from "@aws-sdk/client-cloudwatch-logs";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new logs.CloudWatchLogsClient(api.client());
const policyDocument = '{"Fields":["requestId","sessionId"]}';
const put = (logGroupIdentifier: string, document = policyDocument) =>
  client.send(new logs.PutIndexPolicyCommand({ logGroupIdentifier, policyDocument: document }));
const describe = async (...logGroupIdentifiers: string[]) =>
  (await client.send(new logs.DescribeIndexPoliciesCommand({ logGroupIdentifiers, nextToken: "t" })))
    .indexPolicies;

beforeAll(async () => {
  for (const logGroupName of ["/a", "/b"])
    await client.send(new logs.CreateLogGroupCommand({ logGroupName }));
  await client.send(
    new logs.CreateLogGroupCommand({ logGroupName: "/rare", logGroupClass: "INFREQUENT_ACCESS" }),
  );
});

it("keeps the index policy of a log group until it is deleted", async () => {
  const { indexPolicy } = await put("/a");
  expect(indexPolicy).toMatchObject({ logGroupIdentifier: "/a", policyDocument, source: "LOG_GROUP" });
  const arn = "arn:aws:logs:eu-south-1:000000000000:log-group:/a";
  expect(await describe(arn, "/b")).toEqual([indexPolicy]);
  await client.send(new logs.DeleteIndexPolicyCommand({ logGroupIdentifier: arn }));
  expect(await describe("/a")).toEqual([]);
});

it.each([
  ["not JSON", "{"],
  ["a list", "[]"],
  ["without fields", "{}"],
  ["of another type", '{"Fields":[1]}'],
  ["with too many fields", JSON.stringify({ Fields: Array.from({ length: 21 }, (_, index) => `f${index}`) })],
  ["with a long name", JSON.stringify({ Fields: ["f".repeat(101)] })],
])("refuses a policy %s", async (_, document) => {
  await expect(put("/b", document)).rejects.toMatchObject({ name: "InvalidParameterException" });
});

it("is for log groups of the class STANDARD that exist", async () => {
  await expect(put("/rare")).rejects.toMatchObject({ name: "InvalidParameterException" });
  await expect(put("/none")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  await expect(describe("/none")).rejects.toMatchObject({ name: "ResourceNotFoundException" });
});
