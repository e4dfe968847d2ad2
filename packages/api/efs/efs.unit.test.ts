import * as ec2 from "@aws-sdk/client-ec2";
import * as efs from "@aws-sdk/client-efs";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new efs.EFSClient(api.client());
const network = new ec2.EC2Client(api.client());

async function newFileSystem(CreationToken: string): Promise<string> {
  return (await client.send(new efs.CreateFileSystemCommand({ CreationToken }))).FileSystemId ?? "";
}

it("has no lifecycle policy and no backups by default, and refuses unknown file systems", async () => {
  const FileSystemId = await newFileSystem("settings");
  expect(
    (await client.send(new efs.DescribeLifecycleConfigurationCommand({ FileSystemId }))).LifecyclePolicies,
  ).toEqual([]);
  expect(
    (await client.send(new efs.DescribeBackupPolicyCommand({ FileSystemId }))).BackupPolicy?.Status,
  ).toBe("DISABLED");
  await expect(
    client.send(new efs.DescribeBackupPolicyCommand({ FileSystemId: "fs-00000000000000000" })),
  ).rejects.toMatchObject({ name: "FileSystemNotFound" });
});

it("refuses a second file system with the same creation token", async () => {
  const FileSystemId = await newFileSystem("twice");
  await expect(newFileSystem("twice")).rejects.toMatchObject({
    name: "FileSystemAlreadyExists",
    FileSystemId,
  });
});

it("sets the security groups of a mount target's interface, and removes both", async () => {
  const FileSystemId = await newFileSystem("mounted");
  const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
  const SubnetId = Subnets[0]?.SubnetId;
  const { MountTargetId, NetworkInterfaceId } = await client.send(
    new efs.CreateMountTargetCommand({ FileSystemId, SubnetId }),
  );
  const { GroupId = "" } = await network.send(
    new ec2.CreateSecurityGroupCommand({
      GroupName: "nfs",
      Description: "nfs",
      VpcId: Subnets[0]?.VpcId,
    }),
  );
  await client.send(
    new efs.ModifyMountTargetSecurityGroupsCommand({ MountTargetId, SecurityGroups: [GroupId] }),
  );
  const groups = await client.send(new efs.DescribeMountTargetSecurityGroupsCommand({ MountTargetId }));
  expect(groups.SecurityGroups).toEqual([GroupId]);
  await expect(client.send(new efs.DeleteFileSystemCommand({ FileSystemId }))).rejects.toMatchObject({
    name: "FileSystemInUse",
  });
  await client.send(new efs.DeleteMountTargetCommand({ MountTargetId }));
  expect(api.store.get("networkInterface", NetworkInterfaceId)).toBeUndefined();
  const { MountTargets } = await client.send(new efs.DescribeMountTargetsCommand({ FileSystemId }));
  expect(MountTargets).toEqual([]);
});

it("deletes access points, and the file system with the remaining ones", async () => {
  const FileSystemId = await newFileSystem("points");
  const point = async (ClientToken: string) =>
    (await client.send(new efs.CreateAccessPointCommand({ FileSystemId, ClientToken }))).AccessPointId;
  const [first, second] = [await point("first"), await point("second")];
  await client.send(new efs.DeleteAccessPointCommand({ AccessPointId: first }));
  await expect(client.send(new efs.DeleteAccessPointCommand({ AccessPointId: first }))).rejects.toMatchObject(
    { name: "AccessPointNotFound" },
  );
  await client.send(new efs.DeleteFileSystemCommand({ FileSystemId }));
  expect(api.store.get("fileSystem", FileSystemId)).toBeUndefined();
  expect(api.store.get("accessPoint", second)).toBeUndefined();
});

it("keeps the user of an access point, as whom its mounts act", async () => {
  const FileSystemId = await newFileSystem("user");
  const PosixUser = { Uid: 4_242, Gid: 4_343, SecondaryGids: [4_444] };
  const { AccessPointId = "" } = await client.send(
    new efs.CreateAccessPointCommand({ FileSystemId, ClientToken: "user", PosixUser }),
  );
  const { AccessPoints } = await client.send(new efs.DescribeAccessPointsCommand({ AccessPointId }));
  expect(AccessPoints).toMatchObject([{ PosixUser }]);
});

it("tags file systems and access points", async () => {
  const ResourceId = await newFileSystem("tags");
  await client.send(new efs.TagResourceCommand({ ResourceId, Tags: [{ Key: "a", Value: "b" }] }));
  const tags = async () => (await client.send(new efs.ListTagsForResourceCommand({ ResourceId }))).Tags;
  expect(await tags()).toEqual([{ Key: "a", Value: "b" }]);
  await client.send(new efs.UntagResourceCommand({ ResourceId, TagKeys: ["a"] }));
  expect(await tags()).toEqual([]);
});

it("stores throughput, protection, lifecycle and backup settings as they are given", async () => {
  const created = await client.send(
    new efs.CreateFileSystemCommand({
      CreationToken: "kept",
      ThroughputMode: "provisioned",
      ProvisionedThroughputInMibps: 8,
      Backup: true,
    }),
  );
  expect(created).toMatchObject({ ThroughputMode: "provisioned", ProvisionedThroughputInMibps: 8 });
  const FileSystemId = created.FileSystemId;
  const update = { FileSystemId, ThroughputMode: efs.ThroughputMode.ELASTIC };
  expect(await client.send(new efs.UpdateFileSystemCommand(update))).toMatchObject({
    ThroughputMode: "elastic",
  });
  const ReplicationOverwriteProtection = efs.ReplicationOverwriteProtection.DISABLED;
  await client.send(
    new efs.UpdateFileSystemProtectionCommand({ FileSystemId, ReplicationOverwriteProtection }),
  );
  const { FileSystems } = await client.send(new efs.DescribeFileSystemsCommand({ FileSystemId }));
  expect(FileSystems?.[0]?.FileSystemProtection).toEqual({ ReplicationOverwriteProtection });
  const replications = (id?: string) =>
    client.send(
      new efs.DescribeReplicationConfigurationsCommand({ FileSystemId: id, MaxResults: 1, NextToken: "t" }),
    );
  expect((await replications()).Replications).toEqual([]);
  await expect(replications(FileSystemId)).rejects.toMatchObject({ name: "ReplicationNotFound" });
  await expect(replications("fs-00000000000000000")).rejects.toMatchObject({ name: "FileSystemNotFound" });
  const LifecyclePolicies = [
    { TransitionToIA: efs.TransitionToIARules.AFTER_30_DAYS },
    { TransitionToPrimaryStorageClass: efs.TransitionToPrimaryStorageClassRules.AFTER_1_ACCESS },
  ];
  await client.send(new efs.PutLifecycleConfigurationCommand({ FileSystemId, LifecyclePolicies }));
  expect(
    (await client.send(new efs.DescribeLifecycleConfigurationCommand({ FileSystemId }))).LifecyclePolicies,
  ).toEqual(LifecyclePolicies);
  const backup = () => client.send(new efs.DescribeBackupPolicyCommand({ FileSystemId }));
  expect((await backup()).BackupPolicy).toEqual({ Status: "ENABLED" });
  await client.send(new efs.PutBackupPolicyCommand({ FileSystemId, BackupPolicy: { Status: "DISABLED" } }));
  expect((await backup()).BackupPolicy).toEqual({ Status: "DISABLED" });
});

it("stores a policy as it is given, until it is deleted", async () => {
  const FileSystemId = await newFileSystem("policy");
  const describe = () => client.send(new efs.DescribeFileSystemPolicyCommand({ FileSystemId }));
  await expect(describe()).rejects.toMatchObject({ name: "PolicyNotFound" });
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: "*" }, Action: "elasticfilesystem:ClientMount", Resource: "*" },
    ],
  });
  await client.send(new efs.PutFileSystemPolicyCommand({ FileSystemId, Policy }));
  expect((await describe()).Policy).toBe(Policy);
  await expect(
    client.send(new efs.PutFileSystemPolicyCommand({ FileSystemId, Policy: "{" })),
  ).rejects.toMatchObject({ name: "InvalidPolicyException" });
  await client.send(new efs.DeleteFileSystemPolicyCommand({ FileSystemId }));
  await expect(describe()).rejects.toMatchObject({ name: "PolicyNotFound" });
});

it("is encrypted with EFS's key by default, and refuses a missing key", async () => {
  const create = (CreationToken: string, KmsKeyId?: string) =>
    client.send(new efs.CreateFileSystemCommand({ CreationToken, Encrypted: true, KmsKeyId }));
  expect((await create("own")).KmsKeyId).toMatch(/^arn:aws:kms:eu-south-1:000000000000:key\//);
  await expect(create("none", "0b1f6d10-0000-4000-8000-000000000000")).rejects.toMatchObject({
    name: "BadRequest",
  });
});
