import { spawn, type ChildProcess } from "node:child_process";
import { AttachedInterfaces } from "@gantry/agent/network/attached-interfaces";
import { inNamespace, PersistentPrograms, type Command } from "@gantry/agent/network/programs";
import type { AttachedInterface, PodAssignment } from "@gantry/agent-protocol";
import { SystemClock } from "@gantry/kernel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, run } from "../e2e/helpers.ts";

// The further interfaces of an instance on this machine's kernel: a namespace for the router, one for the instance.
const programs = new PersistentPrograms(new SystemClock());
const processes: ChildProcess[] = [];
const place = { routerPid: 0, pausePid: 0 };

async function newNamespace(): Promise<number> {
  const child = spawn("unshare", ["-n", "sleep", "600"], { stdio: "ignore" });
  processes.push(child);
  const pid = child.pid ?? 0;
  const own = await run("readlink", ["/proc/self/ns/net"]);
  await eventually(async () => expect(await run("readlink", [`/proc/${pid}/ns/net`])).not.toBe(own));
  return pid;
}

const inside = (pid: number, program: Command["program"], ...words: readonly string[]) =>
  programs.run([inNamespace(pid, { program, arguments: words })]).then(([said = ""]) => said);

beforeAll(async () => {
  place.routerPid = await newNamespace();
  place.pausePid = await newNamespace();
  const { routerPid } = place;
  await inside(routerPid, "ip", "link", "add", "br0", "address", "02:00:00:00:00:01", "type", "bridge");
  await inside(routerPid, "ip", "link", "set", "br0", "up");
  for (const gateway of ["10.0.1.1/24", "10.0.2.1/24"])
    await inside(routerPid, "ip", "address", "add", gateway, "dev", "br0");
});

afterAll(() => {
  programs.close();
  processes.forEach((each) => each.kill("SIGKILL"));
});

const second: AttachedInterface = {
  ...{ id: "eni-00000000000000002", vpcId: "vpc-1", ip: "10.0.2.20", mac: "02:00:00:00:00:02" },
  ...{ gateway: "10.0.2.1", subnet: "10.0.2.0/24", index: 1 },
};
const third: AttachedInterface = {
  ...{ id: "eni-00000000000000003", vpcId: "vpc-1", ip: "10.0.1.30", mac: "02:00:00:00:00:03" },
  ...{ gateway: "10.0.1.1", subnet: "10.0.1.0/24", index: 3 },
};
const podWith = (...attachedInterfaces: AttachedInterface[]) =>
  // What is read of a pod.
  ({ key: "pod/i-1", interface: { gateway: "10.0.1.1" }, attachedInterfaces }) as unknown as PodAssignment;
/** Whether the router is reached from an address: it refuses connections to a port without a server. */
const isReached = async (from: string, to: string): Promise<boolean> => {
  const ask = ["curl", "-s", "-S", "-m", "3", "--interface", from, `http://${to}:9/`];
  const failed = await run("nsenter", ["-t", String(place.pausePid), "-n", ...ask]).catch(String);
  return /refused|Failed to connect to \S+ port 9 after \d{1,2} ms/.test(failed);
};
const state = async () => ({
  links: (await inside(place.pausePid, "ip", "-br", "link", "show")).match(/eth\d+/g) ?? [],
  rules: (await inside(place.pausePid, "ip", "-4", "rule", "show")).match(/from 10\S+ lookup \d+/g) ?? [],
  ports: (await inside(place.routerPid, "ip", "-br", "link", "show", "master", "br0")).split("\n").length - 1,
  neighbours:
    (await inside(place.routerPid, "ip", "neigh", "show", "nud", "permanent"))
      .match(/^10\S+/gm)
      ?.toSorted() ?? [],
});

describe("further interfaces", () => {
  it("have names, routes and rules of their own, and answer the router from their own address", async () => {
    const agent = new AttachedInterfaces(programs);
    await agent.apply(podWith(second, third), place);
    expect(await state()).toEqual({
      links: expect.arrayContaining(["eth1", "eth3"]),
      rules: ["from 10.0.2.20 lookup 10001", "from 10.0.1.30 lookup 10003"],
      ports: 2,
      neighbours: ["10.0.1.30", "10.0.2.20"],
    });
    for (const [from, to] of [
      ["10.0.2.20", "10.0.2.1"],
      ["10.0.2.20", "10.0.1.1"],
      ["10.0.1.30", "10.0.1.1"],
    ] as const)
      expect(await isReached(from, to)).toBe(true);
    const leads = await inside(place.pausePid, "ip", "route", "get", "10.0.2.99");
    expect(leads).toMatch(/via 10\.0\.2\.1 dev eth1 src 10\.0\.2\.20/);
    const own = await inside(place.pausePid, "ip", "route", "get", "10.0.2.99", "from", "10.0.1.30");
    expect(own).toContain("via 10.0.1.1 dev eth3");
  });

  it("are adopted by a new agent, which adds what an earlier one left out", async () => {
    const before = await state();
    await inside(place.pausePid, "ip", "rule", "del", "from", "10.0.2.20", "table", "10001");
    await inside(place.pausePid, "ip", "route", "flush", "table", "10001");
    const agent = new AttachedInterfaces(programs);
    await agent.apply(podWith(second, third), place);
    const after = await state();
    expect({ ...after, rules: after.rules.toSorted() }).toEqual({
      ...before,
      rules: before.rules.toSorted(),
    });
    expect(await isReached("10.0.2.20", "10.0.1.1")).toBe(true);
  });

  it("leave nothing when they are detached, also by an agent that did not attach them", async () => {
    const agent = new AttachedInterfaces(programs);
    await agent.apply(podWith(third), place);
    expect(await state()).toMatchObject({ links: ["eth3"], ports: 1, neighbours: ["10.0.1.30"] });
    // The same index has another interface now.
    await agent.apply(podWith({ ...second, index: 3 }), place);
    expect(await state()).toEqual({
      ...{ links: ["eth3"], rules: ["from 10.0.2.20 lookup 10003"], ports: 1, neighbours: ["10.0.2.20"] },
    });
    await new AttachedInterfaces(programs).apply(podWith(), place);
    expect(await state()).toEqual({ links: [], rules: [], ports: 0, neighbours: [] });
  });

  it("move to another instance together with their address", async () => {
    const other = { ...place, pausePid: await newNamespace() };
    await new AttachedInterfaces(programs).apply(podWith(second), place);
    await new AttachedInterfaces(programs).apply({ ...podWith(second), key: "pod/i-2" }, other);
    expect(await state()).toMatchObject({ links: [], ports: 1, neighbours: ["10.0.2.20"] });
    const agent = new AttachedInterfaces(programs);
    await agent.remove(podWith(second), place.routerPid);
    expect((await state()).neighbours).toEqual([]);
  });
});
