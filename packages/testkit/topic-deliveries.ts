import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { sendFromTopic } from "@gantry/api/sqs/from-topic";
import { topicDeliveryController, topicEndpoints, topicSigner } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { ACCOUNT, type startApi } from "./api-server.ts";

/** Delivers messages of the topics of an API, as the control plane does. */
export function startTopicDeliveries(
  api: Pick<Awaited<ReturnType<typeof startApi>>, "store" | "vault" | "queues" | "authority">,
) {
  const clock = new SystemClock();
  const ids = randomIds();
  const { store, vault, queues, authority } = api;
  const deps = { store, clock, ids, log: silentLogger, vault };
  const start = (): Controller => {
    const controller = new Controller(
      topicDeliveryController({
        ...deps,
        sendToQueue: (message) => sendFromTopic({ ...deps, queues }, message),
        post: topicEndpoints(authority),
        signer: topicSigner({ ...deps, authority }),
      }),
      { clock, log: silentLogger },
    );
    controller.start();
    return controller;
  };
  let running = start();
  return {
    start(): void {
      running = start();
    },
    stop: (): Promise<void> => running.stop(),
  };
}

/** Calls about topics, and about queues that take messages of topics. */
export function topicCalls(api: Pick<Awaited<ReturnType<typeof startApi>>, "client">) {
  const client = new sns.SNSClient(api.client());
  const queues = new sqs.SQSClient(api.client());
  async function createTopic(Name: string, Attributes: Record<string, string> = {}): Promise<string> {
    const { TopicArn = "" } = await client.send(new sns.CreateTopicCommand({ Name, Attributes }));
    return TopicArn;
  }

  /** A queue that takes messages of topics. */
  async function createQueue(QueueName: string, more: Record<string, string> = {}) {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "sns.amazonaws.com" },
          Action: "sqs:SendMessage",
          Resource: "*",
          Condition: { StringEquals: { "aws:SourceAccount": ACCOUNT } },
        },
      ],
    });
    const Attributes = { Policy, ...more };
    const { QueueUrl = "" } = await queues.send(new sqs.CreateQueueCommand({ QueueName, Attributes }));
    return { url: QueueUrl, arn: `arn:aws:sqs:eu-south-1:${ACCOUNT}:${QueueName}` };
  }

  const subscribe = async (TopicArn: string, Endpoint: string, Attributes: Record<string, string> = {}) =>
    (await client.send(new sns.SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint, Attributes })))
      .SubscriptionArn ?? "";
  const publish = (TopicArn: string, Message: string, more: object = {}) =>
    client.send(new sns.PublishCommand({ TopicArn, Message, ...more }));

  async function receive(QueueUrl: string, count = 1): Promise<sqs.Message[]> {
    const found: sqs.Message[] = [];
    while (found.length < count) {
      const { Messages = [] } = await queues.send(
        new sqs.ReceiveMessageCommand({
          ...{ QueueUrl, WaitTimeSeconds: 5, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"] },
          MessageSystemAttributeNames: ["All"],
        }),
      );
      if (Messages.length === 0) break;
      found.push(...Messages);
      for (const { ReceiptHandle } of Messages)
        await queues.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
    return found;
  }
  return { createTopic, createQueue, subscribe, publish, receive };
}
