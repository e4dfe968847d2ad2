import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as sqs from "@aws-sdk/client-sqs";
import { ACCOUNT } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { REGION, startEvents } from "./events-world.ts";

// The input of a schedule under a KMS key is read by those who may use the key: neither the state on disk nor a role
// without `kms:Decrypt` has it.
// Before: a schedule with a KMS key was refused.
const world = await startEvents();
afterAll(() => world.close());
const { api } = world;
const client = new scheduler.SchedulerClient(api.client());
const keys = new kms.KMSClient(api.client());
const queues = new sqs.SQSClient(api.client());
const MINUTE = 60_000;
const INPUT = '{"hidden":"<aws.scheduler.schedule-arn>"}';
const arnOf = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
const newKey = async () => (await keys.send(new kms.CreateKeyCommand({}))).KeyMetadata?.Arn ?? "";
let RoleArn = "";

beforeAll(async () => {
  RoleArn = await world.role("sender", ["sqs:SendMessage", "kms:Decrypt"]);
  for (const QueueName of ["q", "dead"]) await queues.send(new sqs.CreateQueueCommand({ QueueName }));
});

const inputOf = (Name: string, KmsKeyArn: string | undefined, role = RoleArn) => ({
  ...{ Name, KmsKeyArn, ScheduleExpression: "rate(1 minute)" },
  FlexibleTimeWindow: { Mode: "OFF" as const },
  Target: {
    ...{ Arn: arnOf("q"), RoleArn: role, Input: INPUT },
    DeadLetterConfig: { Arn: arnOf("dead") },
  },
});
const get = (Name: string) => client.send(new scheduler.GetScheduleCommand({ Name }));
async function bodies(queue: string): Promise<(string | undefined)[]> {
  const { Messages = [] } = await queues.send(
    new sqs.ReceiveMessageCommand({ QueueUrl: `/${ACCOUNT}/${queue}`, MaxNumberOfMessages: 10 }),
  );
  for (const { ReceiptHandle } of Messages)
    await queues.send(new sqs.DeleteMessageCommand({ QueueUrl: `/${ACCOUNT}/${queue}`, ReceiptHandle }));
  return Messages.map(({ Body }) => Body);
}

it("its input is encrypted at rest, shown to who may decrypt it, and sent; a disabled key makes it fail", async () => {
  const key = await newKey();
  const { ScheduleArn = "" } = await client.send(new scheduler.CreateScheduleCommand(inputOf("one", key)));
  expect(JSON.stringify(api.store.get("schedule", ScheduleArn))).not.toContain("hidden");
  expect(await get("one")).toMatchObject({ KmsKeyArn: key, Target: { Input: INPUT } });
  await world.settle(MINUTE + 1);
  expect(await bodies("q")).toEqual([JSON.stringify({ hidden: ScheduleArn })]);
  await keys.send(new kms.DisableKeyCommand({ KeyId: key }));
  await expect(get("one")).rejects.toMatchObject({ name: "ValidationException" });
  await world.settle(MINUTE);
  expect([await bodies("q"), await bodies("dead")]).toEqual([[], ["{}"]]);
  await keys.send(new kms.EnableKeyCommand({ KeyId: key }));
  const other = await newKey();
  await client.send(new scheduler.UpdateScheduleCommand(inputOf("one", other)));
  expect(await get("one")).toMatchObject({ KmsKeyArn: other, Target: { Input: INPUT } });
  await client.send(new scheduler.DeleteScheduleCommand({ Name: "one" }));
});

it("a role or a reader without kms:Decrypt does not get it", async () => {
  const powerless = await world.role("no-key", ["sqs:SendMessage"]);
  const key = await newKey();
  await client.send(new scheduler.CreateScheduleCommand(inputOf("two", key, powerless)));
  await world.settle(MINUTE + 1);
  expect([await bodies("q"), await bodies("dead")]).toEqual([[], ["{}"]]);
  const users = new iam.IAMClient(api.client());
  await users.send(new iam.CreateUserCommand({ UserName: "reader" }));
  const PolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: { Effect: "Allow", Action: ["scheduler:*", "iam:PassRole"], Resource: "*" },
  });
  await users.send(new iam.PutUserPolicyCommand({ UserName: "reader", PolicyName: "p", PolicyDocument }));
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "reader" }));
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  const reader = new scheduler.SchedulerClient(api.client(credentials));
  await expect(reader.send(new scheduler.GetScheduleCommand({ Name: "two" }))).rejects.toThrow("kms:Decrypt");
  await expect(reader.send(new scheduler.CreateScheduleCommand(inputOf("three", key)))).rejects.toThrow(
    "kms:DescribeKey",
  );
});

it("a key that is not there is refused", async () => {
  const missing = `arn:aws:kms:${REGION}:${ACCOUNT}:key/00000000-0000-4000-8000-000000000000`;
  const create = (key: string) => client.send(new scheduler.CreateScheduleCommand(inputOf("bad", key)));
  await expect(create(missing)).rejects.toMatchObject({ name: "ValidationException" });
  await expect(create("key")).rejects.toThrow("regular expression");
});
