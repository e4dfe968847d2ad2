import { gunzipSync } from "node:zlib";
import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { subscriptionController } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
const client = new sdk.CloudWatchLogsClient(api.client());
const DestinationArn = `arn:aws:lambda:eu-south-1:${ACCOUNT}:function:f`;
const clock = new SystemClock();

interface Sent {
  readonly logGroup: string;
  readonly subscriptionFilters: readonly string[];
  readonly logEvents: readonly { readonly message: string }[];
}
const sent: Sent[] = [];
const controller = new Controller(
  subscriptionController({
    ...{ store: api.store, clock, ids: randomIds(), log: silentLogger, logs: api.logs },
    callFunction(_arn, payload) {
      const { awslogs } = payload as { awslogs: { data: string } }; // Lambda's event.
      sent.push(JSON.parse(gunzipSync(Buffer.from(awslogs.data, "base64")).toString()) as Sent);
      return Promise.resolve(null);
    },
  }),
  { clock, log: silentLogger },
);
controller.start();
afterAll(async () => {
  await controller.stop();
  api.close();
});

const SUBSCRIPTION = "SUBSCRIPTION_FILTER_POLICY";
const put = (given: Partial<sdk.PutAccountPolicyRequest> = {}) =>
  client.send(
    new sdk.PutAccountPolicyCommand({
      ...{ policyName: "all", policyType: SUBSCRIPTION },
      policyDocument: JSON.stringify({ DestinationArn, FilterPattern: "error", Distribution: "Random" }),
      ...given,
    }),
  );
const named = async (input: Partial<sdk.DescribeAccountPoliciesRequest> = {}) =>
  (await client.send(new sdk.DescribeAccountPoliciesCommand({ policyType: SUBSCRIPTION, ...input })))
    .accountPolicies;
const write = async (logGroupName: string, message: string) => {
  const stream = { logGroupName, logStreamName: "s" };
  await client.send(new sdk.CreateLogStreamCommand(stream)).catch(() => undefined);
  const logEvents = [{ timestamp: Date.now(), message }];
  await client.send(new sdk.PutLogEventsCommand({ ...stream, logEvents }));
};
const messages = () =>
  sent.map(({ logGroup, logEvents }) => [logGroup, logEvents.map(({ message }) => message)]);

beforeAll(async () => {
  for (const logGroupName of ["before", "excepted"])
    await client.send(new sdk.CreateLogGroupCommand({ logGroupName }));
  await write("before", "error too early");
});

describe("a subscription filter policy", () => {
  it("sends the events of every log group on, but of those that it excepts", async () => {
    const selectionCriteria = 'LogGroupName NOT IN ["excepted", "other"]';
    const { accountPolicy } = await put({ selectionCriteria, scope: "ALL" });
    expect(accountPolicy).toMatchObject({ policyName: "all", scope: "ALL", selectionCriteria });
    await client.send(new sdk.CreateLogGroupCommand({ logGroupName: "after" }));
    await write("excepted", "error excepted");
    await write("before", "error one");
    await write("before", "fine");
    await write("after", "error two");
    await expect.poll(messages).toEqual(
      expect.arrayContaining([
        ["before", ["error one"]],
        ["after", ["error two"]],
      ]),
    );
    expect(sent).toHaveLength(2);
    expect(sent[0]?.subscriptionFilters).toEqual(["all"]);
  });

  it("is described, replaced and deleted; then it sends nothing", async () => {
    expect(await named({ policyName: "all", accountIdentifiers: [ACCOUNT] })).toMatchObject([
      { policyName: "all", policyType: SUBSCRIPTION, accountId: ACCOUNT },
    ]);
    expect(await named({ policyName: "none" })).toEqual([]);
    await expect(named({ accountIdentifiers: ["111111111111"] })).rejects.toThrow("accountIdentifiers");
    await put({ policyDocument: JSON.stringify({ DestinationArn, FilterPattern: "other" }) });
    sent.length = 0;
    await write("excepted", "other now");
    await expect.poll(messages).toEqual([["excepted", ["other now"]]]);
    await expect(put({ policyName: "second" })).rejects.toMatchObject({ name: "LimitExceededException" });
    const remove = () =>
      client.send(new sdk.DeleteAccountPolicyCommand({ policyName: "all", policyType: SUBSCRIPTION }));
    await remove();
    await write("before", "other late");
    await expect(remove()).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sent).toHaveLength(1);
  });

  it.each<[string, Partial<sdk.PutAccountPolicyRequest>, string]>([
    ["no JSON", { policyDocument: "{" }, "not valid JSON"],
    ["no destination", { policyDocument: "{}" }, "no DestinationArn"],
    [
      "a pattern that is none",
      { policyDocument: JSON.stringify({ DestinationArn, FilterPattern: "{" }) },
      "",
    ],
    [
      "a function of another account",
      { policyDocument: JSON.stringify({ DestinationArn: DestinationArn.replace(ACCOUNT, "111111111111") }) },
      "account",
    ],
    [
      "another distribution",
      { policyDocument: JSON.stringify({ DestinationArn, Distribution: "All" }) },
      "Distribution",
    ],
    ["other criteria", { selectionCriteria: "LogGroupName = 1" }, "selectionCriteria"],
    ["too many criteria", { selectionCriteria: "x".repeat(26_000) }, "too long"],
    ["data protection", { policyType: "DATA_PROTECTION_POLICY" }, "policyType"],
    ["transformers", { policyType: "TRANSFORMER_POLICY" }, "policyType"],
    ["metric extraction", { policyType: "METRIC_EXTRACTION_POLICY" }, "policyType"],
    ["a dry run", { dryRun: true }, "dryRun"],
  ])("with %s is refused", async (_what, given, reason) => {
    await expect(put(given)).rejects.toThrow(reason);
  });

  it("is not deleted by a dry run", async () => {
    const input = { policyName: "all", policyType: SUBSCRIPTION, dryRun: true } as const;
    await expect(client.send(new sdk.DeleteAccountPolicyCommand(input))).rejects.toThrow("dryRun");
  });
});

it("index policies are kept and shown page by page, and send nothing", async () => {
  const policyType = "FIELD_INDEX_POLICY" as const;
  const policyDocument = JSON.stringify({ Fields: ["a"] });
  const selectionCriteria = 'LogGroupNamePrefix IN ["a"]';
  for (const policyName of ["one", "two"])
    await put({ policyName, policyType, policyDocument, selectionCriteria });
  const input = { policyType };
  const { accountPolicies, nextToken } = await client.send(new sdk.DescribeAccountPoliciesCommand(input));
  expect(accountPolicies).toMatchObject([
    { policyName: "one", policyDocument, selectionCriteria },
    { policyName: "two" },
  ]);
  expect(nextToken).toBeUndefined();
  const after = Buffer.from("one").toString("base64url");
  expect(await named({ policyType, nextToken: after })).toMatchObject([{ policyName: "two" }]);
  await expect(put({ policyType, policyDocument: "{}" })).rejects.toThrow("Fields");
  await client.send(new sdk.DeleteAccountPolicyCommand({ policyName: "one", policyType }));
  expect(await named(input)).toMatchObject([{ policyName: "two" }]);
});

it.each([
  "DATA_PROTECTION_POLICY",
  "METRIC_EXTRACTION_POLICY",
  "RETENTION_POLICY",
  "TRANSFORMER_POLICY",
] as const)(
  "there are no policies of the type %s: an index policy of the name is another",
  async (policyType) => {
    const index = { policyName: "two", policyType: "FIELD_INDEX_POLICY" } as const;
    expect(await named({ policyType })).toEqual([]);
    expect(await named({ policyType, policyName: "two" })).toEqual([]);
    const remove = () => client.send(new sdk.DeleteAccountPolicyCommand({ policyName: "two", policyType }));
    const refusal = await refusalFor("policyType", remove);
    expect(refusal).toMatchObject({ name: "ResourceNotFoundException" });
    expect(await named(index)).toMatchObject([index]);
  },
);
