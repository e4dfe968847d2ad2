import type { Placed, Tags } from "./common.ts";

/** A namespace of Cloud Map. The key is the ARN. */
export interface DiscoveryNamespaceRecord extends Placed {
  readonly arn: string;
  readonly id: string;
  readonly name: string;
  readonly type: "HTTP" | "DNS_PRIVATE" | "DNS_PUBLIC";
  /** The name that DiscoverInstances takes: `name`, with a suffix where another namespace has it. */
  readonly httpName: string;
  readonly description: string | undefined;
  readonly creatorRequestId: string | undefined;
  /** The hosted zone of a DNS namespace, which the namespace created and alone changes. */
  readonly zoneArn: string | undefined;
  /** The VPC of a private DNS namespace. */
  readonly vpcId: string | undefined;
  readonly tags: Tags;
  /** Ms since the epoch. */
  readonly createdAt: number;
}

/** A service of Cloud Map. The key is the ARN. */
export interface DiscoveryServiceRecord extends Placed {
  readonly arn: string;
  readonly id: string;
  readonly name: string;
  readonly namespaceArn: string;
  readonly description: string | undefined;
  readonly creatorRequestId: string | undefined;
  /** What is created in the namespace's zone for each instance; undefined where the API alone finds instances. */
  readonly dns: DiscoveryDns | undefined;
  /** Whether instances have a health status that UpdateInstanceCustomHealthStatus changes. */
  readonly hasCustomHealth: boolean;
  /** Attributes of the service itself (UpdateServiceAttributes). */
  readonly attributes: Readonly<Record<string, string>>;
  /** Grows with each change of the instances. */
  readonly revision: number;
  readonly tags: Tags;
  /** Ms since the epoch. */
  readonly createdAt: number;
}

export interface DiscoveryDns {
  readonly routing: "MULTIVALUE" | "WEIGHTED";
  readonly records: readonly DiscoveryDnsRecord[];
}

export interface DiscoveryDnsRecord {
  readonly type: "A" | "AAAA" | "CNAME" | "SRV";
  readonly ttlSeconds: number;
}

export type DiscoveryHealth = "HEALTHY" | "UNHEALTHY";

/** An instance of a service. The key is `SERVICE_ARN|INSTANCE_ID`. */
export interface DiscoveryInstanceRecord extends Placed {
  readonly serviceArn: string;
  readonly id: string;
  readonly creatorRequestId: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly health: DiscoveryHealth;
  /** The status that takes effect at a time (ms since the epoch). */
  readonly nextHealth: { readonly status: DiscoveryHealth; readonly at: number } | undefined;
  /** The task that ECS registered; undefined for an instance that a caller registered. */
  readonly taskArn: string | undefined;
}

/** An operation of Cloud Map. The key is `ACCOUNT/REGION/ID`. */
export interface DiscoveryOperationRecord extends Placed {
  readonly id: string;
  readonly type:
    | "CREATE_NAMESPACE"
    | "DELETE_NAMESPACE"
    | "UPDATE_NAMESPACE"
    | "UPDATE_SERVICE"
    | "REGISTER_INSTANCE"
    | "DEREGISTER_INSTANCE";
  readonly namespaceId: string | undefined;
  readonly serviceId: string | undefined;
  readonly instanceId: string | undefined;
  /** The version of the zone that has the change; undefined where there is none. */
  readonly zone: { readonly arn: string; readonly version: number } | undefined;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /** Ms since the epoch. */
  readonly createdAt: number;
}
