import type { AssignedPeering, SecurityRule, VpcAssignment } from "@gantry/agent-protocol";
import { checkVpc } from "@gantry/agent/checks/check-vpc";
import { ensurePeerings } from "@gantry/agent/network/peer-links";
import { inNamespace, nft, type Programs } from "@gantry/agent/network/programs";
import { renderRouterRules } from "@gantry/agent/network/ruleset";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eni, rule } from "./firewall.ts";
import { connects, openContainer, TRANSIT, wiring, type NetworkContainer } from "./router-hosts.ts";

// Three VPCs, each a router in a namespace of its own with one host: a and b are peered, and b and c.
// Before: peerings were recorded, no packet passed, and nothing kept a packet of a peer from going further.
const VPCS = { a: "10.1", b: "10.2", c: "10.3" } as const;
type Name = keyof typeof VPCS;
const NAMES = ["a", "b", "c"] as const;
const hostOf = (name: Name) => `${VPCS[name]}.1.11`;
const PCX = { ab: "pcx-0000000000000000a", bc: "pcx-0000000000000000b" };
let container: NetworkContainer;
const pids = new Map<Name, number>();

beforeAll(async () => {
  container = await openContainer(20_579);
  for (const name of NAMES) {
    const { said } = await container.exec(
      [
        `/usr/bin/unshare -n /usr/bin/busybox sleep 600 >/dev/null 2>&1 & router=$!`,
        "sleep 0.3",
        "echo $router",
        `/usr/bin/nsenter -t $router -n /usr/sbin/ip link set lo up`,
        wiring({ [name]: hostOf(name) }, (command) => `/usr/bin/nsenter -t $router -n ${command}`),
      ].join("\n"),
    );
    expect(said.trim()).toMatch(/^\d+$/);
    pids.set(name, Number(said));
  }
});
afterAll(() => container.close());

const programs: Programs = {
  async run(commands) {
    const outputs: string[] = [];
    for (const { program, arguments: words, input = "" } of commands) {
      const { code, said } = await container.exec(
        `/usr/bin/${program} ${words.slice(0, 3).join(" ")} /usr/sbin/${words.slice(3).join(" ")}`,
        input,
      );
      if (code !== 0) throw new Error(`${words.join(" ")}: ${said}`);
      outputs.push(said);
    }
    return outputs;
  },
};

const ALL = { protocol: "-1", fromPort: -1, toPort: -1 };
const OPEN: readonly SecurityRule[] = [rule(ALL), rule({ direction: "egress", ...ALL })];

interface Part {
  readonly peerings?: readonly (keyof typeof PCX)[];
  readonly routes?: Readonly<Record<string, string | undefined>>;
  readonly rules?: readonly SecurityRule[];
  readonly remoteGroups?: VpcAssignment["remoteGroups"];
}

function assignment(
  name: Name,
  { peerings = [], routes = {}, rules = OPEN, remoteGroups }: Part,
): VpcAssignment {
  const block = `${VPCS[name]}.0.0/16`;
  const peering = (key: keyof typeof PCX): AssignedPeering => {
    const peer = (key === "ab" ? { a: "b", b: "a", c: "b" } : { a: "b", b: "c", c: "b" })[name] as Name; // Names above.
    return {
      ...{ id: PCX[key], side: key.startsWith(name) ? "requester" : "accepter" },
      ...{ peerVpcId: `vpc-${peer}`, blocks: [`${VPCS[peer]}.0.0/16`] },
    };
  };
  return {
    ...{
      kind: "vpc",
      key: `vpc/vpc-${name}`,
      vpcId: `vpc-${name}`,
      index: 0,
      cidr: block,
      region: "eu-south-1",
    },
    subnets: [
      {
        ...{ id: `subnet-${name}`, cidr: `${VPCS[name]}.1.0/24`, egress: "none", natPublicIp: undefined },
        peerRoutes: Object.entries(routes).map(([cidr, peeringId]) => ({ cidr, peeringId })),
      },
    ],
    interfaces: [{ ...eni(1), ip: hostOf(name), groups: [`sg-${name}`] }],
    groups: [{ id: `sg-${name}`, rules }],
    names: {},
    ...(peerings.length === 0 ? {} : { peerings: peerings.map(peering) }),
    ...(remoteGroups && { remoteGroups }),
  };
}

/** Brings all three routers to what is assigned, rules first, as the agent does. */
async function apply(parts: Readonly<Partial<Record<Name, Part>>>): Promise<void> {
  for (const name of NAMES) {
    const checked = checkVpc(assignment(name, parts[name] ?? {}));
    if (typeof checked === "string") throw new Error(checked);
    // The hosts of this test have ports of their own instead of those of a bridge.
    const rules = renderRouterRules(checked.vpc, TRANSIT, `${VPCS[name]}.0.2`)
      .replace(/table bridge guard\ndelete[\s\S]*?\n}\n/, "")
      .replaceAll(/.*iifname (?:"br0"|!= \{ "br0").*\n/g, "")
      .replaceAll('"br0"', `"v${name}"`);
    const pid = pids.get(name) ?? 0;
    await programs.run([inNamespace(pid, nft(`flush ruleset\n${rules}`))]);
  }
  for (const name of NAMES) {
    const pidOf = (vpcId: string) => pids.get(vpcId.slice(4) as Name); // The names above.
    const { vpc } = checkVpc(assignment(name, parts[name] ?? {})) as { vpc: VpcAssignment }; // Checked above.
    for (const peer of await ensurePeerings(programs, vpc, { pid: pids.get(name) ?? 0, pidOf })) {
      const other = peer.slice(4) as Name; // As above.
      await ensurePeerings(programs, assignment(other, parts[other] ?? {}), {
        pid: pids.get(other) ?? 0,
        pidOf,
      });
    }
  }
}

const reaches = (from: Name, to: Name, port = 8080) =>
  connects(container.exec, { from, to, address: hostOf(to), port });
const A_TO_B = { peerings: ["ab"], routes: { "10.2.0.0/16": PCX.ab } } as const;
const B_TO_A = { peerings: ["ab"], routes: { "10.1.0.0/16": PCX.ab } } as const;

it("carries traffic where the routes of both sides lead to the peering", async () => {
  await apply({ a: A_TO_B, b: B_TO_A });
  expect([await reaches("a", "b"), await reaches("b", "a")]).toEqual([true, true]);
});

it("carries nothing where one side has no route, or the peering is gone", async () => {
  await apply({ a: A_TO_B, b: { peerings: ["ab"] } });
  expect(await reaches("a", "b")).toBe(false);
  await apply({ a: { peerings: ["ab"] }, b: B_TO_A });
  expect(await reaches("a", "b")).toBe(false);
  await apply({ a: { routes: { "10.2.0.0/16": undefined } }, b: { routes: { "10.1.0.0/16": undefined } } });
  expect(await reaches("a", "b")).toBe(false);
  const { said } = await container.exec(`/usr/bin/nsenter -t ${pids.get("a")} -n /usr/sbin/ip link show`);
  expect(said).not.toContain("pcx");
});

it("applies the security groups of both sides, and knows the members of a peer's group", async () => {
  const named = [rule({ direction: "egress", ...ALL }), rule({ cidr: undefined, groupId: "sg-a" })];
  const members = (...ips: string[]) => [{ id: "sg-a", members: ips }];
  await apply({ a: A_TO_B, b: { ...B_TO_A, rules: named, remoteGroups: members(hostOf("a")) } });
  expect(await reaches("a", "b")).toBe(true);
  await apply({ a: A_TO_B, b: { ...B_TO_A, rules: named, remoteGroups: members("10.1.1.99") } });
  expect(await reaches("a", "b")).toBe(false);
  await apply({ a: { ...A_TO_B, rules: [rule(ALL)] }, b: B_TO_A });
  expect(await reaches("a", "b")).toBe(false);
});

it("is not transitive, even with routes through the VPC between", async () => {
  const wide = { "10.0.0.0/8": PCX.bc, "10.1.0.0/16": PCX.bc };
  await apply({
    a: { peerings: ["ab"], routes: { "10.2.0.0/16": PCX.ab, "10.3.0.0/16": PCX.ab } },
    b: { peerings: ["ab", "bc"], routes: { "10.1.0.0/16": PCX.ab, "10.3.0.0/16": PCX.bc } },
    c: { peerings: ["bc"], routes: { "10.2.0.0/16": PCX.bc, ...wide } },
  });
  expect([await reaches("a", "b"), await reaches("b", "c"), await reaches("c", "b")]).toEqual([
    true,
    true,
    true,
  ]);
  expect([await reaches("a", "c"), await reaches("c", "a")]).toEqual([false, false]);
});

it("does not reach the resolver or the platform's endpoints of a peer, nor its router", async () => {
  await apply({ a: A_TO_B, b: B_TO_A });
  const dropped = async (address: string, port: number) => {
    const { said } = await container.exec(
      `/usr/bin/nsenter -t $(cat /tmp/a) -n /usr/bin/busybox timeout 1 /usr/bin/busybox nc ${address} ` +
        `${port} </dev/null; echo $?`,
    );
    // 143: nothing answered until the time was over, which the shell may also say in words, before or after.
    return /^143$/m.test(said);
  };
  expect([await dropped("10.2.0.2", 53), await dropped("10.2.1.1", 8080)]).toEqual([true, true]);
});
