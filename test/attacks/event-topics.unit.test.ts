import * as eb from "@aws-sdk/client-eventbridge";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { ACCOUNT } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { REGION, startEvents } from "./events-world.ts";

// EventBridge publishes to a topic where the topic's policy lets it, for the rule that the policy names; Scheduler by
// the schedule's role. Otherwise whoever writes a rule could publish to the topics of others.
// Before: topics were refused as targets.
const world = await startEvents();
afterAll(() => world.close());
const { api } = world;
const events = new eb.EventBridgeClient(api.client());
const queues = new sqs.SQSClient(api.client());
const topics = new sns.SNSClient(api.client());
const ruleArn = (name: string) => `arn:aws:events:${REGION}:${ACCOUNT}:rule/${name}`;

/** A topic with a queue that subscribes, and with these statements for its policy. */
async function topic(Name: string, statements: readonly object[]): Promise<string> {
  const { TopicArn = "" } = await topics.send(new sns.CreateTopicCommand({ Name }));
  const Endpoint = `arn:aws:sqs:${REGION}:${ACCOUNT}:of-${Name}`;
  await topics.send(new sns.SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint }));
  const Statement = statements.map((statement) => ({
    ...{ Effect: "Allow", Action: "sns:Publish", Resource: TopicArn },
    ...statement,
  }));
  const AttributeValue = JSON.stringify({ Version: "2012-10-17", Statement });
  if (statements.length > 0)
    await topics.send(
      new sns.SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue }),
    );
  return TopicArn;
}
const byEvents = (name: string) => ({
  Principal: { Service: "events.amazonaws.com" },
  Condition: { ArnEquals: { "aws:SourceArn": ruleArn(name) } },
});
/** How many messages the topic has for its subscriber. */
const messagesOf = (TopicArn: string) =>
  api.store.list("topicMessage").filter(({ topicArn }) => topicArn === TopicArn).length;

async function deliver(name: string, target: Partial<eb.Target>): Promise<void> {
  await events.send(new eb.PutRuleCommand({ Name: name, EventPattern: JSON.stringify({ source: [name] }) }));
  const Targets = [{ Id: "t", Arn: undefined, ...target }];
  await events.send(new eb.PutTargetsCommand({ Rule: name, Targets }));
  const Entries = [{ Source: name, DetailType: "d", Detail: "{}" }];
  await events.send(new eb.PutEventsCommand({ Entries }));
  await world.settle();
  expect(api.store.keys("eventDelivery")).toEqual([]);
}

describe("a rule", () => {
  it("publishes to a topic whose policy names it and EventBridge", async () => {
    const Arn = await topic("open", [byEvents("allowed")]);
    await deliver("allowed", { Arn });
    expect(messagesOf(Arn)).toBe(1);
  });

  it.each<[string, readonly object[]]>([
    ["is the default one", []],
    ["names another rule", [byEvents("other")]],
    ["names another service", [{ Principal: { Service: "s3.amazonaws.com" } }]],
    ["names the account's root", [{ Principal: { AWS: ACCOUNT } }]],
    ["allows to subscribe", [{ ...byEvents("closed"), Action: "sns:Subscribe" }]],
  ])("does not publish to a topic whose policy %s", async (words, statements) => {
    const Arn = await topic(`closed-${words.replaceAll(/\W/g, "-")}`, statements);
    await deliver("closed", { Arn });
    expect(messagesOf(Arn)).toBe(0);
  });

  // Before: the code was SDK_CLIENT_ERROR.
  it("says in a dead-letter queue that it has no permission for the topic", async () => {
    const Arn = await topic("refused", [byEvents("other")]);
    const dead = `arn:aws:sqs:${REGION}:${ACCOUNT}:dead`;
    const allow = { Effect: "Allow", Action: "sqs:SendMessage", Resource: dead, ...byEvents("refused") };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [allow] });
    const made = await queues.send(new sqs.CreateQueueCommand({ QueueName: "dead", Attributes: { Policy } }));
    await deliver("refused", { Arn, DeadLetterConfig: { Arn: dead } });
    const { Messages: [message] = [] } = await queues.send(
      new sqs.ReceiveMessageCommand({ QueueUrl: made.QueueUrl, MessageAttributeNames: ["All"] }),
    );
    expect(message?.MessageAttributes?.["ERROR_CODE"]?.StringValue).toBe("NO_PERMISSIONS");
  });

  it("publishes by the target's role where it has one, and takes no FIFO topics", async () => {
    const Arn = await topic("by-role", []);
    await deliver("by-role", { Arn, RoleArn: await world.role("may-publish", ["sns:Publish"]) });
    await deliver("by-other", { Arn, RoleArn: await world.role("may-not", ["sns:Subscribe"]) });
    expect(messagesOf(Arn)).toBe(1);
    await expect(deliver("fifo", { Arn: `${Arn}.fifo` })).rejects.toThrow("standard SNS topics");
  });
});

describe("a schedule", () => {
  const schedules = new scheduler.SchedulerClient(api.client());
  it("publishes its input by its role, and not without its permission", async () => {
    const Arn = await topic("scheduled", [{ Principal: { Service: "scheduler.amazonaws.com" } }]);
    for (const [Name, action] of [
      ["may", "sns:Publish"],
      ["may-not", "sns:Subscribe"],
    ] as const) {
      const RoleArn = await world.role(`scheduled-${Name}`, [action]);
      const create = (Input: string | undefined) =>
        schedules.send(
          new scheduler.CreateScheduleCommand({
            ...{ Name, ScheduleExpression: "rate(1 minute)", FlexibleTimeWindow: { Mode: "OFF" } },
            Target: { Arn, RoleArn, Input },
          }),
        );
      await expect(create(undefined)).rejects.toThrow("Input is required for a target of SNS");
      await create("hello");
      await world.settle(61_000);
      await schedules.send(new scheduler.DeleteScheduleCommand({ Name }));
    }
    expect(messagesOf(Arn)).toBe(1);
  });
});
