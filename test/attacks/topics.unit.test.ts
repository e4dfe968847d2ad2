import { generateKeyPairSync } from "node:crypto";
import dns from "node:dns";
import { createServer } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { isIP, type AddressInfo } from "node:net";
import * as sdk from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { topicDeliveryController, topicEndpoints } from "@gantry/controllers";
import { Controller, newVault, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { MemoryStore, type TopicRecord } from "@gantry/state";
import { publishToTopic } from "@gantry/state/transactions/topics";
import { ACCOUNT, startApi, startTopicDeliveries } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { admitOther, OTHER as OTHER_KEY } from "./other-account.ts";

const api = await startApi();
afterAll(() => api.close());
const owner = new sdk.SNSClient(api.client());
const OTHER = "111111111111";
admitOther(api);
const foreign = new sdk.SNSClient({ ...api.client(), credentials: OTHER_KEY });
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const KEY = privateKey.export({ type: "pkcs8", format: "pem" });
const { TopicArn = "" } = await owner.send(new sdk.CreateTopicCommand({ Name: "target" }));

describe("a topic of another account", () => {
  it("is not used, read or changed without its policy's permission", async () => {
    const calls = [
      new sdk.PublishCommand({ TopicArn, Message: "m" }),
      new sdk.PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: [{ Id: "a", Message: "m" }] }),
      new sdk.SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: `arn:aws:sqs:eu-south-1:${OTHER}:q` }),
      new sdk.GetTopicAttributesCommand({ TopicArn }),
      new sdk.SetTopicAttributesCommand({ TopicArn, AttributeName: "DisplayName", AttributeValue: "x" }),
      new sdk.DeleteTopicCommand({ TopicArn }),
      new sdk.ListTagsForResourceCommand({ ResourceArn: TopicArn }),
      new sdk.ListSubscriptionsByTopicCommand({ TopicArn }),
    ] as const;
    for (const call of calls)
      await expect(foreign.send(call as sdk.PublishCommand)).rejects.toMatchObject({
        name: expect.stringMatching(/AuthorizationError|AccessDenied/) as string,
      });
    expect(api.store.get("topic", TopicArn)?.attributes).toEqual({});
  });

  it("is published to with its policy's permission", async () => {
    await owner.send(
      new sdk.AddPermissionCommand({
        ...{ TopicArn, Label: "partner", AWSAccountId: [OTHER], ActionName: ["Publish"] },
      }),
    );
    await expect(foreign.send(new sdk.PublishCommand({ TopicArn, Message: "m" }))).resolves.toBeDefined();
    await owner.send(new sdk.RemovePermissionCommand({ TopicArn, Label: "partner" }));
    await expect(foreign.send(new sdk.PublishCommand({ TopicArn, Message: "m" }))).rejects.toThrow();
  });

  it("has subscriptions that their own account alone reads, changes and ends", async () => {
    const { SubscriptionArn = "" } = await owner.send(
      new sdk.SubscribeCommand({
        ...{ TopicArn, Protocol: "sqs", Endpoint: `arn:aws:sqs:eu-south-1:${ACCOUNT}:q` },
      }),
    );
    const change = { SubscriptionArn, AttributeName: "RawMessageDelivery", AttributeValue: "true" };
    for (const call of [
      new sdk.GetSubscriptionAttributesCommand({ SubscriptionArn }),
      new sdk.SetSubscriptionAttributesCommand(change),
      new sdk.UnsubscribeCommand({ SubscriptionArn }),
    ] as const)
      await expect(foreign.send(call as sdk.UnsubscribeCommand)).rejects.toMatchObject({
        name: "AuthorizationErrorException",
      });
    // Without a signature: the subscription was made with one.
    const url = `http://127.0.0.1:${api.port}/?Version=2010-03-31&Action=Unsubscribe&SubscriptionArn=`;
    expect(await (await fetch(`${url}${encodeURIComponent(SubscriptionArn)}`)).text()).toContain(
      "AuthorizationError",
    );
    expect(api.store.get("topicSubscription", SubscriptionArn)?.attributes).toEqual({});
  });
});

describe("a confirmation", () => {
  it("is refused with a token that the endpoint was not sent, and the token is not kept", async () => {
    await owner.send(
      new sdk.SubscribeCommand({ TopicArn, Protocol: "http", Endpoint: "http://127.0.0.1:9/victim" }),
    );
    const [pending] = api.store.list("topicSubscription").filter(({ isConfirmed }) => !isConfirmed);
    const hash = pending?.tokenHash ?? expect.fail("it waits for its confirmation");
    const url = `http://127.0.0.1:${api.port}/?Version=2010-03-31&Action=ConfirmSubscription`;
    for (const token of [hash, "", "x".repeat(100)]) {
      const answer = await fetch(`${url}&TopicArn=${encodeURIComponent(TopicArn)}&Token=${token}`);
      expect(answer.status).toBe(400);
    }
    expect(api.store.get("topicSubscription", pending?.arn)?.isConfirmed).toBe(false);
    const listed = await owner.send(new sdk.ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(JSON.stringify(listed.Subscriptions)).not.toContain(hash);
  });
});

describe("an endpoint", () => {
  it("is not an address of the machine's own network or of the platform", async () => {
    for (const host of [
      "169.254.169.254",
      "[fe80::1]",
      "100.64.0.1",
      "0.0.0.0",
      "[::ffff:169.254.169.254]",
    ]) {
      const Endpoint = `http://${host}/latest/meta-data/`;
      await expect(
        owner.send(new sdk.SubscribeCommand({ TopicArn, Protocol: "http", Endpoint })),
      ).rejects.toThrow("Unreachable Endpoint");
      const outcome = await topicEndpoints({ caPem: "" })(Endpoint, { headers: {}, body: "" });
      expect(outcome).toMatchObject({ type: "failed", mayRetry: false });
    }
    await expect(
      owner.send(new sdk.SubscribeCommand({ TopicArn, Protocol: "https", Endpoint: "file:///etc/passwd" })),
    ).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  it("does not redirect a message to another address", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(307, { location: "http://169.254.169.254/" }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // A TCP server has one.
    const outcome = await topicEndpoints({ caPem: "" })(`http://127.0.0.1:${port}/`, {
      headers: {},
      body: "",
    });
    expect(outcome).toEqual({ type: "failed", reason: "The endpoint answered 307.", mayRetry: false });
    server.close();
  });
});

describe("the address of an endpoint's name", () => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end());
  });
  const original = dns.lookup;
  let answers: readonly string[] = [];
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const fake = (_name: string, _options: object, callback: (problem: null, found: object[]) => void) =>
      callback(
        null,
        answers.map((address) => ({ address, family: isIP(address) })),
      );
    Object.assign(dns, { lookup: fake });
    syncBuiltinESMExports();
  });
  afterAll(() => {
    Object.assign(dns, { lookup: original });
    syncBuiltinESMExports();
    server.close();
  });
  const post = () => {
    const { port } = server.address() as AddressInfo; // A TCP server has one.
    return topicEndpoints({ caPem: "" })(`http://rebound.test:${port}/`, { headers: {}, body: "" });
  };

  // An endpoint confirms from an address of its own, and then its name gets another one.
  it("is looked up and checked again for each message", async () => {
    answers = ["127.0.0.1"];
    expect(await post()).toEqual({ type: "done" });
    for (const rebound of [
      ["169.254.169.254"],
      ["169.254.170.2"],
      ["100.64.0.1"],
      ["0.0.0.0"],
      ["::ffff:169.254.169.254"],
      ["::ffff:a9fe:a9fe"],
      ["fe80::1"],
      // The connection may use any of them.
      ["127.0.0.1", "169.254.169.254"],
    ]) {
      answers = rebound;
      expect(await post(), rebound.join()).toMatchObject({
        type: "failed",
        reason: expect.stringContaining("Not an address") as string,
      });
    }
  });
});

it("the platform's own endpoint does nothing for a message that is posted to it", async () => {
  const before = api.store.list("topic").length;
  for (const body of ["Action=CreateTopic&Name=posted&Version=2010-03-31", '{"Name":"posted"}'])
    for (const type of ["text/plain; charset=UTF-8", "application/x-www-form-urlencoded"]) {
      const outcome = await topicEndpoints({ caPem: "" })(`http://127.0.0.1:${api.port}/`, {
        headers: { "content-type": type },
        body,
      });
      expect(outcome).toMatchObject({
        type: "failed",
        reason: expect.stringMatching(/answered 40\d/) as string,
        mayRetry: false,
      });
    }
  expect(api.store.list("topic")).toHaveLength(before);
});

describe("a queue that one topic may send to", () => {
  const deliveries = startTopicDeliveries(api);
  afterAll(() => deliveries.stop());
  const queues = new sqs.SQSClient(api.client());

  // The confused deputy: the queue's policy lets SNS send, for one topic.
  it("gets nothing of other topics, of its own account or of another", async () => {
    const arn = `arn:aws:sqs:eu-south-1:${ACCOUNT}:deputy`;
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { Service: "sns.amazonaws.com" },
        Action: "sqs:SendMessage",
        Resource: arn,
        Condition: { ArnEquals: { "aws:SourceArn": TopicArn } },
      },
    });
    const made = await queues.send(
      new sqs.CreateQueueCommand({ QueueName: "deputy", Attributes: { Policy } }),
    );
    const { TopicArn: second } = await owner.send(new sdk.CreateTopicCommand({ Name: "second" }));
    // Its name makes its ARN resemble the first one's.
    const { TopicArn: third } = await foreign.send(new sdk.CreateTopicCommand({ Name: "target" }));
    for (const [client, topic] of [
      [owner, second],
      [foreign, third],
      [owner, TopicArn],
    ] as const) {
      await client.send(new sdk.SubscribeCommand({ TopicArn: topic, Protocol: "sqs", Endpoint: arn }));
      // An attribute or a body that names the topic counts for nothing.
      const MessageAttributes = { SourceArn: { DataType: "String", StringValue: TopicArn } };
      await client.send(new sdk.PublishCommand({ TopicArn: topic, Message: topic, MessageAttributes }));
    }
    const isToQueue = (subscriptionArn: string) =>
      api.store.get("topicSubscription", subscriptionArn)?.protocol === "sqs";
    await vi.waitFor(() => {
      const waiting = api.store.list("topicDelivery");
      expect(waiting.filter(({ subscriptionArn }) => isToQueue(subscriptionArn))).toEqual([]);
    }, 5_000);
    const { Messages = [] } = await queues.send(
      new sqs.ReceiveMessageCommand({ QueueUrl: made.QueueUrl, MaxNumberOfMessages: 10 }),
    );
    expect(Messages.map(({ Body = "" }) => (JSON.parse(Body) as { Message: string }).Message)).toEqual([
      TopicArn,
    ]);
  });
});

// Endpoints of one account that do not answer. Without a share for each account they would keep the places of all
// deliveries for as long as each call waits.
it("messages of other accounts are delivered while the endpoints of one do not answer", async () => {
  const store = new MemoryStore();
  const clock = new SystemClock();
  const vault = newVault(Buffer.alloc(32, 7));
  const ids = randomIds();
  const topicOf = (account: string, subscriptions: number): TopicRecord => {
    const arn = `arn:aws:sns:eu-south-1:${account}:t`;
    const place = { account, region: "eu-south-1", createdAt: 0 };
    const none = { policy: undefined, policyPrincipals: undefined, attributes: {}, tags: {} };
    const topic = { ...place, ...none, arn, name: "t" };
    store.transact((tx) => {
      tx.put("topic", arn, topic);
      for (let index = 0; index < subscriptions; index += 1)
        tx.put("topicSubscription", `${arn}:${index}`, {
          ...{ ...place, arn: `${arn}:${index}`, topicArn: arn, attributes: {}, isConfirmed: true },
          ...{ protocol: "http" as const, endpoint: `http://${account}/${index}`, needsSignature: false },
          ...{ tokenHash: undefined, tokenExpiresAt: undefined, apiUrl: "" },
        });
    });
    return topic;
  };
  const called: string[] = [];
  const slow = Promise.withResolvers<{ readonly type: "done" }>();
  const controller = new Controller(
    topicDeliveryController({
      ...{ store, clock, ids, vault, log: silentLogger },
      sendToQueue: () => expect.fail("there are no queues"),
      post(url) {
        called.push(url);
        return url.includes("999999999999") ? slow.promise : Promise.resolve({ type: "done" });
      },
      signer: () => Promise.resolve({ id: "s", keyPem: KEY }),
    }),
    { clock, log: silentLogger },
  );
  const publish = (topic: TopicRecord): void => {
    store.transact((tx) =>
      publishToTopic(tx, { ids, vault, now: clock.now() }, topic, {
        ...{ type: "Notification", message: "m", attributes: {} },
      }),
    );
  };
  controller.start();
  publish(topicOf("999999999999", 150));
  await vi.waitFor(() => expect(called).toHaveLength(100), 5_000);
  publish(topicOf("222222222222", 1));
  await vi.waitFor(() => expect(called.some((url) => url.includes("222222222222"))).toBe(true), 5_000);
  expect(called.filter((url) => url.includes("999999999999"))).toHaveLength(100);
  slow.resolve({ type: "done" });
  await controller.stop();
});
