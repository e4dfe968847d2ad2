import * as sns from "@aws-sdk/client-sns";
import { ACCOUNT, startApi, startTopicDeliveries, topicCalls } from "@gantry/testkit";
import { afterAll, describe, expect, it, vi } from "vitest";

const api = await startApi();
const deliveries = startTopicDeliveries(api);
afterAll(async () => {
  await deliveries.stop();
  api.close();
});
const client = new sns.SNSClient(api.client());
const { createTopic, createQueue, subscribe, publish, receive } = topicCalls(api);
const arnOf = (name: string) => `arn:aws:sns:eu-south-1:${ACCOUNT}:${name}`;

describe("a topic", () => {
  it("is created once, listed, tagged and deleted", async () => {
    const Tags = [{ Key: "team", Value: "a" }];
    const create = (Attributes: Record<string, string>) =>
      client.send(new sns.CreateTopicCommand({ Name: "news", Attributes, Tags }));
    expect((await create({ DisplayName: "News" })).TopicArn).toBe(arnOf("news"));
    await expect(create({ DisplayName: "News" })).resolves.toBeDefined();
    await expect(create({ DisplayName: "Other" })).rejects.toMatchObject({
      name: "InvalidParameterException",
    });
    const TopicArn = arnOf("news");
    const { Attributes } = await client.send(new sns.GetTopicAttributesCommand({ TopicArn }));
    expect(Attributes).toMatchObject({ DisplayName: "News", Owner: ACCOUNT, SubscriptionsConfirmed: "0" });
    expect(Attributes?.["Policy"]).toContain("__default_policy_ID");
    expect(Attributes?.["EffectiveDeliveryPolicy"]).toContain("numRetries");
    expect((await client.send(new sns.ListTopicsCommand({}))).Topics).toContainEqual({ TopicArn });
    const set = (AttributeName: string, AttributeValue?: string) =>
      client.send(new sns.SetTopicAttributesCommand({ TopicArn, AttributeName, AttributeValue }));
    await set("SignatureVersion", "2");
    await expect(set("SignatureVersion", "3")).rejects.toThrow("Invalid parameter");
    await expect(set("Nonsense", "1")).rejects.toThrow("AttributeName");
    await client.send(
      new sns.TagResourceCommand({ ResourceArn: TopicArn, Tags: [{ Key: "b", Value: "c" }] }),
    );
    await client.send(new sns.UntagResourceCommand({ ResourceArn: TopicArn, TagKeys: ["team"] }));
    const { Tags: left } = await client.send(new sns.ListTagsForResourceCommand({ ResourceArn: TopicArn }));
    expect(left).toEqual([{ Key: "b", Value: "c" }]);
    await client.send(new sns.DeleteTopicCommand({ TopicArn }));
    await client.send(new sns.DeleteTopicCommand({ TopicArn }));
    await expect(publish(TopicArn, "m")).rejects.toMatchObject({ name: "NotFoundException" });
  });

  it("is listed in pages of a hundred, and so are its subscriptions", async () => {
    const names = Array.from({ length: 101 }, (_, index) => `page-${index}`);
    const TopicArn = await createTopic("page-0");
    for (const name of names) await createTopic(name);
    for (const name of names)
      await client.send(
        new sns.SubscribeCommand({ TopicArn, Protocol: "email", Endpoint: `${name}@example.com` }),
      );
    const walk = async (list: (NextToken?: string) => Promise<{ found?: unknown[]; NextToken?: string }>) => {
      const first = await list();
      const second = await list(first.NextToken);
      expect([first.found?.length, second.NextToken]).toEqual([100, undefined]);
      return new Set([...(first.found ?? []), ...(second.found ?? [])]).size;
    };
    const topics = await walk(async (NextToken) => {
      const { Topics, ...more } = await client.send(new sns.ListTopicsCommand({ NextToken }));
      return { ...more, found: Topics?.map((topic) => topic.TopicArn) };
    });
    const ofTopic = await walk(async (NextToken) => {
      const command = new sns.ListSubscriptionsByTopicCommand({ TopicArn, NextToken });
      const { Subscriptions, ...more } = await client.send(command);
      return { ...more, found: Subscriptions?.map(({ Endpoint }) => Endpoint) };
    });
    const all = await walk(async (NextToken) => {
      const { Subscriptions, ...more } = await client.send(new sns.ListSubscriptionsCommand({ NextToken }));
      return { ...more, found: Subscriptions?.map(({ Endpoint }) => Endpoint) };
    });
    expect([topics, ofTopic, all]).toEqual([101, 101, 101]);
    for (const name of names) await client.send(new sns.DeleteTopicCommand({ TopicArn: arnOf(name) }));
  });

  it("has statements that AddPermission writes into its policy", async () => {
    const TopicArn = await createTopic("shared");
    const add = (Label: string) =>
      client.send(
        new sns.AddPermissionCommand({
          TopicArn,
          Label,
          AWSAccountId: ["111111111111"],
          ActionName: ["Publish"],
        }),
      );
    await add("partner");
    await expect(add("partner")).rejects.toThrow("Statement already exists");
    const policy = async () =>
      (await client.send(new sns.GetTopicAttributesCommand({ TopicArn }))).Attributes?.["Policy"];
    expect(await policy()).toContain("111111111111");
    await client.send(new sns.RemovePermissionCommand({ TopicArn, Label: "partner" }));
    expect(await policy()).not.toContain("111111111111");
  });
});

describe("a queue that is subscribed", () => {
  it("gets notifications, and messages themselves with raw delivery", async () => {
    const TopicArn = await createTopic("orders");
    const [wrapped, raw] = [await createQueue("wrapped"), await createQueue("raw")];
    const SubscriptionArn = await subscribe(TopicArn, wrapped.arn);
    await subscribe(TopicArn, raw.arn, { RawMessageDelivery: "true" });
    expect(SubscriptionArn).toContain(TopicArn);
    const { MessageId } = await publish(TopicArn, "hello", {
      Subject: "greeting",
      MessageAttributes: {
        kind: { DataType: "String", StringValue: "word" },
        bytes: { DataType: "Binary", BinaryValue: new Uint8Array([1, 2]) },
      },
    });
    const [first] = await receive(wrapped.url);
    expect(JSON.parse(first?.Body ?? "")).toMatchObject({
      ...{ Type: "Notification", MessageId, TopicArn, Subject: "greeting", Message: "hello" },
      MessageAttributes: {
        kind: { Type: "String", Value: "word" },
        bytes: { Type: "Binary", Value: "AQI=" },
      },
    });
    const [plain] = await receive(raw.url);
    expect(plain?.Body).toBe("hello");
    expect(plain?.MessageAttributes?.["kind"]?.StringValue).toBe("word");
    const shown = await client.send(new sns.GetSubscriptionAttributesCommand({ SubscriptionArn }));
    expect(shown.Attributes).toMatchObject({ PendingConfirmation: "false", RawMessageDelivery: "false" });
    const listed = await client.send(new sns.ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(listed.Subscriptions).toHaveLength(2);
    await client.send(new sns.UnsubscribeCommand({ SubscriptionArn }));
    expect((await client.send(new sns.ListSubscriptionsCommand({}))).Subscriptions).toMatchObject([
      { Endpoint: raw.arn, Protocol: "sqs" },
    ]);
  });

  it("gets the messages that its filter policy lets through", async () => {
    const TopicArn = await createTopic("filtered");
    const [byAttribute, byBody] = [await createQueue("by-attribute"), await createQueue("by-body")];
    const raw = { RawMessageDelivery: "true" };
    const arn = await subscribe(TopicArn, byAttribute.arn, {
      ...raw,
      FilterPolicy: JSON.stringify({ size: [{ numeric: [">", 5] }], kinds: ["a", { prefix: "b" }] }),
    });
    await subscribe(TopicArn, byBody.arn, {
      ...raw,
      FilterPolicyScope: "MessageBody",
      FilterPolicy: JSON.stringify({ user: { name: ["ada"] } }),
    });
    const MessageAttributes = (size: string, kinds: string) => ({
      size: { DataType: "Number", StringValue: size },
      kinds: { DataType: "String.Array", StringValue: kinds },
    });
    await publish(TopicArn, "small", { MessageAttributes: MessageAttributes("5", '["a"]') });
    await publish(TopicArn, "other kind", { MessageAttributes: MessageAttributes("6", '["c"]') });
    await publish(TopicArn, "wanted", { MessageAttributes: MessageAttributes("6", '["c","bb"]') });
    await publish(TopicArn, '{"user":{"name":"bob"}}');
    await publish(TopicArn, '{"user":{"name":"ada"}}');
    expect((await receive(byAttribute.url)).map(({ Body }) => Body)).toEqual(["wanted"]);
    expect((await receive(byBody.url)).map(({ Body }) => Body)).toEqual(['{"user":{"name":"ada"}}']);
    const set = (AttributeName: string, AttributeValue: string) =>
      client.send(
        new sns.SetSubscriptionAttributesCommand({ SubscriptionArn: arn, AttributeName, AttributeValue }),
      );
    await expect(set("FilterPolicy", '{"a":[{"nonsense":1}]}')).rejects.toThrow("FilterPolicy");
    await expect(set("FilterPolicy", '{"a":{"b":["c"]}}')).rejects.toThrow("does not support nested");
    await set("FilterPolicy", "{}");
    await publish(TopicArn, "now everything");
    expect((await receive(byAttribute.url)).map(({ Body }) => Body)).toEqual(["now everything"]);
  });

  it("gets the text of its protocol", async () => {
    const TopicArn = await createTopic("structured");
    const queue = await createQueue("structured");
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    const more = { MessageStructure: "json" };
    await publish(TopicArn, JSON.stringify({ default: "all", sqs: "queues" }), more);
    expect((await receive(queue.url))[0]?.Body).toBe("queues");
    await expect(publish(TopicArn, '{"sqs":"x"}', more)).rejects.toThrow("No default entry");
  });

  it("gets nothing without its policy's permission; its dead-letter queue gets it instead", async () => {
    const TopicArn = await createTopic("refused");
    const closed = await createQueue("closed", { Policy: "" });
    const letters = await createQueue("letters");
    await subscribe(TopicArn, closed.arn, {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: letters.arn }),
    });
    await publish(TopicArn, "undeliverable");
    expect(JSON.parse((await receive(letters.url))[0]?.Body ?? "")).toMatchObject({
      Message: "undeliverable",
    });
    await vi.waitFor(() => expect(api.store.list("topicMessage")).toEqual([]));
  });
});

describe("a FIFO topic", () => {
  it("delivers in order and once", async () => {
    const TopicArn = await createTopic("line.fifo", { FifoTopic: "true", ContentBasedDeduplication: "true" });
    const queue = await createQueue("line.fifo", { FifoQueue: "true" });
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    const numbers = Array.from({ length: 10 }, (_, index) => String(index));
    const sent = [];
    for (const number of numbers) sent.push(await publish(TopicArn, number, { MessageGroupId: "g" }));
    const again = await publish(TopicArn, "0", { MessageGroupId: "g" });
    expect(again.MessageId).toBe(sent[0]?.MessageId);
    expect(sent[1]?.SequenceNumber).toMatch(/^\d{20}$/);
    const received = await receive(queue.url, 10);
    expect(received.map(({ Body }) => Body)).toEqual(numbers);
    expect(received[0]?.Attributes?.["MessageGroupId"]).toBe("g");
    await expect(publish(TopicArn, "x")).rejects.toThrow("MessageGroupId parameter is required");
    const standard = await createTopic("standard");
    await expect(subscribe(standard, queue.arn)).rejects.toThrow("FIFO SQS Queues");
    await expect(publish(standard, "x", { MessageDeduplicationId: "d" })).rejects.toThrow("not valid for");
  });
});

describe("a batch", () => {
  it("has attributes, structures, groups and deduplication of each message", async () => {
    const attributes = { FifoTopic: "true", ContentBasedDeduplication: "false" };
    const TopicArn = await createTopic("batched.fifo", attributes);
    const queue = await createQueue("batched.fifo", { FifoQueue: "true" });
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    const entry = (Id: string, MessageDeduplicationId: string, more: object = {}) => ({
      ...{ Id, Message: Id, MessageGroupId: "g", MessageDeduplicationId },
      ...more,
    });
    const { Successful = [] } = await client.send(
      new sns.PublishBatchCommand({
        TopicArn,
        PublishBatchRequestEntries: [
          entry("a", "1", {
            MessageAttributes: {
              text: { DataType: "String", StringValue: "word" },
              bytes: { DataType: "Binary", BinaryValue: new Uint8Array([7]) },
            },
          }),
          entry("b", "2", { Message: '{"default":"all","sqs":"queues"}', MessageStructure: "json" }),
          entry("c", "1"),
        ],
      }),
    );
    expect(Successful.map(({ Id }) => Id)).toEqual(["a", "b", "c"]);
    expect(Successful[2]?.MessageId).toBe(Successful[0]?.MessageId);
    const received = await receive(queue.url, 2);
    expect(received.map(({ Body }) => Body)).toEqual(["a", "queues"]);
    expect(received[0]?.Attributes?.["MessageGroupId"]).toBe("g");
    expect(received[0]?.MessageAttributes).toMatchObject({
      text: { StringValue: "word" },
      bytes: { BinaryValue: new Uint8Array([7]) },
    });
    await expect(
      client.send(new sns.PublishCommand({ PhoneNumber: "+15555550100", Message: "m" })),
    ).rejects.toThrow("PhoneNumber");
  });

  it("publishes what it can, and says what it cannot", async () => {
    const TopicArn = await createTopic("batched");
    const queue = await createQueue("batched");
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    const batch = (...PublishBatchRequestEntries: sns.PublishBatchRequestEntry[]) =>
      client.send(new sns.PublishBatchCommand({ TopicArn, PublishBatchRequestEntries }));
    const answer = await batch({ Id: "a", Message: "one" }, { Id: "b", Message: "two", Subject: "\n" });
    expect(answer.Successful).toMatchObject([{ Id: "a" }]);
    expect(answer.Failed).toMatchObject([{ Id: "b", SenderFault: true }]);
    expect((await receive(queue.url)).map(({ Body }) => Body)).toEqual(["one"]);
    const failing = [
      [[], "EmptyBatchRequestException"],
      [
        [
          { Id: "a", Message: "m" },
          { Id: "a", Message: "m" },
        ],
        "BatchEntryIdsNotDistinctException",
      ],
      [[{ Id: "?", Message: "m" }], "InvalidBatchEntryIdException"],
      [
        Array.from({ length: 11 }, (_, Id) => ({ Id: String(Id), Message: "m" })),
        "TooManyEntriesInBatchRequestException",
      ],
      [[{ Id: "a", Message: "m".repeat(262_145) }], "BatchRequestTooLongException"],
    ] as const;
    for (const [entries, name] of failing) await expect(batch(...entries)).rejects.toMatchObject({ name });
  });
});
