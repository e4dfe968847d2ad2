import * as ec2 from "@aws-sdk/client-ec2";
import * as kms from "@aws-sdk/client-kms";
import { recordVolumeFile } from "@gantry/controllers/node/ebs-assignment";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";
import { machineImages } from "../common/machine-images.ts";

// What volumes do whose KMS key may not be used.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const keys = new kms.KMSClient(api.client());
const AvailabilityZone = "eu-south-1a";
const ImageId = machineImages("eu-south-1")[0]?.id ?? "";
const INVALID = { name: "InvalidKmsKey.InvalidState" };
let KeyId = "";
let KmsKeyId = "";

beforeAll(async () => {
  const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
  [KeyId, KmsKeyId] = [KeyMetadata?.KeyId ?? "", KeyMetadata?.Arn ?? ""];
});

const newVolume = async (to = client) => {
  const input = { AvailabilityZone, Size: 1, Encrypted: true, KmsKeyId };
  const { VolumeId = "" } = await to.send(new ec2.CreateVolumeCommand(input));
  api.store.transact((tx) => {
    const node = { id: "n", hostname: "n", cpu: 4, memoryMiB: 4_096, agentPid: 1, registeredAt: 0 };
    tx.put("node", "n", { ...node, state: "CONNECTED" });
    recordVolumeFile(tx, { nodeId: "n", now: 1 }, { key: `volume/${VolumeId}`, bytes: 1024 ** 3 });
  });
  return VolumeId;
};
const run = (KmsKey?: string) => {
  const Ebs = KmsKey === undefined ? {} : { Encrypted: true, KmsKeyId: KmsKey };
  const BlockDeviceMappings = [{ DeviceName: "/dev/xvda", Ebs }];
  const base = { ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
  return client.send(
    new ec2.RunInstancesCommand({ ...base, Placement: { AvailabilityZone }, BlockDeviceMappings }),
  );
};
const report = (id: string, state: "running" | "stopped") =>
  api.store.transact((tx) => {
    const record = tx.get("ec2Instance", id);
    if (record !== undefined) tx.put("ec2Instance", id, { ...record, state });
  });

it("keeps instances stopped and volumes apart while the key is disabled, and not once it is enabled", async () => {
  const volume = await newVolume();
  const id = (await run(KmsKeyId)).Instances?.[0]?.InstanceId ?? "";
  report(id, "stopped");
  await keys.send(new kms.DisableKeyCommand({ KeyId }));
  const start = new ec2.StartInstancesCommand({ InstanceIds: [id] });
  expect((await client.send(start)).StartingInstances?.[0]?.CurrentState?.Name).toBe("stopped");
  const shown = await client.send(new ec2.DescribeInstancesCommand({ InstanceIds: [id] }));
  expect(shown.Reservations?.[0]?.Instances?.[0]).toMatchObject({
    State: { Name: "stopped" },
    StateReason: { Code: "Client.InvalidKmsKey.InvalidState" },
    StateTransitionReason: "Client.InvalidKmsKey.InvalidState",
  });
  const attach = new ec2.AttachVolumeCommand({ VolumeId: volume, InstanceId: id, Device: "/dev/sdf" });
  await expect(client.send(attach)).rejects.toMatchObject(INVALID);
  await expect(newVolume()).rejects.toMatchObject(INVALID);
  await expect(run(KmsKeyId)).rejects.toMatchObject(INVALID);
  await run();
  await keys.send(new kms.EnableKeyCommand({ KeyId }));
  await client.send(attach);
  expect((await client.send(start)).StartingInstances?.[0]?.CurrentState?.Name).toBe("pending");
});

it("copies no snapshot whose own key may not be used, also with another key", async () => {
  const VolumeId = await newVolume();
  const { SnapshotId } = await client.send(new ec2.CreateSnapshotCommand({ VolumeId }));
  api.store.transact((tx) => {
    for (const id of tx.keys("snapshot"))
      recordVolumeFile(tx, { nodeId: "n", now: 1 }, { key: `snapshot/${id}`, bytes: 1024 ** 3 });
  });
  await keys.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
  const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
  const copy = (KmsKey?: string) =>
    client.send(
      new ec2.CopySnapshotCommand({
        ...{ SourceSnapshotId: SnapshotId, SourceRegion: "eu-south-1" },
        ...(KmsKey === undefined ? {} : { Encrypted: true, KmsKeyId: KmsKey }),
      }),
    );
  await expect(copy()).rejects.toMatchObject(INVALID);
  await expect(copy(KeyMetadata?.Arn)).rejects.toMatchObject(INVALID);
  await keys.send(new kms.CancelKeyDeletionCommand({ KeyId }));
  await keys.send(new kms.EnableKeyCommand({ KeyId }));
  await copy(KeyMetadata?.Arn);
});

it("does not tell another account the state of a key", async () => {
  await keys.send(new kms.DisableKeyCommand({ KeyId }));
  admitOther(api);
  const other = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
  expect(await newVolume(other)).toMatch(/^vol-/);
});
