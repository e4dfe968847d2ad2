import type { DnsRouting } from "@gantry/kernel/dns/zone-content";
import type { Tags } from "./common.ts";

/** A hosted zone of Route 53, which has no region. The key is the ARN. Names are normal ones (`kernel/dns`). */
export interface HostedZoneRecord {
  readonly account: string;
  readonly arn: string;
  readonly id: string;
  readonly name: string;
  readonly callerReference: string;
  readonly comment: string | undefined;
  /** The VPCs of a private zone; undefined for a public one. */
  readonly vpcs: readonly ZoneVpc[] | undefined;
  /** VPCs of other accounts that may be associated. */
  readonly authorizedVpcs?: readonly ZoneVpc[] | undefined;
  readonly nameServers: readonly string[];
  /** The place in the order of creation. */
  readonly order: number;
  /** Grows with each change. */
  readonly version: number;
  /** The ARN of the Cloud Map namespace that created the zone, and alone changes it. */
  readonly namespaceArn?: string | undefined;
  readonly tags: Tags;
  /** Ms since the epoch. */
  readonly createdAt: number;
}

export interface ZoneVpc {
  readonly id: string;
  readonly region: string;
}

/** A record set of a zone. The key is `ZONE_ARN|REVERSED_NAME TYPE SET_IDENTIFIER`, in the order of lists. */
export interface DnsRecordSetRecord {
  readonly account: string;
  readonly zoneArn: string;
  readonly name: string;
  readonly type: string;
  /** Seconds; undefined for an alias. */
  readonly ttl: number | undefined;
  readonly values: readonly string[];
  readonly alias:
    | { readonly target: string; readonly zoneId: string; readonly evaluatesHealth: boolean }
    | undefined;
  readonly setIdentifier: string | undefined;
  readonly routing: DnsRouting | undefined;
  /** The ARN of the Cloud Map service whose instance the record set is of. */
  readonly discoveryServiceArn?: string | undefined;
  readonly healthCheckId?: string | undefined;
}

/** A change of a zone. The key is `arn:aws:route53:::change/ID`. */
export interface DnsChangeRecord {
  readonly account: string;
  readonly id: string;
  readonly zoneArn: string;
  readonly comment: string | undefined;
  /** The version of the zone that has it. */
  readonly version: number;
  /** Ms since the epoch. */
  readonly submittedAt: number;
}

/** The version of a zone that a node's resolvers answer from. The key is `ZONE_ARN|NODE_ID`. */
export interface ZoneCopyRecord {
  readonly zoneArn: string;
  readonly nodeId: string;
  readonly version: number;
}
