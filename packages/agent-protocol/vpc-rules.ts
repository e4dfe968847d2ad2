/** A rule of a security group. */
export interface SecurityRule {
  readonly direction: "ingress" | "egress";
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr: string | undefined;
  readonly groupId: string | undefined;
}

/** A numbered rule of a network ACL. */
export interface NetworkAclRule {
  readonly number: number;
  readonly egress: boolean;
  /** The IANA number of the protocol, or -1 for all. */
  readonly protocol: string;
  readonly action: "allow" | "deny";
  readonly cidr: string;
  /** For TCP and UDP the destination ports; for ICMP the type and the code, of which -1 matches all. */
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
}

/** A flow log whose records the node counts. */
export interface AssignedFlowLog {
  readonly id: string;
  /** The VPC, subnet or interface whose traffic is recorded. */
  readonly resourceId: string;
  readonly trafficType: "ACCEPT" | "REJECT" | "ALL";
  readonly aggregationSeconds: number;
}

/** A peering with another VPC, as one of the two sees it. */
export interface AssignedPeering {
  readonly id: string;
  readonly side: "requester" | "accepter";
  readonly peerVpcId: string;
  /** The blocks of the peer. */
  readonly blocks: readonly string[];
}

/** The standby of a database, which follows the primary: no network ACL judges what they send one another. */
export interface AssignedStandby {
  readonly primary: string;
  readonly standby: string;
  readonly port: number;
}
