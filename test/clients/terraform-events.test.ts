import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateQueueCommand, ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { SystemClock } from "@gantry/kernel";
import { startApi, startTopicDeliveries } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform } from "../../tools/terraform/terraform.ts";
import { terraformPhases } from "./terraform-phases.ts";

describe.skipIf(!canRunTerraform())("Terraform, with rules, schedules, queues and topics", async () => {
  const api = await startApi();
  const deliveries = startTopicDeliveries(api);
  const { certificatePem, keyPem } = await api.authority.issue(["localhost"], new SystemClock().now());
  // The endpoint of a subscription: it confirms by a request of the SubscribeURL.
  const receiver = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      response.end();
      const { SubscribeURL } = JSON.parse(body) as { readonly SubscribeURL?: string }; // SNS's form.
      if (SubscribeURL !== undefined) void fetch(SubscribeURL);
    });
  });
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done));
  const { port } = receiver.address() as AddressInfo; // A TCP server has one.
  afterAll(async () => {
    receiver.close();
    await deliveries.stop();
    api.close();
  });
  const queues = new SQSClient(api.client());
  const keys = new KMSClient(api.client());
  beforeAll(async () => {
    for (const QueueName of ["orders", "orders-dead"])
      await queues.send(new CreateQueueCommand({ QueueName }));
    const Attributes = { FifoQueue: "true" };
    await queues.send(new CreateQueueCommand({ QueueName: "bills-dead.fifo", Attributes }));
    const { KeyMetadata } = await keys.send(new CreateKeyCommand({}));
    const TargetKeyId = KeyMetadata?.KeyId;
    await keys.send(new CreateAliasCommand({ AliasName: "alias/messages", TargetKeyId }));
  });
  terraformPhases(api, {
    configuration: "events",
    // The others of the configuration are tested elsewhere. An imported connection has no secrets to compare.
    types:
      /^aws_(?:cloudwatch_(?:event_(?!connection)|metric|log_account)|scheduler|sqs|sns|s3_bucket_notification)_?/,
    count: 28,
    variables: { receiver_port: String(port) },
    change: { minutes: "7" },
    changed: 29,
    kinds: [
      ...(["eventRule", "eventBus", "schedule", "scheduleGroup"] as const),
      ...(["eventArchive", "eventConnection", "apiDestination", "logAccountPolicy", "secret"] as const),
      ...(["topic", "topicSubscription", "topicDelivery", "alarm", "bucket"] as const),
    ],
  });

  it("leaves the queues of others, without what it attached to them", async () => {
    const { QueueUrls = [] } = await queues.send(new ListQueuesCommand({}));
    expect(QueueUrls.map((url) => url.split("/").at(-1))).toEqual([
      "bills-dead.fifo",
      "orders",
      "orders-dead",
    ]);
    for (const { attributes, policy } of api.store.list("queue")) {
      expect(policy).toBeUndefined();
      expect(attributes).not.toHaveProperty("RedrivePolicy");
      expect(attributes).not.toHaveProperty("RedriveAllowPolicy");
    }
  });
});
