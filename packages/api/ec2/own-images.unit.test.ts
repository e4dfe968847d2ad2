import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { recordAttachedVolumes, recordVolumeFile } from "@gantry/controllers/node/ebs-assignment";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";
import { machineImages } from "../common/machine-images.ts";

// Images that an account makes of its instances; the node's reports are made here.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const GIB = 1024 ** 3;
const Placement = { AvailabilityZone: "eu-south-1a" };
const { id: PUBLIC = "" } =
  machineImages("eu-south-1").find(({ rootDevice }) => rootDevice === "/dev/sda1") ?? {};

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
    for (const kind of ["volume", "snapshot"] as const)
      for (const { id, sizeGiB, ...record } of tx.list(kind))
        // A root volume is the container's own file system.
        if (!("isRoot" in record && record.isRoot))
          recordVolumeFile(tx, { nodeId: "n", now: 5 }, { key: `${kind}/${id}`, bytes: sizeGiB * GIB });
    for (const instance of tx.list("ec2Instance")) {
      const own = tx.list("volume").filter(({ attachment }) => attachment?.instanceId === instance.id);
      recordAttachedVolumes(
        tx,
        instance.id,
        own.map(({ id }) => id),
      );
      if (instance.state === "pending") tx.put("ec2Instance", instance.id, { ...instance, state: "running" });
    }
  });
}

const launch = async (ImageId: string, input: Partial<ec2.RunInstancesCommandInput> = {}) => {
  const base = { InstanceType: "t3.small", MinCount: 1, MaxCount: 1, Placement } as const;
  const made = await client.send(new ec2.RunInstancesCommand({ ImageId, ...base, ...input }));
  return made.Instances?.[0]?.InstanceId ?? "";
};
const createImage = (input: Partial<ec2.CreateImageCommandInput>) =>
  client.send(new ec2.CreateImageCommand({ InstanceId: source, Name: "own", ...input }));
const images = async (input: ec2.DescribeImagesCommandInput) =>
  (await client.send(new ec2.DescribeImagesCommand(input))).Images ?? [];
const volumesOf = async (id: string) => {
  const Filters = [{ Name: "attachment.instance-id", Values: [id] }];
  return (await client.send(new ec2.DescribeVolumesCommand({ Filters }))).Volumes ?? [];
};
const recordOf = (id: string) => api.store.get("ec2Instance", id);
let source = "";
let image: ec2.Image | undefined;

beforeAll(async () => {
  nodeReports();
  source = await launch(PUBLIC, {
    BlockDeviceMappings: [
      { DeviceName: "/dev/sda1", Ebs: { VolumeSize: 9, VolumeType: "gp3" } },
      { DeviceName: "/dev/sdf", Ebs: { VolumeSize: 2, VolumeType: "gp2", DeleteOnTermination: false } },
    ],
  });
  nodeReports();
  const tags = (Value: string) => [{ Key: "of", Value }];
  const { ImageId = "" } = await createImage({
    ...{ Description: "d", NoReboot: true, SnapshotLocation: "regional" },
    TagSpecifications: [
      { ResourceType: "image", Tags: tags("image") },
      { ResourceType: "snapshot", Tags: tags("snapshot") },
    ],
  });
  [image] = await images({ ImageIds: [ImageId] });
});

describe("an image of an instance", () => {
  it("is pending until the snapshots of its volumes are complete", async () => {
    const ImageId = image?.ImageId ?? "";
    expect(image).toMatchObject({
      ...{ State: "pending", Name: "own", Description: "d", Public: false, OwnerId: "000000000000" },
      ...{ SourceInstanceId: source, RootDeviceName: "/dev/sda1", Tags: [{ Key: "of", Value: "image" }] },
    });
    await expect(launch(ImageId)).rejects.toMatchObject({ name: "InvalidAMIID.Unavailable" });
    nodeReports();
    const Filters = [
      ["state", "available"],
      ["is-public", "false"],
      ["source-instance-id", source],
      ["tag:of", "image"],
      ["description", "d"],
    ].map(([Name, value = ""]) => ({ Name, Values: [value] }));
    expect(await images({ Owners: ["self"], Filters })).toHaveLength(1);
    expect(await images({ Owners: ["self"] })).toHaveLength(1);
    expect(await images({ Owners: ["amazon"], ImageIds: [ImageId] })).toHaveLength(0);
    expect(await images({ ExecutableUsers: ["all"], ImageIds: [ImageId] })).toHaveLength(0);
    const ids = image?.BlockDeviceMappings?.map(({ Ebs }) => Ebs?.SnapshotId ?? "") ?? [];
    const { Snapshots = [] } = await client.send(new ec2.DescribeSnapshotsCommand({ SnapshotIds: ids }));
    expect(Snapshots.map(({ VolumeSize }) => VolumeSize).toSorted()).toEqual([2, 9]);
    for (const { Tags, State, Description } of Snapshots) {
      expect([Tags, State]).toEqual([[{ Key: "of", Value: "snapshot" }], "completed"]);
      expect(Description).toBe(`Created by CreateImage(${source}) for ${ImageId}`);
    }
  });

  it("is what other instances start from, with its devices", async () => {
    const ImageId = image?.ImageId ?? "";
    const id = await launch(ImageId);
    const root = image?.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === "/dev/sda1")?.Ebs;
    const ownImage = { rootSnapshotId: root?.SnapshotId, rootDevice: "/dev/sda1", architecture: "x86_64" };
    expect(recordOf(id)).toMatchObject({ imageId: ImageId, nodeId: "n", ownImage });
    const volumes = await volumesOf(id);
    expect(volumes.map(({ Size, Attachments }) => [Size, Attachments?.[0]?.Device]).toSorted()).toEqual([
      [2, "/dev/sdf"],
      [9, "/dev/sda1"],
    ]);
    expect(volumes.every(({ SnapshotId }) => SnapshotId !== undefined && SnapshotId !== "")).toBe(true);
    const without = await launch(ImageId, {
      BlockDeviceMappings: [{ DeviceName: "/dev/sdf", NoDevice: "" }],
    });
    expect(await volumesOf(without)).toHaveLength(1);
    const small = { BlockDeviceMappings: [{ DeviceName: "/dev/sda1", Ebs: { VolumeSize: 8 } }] };
    await expect(launch(ImageId, small)).rejects.toThrow("smaller than the snapshot");
    await expect(
      client.send(new ec2.CreateVolumeCommand({ ...Placement, SnapshotId: root?.SnapshotId })),
    ).rejects.toThrow("root file system");
  });

  it("has a name of its own in its account", async () => {
    await expect(createImage({})).rejects.toMatchObject({ name: "InvalidAMIName.Duplicate" });
    for (const Name of ["ab", "a".repeat(129), "a\nb", "a;b"])
      await expect(createImage({ Name })).rejects.toMatchObject({ name: "InvalidAMIName.Malformed" });
    const NoReboot = false;
    await expect(createImage({ Name: "gone", InstanceId: "i-00000000", NoReboot })).rejects.toMatchObject({
      name: "InvalidInstanceID.NotFound",
    });
  });

  it("keeps its snapshots while it is registered, and its instances run on without it", async () => {
    const ImageId = image?.ImageId ?? "";
    const SnapshotId = image?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId ?? "";
    const deletion = new ec2.DeleteSnapshotCommand({ SnapshotId });
    await expect(client.send(deletion)).rejects.toMatchObject({ name: "InvalidSnapshot.InUse" });
    const id = await launch(ImageId);
    await client.send(new ec2.DeregisterImageCommand({ ImageId }));
    await expect(launch(ImageId)).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
    const root = recordOf(id)?.ownImage?.rootSnapshotId;
    const rootDeletion = new ec2.DeleteSnapshotCommand({ SnapshotId: root });
    await expect(client.send(rootDeletion)).rejects.toMatchObject({ name: "InvalidSnapshot.InUse" });
    nodeReports();
    await client.send(rootDeletion);
    const { Reservations } = await client.send(new ec2.DescribeInstancesCommand({ InstanceIds: [id] }));
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      ...{ RootDeviceName: "/dev/sda1", Architecture: "x86_64", ImageId },
    });
  });

  it("is deleted with its snapshots where that is asked for", async () => {
    const { ImageId = "" } = await createImage({ Name: "two" });
    nodeReports();
    const starting = await launch(ImageId, {
      BlockDeviceMappings: [{ DeviceName: "/dev/sdf", NoDevice: "" }],
    });
    const before = api.store.keys("snapshot").length;
    const input = { ImageId, DeleteAssociatedSnapshots: true };
    const { DeleteSnapshotResults } = await client.send(new ec2.DeregisterImageCommand(input));
    expect(DeleteSnapshotResults?.map(({ ReturnCode }) => ReturnCode).toSorted()).toEqual([
      "skipped",
      "success",
    ]);
    expect(api.store.keys("snapshot")).toHaveLength(before - 1);
    expect(api.store.get("snapshot", recordOf(starting)?.ownImage?.rootSnapshotId)).toBeDefined();
    const again = new ec2.DeregisterImageCommand({ ImageId, DeleteAssociatedSnapshots: false });
    await expect(client.send(again)).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
  });

  it("is deleted with its snapshots while an instance runs that started from it", async () => {
    const { ImageId = "" } = await createImage({ Name: "running" });
    nodeReports();
    await launch(ImageId);
    nodeReports();
    const input = { ImageId, DeleteAssociatedSnapshots: true };
    const { DeleteSnapshotResults } = await client.send(new ec2.DeregisterImageCommand(input));
    expect(DeleteSnapshotResults?.map(({ ReturnCode }) => ReturnCode)).toEqual(["success", "success"]);
  });

  it("leaves a snapshot that a volume or another snapshot is still made of", async () => {
    const { ImageId = "" } = await createImage({ Name: "three" });
    nodeReports();
    const [made] = await images({ ImageIds: [ImageId] });
    const idOf = (device: string) =>
      made?.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === device)?.Ebs?.SnapshotId;
    const [SnapshotId, SourceSnapshotId] = [idOf("/dev/sdf"), idOf("/dev/sda1")];
    await client.send(new ec2.CreateVolumeCommand({ ...Placement, SnapshotId }));
    await client.send(new ec2.CopySnapshotCommand({ SourceSnapshotId, SourceRegion: "eu-south-1" }));
    const input = { ImageId, DeleteAssociatedSnapshots: true };
    const { DeleteSnapshotResults } = await client.send(new ec2.DeregisterImageCommand(input));
    expect(DeleteSnapshotResults?.map(({ ReturnCode }) => ReturnCode)).toEqual(["skipped", "skipped"]);
    expect(api.store.get("snapshot", SnapshotId)).toBeDefined();
  });

  it("has failed where a snapshot was never made, and starts nothing", async () => {
    const { ImageId = "" } = await createImage({ Name: "four" });
    const root = api.store.get("machineImage", ImageId)?.rootSnapshotId ?? "";
    api.store.transact((tx) => tx.delete("snapshot", root));
    nodeReports();
    expect((await images({ ImageIds: [ImageId] }))[0]?.State).toBe("failed");
    await expect(launch(ImageId)).rejects.toMatchObject({ name: "InvalidAMIID.Unavailable" });
  });

  it("is copied with the snapshot of its root, in whatever region", async () => {
    const root = (await volumesOf(source)).find(
      ({ Attachments }) => Attachments?.[0]?.Device === "/dev/sda1",
    );
    const made = await client.send(new ec2.CreateSnapshotCommand({ VolumeId: root?.VolumeId }));
    nodeReports();
    const SourceRegion = "eu-south-1";
    const copy = new ec2.CopySnapshotCommand({ SourceSnapshotId: made.SnapshotId, SourceRegion });
    const { SnapshotId } = await client.send(copy);
    expect(api.store.get("snapshot", SnapshotId)).toMatchObject({ rootOf: source, source: made.SnapshotId });
  });

  it("is deregistered by nobody without permission on it", async () => {
    const { ImageId = "" } = await createImage({ Name: "kept" });
    const users = new iam.IAMClient(api.client());
    await users.send(new iam.CreateUserCommand({ UserName: "limited" }));
    const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: "limited" }));
    const allow = (Resource: string) =>
      users.send(
        new iam.PutUserPolicyCommand({
          ...{ UserName: "limited", PolicyName: "p" },
          PolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: { Effect: "Allow", Action: "ec2:DeregisterImage", Resource },
          }),
        }),
      );
    const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
    const limited = new ec2.EC2Client(api.client({ accessKeyId, secretAccessKey }));
    const deregister = (input: Partial<ec2.DeregisterImageCommandInput> = {}) =>
      limited.send(new ec2.DeregisterImageCommand({ ImageId, ...input }));
    const denied = { name: "UnauthorizedOperation" };
    await allow("arn:aws:ec2:eu-south-1::image/ami-0123456789abcdef0");
    await expect(deregister()).rejects.toMatchObject(denied);
    await allow(`arn:aws:ec2:eu-south-1::image/${ImageId}`);
    await expect(deregister({ DeleteAssociatedSnapshots: true })).rejects.toMatchObject(denied);
    await deregister();
  });

  it("is neither seen nor used by another account", async () => {
    const { ImageId = "" } = await createImage({ Name: "secret" });
    nodeReports();
    admitOther(api);
    const other = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
    const notFound = { name: "InvalidAMIID.NotFound" };
    await expect(other.send(new ec2.DescribeImagesCommand({ ImageIds: [ImageId] }))).rejects.toMatchObject(
      notFound,
    );
    const { Images = [] } = await other.send(new ec2.DescribeImagesCommand({ Owners: ["000000000000"] }));
    expect(Images).toEqual([]);
    const run = { ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
    await expect(other.send(new ec2.RunInstancesCommand(run))).rejects.toMatchObject(notFound);
    await expect(other.send(new ec2.DeregisterImageCommand({ ImageId }))).rejects.toMatchObject(notFound);
    await client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [source] }));
    await expect(createImage({ Name: "late" })).rejects.toMatchObject({ name: "IncorrectState" });
    const making = new ec2.CreateImageCommand({ InstanceId: source, Name: "stolen" });
    await expect(other.send(making)).rejects.toMatchObject({ name: "InvalidInstanceID.NotFound" });
  });
});
