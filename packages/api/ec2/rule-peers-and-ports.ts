import type * as ec2 from "@aws-sdk/client-ec2";
import { formatIp, parseIp } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";

/** Rules of one group and direction. Source: Amazon VPC User Guide, "Amazon VPC quotas". */
export const RULES_MAX = 60;

const PORT_MAX = 65_535;
const ICMP_MAX = 255;
const NAMES: Readonly<Record<string, string>> = {
  "-1": "-1",
  all: "-1",
  "1": "icmp",
  "6": "tcp",
  "17": "udp",
  icmp: "icmp",
  tcp: "tcp",
  udp: "udp",
};

/** What a rule matches, in the form that is stored and rendered. */
export interface ProtocolAndPorts {
  /** tcp, udp, icmp, another protocol's number, or -1 for all. */
  readonly protocol: string;
  /** Of tcp and udp the ports; of icmp the type and the code; -1 where all match. */
  readonly fromPort: number;
  readonly toPort: number;
}

/** Source: API_IpPermission. Errors: InvalidParameterValue, in EC2's sentences. */
export function protocolAndPorts(permission: {
  readonly IpProtocol?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly ToPort?: number | undefined;
}): ProtocolAndPorts {
  const protocol = protocolOf(permission.IpProtocol);
  const { FromPort: from, ToPort: to } = permission;
  switch (protocol) {
    case "tcp":
    case "udp":
      if (from === undefined || to === undefined)
        throw invalid("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.");
      if (!isWithin(from, 0, PORT_MAX)) throw invalid(`TCP/UDP (from) port (${from}) out of range`);
      if (!isWithin(to, 0, PORT_MAX)) throw invalid(`TCP/UDP (to) port (${to}) out of range`);
      if (from > to) throw invalid(`Invalid TCP/UDP port range (${from}:${to})`);
      return { protocol, fromPort: from, toPort: to };
    case "icmp":
      if (from === undefined || to === undefined)
        throw invalid("Invalid value for portRange. Must specify both from and to ports with ICMP.");
      if (!isWithin(from, -1, ICMP_MAX)) throw invalid(`ICMP type (${from}) out of range`);
      if (!isWithin(to, -1, ICMP_MAX)) throw invalid(`ICMP code (${to}) out of range`);
      if (from === -1 && to !== -1) throw invalid(`ICMP code (${to}) out of range`);
      return { protocol, fromPort: from, toPort: to };
    default:
      // Of other protocols all traffic matches, whatever the ports. Source: API_IpPermission, IpProtocol.
      return { protocol, fromPort: -1, toPort: -1 };
  }
}

function protocolOf(given: string | undefined): string {
  if (given === undefined || given === "")
    throw invalid(
      "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.",
    );
  const known = Object.hasOwn(NAMES, given.toLowerCase()) ? NAMES[given.toLowerCase()] : undefined;
  if (known !== undefined) return known;
  if (given === "58" || given.toLowerCase() === "icmpv6")
    throw invalid("Gantry has no IPv6, which the protocol icmpv6 is part of: leave the rule out.");
  if (!/^\d{1,3}$/.test(given) || Number(given) > 255)
    throw invalid(`Invalid value '${given}' for IP protocol. Unknown protocol.`);
  const number = String(Number(given));
  return NAMES[number] ?? number;
}

/** A block as EC2 stores it: bits beyond the prefix are cleared. Errors: InvalidParameterValue. */
export function ruleBlock(given: string | undefined): string {
  const match = /^((?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3})\/(\d|[12]\d|3[0-2])$/.exec(given ?? "");
  const ip = parseIp(match?.[1] ?? "");
  if (match === null || ip === undefined) throw invalid(`CIDR block ${given} is malformed`);
  const size = 2 ** (32 - Number(match[2]));
  return `${formatIp(Math.floor(ip / size) * size)}/${match[2]}`;
}

/** The group that a rule refers to. Errors: InvalidParameterValue, InvalidGroupId.Malformed. */
export function ruleGroup(pair: ec2.UserIdGroupPair): string {
  if (pair.GroupId === undefined)
    throw invalid(
      `Invalid value '${pair.GroupName ?? ""}' for groupName. You may not reference Amazon VPC ` +
        "security groups by name. Please use the corresponding id for this operation.",
    );
  if (!/^sg-[0-9a-f]{8,17}$/.test(pair.GroupId))
    throw new ApiError("InvalidGroupId.Malformed", `Invalid id: "${pair.GroupId}" (expecting "sg-...")`);
  return pair.GroupId;
}

/** Source: API_IpRange, Description. Errors: InvalidParameterValue. */
export function ruleDescription(given: string | undefined): string | undefined {
  if (given === undefined || /^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{0,255}$/.test(given)) return given;
  throw invalid(
    "Invalid rule description. Valid descriptions are strings less than 256 characters from the " +
      "following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
  );
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidParameterValue", message);
}
