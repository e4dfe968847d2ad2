import * as ec2 from "@aws-sdk/client-ec2";
import { recordAttachedVolumes, recordVolumeFile } from "@gantry/controllers/node/ebs-assignment";
import { startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";
import { machineImages } from "../common/machine-images.ts";

// Volumes and snapshots as the API shows them; the node's reports are made here.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const ImageId = machineImages("eu-south-1")[0]?.id ?? "";
const AvailabilityZone = "eu-south-1a";
const GIB = 1024 ** 3;
const NOW = 5;

/** What the node reports once it has made every file, and attached and detached what was asked for. */
function nodeReports(): void {
  api.store.transact((tx) => {
    tx.put("node", "n", {
      ...{ id: "n", hostname: "n", cpu: 4, memoryMiB: 4_096, labels: {}, zone: undefined },
      ...{ state: "CONNECTED", registeredAt: 0, contactAt: 0 },
    } as never); // Of a node only its id is read here.
    for (const { id, sizeGiB } of tx.list("volume"))
      recordVolumeFile(tx, { nodeId: "n", now: NOW }, { key: `volume/${id}`, bytes: sizeGiB * GIB });
    for (const { id, sizeGiB } of tx.list("snapshot"))
      recordVolumeFile(tx, { nodeId: "n", now: NOW }, { key: `snapshot/${id}`, bytes: sizeGiB * GIB });
    for (const instanceId of tx.keys("ec2Instance")) {
      const wanted = tx
        .list("volume")
        .filter(
          ({ attachment }) => attachment?.instanceId === instanceId && attachment.state !== "detaching",
        );
      recordAttachedVolumes(
        tx,
        instanceId,
        wanted.map(({ id }) => id),
      );
    }
  });
}

const create = async (input: Partial<ec2.CreateVolumeCommandInput> = {}) => {
  const made = await client.send(new ec2.CreateVolumeCommand({ AvailabilityZone, Size: 4, ...input }));
  return made.VolumeId ?? "";
};
const volume = async (id: string) =>
  (await client.send(new ec2.DescribeVolumesCommand({ VolumeIds: [id] }))).Volumes?.[0];
const launch = async (input: Partial<ec2.RunInstancesCommandInput> = {}) => {
  const base = { ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
  const placed = { Placement: { AvailabilityZone } };
  const { Instances } = await client.send(new ec2.RunInstancesCommand({ ...base, ...placed, ...input }));
  return Instances?.[0]?.InstanceId ?? "";
};

describe("CreateVolume", () => {
  it("makes a volume of the node's file, with the settings of its type", async () => {
    const id = await create({ VolumeType: "gp3", Iops: 4_000, Throughput: 250, ClientToken: "one" });
    expect(await volume(id)).toMatchObject({ State: "creating", Size: 4, Iops: 4_000, Throughput: 250 });
    nodeReports();
    expect(await volume(id)).toMatchObject({ State: "available", Encrypted: false, Attachments: [] });
    expect(await create({ VolumeType: "gp3", Iops: 4_000, Throughput: 250, ClientToken: "one" })).toBe(id);
    await expect(create({ ClientToken: "one" })).rejects.toThrow("parameters differ");
    const tagged = await create({
      ...{ AvailabilityZone: undefined, AvailabilityZoneId: "eus1-az2", VolumeInitializationRate: 100 },
      TagSpecifications: [{ ResourceType: "volume", Tags: [{ Key: "Name", Value: "data" }] }],
    });
    expect(await volume(tagged)).toMatchObject({
      ...{ AvailabilityZone: "eu-south-1b", VolumeType: "gp2", Iops: 100 },
      Tags: [{ Key: "Name", Value: "data" }],
    });
  });

  it.each(Object.values(ec2.VolumeType))("makes a volume of the type %s", async (VolumeType) => {
    const Iops = VolumeType === "io1" || VolumeType === "io2" ? 200 : undefined;
    const id = await create({ VolumeType, Size: 200, ...(Iops === undefined ? {} : { Iops }) });
    expect(await volume(id)).toMatchObject({ VolumeType, Size: 200 });
  });

  it.each([
    [{ Size: 0 }, "size"],
    [{ Size: 70_000, VolumeType: "gp3" }, "size"],
    [{ Size: 2 ** 31 - 1 }, "size"],
    [{ VolumeType: "io1" }, "iops"],
    [{ VolumeType: "gp3", Iops: 1 }, "iops"],
    [{ VolumeType: "standard", Iops: 100 }, "iops"],
    [{ VolumeType: "gp2", Throughput: 250 }, "throughput"],
    [{ VolumeType: "gp3", Throughput: 1 }, "throughput"],
    [{ Size: undefined }, "size/snapshot"],
    [{ AvailabilityZone: "us-east-1a" }, "availabilityZone"],
    [{ AvailabilityZone: undefined }, "zone"],
    [{ KmsKeyId: "k" }, "Encrypted"],
    [{ SnapshotId: "snap-0123456789abcdef0" }, "does not exist"],
  ] as const)("refuses %j", async (input, message) => {
    await expect(create(input)).rejects.toThrow(message);
  });

  it("encrypts by default where the account asks for it, with its key", async () => {
    expect(await client.send(new ec2.GetEbsDefaultKmsKeyIdCommand({}))).toMatchObject({
      KmsKeyId: "alias/aws/ebs",
    });
    await client.send(new ec2.EnableEbsEncryptionByDefaultCommand({}));
    await client.send(new ec2.ModifyEbsDefaultKmsKeyIdCommand({ KmsKeyId: "0123" }));
    expect((await client.send(new ec2.GetEbsEncryptionByDefaultCommand({}))).EbsEncryptionByDefault).toBe(
      true,
    );
    expect(await volume(await create())).toMatchObject({
      ...{ Encrypted: true, KmsKeyId: "arn:aws:kms:eu-south-1:000000000000:key/0123" },
    });
    const elsewhere = new ec2.EC2Client({ ...api.client(), region: "us-east-1" });
    const other = await elsewhere.send(new ec2.GetEbsEncryptionByDefaultCommand({}));
    expect(other.EbsEncryptionByDefault).toBe(false);
    await client.send(new ec2.ResetEbsDefaultKmsKeyIdCommand({}));
    await client.send(new ec2.DisableEbsEncryptionByDefaultCommand({}));
    const own = await create({ Encrypted: true, KmsKeyId: "alias/mine" });
    expect((await volume(own))?.KmsKeyId).toBe("arn:aws:kms:eu-south-1:000000000000:alias/mine");
    expect(await volume(await create({ Encrypted: false }))).toMatchObject({ Encrypted: false });
  });
});

describe("AttachVolume", () => {
  it("makes a volume a device until it is detached, which the node reports", async () => {
    const [id, instance] = [await create(), await launch()];
    nodeReports();
    const attach = { VolumeId: id, InstanceId: instance, Device: "/dev/sdf", EbsCardIndex: 0 };
    expect(await client.send(new ec2.AttachVolumeCommand(attach))).toMatchObject({ State: "attaching" });
    nodeReports();
    expect(await volume(id)).toMatchObject({
      State: "in-use",
      Attachments: [{ State: "attached", InstanceId: instance, DeleteOnTermination: false }],
    });
    const second = { ...attach, VolumeId: await create() };
    nodeReports();
    const again = (input: ec2.AttachVolumeCommandInput) => client.send(new ec2.AttachVolumeCommand(input));
    await expect(again(second)).rejects.toThrow("already in use");
    await expect(again({ ...second, Device: "xvdf" })).rejects.toThrow("already in use");
    await expect(again({ ...second, Device: "../../etc/passwd" })).rejects.toThrow("not a valid EBS device");
    await expect(again(attach)).rejects.toThrow("already attached");
    await expect(client.send(new ec2.DeleteVolumeCommand({ VolumeId: id }))).rejects.toThrow("attached");
    const detach = (input: object) =>
      client.send(new ec2.DetachVolumeCommand({ VolumeId: id, Force: true, ...input }));
    await expect(detach({ InstanceId: "i-0123456789abcdef0" })).rejects.toThrow("does not exist");
    await expect(detach({ Device: "/dev/sdz" })).rejects.toThrow("does not exist");
    const detached = await detach({ InstanceId: instance, Device: "/dev/sdf" });
    expect(detached.State).toBe("detaching");
    nodeReports();
    expect(await volume(id)).toMatchObject({ State: "available", Attachments: [] });
    await expect(detach({})).rejects.toThrow("available");
    await client.send(new ec2.DeleteVolumeCommand({ VolumeId: id }));
    await expect(volume(id)).rejects.toThrow(`The volume '${id}' does not exist.`);
  });

  it("refuses volumes of another zone, and root volumes", async () => {
    const [id, instance] = [await create({ AvailabilityZone: "eu-south-1b" }), await launch()];
    nodeReports();
    const input = { InstanceId: instance, Device: "/dev/sdf" };
    await expect(client.send(new ec2.AttachVolumeCommand({ ...input, VolumeId: id }))).rejects.toThrow(
      "availability zone",
    );
    const { Volumes } = await client.send(
      new ec2.DescribeVolumesCommand({ Filters: [{ Name: "attachment.instance-id", Values: [instance] }] }),
    );
    const VolumeId = Volumes?.[0]?.VolumeId ?? "";
    await expect(client.send(new ec2.DetachVolumeCommand({ VolumeId }))).rejects.toThrow("root volume");
    const terminate = new ec2.TerminateInstancesCommand({ InstanceIds: [instance] });
    await client.send(terminate);
    await expect(client.send(new ec2.CreateSnapshotCommand({ VolumeId }))).rejects.toThrow("not 'available'");
  });

  it("gives a new instance the volumes of its mappings", async () => {
    const instance = await launch({
      BlockDeviceMappings: [
        { DeviceName: "/dev/sdf", Ebs: { VolumeSize: 2, VolumeType: "gp3", DeleteOnTermination: false } },
        { DeviceName: "/dev/sdg", Ebs: { VolumeSize: 3 } },
      ],
    });
    nodeReports();
    const { Volumes = [] } = await client.send(
      new ec2.DescribeVolumesCommand({ Filters: [{ Name: "attachment.instance-id", Values: [instance] }] }),
    );
    const shown = Volumes.map(({ Size, Attachments }) => [
      Size,
      Attachments?.[0]?.Device,
      Attachments?.[0]?.State,
    ]);
    expect(shown.toSorted()).toEqual([
      [2, "/dev/sdf", "attached"],
      [3, "/dev/sdg", "attached"],
      [8, "/dev/xvda", "attached"],
    ]);
    const twice = { DeviceName: "/dev/sdf", Ebs: { VolumeSize: 2 } };
    await expect(launch({ BlockDeviceMappings: [twice, twice] })).rejects.toThrow("already in use");
  });
});

describe("ModifyVolume", () => {
  it("grows a volume once its node has, and records the rest", async () => {
    const VolumeId = await create({ VolumeType: "gp3" });
    nodeReports();
    const changed = { VolumeId, Size: 6, VolumeType: "gp3", Iops: 3_500, Throughput: 200 } as const;
    const { VolumeModification } = await client.send(new ec2.ModifyVolumeCommand(changed));
    expect(VolumeModification).toMatchObject({
      ModificationState: "modifying",
      OriginalSize: 4,
      TargetSize: 6,
    });
    await expect(client.send(new ec2.ModifyVolumeCommand(changed))).rejects.toThrow("being modified");
    nodeReports();
    const described = await client.send(
      new ec2.DescribeVolumesModificationsCommand({
        ...{ VolumeIds: [VolumeId], Filters: [{ Name: "target-size", Values: ["6"] }] },
        IncludeManagedResources: true,
      }),
    );
    expect(described.VolumesModifications).toMatchObject([
      { ModificationState: "completed", TargetIops: 3_500 },
    ]);
    expect(await volume(VolumeId)).toMatchObject({ Size: 6, Iops: 3_500, Throughput: 200 });
    await expect(client.send(new ec2.ModifyVolumeCommand({ VolumeId, Size: 5 }))).rejects.toThrow("smaller");
    for (const VolumeType of ["gp2", "io1", "io2", "standard", "gp3"] as const) {
      const Iops = VolumeType.startsWith("io") ? { Iops: 300 } : {};
      await client.send(new ec2.ModifyVolumeCommand({ VolumeId, VolumeType, ...Iops }));
      expect((await volume(VolumeId))?.VolumeType).toBe(VolumeType);
    }
    for (const VolumeType of ["st1", "sc1"] as const)
      await client.send(new ec2.ModifyVolumeCommand({ VolumeId: await create({ Size: 125 }), VolumeType }));
    const other = await create();
    await expect(
      client.send(new ec2.DescribeVolumesModificationsCommand({ VolumeIds: [other] })),
    ).rejects.toThrow("does not exist");
  });
});

describe("snapshots", () => {
  it("are copies of volumes, from which volumes and copies are made", async () => {
    const VolumeId = await create({ Encrypted: true });
    nodeReports();
    const { SnapshotId = "", State } = await client.send(
      new ec2.CreateSnapshotCommand({
        ...{ VolumeId, Description: "first" },
        TagSpecifications: [{ ResourceType: "snapshot", Tags: [{ Key: "Name", Value: "s" }] }],
      }),
    );
    expect(State).toBe("pending");
    await expect(create({ SnapshotId })).rejects.toThrow("pending");
    // The volume is kept until the copy is complete.
    await client.send(new ec2.DeleteVolumeCommand({ VolumeId }));
    expect((await volume(VolumeId))?.State).toBe("deleting");
    nodeReports();
    await expect(volume(VolumeId)).rejects.toThrow("does not exist");
    const describe = async (input: ec2.DescribeSnapshotsCommandInput) =>
      (await client.send(new ec2.DescribeSnapshotsCommand(input))).Snapshots ?? [];
    expect(await describe({ SnapshotIds: [SnapshotId], OwnerIds: ["self"] })).toMatchObject([
      { State: "completed", Progress: "100%", Description: "first", VolumeSize: 4, Encrypted: true },
    ]);
    expect(await describe({ OwnerIds: ["amazon"] })).toEqual([]);
    expect(await describe({ RestorableByUserIds: ["111111111111"] })).toEqual([]);
    expect(await describe({ Filters: [{ Name: "volume-id", Values: [VolumeId] }] })).toHaveLength(1);
    const restored = await create({ SnapshotId, Size: undefined });
    expect(await volume(restored)).toMatchObject({ Size: 4, Encrypted: true, SnapshotId });
    await expect(create({ SnapshotId, Size: 3 })).rejects.toThrow("smaller");
    await expect(client.send(new ec2.DeleteSnapshotCommand({ SnapshotId }))).rejects.toThrow("copied");
    nodeReports();
    const copy = await client.send(
      new ec2.CopySnapshotCommand({
        ...{ SourceRegion: "eu-south-1", SourceSnapshotId: SnapshotId, Description: "again" },
        ...{ DestinationRegion: "eu-south-1", Encrypted: true, KmsKeyId: "alias/mine" },
        ...{ PresignedUrl: "https://example.org", CompletionDurationMinutes: 15 },
        TagSpecifications: [{ ResourceType: "snapshot", Tags: [{ Key: "Name", Value: "c" }] }],
      }),
    );
    nodeReports();
    expect(await describe({ SnapshotIds: [copy.SnapshotId ?? ""] })).toMatchObject([
      { VolumeId: "vol-ffffffff", Description: "again", Tags: [{ Key: "Name", Value: "c" }] },
    ]);
    await client.send(new ec2.DeleteSnapshotCommand({ SnapshotId }));
    await expect(describe({ SnapshotIds: [SnapshotId] })).rejects.toThrow("does not exist");
    await refusalFor("DestinationRegion", () =>
      client.send(
        new ec2.CopySnapshotCommand({
          ...{ SourceRegion: "eu-south-1", SourceSnapshotId: copy.SnapshotId },
          DestinationRegion: "us-east-1",
        }),
      ),
    );
  });

  it("and volumes of another account are neither seen nor used", async () => {
    const VolumeId = await create();
    nodeReports();
    const { SnapshotId = "" } = await client.send(new ec2.CreateSnapshotCommand({ VolumeId }));
    nodeReports();
    admitOther(api);
    const user = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
    expect((await user.send(new ec2.DescribeSnapshotsCommand({}))).Snapshots).toEqual([]);
    expect((await user.send(new ec2.DescribeVolumesCommand({}))).Volumes).toEqual([]);
    for (const command of [
      new ec2.CreateSnapshotCommand({ VolumeId }),
      new ec2.CreateVolumeCommand({ AvailabilityZone, SnapshotId }),
      new ec2.DeleteVolumeCommand({ VolumeId }),
      new ec2.DeleteSnapshotCommand({ SnapshotId }),
      new ec2.AttachVolumeCommand({ VolumeId, InstanceId: await launch(), Device: "/dev/sdf" }),
      new ec2.CopySnapshotCommand({ SourceRegion: "eu-south-1", SourceSnapshotId: SnapshotId }),
    ])
      await expect(user.send(command as ec2.CreateSnapshotCommand)).rejects.toThrow("does not exist");
  });
});

describe("a description page by page", () => {
  /** What two pages have, of five at most each. */
  const twoPages = async <T>(
    read: (page: { MaxResults: number; NextToken?: string | undefined }) => Promise<{
      items: readonly T[];
      next: string | undefined;
    }>,
  ) => {
    const first = await read({ MaxResults: 5 });
    expect(first.items).toHaveLength(5);
    const second = await read({ MaxResults: 5, NextToken: first.next });
    expect(second.next).toBeUndefined();
    return [...first.items, ...second.items];
  };

  it("is that of snapshots", async () => {
    const VolumeId = await create();
    nodeReports();
    const made: (string | undefined)[] = [];
    for (let index = 0; index < 6; index += 1)
      made.push((await client.send(new ec2.CreateSnapshotCommand({ VolumeId }))).SnapshotId);
    const Filters = [{ Name: "volume-id", Values: [VolumeId] }];
    const found = await twoPages(async (page) => {
      const answer = await client.send(new ec2.DescribeSnapshotsCommand({ Filters, ...page }));
      return { items: (answer.Snapshots ?? []).map((each) => each.SnapshotId), next: answer.NextToken };
    });
    expect(found).toEqual(made.toSorted());
  });

  it("is that of modifications of volumes", async () => {
    const made: string[] = [];
    for (let index = 0; index < 6; index += 1) {
      const VolumeId = await create();
      await client.send(new ec2.ModifyVolumeCommand({ VolumeId, VolumeType: "gp3", Iops: 3_700 }));
      made.push(VolumeId);
    }
    const Filters = [{ Name: "target-iops", Values: ["3700"] }];
    const found = await twoPages(async (page) => {
      const answer = await client.send(new ec2.DescribeVolumesModificationsCommand({ Filters, ...page }));
      return {
        items: (answer.VolumesModifications ?? []).map((each) => each.VolumeId),
        next: answer.NextToken,
      };
    });
    expect(found).toEqual(made.toSorted());
  });
});

it("a snapshot is kept in its region, and in no zone alone", async () => {
  const VolumeId = await create();
  nodeReports();
  const at = (Location: ec2.SnapshotLocationEnum) =>
    client.send(new ec2.CreateSnapshotCommand({ VolumeId, Location }));
  const { SnapshotId = "" } = await at("regional");
  nodeReports();
  expect(await volume(await create({ SnapshotId, AvailabilityZone: "eu-south-1b" }))).toMatchObject({
    SnapshotId,
    AvailabilityZone: "eu-south-1b",
  });
  await expect(at("local")).rejects.toThrow("Location");
});
