import * as ec2 from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
let VpcId = "";
let SubnetId = "";
beforeAll(async () => {
  VpcId = (await client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }))).Vpc?.VpcId ?? "";
  const subnet = await client.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock: "10.0.1.0/24" }));
  SubnetId = subnet.Subnet?.SubnetId ?? "";
});
const acls = async (...Filters: ec2.Filter[]) =>
  (
    await client.send(
      new ec2.DescribeNetworkAclsCommand({ Filters: [{ Name: "vpc-id", Values: [VpcId] }, ...Filters] }),
    )
  ).NetworkAcls ?? [];
const created = async () =>
  (await client.send(new ec2.CreateNetworkAclCommand({ VpcId }))).NetworkAcl?.NetworkAclId;
const ssh = { RuleNumber: 100, Protocol: "6", RuleAction: "deny" as const, Egress: false };
const Ports = { CidrBlock: "10.0.0.0/8", PortRange: { From: 22, To: 22 } };

describe("the default network ACL", () => {
  it("comes with the VPC, allows everything and has its subnets", async () => {
    const [acl] = await acls({ Name: "default", Values: ["true"] });
    expect(acl?.Associations?.map((each) => each.SubnetId)).toEqual([SubnetId]);
    expect(acl?.Entries?.filter((entry) => entry.RuleNumber === 100)).toHaveLength(2);
    expect(acl?.Entries?.filter((entry) => entry.RuleNumber === 32_767)).toEqual(
      [true, false].map((Egress) => expect.objectContaining({ Egress, RuleAction: "deny", Protocol: "-1" })),
    );
    await expect(
      client.send(new ec2.DeleteNetworkAclCommand({ NetworkAclId: acl?.NetworkAclId })),
    ).rejects.toThrow("cannot delete the default network ACL");
  });

  it("goes with its VPC", async () => {
    const { Vpc } = await client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.9.0.0/16" }));
    await client.send(new ec2.DeleteVpcCommand({ VpcId: Vpc?.VpcId }));
    expect(api.store.list("networkAcl").filter((acl) => acl.vpcId === Vpc?.VpcId)).toEqual([]);
  });
});

describe("a network ACL of one's own", () => {
  it("has entries that are created, replaced and deleted", async () => {
    const NetworkAclId = await created();
    const entry = { NetworkAclId, ...ssh, ...Ports };
    await client.send(new ec2.CreateNetworkAclEntryCommand(entry));
    await expect(client.send(new ec2.CreateNetworkAclEntryCommand(entry))).rejects.toMatchObject({
      name: "NetworkAclEntryAlreadyExists",
    });
    await client.send(new ec2.ReplaceNetworkAclEntryCommand({ ...entry, RuleAction: "allow" }));
    const [found] = await acls({ Name: "entry.port-range.from", Values: ["22"] });
    expect(found?.Entries?.find((each) => each.RuleNumber === 100)).toMatchObject({
      RuleAction: "allow",
      PortRange: { From: 22, To: 22 },
    });
    const at = { NetworkAclId, RuleNumber: 100, Egress: false };
    await client.send(new ec2.DeleteNetworkAclEntryCommand(at));
    await expect(client.send(new ec2.DeleteNetworkAclEntryCommand(at))).rejects.toMatchObject({
      name: "InvalidNetworkAclEntry.NotFound",
    });
    await expect(client.send(new ec2.ReplaceNetworkAclEntryCommand(entry))).rejects.toMatchObject({
      name: "InvalidNetworkAclEntry.NotFound",
    });
  });

  it("refuses rules that cannot be evaluated, in EC2's words", async () => {
    const NetworkAclId = await created();
    const send = (part: Partial<ec2.CreateNetworkAclEntryRequest>) =>
      client.send(new ec2.CreateNetworkAclEntryCommand({ NetworkAclId, ...ssh, ...Ports, ...part }));
    await expect(send({ RuleNumber: 32_767 })).rejects.toThrow("parameter ruleNumber is invalid");
    await expect(send({ PortRange: undefined })).rejects.toMatchObject({ name: "MissingParameter" });
    await expect(send({ PortRange: { From: 9, To: 8 } })).rejects.toThrow("port range (9:8)");
    await expect(send({ Protocol: "nonsense" })).rejects.toThrow("Unknown protocol");
    await expect(send({ CidrBlock: "10.0.0.0/99" })).rejects.toThrow("is malformed");
    await expect(send({ CidrBlock: undefined, Ipv6CidrBlock: "::/0" })).rejects.toThrow("no IPv6");
    await expect(send({ Protocol: "icmp", IcmpTypeCode: { Type: 300, Code: 0 } })).rejects.toThrow("ICMP");
    await expect(send({ NetworkAclId: "acl-0" })).rejects.toMatchObject({
      name: "InvalidNetworkAclID.NotFound",
    });
  });

  it("takes at most 20 rules of each direction", async () => {
    const NetworkAclId = await created();
    const send = (RuleNumber: number) =>
      client.send(new ec2.CreateNetworkAclEntryCommand({ NetworkAclId, ...ssh, ...Ports, RuleNumber }));
    for (let number = 1; number <= 20; number += 1) await send(number);
    await expect(send(21)).rejects.toMatchObject({ name: "NetworkAclEntryLimitExceeded" });
  });

  it("takes over a subnet, which gives the association a new id", async () => {
    const NetworkAclId = await created();
    const [before] =
      (await acls({ Name: "association.subnet-id", Values: [SubnetId] }))[0]?.Associations ?? [];
    const AssociationId = before?.NetworkAclAssociationId;
    const { NewAssociationId } = await client.send(
      new ec2.ReplaceNetworkAclAssociationCommand({ NetworkAclId, AssociationId }),
    );
    expect(NewAssociationId).not.toBe(AssociationId);
    expect(api.store.get("subnet", SubnetId)?.networkAcl?.id).toBe(NetworkAclId);
    await expect(
      client.send(new ec2.ReplaceNetworkAclAssociationCommand({ NetworkAclId, AssociationId })),
    ).rejects.toMatchObject({ name: "InvalidAssociationID.NotFound" });
    await expect(client.send(new ec2.DeleteNetworkAclCommand({ NetworkAclId }))).rejects.toMatchObject({
      name: "DependencyViolation",
    });
    const [standard] = await acls({ Name: "default", Values: ["true"] });
    await client.send(
      new ec2.ReplaceNetworkAclAssociationCommand({
        NetworkAclId: standard?.NetworkAclId,
        AssociationId: NewAssociationId,
      }),
    );
    await client.send(new ec2.DeleteNetworkAclCommand({ NetworkAclId }));
    expect(api.store.get("networkAcl", NetworkAclId)).toBeUndefined();
  });
});
