import * as ec2 from "@aws-sdk/client-ec2";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());
let vpcId = "";
let subnetId = "";

beforeAll(async () => {
  vpcId = (await client.send(new ec2.CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }))).Vpc?.VpcId ?? "";
  const created = new ec2.CreateSubnetCommand({ VpcId: vpcId, CidrBlock: "10.0.1.0/24" });
  subnetId = (await client.send(created)).Subnet?.SubnetId ?? "";
});

describe("attributes of the account and of a VPC", () => {
  it("names the default VPC among the account's attributes", async () => {
    const { AccountAttributes = [] } = await client.send(
      new ec2.DescribeAccountAttributesCommand({ AttributeNames: ["default-vpc"] }),
    );
    expect(AccountAttributes.map((each) => each.AttributeName)).toEqual(["default-vpc"]);
  });

  it("changes whether a VPC has DNS host names", async () => {
    await client.send(
      new ec2.ModifyVpcAttributeCommand({ VpcId: vpcId, EnableDnsHostnames: { Value: true } }),
    );
    const { EnableDnsHostnames } = await client.send(
      new ec2.DescribeVpcAttributeCommand({ VpcId: vpcId, Attribute: "enableDnsHostnames" }),
    );
    expect(EnableDnsHostnames?.Value).toBe(true);
    expect(api.store.get("vpc", vpcId)?.enableDnsHostnames).toBe(true);
    await expect(
      client.send(new ec2.ModifyVpcAttributeCommand({ VpcId: "vpc-0", EnableDnsSupport: { Value: true } })),
    ).rejects.toMatchObject({ name: "InvalidVpcID.NotFound" });
  });
});

describe("gateways and addresses", () => {
  const gatewayId = async () =>
    (await client.send(new ec2.CreateInternetGatewayCommand({}))).InternetGateway?.InternetGatewayId;
  const allocate = async () => (await client.send(new ec2.AllocateAddressCommand({}))).AllocationId;

  it("attaches an internet gateway to one VPC, once", async () => {
    const InternetGatewayId = await gatewayId();
    await client.send(new ec2.AttachInternetGatewayCommand({ InternetGatewayId, VpcId: vpcId }));
    await expect(
      client.send(new ec2.AttachInternetGatewayCommand({ InternetGatewayId, VpcId: vpcId })),
    ).rejects.toMatchObject({ name: "Resource.AlreadyAssociated" });
    await expect(
      client.send(new ec2.DeleteInternetGatewayCommand({ InternetGatewayId })),
    ).rejects.toMatchObject({ name: "DependencyViolation" });
    await client.send(new ec2.DetachInternetGatewayCommand({ InternetGatewayId, VpcId: vpcId }));
    expect(api.store.get("internetGateway", InternetGatewayId)?.vpcId).toBeUndefined();
    await client.send(new ec2.DeleteInternetGatewayCommand({ InternetGatewayId }));
    expect(api.store.get("internetGateway", InternetGatewayId)).toBeUndefined();
  });

  it("gives a NAT gateway an interface and an address, and releases both", async () => {
    const AllocationId = await allocate();
    const { NatGateway } = await client.send(
      new ec2.CreateNatGatewayCommand({ SubnetId: subnetId, AllocationId }),
    );
    const [address] = NatGateway?.NatGatewayAddresses ?? [];
    const { NetworkInterfaces } = await client.send(
      new ec2.DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [address?.NetworkInterfaceId ?? ""] }),
    );
    expect(NetworkInterfaces?.[0]?.InterfaceType).toBe("nat_gateway");
    await expect(client.send(new ec2.ReleaseAddressCommand({ AllocationId }))).rejects.toMatchObject({
      name: "InvalidIPAddress.InUse",
    });
    await client.send(new ec2.DeleteNatGatewayCommand({ NatGatewayId: NatGateway?.NatGatewayId }));
    expect(api.store.get("natGateway", NatGateway?.NatGatewayId)?.state).toBe("deleted");
    expect(api.store.get("networkInterface", address?.NetworkInterfaceId)).toBeUndefined();
    const NetworkBorderGroup = await client.config.region();
    await client.send(new ec2.ReleaseAddressCommand({ AllocationId, NetworkBorderGroup }));
    expect(api.store.get("elasticAddress", AllocationId)).toBeUndefined();
  });

  it("moves an address to an interface and away again", async () => {
    const [natAddress, AllocationId] = [await allocate(), await allocate()];
    const { NatGateway } = await client.send(
      new ec2.CreateNatGatewayCommand({ SubnetId: subnetId, AllocationId: natAddress }),
    );
    const NetworkInterfaceId = NatGateway?.NatGatewayAddresses?.[0]?.NetworkInterfaceId;
    const associate = { AllocationId, NetworkInterfaceId };
    const { AssociationId } = await client.send(new ec2.AssociateAddressCommand(associate));
    const { Addresses } = await client.send(
      new ec2.DescribeAddressesCommand({ AllocationIds: [AllocationId ?? ""] }),
    );
    expect(Addresses?.[0]?.NetworkInterfaceId).toBe(NetworkInterfaceId);
    expect(api.store.get("networkInterface", NetworkInterfaceId)?.publicIp).toBe(Addresses?.[0]?.PublicIp);
    await expect(client.send(new ec2.AssociateAddressCommand(associate))).rejects.toMatchObject({
      name: "Resource.AlreadyAssociated",
    });
    await expect(
      client.send(new ec2.AssociateAddressCommand({ AllocationId, NetworkInterfaceId: "eni-0" })),
    ).rejects.toMatchObject({ name: "InvalidNetworkInterfaceID.NotFound" });
    await client.send(new ec2.DisassociateAddressCommand({ AssociationId }));
    expect(api.store.get("networkInterface", NetworkInterfaceId)?.publicIp).toBeUndefined();
    await expect(client.send(new ec2.DisassociateAddressCommand({ AssociationId }))).rejects.toMatchObject({
      name: "InvalidAssociationID.NotFound",
    });
  });
});

describe("route tables", () => {
  const DestinationCidrBlock = "0.0.0.0/0";

  it("replaces and deletes a route, but not the local one", async () => {
    const { RouteTable } = await client.send(new ec2.CreateRouteTableCommand({ VpcId: vpcId }));
    const { InternetGateway } = await client.send(new ec2.CreateInternetGatewayCommand({}));
    const RouteTableId = RouteTable?.RouteTableId;
    const GatewayId = InternetGateway?.InternetGatewayId;
    const route = { RouteTableId, DestinationCidrBlock, GatewayId };
    await expect(client.send(new ec2.ReplaceRouteCommand(route))).rejects.toThrow("Use CreateRoute instead.");
    await client.send(new ec2.CreateRouteCommand(route));
    const { InternetGateway: other } = await client.send(new ec2.CreateInternetGatewayCommand({}));
    await client.send(new ec2.ReplaceRouteCommand({ ...route, GatewayId: other?.InternetGatewayId }));
    expect(api.store.get("routeTable", RouteTableId)?.routes.at(-1)?.target.id).toBe(
      other?.InternetGatewayId,
    );
    await client.send(new ec2.DeleteRouteCommand({ RouteTableId, DestinationCidrBlock }));
    expect(api.store.get("routeTable", RouteTableId)?.routes).toHaveLength(1);
    await expect(
      client.send(new ec2.DeleteRouteCommand({ RouteTableId, DestinationCidrBlock: "10.0.0.0/16" })),
    ).rejects.toMatchObject({ name: "InvalidRoute.NotFound" });
  });

  it("associates a table with a subnet, and is not deleted until it is disassociated", async () => {
    const { RouteTable } = await client.send(new ec2.CreateRouteTableCommand({ VpcId: vpcId }));
    const RouteTableId = RouteTable?.RouteTableId;
    const { AssociationId } = await client.send(
      new ec2.AssociateRouteTableCommand({ RouteTableId, SubnetId: subnetId }),
    );
    expect(api.store.get("routeTable", RouteTableId)?.associations[0]?.subnetId).toBe(subnetId);
    await expect(client.send(new ec2.DeleteRouteTableCommand({ RouteTableId }))).rejects.toMatchObject({
      name: "DependencyViolation",
    });
    await client.send(new ec2.DisassociateRouteTableCommand({ AssociationId }));
    await client.send(new ec2.DeleteRouteTableCommand({ RouteTableId }));
    expect(api.store.get("routeTable", RouteTableId)).toBeUndefined();
  });
});

describe("rules of security groups", () => {
  const groupOf = async (GroupName: string) =>
    (
      await client.send(
        new ec2.CreateSecurityGroupCommand({ VpcId: vpcId, GroupName, Description: GroupName }),
      )
    ).GroupId;
  const web = (Description: string) => ({
    IpProtocol: "tcp",
    FromPort: 80,
    ToPort: 80,
    IpRanges: [{ CidrIp: "10.0.0.0/8", Description }],
  });

  it("adds and revokes rules in both directions", async () => {
    const GroupId = await groupOf("both");
    const IpPermissions = [web("web")];
    await client.send(new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
    await client.send(new ec2.AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions }));
    await expect(
      client.send(new ec2.AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions })),
    ).rejects.toMatchObject({ name: "InvalidPermission.Duplicate" });
    const directions = () => api.store.get("securityGroup", GroupId)?.rules.map((rule) => rule.direction);
    expect(directions()).toEqual(["egress", "ingress", "egress"]);
    await client.send(new ec2.RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
    await client.send(new ec2.RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions }));
    expect(directions()).toEqual(["egress"]);
    await expect(
      client.send(new ec2.RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions })),
    ).rejects.toMatchObject({ name: "InvalidPermission.NotFound" });
  });

  it("changes a rule and its description by its id", async () => {
    const GroupId = await groupOf("changed");
    const { SecurityGroupRules: made } = await client.send(
      new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [web("old")] }),
    );
    const SecurityGroupRuleId = made?.[0]?.SecurityGroupRuleId ?? "";
    await client.send(
      new ec2.ModifySecurityGroupRulesCommand({
        GroupId,
        SecurityGroupRules: [
          {
            SecurityGroupRuleId,
            SecurityGroupRule: { IpProtocol: "tcp", FromPort: 443, ToPort: 443, CidrIpv4: "10.0.0.0/8" },
          },
        ],
      }),
    );
    await client.send(
      new ec2.UpdateSecurityGroupRuleDescriptionsIngressCommand({
        GroupId,
        SecurityGroupRuleDescriptions: [{ SecurityGroupRuleId, Description: "new" }],
      }),
    );
    const { SecurityGroupRules: rules } = await client.send(
      new ec2.DescribeSecurityGroupRulesCommand({ SecurityGroupRuleIds: [SecurityGroupRuleId] }),
    );
    expect(rules?.[0]).toMatchObject({ FromPort: 443, ToPort: 443, Description: "new" });
    await expect(
      client.send(
        new ec2.ModifySecurityGroupRulesCommand({
          GroupId,
          SecurityGroupRules: [{ SecurityGroupRuleId: "sgr-0", SecurityGroupRule: { IpProtocol: "tcp" } }],
        }),
      ),
    ).rejects.toMatchObject({ name: "InvalidSecurityGroupRuleId.NotFound" });
  });

  it("changes the description of an egress rule by what the rule says", async () => {
    const GroupId = await groupOf("egress");
    await client.send(new ec2.AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: [web("old")] }));
    await client.send(
      new ec2.UpdateSecurityGroupRuleDescriptionsEgressCommand({ GroupId, IpPermissions: [web("new")] }),
    );
    expect(api.store.get("securityGroup", GroupId)?.rules.at(-1)?.description).toBe("new");
  });
});
