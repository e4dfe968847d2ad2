import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { expect } from "vitest";

const NAME = "killed";
const GROUP = "g";
/** Longer than a receive and the delete that follows it take; in seconds. */
const VISIBILITY = "3";
const PAUSE_MS = 20;

type Load = ReturnType<typeof newLoad>;
type Configuration = sqs.SQSClientConfig & sns.SNSClientConfig;

/**
 * Sends, receives, deletes and publishes until it is ended, whether calls fail or not: a standard queue, a FIFO queue
 * and a topic that delivers to a queue.
 */
export async function startMessageLoad(configuration: Configuration) {
  const load = newLoad(configuration);
  const [standard, notices] = [await createQueue(load, NAME), await createQueue(load, `${NAME}-notices`)];
  const fifo = await createQueue(load, `${NAME}.fifo`, { FifoQueue: "true" });
  const { TopicArn } = await load.topics.send(new sns.CreateTopicCommand({ Name: NAME }));
  const subscription = { TopicArn, Protocol: "sqs", Endpoint: notices.arn };
  await load.topics.send(
    new sns.SubscribeCommand({ ...subscription, Attributes: { RawMessageDelivery: "true" } }),
  );
  const consumers = { standard: newConsumer(), fifo: newConsumer(), notices: newConsumer() };
  const sent = {
    standard: newSent(async (body) => {
      await load.queues.send(new sqs.SendMessageCommand({ QueueUrl: standard.url, MessageBody: body }));
    }),
    notices: newSent(async (body) => {
      await load.topics.send(new sns.PublishCommand({ TopicArn, Message: body }));
    }),
  };
  const ordered = newOrdered(load, fifo.url);
  const senders = [
    ...[0, 1].map((index) => repeat(load, () => sent.standard.next(`s${index}`))),
    repeat(load, () => sent.notices.next("p")),
    repeat(load, () => ordered.next()),
  ];
  const receivers = [
    ...[0, 1].map(() => repeat(load, () => take(load, standard.url, consumers.standard))),
    repeat(load, () => take(load, notices.url, consumers.notices)),
    repeat(load, () => take(load, fifo.url, consumers.fifo)),
  ];
  return {
    /** Ends the load, receives what is left, and checks what was acknowledged. */
    async check(): Promise<void> {
      load.going.abort();
      await Promise.all([...senders, ...receivers]);
      await drain(load, standard.url, consumers.standard);
      await drain(load, fifo.url, consumers.fifo);
      await expect
        .poll(
          async () => {
            await drain(load, notices.url, consumers.notices);
            return [...sent.notices.acknowledged].filter((body) => !consumers.notices.bodies.has(body));
          },
          { timeout: 60_000 },
        )
        .toEqual([]);
      expect(
        [...sent.standard.acknowledged].filter((body) => !consumers.standard.bodies.has(body)),
        "lost messages",
      ).toEqual([]);
      const inOrder = [...consumers.fifo.bodies];
      expect(inOrder.length).toBeGreaterThanOrEqual(ordered.acknowledged());
      expect(inOrder, "in order, without gaps").toEqual(inOrder.map((_, index) => String(index)));
      for (const [name, { returned }] of Object.entries(consumers))
        expect(returned, `${name}: deleted messages that came back`).toEqual([]);
      expect(sent.standard.acknowledged.size).toBeGreaterThan(20);
      expect(sent.notices.acknowledged.size).toBeGreaterThan(10);
      expect(ordered.acknowledged()).toBeGreaterThan(10);
      for (const { url } of [standard, fifo, notices])
        await load.queues.send(new sqs.DeleteQueueCommand({ QueueUrl: url }));
      await load.topics.send(new sns.DeleteTopicCommand({ TopicArn }));
    },
  };
}

function newLoad(configuration: Configuration) {
  const once = { ...configuration, maxAttempts: 1 };
  return {
    queues: new sqs.SQSClient(once),
    topics: new sns.SNSClient(once),
    going: new AbortController(),
  };
}

/** A queue that takes messages of topics. */
async function createQueue({ queues }: Load, QueueName: string, more: Record<string, string> = {}) {
  const allow = { Effect: "Allow", Principal: { Service: "sns.amazonaws.com" }, Action: "sqs:SendMessage" };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [{ ...allow, Resource: "*" }] });
  const Attributes = { Policy, VisibilityTimeout: VISIBILITY, ...more };
  const { QueueUrl: url = "" } = await queues.send(new sqs.CreateQueueCommand({ QueueName, Attributes }));
  const { Attributes: shown } = await queues.send(
    new sqs.GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }),
  );
  return { url, arn: shown?.["QueueArn"] ?? "" };
}

async function repeat({ going }: Load, work: () => Promise<unknown>): Promise<void> {
  while (!going.signal.aborted)
    await work().catch(() => new Promise((resolve) => setTimeout(resolve, PAUSE_MS)));
}

/** Numbered messages, and those whose sending was acknowledged. */
function newSent(send: (body: string) => Promise<void>) {
  const acknowledged = new Set<string>();
  let count = 0;
  return {
    acknowledged,
    async next(prefix: string): Promise<void> {
      const body = `${prefix}-${(count += 1)}`;
      await send(body);
      acknowledged.add(body);
    },
  };
}

/** Numbers in one message group. One whose answer was lost is sent again under its deduplication id. */
function newOrdered({ queues }: Load, QueueUrl: string) {
  let count = 0;
  return {
    acknowledged: () => count,
    async next(): Promise<void> {
      const MessageBody = String(count);
      const MessageDeduplicationId = MessageBody;
      const message = { QueueUrl, MessageBody, MessageGroupId: GROUP, MessageDeduplicationId };
      await queues.send(new sqs.SendMessageCommand(message));
      count += 1;
    },
  };
}

/** What was received, in the order of the first receipts; deleted; and received again after that. */
function newConsumer() {
  return { bodies: new Set<string>(), deleted: new Set<string>(), returned: [] as string[] };
}

/** Receives and deletes. Returns how many messages there were. */
async function take(
  { queues }: Load,
  QueueUrl: string,
  { bodies, deleted, returned }: ReturnType<typeof newConsumer>,
): Promise<number> {
  // Messages have ids of their own: a body is sent to a topic once, and may arrive twice.
  const before = new Set(deleted);
  const { Messages = [] } = await queues.send(
    new sqs.ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 5, WaitTimeSeconds: 1 }),
  );
  for (const { Body = "", MessageId = "", ReceiptHandle } of Messages) {
    bodies.add(Body);
    if (before.has(MessageId)) returned.push(Body);
    await queues.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    deleted.add(MessageId);
  }
  return Messages.length;
}

/** Receives until the queue has no message, visible or in flight. */
async function drain(load: Load, url: string, consumer: ReturnType<typeof newConsumer>): Promise<void> {
  for (;;) {
    if ((await take(load, url, consumer)) > 0) continue;
    const { Attributes = {} } = await load.queues.send(
      new sqs.GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }),
    );
    const left = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
    if (left.every((name) => Attributes[name] === "0")) return;
  }
}
