import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as eb from "@aws-sdk/client-eventbridge";
import { ACCOUNT } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { REGION, startEvents } from "./events-world.ts";

// EventBridge writes to a log group where a resource policy of its account lets it, for the rule that the policy names.
// Before: every rule wrote to every log group of its account.
const world = await startEvents();
afterAll(() => world.close());
const { api } = world;
const events = new eb.EventBridgeClient(api.client());
const client = new logs.CloudWatchLogsClient(api.client());
const logGroupName = "/events";
const groupArn = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${logGroupName}`;

beforeAll(async () => {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName }));
  for (const Name of ["one", "two"]) {
    await events.send(new eb.PutRuleCommand({ Name, EventPattern: JSON.stringify({ source: [Name] }) }));
    await events.send(new eb.PutTargetsCommand({ Rule: Name, Targets: [{ Id: "t", Arn: groupArn }] }));
  }
});

async function written(source: string): Promise<number> {
  const before = await count();
  const Entries = [{ Source: source, DetailType: "d", Detail: "{}" }];
  await events.send(new eb.PutEventsCommand({ Entries }));
  await world.settle();
  expect(api.store.list("eventDelivery")).toEqual([]);
  return (await count()) - before;
}
const count = async () =>
  (await client.send(new logs.FilterLogEventsCommand({ logGroupName }))).events?.length ?? 0;

it("writes nothing without a policy, with one for another service, rule or group, or with a denial", async () => {
  expect(await written("one")).toBe(0);
  await world.openLogs("p", { Principal: { Service: "route53.amazonaws.com" } });
  expect(await written("one")).toBe(0);
  await world.openLogs("p", { Resource: `${groupArn}-other:*` });
  expect(await written("one")).toBe(0);
  await world.openLogs("p", { Action: "logs:PutLogEvents" });
  expect(await written("one")).toBe(0);
  const rule = `arn:aws:events:${REGION}:${ACCOUNT}:rule/one`;
  const Condition = { ArnEquals: { "aws:SourceArn": rule }, StringEquals: { "aws:SourceAccount": ACCOUNT } };
  await world.openLogs("p", { Resource: `${groupArn}:*`, Condition });
  expect([await written("one"), await written("two")]).toEqual([1, 0]);
  await world.openLogs("q", { Effect: "Deny" });
  expect(await written("one")).toBe(0);
});
