import { CreateAccessKeyCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import * as sdk from "@aws-sdk/client-sqs";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { admitOther, OTHER } from "./other-account.ts";

// Another account, nobody and a user of the account reach for a queue's messages. Before: there were no queues.
const api = await startApi();
afterAll(() => api.close());
const owner = new sdk.SQSClient(api.client());
const other = new sdk.SQSClient(api.client(OTHER));
const ARN = "arn:aws:sqs:eu-south-1:000000000000:secret";
let QueueUrl = "";

beforeAll(async () => {
  admitOther(api);
  const made = await owner.send(new sdk.CreateQueueCommand({ QueueName: "secret" }));
  QueueUrl = made.QueueUrl ?? "";
  await owner.send(new sdk.SendMessageCommand({ QueueUrl, MessageBody: "m" }));
});

const setPolicy = (...Statement: object[]) => {
  const Policy = Statement.length === 0 ? "" : JSON.stringify({ Version: "2012-10-17", Statement });
  return owner.send(new sdk.SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
};
const send = (client: sdk.SQSClient) =>
  client.send(new sdk.SendMessageCommand({ QueueUrl, MessageBody: "x" }));
const receive = (client: sdk.SQSClient, queue = QueueUrl) =>
  client.send(new sdk.ReceiveMessageCommand({ QueueUrl: queue, VisibilityTimeout: 0 }));
const denied = { name: "AccessDeniedException" };

it("another account reaches a queue only as its policy says, and never changes it", async () => {
  await expect(send(other)).rejects.toMatchObject(denied);
  await expect(receive(other)).rejects.toMatchObject(denied);
  const batch = { QueueUrl, Entries: [{ Id: "1", MessageBody: "x" }] };
  await expect(other.send(new sdk.SendMessageBatchCommand(batch))).rejects.toMatchObject(denied);
  await owner.send(
    new sdk.AddPermissionCommand({
      QueueUrl,
      Label: "other",
      AWSAccountIds: ["111111111111"],
      Actions: ["SendMessage"],
    }),
  );
  await send(other);
  await other.send(new sdk.SendMessageBatchCommand(batch));
  await expect(receive(other)).rejects.toMatchObject(denied);
  await owner.send(new sdk.RemovePermissionCommand({ QueueUrl, Label: "other" }));
  await expect(send(other)).rejects.toMatchObject(denied);
  // AWS lets no other account do these, whatever the policy says.
  await setPolicy({ Effect: "Allow", Principal: "*", Action: "sqs:*", Resource: ARN });
  await receive(other);
  for (const command of [
    new sdk.SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: "" } }),
    new sdk.DeleteQueueCommand({ QueueUrl }),
    new sdk.TagQueueCommand({ QueueUrl, Tags: { a: "b" } }),
    new sdk.AddPermissionCommand({ QueueUrl, Label: "l", AWSAccountIds: ["111111111111"], Actions: ["*"] }),
  ])
    await expect(other.send(command as sdk.TagQueueCommand)).rejects.toMatchObject(denied);
});

it("nobody without a signature receives, even where the policy names everybody", async () => {
  await setPolicy({ Effect: "Allow", Principal: "*", Action: "sqs:*", Resource: ARN });
  const answer = await fetch(api.endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.ReceiveMessage" },
    body: JSON.stringify({ QueueUrl }),
  });
  expect([answer.status, (await answer.json()) as object]).toMatchObject([
    400,
    { __type: "MissingAuthenticationTokenException" },
  ]);
});

it("a Deny of the policy holds for the account's own users, and an Allow is enough for them", async () => {
  const iam = new IAMClient(api.client());
  const { User } = await iam.send(new CreateUserCommand({ UserName: "u" }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "u" }));
  const user = new sdk.SQSClient(
    api.client({
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    }),
  );
  await setPolicy();
  await expect(receive(user)).rejects.toMatchObject(denied);
  const allow = {
    Effect: "Allow",
    Principal: { AWS: User?.Arn },
    Action: "SQS:ReceiveMessage",
    Resource: ARN,
  };
  await setPolicy(allow);
  await receive(user);
  await setPolicy(allow, { Effect: "Deny", Principal: "*", Action: "sqs:ReceiveMessage", Resource: ARN });
  await expect(receive(user)).rejects.toThrow(/explicit deny/);
  await expect(receive(owner)).rejects.toThrow(/explicit deny/);
  await setPolicy();
});

it("a receipt handle of another queue, a made-up one and an altered one delete nothing", async () => {
  const mine = await owner.send(new sdk.CreateQueueCommand({ QueueName: "mine" }));
  const message = (await receive(owner)).Messages?.[0];
  const handle = message?.ReceiptHandle ?? "";
  const remove = (queue: string | undefined, ReceiptHandle: string) =>
    owner.send(new sdk.DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle }));
  await expect(remove(mine.QueueUrl, handle)).rejects.toMatchObject({ name: "ReceiptHandleIsInvalid" });
  await expect(remove(QueueUrl, "AQEB")).rejects.toMatchObject({ name: "ReceiptHandleIsInvalid" });
  const [queueId, sequence] = Buffer.from(handle, "base64").toString().split("/");
  const forged = `${queueId}/${sequence}/00000000-0000-4000-8000-000000000000`;
  const count = async () =>
    (
      await owner.send(
        new sdk.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] }),
      )
    ).Attributes;
  const before = await count();
  await remove(QueueUrl, Buffer.from(forged).toString("base64"));
  expect(await count()).toEqual(before);
});

it("a queue that is made again has no message of the one before", async () => {
  const made = await owner.send(new sdk.CreateQueueCommand({ QueueName: "again" }));
  const queue = made.QueueUrl ?? "";
  await owner.send(new sdk.SendMessageCommand({ QueueUrl: queue, MessageBody: "old" }));
  const handle = (await receive(owner, queue)).Messages?.[0]?.ReceiptHandle;
  await owner.send(new sdk.DeleteQueueCommand({ QueueUrl: queue }));
  await owner.send(new sdk.CreateQueueCommand({ QueueName: "again" }));
  expect((await receive(owner, queue)).Messages ?? []).toEqual([]);
  await expect(
    owner.send(new sdk.DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: handle })),
  ).rejects.toMatchObject({ name: "ReceiptHandleIsInvalid" });
});
