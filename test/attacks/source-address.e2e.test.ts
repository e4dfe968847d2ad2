import {
  CreateBucketCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { DescribeAddressesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { DescribeTaskDefinitionCommand, ECSClient } from "@aws-sdk/client-ecs";
import { expect, inject, it } from "vitest";
import { openDemo, REGION } from "../e2e/demo.ts";
import { openTasks } from "../e2e/tasks.ts";

const demo = openDemo(inject("demo"));

// Before: the request of every task had the address 127.0.0.1.
it("shows the AWS services a task's public address, that of its NAT gateway here, as aws:SourceIp", async () => {
  const tasks = await openTasks(demo);
  const s3 = new S3Client({ ...demo.client(), forcePathStyle: true });
  const Bucket = "called-from";
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: {} }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "reached" }));
  const { Addresses = [] } = await new EC2Client(demo.client()).send(
    new DescribeAddressesCommand({ Filters: [{ Name: "tag:Name", Values: ["fileshare-nat"] }] }),
  );
  const Statement = {
    Effect: "Allow",
    Principal: "*",
    Action: "s3:GetObject",
    Resource: `arn:aws:s3:::${Bucket}/*`,
    Condition: { IpAddress: { "aws:SourceIp": `${Addresses[0]?.PublicIp}/32` } },
  };
  await s3.send(
    new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) }),
  );
  const { taskDefinition } = await new ECSClient(demo.client()).send(
    new DescribeTaskDefinitionCommand({ taskDefinition: "fileshare-app" }),
  );
  const address = `https://s3.${REGION}.amazonaws.com/${Bucket}/a`;
  const task = await tasks.runToEnd("called-from", {
    image: taskDefinition?.containerDefinitions?.[0]?.image,
    entryPoint: ["node"],
    command: ["-e", `fetch("${address}").then((got) => got.text()).then(console.log)`],
    environment: [
      { name: "NODE_TLS_REJECT_UNAUTHORIZED", value: "0" },
      { name: "NODE_NO_WARNINGS", value: "1" },
    ],
  });
  expect(await tasks.messagesOf("called-from", task)).toEqual(["reached"]);
});
