import type * as ec2 from "@aws-sdk/client-ec2";
import type { NetworkAclEntryRecord } from "@gantry/state";
import { ApiError } from "./api-error.ts";
import { invalidValue } from "./missing.ts";
import { ruleBlock } from "./rule-peers-and-ports.ts";

const RULE_MAX = 32_766;
const NAMES: Readonly<Record<string, string>> = { all: "-1", "-1": "-1", icmp: "1", tcp: "6", udp: "17" };

/**
 * The entry that an input describes.
 * Source: API_CreateNetworkAclEntry. Errors: InvalidParameterValue, MissingParameter,
 * InvalidParameterCombination.
 */
export function toEntry(input: ec2.CreateNetworkAclEntryRequest): NetworkAclEntryRecord {
  const number = input.RuleNumber ?? 0;
  if (!Number.isInteger(number) || number < 1 || number > RULE_MAX)
    throw invalidValue(number, "ruleNumber", `Expecting an integer from 1 to ${RULE_MAX}.`);
  if (input.Ipv6CidrBlock !== undefined)
    throw new ApiError("InvalidParameterValue", "Gantry has no IPv6: leave out the parameter Ipv6CidrBlock.");
  if (input.CidrBlock === undefined)
    throw new ApiError(
      "MissingParameter",
      "The request must contain the parameter cidrBlock or ipv6CidrBlock",
    );
  const action = input.RuleAction;
  if (action !== "allow" && action !== "deny") throw invalidValue(action, "ruleAction");
  const protocol = protocolNumber(input.Protocol);
  return {
    number,
    egress: input.Egress ?? false,
    protocol,
    action,
    cidr: ruleBlock(input.CidrBlock),
    ...portsOf(protocol, input),
  };
}

function protocolNumber(given: string | undefined): string {
  const text = given?.toLowerCase() ?? "";
  const named = Object.hasOwn(NAMES, text) ? NAMES[text] : undefined;
  if (named !== undefined) return named;
  if (text === "58" || text === "icmpv6")
    throw new ApiError(
      "InvalidParameterValue",
      "Gantry has no IPv6, which the protocol icmpv6 is part of: leave the rule out.",
    );
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255)
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid value '${given ?? ""}' for IP protocol. Unknown protocol.`,
    );
  return String(Number(text));
}

type Ports = Pick<NetworkAclEntryRecord, "fromPort" | "toPort">;

function portsOf(protocol: string, input: ec2.CreateNetworkAclEntryRequest): Ports {
  if (protocol === "6" || protocol === "17") {
    const { From: fromPort, To: toPort } = input.PortRange ?? {};
    if (fromPort === undefined || toPort === undefined)
      throw new ApiError("MissingParameter", "The request must contain the parameter portRange");
    if (fromPort < 0 || toPort > 65_535 || fromPort > toPort)
      throw new ApiError("InvalidParameterValue", `Invalid TCP/UDP port range (${fromPort}:${toPort})`);
    return { fromPort, toPort };
  }
  if (protocol === "1") {
    const { Type: type, Code: code } = input.IcmpTypeCode ?? {};
    if (type === undefined || code === undefined)
      throw new ApiError("MissingParameter", "The request must contain the parameter icmpTypeCode");
    if (type < -1 || type > 255 || code < -1 || code > 255 || (type === -1 && code !== -1))
      throw new ApiError("InvalidParameterValue", `Invalid ICMP type and code (${type}:${code})`);
    return { fromPort: type, toPort: code };
  }
  return { fromPort: undefined, toPort: undefined };
}
