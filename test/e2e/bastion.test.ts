import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AllocateAddressCommand,
  AssociateAddressCommand,
  AttachNetworkInterfaceCommand,
  AttachVolumeCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateImageCommand,
  CreateNetworkInterfaceCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteKeyPairCommand,
  DeleteNetworkInterfaceCommand,
  DeleteSecurityGroupCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DeleteSnapshotCommand,
  DeleteVolumeCommand,
  DescribeSnapshotsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DetachNetworkInterfaceCommand,
  DetachVolumeCommand,
  EC2Client,
  GetConsoleOutputCommand,
  ImportKeyPairCommand,
  ReleaseAddressCommand,
  RevokeSecurityGroupIngressCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import {
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
  IAMClient,
  RemoveRoleFromInstanceProfileCommand,
} from "@aws-sdk/client-iam";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { CLOUD_CONFIG, newGroup, newProfile, tcpFrom, USER_DATA } from "./bastion-parts.ts";
import { openDemo } from "./demo.ts";
import { eventually, run } from "./helpers.ts";
import { killsOf } from "./kills-of.ts";

const demo = openDemo(inject("demo"));
const kills = killsOf(demo);
const ec2 = new EC2Client(demo.client());
const iam = new IAMClient(demo.client());
const folder = mkdtempSync(join(tmpdir(), "gantry-bastion-"));
const NAME = "bastion-test";
const ADDRESS = /\d+\.\d+\.\d+\.\d+/;
const DATABASE_PORT = 3306;
let bastion = "";
let stranger = "";
let second = "";
let elastic: string | undefined;
let groups: { readonly bastion: string; readonly stranger: string; readonly database: string };

async function instanceOf(id: string) {
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations[0]?.Instances?.[0];
}

const reaches = (id: string, state: string) =>
  eventually(async () => expect((await instanceOf(id))?.State?.Name).toBe(state));

/** Runs a command on an instance, as a person with this key does. */
async function ssh(id: string, command: string, key = "own"): Promise<string> {
  const address = (await instanceOf(id))?.PublicIpAddress ?? "";
  const options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
  return run("ssh", [
    ...["-i", join(folder, key), "-o", "IdentitiesOnly=yes"],
    ...["-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR"],
    ...options.flatMap((option) => ["-o", option]),
    `ec2-user@${address}`,
    command,
  ]);
}

const databaseHost = async () => {
  const { DBInstances = [] } = await new RDSClient(demo.client()).send(new DescribeDBInstancesCommand({}));
  return DBInstances[0]?.Endpoint?.Address ?? "";
};

/** Whether the bastion reaches the database from one of its addresses. */
const connects = async (address: string) =>
  ssh(
    bastion,
    `nc -z -w 3 -s ${address} ${await databaseHost()} ${DATABASE_PORT} && echo connected || echo refused`,
  );

const secondInterface = async () =>
  (await ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [second] })))
    .NetworkInterfaces?.[0];

/** The database's group lets the primary interface in, and not the second one. */
async function fromBothAddresses(): Promise<void> {
  const { PrivateIpAddress = "" } = (await instanceOf(bastion)) ?? {};
  expect(await connects(PrivateIpAddress)).toBe("connected\n");
  expect(await connects((await secondInterface())?.PrivateIpAddress ?? "")).toBe("refused\n");
  expect(await ssh(bastion, "grep -c eth1 /proc/net/dev")).toBe("1\n");
}

/** The containers of the instances, and those that hold their network interfaces. */
async function containersOf(id: string, eni: string): Promise<string> {
  const names = (await run("docker", ["ps", "-a", "--format", "{{.Names}}"])).split("\n");
  return names.filter((name) => name.includes(id) || name.includes(eni)).join("\n");
}

async function volumeOf(id: string) {
  return (await ec2.send(new DescribeVolumesCommand({ VolumeIds: [id] }))).Volumes?.[0];
}

const volumeIs = (id: string, state: string) =>
  eventually(async () => expect((await volumeOf(id))?.State).toBe(state));

const attachmentOf = async (id: string) => (await volumeOf(id))?.Attachments?.[0]?.State;

/** The talk's bastion beside its database, and an instance that the database's group does not name. */
beforeAll(async () => {
  for (const key of ["own", "other"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
  const PublicKeyMaterial = readFileSync(join(folder, "own.pub"));
  await ec2.send(new ImportKeyPairCommand({ KeyName: NAME, PublicKeyMaterial }));
  await newProfile(iam, NAME);
  const filter = (name: string, value: string) => ({ Filters: [{ Name: name, Values: [value] }] });
  const found = await ec2.send(new DescribeSecurityGroupsCommand(filter("group-name", "fileshare-db")));
  const { GroupId: database = "", VpcId: vpcId = "" } = found.SecurityGroups?.[0] ?? {};
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand(filter("cidr-block", "172.16.15.96/28")),
  );
  groups = {
    ...{
      bastion: await newGroup(ec2, vpcId, NAME),
      stranger: await newGroup(ec2, vpcId, `${NAME}-stranger`),
    },
    database,
  };
  const IpPermissions = [tcpFrom(DATABASE_PORT, { group: groups.bastion })];
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: database, IpPermissions }));
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({ ...filter("name", "al2023-ami-2023*-x86_64"), Owners: ["amazon"] }),
  );
  const launch = async (group: string, more: object) => {
    const answer = await ec2.send(
      new RunInstancesCommand({
        ...{ ImageId: Images[0]?.ImageId, InstanceType: "t3.small", KeyName: NAME, MinCount: 1, MaxCount: 1 },
        NetworkInterfaces: [
          {
            ...{ DeviceIndex: 0, SubnetId: Subnets[0]?.SubnetId, Groups: [group] },
            AssociatePublicIpAddress: true,
          },
        ],
        ...more,
      }),
    );
    return answer.Instances?.[0]?.InstanceId ?? "";
  };
  bastion = await launch(groups.bastion, {
    ...{ IamInstanceProfile: { Name: NAME }, UserData: Buffer.from(USER_DATA).toString("base64") },
    MetadataOptions: { HttpTokens: "required" },
  });
  stranger = await launch(groups.stranger, { UserData: CLOUD_CONFIG.toString("base64") });
  for (const id of [bastion, stranger]) await reaches(id, "running");
  for (const id of [bastion, stranger]) await eventually(() => ssh(id, "true"));
});

afterAll(async () => {
  const IpPermissions = [tcpFrom(DATABASE_PORT, { group: groups.bastion })];
  await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: groups.database, IpPermissions }));
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [bastion, stranger] }));
  for (const id of [bastion, stranger]) await reaches(id, "terminated");
  for (const GroupId of [groups.bastion, groups.stranger])
    await eventually(() => ec2.send(new DeleteSecurityGroupCommand({ GroupId })));
  await ec2.send(new ReleaseAddressCommand({ AllocationId: elastic }));
  await ec2.send(new DeleteKeyPairCommand({ KeyName: NAME }));
  const profile = { InstanceProfileName: NAME };
  await iam.send(new RemoveRoleFromInstanceProfileCommand({ ...profile, RoleName: NAME }));
  await iam.send(new DeleteInstanceProfileCommand(profile));
  await iam.send(new DeleteRoleCommand({ RoleName: NAME }));
  rmSync(folder, { recursive: true });
});

describe("a bastion", () => {
  it("admits its key alone, has run its user data, and reaches the database that its group may", async () => {
    await eventually(async () => expect(await ssh(bastion, "cat /srv/user-data")).toContain("was set up"));
    await expect(ssh(bastion, "true", "other")).rejects.toThrow("Permission denied");
    const host = await databaseHost();
    const connect = `nc -z -w 3 ${host} ${DATABASE_PORT} && echo connected || echo refused`;
    expect(await ssh(bastion, connect)).toBe("connected\n");
    expect(await ssh(bastion, `mysql --skip-ssl -h ${host} -u nobody 2>&1 || true`)).toContain(
      "Access denied",
    );
    expect(await ssh(stranger, connect)).toBe("refused\n");
  });

  it("becomes what its cloud-config says, and its console names what was done and what was refused", async () => {
    // The include is refused, so that the whole has failed.
    const waits =
      'cloud-init status --wait; date +%Z; stat -c "%U %a" /etc/motd; cat /srv/starts "/srv/the host\'s name"';
    expect(await ssh(stranger, waits)).toMatch(/^status: error\nCES?T\ndeploy 640\na start\nstranger-1\n$/);
    await eventually(async () => {
      const { Output = "" } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: stranger }));
      const console = Buffer.from(Output, "base64").toString();
      expect(console).toMatch(
        /host stranger-1\n[^]*cloud-init: #include is refused[^]*running part-003\n0\n/,
      );
      expect(console).toContain("cloud-init: every step is done\nThe user data ended with the exit code 1\n");
    });
  });

  it("reads its role's credentials with a token; nothing else reads them, from whatever address", async () => {
    const base = "http://169.254.169.254/latest";
    const curl = "curl -s -m 5";
    expect(await ssh(bastion, `${curl} -o /dev/null -w '%{http_code}' ${base}/meta-data/instance-id`)).toBe(
      "401",
    );
    const token = `$(${curl} -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' ${base}/api/token)`;
    const read = (path: string) =>
      `${curl} -H "X-aws-ec2-metadata-token: ${token}" ${base}/meta-data/${path}; true`;
    expect(await ssh(bastion, read("instance-id"))).toBe(bastion);
    const credentials = `iam/security-credentials/${NAME}`;
    expect(await ssh(bastion, read(credentials))).toContain('"AccessKeyId"');
    // Each instance is answered about itself, and a container that is no instance is not answered.
    expect(await ssh(stranger, read("instance-id"))).toBe(stranger);
    expect(await ssh(stranger, read(credentials))).not.toContain("AccessKeyId");
    const [task = ""] = await demo.taskContainers();
    const said = '.then((a) => console.log(a.status), () => console.log("none"))';
    const ask = `fetch("${base}/meta-data/", { signal: AbortSignal.timeout(3000) })${said}`;
    expect(await run("docker", ["exec", task, "node", "-e", ask])).toBe("none\n");
    const [own, other] = [await instanceOf(bastion), await instanceOf(stranger)];
    const pause = `gantry-${demo.name}-${other?.NetworkInterfaces?.[0]?.NetworkInterfaceId}`;
    const pid = (await run("docker", ["inspect", "-f", "{{.State.Pid}}", pause])).trim();
    const inside = (...command: readonly string[]) => run("nsenter", ["-t", pid, "-n", ...command]);
    const address = own?.PrivateIpAddress ?? "";
    await inside("ip", "address", "add", `${address}/32`, "dev", "eth0");
    const spoofed = ["-s", "-m", "3", "--interface", address, `${base}/meta-data/instance-id`];
    await expect(inside("curl", ...spoofed)).rejects.toThrow();
    await inside("ip", "address", "del", `${address}/32`, "dev", "eth0");
  });

  it("has a second interface, whose groups alone decide what leaves from its address, and no other does", async () => {
    const { SubnetId } = (await instanceOf(bastion)) ?? {};
    const made = await ec2.send(new CreateNetworkInterfaceCommand({ SubnetId, Groups: [groups.stranger] }));
    second = made.NetworkInterface?.NetworkInterfaceId ?? "";
    const attach = { InstanceId: bastion, NetworkInterfaceId: second, DeviceIndex: 1 };
    await ec2.send(new AttachNetworkInterfaceCommand(attach));
    await eventually(async () => expect((await secondInterface())?.Attachment?.Status).toBe("attached"));
    const { PrivateIpAddress: address = "", MacAddress: mac } = (await secondInterface()) ?? {};
    await fromBothAddresses();
    // With two interfaces, no other address is given when the instance starts.
    elastic = (await ec2.send(new AllocateAddressCommand({}))).AllocationId;
    await ec2.send(new AssociateAddressCommand({ AllocationId: elastic, InstanceId: bastion }));
    const base = "http://169.254.169.254/latest";
    const token = `$(curl -s -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' ${base}/api/token)`;
    const category = `${base}/meta-data/network/interfaces/macs/${mac}/device-number`;
    const ask = `curl -s -m 5 --interface ${address} -H "X-aws-ec2-metadata-token: ${token}" ${category}`;
    // The address leads to the instance once its node has the rules.
    await eventually(async () => expect(await ssh(bastion, ask)).toBe("1"));
    // Root of the instance's network cannot send from the primary address, which may, by the second interface.
    const own = await instanceOf(bastion);
    const pause = `gantry-${demo.name}-${own?.NetworkInterfaces?.[0]?.NetworkInterfaceId}`;
    const pid = (await run("docker", ["inspect", "-f", "{{.State.Pid}}", pause])).trim();
    const inside = (...command: readonly string[]) => run("nsenter", ["-t", pid, "-n", ...command]);
    const [host = ""] =
      ADDRESS.exec(await ssh(bastion, `nc -zv ${await databaseHost()} ${DATABASE_PORT} 2>&1`)) ?? [];
    const [gateway = ""] = ADDRESS.exec(await inside("ip", "route", "show", "table", "10001")) ?? [];
    const primary = own?.PrivateIpAddress ?? "";
    const wrong = [`${host}/32`, "via", gateway, "dev", "eth1", "onlink", "src", primary];
    await inside("ip", "route", "replace", ...wrong);
    expect(await connects(primary)).toBe("refused\n");
    await inside("ip", "route", "del", ...wrong);
    await fromBothAddresses();
  });

  it("keeps its root file system over a stop and a start during which agent and control plane are killed", async () => {
    await ssh(bastion, "echo kept > /home/ec2-user/file; sync");
    await ec2.send(new StopInstancesCommand({ InstanceIds: [bastion] }));
    await kills.agent();
    await reaches(bastion, "stopped");
    await ec2.send(new StartInstancesCommand({ InstanceIds: [bastion] }));
    await kills.controlPlane();
    await reaches(bastion, "running");
    expect(await eventually(() => ssh(bastion, "cat /home/ec2-user/file"))).toBe("kept\n");
    const once = "grep -c 'was set up' /srv/user-data";
    expect(await ssh(bastion, once)).toBe("1\n");
    await fromBothAddresses();
  });

  it("loses its second interface, which is available with its address", async () => {
    const { Attachment, PrivateIpAddress } = (await secondInterface()) ?? {};
    await ec2.send(new DetachNetworkInterfaceCommand({ AttachmentId: Attachment?.AttachmentId }));
    await kills.agent();
    const available = { Status: "available", PrivateIpAddress };
    await eventually(async () => expect(await secondInterface()).toMatchObject(available));
    await expect(ssh(bastion, "grep eth1 /proc/net/dev")).rejects.toThrow();
    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: second }));
  });

  it("has volumes as block devices, whose data outlives detaching, kills and snapshots", async () => {
    const AvailabilityZone = (await instanceOf(bastion))?.Placement?.AvailabilityZone ?? "";
    const newVolume = async (SnapshotId?: string) => {
      const input = { AvailabilityZone, Size: 1, VolumeType: "gp3", SnapshotId } as const;
      const { VolumeId = "" } = await ec2.send(new CreateVolumeCommand(input));
      await volumeIs(VolumeId, "available");
      return VolumeId;
    };
    const attach = async (VolumeId: string, InstanceId: string, Device: string) => {
      await ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device }));
      await eventually(async () => expect(await attachmentOf(VolumeId)).toBe("attached"));
    };
    const detach = async (VolumeId: string) => {
      await ec2.send(new DetachVolumeCommand({ VolumeId }));
      await volumeIs(VolumeId, "available");
    };
    const volume = await newVolume();
    await attach(volume, bastion, "/dev/sdf");
    const size = await ssh(bastion, "test -b /dev/sdf && sudo dd if=/dev/xvdf bs=1M 2>/dev/null | wc -c");
    expect(Number(size)).toBe(1024 ** 3);
    await ssh(bastion, "echo the data of a volume | sudo dd of=/dev/xvdf conv=fsync 2>/dev/null");
    await kills.agent();
    await kills.controlPlane();
    const read = (id: string, device: string) => ssh(id, `sudo head -c 20 ${device}`);
    expect(await eventually(() => read(bastion, "/dev/xvdf"))).toBe("the data of a volume");
    expect(await ssh(bastion, "cat /home/ec2-user/file")).toBe("kept\n");
    const { SnapshotId = "" } = await ec2.send(new CreateSnapshotCommand({ VolumeId: volume }));
    const snapshots = { SnapshotIds: [SnapshotId] };
    await eventually(async () => {
      const { Snapshots } = await ec2.send(new DescribeSnapshotsCommand(snapshots));
      expect(Snapshots?.[0]?.State).toBe("completed");
    });
    await detach(volume);
    await expect(read(bastion, "/dev/xvdf")).rejects.toThrow("No such file");
    await attach(volume, stranger, "/dev/xvdg");
    expect(await read(stranger, "/dev/sdg")).toBe("the data of a volume");
    // The number of another instance's device opens nothing, whatever node a container makes of it.
    const device = (await ssh(stranger, "stat -c %Hr:%Lr /dev/xvdg")).trim().replace(":", " ");
    await expect(
      ssh(bastion, `sudo mknod /tmp/stolen b ${device} && sudo head -c 20 /tmp/stolen`),
    ).rejects.toThrow("Operation not permitted");
    const copy = await newVolume(SnapshotId);
    await attach(copy, bastion, "/dev/sdh");
    expect(await read(bastion, "/dev/sdh")).toBe("the data of a volume");
    for (const each of [volume, copy]) await detach(each);
    for (const VolumeId of [volume, copy]) await ec2.send(new DeleteVolumeCommand({ VolumeId }));
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
  });

  it("becomes an image, from which another instance starts with its files and keys of its own", async () => {
    const hostKey = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; cat /home/ec2-user/file; hostname";
    const before = await ssh(bastion, hostKey);
    const { ImageId = "" } = await ec2.send(new CreateImageCommand({ InstanceId: bastion, Name: NAME }));
    await kills.agent();
    const found = async () =>
      (await ec2.send(new DescribeImagesCommand({ ImageIds: [ImageId] }))).Images?.[0];
    await eventually(async () => expect((await found())?.State).toBe("available"));
    const { SubnetId, Placement } = (await instanceOf(bastion)) ?? {};
    const launch = new RunInstancesCommand({
      ...{
        ImageId,
        InstanceType: "t3.small",
        MinCount: 1,
        MaxCount: 1,
        Placement: { AvailabilityZone: Placement?.AvailabilityZone },
      },
      NetworkInterfaces: [
        { DeviceIndex: 0, SubnetId, Groups: [groups.bastion], AssociatePublicIpAddress: true },
      ],
      UserData: Buffer.from("#cloud-config\nhostname: copied\n").toString("base64"),
    });
    const copy = (await ec2.send(launch)).Instances?.[0]?.InstanceId ?? "";
    await reaches(copy, "running");
    // The key pair's key is in the files that the image has.
    const [key, ...rest] = (await eventually(() => ssh(copy, hostKey))).split("\n");
    expect(rest).toEqual(["kept", "copied", ""]);
    expect(before).toContain("\nkept\n");
    expect(before).not.toContain(key);
    await ec2.send(new DeregisterImageCommand({ ImageId, DeleteAssociatedSnapshots: true }));
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [copy] }));
    const images = () => run("docker", ["images", "-q", "gantry/root-snapshot"]);
    await reaches(copy, "terminated");
    await eventually(async () => expect(await images()).toBe(""));
  });

  it("leaves nothing on the host when it is terminated", async () => {
    const eni = (await instanceOf(stranger))?.NetworkInterfaces?.[0]?.NetworkInterfaceId ?? "";
    expect(await containersOf(stranger, eni)).not.toBe("");
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [stranger] }));
    await reaches(stranger, "terminated");
    await eventually(async () => expect(await containersOf(stranger, eni)).toBe(""));
  });
});
