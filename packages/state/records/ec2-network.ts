import type { Placed, Tags } from "./common.ts";

/** One numbered rule of a network ACL. The final rule, which denies what no rule matches, is not recorded. */
export interface NetworkAclEntryRecord {
  /** 1 to 32766; rules are evaluated in ascending order. */
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

/** A network ACL. Its associations are in the records of the subnets. */
export interface NetworkAclRecord extends Placed {
  readonly id: string;
  readonly vpcId: string;
  readonly isDefault: boolean;
  readonly entries: readonly NetworkAclEntryRecord[];
  readonly tags: Tags;
}

export interface DhcpOptionsRecord extends Placed {
  readonly id: string;
  /** The set that every region of an account has. VPCs without a set of their own use it. */
  readonly isDefault: boolean;
  readonly configurations: readonly { readonly key: string; readonly values: readonly string[] }[];
  readonly tags: Tags;
}

/** How a region of an account blocks traffic through internet gateways. The key is `ACCOUNT/REGION`. */
export interface BlockPublicAccessRecord extends Placed {
  readonly mode: "off" | "block-bidirectional" | "block-ingress";
  readonly changedAt: number;
}

/** A VPC or a subnet that the region's block of public access does not apply to, or only inbound. */
export interface PublicAccessExclusionRecord extends Placed {
  readonly id: string;
  readonly resourceId: string;
  readonly mode: "allow-bidirectional" | "allow-egress";
  readonly createdAt: number;
  readonly changedAt: number;
  readonly tags: Tags;
}

export interface PrefixListEntryRecord {
  readonly cidr: string;
  readonly description: string | undefined;
}

/** A prefix list of a customer. Those of AWS are computed (`awsPrefixLists`). */
export interface PrefixListRecord extends Placed {
  readonly id: string;
  readonly name: string;
  readonly maxEntries: number;
  /** The current version, which counts from 1. */
  readonly version: number;
  readonly versions: Readonly<Record<string, readonly PrefixListEntryRecord[]>>;
  readonly tags: Tags;
}

export interface VpcEndpointRecord extends Placed {
  readonly id: string;
  readonly type: "Gateway" | "Interface";
  readonly vpcId: string;
  readonly serviceName: string;
  /** The policy as it was given; undefined where it allows everything. */
  readonly policy: string | undefined;
  readonly routeTableIds: readonly string[];
  readonly subnetIds: readonly string[];
  readonly securityGroups: readonly string[];
  readonly networkInterfaceIds: readonly string[];
  readonly privateDns: boolean;
  readonly dnsRecordIpType: string;
  readonly privateDnsOnlyForInboundResolver: boolean;
  /** The customer's endpoint service that it leads to; absent: a service of AWS. */
  readonly serviceId?: string;
  /** Whether the owner of that service has to accept it: the setting of the service when it was created. */
  readonly needsAcceptance?: boolean;
  readonly createdAt: number;
  readonly tags: Tags;
}

export type EndpointState = "pendingAcceptance" | "available" | "rejected";

/** A customer's endpoint service: its network load balancers, to which endpoints of other VPCs connect. */
export interface EndpointServiceRecord extends Placed {
  readonly id: string;
  readonly acceptanceRequired: boolean;
  readonly loadBalancerArns: readonly string[];
  /** Who besides the account may create endpoints: an ARN, or `*`. */
  readonly principals: readonly { readonly id: string; readonly principal: string }[];
  readonly privateDns:
    | {
        readonly name: string;
        /** The name and value of the TXT record that proves who controls the name. */
        readonly record: { readonly name: string; readonly value: string };
        readonly state: "pendingVerification" | "verified" | "failed";
      }
    | undefined;
  /** What the owner has decided of endpoints, by their ids: `endpointState`. */
  readonly decisions: Readonly<Record<string, "available" | "rejected">>;
  /** Who pays for traffic; recorded. */
  readonly payer: "ServiceOwner" | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}

/** A topic that is told of the connections of an endpoint service, or of those of an endpoint. */
export interface EndpointNotificationRecord extends Placed {
  readonly id: string;
  readonly serviceId: string | undefined;
  readonly endpointId: string | undefined;
  readonly topicArn: string;
  readonly events: readonly EndpointEvent[];
}

export type EndpointEvent = "Accept" | "Connect" | "Delete" | "Reject";

export interface PeeringSide {
  readonly vpcId: string;
  readonly allowDnsResolution: boolean;
}

export interface VpcPeeringRecord extends Placed {
  readonly id: string;
  readonly requester: PeeringSide;
  readonly accepter: PeeringSide;
  readonly state: "pending-acceptance" | "active" | "rejected" | "deleted";
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface FlowLogRecord extends Placed {
  readonly id: string;
  readonly resourceId: string;
  readonly trafficType: "ACCEPT" | "REJECT" | "ALL";
  readonly destination:
    | { readonly type: "cloud-watch-logs"; readonly logGroup: string; readonly roleArn: string }
    | {
        readonly type: "s3";
        readonly arn: string;
        readonly hiveCompatible: boolean;
        readonly perHour: boolean;
      };
  readonly format: string;
  /** Seconds: 60 or 600. */
  readonly aggregationSeconds: number;
  /** Why the last delivery failed, in the words of DescribeFlowLogs; undefined where it did not. */
  readonly deliveryError?: string | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}
