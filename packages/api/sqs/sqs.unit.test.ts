import { createHash } from "node:crypto";
import { CreateKeyCommand, DisableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import * as sdk from "@aws-sdk/client-sqs";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.SQSClient(api.client());
const arnOf = (name: string) => `arn:aws:sqs:eu-south-1:000000000000:${name}`;

const create = async (QueueName: string, Attributes: Record<string, string> = {}): Promise<string> =>
  (await client.send(new sdk.CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
const send = (QueueUrl: string, MessageBody: string, more: Partial<sdk.SendMessageRequest> = {}) =>
  client.send(new sdk.SendMessageCommand({ QueueUrl, MessageBody, ...more }));
const receive = async (QueueUrl: string, more: Partial<sdk.ReceiveMessageRequest> = {}) =>
  (await client.send(new sdk.ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, ...more })))
    .Messages ?? [];
const bodies = async (QueueUrl: string, more: Partial<sdk.ReceiveMessageRequest> = {}) =>
  (await receive(QueueUrl, more)).map(({ Body }) => Body);
const attributes = async (QueueUrl: string, ...AttributeNames: sdk.QueueAttributeName[]) =>
  (await client.send(new sdk.GetQueueAttributesCommand({ QueueUrl, AttributeNames }))).Attributes ?? {};
const remove = (QueueUrl: string, ReceiptHandle: string | undefined) =>
  client.send(new sdk.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));

describe("queues", () => {
  it("are created once, found, listed, changed and deleted", async () => {
    const url = await create("q", { VisibilityTimeout: "45", Policy: "" });
    expect(url).toBe(`${api.endpoint}/000000000000/q`);
    expect(await create("q", { VisibilityTimeout: "45" })).toBe(url);
    await expect(create("q", { VisibilityTimeout: "46" })).rejects.toMatchObject({
      name: "QueueNameExists",
      message:
        "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
    });
    const named = { QueueName: "q", QueueOwnerAWSAccountId: "000000000000" };
    expect(await client.send(new sdk.GetQueueUrlCommand(named))).toMatchObject({ QueueUrl: url });
    await create("q-2");
    const list = (more: sdk.ListQueuesRequest) => client.send(new sdk.ListQueuesCommand(more));
    const first = await list({ QueueNamePrefix: "q", MaxResults: 1 });
    expect(first.QueueUrls).toEqual([url]);
    const rest = await list({ QueueNamePrefix: "q", MaxResults: 1, NextToken: first.NextToken });
    expect(rest).toMatchObject({ QueueUrls: [`${url}-2`] });
    const Attributes = {
      DelaySeconds: "1",
      ReceiveMessageWaitTimeSeconds: "2",
      MessageRetentionPeriod: "60",
    };
    await client.send(new sdk.SetQueueAttributesCommand({ QueueUrl: url, Attributes }));
    expect(await attributes(url, "All")).toMatchObject({
      ...Attributes,
      QueueArn: arnOf("q"),
      VisibilityTimeout: "45",
      MaximumMessageSize: "1048576",
      SqsManagedSseEnabled: "true",
      ApproximateNumberOfMessages: "0",
    });
    // AWS's own form of the URL names the same queue.
    const aws = "https://sqs.eu-south-1.amazonaws.com/000000000000/q";
    expect(await attributes(aws, "QueueArn")).toEqual({ QueueArn: arnOf("q") });
    await client.send(new sdk.DeleteQueueCommand({ QueueUrl: url }));
    await expect(attributes(url, "All")).rejects.toMatchObject({
      name: "QueueDoesNotExist",
      message: "The specified queue does not exist.",
    });
  });

  it("have tags", async () => {
    const { QueueUrl } = await client.send(new sdk.CreateQueueCommand({ QueueName: "t", tags: { a: "b" } }));
    await client.send(new sdk.TagQueueCommand({ QueueUrl, Tags: { c: "d" } }));
    await client.send(new sdk.UntagQueueCommand({ QueueUrl, TagKeys: ["a"] }));
    expect((await client.send(new sdk.ListQueueTagsCommand({ QueueUrl }))).Tags).toEqual({ c: "d" });
  });

  it.each<[string, Record<string, string>, string]>([
    ["bad name", {}, "InvalidParameterValue"],
    ["q.fifo", {}, "InvalidParameterValue"],
    ["q", { FifoQueue: "true" }, "InvalidParameterValue"],
    ["r", { VisibilityTimeout: "43201" }, "InvalidAttributeValue"],
    ["r", { Nothing: "1" }, "InvalidAttributeName"],
    ["r", { ContentBasedDeduplication: "true" }, "InvalidAttributeName"],
    ["r", { Policy: "{" }, "InvalidAttributeValue"],
    [
      "r",
      { RedrivePolicy: `{"deadLetterTargetArn":"${arnOf("none")}","maxReceiveCount":1}` },
      "InvalidParameterValue",
    ],
    ["r", { RedriveAllowPolicy: '{"redrivePermission":"byQueue"}' }, "InvalidParameterValue"],
    ["r", { KmsMasterKeyId: "k", SqsManagedSseEnabled: "true" }, "InvalidAttributeValue"],
  ])("are refused: %s %j", async (name, given, code) => {
    await expect(create(name, given)).rejects.toMatchObject({ name: code });
  });
});

describe("messages", () => {
  it("are sent, received, hidden, shown again and deleted", async () => {
    const url = await create("m");
    const MessageAttributes = {
      kind: { DataType: "String", StringValue: "x" },
      count: { DataType: "Number.int", StringValue: "3" },
      blob: { DataType: "Binary", BinaryValue: new Uint8Array([1, 2]) },
    };
    const trace = { AWSTraceHeader: { DataType: "String", StringValue: "Root=1" } };
    const sent = await send(url, "hé", { MessageAttributes, MessageSystemAttributes: trace });
    expect(sent.MD5OfMessageBody).toBe(createHash("md5").update("hé").digest("hex"));
    expect(sent.MD5OfMessageSystemAttributes).toMatch(/^[0-9a-f]{32}$/);
    const asked = { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All" as const] };
    const [message] = await receive(url, { ...asked, VisibilityTimeout: 30 });
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: "hé",
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      MessageAttributes,
      Attributes: { ApproximateReceiveCount: "1", AWSTraceHeader: "Root=1", SenderId: expect.any(String) },
    });
    expect(await receive(url)).toEqual([]);
    const counted = "ApproximateNumberOfMessagesNotVisible";
    expect(await attributes(url, counted)).toEqual({ [counted]: "1" });
    const handle = { QueueUrl: url, ReceiptHandle: message?.ReceiptHandle };
    await client.send(new sdk.ChangeMessageVisibilityCommand({ ...handle, VisibilityTimeout: 0 }));
    const [again] = await receive(url, {
      MessageAttributeNames: ["ki.*", "count"],
      MessageSystemAttributeNames: ["SentTimestamp"],
    });
    expect(Object.keys(again?.Attributes ?? {})).toEqual(["SentTimestamp"]);
    expect(Object.keys(again?.MessageAttributes ?? {})).toEqual(["count"]);
    // An earlier receipt does not delete; the last one does, and twice is as good as once.
    await remove(url, message?.ReceiptHandle);
    expect(await attributes(url, counted)).toEqual({ [counted]: "1" });
    await remove(url, again?.ReceiptHandle);
    await remove(url, again?.ReceiptHandle);
    expect(await attributes(url, counted)).toEqual({ [counted]: "0" });
    await expect(
      client.send(new sdk.ChangeMessageVisibilityCommand({ ...handle, VisibilityTimeout: 1 })),
    ).rejects.toThrow(/Message does not exist/);
  });

  it("come in batches, each entry on its own", async () => {
    const QueueUrl = await create("b", { MaximumMessageSize: "1024" });
    const Entries = [
      { Id: "1", MessageBody: "one" },
      { Id: "2", MessageBody: "x".repeat(1_025) },
      { Id: "3", MessageBody: "later", DelaySeconds: 900, MessageGroupId: "tenant" },
    ];
    const sent = await client.send(new sdk.SendMessageBatchCommand({ QueueUrl, Entries }));
    expect(sent.Successful?.map(({ Id }) => Id)).toEqual(["1", "3"]);
    expect(sent.Failed).toMatchObject([{ Id: "2", SenderFault: true, Code: "InvalidParameterValue" }]);
    expect(
      await attributes(QueueUrl, "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"),
    ).toEqual({
      ApproximateNumberOfMessages: "1",
      ApproximateNumberOfMessagesDelayed: "1",
    });
    const [message] = await receive(QueueUrl);
    const ReceiptHandle = message?.ReceiptHandle;
    const handles = [
      { Id: "a", ReceiptHandle },
      { Id: "b", ReceiptHandle: "nothing" },
    ];
    const changed = await client.send(
      new sdk.ChangeMessageVisibilityBatchCommand({
        QueueUrl,
        Entries: handles.map((each) => ({ ...each, VisibilityTimeout: 10 })),
      }),
    );
    expect(changed).toMatchObject({
      Successful: [{ Id: "a" }],
      Failed: [{ Id: "b", Code: "ReceiptHandleIsInvalid" }],
    });
    const deleted = await client.send(new sdk.DeleteMessageBatchCommand({ QueueUrl, Entries: handles }));
    expect(deleted).toMatchObject({ Successful: [{ Id: "a" }], Failed: [{ Id: "b" }] });
    await client.send(new sdk.PurgeQueueCommand({ QueueUrl }));
    expect(await attributes(QueueUrl, "ApproximateNumberOfMessagesDelayed")).toEqual({
      ApproximateNumberOfMessagesDelayed: "0",
    });
    const batch = (given: sdk.SendMessageBatchRequestEntry[]) =>
      client.send(new sdk.SendMessageBatchCommand({ QueueUrl, Entries: given }));
    await expect(batch([])).rejects.toMatchObject({ name: "EmptyBatchRequest" });
    await expect(batch([{ Id: "!", MessageBody: "m" }])).rejects.toMatchObject({
      name: "InvalidBatchEntryId",
    });
    const twice = { Id: "1", MessageBody: "m" };
    await expect(batch([twice, twice])).rejects.toMatchObject({ name: "BatchEntryIdsNotDistinct" });
    await expect(batch(Array.from({ length: 11 }, () => twice))).rejects.toMatchObject({
      name: "TooManyEntriesInBatchRequest",
    });
    const long = [1, 2].map((each) => ({ Id: String(each), MessageBody: "x".repeat(600_000) }));
    await expect(batch(long)).rejects.toMatchObject({ name: "BatchRequestTooLong" });
  });

  const text = { DataType: "String", StringValue: "x" };
  const binary = { DataType: "Binary", BinaryValue: new Uint8Array([1]) };
  const lists: [string, sdk.MessageAttributeValue][] = [
    ["StringListValues", { ...text, StringListValues: ["x"] }],
    ["BinaryListValues", { ...text, BinaryListValues: [new Uint8Array([1])] }],
  ];

  it.each(lists)("have no attributes of %s", async (member, value) => {
    const QueueUrl = await create("lists");
    const MessageAttributes = { a: value };
    const MessageSystemAttributes = { AWSTraceHeader: value };
    await expect(send(QueueUrl, "m", { MessageAttributes })).rejects.toThrow(member);
    await expect(send(QueueUrl, "m", { MessageSystemAttributes })).rejects.toThrow(member);
    // Before: attributes that are refused in one entry refused the whole batch.
    const Entries = [
      { Id: "1", MessageBody: "m", MessageAttributes },
      { Id: "2", MessageBody: "m", MessageSystemAttributes },
      { Id: "3", MessageBody: "m" },
    ];
    const sent = await client.send(new sdk.SendMessageBatchCommand({ QueueUrl, Entries }));
    const Message = expect.stringContaining(member);
    expect(sent).toMatchObject({
      Successful: [{ Id: "3" }],
      Failed: [
        { Id: "1", Message },
        { Id: "2", Message },
      ],
    });
  });

  it("have a trace header that is text, alone and in batches", async () => {
    const QueueUrl = await create("traced");
    const trace = { AWSTraceHeader: binary };
    await expect(send(QueueUrl, "m", { MessageSystemAttributes: trace })).rejects.toThrow("BinaryValue");
    const Entries = [
      {
        Id: "1",
        MessageBody: "m",
        MessageAttributes: { text, binary },
        MessageSystemAttributes: { AWSTraceHeader: text },
      },
      { Id: "2", MessageBody: "m", MessageSystemAttributes: trace },
    ];
    const sent = await client.send(new sdk.SendMessageBatchCommand({ QueueUrl, Entries }));
    expect(sent).toMatchObject({ Successful: [{ Id: "1" }], Failed: [{ Id: "2", SenderFault: true }] });
    const asked = { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All" as const] };
    expect(await receive(QueueUrl, asked)).toMatchObject([
      { MessageAttributes: { text, binary }, Attributes: { AWSTraceHeader: "x" } },
    ]);
  });

  it("end a wait as soon as they are there", async () => {
    const url = await create("w");
    const waiting = bodies(url, { WaitTimeSeconds: 20 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await send(url, "now");
    expect(await waiting).toEqual(["now"]);
  });

  it.each<[string, Partial<sdk.SendMessageRequest>, string]>([
    ["", {}, "MissingParameter"],
    ["\u0001", {}, "InvalidMessageContents"],
    ["m", { DelaySeconds: 901 }, "InvalidParameterValue"],
    ["m", { MessageDeduplicationId: "d" }, "InvalidParameterValue"],
    ["m", { MessageAttributes: { a: { DataType: "Other", StringValue: "x" } } }, "InvalidParameterValue"],
    [
      "m",
      { MessageAttributes: { "AWS.a": { DataType: "String", StringValue: "x" } } },
      "InvalidParameterValue",
    ],
    ["x".repeat(1_048_577), {}, "InvalidParameterValue"],
  ])("are refused: %.10s %j", async (body, more, code) => {
    await expect(send(await create("refused"), body, more)).rejects.toMatchObject({ name: code });
  });
});

describe("FIFO queues", () => {
  it("keep the order of groups, drop repetitions and number messages", async () => {
    const FifoQueue = { FifoQueue: "true" };
    const url = await create("o.fifo", { ...FifoQueue, ContentBasedDeduplication: "true" });
    const first = await send(url, "a1", { MessageGroupId: "a" });
    const second = await send(url, "a2", { MessageGroupId: "a" });
    await send(url, "b1", { MessageGroupId: "b" });
    expect(await send(url, "a1", { MessageGroupId: "a" })).toMatchObject({
      MessageId: first.MessageId,
      SequenceNumber: first.SequenceNumber,
    });
    expect(String(second.SequenceNumber) > String(first.SequenceNumber)).toBe(true);
    const [one] = await receive(url, { MaxNumberOfMessages: 1, MessageSystemAttributeNames: ["All"] });
    expect(one).toMatchObject({
      Body: "a1",
      Attributes: { MessageGroupId: "a", SequenceNumber: first.SequenceNumber },
    });
    // a2 waits for a1.
    expect(await bodies(url)).toEqual(["b1"]);
    await remove(url, one?.ReceiptHandle);
    expect(await bodies(url)).toEqual(["a2"]);
    await expect(send(url, "m")).rejects.toMatchObject({ name: "MissingParameter" });
    await expect(send(url, "m", { MessageGroupId: "a", DelaySeconds: 1 })).rejects.toThrow(/queue type/);
    const scoped = await create("s.fifo", {
      ...FifoQueue,
      DeduplicationScope: "messageGroup",
      FifoThroughputLimit: "perMessageGroupId",
    });
    for (const MessageGroupId of ["a", "b", "a"])
      await send(scoped, MessageGroupId, { MessageGroupId, MessageDeduplicationId: "d" });
    expect(await bodies(scoped)).toEqual(["a", "b"]);
    const repeated = ["1", "2"].map((Id) => ({
      Id,
      MessageBody: Id,
      MessageGroupId: "c",
      MessageDeduplicationId: "d",
    }));
    await client.send(new sdk.SendMessageBatchCommand({ QueueUrl: scoped, Entries: repeated }));
    expect(await bodies(scoped)).toEqual(["1"]);
    await expect(send(scoped, "m", { MessageGroupId: "a" })).rejects.toThrow(/ContentBasedDeduplication/);
  });
});

describe("dead-letter queues", () => {
  it("get what was received too often", async () => {
    const dead = await create("dead");
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf("dead"), maxReceiveCount: "2" });
    const url = await create("source", { RedrivePolicy, VisibilityTimeout: "0" });
    const list = await client.send(new sdk.ListDeadLetterSourceQueuesCommand({ QueueUrl: dead }));
    expect(list.queueUrls).toEqual([url]);
    await create("source-2", { RedrivePolicy });
    const sources = async (NextToken?: string) =>
      client.send(new sdk.ListDeadLetterSourceQueuesCommand({ QueueUrl: dead, MaxResults: 1, NextToken }));
    const first = await sources();
    expect(first.queueUrls).toEqual([url]);
    expect((await sources(first.NextToken)).queueUrls).toEqual([`${url}-2`]);
    await send(url, "poison");
    expect([await bodies(url), await bodies(url), await bodies(url)]).toEqual([["poison"], ["poison"], []]);
    const [message] = await receive(dead, { MessageSystemAttributeNames: ["All"] });
    expect(message).toMatchObject({
      Body: "poison",
      Attributes: { DeadLetterQueueSourceArn: arnOf("source"), ApproximateReceiveCount: "3" },
    });
    await client.send(
      new sdk.SetQueueAttributesCommand({
        QueueUrl: dead,
        Attributes: { RedriveAllowPolicy: '{"redrivePermission":"denyAll"}' },
      }),
    );
    await expect(create("other", { RedrivePolicy })).rejects.toThrow(/does not allow/);
  });
});

it("messages of a queue with a KMS key are unreadable while the key is disabled", async () => {
  const kms = new KMSClient(api.client());
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const KeyId = KeyMetadata?.KeyId ?? "";
  const url = await create("k", { KmsMasterKeyId: KeyId, KmsDataKeyReusePeriodSeconds: "60" });
  await send(url, "secret");
  expect(await bodies(url, { VisibilityTimeout: 0 })).toEqual(["secret"]);
  await kms.send(new DisableKeyCommand({ KeyId }));
  await expect(receive(url)).rejects.toMatchObject({ name: "KmsDisabled" });
  await expect(send(url, "more")).rejects.toMatchObject({ name: "KmsDisabled" });
  expect(await attributes(url, "SqsManagedSseEnabled")).toEqual({ SqsManagedSseEnabled: "false" });
});
