import type { FlowLogRecord, SubnetRecord } from "@gantry/state";
import { zoneIdOf } from "./zones.ts";

/** The content of a line of a flow log: a flow, an interface without traffic, or one whose flows were not counted. */
export interface FlowLine {
  readonly interfaceId: string;
  readonly start: number;
  readonly end: number;
  readonly status: "OK" | "NODATA" | "SKIPDATA";
  readonly flow:
    | {
        readonly source: string;
        readonly destination: string;
        readonly sourcePort: number;
        readonly destinationPort: number;
        readonly protocol: number;
        readonly packets: number;
        readonly bytes: number;
        readonly action: "ACCEPT" | "REJECT";
        readonly direction: "ingress" | "egress";
        /** The sum of the flags that were seen; absent: none. */
        readonly tcpFlags?: number;
      }
    | undefined;
}

/** Where an interface is. A deleted interface has no subnet. */
export interface FlowPlace {
  readonly vpcId: string | undefined;
  readonly subnet: Pick<SubnetRecord, "id" | "availabilityZone"> | undefined;
  /** The path of an egress flow, as the user guide numbers them; undefined where it is not known. */
  readonly trafficPath: number | undefined;
}

/** Source: IANA, protocol numbers. */
const TCP = 6;

/**
 * The highest version of the fields in the format. Source: Amazon VPC User Guide, "Flow log records",
 * `version`.
 */
function versionOf(fields: readonly string[]): number {
  const of = (names: string) => names.split(" ").some((name) => fields.includes(name));
  if (of("flow-direction traffic-path pkt-src-aws-service pkt-dst-aws-service")) return 5;
  if (of("region az-id sublocation-type sublocation-id")) return 4;
  return of("vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr") ? 3 : 2;
}

/** The names of the fields of a format: `${version} ${account-id}`. */
export function fieldsOf(format: string): readonly string[] {
  return format.split(" ").map((field) => field.slice(2, -1));
}

/**
 * One line of a flow log. A field that does not apply is `-`. Source: Amazon VPC User Guide, "Flow log
 * records", "Available fields".
 */
export function renderFlowLine(log: FlowLogRecord, line: FlowLine, place: FlowPlace): string {
  const fields = fieldsOf(log.format);
  const { flow } = line;
  const known: Readonly<Record<string, string | number | undefined>> = {
    version: versionOf(fields),
    "account-id": log.account,
    "interface-id": line.interfaceId,
    start: line.start,
    end: line.end,
    "log-status": line.status,
    "vpc-id": place.vpcId,
    "subnet-id": place.subnet?.id,
    region: log.region,
    "az-id": place.subnet && zoneIdOf(log.region, place.subnet.availabilityZone),
    ...(flow !== undefined && {
      srcaddr: flow.source,
      dstaddr: flow.destination,
      srcport: flow.sourcePort,
      dstport: flow.destinationPort,
      protocol: flow.protocol,
      packets: flow.packets,
      bytes: flow.bytes,
      action: flow.action,
      "tcp-flags": flow.protocol === TCP ? (flow.tcpFlags ?? 0) : undefined,
      type: "IPv4",
      "pkt-srcaddr": flow.source,
      "pkt-dstaddr": flow.destination,
      "flow-direction": flow.direction,
      "traffic-path": flow.direction === "egress" ? place.trafficPath : undefined,
    }),
  };
  return fields.map((field) => known[field] ?? "-").join(" ");
}
