import {
  AllocateAddressCommand,
  AssociateRouteTableCommand,
  AttachInternetGatewayCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateInternetGatewayCommand,
  CreateNatGatewayCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  ModifyVpcAttributeCommand,
  type IpPermission,
  type ResourceType,
} from "@aws-sdk/client-ec2";
import { present } from "@gantry/kernel";
import type { Clients } from "./clients.ts";

/**
 * The network of the example: VPC 172.16.15.0/24 with three private and three public subnets, as in
 * examples/fileshare/terraform.
 */
export interface DemoNetwork {
  readonly vpcId: string;
  readonly privateSubnets: readonly string[];
  readonly publicSubnets: readonly string[];
  readonly groups: {
    readonly balancer: string;
    readonly app: string;
    readonly database: string;
    readonly files: string;
  };
}

const PRIVATE = ["172.16.15.0/27", "172.16.15.32/27", "172.16.15.64/27"];
const PUBLIC = ["172.16.15.96/28", "172.16.15.112/28", "172.16.15.128/28"];
const ZONES = ["a", "b", "c"];

const named = (type: ResourceType, name: string) => [
  {
    ResourceType: type,
    Tags: [
      { Key: "Name", Value: name },
      { Key: "Project", Value: "fileshare" },
    ],
  },
];
/** The assertion about every Create operation. */
const CREATED = "A response contains the resource that the request created.";

type Ec2 = Clients["ec2"];

const filters = [{ Name: "tag:Project", Values: ["fileshare"] }];

/** Whether the demo's VPC is there, however it was made. */
export async function hasNetwork({ ec2 }: Clients): Promise<boolean> {
  return ((await ec2.send(new DescribeVpcsCommand({ Filters: filters }))).Vpcs ?? []).length > 0;
}

/** Finds the network by its tags, or creates it. */
export async function ensureNetwork({ ec2 }: Clients, region: string): Promise<DemoNetwork> {
  const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({ Filters: filters }));
  const [known] = Vpcs;
  if (known?.VpcId !== undefined) {
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ Filters: filters }));
    const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters }));
    const subnet = (cidr: string) =>
      present(
        Subnets.find((each) => each.CidrBlock === cidr)?.SubnetId,
        'A subnet of the demo is missing: run "gantry down --purge" and "gantry demo" to create everything again.',
      );
    const group = (name: string) =>
      present(
        SecurityGroups.find((each) => each.GroupName === name)?.GroupId,
        'A security group of the demo is missing: run "gantry down --purge" and "gantry demo" to ' +
          "create everything again.",
      );
    return {
      vpcId: known.VpcId,
      privateSubnets: PRIVATE.map(subnet),
      publicSubnets: PUBLIC.map(subnet),
      groups: {
        balancer: group("fileshare-alb"),
        app: group("fileshare-app"),
        database: group("fileshare-db"),
        files: group("fileshare-efs"),
      },
    };
  }
  return createNetwork(ec2, region);
}

async function createNetwork(ec2: Ec2, region: string): Promise<DemoNetwork> {
  const { Vpc } = await ec2.send(
    new CreateVpcCommand({ CidrBlock: "172.16.15.0/24", TagSpecifications: named("vpc", "fileshare") }),
  );
  const vpcId = present(Vpc?.VpcId, CREATED);
  await ec2.send(new ModifyVpcAttributeCommand({ VpcId: vpcId, EnableDnsHostnames: { Value: true } }));
  const gatewayId = await createInternetGateway(ec2, vpcId);
  const privateSubnets = await createSubnets(ec2, { vpcId, region, blocks: PRIVATE, kind: "private" });
  const publicSubnets = await createSubnets(ec2, { vpcId, region, blocks: PUBLIC, kind: "public" });
  const natId = await createNatGateway(ec2, publicSubnets[0]);
  await createRouteTable(ec2, {
    ...{ vpcId, kind: "private", subnets: privateSubnets },
    target: { NatGatewayId: natId },
  });
  await createRouteTable(ec2, {
    ...{ vpcId, kind: "public", subnets: publicSubnets },
    target: { GatewayId: gatewayId },
  });
  return { vpcId, privateSubnets, publicSubnets, groups: await createGroups(ec2, vpcId) };
}

async function createInternetGateway(ec2: Ec2, vpcId: string): Promise<string> {
  const { InternetGateway } = await ec2.send(
    new CreateInternetGatewayCommand({ TagSpecifications: named("internet-gateway", "fileshare") }),
  );
  const gatewayId = present(InternetGateway?.InternetGatewayId, CREATED);
  await ec2.send(new AttachInternetGatewayCommand({ InternetGatewayId: gatewayId, VpcId: vpcId }));
  return gatewayId;
}

/** Creates one subnet for each block, each in a zone of its own. */
async function createSubnets(
  ec2: Ec2,
  options: { vpcId: string; region: string; blocks: readonly string[]; kind: string },
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const [index, CidrBlock] of options.blocks.entries()) {
    const zone = ZONES[index] ?? "a";
    const { Subnet } = await ec2.send(
      new CreateSubnetCommand({
        VpcId: options.vpcId,
        CidrBlock,
        AvailabilityZone: `${options.region}${zone}`,
        TagSpecifications: named("subnet", `fileshare-${options.kind}-${zone}`),
      }),
    );
    ids.push(present(Subnet?.SubnetId, CREATED));
  }
  return ids;
}

async function createNatGateway(ec2: Ec2, SubnetId: string | undefined): Promise<string> {
  const { AllocationId } = await ec2.send(
    new AllocateAddressCommand({ Domain: "vpc", TagSpecifications: named("elastic-ip", "fileshare-nat") }),
  );
  const { NatGateway } = await ec2.send(
    new CreateNatGatewayCommand({
      SubnetId,
      AllocationId,
      TagSpecifications: named("natgateway", "fileshare"),
    }),
  );
  return present(NatGateway?.NatGatewayId, CREATED);
}

/** Creates a route table with a default route and associates it with the subnets. */
async function createRouteTable(
  ec2: Ec2,
  options: {
    vpcId: string;
    kind: string;
    subnets: readonly string[];
    target: { NatGatewayId: string } | { GatewayId: string };
  },
): Promise<void> {
  const { RouteTable } = await ec2.send(
    new CreateRouteTableCommand({
      VpcId: options.vpcId,
      TagSpecifications: named("route-table", `fileshare-${options.kind}`),
    }),
  );
  const RouteTableId = present(RouteTable?.RouteTableId, CREATED);
  await ec2.send(
    new CreateRouteCommand({ RouteTableId, DestinationCidrBlock: "0.0.0.0/0", ...options.target }),
  );
  for (const SubnetId of options.subnets)
    await ec2.send(new AssociateRouteTableCommand({ RouteTableId, SubnetId }));
}

/** Creates the security groups: each lets in the port that the tier before it needs. */
async function createGroups(ec2: Ec2, vpcId: string): Promise<DemoNetwork["groups"]> {
  const group = async (name: string, description: string, permissions: readonly IpPermission[]) => {
    const created = await ec2.send(
      new CreateSecurityGroupCommand({
        VpcId: vpcId,
        GroupName: name,
        Description: description,
        TagSpecifications: named("security-group", name),
      }),
    );
    const GroupId = present(created.GroupId, CREATED);
    await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [...permissions] }));
    return GroupId;
  };
  const anyone = { IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
  const balancer = await group("fileshare-alb", "Anyone to the load balancer", [
    tcp(80, anyone),
    tcp(443, anyone),
  ]);
  const app = await group("fileshare-app", "The load balancer to the website", [
    tcp(8080, { UserIdGroupPairs: [{ GroupId: balancer }] }),
  ]);
  const fromApp = { UserIdGroupPairs: [{ GroupId: app }] };
  const database = await group("fileshare-db", "The website to the database", [tcp(3306, fromApp)]);
  const files = await group("fileshare-efs", "The website to its files", [tcp(2049, fromApp)]);
  return { balancer, app, database, files };
}

function tcp(port: number, from: Pick<IpPermission, "IpRanges" | "UserIdGroupPairs">): IpPermission {
  return { IpProtocol: "tcp", FromPort: port, ToPort: port, ...from };
}
