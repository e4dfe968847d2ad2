import type { SecurityRule, VpcAssignment } from "@gantry/agent-protocol";

/** A rule that admits all of TCP from everywhere, but for what is given. */
export function rule(part: Partial<SecurityRule> = {}): SecurityRule {
  return {
    direction: "ingress",
    protocol: "tcp",
    fromPort: 0,
    toPort: 65_535,
    cidr: "0.0.0.0/0",
    groupId: undefined,
    ...part,
  };
}

/** The interface with the number in its id, addresses and MAC. */
export function eni(
  number: number,
  part: Partial<VpcAssignment["interfaces"][number]> = {},
): VpcAssignment["interfaces"][number] {
  return {
    id: `eni-0000000000000000${number}`,
    ip: `10.0.1.${number + 10}`,
    mac: `02:00:00:00:00:0${number}`,
    groups: ["sg-a"],
    publicIp: undefined,
    local: false,
    ...part,
  };
}

/** A VPC of one subnet and two interfaces in a group with these rules. */
export function vpcWith(rules: readonly SecurityRule[]): VpcAssignment {
  return {
    kind: "vpc",
    key: "vpc/vpc-1",
    vpcId: "vpc-1",
    index: 0,
    cidr: "10.0.0.0/16",
    region: "eu-south-1",
    subnets: [{ id: "subnet-a", cidr: "10.0.1.0/24", egress: "nat", natPublicIp: "198.18.1.9" }],
    interfaces: [eni(1), eni(2)],
    groups: [{ id: "sg-a", rules }],
    names: {},
  };
}
