import * as eb from "@aws-sdk/client-eventbridge";
import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import * as sqs from "@aws-sdk/client-sqs";
import { deliveryController, lifecycleController, objectEventController } from "@gantry/controllers";
import { randomIds, silentLogger, SystemClock, VirtualClock } from "@gantry/kernel";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// A bucket sends events to queues that let S3 send for this bucket, and to no others: else whoever owns a bucket
// could fill the queues of others, and read by them which keys they wait for.
// Before: queues were refused as destinations, and events for EventBridge were stored, but never sent.
const clock = new SystemClock();
const api = await startApi();
afterAll(() => api.close());
const client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const queues = new sqs.SQSClient(api.client());
const deps = { store: api.store, clock, ids: randomIds(), log: silentLogger };
const outbox = objectEventController({ ...deps, objects: api.objects });
const deliveries = deliveryController({
  ...{ ...deps, putLog: () => {}, vault: api.vault, permissions: api.policy },
  callApi: (call) => api.call(call),
  callDestination: () => expect.fail("S3 calls no API destination."),
});
const arnOf = (name: string) => `arn:aws:sqs:eu-south-1:${ACCOUNT}:${name}`;
const Bucket = "sender";

/** Lets everything be delivered that waits. */
async function settle(): Promise<void> {
  await outbox.reconcile("outbox");
  for (const id of api.store.keys("eventDelivery")) await deliveries.reconcile(id);
}

async function queue(QueueName: string, statement: object | undefined, more: object = {}): Promise<string> {
  const Statement = { Effect: "Allow", Action: "sqs:SendMessage", Resource: arnOf(QueueName), ...statement };
  const Policy = statement === undefined ? "" : JSON.stringify({ Version: "2012-10-17", Statement });
  await queues.send(new sqs.CreateQueueCommand({ QueueName, Attributes: { Policy, ...more } }));
  return arnOf(QueueName);
}
const forBucket = (name: string, account = ACCOUNT) => ({
  Principal: { Service: "s3.amazonaws.com" },
  Condition: {
    ArnLike: { "aws:SourceArn": `arn:aws:s3:::${name}` },
    StringEquals: { "aws:SourceAccount": account },
  },
});

interface Received {
  readonly Event?: string;
  readonly Records?: readonly {
    readonly eventName: string;
    readonly s3: { readonly object: { readonly key: string; readonly sequencer: string } };
  }[];
}
async function received(name: string): Promise<readonly Received[]> {
  const all: Received[] = [];
  for (;;) {
    const command = new sqs.ReceiveMessageCommand({
      QueueUrl: `/${ACCOUNT}/${name}`,
      MaxNumberOfMessages: 10,
    });
    const { Messages = [] } = await queues.send(command);
    if (Messages.length === 0) return all;
    for (const { Body, ReceiptHandle } of Messages) {
      all.push(JSON.parse(Body ?? "") as Received); // A message of S3.
      await queues.send(new sqs.DeleteMessageCommand({ QueueUrl: `/${ACCOUNT}/${name}`, ReceiptHandle }));
    }
  }
}
const namesOf = (messages: readonly Received[]) =>
  messages
    .flatMap(({ Records = [] }) => Records.map(({ eventName, s3 }) => `${eventName} ${s3.object.key}`))
    .toSorted();

const notify = (
  NotificationConfiguration: s3.NotificationConfiguration,
  more: object = {},
  bucket = Bucket,
) =>
  client.send(
    new s3.PutBucketNotificationConfigurationCommand({ Bucket: bucket, NotificationConfiguration, ...more }),
  );
const put = (Key: string, Body = "body", bucket = Bucket) =>
  client.send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body }));

beforeAll(async () => {
  for (const name of [Bucket, "other"]) await client.send(new s3.CreateBucketCommand({ Bucket: name }));
});

describe("a queue is no destination", () => {
  it.each([
    ["without a policy", undefined, "Permissions on the destination queue"],
    ["whose policy names another bucket", forBucket("other"), "Permissions on the destination queue"],
    [
      "whose policy names another account",
      forBucket(Bucket, "1".repeat(12)),
      "Permissions on the destination queue",
    ],
    ["whose policy names another service", { Principal: { Service: "sns.amazonaws.com" } }, "Permissions"],
    ["whose policy names the account", { Principal: { AWS: ACCOUNT } }, "Permissions"],
    ["whose policy denies S3", { ...forBucket(Bucket), Effect: "Deny" }, "Permissions"],
  ])("%s", async (words, statement, problem) => {
    const QueueArn = await queue(words.replaceAll(/\W/g, "-"), statement);
    await expect(
      notify({ QueueConfigurations: [{ QueueArn, Events: ["s3:ObjectCreated:*"] }] }),
    ).rejects.toMatchObject({
      name: "InvalidArgument",
      message: "Unable to validate the following destination configurations",
      ArgumentValue1: expect.stringContaining(problem) as string,
    });
    // Without the check, no message is sent all the same.
    await notify(
      { QueueConfigurations: [{ QueueArn, Events: ["s3:ObjectCreated:*"] }] },
      { SkipDestinationValidation: true },
    );
    await put("unseen");
    await settle();
    expect(await received(words.replaceAll(/\W/g, "-"))).toEqual([]);
    expect(api.store.keys("eventDelivery")).toEqual([]);
  });

  it("that is not there, is FIFO, or is a function", async () => {
    const fifo = await queue("f.fifo", forBucket(Bucket), { FifoQueue: "true" });
    const Events: s3.Event[] = ["s3:ObjectCreated:*"];
    for (const configuration of [
      { QueueConfigurations: [{ QueueArn: arnOf("nosuch"), Events }] },
      { QueueConfigurations: [{ QueueArn: fifo, Events }] },
      {
        LambdaFunctionConfigurations: [
          { LambdaFunctionArn: `arn:aws:lambda:eu-south-1:${ACCOUNT}:f`, Events },
        ],
      },
    ])
      await expect(notify(configuration)).rejects.toThrow(
        "Unable to validate the following destination configurations",
      );
  });
});

describe("a queue that lets S3 send for the bucket", () => {
  it("gets a test event, and then each change that its filter covers, in S3's form", async () => {
    const QueueArn = await queue("fits", forBucket(Bucket));
    const FilterRules = [
      { Name: "prefix" as const, Value: "in/" },
      { Name: "Suffix" as "suffix", Value: ".txt" },
    ];
    const QueueConfigurations = [
      { Id: "one", QueueArn, Events: ["s3:ObjectCreated:*" as const], Filter: { Key: { FilterRules } } },
    ];
    await notify({ QueueConfigurations });
    const shown = await client.send(new s3.GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(shown.QueueConfigurations).toEqual(QueueConfigurations);
    await settle();
    expect(await received("fits")).toMatchObject([{ Service: "Amazon S3", Event: "s3:TestEvent", Bucket }]);
    const { ETag = "" } = await put("in/a b+ü.txt", "four");
    await put("in/other.csv");
    await put("out/a.txt");
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "in/a b+ü.txt" }));
    await settle();
    const messages = await received("fits");
    expect(messages).toMatchObject([
      {
        Records: [
          {
            eventVersion: "2.1",
            eventSource: "aws:s3",
            awsRegion: "eu-south-1",
            eventName: "ObjectCreated:Put",
            userIdentity: { principalId: ACCOUNT },
            requestParameters: { sourceIPAddress: "127.0.0.1" },
            s3: {
              s3SchemaVersion: "1.0",
              configurationId: "one",
              bucket: {
                name: Bucket,
                ownerIdentity: { principalId: ACCOUNT },
                arn: `arn:aws:s3:::${Bucket}`,
              },
              object: { key: "in/a+b%2B%C3%BC.txt", size: 4, eTag: ETag.replaceAll('"', "") },
            },
          },
        ],
      },
    ]);
  });

  it("gets every kind of change that occurs here, in an order that its sequencers tell", async () => {
    const QueueArn = await queue("all", forBucket(Bucket));
    const Events: s3.Event[] = [
      ...(["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"] as const),
      ...(["s3:LifecycleExpiration:*", "s3:LifecycleTransition"] as const),
    ];
    await notify({ QueueConfigurations: [{ QueueArn, Events }] });
    const on = { Bucket, Key: "k" };
    await put("k");
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k` }));
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const part = { Bucket, Key: "parts", UploadId };
    const { ETag } = await client.send(new s3.UploadPartCommand({ ...part, PartNumber: 1, Body: "x" }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await client.send(new s3.CompleteMultipartUploadCommand({ ...part, MultipartUpload }));
    const form = new FormData();
    form.set("key", "posted");
    form.set("file", new Blob(["x"]), "f");
    const policy = {
      Effect: "Allow",
      Principal: "*",
      Action: "s3:PutObject",
      Resource: `arn:aws:s3:::${Bucket}/*`,
    };
    await client.send(new s3.DeletePublicAccessBlockCommand({ Bucket }));
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: policy });
    await client.send(new s3.PutBucketPolicyCommand({ Bucket, Policy }));
    const posted = await fetch(`http://127.0.0.1:${api.port}/${Bucket}`, { method: "POST", body: form });
    expect(posted.status).toBe(204);
    await client.send(
      new s3.PutObjectTaggingCommand({ ...on, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }),
    );
    await client.send(new s3.DeleteObjectTaggingCommand(on));
    const VersioningConfiguration = { Status: "Enabled" as const };
    await client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    const { VersionId } = await client.send(new s3.DeleteObjectCommand(on));
    await client.send(new s3.DeleteObjectCommand({ ...on, VersionId }));
    await client.send(new s3.DeleteObjectCommand({ ...on, VersionId: "null" }));
    const expiring = {
      ID: "e",
      Status: "Enabled" as const,
      Filter: { Prefix: "copy" },
      Expiration: { Days: 1 },
    };
    const Transitions = [{ Days: 1, StorageClass: "GLACIER" as const }];
    const moving = {
      ...{ ID: "m", Status: "Enabled" as const, Transitions },
      Filter: { And: { Prefix: "parts", ObjectSizeGreaterThan: 0 } },
    };
    const LifecycleConfiguration = { Rules: [expiring, moving] };
    await client.send(new s3.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
    const later = new VirtualClock(clock.now() + 3 * 86_400_000);
    await lifecycleController({ ...deps, clock: later, objects: api.objects }).reconcile(Bucket);
    await settle();
    const messages = await received("all");
    expect(namesOf(messages)).toEqual(
      [
        ...["ObjectCreated:Put k", "ObjectCreated:Copy copy", "ObjectCreated:CompleteMultipartUpload parts"],
        ...["ObjectCreated:Post posted", "ObjectTagging:Put k", "ObjectTagging:Delete k"],
        ...["ObjectRemoved:DeleteMarkerCreated k", "ObjectRemoved:Delete k", "ObjectRemoved:Delete k"],
        ...["LifecycleExpiration:DeleteMarkerCreated copy", "LifecycleTransition parts"],
      ].toSorted(),
    );
    const sequencers = messages.flatMap(({ Records = [] }) => Records.map(({ s3 }) => s3.object.sequencer));
    expect(new Set(sequencers).size).toBe(11);
  });

  it("gets what was stored before a crash, once or more", async () => {
    await notify({}, {}, "other");
    const QueueArn = await queue("crash", forBucket("other"));
    await notify({ QueueConfigurations: [{ QueueArn, Events: ["s3:ObjectCreated:Put"] }] }, {}, "other");
    await settle();
    await received("crash");
    await put("k", "x", "other");
    // Ends after the deliveries are stored, before the events leave the outbox.
    const { events } = api.objects.index;
    const forget = events.forget.bind(events);
    events.forget = () => {
      throw new Error("crash");
    };
    await expect(outbox.reconcile("outbox")).rejects.toThrow("crash");
    events.forget = forget;
    await outbox.reconcile("outbox");
    expect(api.store.keys("eventDelivery")).toHaveLength(1);
    await settle();
    expect(namesOf(await received("crash"))).toEqual(["ObjectCreated:Put k"]);
  });

  it("gets nothing that is older than a day", async () => {
    const { events } = api.objects.index;
    await put("stale", "x", "other");
    const [{ event } = expect.fail("An event waits.")] = events.oldest(1);
    await outbox.reconcile("outbox");
    await settle();
    expect(namesOf(await received("crash"))).toEqual(["ObjectCreated:Put stale"]);
    events.add({ ...event, at: clock.now() - 25 * 60 * 60_000 });
    await settle();
    expect(await received("crash")).toEqual([]);
    expect(events.oldest(1)).toEqual([]);
  });

  it("is encrypted by a KMS key only where the key's policy lets S3 use it", async () => {
    const keys = new kms.KMSClient(api.client());
    const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
    const QueueArn = await queue("sealed", forBucket("other"), { KmsMasterKeyId: KeyMetadata?.Arn });
    await notify({ QueueConfigurations: [{ QueueArn, Events: ["s3:ObjectCreated:Put"] }] }, {}, "other");
    await settle();
    expect(await received("sealed")).toEqual([]);
    const root = { Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "kms:*", Resource: "*" };
    const Action = ["kms:GenerateDataKey", "kms:Decrypt"];
    const service = { Effect: "Allow", Principal: { Service: "s3.amazonaws.com" }, Action, Resource: "*" };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [root, service] });
    await keys.send(new kms.PutKeyPolicyCommand({ KeyId: KeyMetadata?.KeyId, Policy }));
    await put("k2", "x", "other");
    await settle();
    expect(namesOf(await received("sealed"))).toEqual(["ObjectCreated:Put k2"]);
  });
});

it("two configurations are not for one event of one key", async () => {
  const QueueArn = await queue("twice", forBucket(Bucket));
  const withFilter = (Events: s3.Event[], Value: string) => ({
    ...{ QueueArn, Events },
    Filter: {
      Key: {
        FilterRules: [
          { Name: "prefix" as const, Value },
          { Name: "suffix" as const, Value: "" },
        ],
      },
    },
  });
  const both = (one: object, other: object) => notify({ QueueConfigurations: [one, other] as never });
  await expect(
    both(withFilter(["s3:ObjectCreated:*"], "a"), withFilter(["s3:ObjectCreated:Put"], "ab")),
  ).rejects.toThrow("Configurations overlap");
  await both(withFilter(["s3:ObjectCreated:*"], "a"), withFilter(["s3:ObjectCreated:Put"], "b"));
  await both(withFilter(["s3:ObjectCreated:Copy"], "a"), withFilter(["s3:ObjectCreated:Put"], "a"));
  await expect(both(withFilter(["s3:Nothing" as s3.Event], "a"), {})).rejects.toThrow();
});

it("a rule of EventBridge gets changes of a bucket that tells of them", async () => {
  const events = new eb.EventBridgeClient(api.client());
  const EventPattern = JSON.stringify({
    source: ["aws.s3"],
    detail: { object: { key: [{ prefix: "eb/" }] } },
  });
  await events.send(new eb.PutRuleCommand({ Name: "objects", EventPattern }));
  const Arn = await queue("bridged", { Principal: { Service: "events.amazonaws.com" } });
  await events.send(new eb.PutTargetsCommand({ Rule: "objects", Targets: [{ Id: "q", Arn }] }));
  await notify({}, {}, "other");
  await put("eb/before", "x", "other");
  await notify({ EventBridgeConfiguration: {} }, {}, "other");
  await put("eb/after", "four", "other");
  await settle();
  expect(await received("bridged")).toMatchObject([
    {
      source: "aws.s3",
      "detail-type": "Object Created",
      resources: ["arn:aws:s3:::other"],
      detail: { bucket: { name: "other" }, object: { key: "eb/after", size: 4 }, reason: "PutObject" },
    },
  ]);
});
