import type { Placed, Tags } from "./common.ts";

export interface VpcRecord extends Placed {
  readonly id: string;
  readonly cidr: string;
  readonly isDefault: boolean;
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
  readonly tags: Tags;
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
  readonly allocationId: string;
  readonly networkInterfaceId: string;
  readonly state: "available" | "deleted";
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface RouteRecord {
  readonly destination: string;
  readonly target: { readonly type: "local" | "internet-gateway" | "nat-gateway"; readonly id: string };
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
  readonly type: "task" | "warmPool" | "loadBalancer" | "databaseInstance" | "natGateway" | "mountTarget";
  readonly key: string;
}

export interface NetworkInterfaceRecord extends Placed {
  readonly id: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly privateIp: string;
  readonly mac: string;
  readonly securityGroups: readonly string[];
  readonly publicIp: string | undefined;
  readonly type: "interface" | "nat_gateway" | "efs" | "warm";
  readonly description: string;
  readonly owner: InterfaceOwner;
  readonly nodeId: string | undefined;
  /** ← the node's report: the pause container of a warm interface is ready. */
  readonly ready: boolean;
  readonly createdAt: number;
  readonly tags: Tags;
}
