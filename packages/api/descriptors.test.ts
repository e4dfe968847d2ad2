import * as acm from "@aws-sdk/client-acm";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecr from "@aws-sdk/client-ecr";
import * as ecs from "@aws-sdk/client-ecs";
import * as efs from "@aws-sdk/client-efs";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import * as iam from "@aws-sdk/client-iam";
import * as rds from "@aws-sdk/client-rds";
import * as s3 from "@aws-sdk/client-s3";
import * as sts from "@aws-sdk/client-sts";
import { expect, it } from "vitest";
import { DESCRIPTORS } from "./services.ts";

const clients = {
  acm: acm.ACMClient,
  logs: logs.CloudWatchLogsClient,
  ec2: ec2.EC2Client,
  ecr: ecr.ECRClient,
  ecs: ecs.ECSClient,
  efs: efs.EFSClient,
  elbv2: elbv2.ElasticLoadBalancingV2Client,
  iam: iam.IAMClient,
  rds: rds.RDSClient,
  s3: s3.S3Client,
  sts: sts.STSClient,
};

it.each(Object.keys(DESCRIPTORS) as (keyof typeof DESCRIPTORS)[])("describes %s as the SDK's own client does", (name) => {
  const config = new clients[name]({ region: "x" }).config as unknown as {
    protocolSettings: { version: string; serviceTarget: string; xmlNamespace?: string };
  };
  const descriptor = DESCRIPTORS[name];
  expect(descriptor.version).toBe(config.protocolSettings.version);
  expect(descriptor.targetPrefix).toBe(config.protocolSettings.serviceTarget);
  expect(descriptor.xmlNamespace).toBe(config.protocolSettings.xmlNamespace ?? "");
});
