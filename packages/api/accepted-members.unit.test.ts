import * as acm from "@aws-sdk/client-acm";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecr from "@aws-sdk/client-ecr";
import * as ecs from "@aws-sdk/client-ecs";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import { sendRaw, startS3 } from "@gantry/testkit";
import { defaultNetwork, registerTask } from "@gantry/testkit/ecs-client";
import { afterAll, describe, expect, it } from "vitest";

const { api, client: storage, newBucket } = await startS3();
afterAll(() => api.close());

// Before: each of these members was accepted and ignored.
describe("a member that is given acts", () => {
  const put = (path: string, headers: Record<string, string>) =>
    sendRaw(
      api.endpoint,
      {
        service: "s3",
        method: "PUT",
        path,
        headers,
        body: "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
      },
      Date.now(),
    );

  it.each([
    ["content-md5", "rL0Y20zC+Fzt72VPzMSk2A==", "BadDigest"],
    ["content-md5", "nonsense", "InvalidDigest"],
    ["x-amz-checksum-crc32", "AAAAAA==", "BadDigest"],
    ["x-amz-checksum-sha256", "AAAA", "BadDigest"],
  ])("%s of a bucket's tags: %s", async (name, value, code) => {
    const Bucket = await newBucket();
    const answer = await put(`/${Bucket}?tagging`, { [name]: value });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(`<Code>${code}</Code>`)]);
    const missing = storage.send(new s3.GetBucketTaggingCommand({ Bucket }));
    await expect(missing).rejects.toMatchObject({ name: "NoSuchTagSet" });
    const Tagging = { TagSet: [{ Key: "a", Value: "b" }] };
    await storage.send(new s3.PutBucketTaggingCommand({ Bucket, Tagging, ChecksumAlgorithm: "SHA256" }));
  });

  it("ChecksumType of CompleteMultipartUpload", async () => {
    const Bucket = await newBucket();
    const target = { Bucket, Key: "k", ChecksumAlgorithm: s3.ChecksumAlgorithm.CRC32 };
    const { UploadId } = await storage.send(new s3.CreateMultipartUploadCommand(target));
    const part = new s3.UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: "x" });
    const { ETag, ChecksumCRC32 } = await storage.send(part);
    const complete = (ChecksumType: s3.ChecksumType) =>
      storage.send(
        new s3.CompleteMultipartUploadCommand({
          Bucket,
          Key: "k",
          UploadId,
          ChecksumType,
          MultipartUpload: { Parts: [{ PartNumber: 1, ETag, ChecksumCRC32 }] },
        }),
      );
    await expect(complete("FULL_OBJECT")).rejects.toMatchObject({ name: "InvalidRequest" });
    await complete("COMPOSITE");
  });

  it("the value of a tag that is removed", async () => {
    const certificates = new acm.ACMClient(api.client());
    const { CertificateArn } = await certificates.send(
      new acm.RequestCertificateCommand({ DomainName: "a.example", Tags: [{ Key: "a", Value: "1" }] }),
    );
    const remove = (Value: string) =>
      certificates.send(
        new acm.RemoveTagsFromCertificateCommand({ CertificateArn, Tags: [{ Key: "a", Value }] }),
      );
    const tags = async () =>
      (await certificates.send(new acm.ListTagsForCertificateCommand({ CertificateArn }))).Tags;
    await remove("2");
    expect(await tags()).toHaveLength(1);
    await remove("1");
    expect(await tags()).toEqual([]);
    const network = new ec2.EC2Client(api.client());
    const { InternetGateway } = await network.send(new ec2.CreateInternetGatewayCommand({}));
    const Resources = [InternetGateway?.InternetGatewayId ?? ""];
    await network.send(new ec2.CreateTagsCommand({ Resources, Tags: [{ Key: "a", Value: "1" }] }));
    await network.send(new ec2.DeleteTagsCommand({ Resources, Tags: [{ Key: "a", Value: "2" }] }));
    const { InternetGateways } = await network.send(
      new ec2.DescribeInternetGatewaysCommand({ InternetGatewayIds: Resources }),
    );
    expect(InternetGateways?.[0]?.Tags).toHaveLength(1);
  });

  it("the status of images that are listed", async () => {
    const registry = new ecr.ECRClient(api.client());
    await registry.send(new ecr.CreateRepositoryCommand({ repositoryName: "app" }));
    await registry.send(
      new ecr.PutImageCommand({
        repositoryName: "app",
        imageTag: "1",
        imageManifest: JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.index.v1+json",
          manifests: [],
        }),
      }),
    );
    const count = async (imageStatus: ecr.ImageStatusFilter) =>
      (await registry.send(new ecr.ListImagesCommand({ repositoryName: "app", filter: { imageStatus } })))
        .imageIds?.length;
    expect([await count("ACTIVE"), await count("ARCHIVED"), await count("ANY")]).toEqual([1, 0, 1]);
  });

  it("startFromHead of FilterLogEvents", async () => {
    const client = new logs.CloudWatchLogsClient(api.client());
    const stream = { logGroupName: "g", logStreamName: "s" };
    await client.send(new logs.CreateLogGroupCommand({ logGroupName: "g" }));
    await client.send(new logs.CreateLogStreamCommand(stream));
    const now = Date.now();
    const logEvents = ["one", "two", "three"].map((message, index) => ({ timestamp: now + index, message }));
    await client.send(new logs.PutLogEventsCommand({ ...stream, logEvents }));
    const read = async (startFromHead: boolean, nextToken?: string) => {
      const input = { logGroupName: "g", startFromHead, limit: 2, nextToken };
      const { events = [], nextToken: next } = await client.send(new logs.FilterLogEventsCommand(input));
      return { messages: events.map((event) => event.message), next };
    };
    expect((await read(true)).messages).toEqual(["one", "two"]);
    const last = await read(false);
    expect(last.messages).toEqual(["three", "two"]);
    expect((await read(false, last.next)).messages).toEqual(["one"]);
  });

  it("PolicyUsageFilter", async () => {
    const client = new iam.IAMClient(api.client());
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [] });
    const document = PolicyDocument.replace(
      "[]",
      '[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]',
    );
    const { Policy } = await client.send(
      new iam.CreatePolicyCommand({ PolicyName: "limit", PolicyDocument: document }),
    );
    const PolicyArn = Policy?.Arn;
    await client.send(new iam.CreateUserCommand({ UserName: "bounded", PermissionsBoundary: PolicyArn }));
    const usersOf = async (PolicyUsageFilter: iam.PolicyUsageType) =>
      (await client.send(new iam.ListEntitiesForPolicyCommand({ PolicyArn, PolicyUsageFilter }))).PolicyUsers
        ?.length;
    expect([await usersOf("PermissionsBoundary"), await usersOf("PermissionsPolicy")]).toEqual([1, 0]);
    const listed = async (PolicyUsageFilter: iam.PolicyUsageType) =>
      (await client.send(new iam.ListPoliciesCommand({ Scope: "Local", PolicyUsageFilter }))).Policies
        ?.length;
    expect([await listed("PermissionsBoundary"), await listed("PermissionsPolicy")]).toEqual([1, 0]);
  });

  it("enableECSManagedTags of RunTask", async () => {
    const client = new ecs.ECSClient(api.client());
    await client.send(new ecs.CreateClusterCommand({ clusterName: "managed" }));
    await registerTask(client, "app");
    const { tasks } = await client.send(
      new ecs.RunTaskCommand({
        cluster: "managed",
        taskDefinition: "app",
        enableECSManagedTags: true,
        networkConfiguration: await defaultNetwork(api),
      }),
    );
    expect(tasks?.[0]?.tags).toContainEqual({ key: "aws:ecs:clusterName", value: "managed" });
  });
});

// Before: each of these was accepted and ignored.
describe("a member that would do nothing is refused", () => {
  const network = new ec2.EC2Client(api.client());
  const balancers = new elbv2.ElasticLoadBalancingV2Client(api.client());
  const bucket = { Bucket: "nowhere" };
  it.each<[string, string, () => Promise<unknown>]>([
    [
      "PublicIp",
      "InvalidParameterValue",
      () => network.send(new ec2.ReleaseAddressCommand({ PublicIp: "198.18.9.1" })),
    ],
    [
      "Ipv6NetmaskLength",
      "InvalidParameterValue",
      () => network.send(new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/16", Ipv6NetmaskLength: 56 })),
    ],
    [
      "DestinationIpv6CidrBlock",
      "InvalidParameterValue",
      () =>
        network.send(new ec2.DeleteRouteCommand({ RouteTableId: "rtb-1", DestinationIpv6CidrBlock: "::/0" })),
    ],
    [
      "Targets.QuicServerId",
      "ValidationError",
      () =>
        balancers.send(
          new elbv2.RegisterTargetsCommand({
            TargetGroupArn: "arn",
            Targets: [{ Id: "10.0.0.1", QuicServerId: "0x1" }],
          }),
        ),
    ],
    [
      "MutualAuthentication.TrustStoreAssociationStatus",
      "ValidationError",
      () =>
        balancers.send(
          new elbv2.ModifyListenerCommand({
            ListenerArn: "arn",
            MutualAuthentication: { TrustStoreAssociationStatus: "active" },
          }),
        ),
    ],
    [
      "KeyAlgorithm",
      "ValidationException",
      () =>
        new acm.ACMClient(api.client()).send(
          new acm.RequestCertificateCommand({ DomainName: "a.example", KeyAlgorithm: "RSA_4096" }),
        ),
    ],
    [
      "MFA",
      "NotImplemented",
      () => storage.send(new s3.DeleteObjectCommand({ ...bucket, Key: "k", MFA: "1 2" })),
    ],
    [
      "BucketNamespace",
      "NotImplemented",
      () => storage.send(new s3.CreateBucketCommand({ ...bucket, BucketNamespace: "account-regional" })),
    ],
  ])("%s: %s", async (path, name, call) => {
    const message = `Gantry does not support the parameter ${path} yet: leave it out.`;
    await expect(call()).rejects.toMatchObject({ name, message });
  });

  it("accepts the values that ask for nothing", async () => {
    await network.send(new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/16", Ipv4NetmaskLength: 0 }));
    const { CertificateArn } = await new acm.ACMClient(api.client()).send(
      new acm.RequestCertificateCommand({ DomainName: "b.example", KeyAlgorithm: "EC_prime256v1" }),
    );
    expect(CertificateArn).toBeDefined();
  });
});
