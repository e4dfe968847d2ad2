import { sendRaw, startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

// Older clients speak the Query protocol, and send to the queue's own URL.
const api = await startApi();
afterAll(() => api.close());

const call = (parameters: Record<string, string>, path = "/") =>
  sendRaw(
    api.endpoint,
    {
      service: "sqs",
      path,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ Version: "2012-11-05", ...parameters }).toString(),
    },
    Date.now(),
  );

it("the Query protocol has flattened lists and maps, and the codes of older clients", async () => {
  const created = await call({
    Action: "CreateQueue",
    QueueName: "old",
    "Attribute.1.Name": "VisibilityTimeout",
    "Attribute.1.Value": "7",
    "Tag.1.Key": "a",
    "Tag.1.Value": "b",
  });
  const QueueUrl = `${api.endpoint}/000000000000/old`;
  expect(created.text).toContain(`<QueueUrl>${QueueUrl}</QueueUrl>`);
  const path = "/000000000000/old";
  const sent = await call(
    {
      Action: "SendMessage",
      QueueUrl,
      MessageBody: "m",
      "MessageAttribute.1.Name": "kind",
      "MessageAttribute.1.Value.DataType": "String",
      "MessageAttribute.1.Value.StringValue": "x",
    },
    path,
  );
  expect(sent.text).toContain("<MD5OfMessageBody>6f8f57715090da2632453988d9a1501b</MD5OfMessageBody>");
  const received = await call(
    { Action: "ReceiveMessage", QueueUrl, "AttributeName.1": "All", "MessageAttributeName.1": "All" },
    path,
  );
  expect(received.text).toContain("<Body>m</Body>");
  expect(received.text).toContain(
    "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>",
  );
  expect(received.text).toContain("<Name>kind</Name>");
  const shown = await call({
    Action: "GetQueueAttributes",
    QueueUrl,
    "AttributeName.1": "VisibilityTimeout",
  });
  expect(shown.text).toContain("<Attribute><Name>VisibilityTimeout</Name><Value>7</Value></Attribute>");
  const missing = await call({ Action: "GetQueueUrl", QueueName: "none" });
  expect(missing.text).toContain("<Code>AWS.SimpleQueueService.NonExistentQueue</Code>");
});
