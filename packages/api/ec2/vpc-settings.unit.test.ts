import * as ec2 from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
const vpc = async (CidrBlock: string) =>
  (await client.send(new ec2.CreateVpcCommand({ CidrBlock }))).Vpc?.VpcId ?? "";
let VpcId = "";
beforeAll(async () => {
  VpcId = await vpc("10.0.0.0/16");
});
const described = async (id: string) =>
  (await client.send(new ec2.DescribeVpcsCommand({ VpcIds: [id] }))).Vpcs?.[0];

describe("DHCP options", () => {
  it("are created, associated and deleted once no VPC has them", async () => {
    const DhcpConfigurations = [{ Key: "domain-name", Values: ["shop.internal"] }];
    const made = await client.send(new ec2.CreateDhcpOptionsCommand({ DhcpConfigurations }));
    const DhcpOptionsId = made.DhcpOptions?.DhcpOptionsId;
    await client.send(new ec2.AssociateDhcpOptionsCommand({ VpcId, DhcpOptionsId }));
    expect((await described(VpcId))?.DhcpOptionsId).toBe(DhcpOptionsId);
    await expect(client.send(new ec2.DeleteDhcpOptionsCommand({ DhcpOptionsId }))).rejects.toMatchObject({
      name: "DependencyViolation",
    });
    await client.send(new ec2.AssociateDhcpOptionsCommand({ VpcId, DhcpOptionsId: "default" }));
    expect((await described(VpcId))?.DhcpOptionsId).toBe("default");
    await client.send(new ec2.DeleteDhcpOptionsCommand({ DhcpOptionsId }));
    await expect(client.send(new ec2.DeleteDhcpOptionsCommand({ DhcpOptionsId }))).rejects.toMatchObject({
      name: "InvalidDhcpOptionID.NotFound",
    });
  });

  it("exist in every region from the first call on, for every VPC", async () => {
    const Filters = [{ Name: "value", Values: ["AmazonProvidedDNS"] }];
    const { DhcpOptions } = await client.send(new ec2.DescribeDhcpOptionsCommand({ Filters }));
    expect(DhcpOptions).toHaveLength(1);
    expect((await described(await vpc("10.7.0.0/16")))?.DhcpOptionsId).toBe(DhcpOptions?.[0]?.DhcpOptionsId);
  });

  it("refuse unknown options and values", async () => {
    const send = (Key: string, Value: string) =>
      client.send(new ec2.CreateDhcpOptionsCommand({ DhcpConfigurations: [{ Key, Values: [Value] }] }));
    await expect(send("nonsense", "a")).rejects.toThrow("Unknown DHCP option");
    await expect(send("domain-name-servers", "a\nnameserver 1.2.3.4")).rejects.toMatchObject({
      name: "InvalidParameterValue",
    });
  });
});

describe("blocks of a VPC", () => {
  it("are added with their local route, hold subnets, and are removed once empty", async () => {
    const CidrBlock = "10.1.0.0/16";
    const added = await client.send(new ec2.AssociateVpcCidrBlockCommand({ VpcId, CidrBlock }));
    const AssociationId = added.CidrBlockAssociation?.AssociationId;
    const main = () => api.store.list("routeTable").find((table) => table.vpcId === VpcId);
    expect(main()?.routes.map((route) => route.destination)).toEqual(["10.0.0.0/16", CidrBlock]);
    const { Subnet } = await client.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock: "10.1.1.0/24" }));
    const remove = () => client.send(new ec2.DisassociateVpcCidrBlockCommand({ AssociationId }));
    await expect(remove()).rejects.toMatchObject({ name: "InvalidCidrBlock.InUse" });
    await client.send(new ec2.DeleteSubnetCommand({ SubnetId: Subnet?.SubnetId }));
    await remove();
    expect(main()?.routes).toHaveLength(1);
    await expect(remove()).rejects.toMatchObject({ name: "InvalidCidrBlockAssociationID.NotFound" });
  });

  it("do not overlap, and the first one stays", async () => {
    const again = new ec2.AssociateVpcCidrBlockCommand({ VpcId, CidrBlock: "10.0.0.0/24" });
    await expect(client.send(again)).rejects.toMatchObject({ name: "CidrConflict" });
    const first = (await described(VpcId))?.CidrBlockAssociationSet?.[0]?.AssociationId;
    await expect(
      client.send(new ec2.DisassociateVpcCidrBlockCommand({ AssociationId: first })),
    ).rejects.toMatchObject({ name: "OperationNotPermitted" });
  });
});

describe("settings", () => {
  it("record tenancy, which can be changed to default alone", async () => {
    const dedicated = new ec2.CreateVpcCommand({ CidrBlock: "10.8.0.0/16", InstanceTenancy: "dedicated" });
    const { Vpc } = await client.send(dedicated);
    expect(Vpc?.InstanceTenancy).toBe("dedicated");
    const id = Vpc?.VpcId ?? "";
    await client.send(new ec2.ModifyVpcTenancyCommand({ VpcId: id, InstanceTenancy: "default" }));
    expect((await described(id))?.InstanceTenancy).toBe("default");
  });

  it("block public access except for exclusions", async () => {
    const { VpcBlockPublicAccessOptions: before } = await client.send(
      new ec2.DescribeVpcBlockPublicAccessOptionsCommand({}),
    );
    expect(before).toMatchObject({ State: "default-state", InternetGatewayBlockMode: "off" });
    const InternetGatewayBlockMode = "block-ingress";
    const modify = new ec2.ModifyVpcBlockPublicAccessOptionsCommand({ InternetGatewayBlockMode });
    await client.send(modify);
    expect((await described(VpcId))?.BlockPublicAccessStates?.InternetGatewayBlockMode).toBe("block-ingress");
    const { VpcBlockPublicAccessExclusion: exclusion } = await client.send(
      new ec2.CreateVpcBlockPublicAccessExclusionCommand({
        VpcId,
        InternetGatewayExclusionMode: "allow-egress",
      }),
    );
    const ExclusionId = exclusion?.ExclusionId;
    await client.send(
      new ec2.ModifyVpcBlockPublicAccessExclusionCommand({
        ExclusionId,
        InternetGatewayExclusionMode: "allow-bidirectional",
      }),
    );
    const list = async () =>
      (await client.send(new ec2.DescribeVpcBlockPublicAccessExclusionsCommand({})))
        .VpcBlockPublicAccessExclusions;
    expect((await list())?.[0]?.InternetGatewayExclusionMode).toBe("allow-bidirectional");
    await client.send(new ec2.DeleteVpcBlockPublicAccessExclusionCommand({ ExclusionId }));
    expect(await list()).toEqual([]);
  });

  it("recreate the default subnet of a zone", async () => {
    const { Subnets } = await client.send(
      new ec2.DescribeSubnetsCommand({ Filters: [{ Name: "default-for-az", Values: ["true"] }] }),
    );
    const [first] = Subnets ?? [];
    const AvailabilityZone = first?.AvailabilityZone;
    const make = () => client.send(new ec2.CreateDefaultSubnetCommand({ AvailabilityZone }));
    await expect(make()).rejects.toMatchObject({ name: "DefaultSubnetAlreadyExistsInAvailabilityZone" });
    await client.send(new ec2.DeleteSubnetCommand({ SubnetId: first?.SubnetId }));
    expect((await make()).Subnet).toMatchObject({ DefaultForAz: true, CidrBlock: first?.CidrBlock });
  });

  it("make another route table the main one", async () => {
    const table = (await client.send(new ec2.CreateRouteTableCommand({ VpcId }))).RouteTable?.RouteTableId;
    const main = api.store
      .list("routeTable")
      .find(
        (each) => each.vpcId === VpcId && each.associations.some(({ subnetId }) => subnetId === undefined),
      );
    const AssociationId = main?.associations[0]?.id;
    const replace = () =>
      client.send(new ec2.ReplaceRouteTableAssociationCommand({ AssociationId, RouteTableId: table }));
    await replace();
    expect(api.store.get("routeTable", table)?.associations[0]?.subnetId).toBeUndefined();
    expect(api.store.get("routeTable", main?.id)?.associations).toEqual([]);
    await expect(replace()).rejects.toMatchObject({ name: "InvalidAssociationID.NotFound" });
  });
});

describe("an interface of one's own", () => {
  it("has the given addresses and groups, and cannot be attached", async () => {
    const { Subnet } = await client.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock: "10.0.9.0/24" }));
    const SubnetId = Subnet?.SubnetId;
    const make = new ec2.CreateNetworkInterfaceCommand({ SubnetId, PrivateIpAddress: "10.0.9.50" });
    const eni = (await client.send(make)).NetworkInterface;
    const NetworkInterfaceId = eni?.NetworkInterfaceId ?? "";
    expect(eni).toMatchObject({
      Status: "available",
      PrivateIpAddress: "10.0.9.50",
      RequesterManaged: false,
    });
    await expect(client.send(make)).rejects.toMatchObject({ name: "InvalidIPAddress.InUse" });
    const more = { NetworkInterfaceId, SecondaryPrivateIpAddressCount: 2 };
    const assigned = await client.send(new ec2.AssignPrivateIpAddressesCommand(more));
    const PrivateIpAddresses = (assigned.AssignedPrivateIpAddresses ?? []).flatMap(
      (each) => each.PrivateIpAddress ?? [],
    );
    expect(PrivateIpAddresses).toHaveLength(2);
    const free = async () =>
      (await client.send(new ec2.DescribeSubnetsCommand({ SubnetIds: [SubnetId ?? ""] }))).Subnets?.[0]
        ?.AvailableIpAddressCount;
    expect(await free()).toBe(251 - 3);
    await client.send(new ec2.UnassignPrivateIpAddressesCommand({ NetworkInterfaceId, PrivateIpAddresses }));
    expect(await free()).toBe(251 - 1);
    const Description = { Value: "spare" };
    await client.send(new ec2.ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Description }));
    const attribute = new ec2.DescribeNetworkInterfaceAttributeCommand({
      NetworkInterfaceId,
      Attribute: "description",
    });
    expect((await client.send(attribute)).Description?.Value).toBe("spare");
    const attach = { NetworkInterfaceId, InstanceId: "i-0123456789abcdef0", DeviceIndex: 1 };
    await expect(client.send(new ec2.AttachNetworkInterfaceCommand(attach))).rejects.toMatchObject({
      name: "InvalidInstanceID.NotFound",
    });
    await expect(
      client.send(new ec2.DetachNetworkInterfaceCommand({ AttachmentId: "eni-attach-1" })),
    ).rejects.toMatchObject({ name: "InvalidAttachmentID.NotFound" });
    await client.send(new ec2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId }));
    expect(api.store.get("networkInterface", NetworkInterfaceId)).toBeUndefined();
  });
});
