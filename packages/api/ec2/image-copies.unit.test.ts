import * as ec2 from "@aws-sdk/client-ec2";
import { recordVolumeFile } from "@gantry/controllers/node/ebs-assignment";
import { startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";
import { machineImages } from "../common/machine-images.ts";

// Images of snapshots and of other images; the node's reports are made here.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const far = new ec2.EC2Client(api.client(undefined, "us-east-1"));
const GIB = 1024 ** 3;
const { id: PUBLIC = "" } =
  machineImages("eu-south-1").find(({ rootDevice }) => rootDevice === "/dev/xvda") ?? {};

function nodeReports(): void {
  api.store.transact((tx) => {
    tx.put("node", "n", {
      ...{
        id: "n",
        hostname: "n",
        cpu: 4,
        memoryMiB: 4_096,
        agentPid: 1,
        state: "CONNECTED",
        registeredAt: 0,
      },
    });
    for (const { id, sizeGiB } of tx.list("snapshot"))
      recordVolumeFile(tx, { nodeId: "n", now: 5 }, { key: `snapshot/${id}`, bytes: sizeGiB * GIB });
    for (const { id, sizeGiB, isRoot } of tx.list("volume"))
      if (isRoot === false)
        recordVolumeFile(tx, { nodeId: "n", now: 5 }, { key: `volume/${id}`, bytes: sizeGiB * GIB });
  });
}

const launch = async (ImageId: string, by = client) => {
  const base = { InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
  return (await by.send(new ec2.RunInstancesCommand({ ImageId, ...base }))).Instances?.[0];
};
const imageOf = async (id: string | undefined, by = client) =>
  (await by.send(new ec2.DescribeImagesCommand({ ImageIds: [id ?? ""] }))).Images?.[0];
const register = async (input: Partial<ec2.RegisterImageRequest>) =>
  (await client.send(new ec2.RegisterImageCommand({ Name: "registered", ...input }))).ImageId;
const copy = async (input: Partial<ec2.CopyImageRequest>, by = client) =>
  (
    await by.send(
      new ec2.CopyImageCommand({
        Name: "copied",
        SourceRegion: "eu-south-1",
        SourceImageId: source,
        ...input,
      }),
    )
  ).ImageId;
const rootOf = (SnapshotId: string | undefined, ebs: ec2.EbsBlockDevice = {}) => [
  { DeviceName: "/dev/sda1", Ebs: { SnapshotId, ...ebs } },
];
let source = "";
let rootSnapshot = "";
let dataSnapshot = "";

beforeAll(async () => {
  nodeReports();
  const { InstanceId } = (await launch(PUBLIC)) ?? {};
  const TagSpecifications = [{ ResourceType: "image" as const, Tags: [{ Key: "of", Value: "source" }] }];
  const create = new ec2.CreateImageCommand({ InstanceId, Name: "source", TagSpecifications });
  source = (await client.send(create)).ImageId ?? "";
  const AvailabilityZone = "eu-south-1a";
  const { VolumeId } = await client.send(new ec2.CreateVolumeCommand({ AvailabilityZone, Size: 2 }));
  nodeReports();
  dataSnapshot = (await client.send(new ec2.CreateSnapshotCommand({ VolumeId }))).SnapshotId ?? "";
  nodeReports();
  rootSnapshot = (await imageOf(source))?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId ?? "";
});

describe("RegisterImage", () => {
  it("makes an image of a snapshot of a root volume, from which instances start", async () => {
    const id = await register({
      ...{ Description: "d", Architecture: "x86_64", VirtualizationType: "hvm", RootDeviceName: "/dev/xvda" },
      ...{ EnaSupport: true, ImdsSupport: "v2.0", BootMode: "uefi", SriovNetSupport: "simple" },
      TagSpecifications: [{ ResourceType: "image", Tags: [{ Key: "n", Value: "v" }] }],
      BlockDeviceMappings: [
        {
          DeviceName: "/dev/xvda",
          Ebs: {
            ...{ SnapshotId: rootSnapshot, VolumeSize: 20, VolumeType: "gp3", DeleteOnTermination: false },
            ...{ Iops: 4_000, Throughput: 250 },
          },
        },
        { DeviceName: "/dev/sdf", Ebs: { SnapshotId: dataSnapshot, DeleteOnTermination: true } },
      ],
    });
    expect(await imageOf(id)).toMatchObject({
      ...{ Name: "registered", Description: "d", State: "available", Architecture: "x86_64", Public: false },
      ...{ EnaSupport: true, ImdsSupport: "v2.0", BootMode: "uefi", SriovNetSupport: "simple" },
      ...{ RootDeviceName: "/dev/xvda", Tags: [{ Key: "n", Value: "v" }] },
      BlockDeviceMappings: [
        { Ebs: { SnapshotId: rootSnapshot, VolumeSize: 20, Iops: 4_000, DeleteOnTermination: false } },
        { DeviceName: "/dev/sdf", Ebs: { SnapshotId: dataSnapshot, VolumeSize: 2, VolumeType: "gp2" } },
      ],
    });
    expect((await launch(id ?? ""))?.ImageId).toBe(id);
    await expect(register({ BlockDeviceMappings: rootOf(rootSnapshot) })).rejects.toMatchObject({
      name: "InvalidAMIName.Duplicate",
    });
    const plain = await register({ Name: "plain", BlockDeviceMappings: rootOf(rootSnapshot) });
    expect(await imageOf(plain)).toMatchObject({ EnaSupport: false, RootDeviceName: "/dev/sda1" });
    const arm = { Name: "arm", Architecture: "arm64", BlockDeviceMappings: rootOf(rootSnapshot) } as const;
    expect((await imageOf(await register(arm)))?.Architecture).toBe("arm64");
    for (const BootMode of ["legacy-bios", "uefi-preferred"] as const) {
      const one = { Name: BootMode, BootMode, BlockDeviceMappings: rootOf(rootSnapshot) };
      expect((await imageOf(await register(one)))?.BootMode).toBe(BootMode);
    }
    for (const VolumeType of Object.values(ec2.VolumeType)) {
      const one = { Name: `of ${VolumeType}`, BlockDeviceMappings: rootOf(rootSnapshot, { VolumeType }) };
      expect((await imageOf(await register(one)))?.BlockDeviceMappings?.[0]?.Ebs?.VolumeType).toBe(
        VolumeType,
      );
    }
  });

  it("keeps a snapshot of two images when one of them is deregistered with its snapshots", async () => {
    const mappings = [...rootOf(rootSnapshot), { DeviceName: "/dev/sdf", Ebs: { SnapshotId: rootSnapshot } }];
    const [one, two] = [
      await register({ Name: "one of two", BlockDeviceMappings: mappings }),
      await register({ Name: "two of two", BlockDeviceMappings: rootOf(rootSnapshot) }),
    ];
    const deregister = new ec2.DeregisterImageCommand({ ImageId: one, DeleteAssociatedSnapshots: true });
    expect((await client.send(deregister)).DeleteSnapshotResults).toEqual([
      { SnapshotId: rootSnapshot, ReturnCode: "skipped" },
    ]);
    expect((await imageOf(two))?.State).toBe("available");
  });

  it("refuses what no instance could start from", async () => {
    const refused = (input: Partial<ec2.RegisterImageRequest>, message: string) =>
      expect(register({ Name: "other", ...input })).rejects.toThrow(message);
    await refused({}, "The root device /dev/sda1 needs a snapshot.");
    await refused({ BlockDeviceMappings: rootOf(dataSnapshot) }, "is of no root volume");
    await refused({ BlockDeviceMappings: rootOf("snap-0123456789abcdef0") }, "snap-0123456789abcdef0");
    await refused({ BlockDeviceMappings: rootOf(rootSnapshot, { VolumeSize: 1 }) }, "volumeSize");
    for (const Architecture of ["i386", "arm64_mac", "x86_64_mac"] as const)
      await refusalFor("Architecture", () => register({ Name: "other", Architecture }));
    await refused({ VirtualizationType: "paravirtual" }, "virtualizationType");
    await refused({ Name: "x" }, "AMI names must be between 3 and 128 characters");
    admitOther(api);
    const stranger = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
    const stolen = { Name: "stolen", BlockDeviceMappings: rootOf(rootSnapshot) };
    await expect(stranger.send(new ec2.RegisterImageCommand(stolen))).rejects.toMatchObject({
      name: "InvalidSnapshot.NotFound",
    });
  });
});

describe("CopyImage", () => {
  it("copies the snapshots of an image into another region, and is available once they are there", async () => {
    const tags = (Value: string) => [{ Key: "made", Value }];
    const input = {
      ...{ ClientToken: "once", Description: "far", CopyImageTags: true, Encrypted: true },
      SnapshotCopyCompletionDurationMinutes: 15,
      TagSpecifications: [
        { ResourceType: "image" as const, Tags: tags("image") },
        { ResourceType: "snapshot" as const, Tags: tags("snapshot") },
      ],
    };
    const id = await copy(input, far);
    expect(await copy(input, far)).toBe(id);
    const before = await imageOf(id, far);
    expect(before).toMatchObject({ Name: "copied", Description: "far", State: "pending" });
    expect(before?.Tags).toEqual([
      { Key: "of", Value: "source" },
      { Key: "made", Value: "image" },
    ]);
    const { SnapshotId = "", Encrypted } = before?.BlockDeviceMappings?.[0]?.Ebs ?? {};
    expect([SnapshotId === rootSnapshot, Encrypted]).toEqual([false, true]);
    const asked = new ec2.DescribeSnapshotsCommand({ SnapshotIds: [SnapshotId] });
    const [snapshot] = (await far.send(asked)).Snapshots ?? [];
    expect(snapshot?.Tags).toEqual(tags("snapshot"));
    expect(snapshot?.Description).toContain(`from SourceAmi ${source} for SourceSnapshot ${rootSnapshot}.`);
    nodeReports();
    expect((await imageOf(id, far))?.State).toBe("available");
    expect((await launch(id ?? "", far))?.ImageId).toBe(id);
    await expect(imageOf(id)).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
  });

  it("describes a copy by its source, without the source's tags, with the key that is given", async () => {
    const KmsKeyId = "arn:aws:kms:eu-south-1:000000000000:key/12345678-1234-1234-1234-123456789012";
    const id = await copy({ Name: "keyed", CopyImageTags: false, Encrypted: true, KmsKeyId });
    const image = await imageOf(id);
    expect(image).toMatchObject({ Description: `[Copied ${source} from eu-south-1]`, Tags: [] });
    const SnapshotIds = [image?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId ?? ""];
    const { Snapshots } = await client.send(new ec2.DescribeSnapshotsCommand({ SnapshotIds }));
    expect(Snapshots?.[0]?.KmsKeyId).toBe(KmsKeyId);
    const plain = await imageOf(await copy({ Name: "plain copy", Encrypted: false }));
    expect(plain?.BlockDeviceMappings?.[0]?.Ebs?.Encrypted).toBe(false);
  });

  it("is refused for images that are pending, of AWS or of strangers", async () => {
    const pending = await copy({ Name: "pending" });
    const again = { Name: "again", SourceImageId: pending };
    await expect(copy(again)).rejects.toMatchObject({ name: "InvalidAMIID.Unavailable" });
    await expect(copy({ Name: "aws", SourceImageId: PUBLIC })).rejects.toThrow(
      "images that the account has made",
    );
    await expect(copy({ Name: "copied", SourceImageId: "ami-0123456789abcdef0" })).rejects.toMatchObject({
      name: "InvalidAMIID.NotFound",
    });
    const stranger = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
    await expect(copy({ Name: "stolen" }, stranger)).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
  });
});
