import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as sdk from "@aws-sdk/client-eventbridge";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";

const api = await startApi();
afterAll(() => api.close());
admitOther(api);
const client = new sdk.EventBridgeClient(api.client());
const other = new sdk.EventBridgeClient({ ...api.client(), credentials: OTHER });
const EventBusName = "orders";
const BUS = `arn:aws:events:eu-south-1:000000000000:event-bus/${EventBusName}`;

beforeAll(async () => {
  await client.send(new sdk.CreateEventBusCommand({ Name: EventBusName }));
  await new logs.CloudWatchLogsClient(api.client()).send(
    new logs.CreateLogGroupCommand({ logGroupName: "/g" }),
  );
  await client.send(
    new sdk.PutRuleCommand({ Name: "all", EventBusName, EventPattern: '{"source":["shop"]}' }),
  );
  const Arn = "arn:aws:logs:eu-south-1:000000000000:log-group:/g";
  await client.send(new sdk.PutTargetsCommand({ Rule: "all", EventBusName, Targets: [{ Id: "t", Arn }] }));
});

const permit = (input: Partial<sdk.PutPermissionRequest>) =>
  client.send(new sdk.PutPermissionCommand({ EventBusName, ...input }));
const allow = (StatementId: string, Principal: string, more: Partial<sdk.PutPermissionRequest> = {}) =>
  permit({ Action: "events:PutEvents", StatementId, Principal, ...more });
const revoke = (input: Partial<sdk.RemovePermissionRequest>) =>
  client.send(new sdk.RemovePermissionCommand({ EventBusName, ...input }));
const statements = async () => {
  const { Policy } = await client.send(new sdk.DescribeEventBusCommand({ Name: EventBusName }));
  return Policy === undefined ? undefined : (JSON.parse(Policy) as { Statement: object[] }).Statement;
};
const put = (by: sdk.EventBridgeClient, EventBusName: string) =>
  by.send(
    new sdk.PutEventsCommand({ Entries: [{ Source: "shop", DetailType: "d", Detail: "{}", EventBusName }] }),
  );
const delivered = () => api.store.list("eventDelivery").length;

it("lets no other account put events, until a statement does", async () => {
  await expect(put(other, BUS)).rejects.toMatchObject({ name: "AccessDeniedException" });
  await allow("other", "111111111111");
  expect(await statements()).toEqual([
    {
      Sid: "other",
      Effect: "Allow",
      Principal: { AWS: "arn:aws:iam::111111111111:root" },
      Action: "events:PutEvents",
      Resource: BUS,
    },
  ]);
  const before = delivered();
  expect((await put(other, BUS)).FailedEntryCount).toBe(0);
  expect(delivered()).toBe(before + 1);
  const event = api.store.list("eventDelivery").at(-1);
  expect([event?.account, JSON.stringify(event)]).toEqual([
    "000000000000",
    expect.stringContaining('\\"account\\":\\"111111111111\\"'),
  ]);
  await revoke({ StatementId: "other" });
  expect(await statements()).toBeUndefined();
  await expect(put(other, BUS)).rejects.toMatchObject({ name: "AccessDeniedException" });
});

// A statement for PutEvents gives nothing else away.
it("lets another account put events alone", async () => {
  await allow("everyone", "*");
  await put(other, BUS);
  for (const send of [
    () => other.send(new sdk.DescribeEventBusCommand({ Name: BUS })),
    () => other.send(new sdk.RemovePermissionCommand({ EventBusName: BUS, RemoveAllPermissions: true })),
    () => other.send(new sdk.PutPermissionCommand({ EventBusName: BUS, Policy: "{}" })),
  ])
    await expect(send()).rejects.toThrow();
  expect(await statements()).toHaveLength(1);
  await revoke({ RemoveAllPermissions: true });
});

it("takes a whole policy, which may deny, and conditions", async () => {
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Sid: "a", Effect: "Allow", Principal: "*", Action: "events:PutEvents", Resource: BUS },
      { Sid: "d", Effect: "Deny", Principal: { AWS: "111111111111" }, Action: "events:*", Resource: BUS },
    ],
  });
  await permit({ Policy });
  await expect(put(other, BUS)).rejects.toMatchObject({ name: "AccessDeniedException" });
  await put(client, EventBusName);
  const { EventBuses } = await client.send(new sdk.ListEventBusesCommand({ NamePrefix: EventBusName }));
  expect(JSON.parse(EventBuses?.[0]?.Policy ?? "{}")).toEqual(JSON.parse(Policy));
  await revoke({ StatementId: "d" });
  await put(other, BUS);
  await revoke({ RemoveAllPermissions: true });
  const Condition = { Type: "StringEquals", Key: "aws:PrincipalOrgID", Value: "o-1" };
  await allow("organization", "*", { Condition });
  expect(await statements()).toMatchObject([
    { Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } },
  ]);
  await expect(put(other, BUS)).rejects.toMatchObject({ name: "AccessDeniedException" });
  await revoke({ RemoveAllPermissions: true });
});

it("may be the default bus's", async () => {
  await client.send(
    new sdk.PutPermissionCommand({ Action: "events:PutEvents", StatementId: "s", Principal: "111111111111" }),
  );
  await put(other, BUS.replace(EventBusName, "default"));
  const { CreationTime, Policy } = await client.send(new sdk.DescribeEventBusCommand({}));
  expect([CreationTime, Policy]).toEqual([undefined, expect.stringContaining("111111111111")]);
  await client.send(new sdk.RemovePermissionCommand({ RemoveAllPermissions: true }));
});

it.each([
  ["ValidationException", { Policy: "{}" }],
  ["ValidationException", { Policy: "{}", StatementId: "s" }],
  ["ValidationException", { Action: "events:PutEvents", Principal: "*" }],
  ["ValidationException", { Action: "events:PutRule", Principal: "*", StatementId: "s" }],
  ["ValidationException", { Action: "events:PutEvents", Principal: "someone", StatementId: "s" }],
  ["ResourceNotFoundException", { EventBusName: "none", Policy: "{}" }],
  ["PolicyLengthExceededException", { Policy: " ".repeat(10_241) }],
])("is refused with %s: %j", async (name, input) => {
  await expect(permit(input)).rejects.toMatchObject({ name });
});

it("has statements that are removed once", async () => {
  await expect(revoke({ StatementId: "none" })).rejects.toThrow("EventBus does not have a policy.");
  await allow("one", "111111111111");
  await expect(revoke({ StatementId: "none" })).rejects.toThrow("Statement with ID none does not exist.");
});
