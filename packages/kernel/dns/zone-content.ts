/** A hosted zone as the servers have it. Names are normal ones (`dns-name.ts`). */
export interface DnsZone {
  readonly id: string;
  readonly name: string;
  /** The account that the zone belongs to; undefined in assignments of older versions. */
  readonly account?: string | undefined;
  readonly isPrivate: boolean;
  /** The VPCs that a private zone is answered in. */
  readonly vpcIds: readonly string[];
  /** A zone that was created later does not take names of one that was there before. */
  readonly order: number;
  /** Grows with each change of the zone or of what its aliases lead to. */
  readonly version: number;
  readonly nameServers: readonly string[];
  readonly recordSets: readonly DnsRecordSet[];
}

/** A record set of a zone. Values are in the presentation format of Route 53. */
export interface DnsRecordSet {
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  readonly values: readonly string[];
  /** The name whose addresses answer instead of values. */
  readonly alias?: DnsAlias | undefined;
  readonly routing?: DnsRouting | undefined;
  /** Whether its health check, or that of its alias, fails. */
  readonly isUnhealthy?: boolean | undefined;
}

export interface DnsAlias {
  readonly target: string;
  /** Whether the target is a record of the same zone, of the same type. */
  readonly isInZone: boolean;
  /** The addresses of a target outside the zone, as everyone sees them. */
  readonly addresses: readonly string[];
}

/** How one record set of several with the same name and type is chosen. */
export type DnsRouting =
  | { readonly type: "weighted"; readonly weight: number }
  | { readonly type: "latency"; readonly region: string }
  | { readonly type: "failover"; readonly role: "PRIMARY" | "SECONDARY" }
  | { readonly type: "multivalue" };
