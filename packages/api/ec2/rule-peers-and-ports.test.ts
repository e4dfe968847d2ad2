import { ruleProblem } from "@gantry/agent/checks/check-vpc";
import { ApiError } from "@gantry/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { protocolAndPorts, ruleBlock, ruleDescription, ruleGroup } from "./rule-peers-and-ports.ts";

const sentence = (act: () => unknown): string => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof ApiError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
  return "accepted";
};
const ports = (IpProtocol: string | undefined, FromPort?: number, ToPort?: number) =>
  sentence(() => protocolAndPorts({ IpProtocol, FromPort, ToPort }));

describe("the protocol and ports of a rule", () => {
  // Before: all of these were accepted, and one of them kept every other rule of its VPC from being applied.
  it.each([
    ["tcp", 90, 80, "Invalid TCP/UDP port range (90:80)"],
    ["tcp", -5, 80, "TCP/UDP (from) port (-5) out of range"],
    ["6", 1, 70_000, "TCP/UDP (to) port (70000) out of range"],
    ["udp", 1.5, 2, "TCP/UDP (from) port (1.5) out of range"],
    ["tcp", undefined, 80, "Invalid value for portRange. Must specify both from and to ports with TCP/UDP."],
    [
      "icmp",
      undefined,
      undefined,
      "Invalid value for portRange. Must specify both from and to ports with ICMP.",
    ],
    ["icmp", 256, -1, "ICMP type (256) out of range"],
    ["icmp", 8, 65_535, "ICMP code (65535) out of range"],
    ["icmp", -1, 0, "ICMP code (0) out of range"],
    ["tcpp", 1, 2, "Invalid value 'tcpp' for IP protocol. Unknown protocol."],
    ["256", 1, 2, "Invalid value '256' for IP protocol. Unknown protocol."],
    ["constructor", 1, 2, "Invalid value 'constructor' for IP protocol. Unknown protocol."],
  ])("refuses %s from %s to %s as EC2 does", (protocol, from, to, message) => {
    expect(ports(protocol, from, to)).toBe(`InvalidParameterValue: ${message}`);
  });

  it("names tcp, udp and icmp, keeps other numbers, and ignores ports where EC2 does", () => {
    expect(protocolAndPorts({ IpProtocol: "6", FromPort: 0, ToPort: 65_535 }).protocol).toBe("tcp");
    expect(protocolAndPorts({ IpProtocol: "UDP", FromPort: 53, ToPort: 53 }).protocol).toBe("udp");
    expect(protocolAndPorts({ IpProtocol: "050", FromPort: 5, ToPort: 4 })).toEqual({
      protocol: "50",
      fromPort: -1,
      toPort: -1,
    });
    expect(protocolAndPorts({ IpProtocol: "-1", FromPort: 9, ToPort: 1 }).fromPort).toBe(-1);
  });

  it("accepts nothing that the agent cannot render", () => {
    const whole = fc.oneof(fc.integer({ min: -3, max: 70_000 }), fc.double(), fc.constant(undefined));
    const names = fc.oneof(
      fc.constantFrom("tcp", "udp", "icmp", "-1", "all", "TCP", "icmpv6"),
      fc.integer({ min: -5, max: 300 }).map(String),
      fc.string(),
    );
    const blocks = fc.oneof(
      fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 33 })).map(([ip, prefix]) => `${ip}/${prefix}`),
      fc.string(),
    );
    fc.assert(
      fc.property(names, whole, whole, blocks, (IpProtocol, FromPort, ToPort, block) => {
        try {
          const cidr = ruleBlock(block);
          const accepted = protocolAndPorts({ IpProtocol, FromPort, ToPort });
          expect(
            ruleProblem({ direction: "ingress", ...accepted, cidr, groupId: undefined }),
          ).toBeUndefined();
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ApiError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

it("stores blocks as EC2 does, and refuses invalid ones", () => {
  expect(ruleBlock("92.68.201.91/29")).toBe("92.68.201.88/29");
  expect(ruleBlock("1.2.3.4/0")).toBe("0.0.0.0/0");
  for (const block of [
    "1.2.3.4",
    "1.2.3.4/33",
    "1.2.3.256/8",
    "010.0.0.0/8",
    "1.2.3.4/8 ",
    "::/0",
    "",
    "10.0.0.0/08",
  ])
    expect(sentence(() => ruleBlock(block))).toBe(`InvalidParameterValue: CIDR block ${block} is malformed`);
});

it("refers to groups only by id", () => {
  // Before: a group given by name was stored as a rule without a peer, which admitted everybody.
  expect(sentence(() => ruleGroup({ GroupName: "web" }))).toContain(
    "You may not reference Amazon VPC security groups by name",
  );
  expect(sentence(() => ruleGroup({ GroupId: "sg-1 accept" }))).toBe(
    'InvalidGroupId.Malformed: Invalid id: "sg-1 accept" (expecting "sg-...")',
  );
});

it("accepts EC2's characters in descriptions", () => {
  expect(ruleDescription("From the office (VPN), #7 [10.0.0.0/8]")).toBeDefined();
  for (const text of ["naïve", "a\nb", "x".repeat(256), '"'])
    expect(sentence(() => ruleDescription(text))).toContain("Invalid rule description.");
});
