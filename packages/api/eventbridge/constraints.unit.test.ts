import * as sdk from "@aws-sdk/client-eventbridge";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.EventBridgeClient(api.client());

// Before: the limits were declared under names that no member has, and names of any length and characters were taken.
it.each([
  ["a b", /Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression/],
  [
    "x".repeat(65),
    /at 'name' failed to satisfy constraint: Member must have length less than or equal to 64/,
  ],
])("PutRule refuses the name %s", async (Name, reason) => {
  const put = client.send(new sdk.PutRuleCommand({ Name, ScheduleExpression: "rate(1 day)" }));
  await expect(put).rejects.toThrow(reason);
});

it.each([
  ["a b", /Member must satisfy regular expression pattern/],
  ["x".repeat(257), /Member must have length less than or equal to 256/],
])("CreateEventBus refuses the name %s", async (Name, reason) => {
  await expect(client.send(new sdk.CreateEventBusCommand({ Name }))).rejects.toThrow(reason);
});

it("a bus may have a longer name than a rule, and is described by its ARN", async () => {
  const Name = "x".repeat(256);
  const { EventBusArn } = await client.send(new sdk.CreateEventBusCommand({ Name }));
  const shown = await client.send(new sdk.DescribeEventBusCommand({ Name: EventBusArn }));
  expect(shown.Name).toBe(Name);
});
