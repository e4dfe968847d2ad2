import { Readable } from "node:stream";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { CreateVpcCommand, DescribeVpcsCommand, EC2Client, DeleteVpcCommand } from "@aws-sdk/client-ec2";
import {
  ClusterNotFoundException,
  CreateClusterCommand,
  DescribeClustersCommand,
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import { DescribeFileSystemsCommand, EFSClient, FileSystemNotFound } from "@aws-sdk/client-efs";
import {
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
  LoadBalancerNotFoundException,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { GetRoleCommand, IAMClient, NoSuchEntityException } from "@aws-sdk/client-iam";
import { DBInstanceNotFoundFault, DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { startApi, type Api } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const s3 = () => new S3Client({ ...api.client(), forcePathStyle: true });

describe("real clients, every protocol", () => {
  it("JSON: creates a cluster and reads it, and raises the SDK's own exception", async () => {
    const ecs = new ECSClient(api.client());
    await ecs.send(new CreateClusterCommand({ clusterName: "c", tags: [{ key: "k", value: "v" }] }));
    const { clusters } = await ecs.send(new DescribeClustersCommand({ clusters: ["c"], include: ["TAGS"] }));
    expect(clusters).toMatchObject([
      { clusterName: "c", status: "ACTIVE", tags: [{ key: "k", value: "v" }] },
    ]);
    await expect(
      ecs.send(new DescribeTasksCommand({ cluster: "none", tasks: ["t"] })),
    ).rejects.toBeInstanceOf(ClusterNotFoundException);
  });

  it("EC2 Query: creates, filters and deletes a VPC, and returns EC2's codes", async () => {
    const ec2 = new EC2Client(api.client());
    const { Vpc } = await ec2.send(
      new CreateVpcCommand({
        CidrBlock: "10.9.0.0/16",
        TagSpecifications: [{ ResourceType: "vpc", Tags: [{ Key: "Name", Value: "a & b" }] }],
      }),
    );
    const { Vpcs } = await ec2.send(
      new DescribeVpcsCommand({ Filters: [{ Name: "tag:Name", Values: ["a &*"] }] }),
    );
    expect(Vpcs?.map((vpc) => vpc.VpcId)).toEqual([Vpc?.VpcId]);
    await ec2.send(new DeleteVpcCommand({ VpcId: Vpc?.VpcId }));
    await expect(ec2.send(new DescribeVpcsCommand({ VpcIds: ["vpc-none"] }))).rejects.toMatchObject({
      name: "InvalidVpcID.NotFound",
    });
  });

  it("AWS Query: roles, load balancers and databases raise the SDK's own exceptions", async () => {
    await expect(
      new IAMClient(api.client()).send(new GetRoleCommand({ RoleName: "none" })),
    ).rejects.toBeInstanceOf(NoSuchEntityException);
    await expect(
      new ElasticLoadBalancingV2Client(api.client()).send(
        new DescribeLoadBalancersCommand({ Names: ["none"] }),
      ),
    ).rejects.toBeInstanceOf(LoadBalancerNotFoundException);
    await expect(
      new RDSClient(api.client()).send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: "none" })),
    ).rejects.toBeInstanceOf(DBInstanceNotFoundFault);
  });

  it("REST-JSON: file systems", async () => {
    await expect(
      new EFSClient(api.client()).send(new DescribeFileSystemsCommand({ FileSystemId: "fs-00000000" })),
    ).rejects.toBeInstanceOf(FileSystemNotFound);
  });

  it("logs: stores events and returns them in order", async () => {
    const logs = new CloudWatchLogsClient(api.client());
    await logs.send(new CreateLogGroupCommand({ logGroupName: "/g" }));
    await logs.send(new CreateLogStreamCommand({ logGroupName: "/g", logStreamName: "s" }));
    const now = Date.now();
    await logs.send(
      new PutLogEventsCommand({
        logGroupName: "/g",
        logStreamName: "s",
        logEvents: [
          { timestamp: now, message: "one" },
          { timestamp: now + 1, message: "two" },
        ],
      }),
    );
    const { events } = await logs.send(
      new GetLogEventsCommand({ logGroupName: "/g", logStreamName: "s", startFromHead: true }),
    );
    expect(events?.map((event) => event.message)).toEqual(["one", "two"]);
  });

  it("refuses an unsupported member by name", async () => {
    const register = new RegisterTaskDefinitionCommand({
      family: "f",
      networkMode: "awsvpc",
      pidMode: "task",
      containerDefinitions: [{ name: "a", image: "a", memory: 64 }],
    });
    await expect(new ECSClient(api.client()).send(register)).rejects.toThrow(/pidMode/);
  });

  it("keeps regions apart", async () => {
    await new ECSClient(api.client(undefined, "us-east-1")).send(
      new CreateClusterCommand({ clusterName: "only-here" }),
    );
    const { clusters } = await new ECSClient(api.client(undefined, "eu-west-1")).send(
      new DescribeClustersCommand({ clusters: ["only-here"] }),
    );
    expect(clusters).toEqual([]);
  });
});

describe("the object store", () => {
  it("stores and returns buffers, streams with trailers, ranges, copies, parts", async () => {
    const client = s3();
    await client.send(new CreateBucketCommand({ Bucket: "bytes" }));
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    await client.send(
      new PutObjectCommand({
        Bucket: "bytes",
        Key: "dir//a b+ü.bin",
        Body: body,
        Metadata: { who: "me" },
        ContentType: "x/y",
      }),
    );
    const got = await client.send(new GetObjectCommand({ Bucket: "bytes", Key: "dir//a b+ü.bin" }));
    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
    expect({ type: got.ContentType, metadata: got.Metadata }).toEqual({
      type: "x/y",
      metadata: { who: "me" },
    });
    await client.send(
      new PutObjectCommand({
        Bucket: "bytes",
        Key: "stream",
        Body: Readable.from([body.subarray(0, 8_192), body.subarray(8_192)]),
        ContentLength: body.length,
      }),
    );
    const range = await client.send(
      new GetObjectCommand({ Bucket: "bytes", Key: "stream", Range: "bytes=10-19" }),
    );
    expect(Buffer.from((await range.Body?.transformToByteArray()) ?? [])).toEqual(body.subarray(10, 20));
    expect(range.ContentRange).toBe(`bytes 10-19/${body.length}`);
    await client.send(new CopyObjectCommand({ Bucket: "bytes", Key: "copy", CopySource: "bytes/stream" }));
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ Bucket: "bytes", Key: "parts" }),
    );
    const part = Buffer.alloc(5 * 1024 * 1024, 1);
    const one = await client.send(
      new UploadPartCommand({ Bucket: "bytes", Key: "parts", UploadId, PartNumber: 1, Body: part }),
    );
    const two = await client.send(
      new UploadPartCommand({ Bucket: "bytes", Key: "parts", UploadId, PartNumber: 2, Body: body }),
    );
    await client.send(
      new CompleteMultipartUploadCommand({
        Bucket: "bytes",
        Key: "parts",
        UploadId,
        MultipartUpload: {
          Parts: [
            { PartNumber: 1, ETag: one.ETag },
            { PartNumber: 2, ETag: two.ETag },
          ],
        },
      }),
    );
    const whole = await client.send(new GetObjectCommand({ Bucket: "bytes", Key: "parts" }));
    expect(
      Buffer.from((await whole.Body?.transformToByteArray()) ?? []).equals(Buffer.concat([part, body])),
    ).toBe(true);
    await expect(client.send(new GetObjectCommand({ Bucket: "bytes", Key: "none" }))).rejects.toBeInstanceOf(
      NoSuchKey,
    );
  });

  it("lists by prefix and delimiter, page by page", async () => {
    const client = s3();
    await client.send(new CreateBucketCommand({ Bucket: "listing" }));
    for (const key of ["a/1", "a/2", "b/1", "c"])
      await client.send(new PutObjectCommand({ Bucket: "listing", Key: key, Body: "" }));
    const found: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: "listing", Delimiter: "/", MaxKeys: 1, ContinuationToken }),
      );
      found.push(
        ...(page.CommonPrefixes ?? []).map((each) => each.Prefix ?? ""),
        ...(page.Contents ?? []).map((each) => each.Key ?? ""),
      );
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(found).toEqual(["a/", "b/", "c"]);
  });

  it("writes only if a condition holds", async () => {
    const client = s3();
    await client.send(new CreateBucketCommand({ Bucket: "conditions" }));
    await client.send(new PutObjectCommand({ Bucket: "conditions", Key: "k", Body: "1", IfNoneMatch: "*" }));
    await expect(
      client.send(new PutObjectCommand({ Bucket: "conditions", Key: "k", Body: "2", IfNoneMatch: "*" })),
    ).rejects.toMatchObject({
      name: "PreconditionFailed",
    });
  });
});
