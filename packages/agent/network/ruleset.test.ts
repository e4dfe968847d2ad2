import type { VpcAssignment } from "@gantry/agent-protocol";
import { expect, it } from "vitest";
import { renderRouterRules } from "./ruleset.ts";

const TRANSIT = { hostAddress: "100.64.0.1", routerAddress: "100.64.0.2" };
const vpc = (more: Partial<VpcAssignment> = {}): VpcAssignment => ({
  kind: "vpc",
  key: "vpc/vpc-1",
  vpcId: "vpc-1",
  index: 0,
  cidr: "10.0.0.0/16",
  region: "eu-south-1",
  subnets: [
    { id: "subnet-a", cidr: "10.0.1.0/24", egress: "nat", natPublicIp: "198.18.1.9" },
    { id: "subnet-b", cidr: "10.0.2.0/24", egress: "internet", natPublicIp: undefined },
    { id: "subnet-c", cidr: "10.0.3.0/24", egress: "none", natPublicIp: undefined },
  ],
  interfaces: [
    {
      id: "eni-web",
      ip: "10.0.2.10",
      mac: "02:00:00:00:00:01",
      groups: ["sg-web"],
      publicIp: "198.18.1.1",
      local: false,
    },
    {
      id: "eni-db",
      ip: "10.0.3.10",
      mac: "02:00:00:00:00:02",
      groups: ["sg-db"],
      publicIp: "198.18.1.2",
      local: false,
    },
  ],
  groups: [
    {
      id: "sg-web",
      rules: [
        {
          direction: "ingress",
          protocol: "tcp",
          fromPort: 80,
          toPort: 81,
          cidr: "0.0.0.0/0",
          groupId: undefined,
        },
        {
          direction: "egress",
          protocol: "-1",
          fromPort: -1,
          toPort: -1,
          cidr: "0.0.0.0/0",
          groupId: undefined,
        },
      ],
    },
    {
      id: "sg-db",
      rules: [
        {
          direction: "ingress",
          protocol: "tcp",
          fromPort: 3306,
          toPort: 3306,
          cidr: undefined,
          groupId: "sg-web",
        },
        {
          direction: "ingress",
          protocol: "udp",
          fromPort: 0,
          toPort: 65_535,
          cidr: "10.0.0.0/8",
          groupId: undefined,
        },
        {
          direction: "ingress",
          protocol: "tcp",
          fromPort: 1,
          toPort: 2,
          cidr: undefined,
          groupId: "sg-gone",
        },
      ],
    },
  ],
  names: {},
  ...more,
});
const chain = (text: string, name: string) =>
  new RegExp(`chain ${name} \\{\n([^}]*)\\}`).exec(text)?.[1]?.trim() ?? "";
const render = (assignment: VpcAssignment) => renderRouterRules(assignment, TRANSIT, "10.0.0.2");

it("renders the same text for the same VPC in any order of its parts", () => {
  const one = vpc();
  expect(render({ ...one, interfaces: one.interfaces.toReversed(), groups: one.groups.toReversed() })).toBe(
    render(one),
  );
});

it("admits by rule and by members of a group, and nothing of a missing group", () => {
  const text = render(vpc());
  expect(chain(text, "gin_sg_web")).toBe("tcp dport 80-81 accept");
  expect(
    chain(text, "gin_sg_db")
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual(["ip saddr @m_sg_web tcp dport 3306 accept", "ip saddr 10.0.0.0/8 meta l4proto udp accept"]);
  expect(text).toContain("set m_sg_web { type ipv4_addr; elements = { 10.0.2.10 }; }");
  expect(chain(text, "in_eni_db").split("\n").at(-1)?.trim()).toBe("drop");
});

it("admits outbound packets by the egress rules of the sender, and none without a rule", () => {
  const text = render(vpc());
  expect(chain(text, "gout_sg_web")).toBe("goto arrive");
  expect(chain(text, "gout_sg_db")).toBe("");
  expect(chain(text, "forward")).toContain("policy drop");
});

it("routes NAT subnets and public addresses of internet subnets to the outside, and no others", () => {
  const text = render(vpc());
  expect(text).toContain(
    "set exits { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.1.0/24, 10.0.2.10 }; }",
  );
  expect(text).toContain('oifname "up0" ip saddr 10.0.1.0/24 snat to 198.18.1.9');
  expect(/map private \{[^\n]*/.exec(text)?.[0]).not.toContain("198.18.1.2");
});

it("leads a database that asks about logins to the platform, in a VPC with endpoints and without a route out", () => {
  const [web, db] = vpc().interfaces;
  if (web === undefined || db === undefined) expect.fail();
  const drop = "ct original ip daddr 169.254.170.10 ip saddr != @exits";
  expect(render(vpc({ hasEndpoints: true }))).toContain(`${drop} drop`);
  const interfaces = [web, { ...db, asksAboutLogins: true }];
  expect(render(vpc({ hasEndpoints: true, interfaces }))).toContain(`${drop} ip saddr != { 10.0.3.10 } drop`);
});

const DENIED = {
  protocol: "-1",
  action: "deny",
  cidr: "0.0.0.0/0",
  fromPort: undefined,
  toPort: undefined,
} as const;
const ACLS = [{ id: "acl-1", rules: [{ ...DENIED, number: 100, egress: false }] }];

it("asks network ACLs about clients on the host that targets see, and counts their flows", () => {
  const log = {
    id: "fl-1",
    resourceId: "vpc-1",
    trafficType: "ALL" as const,
    aggregationSeconds: 60 as const,
  };
  const flowLogs = [log];
  const linesOf = (more: Partial<VpcAssignment>) => {
    const text = render(vpc({ acls: ACLS, flowLogs, ...more }));
    return ["acl_output", "acl_input", "count_output"].flatMap((name) =>
      chain(text, name)
        .split("\n")
        .flatMap((line) => (line.includes(TRANSIT.hostAddress) ? [line.trim()] : [])),
    );
  };
  const own = [`ip saddr ${TRANSIT.hostAddress} accept`, `ip daddr ${TRANSIT.hostAddress} accept`];
  expect(linesOf({})).toEqual([own, own, own].flat());
  const clientTargets = [{ address: "10.0.3.10", port: 80, groups: ["sg-web"] }];
  const others = own.map((line) => `ct mark != 0x47 ${line}`);
  expect(linesOf({ clientTargets })).toEqual([others, others, others].flat());
});

it("asks no network ACL about what a standby of a database and its primary send one another", () => {
  const standbys = [{ primary: "10.0.3.10", standby: "10.0.1.10", port: 5_432 }];
  const text = render(vpc({ acls: ACLS, standbys }));
  const lines = chain(text, "acl_forward")
    .split("\n")
    .map((line) => line.trim());
  const judged = lines.indexOf("ip saddr vmap @acl_out");
  for (const line of [
    "ip saddr 10.0.1.10 ip daddr 10.0.3.10 tcp dport 5432 accept",
    "ip saddr 10.0.3.10 ip daddr 10.0.1.10 tcp sport 5432 accept",
  ])
    expect(lines.slice(0, judged)).toContain(line);
  expect(chain(text, "acl_input")).not.toContain("5432");
});
