import * as ec2 from "@aws-sdk/client-ec2";
import * as elb from "@aws-sdk/client-elastic-load-balancing-v2";
import * as rds from "@aws-sdk/client-rds";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";
import { vpcAssignment } from "./vpc-assignment.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new ec2.EC2Client(api.client());

/** A VPC with a subnet, and the route table of the subnet. */
async function newVpc(block: string) {
  const { Vpc } = await client.send(new ec2.CreateVpcCommand({ CidrBlock: `${block}.0.0/16` }));
  const VpcId = Vpc?.VpcId ?? "";
  const subnet = async (number: number) => {
    const CidrBlock = `${block}.${number}.0/24`;
    const { Subnet } = await client.send(new ec2.CreateSubnetCommand({ VpcId, CidrBlock }));
    const { RouteTable } = await client.send(new ec2.CreateRouteTableCommand({ VpcId }));
    const [SubnetId = "", RouteTableId = ""] = [Subnet?.SubnetId, RouteTable?.RouteTableId];
    await client.send(new ec2.AssociateRouteTableCommand({ SubnetId, RouteTableId }));
    return { SubnetId, RouteTableId };
  };
  const assigned = () => {
    const vpc = api.store.get("vpc", VpcId);
    return vpc && vpcAssignment(api.store, vpc, () => true);
  };
  const subnetOf = (number: number) =>
    assigned()?.subnets.find((each) => each.cidr === `${block}.${number}.0/24`);
  return { VpcId, subnet, assigned, subnetOf };
}

async function natGateway(SubnetId: string, isPrivate: boolean): Promise<string> {
  const { AllocationId } = isPrivate
    ? { AllocationId: undefined }
    : await client.send(new ec2.AllocateAddressCommand({}));
  const { NatGateway } = await client.send(
    new ec2.CreateNatGatewayCommand({
      SubnetId,
      AllocationId,
      ConnectivityType: isPrivate ? "private" : "public",
    }),
  );
  return NatGateway?.NatGatewayId ?? "";
}

it("leads routes to a peering, through a private NAT gateway with its address, until it is deleted", async () => {
  const [one, two] = [await newVpc("10.1"), await newVpc("10.2")];
  const [home, gateways] = [await one.subnet(1), await one.subnet(2)];
  const NatGatewayId = await natGateway(gateways.SubnetId, true);
  const { VpcPeeringConnection } = await client.send(
    new ec2.CreateVpcPeeringConnectionCommand({ VpcId: one.VpcId, PeerVpcId: two.VpcId }),
  );
  const VpcPeeringConnectionId = VpcPeeringConnection?.VpcPeeringConnectionId ?? "";
  const wide = { DestinationCidrBlock: "10.0.0.0/8" };
  await client.send(
    new ec2.CreateRouteCommand({ ...wide, RouteTableId: gateways.RouteTableId, VpcPeeringConnectionId }),
  );
  await client.send(new ec2.CreateRouteCommand({ ...wide, RouteTableId: home.RouteTableId, NatGatewayId }));
  // Nothing leads through a peering that is not accepted.
  expect(one.subnetOf(2)?.peerRoutes).toEqual([{ cidr: "10.0.0.0/8", peeringId: undefined }]);
  await client.send(new ec2.AcceptVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
  const toPeer = { cidr: "10.2.0.0/16", peeringId: VpcPeeringConnectionId };
  expect(one.subnetOf(2)?.peerRoutes).toEqual([{ cidr: "10.0.0.0/8", peeringId: undefined }, toPeer]);
  const natIp = api.store.get(
    "networkInterface",
    api.store.get("natGateway", NatGatewayId)?.networkInterfaceId,
  )?.privateIp;
  expect(one.subnetOf(1)).toMatchObject({ egress: "none", peerRoutes: [{ ...toPeer, natIp }] });
  expect(one.assigned()?.peerings).toEqual([
    { id: VpcPeeringConnectionId, side: "requester", peerVpcId: two.VpcId, blocks: ["10.2.0.0/16"] },
  ]);
  await client.send(new ec2.DeleteVpcPeeringConnectionCommand({ VpcPeeringConnectionId }));
  expect([one.subnetOf(1)?.peerRoutes, one.assigned()?.peerings]).toEqual([undefined, undefined]);
});

it("limits the way out to the blocks of a prefix list where no route leads everywhere", async () => {
  const vpc = await newVpc("10.3");
  const home = await vpc.subnet(1);
  const NatGatewayId = await natGateway(home.SubnetId, false);
  const { PrefixList } = await client.send(
    new ec2.CreateManagedPrefixListCommand({
      ...{ PrefixListName: "partners", AddressFamily: "IPv4", MaxEntries: 2 },
      Entries: [{ Cidr: "192.0.2.0/24" }, { Cidr: "198.51.100.0/24" }],
    }),
  );
  const { RouteTableId } = home;
  const DestinationPrefixListId = PrefixList?.PrefixListId;
  await client.send(new ec2.CreateRouteCommand({ RouteTableId, NatGatewayId, DestinationPrefixListId }));
  const egressBlocks = ["192.0.2.0/24", "198.51.100.0/24"];
  expect(vpc.subnetOf(1)).toMatchObject({ egress: "nat", egressBlocks });
  await client.send(
    new ec2.CreateRouteCommand({ RouteTableId, NatGatewayId, DestinationCidrBlock: "0.0.0.0/0" }),
  );
  expect(vpc.subnetOf(1)).not.toHaveProperty("egressBlocks");
});

it("names the targets that see clients' addresses, with the groups of their network load balancers", async () => {
  const balancers = new elb.ElasticLoadBalancingV2Client(api.client());
  const vpc = await newVpc("10.9");
  const { VpcId } = vpc;
  const { SubnetId } = await vpc.subnet(1);
  await client.send(new ec2.AssociateVpcCidrBlockCommand({ VpcId, CidrBlock: "10.10.0.0/16" }));
  const group = { VpcId, GroupName: "balancers", Description: "balancers" };
  const { GroupId = "" } = await client.send(new ec2.CreateSecurityGroupCommand(group));
  const serve = async (Name: string, addresses: readonly string[], SecurityGroups?: string[]) => {
    const { TargetGroups = [] } = await balancers.send(
      new elb.CreateTargetGroupCommand({ Name, Protocol: "TCP", Port: 8080, TargetType: "ip", VpcId }),
    );
    const { TargetGroupArn } = TargetGroups[0] ?? {};
    const Targets = addresses.map((Id) => (Id.startsWith("10.") ? { Id } : { Id, AvailabilityZone: "all" }));
    await balancers.send(new elb.RegisterTargetsCommand({ TargetGroupArn, Targets }));
    const { LoadBalancers = [] } = await balancers.send(
      new elb.CreateLoadBalancerCommand({
        ...{ Name, Type: "network", Scheme: "internal", Subnets: [SubnetId], SecurityGroups },
      }),
    );
    const { LoadBalancerArn } = LoadBalancers[0] ?? {};
    await balancers.send(
      new elb.CreateListenerCommand({
        ...{ LoadBalancerArn, Protocol: "TCP", Port: 80 },
        DefaultActions: [{ Type: "forward", TargetGroupArn }],
      }),
    );
    return (Value: string) =>
      balancers.send(
        new elb.ModifyTargetGroupAttributesCommand({
          ...{ TargetGroupArn, Attributes: [{ Key: "preserve_client_ip.enabled", Value }] },
        }),
      );
  };
  // A target outside the VPC sees the load balancer's address.
  const keep = await serve("grouped", ["10.9.1.20", "10.10.0.20", "192.168.0.9"], [GroupId]);
  const keepOpen = await serve("open", ["10.9.1.20"]);
  expect(vpc.assigned()?.clientTargets).toBeUndefined();
  await keep("true");
  const groups = [GroupId];
  const kept = [
    { address: "10.10.0.20", port: 8080, groups },
    { address: "10.9.1.20", port: 8080, groups },
  ];
  const assigned = () => new Set(vpc.assigned()?.clientTargets);
  expect(assigned()).toEqual(new Set(kept));
  await keepOpen("true");
  const open = { address: "10.9.1.20", port: 8080, groups: ["sg-open"] };
  expect(assigned()).toEqual(new Set([...kept, open]));
  await keep("false");
  await keepOpen("false");
  expect(vpc.assigned()?.clientTargets).toBeUndefined();
});

it("leads databases whose users log in with tokens to the platform, which verifies these, and no others", async () => {
  const databases = new rds.RDSClient(api.client());
  const create = async (DBInstanceIdentifier: string, EnableIAMDatabaseAuthentication: boolean) =>
    databases.send(
      new rds.CreateDBInstanceCommand({
        ...{ DBInstanceIdentifier, Engine: "postgres", DBInstanceClass: "db.t3.micro", AllocatedStorage: 20 },
        ...{ MasterUsername: "owner", MasterUserPassword: "long-enough", EnableIAMDatabaseAuthentication },
      }),
    );
  await create("with-tokens", true);
  await create("without", false);
  const asks = (name: string): boolean | undefined => {
    const { networkInterfaceId, vpcId } =
      api.store.list("databaseInstance").find(({ identifier }) => identifier === name) ?? expect.fail();
    const vpc = api.store.get("vpc", vpcId) ?? expect.fail();
    const { interfaces } = vpcAssignment(api.store, vpc, () => true) ?? expect.fail();
    return (interfaces.find(({ id }) => id === networkInterfaceId) ?? expect.fail()).asksAboutLogins;
  };
  expect([asks("with-tokens"), asks("without")]).toEqual([true, undefined]);
});
