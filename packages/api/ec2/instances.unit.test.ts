import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Instances as callers ask for them. No node runs them here: the tests write what a node would report.
const api = await startApi();
const client = new ec2.EC2Client(api.client());
const folder = mkdtempSync(join(tmpdir(), "gantry-keys-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
  return api.close();
});
let ImageId = "";
let [SubnetId, GroupId] = ["", ""];

beforeAll(async () => {
  const filters = [{ Name: "name", Values: ["al2023-ami-2*-kernel-6.1-x86_64"] }];
  const { Images } = await client.send(
    new ec2.DescribeImagesCommand({ Owners: ["amazon"], Filters: filters }),
  );
  ImageId = Images?.[0]?.ImageId ?? "";
  const { Subnets } = await client.send(new ec2.DescribeSubnetsCommand({}));
  SubnetId = Subnets?.[0]?.SubnetId ?? "";
  const group = new ec2.CreateSecurityGroupCommand({ GroupName: "own", Description: "d" });
  GroupId = (await client.send(group)).GroupId ?? "";
});

const launch = async (input: Partial<ec2.RunInstancesCommandInput> = {}) =>
  client.send(
    new ec2.RunInstancesCommand({ ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1, ...input }),
  );
const idOf = (reservation: ec2.RunInstancesCommandOutput) => reservation.Instances?.[0]?.InstanceId ?? "";
const shown = async (id: string, more: Partial<ec2.DescribeInstancesCommandInput> = {}) =>
  (await client.send(new ec2.DescribeInstancesCommand({ InstanceIds: [id], ...more }))).Reservations?.[0]
    ?.Instances?.[0];
const report = (id: string, change: object) =>
  api.store.transact((tx) => {
    const record = tx.get("ec2Instance", id);
    if (record !== undefined) tx.put("ec2Instance", id, { ...record, ...change });
  });

describe("a key pair", () => {
  it.each(["ed25519", "rsa"] as const)(
    "of the type %s is made in the formats of ssh-keygen",
    async (KeyType) => {
      const name = `made-${KeyType}`;
      const TagSpecifications = [{ ResourceType: "key-pair" as const, Tags: [{ Key: "a", Value: "b" }] }];
      const input = { KeyName: name, KeyType, KeyFormat: "pem" as const, TagSpecifications };
      const made = await client.send(new ec2.CreateKeyPairCommand(input));
      const path = join(folder, name);
      writeFileSync(path, made.KeyMaterial ?? "", { mode: 0o600 });
      const publicKey = execFileSync("ssh-keygen", ["-y", "-f", path], { encoding: "utf8" }).split(" ");
      const described = await client.send(
        new ec2.DescribeKeyPairsCommand({ KeyNames: [name], IncludePublicKey: true }),
      );
      const [pair] = described.KeyPairs ?? [];
      expect(pair?.PublicKey?.split(" ").slice(0, 2)).toEqual(
        publicKey.slice(0, 2).map((each) => each.trim()),
      );
      expect(pair).toMatchObject({
        KeyType,
        KeyFingerprint: made.KeyFingerprint,
        Tags: [{ Key: "a", Value: "b" }],
      });
      const Filters = [{ Name: "key-pair-id", Values: [made.KeyPairId ?? ""] }];
      const byId = new ec2.DescribeKeyPairsCommand({ KeyPairIds: [made.KeyPairId ?? ""], Filters });
      expect((await client.send(byId)).KeyPairs).toHaveLength(1);
      await expect(client.send(new ec2.CreateKeyPairCommand({ KeyName: name }))).rejects.toMatchObject({
        name: "InvalidKeyPair.Duplicate",
      });
      await client.send(new ec2.DeleteKeyPairCommand({ KeyPairId: made.KeyPairId }));
      await expect(client.send(new ec2.DescribeKeyPairsCommand({ KeyNames: [name] }))).rejects.toMatchObject({
        name: "InvalidKeyPair.NotFound",
      });
    },
  );

  it.each(["ed25519", "rsa"])("of the type %s is imported, and no other text is", async (type) => {
    const path = join(folder, `given-${type}`);
    execFileSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path, "-b", "2048"]);
    const text = execFileSync("ssh-keygen", ["-y", "-f", path]);
    const TagSpecifications = [{ ResourceType: "key-pair" as const, Tags: [{ Key: "c", Value: "d" }] }];
    const input = { KeyName: `given-${type}`, PublicKeyMaterial: text, TagSpecifications };
    const { Tags, KeyFingerprint } = await client.send(new ec2.ImportKeyPairCommand(input));
    expect(Tags).toEqual([{ Key: "c", Value: "d" }]);
    const [, hash = ""] =
      /SHA256:(\S+)/.exec(execFileSync("ssh-keygen", ["-lf", path], { encoding: "utf8" })) ?? [];
    expect(KeyFingerprint).toMatch(type === "rsa" ? /^(?:[0-9a-f]{2}:){15}[0-9a-f]{2}$/ : `${hash}=`);
    const wrong = { KeyName: "wrong", PublicKeyMaterial: Buffer.from("ssh-ed25519 AAAA") };
    await expect(client.send(new ec2.ImportKeyPairCommand(wrong))).rejects.toMatchObject({
      name: "InvalidKey.Format",
    });
    expect((await client.send(new ec2.DeleteKeyPairCommand({ KeyName: `given-${type}` }))).Return).toBe(true);
  });
});

it("images are found by the names that stacks look for, and say what they are", async () => {
  const find = async (Values: string[], more: Partial<ec2.DescribeImagesCommandInput> = {}) =>
    (await client.send(new ec2.DescribeImagesCommand({ Filters: [{ Name: "name", Values }], ...more })))
      .Images ?? [];
  for (const pattern of [
    ...["al2023-ami-*-x86_64", "amzn2-ami-hvm-*", "amzn2-ami-ecs-hvm-*", "debian-12-amd64-*"],
    ...["ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*", "al2023-ami-ecs-hvm-*"],
  ]) {
    const [image] = await find([pattern]);
    expect(image?.Description, pattern).toContain("Debian 12");
  }
  const all = { ImageIds: [ImageId], Owners: ["137112412989"], ExecutableUsers: ["all"] };
  expect(await find(["*"], { ...all, IncludeDeprecated: true, IncludeDisabled: true })).toHaveLength(1);
  expect(await find(["*"], { ExecutableUsers: ["self"] })).toEqual([]);
  expect(await find(["*"], { MaxResults: 5 })).toHaveLength(5);
});

it("types and their offerings are described as documented", async () => {
  const one = new ec2.DescribeInstanceTypesCommand({
    ...{ InstanceTypes: ["t3.small"], IncludeUnsupportedInRegion: true },
    Filters: [{ Name: "vcpu-info.default-vcpus", Values: ["2"] }],
  });
  const { InstanceTypes } = await client.send(one);
  expect(InstanceTypes).toMatchObject([{ MemoryInfo: { SizeInMiB: 2048 }, VCpuInfo: { DefaultVCpus: 2 } }]);
  for (const [LocationType, count] of [
    ["region", 1],
    ["availability-zone", 3],
    ["availability-zone-id", 3],
    ["outpost", 0],
  ] as const) {
    const Filters = [{ Name: "instance-type", Values: ["t3.small"] }];
    const offerings = new ec2.DescribeInstanceTypeOfferingsCommand({ LocationType, Filters });
    expect((await client.send(offerings)).InstanceTypeOfferings).toHaveLength(count);
  }
});

describe("an instance", () => {
  it("has its interface, groups, addresses, volume and tags, and the same token makes it once", async () => {
    const tagged = (ResourceType: ec2.ResourceType) => ({
      ResourceType,
      Tags: [{ Key: "n", Value: ResourceType }],
    });
    const input = {
      ClientToken: "once",
      NetworkInterfaces: [
        {
          ...{
            DeviceIndex: 0,
            SubnetId,
            Groups: [GroupId],
            AssociatePublicIpAddress: false,
            NetworkCardIndex: 0,
          },
          ...{ Description: "own", InterfaceType: "interface", DeleteOnTermination: true },
        },
      ],
      TagSpecifications: [tagged("instance"), tagged("network-interface"), tagged("volume")],
      UserData: Buffer.from("#!/bin/sh\n").toString("base64"),
      BlockDeviceMappings: [
        {
          DeviceName: "/dev/xvda",
          Ebs: { VolumeSize: 20, VolumeType: "gp3" as const, Encrypted: true, Iops: 4000 },
        },
      ],
      MetadataOptions: { HttpTokens: "optional" as const, HttpPutResponseHopLimit: 3 },
    };
    const first = await launch(input);
    const id = idOf(first);
    expect(idOf(await launch(input))).toBe(id);
    await expect(launch({ ...input, InstanceType: "t3.nano" })).rejects.toMatchObject({
      name: "IdempotentParameterMismatch",
    });
    const instance = await shown(id);
    expect(instance).toMatchObject({
      State: { Name: "pending" },
      SubnetId,
      SecurityGroups: [{ GroupId }],
      Tags: [{ Key: "n", Value: "instance" }],
      MetadataOptions: { HttpTokens: "optional", HttpPutResponseHopLimit: 3 },
    });
    expect(instance?.PublicIpAddress).toBeUndefined();
    const VolumeIds = [instance?.BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? ""];
    const Filters = [{ Name: "attachment.instance-id", Values: [id] }];
    const { Volumes } = await client.send(new ec2.DescribeVolumesCommand({ VolumeIds, Filters }));
    expect(Volumes).toMatchObject([{ Size: 20, Encrypted: true, Iops: 4000, Tags: [{ Value: "volume" }] }]);
  });

  it("stops, starts and ends as its node reports, with a public address while it runs", async () => {
    const id = idOf(await launch({ SubnetId, SecurityGroupIds: [GroupId] }));
    const before = (await shown(id))?.PublicIpAddress;
    expect(before).toBeDefined();
    const InstanceIds = [id];
    const reboot = new ec2.RebootInstancesCommand({ InstanceIds });
    await expect(client.send(reboot)).rejects.toMatchObject({ name: "IncorrectInstanceState" });
    report(id, { state: "running", reachable: true });
    await client.send(reboot);
    expect(api.store.get("ec2Instance", id)?.rebooting).toBe(true);
    const status = new ec2.DescribeInstanceStatusCommand({ InstanceIds, IncludeAllInstances: true });
    expect((await client.send(status)).InstanceStatuses).toMatchObject([
      { InstanceStatus: { Status: "ok" } },
    ]);
    await client.send(new ec2.StopInstancesCommand({ InstanceIds, Force: false }));
    expect((await shown(id))?.State?.Name).toBe("stopping");
    report(id, { state: "stopped" });
    await client.send(new ec2.StartInstancesCommand({ InstanceIds }));
    expect((await shown(id))?.State?.Name).toBe("pending");
    const hibernate = new ec2.StopInstancesCommand({ InstanceIds, Hibernate: true });
    await refusalFor("Hibernate", () => client.send(hibernate));
    await client.send(new ec2.TerminateInstancesCommand({ InstanceIds }));
    expect((await shown(id))?.StateReason?.Code).toBe("Client.UserInitiatedShutdown");
  });

  it("fails its status checks once it does not answer, or its node does not", async () => {
    const id = idOf(await launch());
    const status = async (Filters?: ec2.Filter[]) =>
      (
        await client.send(new ec2.DescribeInstanceStatusCommand({ InstanceIds: [id], Filters }))
      ).InstanceStatuses?.map(({ InstanceStatus: own, SystemStatus: system }) =>
        [own, system].flatMap((each) => [each?.Status, each?.Details?.[0]?.Status]),
      );
    const restartedAt = api.store.get("ec2Instance", id)?.launchedAt;
    const launchedAt = new Date("2020-01-01").getTime();
    const since = new Date("2020-01-02");
    report(id, { state: "running", reachable: false });
    expect(await status()).toEqual([["initializing", "initializing", "initializing", "initializing"]]);
    report(id, { launchedAt });
    expect(await status()).toEqual([["impaired", "failed", "ok", "passed"]]);
    report(id, { restartedAt });
    expect(await status()).toEqual([["initializing", "initializing", "initializing", "initializing"]]);
    report(id, { unreachableSince: since.getTime() });
    const { InstanceStatuses } = await client.send(
      new ec2.DescribeInstanceStatusCommand({ InstanceIds: [id] }),
    );
    expect(InstanceStatuses?.[0]?.InstanceStatus?.Details?.[0]?.ImpairedSince).toEqual(since);
    expect(await status([{ Name: "instance-status.status", Values: ["impaired"] }])).toHaveLength(1);
    expect(await status([{ Name: "system-status.reachability", Values: ["failed"] }])).toHaveLength(0);
    report(id, { reachable: true, unreachableSince: undefined, nodeId: "lost" });
    api.store.transact((tx) => {
      const node = {
        id: "lost",
        hostname: "lost",
        cpu: 1,
        memoryMiB: 1,
        registeredAt: 0,
        agentPid: 1,
      };
      tx.put("node", "lost", { ...node, state: "DISCONNECTED", lastContactAt: since.getTime() });
    });
    expect(await status()).toEqual([["ok", "passed", "impaired", "failed"]]);
    api.store.transact((tx) => tx.delete("node", "lost"));
  });

  it("takes reports of its status, which change nothing", async () => {
    const id = idOf(await launch());
    const StartTime = new Date();
    const send = (input: Partial<ec2.ReportInstanceStatusCommandInput>) =>
      client.send(
        new ec2.ReportInstanceStatusCommand({
          ...{ Instances: [id], Status: "impaired", ReasonCodes: ["unresponsive"], StartTime },
          ...{ EndTime: StartTime, Description: "d", ...input },
        }),
      );
    report(id, { state: "running", reachable: true });
    for (const Status of Object.values(ec2.ReportStatusType))
      await send({ Status, ReasonCodes: Object.values(ec2.ReportInstanceReasonCodes) });
    await expect(send({ ReasonCodes: ["hungry" as "other"] })).rejects.toThrow("hungry");
    await expect(send({ Instances: ["i-00000000"] })).rejects.toMatchObject({
      name: "InvalidInstanceID.NotFound",
    });
    const status = new ec2.DescribeInstanceStatusCommand({ InstanceIds: [id] });
    expect((await client.send(status)).InstanceStatuses?.[0]?.InstanceStatus?.Status).toBe("ok");
  });

  it("records its options of maintenance, one by one", async () => {
    const InstanceId = idOf(await launch());
    const modify = (input: object) =>
      client.send(new ec2.ModifyInstanceMaintenanceOptionsCommand({ InstanceId, ...input }));
    expect(await modify({ AutoRecovery: "disabled" })).toMatchObject({
      ...{ InstanceId, AutoRecovery: "disabled", RebootMigration: "default" },
    });
    await modify({ RebootMigration: "disabled" });
    const disabled = { AutoRecovery: "disabled", RebootMigration: "disabled" };
    expect((await shown(InstanceId))?.MaintenanceOptions).toEqual(disabled);
    await modify({ AutoRecovery: "default", RebootMigration: "default" });
    expect((await shown(InstanceId))?.MaintenanceOptions?.RebootMigration).toBe("default");
  });

  it("has attributes that change, some of them while it is stopped alone", async () => {
    const id = idOf(await launch({ DisableApiTermination: true, DisableApiStop: true }));
    report(id, { state: "running" });
    const modify = (input: Partial<ec2.ModifyInstanceAttributeCommandInput>) =>
      client.send(new ec2.ModifyInstanceAttributeCommand({ InstanceId: id, ...input }));
    const attribute = (Attribute: ec2.InstanceAttributeName) =>
      client.send(new ec2.DescribeInstanceAttributeCommand({ InstanceId: id, Attribute }));
    await expect(client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [id] }))).rejects.toMatchObject(
      { name: "OperationNotPermitted" },
    );
    await expect(client.send(new ec2.StopInstancesCommand({ InstanceIds: [id] }))).rejects.toMatchObject({
      name: "OperationNotPermitted",
    });
    await modify({ DisableApiTermination: { Value: false }, DisableApiStop: { Value: false } });
    expect((await attribute("disableApiTermination")).DisableApiTermination?.Value).toBe(false);
    await modify({ Groups: [GroupId], SourceDestCheck: { Value: false } });
    expect((await attribute("groupSet")).Groups?.[0]?.GroupId).toBe(GroupId);
    await expect(modify({ InstanceType: { Value: "t3.large" } })).rejects.toMatchObject({
      name: "IncorrectInstanceState",
    });
    report(id, { state: "stopped" });
    await modify({ InstanceType: { Value: "t3.large" }, UserData: { Value: Buffer.from("#!/bin/sh") } });
    expect((await attribute("userData")).UserData?.Value).toBe(Buffer.from("#!/bin/sh").toString("base64"));
    await modify({ Attribute: "instanceInitiatedShutdownBehavior", Value: "terminate" });
    const { InstanceInitiatedShutdownBehavior: behavior } = await attribute(
      "instanceInitiatedShutdownBehavior",
    );
    expect(behavior?.Value).toBe("terminate");
    const options = new ec2.ModifyInstanceMetadataOptionsCommand({
      ...{
        InstanceId: id,
        HttpTokens: "required",
        HttpEndpoint: "disabled",
        InstanceMetadataTags: "enabled",
      },
      ...{ HttpPutResponseHopLimit: 2, HttpProtocolIpv6: "disabled" },
    });
    expect((await client.send(options)).InstanceMetadataOptions?.HttpEndpoint).toBe("disabled");
    const credits = new ec2.DescribeInstanceCreditSpecificationsCommand({ InstanceIds: [id] });
    expect((await client.send(credits)).InstanceCreditSpecifications?.[0]?.CpuCredits).toBe("unlimited");
  });

  it("has the role of a profile, a key pair, an elastic address and a console", async () => {
    const roles = new iam.IAMClient(api.client());
    const AssumeRolePolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
    });
    await roles.send(new iam.CreateRoleCommand({ RoleName: "r", AssumeRolePolicyDocument }));
    const profile = { InstanceProfileName: "p" };
    await roles.send(new iam.CreateInstanceProfileCommand(profile));
    await roles.send(new iam.AddRoleToInstanceProfileCommand({ ...profile, RoleName: "r" }));
    await client.send(new ec2.CreateKeyPairCommand({ KeyName: "k", KeyType: "ed25519" }));
    const id = idOf(await launch({ IamInstanceProfile: { Name: "p" }, KeyName: "k" }));
    expect(await shown(id)).toMatchObject({
      KeyName: "k",
      IamInstanceProfile: { Arn: expect.stringMatching(/instance-profile\/p$/) as string },
    });
    const { AllocationId } = await client.send(new ec2.AllocateAddressCommand({}));
    await client.send(new ec2.AssociateAddressCommand({ AllocationId, InstanceId: id }));
    const addresses = new ec2.DescribeAddressesCommand({ Filters: [{ Name: "instance-id", Values: [id] }] });
    const [address] = (await client.send(addresses)).Addresses ?? [];
    expect((await shown(id))?.PublicIpAddress).toBe(address?.PublicIp);
    const console = new ec2.GetConsoleOutputCommand({ InstanceId: id, Latest: true });
    expect((await client.send(console)).Output).toBe("");
    await expect(launch({ IamInstanceProfile: { Name: "none" } })).rejects.toThrow(
      "Invalid IAM Instance Profile",
    );
  });
});
