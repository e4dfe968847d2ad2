import type { NetworkAclRule, VpcAssignment } from "@gantry/agent-protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eni, rule, vpcWith } from "./firewall.ts";
import { openRouter, type RouterWithHosts } from "./router-hosts.ts";

// Two subnets behind a router with the rules that the agent renders, and a host in each: a third one stands
// beside the first.
// Before: network ACLs did not exist, and every security group that allowed a connection was the last word.
const HOSTS = { a: "10.0.1.11", b: "10.0.2.12", c: "10.0.1.13" } as const;
const OPEN = [
  rule({ protocol: "-1", fromPort: -1, toPort: -1 }),
  rule({ direction: "egress", protocol: "-1", fromPort: -1, toPort: -1 }),
];
let router: RouterWithHosts;
const apply = (assignment: VpcAssignment) => router.apply(assignment);
const reaches = (from: keyof typeof HOSTS, to: keyof typeof HOSTS, port: number) =>
  router.reaches(from, to, port);

beforeAll(async () => {
  router = await openRouter(HOSTS, 20_577);
});
afterAll(() => router.close());

const allow = (number: number, egress: boolean, part: Partial<NetworkAclRule> = {}): NetworkAclRule => ({
  number,
  egress,
  protocol: "-1",
  action: "allow",
  cidr: "0.0.0.0/0",
  fromPort: undefined,
  toPort: undefined,
  ...part,
});
const tcp = (from: number, to = from) => ({ protocol: "6", fromPort: from, toPort: to });
const ALL = [allow(100, false), allow(100, true)];

function vpc(of: { a?: readonly NetworkAclRule[]; b?: readonly NetworkAclRule[] }): VpcAssignment {
  const base = vpcWith(OPEN);
  return {
    ...base,
    subnets: ["1", "2"].map((number) => ({
      id: `subnet-${number}`,
      cidr: `10.0.${number}.0/24`,
      egress: "none" as const,
      natPublicIp: undefined,
      aclId: `acl-${number}`,
    })),
    interfaces: Object.values(HOSTS).map((ip, index) => ({ ...eni(index + 1), ip })),
    acls: [
      { id: "acl-1", rules: of.a ?? ALL },
      { id: "acl-2", rules: of.b ?? ALL },
    ],
  };
}

it("lets through what both ACLs allow", async () => {
  await apply(vpc({}));
  expect(await reaches("a", "b", 8080)).toBe(true);
});

it("applies the rule with the lowest number", async () => {
  const deny = (number: number) => allow(number, false, { ...tcp(8080), action: "deny" });
  await apply(vpc({ b: [deny(50), ...ALL] }));
  expect(await reaches("a", "b", 8080)).toBe(false);
  expect(await reaches("a", "b", 8081)).toBe(true);
  await apply(vpc({ b: [deny(150), ...ALL] }));
  expect(await reaches("a", "b", 8080)).toBe(true);
});

it("filters replies: without a rule for the ephemeral ports there is no connection", async () => {
  const only = [allow(1, false, tcp(8080)), allow(1, true, tcp(8080))];
  await apply(vpc({ b: only }));
  expect(await reaches("a", "b", 8080)).toBe(false);
  await apply(vpc({ b: [...only, allow(2, true, tcp(1024, 65_535))] }));
  expect(await reaches("a", "b", 8080)).toBe(true);
});

it("filters packets that leave the sender's subnet", async () => {
  await apply(vpc({ a: [allow(1, false)] }));
  expect(await reaches("a", "b", 8080)).toBe(false);
});

it("does not filter packets within a subnet", async () => {
  await apply(vpc({ a: [] }));
  expect(await reaches("a", "c", 8080)).toBe(true);
  expect(await reaches("a", "b", 8080)).toBe(false);
});

it("loads the rules of an endpoint, a further block and a VPC without DNS", async () => {
  const whole = vpc({});
  const endpoint = { ...eni(7), ip: "10.0.2.77", endpoint: true };
  const interfaces = [...whole.interfaces, endpoint];
  await apply({ ...whole, interfaces, secondaryCidrs: ["10.1.0.0/16"], dnsSupport: false });
  const { said } = await router.exec("/usr/sbin/nft list ruleset");
  expect(said).toContain("ip daddr 10.0.2.77 tcp dport { 80, 443 } dnat to 100.64.0.1");
  expect(said).toMatch(/chain endpoint \{[^}]*ip saddr vmap @leaving\s+drop/);
  expect(said).not.toContain("th dport 53");
});

it("closes a subnet whose ACL is missing or cannot be rendered", async () => {
  const whole = vpc({});
  await apply({ ...whole, acls: whole.acls?.slice(0, 1) });
  expect(await reaches("a", "b", 8080)).toBe(false);
  await apply(vpc({ b: [...ALL, allow(3, true, { cidr: "0.0.0.0/0 accept" })] }));
  expect(await reaches("a", "b", 8080)).toBe(false);
});
