import type {
  AssignedFlowLog,
  AssignedPeering,
  AssignedStandby,
  ClientTarget,
  SecurityRule,
  VpcAssignment,
} from "@gantry/agent-protocol";
import { cidrsOverlap, isObject, parseCidr, present } from "@gantry/kernel";
import { checkAcls } from "./check-acls.ts";
import {
  address,
  block,
  boolean,
  dnsName,
  id,
  integer,
  list,
  mac,
  map,
  matching,
  object,
  oneOf,
  optional,
  type Check,
} from "./check.ts";
import { nameOf, vethOf } from "../network/names.ts";

type Interface = VpcAssignment["interfaces"][number];
type Group = VpcAssignment["groups"][number];

/** The name of a peering's link is made of it. */
const peeringId = matching(/^pcx-[0-9a-f]{8,17}$/, "the id of a peering");

/**
 * The parts that must be valid for the VPC to have a router. Interfaces, groups and names are checked one by
 * one.
 */
const frame = object<Omit<VpcAssignment, "interfaces" | "groups" | "names" | "acls" | "clientTargets">>({
  kind: oneOf("vpc"),
  key: matching(/^vpc\/[A-Za-z0-9-]{1,64}$/, "a VPC's key"),
  vpcId: id,
  index: integer(0, 99_999),
  cidr: block,
  region: matching(/^[a-z0-9-]{1,64}$/, "a region"),
  subnets: list(
    object<VpcAssignment["subnets"][number]>({
      id,
      cidr: block,
      egress: oneOf("internet", "nat", "none"),
      natPublicIp: optional(address),
      aclId: optional(id),
      natAclId: optional(id),
      egressBlocks: optional(list(block)),
      hasGatewayEndpoint: optional(boolean),
      peerRoutes: optional(
        list(
          object<{ cidr: string; peeringId: string; natIp: string }>({
            cidr: block,
            peeringId: optional(peeringId),
            natIp: optional(address),
          }),
        ),
      ),
    }),
  ),
  secondaryCidrs: optional(list(block)),
  dnsSupport: optional(boolean),
  peerings: optional(
    list(
      object<AssignedPeering>({
        id: peeringId,
        side: oneOf("requester", "accepter"),
        peerVpcId: id,
        blocks: list(block),
      }),
    ),
  ),
  remoteGroups: optional(
    list(object<{ id: string; members: readonly string[] }>({ id, members: list(address) })),
  ),
  hasEndpoints: optional(boolean),
  hostNameBlocks: optional(list(block)),
  standbys: optional(
    list(object<AssignedStandby>({ primary: address, standby: address, port: integer(1, 65_535) })),
  ),
  flowLogs: optional(
    list(
      object<AssignedFlowLog>({
        id,
        resourceId: id,
        trafficType: oneOf("ACCEPT", "REJECT", "ALL"),
        aggregationSeconds: oneOf(60, 600),
      }),
    ),
  ),
});

const networkInterface = object<Interface>({
  id,
  ip: address,
  mac,
  groups: list(id),
  publicIp: optional(address),
  local: boolean,
  endpoint: optional(boolean),
  serviceEndpoint: optional(boolean),
  metadataHops: optional(integer(1, 64)),
  asksAboutLogins: optional(boolean),
});

const clientTarget = object<ClientTarget>({ address, port: integer(1, 65_535), groups: list(id) });

const name = map(dnsName, list(address));

/** A protocol number that is not tcp, udp or icmp. Source: IANA, protocol numbers. */
const PROTOCOL_NUMBER = /^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/;

/** A VPC without the parts that cannot be rendered, and a sentence about each of those parts. */
export interface CheckedVpc {
  readonly vpc: VpcAssignment;
  readonly problems: readonly string[];
}

/** Checks a VPC part by part. Returns a sentence where the VPC as a whole cannot be used. */
export function checkVpc(value: unknown): CheckedVpc | string {
  const problem = frame(value, "");
  if (problem !== undefined) return problem;
  const vpc = value as VpcAssignment; // The frame is checked; the members below are filtered before use.
  if (overlap(vpc.subnets.map((subnet) => subnet.cidr))) return "two subnets overlap";
  const problems: string[] = [];
  const kept = <T>(values: readonly T[], path: string, check: Check): readonly T[] =>
    listOf(values).filter((each, index) => {
      const wrong = check(each, `${path}[${index}]`);
      if (wrong !== undefined) problems.push(`${wrong}. It is left out.`);
      return wrong === undefined;
    });
  // Two elements with the same key make the whole transaction of rules fail.
  const once = (taken: Set<string>, key: string | undefined, what: string): boolean => {
    if (key === undefined) return true;
    if (taken.has(key)) problems.push(`${what} is there twice: ${key}. The second is left out.`);
    return !taken.has(key) && taken.add(key).has(key);
  };
  const [ids, ips, publicIps, groupIds] = [
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
  ];
  const interfaces = kept(vpc.interfaces, "interfaces", networkInterface).filter(
    (eni) =>
      once(ids, vethOf(eni.id), "An interface") &&
      once(ips, eni.ip, "An address") &&
      once(publicIps, eni.publicIp, "A public address"),
  );
  const known = kept(vpc.groups, "groups", object<Pick<Group, "id">>({ id })).filter((group) =>
    once(groupIds, nameOf(group.id), "A security group"),
  );
  const groups = known.map((group) => ({
    ...group,
    rules: listOf(group.rules).filter((rule) => {
      const wrong = ruleProblem(rule);
      if (wrong !== undefined) problems.push(`A rule of ${group.id} is left out: ${wrong}.`);
      return wrong === undefined;
    }),
  }));
  const names = Object.fromEntries(
    kept(Object.entries(isObject(vpc.names) ? vpc.names : {}), "names", (entry, path) =>
      name(Object.fromEntries([entry as [string, unknown]]), path),
    ),
  );
  const clientTargets = kept(vpc.clientTargets ?? [], "clientTargets", clientTarget);
  const { acls, problems: wrong } = checkAcls(vpc.acls);
  return {
    vpc: { ...vpc, interfaces, groups, names, acls, clientTargets },
    problems: [...problems, ...wrong],
  };
}

/** Whether two of the blocks share an address: a map of nftables cannot have both. */
function overlap(blocks: readonly string[]): boolean {
  const parsed = blocks.map((each) => present(parseCidr(each), "A checked block is valid."));
  return parsed.some((one, index) => parsed.slice(0, index).some((other) => cidrsOverlap(one, other)));
}

/** The reason why a rule of a security group cannot be rendered; undefined where it can. */
export function ruleProblem(rule: SecurityRule): string | undefined {
  const shape = object<SecurityRule>({
    direction: oneOf("ingress", "egress"),
    protocol: (value, path) =>
      value === "-1" || value === "tcp" || value === "udp" || value === "icmp"
        ? undefined
        : matching(PROTOCOL_NUMBER, "a protocol")(value, path),
    fromPort: integer(-1, 65_535),
    toPort: integer(-1, 65_535),
    cidr: optional(block),
    groupId: optional(id),
  })(rule, "");
  if (shape !== undefined) return shape;
  if ((rule.cidr === undefined) === (rule.groupId === undefined))
    return "it names neither a block nor a group, or both";
  switch (rule.protocol) {
    case "tcp":
    case "udp":
      return rule.fromPort >= 0 && rule.toPort >= rule.fromPort
        ? undefined
        : `the ports ${rule.fromPort} to ${rule.toPort} are not a range`;
    case "icmp":
      return rule.fromPort <= 255 && rule.toPort <= 255 && (rule.fromPort >= 0 || rule.toPort === -1)
        ? undefined
        : `${rule.fromPort} and ${rule.toPort} are not an ICMP type and code`;
    default:
      return undefined;
  }
}

function listOf<T>(value: readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [];
}
