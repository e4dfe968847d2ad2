import * as eb from "@aws-sdk/client-eventbridge";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as sqs from "@aws-sdk/client-sqs";
import { ACCOUNT } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { CLUSTER, REGION, startEvents } from "./events-world.ts";

// EventBridge sends to a queue where the queue's policy lets it, for the rule that the policy names; Scheduler
// by the schedule's role. Otherwise whoever writes a rule could fill the queues of others.
// Before: queues were refused as targets and as dead-letter queues.
const world = await startEvents();
afterAll(() => world.close());
const { api } = world;
const events = new eb.EventBridgeClient(api.client());
const schedules = new scheduler.SchedulerClient(api.client());
const queues = new sqs.SQSClient(api.client());
const arnOf = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
const ruleArn = (name: string) => `arn:aws:events:${REGION}:${ACCOUNT}:rule/${name}`;

/** A queue that lets services send, under conditions. */
async function queue(QueueName: string, statements: readonly object[] = [], more: object = {}) {
  const Statement = statements.map((statement) => ({
    Effect: "Allow",
    Action: "sqs:SendMessage",
    Resource: arnOf(QueueName),
    ...statement,
  }));
  const Policy = Statement.length === 0 ? "" : JSON.stringify({ Version: "2012-10-17", Statement });
  await queues.send(new sqs.CreateQueueCommand({ QueueName, Attributes: { Policy, ...more } }));
  return arnOf(QueueName);
}
const byEvents = (name: string, more: object = {}) => ({
  Principal: { Service: "events.amazonaws.com" },
  Condition: { ArnEquals: { "aws:SourceArn": ruleArn(name) }, ...more },
});

async function received(name: string): Promise<readonly sqs.Message[]> {
  const QueueUrl = `/${ACCOUNT}/${name}`;
  const { Messages = [] } = await queues.send(
    new sqs.ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: 10,
      AttributeNames: ["All"],
      MessageAttributeNames: ["All"],
    }),
  );
  return Messages;
}

/** Puts a rule with this target, sends it an event, and lets it be delivered. */
async function deliver(name: string, target: Partial<eb.Target>): Promise<void> {
  const EventPattern = JSON.stringify({ source: [name] });
  await events.send(new eb.PutRuleCommand({ Name: name, EventPattern }));
  await events.send(
    new eb.PutTargetsCommand({ Rule: name, Targets: [{ Id: "q", Arn: undefined, ...target }] }),
  );
  await events.send(
    new eb.PutEventsCommand({ Entries: [{ Source: name, DetailType: "d", Detail: '{"n":1}' }] }),
  );
  await world.settle();
}
const textsOf = ({ MessageAttributes = {} }: sqs.Message = {}) =>
  Object.fromEntries(Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]));

describe("a rule", () => {
  it("sends to a queue whose policy names it and EventBridge, over what counts as TLS", async () => {
    const insecure = { Bool: { "aws:SecureTransport": "false" } };
    const deny = { Effect: "Deny", Principal: "*", Condition: insecure };
    const StringEquals = { "aws:SourceAccount": ACCOUNT };
    const Arn = await queue("open", [byEvents("allowed", { StringEquals }), deny]);
    await deliver("allowed", { Arn });
    const [message, ...more] = await received("open");
    expect(more).toEqual([]);
    expect(JSON.parse(message?.Body ?? "")).toMatchObject({ source: "allowed", detail: { n: 1 } });
  });

  it.each([
    ["has no policy", []],
    ["names another rule", [byEvents("other")]],
    [
      "names another account",
      [byEvents("closed", { StringEquals: { "aws:SourceAccount": "1".repeat(12) } })],
    ],
    ["names another service", [{ Principal: { Service: "s3.amazonaws.com" } }]],
    ["names the account's root", [{ Principal: { AWS: ACCOUNT } }]],
    ["allows to receive", [{ ...byEvents("closed"), Action: "sqs:ReceiveMessage" }]],
    [
      "is for callers that are no services",
      [{ Principal: "*", Condition: { Bool: { "aws:PrincipalIsAWSService": "false" } } }],
    ],
  ])(
    "does not send to a queue whose policy %s; its dead-letter queue gets the event",
    async (words, policy) => {
      const name = `closed-${words.replaceAll(/\W/g, "-").slice(0, 40)}`;
      const Arn = await queue(name, policy);
      const dead = await queue(`${name}-dead`, [{ ...byEvents("closed") }]);
      await deliver("closed", { Arn, DeadLetterConfig: { Arn: dead } });
      expect(await received(name)).toEqual([]);
      const [message] = await received(`${name}-dead`);
      expect(JSON.parse(message?.Body ?? "")).toMatchObject({ source: "closed" });
      expect(textsOf(message)).toMatchObject({
        RULE_ARN: ruleArn("closed"),
        TARGET_ARN: Arn,
        ERROR_CODE: "NO_PERMISSIONS",
        RETRY_ATTEMPTS: "0",
      });
      expect(api.store.keys("eventDelivery")).toEqual([]);
    },
  );

  it("does not send to a dead-letter queue whose policy does not name it", async () => {
    const Arn = await queue("closed-too");
    const dead = await queue("closed-dead", [byEvents("other")]);
    await deliver("unnamed", { Arn, DeadLetterConfig: { Arn: dead } });
    expect(await received("closed-dead")).toEqual([]);
    expect(api.store.keys("eventDelivery")).toEqual([]);
  });

  it("sends by the target's role where it has one, and then by its permissions", async () => {
    const Arn = await queue("by-role");
    await deliver("by-role", { Arn, RoleArn: await world.role("may-send", ["sqs:SendMessage"]) });
    expect(await received("by-role")).toHaveLength(1);
    await deliver("by-other", { Arn, RoleArn: await world.role("may-not", ["sqs:ReceiveMessage"]) });
    expect(await received("by-role")).toEqual([]);
  });

  it("sends to a FIFO queue in the message group that the target names", async () => {
    const fifo = { FifoQueue: "true", ContentBasedDeduplication: "true" };
    const Arn = await queue("ordered.fifo", [byEvents("ordered")], fifo);
    await expect(deliver("ordered", { Arn })).rejects.toThrow("MessageGroupId must be specified");
    await deliver("ordered", { Arn, SqsParameters: { MessageGroupId: "orders" } });
    expect((await received("ordered.fifo"))[0]?.Attributes).toMatchObject({ MessageGroupId: "orders" });
  });

  it("shows its queues as they were given, and takes standard queues alone for dead letters", async () => {
    const Arn = await queue("shown");
    const target = { Id: "q", Arn, DeadLetterConfig: { Arn: arnOf("dead") } };
    await deliver("shown", target);
    const { Targets } = await events.send(new eb.ListTargetsByRuleCommand({ Rule: "shown" }));
    expect(Targets).toEqual([target]);
    for (const wrong of [arnOf("x.fifo"), CLUSTER, `arn:aws:sqs:us-east-1:${ACCOUNT}:dead`])
      await expect(deliver("shown", { ...target, DeadLetterConfig: { Arn: wrong } })).rejects.toThrow(
        "The dead-letter queue",
      );
    const other = `arn:aws:sqs:${REGION}:${"1".repeat(12)}:shown`;
    await expect(deliver("shown", { ...target, Arn: other })).rejects.toThrow("another account");
  });
});

describe("a schedule", () => {
  const at = (clockMs: number) => `at(${new Date(clockMs).toISOString().slice(0, 19)})`;
  async function run(Name: string, Target: scheduler.Target): Promise<void> {
    const ScheduleExpression = at(world.clock.now() + 60_000);
    const FlexibleTimeWindow = { Mode: "OFF" as const };
    await schedules.send(
      new scheduler.CreateScheduleCommand({ Name, ScheduleExpression, FlexibleTimeWindow, Target }),
    );
    await world.settle(65_000);
  }

  it("sends its input to a queue by its role", async () => {
    const Arn = await queue("scheduled");
    const RoleArn = await world.role("scheduled", ["sqs:SendMessage"]);
    await run("plain", { Arn, RoleArn, Input: "not JSON", SqsParameters: { MessageGroupId: "g" } });
    expect((await received("scheduled")).map(({ Body }) => Body)).toEqual(["not JSON"]);
    const { Target } = await schedules.send(new scheduler.GetScheduleCommand({ Name: "plain" }));
    expect(Target).toMatchObject({ SqsParameters: { MessageGroupId: "g" }, Input: "not JSON" });
  });

  // The queue's policy lets Scheduler in: only the role counts.
  it("does not send without its role's permission, nor to its dead-letter queue", async () => {
    const service = { Principal: { Service: "scheduler.amazonaws.com" } };
    const Arn = await queue("unscheduled", [service]);
    const dead = await queue("unscheduled-dead", [service]);
    const RoleArn = await world.role("unscheduled", ["sqs:ReceiveMessage"]);
    await run("denied", { Arn, RoleArn, Input: "x", DeadLetterConfig: { Arn: dead } });
    expect([await received("unscheduled"), await received("unscheduled-dead")]).toEqual([[], []]);
  });

  it("sends what failed to its dead-letter queue by its role", async () => {
    const dead = await queue("schedule-dead");
    const RoleArn = await world.role("schedule-dead", ["sqs:SendMessage"]);
    const Input = "lost";
    await run("lost", { Arn: arnOf("nosuch"), RoleArn, Input, DeadLetterConfig: { Arn: dead } });
    const [message] = await received("schedule-dead");
    expect(message?.Body).toBe(Input);
    expect(textsOf(message)).toMatchObject({
      SCHEDULE_ARN: expect.stringContaining("schedule/default/lost"),
      TARGET_ARN: arnOf("nosuch"),
      ERROR_CODE: "QueueDoesNotExist",
      IS_PAYLOAD_TRUNCATED: "false",
    });
  });
});
