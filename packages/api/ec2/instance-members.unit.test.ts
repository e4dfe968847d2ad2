import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { machineImages } from "../common/machine-images.ts";

// The effect of each member that the operations on instances accept.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const ImageId = machineImages("eu-south-1")[0]?.id ?? "";
let first: ec2.Subnet = {};
let second: ec2.Subnet = {};

beforeAll(async () => {
  const { Subnets } = await client.send(new ec2.DescribeSubnetsCommand({}));
  [first = {}, second = {}] = Subnets ?? [];
});

const launch = async (input: Partial<ec2.RunInstancesCommandInput> = {}) => {
  const base = { ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
  const { Instances } = await client.send(new ec2.RunInstancesCommand({ ...base, ...input }));
  return Instances?.[0] ?? {};
};

it("an instance gets, changes and loses its profile, monitoring and credits", async () => {
  const identities = new iam.IAMClient(api.client());
  for (const InstanceProfileName of ["given", "other"])
    await identities.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName }));
  const InstanceId = (await launch()).InstanceId ?? "";
  const byName = { InstanceId, IamInstanceProfile: { Name: "given" } };
  const made = await client.send(new ec2.AssociateIamInstanceProfileCommand(byName));
  const AssociationId = made.IamInstanceProfileAssociation?.AssociationId;
  await expect(client.send(new ec2.AssociateIamInstanceProfileCommand(byName))).rejects.toThrow("existing");
  const described = async (input: ec2.DescribeIamInstanceProfileAssociationsCommandInput) =>
    (await client.send(new ec2.DescribeIamInstanceProfileAssociationsCommand(input)))
      .IamInstanceProfileAssociations;
  const Filters = [{ Name: "instance-id", Values: [InstanceId] }];
  expect(await described({ Filters, MaxResults: 5 })).toMatchObject([{ AssociationId, State: "associated" }]);
  const Arn = "arn:aws:iam::000000000000:instance-profile/other";
  const other = { AssociationId, IamInstanceProfile: { Arn } };
  await client.send(new ec2.ReplaceIamInstanceProfileAssociationCommand(other));
  const [replaced] = (await described({ Filters })) ?? [];
  expect(replaced?.IamInstanceProfile?.Arn).toBe(Arn);
  const now = { AssociationId: replaced?.AssociationId };
  expect(await described({ AssociationIds: [now.AssociationId ?? ""] })).toHaveLength(1);
  await client.send(new ec2.DisassociateIamInstanceProfileCommand(now));
  expect(await described({ Filters })).toEqual([]);
  await expect(client.send(new ec2.DisassociateIamInstanceProfileCommand(now))).rejects.toThrow("was given");

  const shown = async () =>
    (await client.send(new ec2.DescribeInstancesCommand({ InstanceIds: [InstanceId] }))).Reservations?.[0]
      ?.Instances?.[0];
  const monitored = { InstanceIds: [InstanceId], MetricCategoryIds: ["m"] };
  await client.send(new ec2.MonitorInstancesCommand(monitored));
  expect((await shown())?.Monitoring?.State).toBe("enabled");
  await client.send(new ec2.UnmonitorInstancesCommand(monitored));
  expect((await shown())?.Monitoring?.State).toBe("disabled");
  const credits = (CpuCredits: string, id = InstanceId) =>
    client.send(
      new ec2.ModifyInstanceCreditSpecificationCommand({
        ...{ InstanceCreditSpecifications: [{ InstanceId: id, CpuCredits }], ClientToken: "t" },
      }),
    );
  await credits("standard");
  const specifications = new ec2.DescribeInstanceCreditSpecificationsCommand({ InstanceIds: [InstanceId] });
  expect((await client.send(specifications)).InstanceCreditSpecifications).toMatchObject([
    { CpuCredits: "standard" },
  ]);
  await expect(credits("endless")).rejects.toThrow("CpuCredits");
  const large = (await launch({ InstanceType: "m5.large" })).InstanceId ?? "";
  expect((await credits("standard", large)).UnsuccessfulInstanceCreditSpecifications).toHaveLength(1);
});

describe("RunInstances", () => {
  it.each([
    [{ Monitoring: { Enabled: true } }, { Monitoring: { State: "enabled" } }],
    [{ EbsOptimized: true }, { EbsOptimized: true }],
    [{ EnclaveOptions: { Enabled: false } }, { EnclaveOptions: { Enabled: false } }],
    [{ HibernationOptions: { Configured: false } }, { HibernationOptions: { Configured: false } }],
    [
      { MaintenanceOptions: { AutoRecovery: "disabled" } },
      { MaintenanceOptions: { AutoRecovery: "disabled" } },
    ],
    [
      { CpuOptions: { CoreCount: 1, ThreadsPerCore: 1 } },
      { CpuOptions: { CoreCount: 1, ThreadsPerCore: 1 } },
    ],
    [
      { CapacityReservationSpecification: { CapacityReservationPreference: "none" } },
      { CapacityReservationSpecification: { CapacityReservationPreference: "none" } },
    ],
    [{ Placement: { Tenancy: "dedicated" } }, { Placement: { Tenancy: "dedicated" } }],
    [
      {
        MetadataOptions: {
          ...{ HttpTokens: "required", HttpEndpoint: "disabled", HttpProtocolIpv6: "disabled" },
          InstanceMetadataTags: "enabled",
        },
      },
      {
        MetadataOptions: {
          HttpTokens: "required",
          HttpEndpoint: "disabled",
          InstanceMetadataTags: "enabled",
        },
      },
    ],
    [{ MetadataOptions: { HttpEndpoint: "enabled" } }, { MetadataOptions: { HttpEndpoint: "enabled" } }],
  ] as const)("records %j", async (input, shown) => {
    expect(await launch(input as Partial<ec2.RunInstancesCommandInput>)).toMatchObject(shown);
  });

  it("records options with each of their values", async () => {
    for (const CapacityReservationPreference of Object.values(ec2.CapacityReservationPreference)) {
      const preference = { CapacityReservationPreference };
      const shown = await launch({ CapacityReservationSpecification: preference });
      expect(shown.CapacityReservationSpecification).toEqual(preference);
    }
    const more = await launch({
      ...{ HibernationOptions: { Configured: true }, EnclaveOptions: { Enabled: true } },
      ...{
        MaintenanceOptions: { AutoRecovery: "default" },
        MetadataOptions: { InstanceMetadataTags: "disabled" },
      },
      BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { DeleteOnTermination: true } }],
    });
    expect(more).toMatchObject({
      ...{ HibernationOptions: { Configured: true }, EnclaveOptions: { Enabled: true } },
      ...{
        MaintenanceOptions: { AutoRecovery: "default" },
        MetadataOptions: { InstanceMetadataTags: "disabled" },
      },
    });
    await expect(launch({ MetadataOptions: { HttpProtocolIpv6: "enabled" } })).rejects.toThrow(
      "HttpProtocolIpv6",
    );
  });

  it.each(Object.values(ec2.Tenancy))("records the tenancy %s", async (Tenancy) => {
    expect((await launch({ Placement: { Tenancy } })).Placement?.Tenancy).toBe(Tenancy);
  });

  it.each(Object.values(ec2.VolumeType))("makes a root volume of the type %s", async (VolumeType) => {
    const Ebs = { VolumeType, DeleteOnTermination: false, Encrypted: true, KmsKeyId: "alias/aws/ebs" };
    const { BlockDeviceMappings } = await launch({
      BlockDeviceMappings: [
        { DeviceName: "/dev/xvda", Ebs },
        { DeviceName: "/dev/xvdb", NoDevice: "" },
      ],
    });
    const VolumeIds = [BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? ""];
    const { Volumes } = await client.send(new ec2.DescribeVolumesCommand({ VolumeIds }));
    expect(Volumes).toMatchObject([
      { VolumeType, Encrypted: true, KmsKeyId: "arn:aws:kms:eu-south-1:000000000000:alias/aws/ebs" },
    ]);
    expect(BlockDeviceMappings?.[0]?.Ebs?.DeleteOnTermination).toBe(false);
  });

  it("records the throughput of the root volume", async () => {
    const mapped = (DeviceName: string) => ({
      BlockDeviceMappings: [{ DeviceName, Ebs: { Throughput: 250 } }],
    });
    const { BlockDeviceMappings } = await launch(mapped("/dev/xvda"));
    const VolumeIds = [BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? ""];
    const { Volumes } = await client.send(new ec2.DescribeVolumesCommand({ VolumeIds }));
    expect(Volumes?.[0]?.Throughput).toBe(250);
  });

  it("places an instance by its zone, address, interface and group's name", async () => {
    const zone = second.AvailabilityZone;
    expect((await launch({ Placement: { AvailabilityZone: zone } })).SubnetId).toBe(second.SubnetId);
    const empty = { SubnetId: second.SubnetId, Placement: { AvailabilityZone: "" } };
    expect((await launch(empty)).SubnetId).toBe(second.SubnetId);
    const SubnetId = first.SubnetId ?? "";
    const prefix = (first.CidrBlock ?? "").split(".").slice(0, 3).join(".");
    const ip = (last: number) => `${prefix}.${last}`;
    expect((await launch({ SubnetId, PrivateIpAddress: ip(50) })).PrivateIpAddress).toBe(ip(50));
    const own = (eni: object) => launch({ NetworkInterfaces: [{ DeviceIndex: 0, SubnetId, ...eni }] });
    const one = await own({ PrivateIpAddress: ip(51), AssociatePublicIpAddress: true });
    expect(one.PrivateIpAddress).toBe(ip(51));
    expect(one.PublicIpAddress).toMatch(/^198\./);
    const listed = { PrivateIpAddresses: [{ Primary: true, PrivateIpAddress: ip(52) }] };
    expect((await own(listed)).PrivateIpAddress).toBe(ip(52));
    expect((await launch({ SecurityGroups: ["default"] })).SecurityGroups?.[0]?.GroupName).toBe("default");
  });

  it("gives an instance a profile by its ARN, and a behavior at its shutdown", async () => {
    const roles = new iam.IAMClient(api.client());
    const made = await roles.send(new iam.CreateInstanceProfileCommand({ InstanceProfileName: "by-arn" }));
    const Arn = made.InstanceProfile?.Arn;
    expect((await launch({ IamInstanceProfile: { Arn } })).IamInstanceProfile?.Arn).toBe(Arn);
    for (const behavior of Object.values(ec2.ShutdownBehavior)) {
      const { InstanceId } = await launch({ InstanceInitiatedShutdownBehavior: behavior });
      const Attribute = "instanceInitiatedShutdownBehavior";
      const asked = new ec2.DescribeInstanceAttributeCommand({ InstanceId, Attribute });
      expect((await client.send(asked)).InstanceInitiatedShutdownBehavior?.Value).toBe(behavior);
    }
  });
});

it("every attribute is described", async () => {
  const { InstanceId } = await launch();
  for (const Attribute of Object.values(ec2.InstanceAttributeName)) {
    const asked = new ec2.DescribeInstanceAttributeCommand({ InstanceId, Attribute });
    expect((await client.send(asked)).InstanceId).toBe(InstanceId);
  }
});

it("attributes and metadata options change back", async () => {
  const { InstanceId = "" } = await launch();
  const modify = (input: Partial<ec2.ModifyInstanceAttributeCommandInput>) =>
    client.send(new ec2.ModifyInstanceAttributeCommand({ InstanceId, ...input }));
  await modify({ SourceDestCheck: { Value: true }, DisableApiStop: { Value: true } });
  await modify({
    DisableApiTermination: { Value: true },
    InstanceInitiatedShutdownBehavior: { Value: "stop" },
  });
  expect(api.store.get("ec2Instance", InstanceId)).toMatchObject({
    disableApiStop: true,
    disableApiTermination: true,
  });
  await modify({ BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { DeleteOnTermination: false } }] });
  const described = await client.send(new ec2.DescribeInstancesCommand({ InstanceIds: [InstanceId] }));
  const [device] = described.Reservations?.[0]?.Instances?.[0]?.BlockDeviceMappings ?? [];
  expect(device?.Ebs?.DeleteOnTermination).toBe(false);
  await modify({ BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { DeleteOnTermination: true } }] });
  await expect(modify({ EbsOptimized: { Value: true } })).rejects.toThrow("stopped");
  api.store.transact((tx) => {
    const record = tx.get("ec2Instance", InstanceId);
    if (record !== undefined) tx.put("ec2Instance", InstanceId, { ...record, state: "stopped" });
  });
  await modify({ EbsOptimized: { Value: true } });
  for (const [Attribute, Value] of [
    ["instanceType", "t3.large"],
    ["userData", "eA=="],
    ["disableApiTermination", "false"],
    ["disableApiStop", "false"],
    ["ebsOptimized", "false"],
    ["sourceDestCheck", "false"],
  ] as const)
    await modify({ Attribute, Value });
  expect(api.store.get("ec2Instance", InstanceId)).toMatchObject({
    instanceType: "t3.large",
    disableApiStop: false,
  });
  for (const Attribute of Object.values(ec2.InstanceAttributeName))
    await modify({ Attribute, Value: "false" }).catch(() => undefined);
  const options = (input: Partial<ec2.ModifyInstanceMetadataOptionsCommandInput>) =>
    client.send(new ec2.ModifyInstanceMetadataOptionsCommand({ InstanceId, ...input }));
  const changed = await options({
    HttpTokens: "optional",
    HttpEndpoint: "enabled",
    InstanceMetadataTags: "disabled",
  });
  expect(changed.InstanceMetadataOptions).toMatchObject({ HttpTokens: "optional", HttpEndpoint: "enabled" });
  await expect(options({ HttpProtocolIpv6: "enabled" })).rejects.toThrow("HttpProtocolIpv6");
});

it("lists come by filters and page by page", async () => {
  for (let index = 0; index < 6; index += 1) await launch();
  const { Reservations } = await client.send(
    new ec2.DescribeInstancesCommand({ Filters: [{ Name: "instance-type", Values: ["t3.small"] }] }),
  );
  const ids = (Reservations ?? []).flatMap((each) => each.Instances?.[0]?.InstanceId ?? []);
  for (const id of ids)
    api.store.transact((tx) => {
      const record = tx.get("ec2Instance", id);
      if (record !== undefined) tx.put("ec2Instance", id, { ...record, state: "running" });
    });
  const Filters = [{ Name: "instance-state-name", Values: ["running"] }];
  const byId = [{ Name: "instance-id", Values: ids }];
  const pages = async (
    Command: (token: string | undefined) => Promise<{ NextToken?: string | undefined }>,
  ) => {
    const { NextToken } = await Command(undefined);
    expect(NextToken).toBeDefined();
    await Command(NextToken);
  };
  const MaxResults = 5;
  await pages((NextToken) =>
    client.send(new ec2.DescribeInstancesCommand({ Filters, MaxResults, NextToken })),
  );
  await pages((NextToken) =>
    client.send(new ec2.DescribeInstanceStatusCommand({ Filters, MaxResults, NextToken })),
  );
  await pages((NextToken) => client.send(new ec2.DescribeVolumesCommand({ MaxResults, NextToken })));
  await pages((NextToken) => client.send(new ec2.DescribeImagesCommand({ MaxResults, NextToken })));
  await pages((NextToken) => client.send(new ec2.DescribeInstanceTypesCommand({ MaxResults, NextToken })));
  await pages((NextToken) =>
    client.send(new ec2.DescribeInstanceTypeOfferingsCommand({ MaxResults, NextToken })),
  );
  await pages((NextToken) =>
    client.send(
      new ec2.DescribeInstanceCreditSpecificationsCommand({ Filters: byId, MaxResults, NextToken }),
    ),
  );
});

it("profiles are associated by their ARN, and the associations are described page by page", async () => {
  const identities = new iam.IAMClient(api.client());
  const profile = new iam.CreateInstanceProfileCommand({ InstanceProfileName: "paged" });
  const Arn = (await identities.send(profile)).InstanceProfile?.Arn;
  const made: (string | undefined)[] = [];
  for (let index = 0; index < 6; index += 1) {
    const { InstanceId } = await launch();
    const input = { InstanceId, IamInstanceProfile: { Arn } };
    const answer = await client.send(new ec2.AssociateIamInstanceProfileCommand(input));
    expect(answer.IamInstanceProfileAssociation).toMatchObject({ InstanceId, IamInstanceProfile: { Arn } });
    made.push(answer.IamInstanceProfileAssociation?.AssociationId);
  }
  const none = { InstanceId: (await launch()).InstanceId, IamInstanceProfile: { Arn: `${Arn}-none` } };
  const refused = client.send(new ec2.AssociateIamInstanceProfileCommand(none));
  await expect(refused).rejects.toThrow("Invalid IAM Instance Profile ARN");
  const page = async (NextToken?: string) => {
    const input = { MaxResults: 5, NextToken };
    const answer = await client.send(new ec2.DescribeIamInstanceProfileAssociationsCommand(input));
    const found = answer.IamInstanceProfileAssociations ?? [];
    return { ids: found.map((each) => each.AssociationId), next: answer.NextToken };
  };
  const first = await page();
  expect(first.ids).toHaveLength(5);
  const second = await page(first.next);
  expect(second.next).toBeUndefined();
  const all = [...first.ids, ...second.ids];
  expect(new Set(all).size).toBe(all.length);
  expect(all).toEqual(expect.arrayContaining(made));
});
