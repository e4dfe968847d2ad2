import * as acm from "@aws-sdk/client-acm";
import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as codedeploy from "@aws-sdk/client-codedeploy";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecr from "@aws-sdk/client-ecr";
import * as ecs from "@aws-sdk/client-ecs";
import * as efs from "@aws-sdk/client-efs";
import * as elbv2 from "@aws-sdk/client-elastic-load-balancing-v2";
import * as events from "@aws-sdk/client-eventbridge";
import * as kms from "@aws-sdk/client-kms";
import * as rds from "@aws-sdk/client-rds";
import * as sdk from "@aws-sdk/client-resource-groups-tagging-api";
import * as s3 from "@aws-sdk/client-s3";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as discovery from "@aws-sdk/client-servicediscovery";
import * as secrets from "@aws-sdk/client-secrets-manager";
import * as sqs from "@aws-sdk/client-sqs";
import * as ssm from "@aws-sdk/client-ssm";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new sdk.ResourceGroupsTaggingAPIClient(api.client());
const PLACE = "eu-south-1:000000000000";
/** One resource of each service, by its name in ARNs. */
const arns: Record<string, string> = {};

async function makeNetwork(): Promise<string> {
  const network = new ec2.EC2Client(api.client());
  const { Vpcs } = await network.send(new ec2.DescribeVpcsCommand({}));
  arns["ec2"] = `arn:aws:ec2:${PLACE}:vpc/${Vpcs?.[0]?.VpcId}`;
  const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
  const SubnetIds = Subnets.map(({ SubnetId }) => SubnetId ?? "");
  const group = new rds.CreateDBSubnetGroupCommand({
    DBSubnetGroupName: "g",
    DBSubnetGroupDescription: "d",
    SubnetIds,
  });
  const { DBSubnetGroup } = await new rds.RDSClient(api.client()).send(group);
  arns["rds"] = DBSubnetGroup?.DBSubnetGroupArn ?? "";
  return Vpcs?.[0]?.VpcId ?? "";
}

async function makeStores(): Promise<void> {
  await new s3.S3Client({ ...api.client(), forcePathStyle: true }).send(
    new s3.CreateBucketCommand({ Bucket: "bkt" }),
  );
  arns["s3"] = "arn:aws:s3:::bkt";
  const { FileSystemArn } = await new efs.EFSClient(api.client()).send(new efs.CreateFileSystemCommand({}));
  arns["efs"] = FileSystemArn ?? "";
  const { repository } = await new ecr.ECRClient(api.client()).send(
    new ecr.CreateRepositoryCommand({ repositoryName: "repo" }),
  );
  arns["ecr"] = repository?.repositoryArn ?? "";
  await new logs.CloudWatchLogsClient(api.client()).send(
    new logs.CreateLogGroupCommand({ logGroupName: "l" }),
  );
  arns["logs"] = `arn:aws:logs:${PLACE}:log-group:l`;
  const { KeyMetadata } = await new kms.KMSClient(api.client()).send(new kms.CreateKeyCommand({}));
  arns["kms"] = KeyMetadata?.Arn ?? "";
  const { ARN } = await new secrets.SecretsManagerClient(api.client()).send(
    new secrets.CreateSecretCommand({ Name: "s", SecretString: "x" }),
  );
  arns["secretsmanager"] = ARN ?? "";
  await new ssm.SSMClient(api.client()).send(
    new ssm.PutParameterCommand({ Name: "/a/b", Value: "x", Type: "String" }),
  );
  await new sqs.SQSClient(api.client()).send(new sqs.CreateQueueCommand({ QueueName: "q" }));
  arns["sqs"] = `arn:aws:sqs:${PLACE}:q`;
  arns["ssm"] = `arn:aws:ssm:${PLACE}:parameter/a/b`;
}

async function makeOthers(VpcId: string): Promise<void> {
  const { cluster } = await new ecs.ECSClient(api.client()).send(
    new ecs.CreateClusterCommand({ clusterName: "c" }),
  );
  arns["ecs"] = cluster?.clusterArn ?? "";
  const { TargetGroups } = await new elbv2.ElasticLoadBalancingV2Client(api.client()).send(
    new elbv2.CreateTargetGroupCommand({ Name: "tg", Protocol: "HTTP", Port: 80, VpcId, TargetType: "ip" }),
  );
  arns["elbv2"] = TargetGroups?.[0]?.TargetGroupArn ?? "";
  const { CertificateArn } = await new acm.ACMClient(api.client()).send(
    new acm.RequestCertificateCommand({ DomainName: "a.example", ValidationMethod: "DNS" }),
  );
  arns["acm"] = CertificateArn ?? "";
  await new cloudwatch.CloudWatchClient(api.client()).send(
    new cloudwatch.PutMetricAlarmCommand({
      AlarmName: "a",
      ...{ Namespace: "N", MetricName: "m", Statistic: "Sum", Period: 60, EvaluationPeriods: 1 },
      ...{ Threshold: 1, ComparisonOperator: "GreaterThanThreshold" },
    }),
  );
  arns["cloudwatch"] = `arn:aws:cloudwatch:${PLACE}:alarm:a`;
  await new codedeploy.CodeDeployClient(api.client()).send(
    new codedeploy.CreateApplicationCommand({ applicationName: "a", computePlatform: "ECS" }),
  );
  arns["codedeploy"] = `arn:aws:codedeploy:${PLACE}:application:a`;
  const { EventBusArn } = await new events.EventBridgeClient(api.client()).send(
    new events.CreateEventBusCommand({ Name: "b" }),
  );
  arns["events"] = EventBusArn ?? "";
  const { ScheduleGroupArn } = await new scheduler.SchedulerClient(api.client()).send(
    new scheduler.CreateScheduleGroupCommand({ Name: "g" }),
  );
  arns["scheduler"] = ScheduleGroupArn ?? "";
  const maps = new discovery.ServiceDiscoveryClient(api.client());
  await maps.send(new discovery.CreateHttpNamespaceCommand({ Name: "n" }));
  const { Namespaces } = await maps.send(new discovery.ListNamespacesCommand({}));
  arns["servicediscovery"] = Namespaces?.[0]?.Arn ?? "";
}

beforeAll(async () => {
  const vpc = await makeNetwork();
  await makeStores();
  await makeOthers(vpc);
});

const tagsOf = async (arn: string) => {
  const { ResourceTagMappingList } = await client.send(
    new sdk.GetResourcesCommand({ ResourceARNList: [arn] }),
  );
  return Object.fromEntries(
    (ResourceTagMappingList?.[0]?.Tags ?? []).map(({ Key = "", Value }) => [Key, Value]),
  );
};
const tag = (ResourceARNList: string[], Tags: Record<string, string>) =>
  client.send(new sdk.TagResourcesCommand({ ResourceARNList, Tags }));
const untag = (ResourceARNList: string[], TagKeys: string[]) =>
  client.send(new sdk.UntagResourcesCommand({ ResourceARNList, TagKeys }));
const found = async (input: sdk.GetResourcesInput) => {
  const { ResourceTagMappingList = [], PaginationToken } = await client.send(
    new sdk.GetResourcesCommand(input),
  );
  return { list: ResourceTagMappingList.map(({ ResourceARN }) => ResourceARN), token: PaginationToken };
};

const SERVICES =
  "acm cloudwatch codedeploy ec2 ecr ecs efs elbv2 events kms logs rds s3 scheduler " +
  "secretsmanager servicediscovery sqs ssm";

describe("tags", () => {
  it.each(SERVICES.split(" "))("of %s are added, read and removed", async (service) => {
    const arn = arns[service] ?? "";
    expect(await tag([arn], { "own-key": "1", other: "" })).toMatchObject({ FailedResourcesMap: {} });
    expect(await tagsOf(arn)).toEqual({ "own-key": "1", other: "" });
    expect(await tag([arn], { more: "2" })).toMatchObject({ FailedResourcesMap: {} });
    expect(await untag([arn], ["own-key", "missing"])).toMatchObject({ FailedResourcesMap: {} });
    expect(await tagsOf(arn)).toEqual({ other: "", more: "2" });
    expect(await untag([arn], ["other", "more"])).toMatchObject({ FailedResourcesMap: {} });
    expect(await tagsOf(arn)).toEqual({});
  });

  it("fail for one resource in the words of its service, and are changed on the others", async () => {
    const missing = `arn:aws:ecs:${PLACE}:cluster/none`;
    const elsewhere = `arn:aws:ec2:us-east-1:000000000000:vpc/${arns["ec2"]?.split("/")[1]}`;
    const wrongType = arns["ec2"]?.replace(":vpc/", ":subnet/") ?? "";
    const role = "arn:aws:iam::000000000000:role/r";
    const given = ["no-arn", missing, elsewhere, wrongType, role, "arn:aws:s3:::none", arns["ecs"] ?? ""];
    const { FailedResourcesMap } = await tag(given, { partial: "1" });
    expect(Object.keys(FailedResourcesMap ?? {}).toSorted()).toEqual(given.slice(0, -1).toSorted());
    expect(FailedResourcesMap?.["arn:aws:s3:::none"]?.ErrorCode).toBe("NoSuchBucket");
    expect(FailedResourcesMap?.[elsewhere]).toMatchObject({
      StatusCode: 400,
      ErrorCode: "InvalidParameterException",
      ErrorMessage: expect.stringContaining("account and the region") as string,
    });
    expect(FailedResourcesMap?.[missing]?.ErrorMessage).toMatch(/cluster|resource/i);
    expect(await tagsOf(arns["ecs"] ?? "")).toEqual({ partial: "1" });
    await untag([arns["ecs"] ?? ""], ["partial"]);
  });

  it("are refused without any, and with a list of ARNs that is too long", async () => {
    await expect(tag([arns["ecs"] ?? ""], {})).rejects.toThrow(sdk.InvalidParameterException);
    const many = Array.from({ length: 21 }, (_, index) => `arn:aws:s3:::b${index}`);
    await expect(tag(many, { a: "b" })).rejects.toThrow(sdk.InvalidParameterException);
  });
});

describe("GetResources", () => {
  const three = () => [arns["ecr"] ?? "", arns["ecs"] ?? "", arns["s3"] ?? ""];
  beforeAll(async () => {
    await tag(three(), { team: "blue", kind: "x" });
    await tag([arns["ecs"] ?? ""], { team: "red" });
  });

  it.each<[string, sdk.GetResourcesInput, readonly number[]]>([
    ["a key", { TagFilters: [{ Key: "team" }] }, [0, 1, 2]],
    ["a value", { TagFilters: [{ Key: "team", Values: ["blue"] }] }, [0, 2]],
    ["one of several values", { TagFilters: [{ Key: "team", Values: ["blue", "red"] }] }, [0, 1, 2]],
    ["two keys", { TagFilters: [{ Key: "team", Values: ["red"] }, { Key: "kind" }] }, [1]],
    ["a name of an object's property", { TagFilters: [{ Key: "constructor" }] }, []],
    ["a service", { ResourceTypeFilters: ["ecs"] }, [1]],
    ["types", { ResourceTypeFilters: ["ecr:repository", "s3:bucket", "ecs:service"] }, [0, 2]],
  ])("finds resources by %s", async (_, input, expected) => {
    expect((await found(input)).list).toEqual(expected.map((index) => three()[index]));
  });

  it("answers page by page", async () => {
    const first = await found({ ResourcesPerPage: 2 });
    expect(first.list).toHaveLength(2);
    const second = await found({ ResourcesPerPage: 2, PaginationToken: first.token });
    expect([...first.list, ...second.list]).toEqual(three());
    expect(second.token).toBe("");
    await expect(found({ PaginationToken: "!" })).rejects.toThrow(sdk.InvalidParameterException);
  });

  it("ends a page before the resource that has too many tags for it", async () => {
    const forty = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, ""]));
    await tag(three(), forty);
    const first = await found({ TagsPerPage: 100 });
    expect(first.list).toEqual(three().slice(0, 2));
    const rest = await found({ TagsPerPage: 100, PaginationToken: first.token });
    expect(rest.list).toEqual(three().slice(2));
    await untag(three(), Object.keys(forty));
  });

  it("takes no filters beside a list of ARNs, and reports no compliance", async () => {
    const ResourceARNList = three();
    for (const more of [
      { ResourcesPerPage: 1 },
      { TagFilters: [{ Key: "a" }] },
      { ResourceTypeFilters: ["s3"] },
    ])
      await expect(found({ ResourceARNList, ...more })).rejects.toThrow(/same request/);
    await expect(found({ IncludeComplianceDetails: true })).rejects.toThrow(/IncludeComplianceDetails/);
    await expect(found({ ExcludeCompliantResources: true })).rejects.toThrow(/ExcludeCompliantResources/);
  });

  it("has the keys and the values of all tags", async () => {
    const { TagKeys } = await client.send(new sdk.GetTagKeysCommand({}));
    expect(TagKeys).toEqual(["kind", "team"]);
    const { TagValues, PaginationToken } = await client.send(new sdk.GetTagValuesCommand({ Key: "team" }));
    expect(TagValues).toEqual(["blue", "red"]);
    expect(PaginationToken).toBe("");
    const again = await client.send(new sdk.GetTagKeysCommand({ PaginationToken: "" }));
    expect(again.TagKeys).toEqual(TagKeys);
    const none = client.send(new sdk.GetTagValuesCommand({ Key: "team", PaginationToken: "!" }));
    await expect(none).rejects.toThrow(sdk.InvalidParameterException);
  });

  it("is of one region", async () => {
    const other = new sdk.ResourceGroupsTaggingAPIClient(api.client(undefined, "us-east-1"));
    const { ResourceTagMappingList } = await other.send(new sdk.GetResourcesCommand({}));
    expect(ResourceTagMappingList).toEqual([]);
  });
});
