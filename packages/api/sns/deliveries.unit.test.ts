import { createVerify } from "node:crypto";
import { createServer, get, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from "@aws-sdk/client-cloudwatch";
import {
  CreateKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  PutKeyPolicyCommand,
} from "@aws-sdk/client-kms";
import * as sns from "@aws-sdk/client-sns";
import { topicAction } from "@gantry/controllers";
import { executeActions } from "@gantry/controllers/alarm/execute-actions";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi, startTopicDeliveries, topicCalls } from "@gantry/testkit";
import { afterAll, describe, expect, it, vi } from "vitest";
import { publishFromService } from "./from-service.ts";

const api = await startApi();
const deliveries = startTopicDeliveries(api);
afterAll(async () => {
  await deliveries.stop();
  api.close();
});
const client = new sns.SNSClient(api.client());
const { createTopic, createQueue, subscribe, publish, receive } = topicCalls(api);

describe("an HTTP endpoint", () => {
  it("confirms, and gets messages that it can verify by both versions of the signature", async () => {
    const received: { headers: IncomingHttpHeaders; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        received.push({ headers: request.headers, body });
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // A TCP server has one.
    const TopicArn = await createTopic("posted");
    const answer = await client.send(
      new sns.SubscribeCommand({ TopicArn, Protocol: "http", Endpoint: `http://127.0.0.1:${port}/inbox` }),
    );
    expect(answer.SubscriptionArn).toBe("pending confirmation");
    await publish(TopicArn, "too early");
    await vi.waitFor(() => expect(received).toHaveLength(1), 5_000);
    const confirmation = JSON.parse(received[0]?.body ?? "") as Record<string, string>;
    expect(received[0]?.headers["x-amz-sns-message-type"]).toBe("SubscriptionConfirmation");
    expect(await verifies(confirmation)).toBe(true);
    const confirm = (Token: string) =>
      client.send(
        new sns.ConfirmSubscriptionCommand({ TopicArn, Token, AuthenticateOnUnsubscribe: "false" }),
      );
    await expect(confirm("forged")).rejects.toThrow("Invalid parameter: Token");
    const confirmed = await fetch(confirmation["SubscribeURL"] ?? "");
    expect(await confirmed.text()).toContain("<ConfirmSubscriptionResult><SubscriptionArn>arn:aws:sns:");
    for (const SignatureVersion of ["1", "2"]) {
      await client.send(
        new sns.SetTopicAttributesCommand({
          ...{ TopicArn, AttributeName: "SignatureVersion", AttributeValue: SignatureVersion },
        }),
      );
      received.length = 0;
      await publish(TopicArn, "signed", { Subject: "s" });
      await vi.waitFor(() => expect(received).toHaveLength(1), 5_000);
      const notification = JSON.parse(received[0]?.body ?? "") as Record<string, string>;
      expect(notification).toMatchObject({ Type: "Notification", Message: "signed", SignatureVersion });
      expect(await verifies(notification)).toBe(true);
      expect(await verifies({ ...notification, Message: "forged" })).toBe(false);
    }
    // Without a signature, by the URL that every notification has.
    const { UnsubscribeURL = "" } = JSON.parse(received[0]?.body ?? "") as Record<string, string>;
    expect((await fetch(UnsubscribeURL)).status).toBe(200);
    const { Subscriptions } = await client.send(new sns.ListSubscriptionsByTopicCommand({ TopicArn }));
    expect(Subscriptions).toEqual([]);
    server.close();
  });

  it("is unsubscribed by its owner alone, where the confirmation asks for that", async () => {
    const received: Record<string, string>[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        received.push(JSON.parse(body) as Record<string, string>); // A notification.
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // As above.
    const TopicArn = await createTopic("kept");
    const Endpoint = `http://127.0.0.1:${port}/`;
    await client.send(new sns.SubscribeCommand({ TopicArn, Protocol: "http", Endpoint }));
    await vi.waitFor(() => expect(received).toHaveLength(1), 5_000);
    const Token = received[0]?.["Token"];
    await client.send(
      new sns.ConfirmSubscriptionCommand({ TopicArn, Token, AuthenticateOnUnsubscribe: "true" }),
    );
    await publish(TopicArn, "m");
    await vi.waitFor(() => expect(received).toHaveLength(2), 5_000);
    expect((await fetch(received[1]?.["UnsubscribeURL"] ?? "")).status).toBe(403);
    const list = async () => {
      const answer = await client.send(new sns.ListSubscriptionsByTopicCommand({ TopicArn }));
      return answer.Subscriptions ?? [];
    };
    const [kept] = await list();
    expect(kept?.Endpoint).toBe(Endpoint);
    await client.send(new sns.UnsubscribeCommand({ SubscriptionArn: kept?.SubscriptionArn }));
    expect(await list()).toEqual([]);
    server.close();
  });

  it("is tried again as its delivery policy says", async () => {
    let calls = 0;
    const server = createServer((_request, response) => {
      calls += 1;
      response.statusCode = calls < 3 ? 500 : 200;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // As above.
    const TopicArn = await createTopic("retried");
    await client.send(
      new sns.SubscribeCommand({
        ...{ TopicArn, Protocol: "http", Endpoint: `http://127.0.0.1:${port}/` },
        Attributes: { DeliveryPolicy: '{"healthyRetryPolicy":{"numRetries":5,"numNoDelayRetries":5}}' },
      }),
    );
    await vi.waitFor(() => expect(calls).toBe(3), 5_000);
    await vi.waitFor(() => expect(api.store.list("topicDelivery")).toEqual([]));
    server.close();
  });
});

/** As clients' verifiers do: the certificate of the URL, at AWS's name, verifies the signature. */
async function verifies(message: Record<string, string>): Promise<boolean> {
  const url = new URL(message["SigningCertURL"] ?? "");
  expect(url.href).toMatch(
    /^https:\/\/sns\.eu-south-1\.amazonaws\.com\/SimpleNotificationService-[0-9a-f]+\.pem$/,
  );
  const { promise, resolve } = Promise.withResolvers<string>();
  get({ port: api.port, path: url.pathname, headers: { host: url.host } }, (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => (text += chunk.toString()));
    response.on("end", () => resolve(text));
  });
  const answer = await promise;
  const names =
    message["Type"] === "Notification"
      ? ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
      : ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const text = names.flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`]));
  return createVerify(message["SignatureVersion"] === "2" ? "RSA-SHA256" : "RSA-SHA1")
    .update(text.join(""))
    .verify(answer, message["Signature"] ?? "", "base64");
}

describe("a topic with a KMS key", () => {
  it("takes nothing while the key is disabled, and delivers later what it has taken", async () => {
    const keys = new KMSClient(api.client());
    const { KeyMetadata } = await keys.send(new CreateKeyCommand({}));
    const KeyId = KeyMetadata?.KeyId;
    const TopicArn = await createTopic("sealed", { KmsMasterKeyId: KeyId ?? "" });
    const queue = await createQueue("sealed");
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    await deliveries.stop();
    await publish(TopicArn, "secret words");
    expect(JSON.stringify(api.store.list("topicMessage"))).not.toContain("secret words");
    await keys.send(new DisableKeyCommand({ KeyId }));
    await expect(publish(TopicArn, "more")).rejects.toMatchObject({ name: "KMSDisabledException" });
    deliveries.start();
    await vi.waitFor(() => expect(api.store.list("topicDelivery")[0]?.attempts).toBeGreaterThan(1), 5_000);
    await keys.send(new EnableKeyCommand({ KeyId }));
    expect((await receive(queue.url))[0]?.Body).toBe("secret words");
  });
});

describe("messages that wait", () => {
  it("are delivered after the control plane was killed", async () => {
    const TopicArn = await createTopic("outlasting");
    const queue = await createQueue("outlasting");
    await subscribe(TopicArn, queue.arn, { RawMessageDelivery: "true" });
    await deliveries.stop();
    await publish(TopicArn, "kept");
    expect(api.store.list("topicDelivery")).toHaveLength(1);
    deliveries.start();
    expect((await receive(queue.url))[0]?.Body).toBe("kept");
  });
});

describe("an alarm", () => {
  const alarms = new CloudWatchClient(api.client());

  /** An alarm with a topic for every state, and a queue that gets what the topic gets. */
  async function alarmed(AlarmName: string) {
    const TopicArn = await createTopic(AlarmName);
    const queue = await createQueue(AlarmName);
    await subscribe(TopicArn, queue.arn);
    const input = { AlarmName, MetricName: "M", Namespace: "N", Period: 60, EvaluationPeriods: 1 };
    const every = { AlarmActions: [TopicArn], OKActions: [TopicArn], InsufficientDataActions: [TopicArn] };
    await alarms.send(
      new PutMetricAlarmCommand({
        ...{ ...input, ...every, Statistic: "Average", Threshold: 1 },
        ComparisonOperator: "GreaterThanThreshold",
      }),
    );
    const setState = (StateValue: "ALARM" | "OK" | "INSUFFICIENT_DATA") =>
      alarms.send(new SetAlarmStateCommand({ AlarmName, StateValue, StateReason: "too hot" }));
    const deps = { store: api.store, vault: api.vault, clock: new SystemClock(), ids: randomIds() };
    const publishFor = (message: Parameters<typeof publishFromService>[1]) =>
      publishFromService(deps, message);
    const actionOf = (arn: string) => topicAction({ store: api.store, publish: publishFor }, arn);
    /** Executes what the last transition asks for. Returns the body of the message that arrived. */
    const act = async (url: string, count = 1) => {
      const key = api.store.keys("alarm").find((each) => each.endsWith(`:${AlarmName}`)) ?? "";
      await executeActions({ ...deps, log: silentLogger, actionOf }, key);
      return (await receive(url, count))[0]?.Body;
    };
    return { TopicArn, queue, setState, act };
  }

  it("publishes each of its states to the topic that an action names", async () => {
    const { queue, setState, act } = await alarmed("hot");
    await setState("ALARM");
    const { Subject, Message } = JSON.parse((await act(queue.url)) ?? "") as Record<string, string>;
    expect(Subject).toBe('ALARM: "hot" in eu-south-1');
    expect(JSON.parse(Message ?? "")).toMatchObject({
      ...{ AlarmName: "hot", NewStateValue: "ALARM", OldStateValue: "INSUFFICIENT_DATA" },
      ...{ NewStateReason: "too hot", Trigger: { MetricName: "M", Threshold: 1 } },
    });
    await setState("OK");
    expect(JSON.parse((await act(queue.url)) ?? "")).toMatchObject({ Subject: 'OK: "hot" in eu-south-1' });
    await setState("INSUFFICIENT_DATA");
    expect(JSON.parse((await act(queue.url)) ?? "")).toMatchObject({
      Subject: 'INSUFFICIENT_DATA: "hot" in eu-south-1',
    });
  });

  it("does not publish where the policy of the topic or of its key does not let it", async () => {
    const { TopicArn, queue, setState, act } = await alarmed("guarded");
    const set = (AttributeName: string, AttributeValue: string) =>
      client.send(new sns.SetTopicAttributesCommand({ TopicArn, AttributeName, AttributeValue }));
    const policy = (Service: string, Action: string, more: object = {}) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { AWS: "arn:aws:iam::000000000000:root" },
            Action: "*",
            Resource: "*",
          },
          { Effect: "Allow", Principal: { Service }, Action, Resource: "*", ...more },
        ],
      });
    const of = (name: string) => ({
      Condition: {
        ArnEquals: { "aws:SourceArn": `arn:aws:cloudwatch:eu-south-1:000000000000:alarm:${name}` },
      },
    });
    const refused = async (reason: string) => {
      await setState("OK");
      await act(queue.url, 0);
      await setState("ALARM");
      expect(await act(queue.url, 0)).toBeUndefined();
      const { AlarmHistoryItems: [last] = [] } = await alarms.send(
        new DescribeAlarmHistoryCommand({ AlarmName: "guarded", HistoryItemType: "Action" }),
      );
      expect(last?.HistorySummary).toContain(`CloudWatch Alarms is not authorized to perform: ${reason}`);
    };
    for (const [service, more] of [
      ["events.amazonaws.com", {}],
      ["cloudwatch.amazonaws.com", of("other")],
    ] as const) {
      await set("Policy", policy(service, "sns:Publish", more));
      await refused("SNS:Publish");
    }
    await set("Policy", policy("cloudwatch.amazonaws.com", "sns:Publish", of("guarded")));
    const keys = new KMSClient(api.client());
    const { KeyMetadata } = await keys.send(new CreateKeyCommand({}));
    const KeyId = KeyMetadata?.KeyId ?? "";
    await set("KmsMasterKeyId", KeyId);
    // Before: a message was encrypted, whatever the key's policy said.
    await refused("kms:GenerateDataKey");
    const Policy = policy("cloudwatch.amazonaws.com", "kms:*");
    await keys.send(new PutKeyPolicyCommand({ KeyId, Policy }));
    await setState("ALARM");
    await setState("OK");
    expect(JSON.parse((await act(queue.url)) ?? "")).toMatchObject({
      Subject: 'OK: "guarded" in eu-south-1',
    });
  });
});

describe("a subscription of mail", () => {
  it("is kept, and waits for its confirmation", async () => {
    const TopicArn = await createTopic("mailed");
    const mail = (Endpoint: string) =>
      client.send(
        new sns.SubscribeCommand({ TopicArn, Protocol: "email", Endpoint, ReturnSubscriptionArn: true }),
      );
    const { SubscriptionArn } = await mail("ada@example.com");
    const { Attributes } = await client.send(new sns.GetSubscriptionAttributesCommand({ SubscriptionArn }));
    expect(Attributes).toMatchObject({ PendingConfirmation: "true", Protocol: "email" });
    await expect(mail("nobody")).rejects.toThrow("Email address");
    await publish(TopicArn, "m");
    expect(api.store.list("topicDelivery")).toEqual([]);
  });
});
