import { regional, type Send } from "./targets.ts";
import type { Made } from "./world-stores.ts";

/** A queue is named by its URL, whose host does not matter, and by its name. */
export async function createQueue(send: Send): Promise<Made> {
  const { QueueUrl } = await send("sqs", "CreateQueue", { QueueName: "prod" });
  const url = String(QueueUrl);
  await send("sqs", "SendMessage", { QueueUrl: url, MessageBody: "m" });
  const { Messages } = await send("sqs", "ReceiveMessage", { QueueUrl: url });
  const [message] = Messages as readonly { ReceiptHandle: string }[]; // As answered.
  const queue = { arns: [regional("sqs", "prod")], family: regional("sqs", "*") };
  const aws = "https://sqs.eu-south-1.amazonaws.com/000000000000/prod";
  return {
    targets: [
      { kind: "queue", ...queue, spellings: [url, aws, "prod"] },
      { kind: "queueName", ...queue, spellings: ["prod"] },
    ],
    defaults: {
      MessageBody: "m",
      ReceiptHandle: message?.ReceiptHandle,
      VisibilityTimeout: 1,
      Attributes: { DelaySeconds: "0" },
      Label: "l",
      AWSAccountIds: ["000000000000"],
      Actions: ["SendMessage"],
      Tags: { a: "b" },
      TagKeys: ["a"],
      "SendMessageBatch.Entries": [{ Id: "a", MessageBody: "m" }],
      "DeleteMessageBatch.Entries": [{ Id: "a", ReceiptHandle: message?.ReceiptHandle }],
      "ChangeMessageVisibilityBatch.Entries": [
        { Id: "a", ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout: 1 },
      ],
    },
  };
}

/** A zone is named by its id, with or without its path. */
export async function createZone(send: Send): Promise<Made> {
  const { Vpcs } = await send("ec2", "DescribeVpcs", {});
  const [vpc, other] = Vpcs as readonly { readonly VpcId: string }[]; // EC2's list.
  const VPC = { VPCId: vpc?.VpcId, VPCRegion: "eu-south-1" };
  const zone = { Name: "prod.example.com", CallerReference: "prod", VPC };
  const made = await send("route53", "CreateHostedZone", zone);
  const { HostedZone, ChangeInfo } = made as { HostedZone: { Id: string }; ChangeInfo: { Id: string } }; // As above.
  const [id = "", change = ""] = [HostedZone.Id, ChangeInfo.Id].map((each) => each.split("/").at(-1) ?? "");
  await send("route53", "CreateVPCAssociationAuthorization", { HostedZoneId: id, VPC });
  const HealthCheckConfig = { Type: "TCP", IPAddress: "192.0.2.1", Port: 80 };
  const check = { CallerReference: "prod", HealthCheckConfig };
  const { HealthCheck } = await send("route53", "CreateHealthCheck", check);
  const { Id: checkId } = HealthCheck as { Id: string }; // As above.
  return {
    targets: [
      {
        kind: "hostedZone",
        arns: [`arn:aws:route53:::hostedzone/${id}`],
        family: "arn:aws:route53:::hostedzone/*",
        spellings: [id],
      },
      {
        kind: "zoneChange",
        arns: [`arn:aws:route53:::change/${change}`],
        family: "arn:aws:route53:::change/*",
        spellings: [change],
      },
      {
        kind: "healthCheck",
        arns: [`arn:aws:route53:::healthcheck/${checkId}`],
        family: "arn:aws:route53:::healthcheck/*",
        spellings: [checkId],
      },
    ],
    defaults: {
      ...{ HealthCheckConfig, HealthCheckId: checkId },
      ...{ Name: "new.example.com", CallerReference: "new", ResourceType: "hostedzone" },
      "AssociateVPCWithHostedZone.VPC": { ...VPC, VPCId: other?.VpcId ?? vpc?.VpcId },
      ...{ VPC, VPCId: vpc?.VpcId, VPCRegion: "eu-south-1" },
      "GetHostedZoneLimit.Type": "MAX_RRSETS_BY_ZONE",
      "GetAccountLimit.Type": "MAX_HOSTED_ZONES_BY_OWNER",
      "ChangeResourceRecordSets.ChangeBatch": {
        Changes: [
          {
            Action: "UPSERT",
            ResourceRecordSet: {
              ...{ Name: "www.prod.example.com", Type: "A", TTL: 60 },
              ResourceRecords: [{ Value: "192.0.2.1" }],
            },
          },
        ],
      },
      AddTags: [{ Key: "a", Value: "b" }],
    },
  };
}

/** A topic is named by its ARN. */
export async function createTopic(send: Send): Promise<Made> {
  const { TopicArn } = await send("sns", "CreateTopic", { Name: "prod" });
  const arn = String(TopicArn);
  const Endpoint = regional("sqs", "prod");
  const { SubscriptionArn } = await send("sns", "Subscribe", { TopicArn: arn, Protocol: "sqs", Endpoint });
  const topic = { arns: [arn], family: regional("sns", "*") };
  return {
    targets: [{ kind: "topic", ...topic, spellings: [arn] }],
    defaults: {
      ...{ Message: "m", Label: "l", AWSAccountId: ["000000000000"], ActionName: ["Publish"] },
      ...{ AttributeName: "DisplayName", AttributeValue: "d", SubscriptionArn, Token: "t" },
      "SetSubscriptionAttributes.AttributeName": "RawMessageDelivery",
      "SetSubscriptionAttributes.AttributeValue": "true",
      "Subscribe.Protocol": "sqs",
      "Subscribe.Endpoint": Endpoint,
      "PublishBatch.PublishBatchRequestEntries": [{ Id: "a", Message: "m" }],
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
    },
  };
}
