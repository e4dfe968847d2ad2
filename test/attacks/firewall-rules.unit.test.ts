import type { InterfaceAssignment, VpcAssignment } from "@gantry/agent-protocol";
import { checkAssignment } from "@gantry/agent/checks/check-assignment";
import { checkVpc } from "@gantry/agent/checks/check-vpc";
import type { Command, Programs } from "@gantry/agent/network/programs";
import { CLOSED_RULES, renderRouterRules } from "@gantry/agent/network/ruleset";
import { VpcRouters, type FirewallState } from "@gantry/agent/network/vpc-router";
import { FakeEngine, namingOf, PAUSE_IMAGE } from "@gantry/agent";
import { silentLogger, VirtualClock } from "@gantry/kernel";
import { expect, it } from "vitest";
import { eni, rule, vpcWith } from "./firewall.ts";

const TRANSIT = { hostAddress: "100.64.0.1", routerAddress: "100.64.0.2" };

it("leaves out what cannot be rendered, reports it, and applies the rest", () => {
  // Before: one rule with the ports 90 to 80 failed the VPC's whole transaction, and older rules stayed in effect.
  const poisoned = vpcWith([
    rule({ fromPort: 90, toPort: 80 }),
    rule({ fromPort: -5, toPort: 80 }),
    rule({ fromPort: 1, toPort: 70_000 }),
    rule({ cidr: "10.0.0.1; flush ruleset" }),
    rule({ cidr: "10.0.0.0/8 accept\n  }\n chain x {" }),
    rule({ protocol: "tcp } ; chain evil {" }),
    rule({ cidr: undefined, groupId: "sg-x accept" }),
    rule({ fromPort: 443, toPort: 443 }),
  ]);
  const checked = checkVpc(poisoned);
  if (typeof checked === "string") expect.fail(checked);
  expect(checked.problems).toHaveLength(7);
  const text = renderRouterRules(checked.vpc, TRANSIT, "10.0.0.2");
  expect(/chain gin_sg_a \{\n([^}]*)\}/.exec(text)?.[1]?.trim()).toBe("tcp dport 443 accept");
});

it("leaves out interfaces with invalid addresses, and duplicates", () => {
  const shell = eni(2, { ip: "10.77.0.9$(id)" });
  const twice = eni(3, { ip: eni(1).ip });
  const checked = checkVpc({ ...vpcWith([]), interfaces: [eni(1), shell, twice, eni(4)] });
  expect(checked).toMatchObject({ vpc: { interfaces: [eni(1), eni(4)] } });
  expect(checked).toMatchObject({
    problems: [expect.stringContaining("$(id)"), expect.stringContaining("there twice")],
  });
});

it("leaves out targets of load balancers that cannot be rendered, and renders each address and port once", () => {
  const target = { address: eni(2).ip, port: 80, groups: ["sg-a"] };
  const clientTargets = [
    target,
    { ...target, groups: ["sg-gone", "sg-a"] },
    { ...target, address: "10.0.1.12 . 80 : accept, 10.0.1.13" },
    { ...target, port: 70_000 },
    { ...target, groups: ["sg-a; flush ruleset"] },
  ];
  const checked = checkVpc({ ...vpcWith([rule({ cidr: undefined, groupId: "sg-a" })]), clientTargets });
  if (typeof checked === "string") expect.fail(checked);
  expect(checked.problems).toHaveLength(3);
  const text = renderRouterRules(checked.vpc, TRANSIT, "10.0.0.2");
  expect(text.match(/10\.0\.1\.12 \. 80/g)).toHaveLength(3);
  expect(text).toContain("ct mark 0x47 ip daddr . tcp dport @via_sg_a meta l4proto tcp accept");
  expect(text).toMatch(/chain clients_0 \{\n {4}jump gout_sg_a\n {4}drop/);
  // Nothing of it is there for a VPC without such targets.
  expect(renderRouterRules(vpcWith([]), TRANSIT, "10.0.0.2")).not.toContain("mark");
});

it("refuses interfaces and folders of pods that the API never creates", () => {
  const wanted: InterfaceAssignment = {
    id: "eni-1",
    vpcId: "vpc-1",
    ip: "10.0.1.9",
    mac: "02:00:00:00:00:09",
    prefix: 24,
    gateway: "10.0.1.1",
    hostname: "ip-10-0-1-9",
    dnsServer: "10.0.0.2",
    dnsSearch: "eu-south-1.compute.internal",
  };
  const check = (part: object) =>
    checkAssignment({ kind: "interface", key: "interface/eni-1", interface: { ...wanted, ...part } }).type;
  expect(check({})).toBe("accepted");
  // Before: an address like this reached a shell as root.
  expect(check({ ip: "10.77.0.9$(id)" })).toBe("refused");
  expect(check({ id: "eni-1 netns 1" })).toBe("refused");
  expect(check({ mac: "02:00:00:00:00:09; reboot" })).toBe("refused");
  expect(check({ gateway: "10.0.1.1\nlink del up0" })).toBe("refused");
  expect(check({ hostname: "a b" })).toBe("refused");
  expect(checkAssignment({ kind: "folder", key: "folder/fs-1", path: "efs/../agent" }).type).toBe("refused");
  expect(checkAssignment({ kind: "__proto__", key: "x" }).type).toBe("refused");
});

/** Programs that succeed, except that nft refuses every ruleset while `broken` is set. */
function fakeNft() {
  const state = { broken: false, rules: "" };
  const programs: Programs = {
    run: async (commands: readonly Command[]) => {
      for (const { arguments: words, input = "" } of commands) {
        if (!words.includes("nft")) continue;
        if (state.broken && input !== CLOSED_RULES) throw new Error("nft refused the rules");
        state.rules = input;
      }
      return commands.map(() => "");
    },
  };
  return { state, programs };
}

it("closes a VPC whose rules could not be applied, reports it, and opens it again", async () => {
  const { state, programs } = fakeNft();
  const reports: FirewallState[] = [];
  const routers = new VpcRouters({
    engine: new FakeEngine(new VirtualClock(), [PAUSE_IMAGE]),
    programs,
    naming: namingOf("test"),
    log: silentLogger,
    report: (report) => void reports.push(report),
    beforeRules: async () => {},
    joined: () => {},
  });
  const vpc: VpcAssignment = vpcWith([rule({ fromPort: 80, toPort: 80 })]);
  await routers.ensure(vpc, []);
  state.broken = true;
  // Before: the rules that allowed port 80 stayed in effect after they had been revoked.
  await expect(routers.ensure(vpcWith([]), [])).rejects.toThrow("nft refused the rules");
  expect(state.rules).toBe(CLOSED_RULES);
  expect(reports.at(-1)).toMatchObject({
    closed: true,
    problems: [expect.stringContaining("The VPC is closed")],
  });
  state.broken = false;
  await routers.ensure(vpcWith([]), ["A rule is left out."]);
  expect(state.rules).not.toBe(CLOSED_RULES);
  expect(reports.at(-1)).toEqual({ vpcId: vpc.vpcId, closed: false, problems: ["A rule is left out."] });
  await routers.refuse(vpc.vpcId, "subnets is not a list");
  expect(state.rules).toBe(CLOSED_RULES);
});
