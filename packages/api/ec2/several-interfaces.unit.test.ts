import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { instanceAssignment } from "@gantry/controllers/node/instance-assignment";
import { recordInstanceRemoved } from "@gantry/controllers/node/record-instance";
import { vpcAssignment } from "@gantry/controllers/node/vpc-assignment";
import { recordAttachedInterfaces } from "@gantry/state/transactions/instance-interfaces";
import { startApi } from "@gantry/testkit";
import { refusalFor } from "@gantry/testkit/sent-members";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { admitOther, OTHER } from "../../../test/attacks/other-account.ts";
import { machineImages } from "../common/machine-images.ts";

// Instances with several network interfaces; the node's reports are made here.
const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const ImageId = machineImages("eu-south-1")[0]?.id ?? "";
let SubnetId = "";
let elsewhere = "";
let GroupId = "";

beforeAll(async () => {
  api.store.transact(
    (tx) =>
      tx.put("node", "n", {
        ...{ id: "n", hostname: "n", cpu: 4, memoryMiB: 4_096, labels: {}, zone: undefined },
        ...{ state: "CONNECTED", registeredAt: 0, contactAt: 0 },
      } as never), // Of a node only its id is read here.
  );
  const { Subnets } = await client.send(new ec2.DescribeSubnetsCommand({}));
  const inZone = (zone: string) => Subnets?.find((each) => each.AvailabilityZone === zone)?.SubnetId ?? "";
  [SubnetId, elsewhere] = [inZone("eu-south-1a"), inZone("eu-south-1b")];
  const group = new ec2.CreateSecurityGroupCommand({ GroupName: "second", Description: "d" });
  GroupId = (await client.send(group)).GroupId ?? "";
});

/** The node reports for every instance that exactly the assigned interfaces are attached. */
function nodeReports(): void {
  api.store.transact((tx) => {
    for (const instance of tx.list("ec2Instance")) {
      if (instance.state === "pending")
        tx.put("ec2Instance", instance.id, { ...instance, state: "running", reachable: true });
      const assigned = assignmentOf(instance.id)?.attachedInterfaces ?? [];
      const ids = assigned.map(({ id }) => id);
      recordAttachedInterfaces(tx, instance, ids);
    }
  });
}

const assignmentOf = (id: string) => {
  const instance = api.store.get("ec2Instance", id);
  const deps = { secretId: () => "0".repeat(32), machineImage: "m" } as never; // What an instance is made of.
  return instance && instanceAssignment(api.store, deps, instance);
};

const newInterface = async (subnet = SubnetId) => {
  const input = { SubnetId: subnet, Groups: [GroupId], Description: "second" };
  const made = await client.send(new ec2.CreateNetworkInterfaceCommand(input));
  return made.NetworkInterface?.NetworkInterfaceId ?? "";
};
const launch = async (input: Partial<ec2.RunInstancesCommandInput> = {}) => {
  const base = { ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
  const { Instances } = await client.send(new ec2.RunInstancesCommand({ ...base, ...input }));
  return Instances?.[0]?.InstanceId ?? "";
};
const shown = async (id: string) =>
  (await client.send(new ec2.DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations?.[0]
    ?.Instances?.[0];
const eniOf = async (id: string) =>
  (await client.send(new ec2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [id] })))
    .NetworkInterfaces?.[0];
const attach = async (NetworkInterfaceId: string, InstanceId: string, DeviceIndex = 1) =>
  (
    await client.send(
      new ec2.AttachNetworkInterfaceCommand({
        ...{ NetworkInterfaceId, InstanceId, DeviceIndex, NetworkCardIndex: 0 },
        ...{ EnaQueueCount: 2, EnaSrdSpecification: { EnaSrdEnabled: false } },
      }),
    )
  ).AttachmentId ?? "";
const detach = (AttachmentId: string) =>
  client.send(new ec2.DetachNetworkInterfaceCommand({ AttachmentId, Force: true }));
const terminate = async (id: string) => {
  await client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [id] }));
  api.store.transact((tx) => {
    const instance = tx.get("ec2Instance", id);
    if (instance !== undefined) tx.put("ec2Instance", id, { ...instance, halted: true });
    recordInstanceRemoved(tx, { nodeId: "n", instanceId: id, now: 1 });
  });
};

describe("RunInstances", () => {
  it("creates and takes interfaces at their device indexes, which end with the instance or stay", async () => {
    const given = await newInterface();
    const own = { SubnetId, Groups: [GroupId], Description: "own", DeleteOnTermination: false };
    const id = await launch({
      InstanceType: "m5.large",
      NetworkInterfaces: [
        { DeviceIndex: 2, ...own },
        { DeviceIndex: 0, SubnetId, NetworkCardIndex: 0 },
        { DeviceIndex: 1, NetworkInterfaceId: given, DeleteOnTermination: true },
      ],
    });
    const before = await shown(id);
    expect(before?.NetworkInterfaces).toMatchObject([
      { Attachment: { DeviceIndex: 0, Status: "attached", DeleteOnTermination: true } },
      { NetworkInterfaceId: given, Attachment: { DeviceIndex: 1, Status: "attaching" } },
      { Description: "own", Attachment: { DeviceIndex: 2, DeleteOnTermination: false } },
    ]);
    expect(before?.PublicIpAddress).toBeUndefined();
    nodeReports();
    const [primary, second, third] = (await shown(id))?.NetworkInterfaces ?? [];
    expect(second?.Attachment?.Status).toBe("attached");
    expect(await eniOf(given)).toMatchObject({ Status: "in-use", Attachment: { InstanceId: id } });
    for (const [name, value] of [
      ["network-interface.attachment.device-index", "2"],
      ["network-interface.description", "own"],
      ["network-interface.network-interface-id", given],
      ["network-interface.attachment.status", "attached"],
    ] as const) {
      const Filters = [
        { Name: name, Values: [value] },
        { Name: "instance-id", Values: [id] },
      ];
      const found = await client.send(new ec2.DescribeInstancesCommand({ Filters }));
      expect(found.Reservations).toHaveLength(1);
    }
    await terminate(id);
    for (const gone of [primary, second])
      await expect(eniOf(gone?.NetworkInterfaceId ?? "")).rejects.toMatchObject({
        name: "InvalidNetworkInterfaceID.NotFound",
      });
    const kept = await eniOf(third?.NetworkInterfaceId ?? "");
    expect(kept).toMatchObject({ Status: "available", Description: "own" });
    expect(kept?.Attachment).toBeUndefined();
  });

  it("takes an interface as the primary one, which is available again when the instance ends", async () => {
    const NetworkInterfaceId = await newInterface();
    const { PrivateIpAddress } = (await eniOf(NetworkInterfaceId)) ?? {};
    const id = await launch({ NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId }] });
    expect(await shown(id)).toMatchObject({
      ...{ PrivateIpAddress, SubnetId, SecurityGroups: [{ GroupId }] },
      NetworkInterfaces: [{ NetworkInterfaceId, Attachment: { DeleteOnTermination: false } }],
    });
    await expect(launch({ NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId }] })).rejects.toThrow(
      `Interface: [${NetworkInterfaceId}] in use.`,
    );
    await terminate(id);
    expect((await eniOf(NetworkInterfaceId))?.Status).toBe("available");
  });

  it("refuses in AWS's words what no instance can have", async () => {
    const one = { DeviceIndex: 0, SubnetId };
    const more = (index: number, eni: object = {}) => ({ DeviceIndex: index, SubnetId, ...eni });
    const refused = async (NetworkInterfaces: object[], message: string, input: object = {}) =>
      expect(launch({ NetworkInterfaces, ...input })).rejects.toThrow(message);
    await refused([{ SubnetId }], "Each network interface requires a device index.");
    await refused([more(1)], "you must include a device at index 0");
    await refused([one, more(0)], "Value (0) for parameter deviceIndex is invalid");
    await refused([one, more(99)], "Value (99) for parameter deviceIndex is invalid");
    await refused([one, more(1), more(2)], "Interface count 3 exceeds the limit for t3.micro", {
      InstanceType: "t3.micro",
    });
    await refused(
      [one, more(1, { AssociatePublicIpAddress: true })],
      "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces",
    );
    await refused([one, more(1, { SubnetId: elsewhere })], "not in the same availability zone");
    await refused([one, more(1, { NetworkCardIndex: 1 })], "networkCardIndex");
    await refused([{ DeviceIndex: 0, NetworkInterfaceId: await newInterface() }], "more than one instance", {
      MaxCount: 2,
    });
    const both = { DeviceIndex: 0, NetworkInterfaceId: await newInterface(), SubnetId };
    await refused([both], "may not specify both a network interface ID and a subnet");
    await refusalFor("NetworkInterfaces.NetworkInterfaceId", () =>
      launch({ NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId: "eni-1" }] }),
    );
  });
});

it("an instance takes each interface and each private address once", async () => {
  const given = await newInterface();
  const twice = [0, 1].map((DeviceIndex) => ({ DeviceIndex, NetworkInterfaceId: given }));
  await expect(launch({ NetworkInterfaces: twice })).rejects.toMatchObject({
    name: "InvalidNetworkInterface.InUse",
  });
  expect(await eniOf(given)).toMatchObject({ Status: "available" });
  const address = ((await eniOf(given))?.PrivateIpAddress ?? "").replace(/\d+$/, "200");
  const equal = [0, 1].map((DeviceIndex) => ({ DeviceIndex, SubnetId, PrivateIpAddress: address }));
  for (const input of [
    { NetworkInterfaces: equal },
    { SubnetId, PrivateIpAddress: address, MinCount: 2, MaxCount: 2 },
  ])
    await expect(launch(input)).rejects.toMatchObject({ name: "InvalidIPAddress.InUse" });
});

it("a launch with an interface that exists needs permission on the interface's subnet and groups", async () => {
  const users = new iam.IAMClient(api.client());
  const UserName = "launcher";
  await users.send(new iam.CreateUserCommand({ UserName }));
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName }));
  const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
  const launcher = new ec2.EC2Client(api.client({ accessKeyId, secretAccessKey }));
  const [Action, subnet] = ["ec2:RunInstances", `subnet/${SubnetId}`];
  const launchDenied = async (denied: string) => {
    const Resource = `arn:aws:ec2:eu-south-1:000000000000:${denied}`;
    const Statement = [
      { Effect: "Allow", Action, Resource: "*" },
      { Effect: "Deny", Action, Resource },
    ];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await users.send(new iam.PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument }));
    const eni = { DeviceIndex: 0, NetworkInterfaceId: await newInterface() };
    const base = { ImageId, InstanceType: "t3.small", MinCount: 1, MaxCount: 1 } as const;
    return launcher.send(new ec2.RunInstancesCommand({ ...base, NetworkInterfaces: [eni] }));
  };
  for (const denied of [subnet, `security-group/${GroupId}`])
    await expect(launchDenied(denied), denied).rejects.toMatchObject({ name: "UnauthorizedOperation" });
  expect((await launchDenied(`subnet/${elsewhere}`)).Instances).toHaveLength(1);
});

describe("an interface", () => {
  it("is attached to an instance, assigned to its node, and detached with its address", async () => {
    const [id, eni] = [await launch(), await newInterface()];
    nodeReports();
    const attachment = await attach(eni, id);
    expect(await eniOf(eni)).toMatchObject({
      ...{ Status: "attaching", RequesterManaged: false },
      Attachment: {
        AttachmentId: attachment,
        DeviceIndex: 1,
        Status: "attaching",
        DeleteOnTermination: false,
      },
    });
    const { PrivateIpAddress: ip = "", MacAddress: mac, VpcId = "" } = (await eniOf(eni)) ?? {};
    expect(assignmentOf(id)?.attachedInterfaces).toMatchObject([{ id: eni, ip, mac, index: 1 }]);
    const categories = assignmentOf(id)?.instance?.categories ?? {};
    expect(categories[`network/interfaces/macs/${mac}/device-number`]).toBe("1");
    expect(categories[`network/interfaces/macs/${mac}/security-groups`]).toBe("second");
    const vpc = api.store.get("vpc", VpcId);
    const routed = () =>
      vpc && vpcAssignment(api.store, vpc, ({ nodeId }) => (nodeId ?? "n") === "n")?.interfaces;
    expect(routed()).toContainEqual(
      expect.objectContaining({ id: eni, ip, groups: [GroupId], metadataHops: 2 }),
    );
    nodeReports();
    const asked = { NetworkInterfaceId: eni, Attribute: "attachment" } as const;
    const described = await client.send(new ec2.DescribeNetworkInterfaceAttributeCommand(asked));
    expect(described.Attachment).toMatchObject({ Status: "attached", InstanceId: id });
    await expect(
      client.send(new ec2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId: eni })),
    ).rejects.toMatchObject({ name: "InvalidNetworkInterface.InUse" });
    await detach(attachment);
    expect((await eniOf(eni))?.Attachment?.Status).toBe("detaching");
    expect(assignmentOf(id)?.attachedInterfaces).toEqual([]);
    nodeReports();
    expect(await eniOf(eni)).toMatchObject({ Status: "available", PrivateIpAddress: ip, MacAddress: mac });
    expect(routed()?.map((each) => each.id)).not.toContain(eni);
    await attach(eni, id);
    await terminate(id);
    expect((await eniOf(eni))?.Status).toBe("available");
  });

  it("that stays when its instance ends loses a public address that is no elastic one", async () => {
    const eni = { DeviceIndex: 0, SubnetId, AssociatePublicIpAddress: true, DeleteOnTermination: false };
    const id = await launch({ NetworkInterfaces: [eni] });
    nodeReports();
    const { NetworkInterfaceId, Association } = (await shown(id))?.NetworkInterfaces?.[0] ?? {};
    expect(Association?.PublicIp).toBeDefined();
    await terminate(id);
    const kept = await eniOf(NetworkInterfaceId ?? "");
    expect(kept).toMatchObject({ Status: "available" });
    expect(kept?.Association).toBeUndefined();
  });

  it("that is being detached stays when its instance ends before the node has detached it", async () => {
    const NetworkInterfaceId = await newInterface();
    const further = { DeviceIndex: 1, NetworkInterfaceId, DeleteOnTermination: true };
    const id = await launch({ NetworkInterfaces: [{ DeviceIndex: 0, SubnetId }, further] });
    nodeReports();
    await detach((await eniOf(NetworkInterfaceId))?.Attachment?.AttachmentId ?? "");
    await terminate(id);
    expect(await eniOf(NetworkInterfaceId)).toMatchObject({ Status: "available" });
  });

  it("ends with the instance where its attachment is changed to that", async () => {
    const [id, eni] = [await launch(), await newInterface()];
    nodeReports();
    const AttachmentId = await attach(eni, id);
    const modify = (attachmentId: string, DeleteOnTermination: boolean) =>
      client.send(
        new ec2.ModifyNetworkInterfaceAttributeCommand({
          NetworkInterfaceId: eni,
          Attachment: { AttachmentId: attachmentId, DeleteOnTermination },
        }),
      );
    await expect(modify("eni-attach-1", true)).rejects.toMatchObject({
      name: "InvalidAttachmentID.NotFound",
    });
    await modify(AttachmentId, false);
    await modify(AttachmentId, true);
    for (const [name, value] of [
      ["attachment.delete-on-termination", "true"],
      ["attachment.device-index", "1"],
      ["attachment.attachment-id", AttachmentId],
      ["attachment.status", "attaching"],
    ] as const) {
      const Filters = [
        { Name: name, Values: [value] },
        { Name: "network-interface-id", Values: [eni] },
      ];
      const found = await client.send(new ec2.DescribeNetworkInterfacesCommand({ Filters }));
      expect(found.NetworkInterfaces).toHaveLength(1);
    }
    await terminate(id);
    await expect(eniOf(eni)).rejects.toThrow("does not exist");
  });

  it("keeps its elastic address, and an instance with two gets no other one when it starts", async () => {
    const [id, eni] = [await launch(), await newInterface()];
    nodeReports();
    expect((await shown(id))?.PublicIpAddress).toMatch(/^198\./);
    const { AllocationId, PublicIp } = await client.send(new ec2.AllocateAddressCommand({}));
    const elastic = { AllocationId, NetworkInterfaceId: eni };
    await client.send(new ec2.AssociateAddressCommand(elastic));
    const attachment = await attach(eni, id);
    nodeReports();
    expect((await shown(id))?.NetworkInterfaces?.[1]?.Association).toMatchObject({ PublicIp });
    api.store.transact((tx) => {
      const instance = tx.get("ec2Instance", id);
      const primary = tx.get("networkInterface", instance?.networkInterfaceId);
      if (instance === undefined || primary === undefined) return;
      tx.put("ec2Instance", id, { ...instance, state: "stopped" });
      tx.put("networkInterface", primary.id, { ...primary, publicIp: undefined });
    });
    await client.send(new ec2.StartInstancesCommand({ InstanceIds: [id] }));
    expect((await shown(id))?.PublicIpAddress).toBeUndefined();
    await detach(attachment);
    nodeReports();
    expect((await eniOf(eni))?.Association?.PublicIp).toBe(PublicIp);
  });

  it("is refused at a taken index, beyond the limit, in another zone, and to strangers", async () => {
    const id = await launch({ InstanceType: "t3.micro" });
    const eni = await newInterface();
    await expect(attach(eni, id)).rejects.toMatchObject({ name: "IncorrectInstanceState" });
    nodeReports();
    await expect(attach(eni, id, 0)).rejects.toThrow(
      `Instance '${id}' already has an interface attached at device index '0'.`,
    );
    await expect(attach(eni, id, -1)).rejects.toThrow("deviceIndex");
    await expect(attach(eni, id, 16)).rejects.toThrow("deviceIndex");
    await expect(attach(await newInterface(elsewhere), id)).rejects.toThrow("availability zone");
    await attach(eni, id);
    await expect(attach(eni, id, 2)).rejects.toThrow(`Interface: [${eni}] in use.`);
    await expect(attach(await newInterface(), id, 2)).rejects.toMatchObject({
      ...{ name: "AttachmentLimitExceeded", message: "Interface count 3 exceeds the limit for t3.micro" },
    });
    const primary = (await shown(id))?.NetworkInterfaces?.[0];
    await expect(detach(primary?.Attachment?.AttachmentId ?? "")).rejects.toThrow(
      "The network interface at device index 0 and networkCard index 0 cannot be detached.",
    );
    admitOther(api);
    const stranger = new ec2.EC2Client({ ...api.client(), credentials: OTHER });
    const stolen = { NetworkInterfaceId: await newInterface(), InstanceId: id, DeviceIndex: 2 };
    await expect(stranger.send(new ec2.AttachNetworkInterfaceCommand(stolen))).rejects.toMatchObject({
      name: "InvalidNetworkInterfaceID.NotFound",
    });
    const AttachmentId = (await shown(id))?.NetworkInterfaces?.[1]?.Attachment?.AttachmentId;
    await expect(
      stranger.send(new ec2.DetachNetworkInterfaceCommand({ AttachmentId })),
    ).rejects.toMatchObject({ name: "InvalidAttachmentID.NotFound" });
  });
});
