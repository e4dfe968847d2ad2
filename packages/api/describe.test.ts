import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  DescribeLogStreamsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import * as ec2 from "@aws-sdk/client-ec2";
import * as ecs from "@aws-sdk/client-ecs";
import * as efs from "@aws-sdk/client-efs";
import {
  DescribeDBEngineVersionsCommand,
  RDSClient,
  type DescribeDBEngineVersionsCommandInput,
} from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());

describe("EC2's descriptions", () => {
  const client = new ec2.EC2Client(api.client());
  const zonesOf = async (input: ec2.DescribeAvailabilityZonesCommandInput) =>
    (await client.send(new ec2.DescribeAvailabilityZonesCommand(input))).AvailabilityZones?.map(
      (zone) => zone.ZoneName,
    );

  it("choose availability zones by name, id and filter", async () => {
    expect(await zonesOf({})).toEqual(["eu-south-1a", "eu-south-1b", "eu-south-1c"]);
    expect(await zonesOf({ ZoneNames: ["eu-south-1b"] })).toEqual(["eu-south-1b"]);
    expect(await zonesOf({ ZoneIds: ["eus1-az3"] })).toEqual(["eu-south-1c"]);
    expect(await zonesOf({ Filters: [{ Name: "zone-name", Values: ["*a"] }] })).toEqual(["eu-south-1a"]);
    expect(await zonesOf({ Filters: [{ Name: "state", Values: ["impaired"] }] })).toEqual([]);
    await expect(zonesOf({ ZoneNames: ["eu-south-1z"] })).rejects.toThrow(
      "Invalid availability zone: [eu-south-1z]",
    );
  });

  it("list the tags of resources by filter, page by page", async () => {
    const Tags = ["a", "b", "c", "d", "e", "f"].map((Key) => ({ Key, Value: "tagged" }));
    const TagSpecifications = [{ ResourceType: "vpc" as const, Tags }];
    const { Vpc } = await client.send(
      new ec2.CreateVpcCommand({ CidrBlock: "10.77.0.0/16", TagSpecifications }),
    );
    const ResourceId = Vpc?.VpcId ?? "";
    const { AllocationId } = await client.send(
      new ec2.AllocateAddressCommand({
        TagSpecifications: [{ ResourceType: "elastic-ip", Tags: [{ Key: "of", Value: "address" }] }],
      }),
    );
    const tagsOf = (input: ec2.DescribeTagsCommandInput) => client.send(new ec2.DescribeTagsCommand(input));
    const by = (Name: string, ...Values: string[]) => ({ Filters: [{ Name, Values }] });
    const first = await tagsOf({ ...by("resource-id", ResourceId), MaxResults: 5 });
    expect(first.Tags?.map(({ Key }) => Key)).toEqual(["a", "b", "c", "d", "e"]);
    expect((await tagsOf({ ...by("resource-id", ResourceId), NextToken: first.NextToken })).Tags).toEqual([
      { ResourceId, ResourceType: "vpc", Key: "f", Value: "tagged" },
    ]);
    expect((await tagsOf(by("key", "of"))).Tags).toEqual([
      { ResourceId: AllocationId, ResourceType: "elastic-ip", Key: "of", Value: "address" },
    ]);
    expect((await tagsOf(by("value", "tagged"))).Tags).toHaveLength(6);
    expect((await tagsOf(by("resource-type", "subnet"))).Tags).toEqual([]);
  });

  it("choose regions by name and filter", async () => {
    const regionsOf = async (input: ec2.DescribeRegionsCommandInput) =>
      (await client.send(new ec2.DescribeRegionsCommand(input))).Regions;
    expect(await regionsOf({ RegionNames: ["eu-south-1"] })).toEqual([
      { RegionName: "eu-south-1", Endpoint: "ec2.eu-south-1.amazonaws.com", OptInStatus: "opted-in" },
    ]);
    const notOptIn = await regionsOf({
      Filters: [
        { Name: "opt-in-status", Values: ["opt-in-not-required"] },
        { Name: "region-name", Values: ["eu-*"] },
      ],
    });
    expect(notOptIn?.map(({ RegionName }) => RegionName)).toEqual([
      ...["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"],
    ]);
    expect((await regionsOf({ AllRegions: true }))?.length).toBeGreaterThan(25);
    await expect(regionsOf({ RegionNames: ["eu-nowhere-1"] })).rejects.toThrow(
      "Invalid region names: [eu-nowhere-1]",
    );
  });

  it.each<[string, () => Promise<unknown>]>([
    ["zones", () => zonesOf({ Filters: [{ Name: "nonsense", Values: ["x"] }] })],
    [
      "NAT gateways, of which there is none",
      () =>
        client.send(new ec2.DescribeNatGatewaysCommand({ Filter: [{ Name: "nonsense", Values: ["x"] }] })),
    ],
    [
      "addresses, of which there is none",
      () => client.send(new ec2.DescribeAddressesCommand({ Filters: [{ Name: "nonsense", Values: ["x"] }] })),
    ],
  ])("refuse a filter of %s that they do not know", async (_, call) => {
    await expect(call()).rejects.toThrow("The filter 'nonsense' is invalid");
  });

  it("refuse unknown names", async () => {
    const groups = new ec2.DescribeSecurityGroupsCommand({ GroupNames: ["default", "none"] });
    await expect(client.send(groups)).rejects.toMatchObject({ name: "InvalidGroup.NotFound" });
    const addresses = new ec2.DescribeAddressesCommand({ PublicIps: ["198.18.9.99"] });
    await expect(client.send(addresses)).rejects.toMatchObject({ name: "InvalidAddress.NotFound" });
  });
});

describe("EFS's descriptions", () => {
  const client = new efs.EFSClient(api.client());

  it("choose file systems by id and token, and refuse unknown ones", async () => {
    const { FileSystemId } = await client.send(new efs.CreateFileSystemCommand({ CreationToken: "one" }));
    const found = async (input: efs.DescribeFileSystemsCommandInput) =>
      (await client.send(new efs.DescribeFileSystemsCommand(input))).FileSystems?.length;
    expect(await found({ FileSystemId, CreationToken: "one" })).toBe(1);
    expect(await found({ FileSystemId, CreationToken: "two" })).toBe(0);
    const missing = "fs-00000000000000000";
    for (const call of [
      found({ FileSystemId: missing }),
      client.send(new efs.DescribeAccessPointsCommand({ FileSystemId: missing })),
      client.send(new efs.DescribeMountTargetsCommand({ FileSystemId: missing })),
    ])
      await expect(call).rejects.toMatchObject({ name: "FileSystemNotFound" });
    await expect(client.send(new efs.DescribeMountTargetsCommand({}))).rejects.toMatchObject({
      name: "BadRequest",
    });
  });

  it("find the mount targets of an access point", async () => {
    const { FileSystemId } = await client.send(new efs.CreateFileSystemCommand({ CreationToken: "three" }));
    const { AccessPointId } = await client.send(
      new efs.CreateAccessPointCommand({ FileSystemId, ClientToken: "t" }),
    );
    expect((await client.send(new efs.DescribeMountTargetsCommand({ AccessPointId }))).MountTargets).toEqual(
      [],
    );
  });
});

describe("ECS", () => {
  const client = new ecs.ECSClient(api.client());
  const networkConfiguration = async () => {
    const { Subnets = [] } = await new ec2.EC2Client(api.client()).send(new ec2.DescribeSubnetsCommand({}));
    return { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } };
  };

  it("refuses to list the tasks of a missing service", async () => {
    await client.send(new ecs.CreateClusterCommand({}));
    await expect(client.send(new ecs.ListTasksCommand({ serviceName: "none" }))).rejects.toMatchObject({
      name: "ServiceNotFoundException",
    });
  });

  it("has no container instances for launch type EC2, and tags only where they are asked for", async () => {
    await client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family: "app",
        networkMode: "awsvpc",
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name: "c", image: "busybox" }],
      }),
    );
    const input = {
      taskDefinition: "app",
      launchType: ecs.LaunchType.EC2,
      networkConfiguration: await networkConfiguration(),
    };
    const none = "No Container Instances were found in your cluster.";
    await expect(client.send(new ecs.RunTaskCommand(input))).rejects.toThrow(none);
    const service = { ...input, serviceName: "s", desiredCount: 0, tags: [{ key: "a", value: "b" }] };
    await expect(client.send(new ecs.CreateServiceCommand(service))).rejects.toThrow(none);
    await client.send(new ecs.CreateServiceCommand({ ...service, launchType: "FARGATE" }));
    const tagsOf = async (include: ecs.ServiceField[]) =>
      (await client.send(new ecs.DescribeServicesCommand({ services: ["s"], include }))).services?.[0]?.tags;
    expect(await tagsOf([])).toBeUndefined();
    expect(await tagsOf(["TAGS"])).toEqual([{ key: "a", value: "b" }]);
  });
});

it("ECS runs tasks of launch type EC2 where the operator lets tasks use the node", async () => {
  const open = await startApi({ allowHostAccess: true });
  try {
    const client = new ecs.ECSClient(open.client());
    const { Subnets = [] } = await new ec2.EC2Client(open.client()).send(new ec2.DescribeSubnetsCommand({}));
    await client.send(new ecs.CreateClusterCommand({}));
    await client.send(
      new ecs.RegisterTaskDefinitionCommand({
        family: "app",
        networkMode: "awsvpc",
        containerDefinitions: [{ name: "c", image: "busybox", memory: 128 }],
      }),
    );
    const { tasks } = await client.send(
      new ecs.RunTaskCommand({
        taskDefinition: "app",
        launchType: "EC2",
        networkConfiguration: { awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""] } },
      }),
    );
    expect(tasks?.[0]?.launchType).toBe("EC2");
  } finally {
    open.close();
  }
});

it("CloudWatch Logs refuses an unknown order", async () => {
  const client = new CloudWatchLogsClient(api.client());
  await client.send(new CreateLogGroupCommand({ logGroupName: "g" }));
  const call = client.send(
    new DescribeLogStreamsCommand({ logGroupName: "g", orderBy: "Nonsense" as never }),
  );
  await expect(call).rejects.toThrow("Member must satisfy enum value set");
});

it("RDS chooses engine versions by engine, version, family and filter", async () => {
  const client = new RDSClient(api.client());
  const found = async (input: DescribeDBEngineVersionsCommandInput) =>
    (await client.send(new DescribeDBEngineVersionsCommand(input))).DBEngineVersions?.map(
      (each) => each.Engine,
    );
  expect(await found({ DefaultOnly: true })).toEqual(["mariadb", "mysql", "postgres"]);
  const all = [...Array<string>(3).fill("mariadb"), "mysql", "mysql", ...Array<string>(3).fill("postgres")];
  expect(await found({})).toEqual(all);
  expect(await found({ Engine: "mysql", EngineVersion: "8.0" })).toEqual(["mysql"]);
  expect(await found({ EngineVersion: "9" })).toEqual([]);
  expect(await found({ DBParameterGroupFamily: "mariadb10.11" })).toEqual(["mariadb"]);
  expect(await found({ Filters: [{ Name: "status", Values: ["deprecated"] }] })).toEqual([]);
  await expect(found({ Filters: [{ Name: "nonsense", Values: ["x"] }] })).rejects.toThrow(
    "Unrecognized filter name: nonsense",
  );
});
