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

/** The talk's network. Source: the talk's Terraform: VPC 172.16.15.0/24, three private and three public subnets. */
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
const law = "Gantry answers with the resource that it made.";

/** Finds the network by its tags, or creates it. */
export async function ensureNetwork({ ec2 }: Clients, region: string): Promise<DemoNetwork> {
  const filters = [{ Name: "tag:Project", Values: ["fileshare"] }];
  const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({ Filters: filters }));
  const [known] = Vpcs;
  if (known?.VpcId !== undefined) {
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ Filters: filters }));
    const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters }));
    const subnet = (cidr: string) =>
      present(
        Subnets.find((each) => each.CidrBlock === cidr)?.SubnetId,
        'The demo\'s subnets are there; run "gantry down --purge" to begin anew.',
      );
    const group = (name: string) =>
      present(
        SecurityGroups.find((each) => each.GroupName === name)?.GroupId,
        'The demo\'s security groups are there; run "gantry down --purge" to begin anew.',
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

async function createNetwork(ec2: Clients["ec2"], region: string): Promise<DemoNetwork> {
  const vpcId = present(
    (
      await ec2.send(
        new CreateVpcCommand({ CidrBlock: "172.16.15.0/24", TagSpecifications: named("vpc", "fileshare") }),
      )
    ).Vpc?.VpcId,
    law,
  );
  await ec2.send(new ModifyVpcAttributeCommand({ VpcId: vpcId, EnableDnsHostnames: { Value: true } }));
  const gatewayId = present(
    (
      await ec2.send(
        new CreateInternetGatewayCommand({ TagSpecifications: named("internet-gateway", "fileshare") }),
      )
    ).InternetGateway?.InternetGatewayId,
    law,
  );
  await ec2.send(new AttachInternetGatewayCommand({ InternetGatewayId: gatewayId, VpcId: vpcId }));
  const subnets = async (blocks: readonly string[], kind: string) => {
    const ids: string[] = [];
    for (const [index, CidrBlock] of blocks.entries()) {
      const zone = ZONES[index] ?? "a";
      ids.push(
        present(
          (
            await ec2.send(
              new CreateSubnetCommand({
                VpcId: vpcId,
                CidrBlock,
                AvailabilityZone: `${region}${zone}`,
                TagSpecifications: named("subnet", `fileshare-${kind}-${zone}`),
              }),
            )
          ).Subnet?.SubnetId,
          law,
        ),
      );
    }
    return ids;
  };
  const [privateSubnets, publicSubnets] = [
    await subnets(PRIVATE, "private"),
    await subnets(PUBLIC, "public"),
  ];
  const { AllocationId } = await ec2.send(
    new AllocateAddressCommand({ Domain: "vpc", TagSpecifications: named("elastic-ip", "fileshare-nat") }),
  );
  const natId = present(
    (
      await ec2.send(
        new CreateNatGatewayCommand({
          SubnetId: publicSubnets[0],
          AllocationId,
          TagSpecifications: named("natgateway", "fileshare"),
        }),
      )
    ).NatGateway?.NatGatewayId,
    law,
  );
  for (const [kind, ids, target] of [
    ["private", privateSubnets, { NatGatewayId: natId }],
    ["public", publicSubnets, { GatewayId: gatewayId }],
  ] as const) {
    const RouteTableId = present(
      (
        await ec2.send(
          new CreateRouteTableCommand({
            VpcId: vpcId,
            TagSpecifications: named("route-table", `fileshare-${kind}`),
          }),
        )
      ).RouteTable?.RouteTableId,
      law,
    );
    await ec2.send(new CreateRouteCommand({ RouteTableId, DestinationCidrBlock: "0.0.0.0/0", ...target }));
    for (const SubnetId of ids) await ec2.send(new AssociateRouteTableCommand({ RouteTableId, SubnetId }));
  }
  const group = async (name: string, description: string, permissions: readonly IpPermission[]) => {
    const GroupId = present(
      (
        await ec2.send(
          new CreateSecurityGroupCommand({
            VpcId: vpcId,
            GroupName: name,
            Description: description,
            TagSpecifications: named("security-group", name),
          }),
        )
      ).GroupId,
      law,
    );
    await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [...permissions] }));
    return GroupId;
  };
  const tcp = (port: number, from: Pick<IpPermission, "IpRanges" | "UserIdGroupPairs">): IpPermission => ({
    IpProtocol: "tcp",
    FromPort: port,
    ToPort: port,
    ...from,
  });
  const anyone = { IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
  const balancer = await group("fileshare-alb", "Anyone to the load balancer", [
    tcp(80, anyone),
    tcp(443, anyone),
  ]);
  const app = await group("fileshare-app", "The load balancer to the website", [
    tcp(8080, { UserIdGroupPairs: [{ GroupId: balancer }] }),
  ]);
  const database = await group("fileshare-db", "The website to the database", [
    tcp(3306, { UserIdGroupPairs: [{ GroupId: app }] }),
  ]);
  const files = await group("fileshare-efs", "The website to its files", [
    tcp(2049, { UserIdGroupPairs: [{ GroupId: app }] }),
  ]);
  return { vpcId, privateSubnets, publicSubnets, groups: { balancer, app, database, files } };
}
