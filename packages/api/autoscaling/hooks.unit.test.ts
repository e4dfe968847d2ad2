import * as sdk from "@aws-sdk/client-auto-scaling";
import * as iam from "@aws-sdk/client-iam";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import { SystemClock } from "@gantry/kernel";
import { startGroupWorld } from "@gantry/testkit/group-world";
import { afterAll, beforeAll, expect, it } from "vitest";

// Messages of lifecycle hooks to their targets, which hooks send by their roles.
const world = await startGroupWorld();
const { api, groups, store, clock, settle, templateId } = world;
afterAll(() => world.close());
const LaunchTemplate = { LaunchTemplateId: templateId };
const ACCOUNT = "000000000000";
const QUEUE = `arn:aws:sqs:eu-south-1:${ACCOUNT}:hooks`;
const QueueUrl = `${api.endpoint}/${ACCOUNT}/hooks`;

/** A client that signs with the virtual time. */
function timed<Client extends { readonly config: object }>(client: Client): Client {
  const systemClockOffset = { get: () => clock.now() - new SystemClock().now(), set: () => {} };
  Object.defineProperty(client.config, "systemClockOffset", systemClockOffset);
  return client;
}
const queues = timed(new sqs.SQSClient(api.client()));
const topics = timed(new sns.SNSClient(api.client()));
const roles = timed(new iam.IAMClient(api.client()));
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const allow = (Action: string | string[], Resource = "*") => ({ Effect: "Allow", Action, Resource });

async function newRole(RoleName: string, service = "autoscaling.amazonaws.com"): Promise<string> {
  const AssumeRolePolicyDocument = document({
    ...{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" },
  });
  const { Role } = await roles.send(new iam.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  return Role?.Arn ?? "";
}

const hookOf = (RoleARN: string, NotificationTargetARN = QUEUE) => ({
  ...{ LifecycleHookName: "in", LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING", RoleARN },
  ...{ NotificationTargetARN, NotificationMetadata: "m", HeartbeatTimeout: 60, DefaultResult: "CONTINUE" },
});
const create = async (AutoScalingGroupName: string, hook: sdk.LifecycleHookSpecification) => {
  await groups.send(
    new sdk.CreateAutoScalingGroupCommand({
      ...{ AutoScalingGroupName, LaunchTemplate, MinSize: 0, MaxSize: 1, DesiredCapacity: 1 },
      ...{ AvailabilityZones: ["eu-south-1a"], LifecycleHookSpecificationList: [hook] },
    }),
  );
  await settle();
};
const stateOf = (name: string) => store.list("groupInstance").find((each) => each.groupName === name)?.state;
const received = async () => {
  const { Messages = [] } = await queues.send(new sqs.ReceiveMessageCommand({ QueueUrl }));
  for (const { ReceiptHandle } of Messages)
    await queues.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  return Messages.map(({ Body = "" }) => JSON.parse(Body) as Record<string, string>);
};
let role = "";
beforeAll(async () => {
  await queues.send(new sqs.CreateQueueCommand({ QueueName: "hooks" }));
  role = await newRole("hooks");
  const PolicyDocument = document(allow(["sqs:SendMessage", "sns:Publish"]));
  await roles.send(new iam.PutRolePolicyCommand({ RoleName: "hooks", PolicyName: "own", PolicyDocument }));
});

it("a hook's queue gets a message by the role, once for each wait", async () => {
  await create("told", hookOf(role));
  const instanceId = store.list("groupInstance")[0]?.instanceId;
  const [message, ...more] = await received();
  expect(more).toEqual([]);
  expect(message).toMatchObject({
    ...{ Service: "AWS Auto Scaling", AccountId: ACCOUNT, AutoScalingGroupName: "told" },
    ...{ LifecycleHookName: "in", EC2InstanceId: instanceId, NotificationMetadata: "m" },
    ...{ LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING", Destination: "AutoScalingGroup" },
  });
  await settle(20_000);
  expect(await received()).toEqual([]);
  await groups.send(
    new sdk.CompleteLifecycleActionCommand({
      ...{ AutoScalingGroupName: "told", LifecycleHookName: "in", LifecycleActionResult: "CONTINUE" },
      LifecycleActionToken: message?.["LifecycleActionToken"],
    }),
  );
  await settle();
  expect(stateOf("told")).toBe("InService");
});

it("a hook's topic gets a message when an instance is to end", async () => {
  const { TopicArn = "" } = await topics.send(new sns.CreateTopicCommand({ Name: "hooks" }));
  await topics.send(new sns.SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: QUEUE }));
  const hook = { ...hookOf(role, TopicArn), LifecycleTransition: "autoscaling:EC2_INSTANCE_TERMINATING" };
  const named = { AutoScalingGroupName: "told" };
  await groups.send(new sdk.PutLifecycleHookCommand({ ...hook, ...named, LifecycleHookName: "out" }));
  await groups.send(new sdk.SetDesiredCapacityCommand({ ...named, DesiredCapacity: 0 }));
  await settle();
  expect(stateOf("told")).toBe("Terminating:Wait");
  expect(store.list("topicDelivery")).toHaveLength(1);
});

it.each([
  ["may not send", () => newRole("weak")],
  ["does not trust the service", () => newRole("stranger", "ec2.amazonaws.com")],
])("an instance waits all the same where the role %s", async (text, roleOf) => {
  const name = text.replaceAll(" ", "-");
  await create(name, hookOf(await roleOf()));
  expect(stateOf(name)).toBe("Pending:Wait");
  expect(await received()).toEqual([]);
  await settle(60_000);
  expect(stateOf(name)).toBe("InService");
});

it("a role of another account is refused", () =>
  expect(create("other", hookOf(role.replace(ACCOUNT, "111111111111")))).rejects.toThrow(
    "Cross-account pass role is not allowed.",
  ));

it("a caller who may not pass a role puts no hook with it, neither alone nor with a group", async () => {
  const UserName = "attacker";
  await roles.send(new iam.CreateUserCommand({ UserName }));
  const PolicyDocument = document(allow(["autoscaling:*", "ec2:*"]));
  await roles.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "own", PolicyDocument }));
  const { AccessKey } = await roles.send(new iam.CreateAccessKeyCommand({ UserName }));
  const keys = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  const attacker = timed(new sdk.AutoScalingClient(api.client(keys)));
  const own = {
    ...{ AutoScalingGroupName: "own", LaunchTemplate, MinSize: 0, MaxSize: 1 },
    AvailabilityZones: ["eu-south-1a"],
  };
  const LifecycleHookSpecificationList = [hookOf(role)];
  await expect(
    attacker.send(new sdk.CreateAutoScalingGroupCommand({ ...own, LifecycleHookSpecificationList })),
  ).rejects.toThrow(`is not authorized to perform: iam:PassRole on resource: ${role}`);
  await attacker.send(new sdk.CreateAutoScalingGroupCommand(own));
  await expect(
    attacker.send(new sdk.PutLifecycleHookCommand({ ...hookOf(role), AutoScalingGroupName: "own" })),
  ).rejects.toThrow(`is not authorized to perform: iam:PassRole on resource: ${role}`);
});
