import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logFileKey } from "./log-delivery.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new elb.ElasticLoadBalancingV2Client(api.client());
const network = new ec2.EC2Client(api.client());
const storage = new s3.S3Client({ ...api.client(), forcePathStyle: true });
const ACCOUNT = "000000000000";
let LoadBalancerArn = "";

beforeAll(async () => {
  const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
  const { LoadBalancers } = await client.send(
    new elb.CreateLoadBalancerCommand({
      Name: "logged",
      Subnets: Subnets.slice(0, 2).map((subnet) => subnet.SubnetId ?? ""),
    }),
  );
  LoadBalancerArn = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
});

const enable = (Bucket: string, log = "access_logs", prefix = "web") =>
  client.send(
    new elb.ModifyLoadBalancerAttributesCommand({
      LoadBalancerArn,
      Attributes: [
        { Key: `${log}.s3.enabled`, Value: "true" },
        { Key: `${log}.s3.bucket`, Value: Bucket },
        { Key: `${log}.s3.prefix`, Value: prefix },
      ],
    }),
  );
const newBucket = async (Bucket: string, Principal?: object, more: object = {}) => {
  await storage.send(new s3.CreateBucketCommand({ Bucket }));
  if (Principal === undefined) return;
  const Statement = [
    {
      Effect: "Allow",
      Principal,
      Action: "s3:PutObject",
      Resource: `arn:aws:s3:::${Bucket}/web/AWSLogs/${ACCOUNT}/*`,
      ...more,
    },
  ];
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await storage.send(new s3.PutBucketPolicyCommand({ Bucket, Policy }));
};
const SERVICE = { Service: "logdelivery.elasticloadbalancing.amazonaws.com" };

describe("logs of a load balancer", () => {
  it("are enabled where the bucket lets the log delivery put objects; a test file shows it", async () => {
    await newBucket("by-service", SERVICE, { Condition: { ArnLike: { "aws:SourceArn": LoadBalancerArn } } });
    await newBucket("by-account", { AWS: "arn:aws:iam::635631232127:root" });
    for (const bucket of ["by-service", "by-account"]) {
      await enable(bucket);
      await enable(bucket, "connection_logs");
      const { Contents = [] } = await storage.send(new s3.ListObjectsV2Command({ Bucket: bucket }));
      expect(Contents.map(({ Key }) => Key)).toEqual([
        `web/AWSLogs/${ACCOUNT}/ELBAccessLogTestFile`,
        `web/AWSLogs/${ACCOUNT}/ELBConnectionLogTestFile`,
      ]);
    }
    const record = api.store.get("loadBalancer", LoadBalancerArn);
    expect(record?.attributes).toMatchObject({ "access_logs.s3.bucket": "by-account" });
  });

  it("of a network load balancer are delivered by the service that AWS names", async () => {
    const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
    const { LoadBalancers = [] } = await client.send(
      new elb.CreateLoadBalancerCommand({
        Name: "flows",
        Type: "network",
        Subnets: [Subnets[0]?.SubnetId ?? ""],
      }),
    );
    const arn = LoadBalancers[0]?.LoadBalancerArn ?? "";
    const enableFlows = (Bucket: string) =>
      client.send(
        new elb.ModifyLoadBalancerAttributesCommand({
          LoadBalancerArn: arn,
          Attributes: [
            { Key: "access_logs.s3.enabled", Value: "true" },
            { Key: "access_logs.s3.bucket", Value: Bucket },
            { Key: "access_logs.s3.prefix", Value: "web" },
          ],
        }),
      );
    await newBucket("flows-of-requests", SERVICE);
    await expect(enableFlows("flows-of-requests")).rejects.toThrow("Access Denied for bucket");
    await newBucket("flows", { Service: "delivery.logs.amazonaws.com" });
    await enableFlows("flows");
    expect(api.store.get("loadBalancer", arn)?.attributes["access_logs.s3.bucket"]).toBe("flows");
  });

  it("are refused in ELB's words where the bucket does not, and nothing is changed", async () => {
    await newBucket("closed");
    await newBucket("foreign", SERVICE, {
      Condition: { StringEquals: { "aws:SourceAccount": "123456789012" } },
    });
    const before = api.store.get("loadBalancer", LoadBalancerArn)?.attributes;
    for (const bucket of ["closed", "foreign", "nowhere"])
      await expect(enable(bucket)).rejects.toMatchObject({
        name: "InvalidConfigurationRequestException",
        message: `Access Denied for bucket: ${bucket}. Please check S3bucket permission`,
      });
    await expect(enable("")).rejects.toMatchObject({ name: "InvalidConfigurationRequestException" });
    await expect(enable("by-service", "access_logs", "other")).rejects.toThrow("Access Denied for bucket");
    expect(api.store.get("loadBalancer", LoadBalancerArn)?.attributes).toEqual(before);
  });

  it("are in files that are named as ELB names them", () => {
    const balancer = {
      account: "123456789012",
      region: "us-east-2",
      arn: "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/my-loadbalancer/1234567890abcdef",
    };
    const file = { until: Date.UTC(2022, 4, 1, 23, 40), address: "172.160.1.192", id: "20sg8hgm" };
    const place = { bucket: "b", prefix: "logging-prefix" };
    expect(logFileKey(place, balancer, { ...file, log: "access" })).toBe(
      "logging-prefix/AWSLogs/123456789012/elasticloadbalancing/us-east-2/2022/05/01/123456789012_elasticloadbalancing_us-east-2_app.my-loadbalancer.1234567890abcdef_20220501T2340Z_172.160.1.192_20sg8hgm.log.gz",
    );
    expect(logFileKey({ ...place, prefix: "" }, balancer, { ...file, log: "connection" })).toMatch(
      /^AWSLogs\/.*\/conn_log\.123456789012_elasticloadbalancing_us-east-2_app\./,
    );
  });
});
