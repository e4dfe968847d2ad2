import * as s3 from "@aws-sdk/client-s3";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { deliveryController, objectEventController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ACCOUNT, startApi, startTopicDeliveries } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

// A bucket publishes to topics that let S3 publish for this bucket, and to no others: else whoever owns a bucket could
// write to the subscribers of every topic.
// Before: topics were refused as destinations.
const api = await startApi();
const topicDeliveries = startTopicDeliveries(api);
afterAll(async () => {
  await topicDeliveries.stop();
  api.close();
});
const client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const topics = new sns.SNSClient(api.client());
const queues = new sqs.SQSClient(api.client());
const deps = { store: api.store, clock: new SystemClock(), ids: randomIds(), log: silentLogger };
const outbox = objectEventController({ ...deps, objects: api.objects });
const deliveries = deliveryController({
  ...{ ...deps, putLog: () => {}, vault: api.vault, permissions: api.policy },
  callApi: (call) => api.call(call),
  callDestination: () => expect.fail("S3 calls no API destination."),
});
const Bucket = "publisher";
const QUEUE = `arn:aws:sqs:eu-south-1:${ACCOUNT}:subscriber`;
const Events: s3.Event[] = ["s3:ObjectCreated:*"];
const SOURCE = `arn:aws:s3:::${Bucket}`;
const FOR_BUCKET = {
  Principal: { Service: "s3.amazonaws.com" },
  Condition: { ArnLike: { "aws:SourceArn": SOURCE }, StringEquals: { "aws:SourceAccount": ACCOUNT } },
};

async function settle(): Promise<void> {
  await outbox.reconcile("outbox");
  for (const id of api.store.keys("eventDelivery")) await deliveries.reconcile(id);
}

/** A topic to which a queue is subscribed. */
async function topic(Name: string, statement: object | undefined): Promise<string> {
  const { TopicArn = "" } = await topics.send(new sns.CreateTopicCommand({ Name }));
  if (statement !== undefined) await allow(TopicArn, statement);
  await topics.send(new sns.SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: QUEUE }));
  return TopicArn;
}
function allow(TopicArn: string, statement: object) {
  const Statement = { Effect: "Allow", Action: "sns:Publish", Resource: TopicArn, ...statement };
  const AttributeValue = JSON.stringify({ Version: "2012-10-17", Statement });
  return topics.send(
    new sns.SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue }),
  );
}

interface Published {
  readonly Subject: string;
  readonly Message: string;
}
async function received(): Promise<readonly Published[]> {
  await vi.waitFor(() => expect(api.store.keys("topicDelivery")).toEqual([]));
  const QueueUrl = `/${ACCOUNT}/subscriber`;
  const { Messages = [] } = await queues.send(
    new sqs.ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
  );
  for (const { ReceiptHandle } of Messages)
    await queues.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  return Messages.map(({ Body = "" }) => JSON.parse(Body) as Published); // SNS's own form.
}

const notify = (configurations: readonly s3.TopicConfiguration[], SkipDestinationValidation = false) =>
  client.send(
    new s3.PutBucketNotificationConfigurationCommand({
      ...{ Bucket, SkipDestinationValidation },
      NotificationConfiguration: { TopicConfigurations: [...configurations] },
    }),
  );
const put = (Key: string) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body: "body" }));

beforeAll(async () => {
  await client.send(new s3.CreateBucketCommand({ Bucket }));
  const Statement = {
    ...{ Effect: "Allow", Action: "sqs:SendMessage", Resource: QUEUE },
    Principal: { Service: "sns.amazonaws.com" },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await queues.send(new sqs.CreateQueueCommand({ QueueName: "subscriber", Attributes: { Policy } }));
});

describe("a topic is no destination", () => {
  it.each([
    ["with the policy of a new topic", undefined],
    ["whose policy names another bucket", { ...FOR_BUCKET, Condition: arnLike("arn:aws:s3:::other") }],
    ["whose policy names another service", { ...FOR_BUCKET, Principal: { Service: "sqs.amazonaws.com" } }],
    ["whose policy names the account", { Principal: { AWS: ACCOUNT } }],
    ["whose policy denies S3", { ...FOR_BUCKET, Effect: "Deny" }],
  ])("%s", async (words, statement) => {
    const TopicArn = await topic(words.replaceAll(/\W/g, "-"), statement);
    await expect(notify([{ TopicArn, Events }])).rejects.toMatchObject({
      name: "InvalidArgument",
      message: "Unable to validate the following destination configurations",
      ArgumentValue1: expect.stringContaining("Permissions on the destination topic") as string,
    });
    // Without the check, nothing is published all the same.
    await notify([{ TopicArn, Events }], true);
    await put("unseen");
    await settle();
    expect(api.store.keys("eventDelivery")).toEqual([]);
    expect(await received()).toEqual([]);
  });

  it("that does not exist, or is FIFO", async () => {
    const { TopicArn } = await topics.send(
      new sns.CreateTopicCommand({ Name: "t.fifo", Attributes: { FifoTopic: "true" } }),
    );
    for (const arn of [`arn:aws:sns:eu-south-1:${ACCOUNT}:nosuch`, TopicArn])
      await expect(notify([{ TopicArn: arn, Events }])).rejects.toThrow("Unable to validate");
  });
});

describe("a topic that lets S3 publish for the bucket", () => {
  it("gets a test event, then the changes that the filter covers, until its policy changes", async () => {
    const TopicArn = await topic("fits", FOR_BUCKET);
    const FilterRules = [
      { Name: "prefix" as const, Value: "in/" },
      { Name: "suffix" as const, Value: "" },
    ];
    const Filter = { Key: { FilterRules } };
    await notify([{ Id: "one", TopicArn, Events, Filter }]);
    const { TopicConfigurations, QueueConfigurations } = await client.send(
      new s3.GetBucketNotificationConfigurationCommand({ Bucket }),
    );
    expect(TopicConfigurations).toEqual([{ Id: "one", TopicArn, Events, Filter }]);
    expect(QueueConfigurations).toBeUndefined();
    await settle();
    const [test] = await received();
    expect(test).toMatchObject({ Subject: "Amazon S3 Notification" });
    expect(JSON.parse(test?.Message ?? "")).toMatchObject({ Event: "s3:TestEvent", Bucket });
    await put("in/a");
    await put("out/b");
    await settle();
    const messages = (await received()).map(({ Message }) => JSON.parse(Message) as object);
    expect(messages).toMatchObject([
      { Records: [{ eventName: "ObjectCreated:Put", s3: { object: { key: "in/a" } } }] },
    ]);
    await allow(TopicArn, { ...FOR_BUCKET, Effect: "Deny" });
    await put("in/c");
    await settle();
    expect(await received()).toEqual([]);
  });
});

function arnLike(arn: string) {
  return { ArnLike: { "aws:SourceArn": arn } };
}
