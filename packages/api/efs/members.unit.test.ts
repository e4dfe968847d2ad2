import * as ec2 from "@aws-sdk/client-ec2";
import * as efs from "@aws-sdk/client-efs";
import * as kms from "@aws-sdk/client-kms";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it makes.
const api = await startApi();
afterAll(() => api.close());
const client = new efs.EFSClient(api.client());
const network = new ec2.EC2Client(api.client());
const keys = new kms.KMSClient(api.client());
const Tags = [{ Key: "Name", Value: "shared" }];

it.each(["generalPurpose", "maxIO"] as const)(
  "a file system of %s with its tags",
  async (PerformanceMode) => {
    const command = new efs.CreateFileSystemCommand({
      CreationToken: PerformanceMode,
      PerformanceMode,
      Tags,
    });
    const { FileSystemId } = await client.send(command);
    const { FileSystems } = await client.send(new efs.DescribeFileSystemsCommand({ FileSystemId }));
    expect(FileSystems).toMatchObject([{ PerformanceMode, Name: "shared", Tags }]);
  },
);

it("a file system that is encrypted with a key of the caller's, while the key can be used", async () => {
  const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
  const { Arn, KeyId } = KeyMetadata ?? {};
  const create = (CreationToken: string, Encrypted: boolean) =>
    client.send(new efs.CreateFileSystemCommand({ CreationToken, Encrypted, KmsKeyId: KeyId }));
  expect(await create("encrypted", true)).toMatchObject({ Encrypted: true, KmsKeyId: Arn });
  await expect(create("plain", false)).rejects.toMatchObject({ name: "BadRequest" });
  await keys.send(new kms.DisableKeyCommand({ KeyId }));
  await expect(create("disabled", true)).rejects.toThrow("The KMS key cannot be used");
});

it("an access point with its tags, and a mount target with its security groups", async () => {
  const { FileSystemId } = await client.send(new efs.CreateFileSystemCommand({ CreationToken: "mounted" }));
  const point = await client.send(
    new efs.CreateAccessPointCommand({ FileSystemId, ClientToken: "point", Tags }),
  );
  expect(point).toMatchObject({ Name: "shared", Tags });
  const { Subnets = [] } = await network.send(new ec2.DescribeSubnetsCommand({}));
  const [subnet] = Subnets;
  const group = { GroupName: "nfs", Description: "nfs", VpcId: subnet?.VpcId };
  const { GroupId = "" } = await network.send(new ec2.CreateSecurityGroupCommand(group));
  const mount = (SecurityGroups: string[]) =>
    client.send(
      new efs.CreateMountTargetCommand({ FileSystemId, SubnetId: subnet?.SubnetId, SecurityGroups }),
    );
  await expect(mount(["sg-00000000000000000"])).rejects.toMatchObject({ name: "SecurityGroupNotFound" });
  const { NetworkInterfaceId = "" } = await mount([GroupId]);
  const { NetworkInterfaces } = await network.send(
    new ec2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [NetworkInterfaceId] }),
  );
  expect(NetworkInterfaces?.[0]?.Groups?.map((each) => each.GroupId)).toEqual([GroupId]);
});
