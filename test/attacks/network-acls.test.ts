import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkVpc } from "@gantry/agent/checks/check-vpc";
import { renderRouterRules } from "@gantry/agent/network/ruleset";
import type { NetworkAclRule, VpcAssignment } from "@gantry/agent-protocol";
import { ensureAgentImage } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { run } from "@gantry/cli/run";
import { ensureInstance } from "@gantry/control-plane";
import { SystemClock } from "@gantry/kernel";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eni, rule, vpcWith } from "./firewall.ts";

// Two subnets behind a router with the rules that the agent renders, and a host in each: a third one stands beside the first.
// Before: network ACLs did not exist, and every security group that allowed a connection was the last word.
const TRANSIT = { hostAddress: "100.64.0.1", routerAddress: "100.64.0.2" };
const HOSTS = { a: "10.0.1.11", b: "10.0.2.12", c: "10.0.1.13" } as const;
const OPEN = [
  rule({ protocol: "-1", fromPort: -1, toPort: -1 }),
  rule({ direction: "egress", protocol: "-1", fromPort: -1, toPort: -1 }),
];
let container = "";

function exec(script: string, input = ""): Promise<{ code: number; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("docker", ["exec", "-i", container, "/usr/bin/busybox", "sh", "-c", script]);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, said }));
    child.stdin.end(input);
  });
}

beforeAll(async () => {
  const clock = new SystemClock();
  const deps = { clock, progress: new Progress(clock, () => {}) };
  const folder = mkdtempSync(join(tmpdir(), "gantry-acl-"));
  const image = await ensureAgentImage(deps, ensureInstance(folder, 20_577));
  const started = await run("docker", [
    ...["run", "-d", "--rm", "--network", "none", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_ADMIN"],
    ...["--security-opt", "apparmor=unconfined", "--security-opt", "seccomp=unconfined"],
    ...["--sysctl", "net.ipv4.ip_forward=1", "--entrypoint", "/usr/bin/busybox", image, "sleep", "600"],
  ]);
  container = started.trim();
  const lines = Object.entries(HOSTS).flatMap(([name, ip]) => {
    const gateway = ip.replace(/\d+$/, "1");
    const inside = (command: string) => `/usr/bin/nsenter -t $pid_${name} -n ${command}`;
    return [
      `/usr/bin/unshare -n /usr/bin/busybox sleep 600 >/dev/null 2>&1 & pid_${name}=$!`,
      "sleep 0.3",
      `/usr/sbin/ip link add v${name} type veth peer name eth0 netns $pid_${name}`,
      `/usr/sbin/ip link set v${name} up`,
      `/usr/sbin/ip route add ${ip}/32 dev v${name}`,
      inside("/usr/sbin/ip link set lo up"),
      inside(`/usr/sbin/ip address add ${ip}/32 dev eth0`),
      inside("/usr/sbin/ip link set eth0 up"),
      inside(`/usr/sbin/ip route add ${gateway} dev eth0`),
      inside(`/usr/sbin/ip route add default via ${gateway} dev eth0`),
      `echo $pid_${name} > /tmp/${name}`,
    ];
  });
  const made = await exec(
    [
      "set -e",
      "/usr/sbin/ip link add br0 type bridge",
      "/usr/sbin/ip link set br0 up",
      "/usr/sbin/ip address add 10.0.1.1/32 dev br0",
      "/usr/sbin/ip address add 10.0.2.1/32 dev br0",
      ...lines,
    ].join("\n"),
  );
  expect(made).toEqual({ code: 0, said: "" });
});
afterAll(async () => {
  if (container !== "") await run("docker", ["rm", "-f", container]);
});

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

/** Applies the rules that the agent renders, but for what pins ports of a bridge, and those of a reverse path. */
async function apply(assignment: VpcAssignment): Promise<void> {
  const checked = checkVpc(assignment);
  if (typeof checked === "string") throw new Error(checked);
  const rules = renderRouterRules(checked.vpc, TRANSIT, "10.0.0.2").replaceAll(
    /.*iifname .*10\.0\.0\.0\/16 drop\n/g,
    "",
  );
  expect(await exec("/usr/sbin/nft flush ruleset; /usr/sbin/nft -f -", rules)).toMatchObject({
    code: 0,
    said: "",
  });
}

/** Whether a connection to the port gets through, by what its server answers. */
async function reaches(from: keyof typeof HOSTS, to: keyof typeof HOSTS, port: number): Promise<boolean> {
  const listen = `/usr/bin/nsenter -t $(cat /tmp/${to}) -n /usr/bin/busybox nc -l -p ${port} -e /usr/bin/busybox echo yes`;
  const ask = `/usr/bin/nsenter -t $(cat /tmp/${from}) -n /usr/bin/busybox timeout 1 /usr/bin/busybox nc ${HOSTS[to]} ${port} </dev/null`;
  const { said } = await exec(
    `${listen} >/dev/null 2>&1 & server=$!; sleep 0.2; ${ask}; kill $server 2>/dev/null; true`,
  );
  return said.includes("yes");
}

it("lets through what both ACLs allow", async () => {
  await apply(vpc({}));
  expect(await reaches("a", "b", 8080)).toBe(true);
});

it("drops what a lower rule denies, and lets through what a lower rule allows", async () => {
  const deny = (number: number) => allow(number, false, { ...tcp(8080), action: "deny" });
  await apply(vpc({ b: [deny(50), ...ALL] }));
  expect(await reaches("a", "b", 8080)).toBe(false);
  expect(await reaches("a", "b", 8081)).toBe(true);
  await apply(vpc({ b: [deny(150), ...ALL] }));
  expect(await reaches("a", "b", 8080)).toBe(true);
});

it("judges replies: without a rule for the ephemeral ports there is no connection", async () => {
  const only = [allow(1, false, tcp(8080)), allow(1, true, tcp(8080))];
  await apply(vpc({ b: only }));
  expect(await reaches("a", "b", 8080)).toBe(false);
  await apply(vpc({ b: [...only, allow(2, true, tcp(1024, 65_535))] }));
  expect(await reaches("a", "b", 8080)).toBe(true);
});

it("judges what leaves the sender's subnet", async () => {
  await apply(vpc({ a: [allow(1, false)] }));
  expect(await reaches("a", "b", 8080)).toBe(false);
});

it("does not judge packets within a subnet", async () => {
  await apply(vpc({ a: [] }));
  expect(await reaches("a", "c", 8080)).toBe(true);
  expect(await reaches("a", "b", 8080)).toBe(false);
});

it("loads the rules of an endpoint, a further block and a VPC without DNS", async () => {
  const whole = vpc({});
  const endpoint = { ...eni(7), ip: "10.0.2.77", endpoint: true };
  const interfaces = [...whole.interfaces, endpoint];
  await apply({ ...whole, interfaces, secondaryCidrs: ["10.1.0.0/16"], dnsSupport: false });
  const { said } = await exec("/usr/sbin/nft list ruleset");
  expect(said).toContain("ip daddr 10.0.2.77 tcp dport { 80, 443 } dnat to 100.64.0.1");
  expect(said).toMatch(/chain endpoint \{[^}]*ip saddr vmap @leaving\s+drop/);
  expect(said).not.toContain("th dport 53");
});

it("closes a subnet whose ACL is gone or cannot be rendered", async () => {
  const whole = vpc({});
  await apply({ ...whole, acls: whole.acls?.slice(0, 1) });
  expect(await reaches("a", "b", 8080)).toBe(false);
  await apply(vpc({ b: [...ALL, allow(3, true, { cidr: "0.0.0.0/0 accept" })] }));
  expect(await reaches("a", "b", 8080)).toBe(false);
});
