import * as acm from "@aws-sdk/client-acm";
import * as ec2 from "@aws-sdk/client-ec2";
import * as efs from "@aws-sdk/client-efs";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import * as rds from "@aws-sdk/client-rds";
import * as s3 from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const nonsense = "NONSENSE" as never;

describe("S3 refuses unknown values, and a bucket whose owner is not the expected one", async () => {
  const client = new s3.S3Client({ ...api.client(), forcePathStyle: true });
  const Bucket = "arguments";
  await client.send(new s3.CreateBucketCommand({ Bucket }));
  await client.send(
    new s3.PutObjectCommand({ Bucket, Key: "k", Body: "x", ExpectedBucketOwner: "000000000000" }),
  );
  const copy = (more: Partial<s3.CopyObjectCommandInput>) =>
    client.send(new s3.CopyObjectCommand({ Bucket, Key: "c", CopySource: `${Bucket}/k`, ...more }));
  it.each<[string, () => Promise<unknown>, string]>([
    ["metadata directive", () => copy({ MetadataDirective: nonsense }), "InvalidArgument"],
    ["tagging directive", () => copy({ TaggingDirective: nonsense }), "InvalidArgument"],
    [
      "encoding",
      () => client.send(new s3.ListObjectsV2Command({ Bucket, EncodingType: nonsense })),
      "InvalidArgument",
    ],
    [
      "attribute",
      () =>
        client.send(new s3.GetObjectAttributesCommand({ Bucket, Key: "k", ObjectAttributes: [nonsense] })),
      "InvalidArgument",
    ],
    [
      "protocol",
      () =>
        client.send(
          new s3.PutBucketWebsiteCommand({
            Bucket,
            WebsiteConfiguration: { RedirectAllRequestsTo: { HostName: "x", Protocol: nonsense } },
          }),
        ),
      "InvalidRequest",
    ],
    [
      "owner",
      () => client.send(new s3.ListObjectsV2Command({ Bucket, ExpectedBucketOwner: "111111111111" })),
      "AccessDenied",
    ],
    ["source's owner", () => copy({ ExpectedSourceBucketOwner: "111111111111" }), "AccessDenied"],
  ])("%s", async (_, call, name) => {
    await expect(call()).rejects.toMatchObject({ name });
  });
});

describe("EC2", () => {
  const client = new ec2.EC2Client(api.client());

  it("creates nothing in a dry run", async () => {
    const before = (await client.send(new ec2.DescribeVpcsCommand({}))).Vpcs?.length;
    await expect(
      client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.1.0.0/16", DryRun: true })),
    ).rejects.toMatchObject({
      name: "DryRunOperation",
      $metadata: { httpStatusCode: 412 },
    });
    expect((await client.send(new ec2.DescribeVpcsCommand({}))).Vpcs?.length).toBe(before);
  });

  it("describes page by page, of 5 to 1,000", async () => {
    for (let count = 0; count < 12; count += 1) await client.send(new ec2.CreateInternetGatewayCommand({}));
    const sizes: number[] = [];
    const ids = new Set<string | undefined>();
    for await (const page of ec2.paginateDescribeInternetGateways({ client, pageSize: 5 }, {})) {
      sizes.push(page.InternetGateways?.length ?? 0);
      for (const gateway of page.InternetGateways ?? []) ids.add(gateway.InternetGatewayId);
    }
    expect([sizes, ids.size]).toEqual([[5, 5, 3], 13]);
    await expect(client.send(new ec2.DescribeVpcsCommand({ MaxResults: 1 }))).rejects.toThrow(
      "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
    );
    await expect(client.send(new ec2.DescribeVpcsCommand({ NextToken: "nonsense" }))).rejects.toMatchObject({
      name: "InvalidNextToken",
    });
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      "tenancies",
      () => client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.1.0.0/16", InstanceTenancy: nonsense })),
    ],
    ["domains", () => client.send(new ec2.AllocateAddressCommand({ Domain: nonsense }))],
    [
      "kinds to tag",
      () =>
        client.send(
          new ec2.CreateVpcCommand({
            CidrBlock: "10.1.0.0/16",
            TagSpecifications: [{ ResourceType: "subnet", Tags: [{ Key: "a", Value: "b" }] }],
          }),
        ),
    ],
  ])("refuses unknown %s", async (_, call) => {
    await expect(call()).rejects.toMatchObject({ name: "InvalidParameterValue" });
  });
});

describe("lists come page by page", () => {
  const groups = new elbv2.ElasticLoadBalancingV2Client(api.client());
  const files = new efs.EFSClient(api.client());
  const certificates = new acm.ACMClient(api.client());

  it("of load balancing, file systems and certificates, to the end", async () => {
    const seen: Record<string, number[]> = { groups: [], files: [], certificates: [] };
    for (let count = 0; count < 5; count += 1) {
      await files.send(new efs.CreateFileSystemCommand({ CreationToken: `file-system-${count}` }));
      await certificates.send(new acm.RequestCertificateCommand({ DomainName: `c${count}.example.com` }));
      await groups.send(
        new elbv2.CreateTargetGroupCommand({
          Name: `group-${count}`,
          Protocol: "HTTP",
          Port: 80,
          TargetType: "ip",
          VpcId: (await new ec2.EC2Client(api.client()).send(new ec2.DescribeVpcsCommand({}))).Vpcs?.[0]
            ?.VpcId,
        }),
      );
    }
    for await (const page of elbv2.paginateDescribeTargetGroups({ client: groups }, { PageSize: 2 }))
      seen["groups"]?.push(page.TargetGroups?.length ?? 0);
    for await (const page of efs.paginateDescribeFileSystems({ client: files, pageSize: 2 }, {}))
      seen["files"]?.push(page.FileSystems?.length ?? 0);
    for await (const page of acm.paginateListCertificates({ client: certificates, pageSize: 2 }, {}))
      seen["certificates"]?.push(page.CertificateSummaryList?.length ?? 0);
    expect(seen).toEqual({ groups: [2, 2, 1], files: [2, 2, 1], certificates: [2, 2, 1] });
    await expect(
      groups.send(new elbv2.DescribeTargetGroupsCommand({ Marker: "nonsense" })),
    ).rejects.toMatchObject({ name: "ValidationError" });
    await expect(
      files.send(new efs.DescribeFileSystemsCommand({ Marker: "nonsense" })),
    ).rejects.toMatchObject({ name: "BadRequest" });
    await expect(
      certificates.send(new acm.ListCertificatesCommand({ NextToken: "nonsense" })),
    ).rejects.toMatchObject({
      name: "InvalidArgsException",
    });
  });
});

describe("RDS", () => {
  const client = new rds.RDSClient(api.client());
  const create = (more: Partial<rds.CreateDBInstanceCommandInput>) =>
    client.send(
      new rds.CreateDBInstanceCommand({
        DBInstanceIdentifier: "refused",
        Engine: "mysql",
        DBInstanceClass: "db.t3.micro",
        AllocatedStorage: 20,
        MasterUsername: "admin",
        MasterUserPassword: "long-enough",
        ...more,
      }),
    );
  it.each<[string, Partial<rds.CreateDBInstanceCommandInput>]>([
    ["class", { DBInstanceClass: "NONSENSE" }],
    ["storage type", { StorageType: "NONSENSE" }],
    ["storage size", { AllocatedStorage: 1 }],
    ["licence", { LicenseModel: "NONSENSE" }],
    ["network", { NetworkType: "NONSENSE" }],
    ["port", { Port: 1 }],
    ["retention", { BackupRetentionPeriod: 99 }],
    ["window", { PreferredBackupWindow: "NONSENSE" }],
  ])("refuses an unknown %s", async (_, more) => {
    await expect(create(more)).rejects.toMatchObject({ name: "InvalidParameterValue" });
  });

  it("describes page by page, and applies its filters", async () => {
    const describeAll = (more: rds.DescribeDBInstancesCommandInput) =>
      client.send(new rds.DescribeDBInstancesCommand(more));
    await expect(describeAll({ MaxRecords: 1 })).rejects.toThrow(
      "Invalid value 1 for MaxRecords. Must be between 20 and 100",
    );
    await expect(describeAll({ Filters: [{ Name: "NONSENSE", Values: ["a"] }] })).rejects.toThrow(
      "Unrecognized filter name: NONSENSE",
    );
    for (let count = 0; count < 22; count += 1)
      await create({ DBInstanceIdentifier: `db-${String(count).padStart(2, "0")}` });
    const sizes: number[] = [];
    for await (const page of rds.paginateDescribeDBInstances({ client, pageSize: 20 }, {}))
      sizes.push(page.DBInstances?.length ?? 0);
    expect(sizes).toEqual([20, 2]);
  });
});
