import type { Placed, Tags } from "./common.ts";

export interface VpcRecord extends Placed {
  readonly id: string;
  readonly cidr: string;
  readonly isDefault: boolean;
  /** Blocks besides the first. */
  readonly secondaryBlocks?: readonly { readonly associationId: string; readonly cidr: string }[];
  /** The set of DHCP options; undefined means the account's default set, and `default` none. */
  readonly dhcpOptionsId?: string;
  readonly instanceTenancy?: "default" | "dedicated";
  readonly networkAddressUsageMetrics?: boolean;
  readonly enableDnsSupport: boolean;
  readonly enableDnsHostnames: boolean;
  /** Small number that names the VPC's transit link and router on every node; never reused while the VPC lives. */
  readonly index: number;
  readonly tags: Tags;
  /** What nodes report about the VPC's rules, by node; nodes without problems are absent. */
  readonly firewalls?: Readonly<Record<string, VpcFirewall>>;
}

/** Whether the security groups of a VPC are in effect on a node. */
export interface VpcFirewall {
  /** The rules could not be applied; until they are, the VPC blocks new connections. */
  readonly closed: boolean;
  /** One sentence for each part that is not in effect. */
  readonly problems: readonly string[];
}

export interface SubnetRecord extends Placed {
  readonly id: string;
  readonly vpcId: string;
  readonly cidr: string;
  readonly availabilityZone: string;
  readonly mapPublicIpOnLaunch: boolean;
  readonly defaultForAz: boolean;
  /** The network ACL; undefined means the default one of the VPC. */
  readonly networkAcl?: { readonly associationId: string; readonly id: string };
  readonly enableResourceNameDnsARecord?: boolean;
  readonly hostnameType?: "ip-name" | "resource-name";
  readonly tags: Tags;
}

/** All blocks of a VPC, the first one first. */
export function vpcBlocks(vpc: Pick<VpcRecord, "cidr" | "secondaryBlocks">): readonly string[] {
  return [vpc.cidr, ...(vpc.secondaryBlocks ?? []).map((each) => each.cidr)];
}

export interface InternetGatewayRecord extends Placed {
  readonly id: string;
  readonly vpcId: string | undefined;
  readonly tags: Tags;
}

export interface NatGatewayRecord extends Placed {
  readonly id: string;
  readonly subnetId: string;
  readonly vpcId: string;
  /** Undefined for a private gateway. */
  readonly allocationId: string | undefined;
  readonly networkInterfaceId: string;
  readonly state: "available" | "deleted";
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface RouteRecord {
  /** A block, or the id of a prefix list. */
  readonly destination: string;
  readonly target: {
    readonly type:
      | "local"
      | "internet-gateway"
      | "nat-gateway"
      | "vpc-endpoint"
      | "vpc-peering"
      | "network-interface";
    readonly id: string;
  };
}

export interface RouteTableRecord extends Placed {
  readonly id: string;
  readonly vpcId: string;
  readonly routes: readonly RouteRecord[];
  readonly associations: readonly { readonly id: string; readonly subnetId: string | undefined }[];
  readonly tags: Tags;
}

/** One permission: a protocol, ports, and one peer. */
export interface SecurityGroupRuleRecord {
  readonly id: string;
  readonly direction: "ingress" | "egress";
  /** tcp, udp, icmp, the number of another protocol, or -1 for all. */
  readonly protocol: string;
  /** For tcp and udp the ports; for icmp the type and the code; -1 if all match. */
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr: string | undefined;
  readonly groupId: string | undefined;
  readonly prefixListId?: string | undefined;
  readonly description: string | undefined;
  readonly tags?: Tags;
}

export interface SecurityGroupRecord extends Placed {
  readonly id: string;
  readonly vpcId: string;
  readonly name: string;
  readonly description: string;
  readonly rules: readonly SecurityGroupRuleRecord[];
  readonly tags: Tags;
}

export interface ElasticAddressRecord extends Placed {
  readonly allocationId: string;
  readonly publicIp: string;
  readonly associationId: string | undefined;
  readonly networkInterfaceId: string | undefined;
  readonly tags: Tags;
}

/** The owner of a network interface, and the key of its record: a node of the warm pool has `warm/NODE`. */
export interface InterfaceOwner {
  readonly type:
    | "task"
    | "warmPool"
    | "loadBalancer"
    | "databaseInstance"
    | "natGateway"
    | "mountTarget"
    | "vpcEndpoint"
    | "instance"
    | "none";
  readonly key: string;
}

/** How a network interface is attached to the instance that owns it. */
export interface InterfaceAttachment {
  readonly id: string;
  /** 0 for the primary interface, `eth0`; n for `ethn`. */
  readonly deviceIndex: number;
  /** ← api; the node's report ends it. Absent: attached. */
  readonly state?: "attaching" | "detaching";
  readonly attachedAt: number;
  readonly deleteOnTermination: boolean;
}

export interface NetworkInterfaceRecord extends Placed {
  readonly id: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly privateIp: string;
  readonly mac: string;
  readonly securityGroups: readonly string[];
  readonly publicIp: string | undefined;
  readonly type: "interface" | "nat_gateway" | "efs" | "warm" | "vpc_endpoint" | "own";
  readonly description: string;
  /** Further private addresses of an interface that a caller created. */
  readonly secondaryIps?: readonly string[];
  readonly sourceDestCheck?: boolean;
  readonly owner: InterfaceOwner;
  /** Absent for interfaces without an instance, and in older records of primary interfaces (`attachmentOf`). */
  readonly attachment?: InterfaceAttachment | undefined;
  readonly nodeId: string | undefined;
  /** ← the node's report: the pause container of a warm interface is ready. */
  readonly ready: boolean;
  readonly createdAt: number;
  readonly tags: Tags;
}
