import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { openDemo } from "../e2e/demo.ts";
import { eventually, routerPid, run } from "../e2e/helpers.ts";
import { arpReply, fragmentsOf, ipv6Frame, sourceRoute, udpFrame } from "./frames.ts";
import { openVpcs, type Sleeper } from "./vpcs.ts";

const SOCKET = join(import.meta.dirname, "raw-socket.py");
const BROADCAST = "ff:ff:ff:ff:ff:ff";
const vpcs = openVpcs(openDemo(inject("demo")));
let vpc: Awaited<ReturnType<typeof vpcs.newVpc>>;
let [server, friend, attacker, mute]: Sleeper[] = [];
let gatewayMac = "";

/** The four of them: a server that admits `friend` alone, and two attackers, one without any egress rule. */
beforeAll(async () => {
  vpc = await vpcs.newVpc("10.79");
  const friends = await vpcs.newGroup(vpc.vpcId, { name: "friends" });
  const strangers = await vpcs.newGroup(vpc.vpcId, { name: "strangers" });
  const silent = await vpcs.newGroup(vpc.vpcId, { name: "silent", egress: false });
  const servers = await vpcs.newGroup(vpc.vpcId, {
    name: "servers",
    ingress: [{ IpProtocol: "udp", FromPort: 9, ToPort: 9, UserIdGroupPairs: [{ GroupId: friends }] }],
  });
  [server, friend, attacker, mute] = await Promise.all(
    [servers, friends, strangers, silent].map((group) => vpcs.startSleeper(vpc.subnetId, group)),
  );
  const router = await routerPid(vpc.vpcId);
  gatewayMac = /ether ([0-9a-f:]{17})/.exec(await inside(router, "ip", "link", "show", "br0"))?.[1] ?? "";
});
afterAll(() => vpcs.close());

function inside(pid: string, ...command: readonly string[]): Promise<string> {
  return run("nsenter", ["-t", pid, "-n", ...command]);
}

/** Sends frames from a task's interface, as a process with NET_RAW in its namespace does. */
function send(from: Sleeper | undefined, ...frames: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("nsenter", ["-t", from?.pid ?? "", "-n", "python3", SOCKET, "send", "eth0"], {
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.on("error", reject);
    child.on("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`The sender ended with ${code}.`)),
    );
    child.stdin.end(frames.map((frame) => `${frame}\n`).join(""));
  });
}

/**
 * The markers of the frames that arrive at a task's interface while the attack runs. `control` sends a frame that is
 * admitted: it is repeated until it arrives, so that the frames before it have been handled; without one, the interface
 * is watched for three seconds.
 */
async function markersAt(
  task: Sleeper | undefined,
  attack: () => Promise<void>,
  control?: { send: () => Promise<void>; marker: string },
): Promise<readonly string[]> {
  const seconds = control === undefined ? 3 : 90;
  const inside = ["-t", task?.pid ?? "", "-n", "python3", SOCKET, "receive", "eth0", String(seconds)];
  const child = spawn("nsenter", inside);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  await eventually(async () => expect(output).toContain("ready"));
  await attack();
  if (control !== undefined) {
    await eventually(async () => {
      await control.send();
      expect(output).toContain(control.marker);
    });
    child.kill();
  }
  await ended;
  return [...new Set(output.split("\n").filter((line) => line.startsWith("attack-")))];
}

/** From `from`'s interface to the server by way of the gateway, as the task itself would send it. */
function ends(from: Sleeper | undefined, to: Sleeper | undefined = server) {
  return { fromMac: from?.mac ?? "", toMac: gatewayMac, from: from?.ip ?? "", to: to?.ip ?? "" };
}

it("admits a task's own frames, and none with another's MAC or address", async () => {
  // Before: the router knew senders by address alone, and "attack-address" and "attack-both" arrived at the server.
  const both = ends(friend);
  const attack = () =>
    send(
      attacker,
      udpFrame(ends(attacker), "attack-stranger"),
      udpFrame({ ...ends(attacker), from: friend?.ip ?? "" }, "attack-address"),
      udpFrame(both, "attack-both"),
      udpFrame({ ...both, toMac: server?.mac ?? "" }, "attack-direct"),
      udpFrame(both, "attack-tagged", { tag: "81000001" }),
      udpFrame({ ...both, toMac: "01:80:c2:00:00:0e" }, "attack-reserved"),
      udpFrame({ ...both, from: vpc.gateway }, "attack-gateway"),
    );
  const found = await markersAt(server, attack, {
    marker: "attack-none",
    send: () => send(friend, udpFrame(ends(friend), "attack-none")),
  });
  expect(found).toEqual(["attack-none"]);
});

// These held: ports of the bridge are isolated, fragments are put together before rules see them, and a
// packet that names its own way is dropped.
it("cannot be bypassed by frames to neighbours, fragments, source routes or missing addresses", async () => {
  const own = ends(attacker);
  const [first = "", second = ""] = fragmentsOf(own, "attack-fragment");
  const attack = () =>
    send(
      attacker,
      udpFrame({ ...own, toMac: server?.mac ?? "" }, "attack-neighbour"),
      udpFrame({ ...own, toMac: BROADCAST }, "attack-broadcast"),
      ...[first, second, second, first],
      udpFrame({ ...own, to: vpc.gateway }, "attack-routed", { options: sourceRoute(server?.ip ?? "") }),
      udpFrame({ ...own, from: "0.0.0.0" }, "attack-nobody"),
      udpFrame({ ...own, from: "0.0.0.0", to: "255.255.255.255", toMac: BROADCAST }, "attack-dhcp"),
    );
  // A datagram that is admitted arrives, in fragments too.
  const found = await markersAt(server, attack, {
    marker: "attack-none",
    send: () => send(friend, ...fragmentsOf(ends(friend), "attack-none")),
  });
  expect(found).toEqual(["attack-none"]);
});

it("lets a task without egress rules send nothing, whatever source address it uses", async () => {
  // Before: a source outside the VPC skipped the egress rules, and "attack-foreign" arrived at the friend.
  const open = await vpcs.newGroup(vpc.vpcId, {
    name: "open",
    ingress: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
  });
  const target = await vpcs.startSleeper(vpc.subnetId, open);
  const attack = () =>
    send(
      mute,
      udpFrame(ends(mute, target), "attack-own"),
      udpFrame({ ...ends(mute, target), from: "203.0.113.9" }, "attack-foreign"),
      udpFrame({ ...ends(mute, target), from: friend?.ip ?? "" }, "attack-neighbour"),
    );
  const found = await markersAt(target, attack, {
    marker: "attack-none",
    send: () => send(friend, udpFrame(ends(friend, target), "attack-none")),
  });
  expect(found).toEqual(["attack-none"]);
});

it("keeps delivering to a task whose MAC and address another claims", async () => {
  // Before: the bridge learned the stolen MAC, and "attack-reply" arrived at the attacker.
  const claim = { senderMac: attacker?.mac ?? "", senderIp: friend?.ip ?? "", targetIp: vpc.gateway };
  const reply = async () => {
    await send(
      attacker,
      udpFrame({ ...ends(friend), toMac: BROADCAST }, "attack-claim"),
      udpFrame({ ...ends(friend), toMac: "01:80:c2:00:00:0e" }, "attack-claim"),
      arpReply({ fromMac: attacker?.mac ?? "", toMac: gatewayMac, ...claim }),
      arpReply({ fromMac: friend?.mac ?? "", toMac: BROADCAST, ...claim, senderMac: friend?.mac ?? "" }),
      arpReply({ fromMac: attacker?.mac ?? "", toMac: BROADCAST, ...claim, senderIp: vpc.gateway }),
    );
    await send(server, udpFrame(ends(server, friend), "attack-reply"));
  };
  // The friend admits nobody: the answer to a datagram of its own comes back.
  const greet = () => send(friend, udpFrame({ ...ends(friend) }, "attack-none"));
  const back = { ...ends(server, friend) };
  const answer = () => send(server, udpFrame(back, "attack-reply").replace("9c400009", "00099c40"));
  const stolen = await markersAt(attacker, async () => {
    await greet();
    await reply();
    await answer();
  });
  expect(stolen).toEqual([]);
  const delivered = await markersAt(friend, reply, {
    marker: "attack-reply",
    send: async () => {
      await greet();
      await answer();
    },
  });
  // Beside it, the server refuses the greeting with an ICMP error that quotes it.
  expect(delivered).toContain("attack-reply");
});

it("carries neither IPv6 nor any other protocol than IPv4 and ARP", async () => {
  // Before: IPv6 frames arrived at the router's bridge, whose rules looked at IPv4 addresses alone.
  const router: Sleeper = { taskArn: "", ip: "", mac: "", pid: await routerPid(vpc.vpcId) };
  const child = spawn("nsenter", ["-t", router.pid, "-n", "python3", SOCKET, "receive", "br0", "90"]);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  await eventually(async () => expect(output).toContain("ready"));
  const own = ends(attacker);
  await send(
    attacker,
    ipv6Frame(own.fromMac, gatewayMac, "attack-six"),
    ipv6Frame(own.fromMac, "33:33:00:00:00:01", "attack-six"),
    udpFrame(own, "attack-experimental", { etherType: "88b5" }),
    udpFrame(own, "attack-vlan", { tag: "81000001" }),
    udpFrame(own, "attack-double", { tag: "88a8000181000002" }),
    udpFrame(own, "attack-none"),
  );
  // Frames arrive in the order in which they are sent.
  await eventually(async () => expect(output).toContain("attack-none"));
  child.kill();
  await ended;
  expect(output.split("\n").filter((line) => line.startsWith("attack-"))).toEqual(["attack-none"]);
});
