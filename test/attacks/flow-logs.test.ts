import type { VpcAssignment } from "@gantry/agent-protocol";
import { readFlowCounters, type FlowCounter } from "@gantry/agent/flows/flow-counters";
import type { Programs } from "@gantry/agent/network/programs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eni, rule, vpcWith } from "./firewall.ts";
import { openRouter, type RouterWithHosts } from "./router-hosts.ts";

// Flows are counted by the router's own rules. Before: a flow log was recorded, and no packet was ever
// counted.
const HOSTS = { a: "10.0.1.11", b: "10.0.2.12" } as const;
let router: RouterWithHosts;
beforeAll(async () => {
  router = await openRouter(HOSTS, 20_578);
});
afterAll(() => router.close());

/** The router's counters, read as the agent reads them, but in the router's container. */
function counters(): Promise<readonly FlowCounter[]> {
  const programs: Programs = {
    run: (commands) =>
      Promise.all(
        commands.map(async ({ arguments: words }) => {
          const { code, said } = await router.exec(`/usr/sbin/${words.slice(3).join(" ")}`);
          expect(code).toBe(0);
          return said;
        }),
      ),
  };
  return readFlowCounters(programs, 1);
}

const ALL = { protocol: "-1", fromPort: -1, toPort: -1 };
const EGRESS = rule({ direction: "egress", ...ALL });

function vpc(part: Partial<VpcAssignment>): VpcAssignment {
  return {
    ...vpcWith([EGRESS, rule({ fromPort: 8080, toPort: 8080 })]),
    subnets: ["1", "2"].map((number) => ({
      id: `subnet-${number}`,
      cidr: `10.0.${number}.0/24`,
      egress: "none" as const,
      natPublicIp: undefined,
      aclId: "acl-1",
    })),
    interfaces: Object.values(HOSTS).map((ip, index) => ({ ...eni(index + 1), ip })),
    acls: [{ id: "acl-1", rules: [true, false].map((egress) => allow(egress)) }],
    ...part,
  };
}
const allow = (egress: boolean) => ({
  ...{ number: 100, egress, protocol: "-1", action: "allow" as const, cidr: "0.0.0.0/0" },
  ...{ fromPort: undefined, toPort: undefined },
});
const LOG = { id: "fl-1", trafficType: "ALL" as const, aggregationSeconds: 60 };
const shown = (flows: readonly FlowCounter[]) =>
  [...new Set(flows.map((flow) => `${flow.outcome} ${flow.source}>${flow.destination}`))].toSorted();

it("counts what passes at both interfaces, in both directions, with packets and bytes", async () => {
  await router.apply(vpc({ flowLogs: [{ ...LOG, resourceId: "vpc-1" }] }));
  expect(await router.reaches("a", "b", 8080)).toBe(true);
  const flows = await counters();
  expect(shown(flows)).toEqual([
    "accept_in 10.0.1.11>10.0.2.12",
    "accept_in 10.0.2.12>10.0.1.11",
    "accept_out 10.0.1.11>10.0.2.12",
    "accept_out 10.0.2.12>10.0.1.11",
  ]);
  const asked = flows.find((flow) => flow.outcome === "accept_out" && flow.destinationPort === 8080);
  expect(asked).toMatchObject({ source: HOSTS.a, destination: HOSTS.b, protocol: 6 });
  expect(asked?.packets).toBeGreaterThanOrEqual(4);
  expect(asked?.bytes).toBeGreaterThan(asked?.packets ?? 0);
  // The flags of the connection's begin, at both of its ends: SYN and SYN-ACK.
  const flags = (outcome: FlowCounter["outcome"]) =>
    flows.flatMap((flow) => (flow.outcome === outcome && flow.tcpFlag !== undefined ? [flow.tcpFlag] : []));
  expect(flags("accept_out")).toEqual(expect.arrayContaining([2, 18]));
  expect(flags("accept_in")).toEqual(expect.arrayContaining([2, 18]));
});

it("counts what a security group drops as rejected at the receiver, and accepted at the sender", async () => {
  await router.apply(vpc({ flowLogs: [{ ...LOG, resourceId: "vpc-1" }] }));
  expect(await router.reaches("a", "b", 8081)).toBe(false);
  expect(shown(await counters())).toEqual([
    "accept_out 10.0.1.11>10.0.2.12",
    "reject_in 10.0.1.11>10.0.2.12",
  ]);
});

it("counts what a network ACL drops, and what the sender's own group does not allow", async () => {
  const denied = [{ id: "acl-1", rules: [allow(true)] }];
  await router.apply(vpc({ acls: denied, flowLogs: [{ ...LOG, resourceId: "vpc-1" }] }));
  expect(await router.reaches("a", "b", 8080)).toBe(false);
  expect(shown(await counters())).toContain("reject_in 10.0.1.11>10.0.2.12");
  const closed = [{ id: "sg-a", rules: [rule()] }];
  await router.apply(vpc({ groups: closed, flowLogs: [{ ...LOG, resourceId: "vpc-1" }] }));
  expect(await router.reaches("a", "b", 8080)).toBe(false);
  expect(shown(await counters())).toEqual(["reject_out 10.0.1.11>10.0.2.12"]);
});

it("counts only interfaces of the logged subnet", async () => {
  await router.apply(vpc({ flowLogs: [{ ...LOG, resourceId: "subnet-2" }] }));
  expect(await router.reaches("a", "b", 8080)).toBe(true);
  expect(shown(await counters())).toEqual([
    "accept_in 10.0.1.11>10.0.2.12",
    "accept_out 10.0.2.12>10.0.1.11",
  ]);
});

it("has no rule that counts where there is no flow log", async () => {
  await router.apply(vpc({}));
  expect((await router.exec("/usr/sbin/nft list ruleset | grep -c count_")).said.trim()).toBe("0");
});
