import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkVpc } from "@gantry/agent/checks/check-vpc";
import { renderRouterRules } from "@gantry/agent/network/ruleset";
import type { VpcAssignment } from "@gantry/agent-protocol";
import { ensureAgentImage } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { run } from "@gantry/cli/run";
import { ensureInstance } from "@gantry/control-plane";
import { SystemClock } from "@gantry/kernel";
import { expect } from "vitest";

export const TRANSIT = { hostAddress: "100.64.0.1", routerAddress: "100.64.0.2" };

type Exec = (script: string, input?: string) => Promise<{ code: number; said: string }>;

/** A container with the agent's image, in which scripts run as root of its network. */
export interface NetworkContainer {
  readonly exec: Exec;
  readonly close: () => Promise<void>;
}

/** A container that is a VPC's router, with a network namespace for each host behind it. */
export interface RouterWithHosts extends NetworkContainer {
  /**
   * Applies the rules that the agent renders, but for what pins ports of a bridge, and those of a reverse
   * path.
   */
  readonly apply: (assignment: VpcAssignment) => Promise<void>;
  /** Whether a connection to the port gets through, by what its server answers. */
  readonly reaches: (from: string, to: string, port: number) => Promise<boolean>;
}

/** Starts a container. `port` names the instance of the test. */
export async function openContainer(port: number): Promise<NetworkContainer> {
  const clock = new SystemClock();
  const deps = { clock, progress: new Progress(clock, () => {}) };
  const folder = mkdtempSync(join(tmpdir(), "gantry-router-"));
  const image = await ensureAgentImage(deps, ensureInstance(folder, port));
  const started = await run("docker", [
    ...["run", "-d", "--rm", "--network", "none", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_ADMIN"],
    ...["--security-opt", "apparmor=unconfined", "--security-opt", "seccomp=unconfined"],
    ...["--sysctl", "net.ipv4.ip_forward=1", "--entrypoint", "/usr/bin/busybox", image, "sleep", "600"],
  ]);
  const container = started.trim();
  return {
    close: async () => void (await run("docker", ["rm", "-f", container])),
    exec: (script, input = "") =>
      new Promise((resolve, reject) => {
        const child = spawn("docker", ["exec", "-i", container, "/usr/bin/busybox", "sh", "-c", script]);
        let said = "";
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (chunk: Buffer) => (said += chunk));
        child.on("error", reject);
        child.on("close", (code) => resolve({ code: code ?? 1, said }));
        child.stdin.end(input);
      }),
  };
}

/** Whether a connection from one host to a port of another gets through, by what its server answers. */
export async function connects(
  exec: Exec,
  { from, to, address, port }: { from: string; to: string; address: string; port: number },
): Promise<boolean> {
  const listen =
    `/usr/bin/nsenter -t $(cat /tmp/${to}) -n /usr/bin/busybox nc -l -p ${port} -e /usr/bin/busybox echo ` +
    "yes";
  const ask =
    `/usr/bin/nsenter -t $(cat /tmp/${from}) -n /usr/bin/busybox timeout 1 /usr/bin/busybox nc ` +
    `${address} ${port} </dev/null`;
  const { said } = await exec(
    `${listen} >/dev/null 2>&1 & server=$!; sleep 0.2; ${ask}; kill $server 2>/dev/null; true`,
  );
  return said.includes("yes");
}

/** Starts a router with hosts by name and address. */
export async function openRouter(
  hosts: Readonly<Record<string, string>>,
  port: number,
): Promise<RouterWithHosts> {
  const { exec, close } = await openContainer(port);
  expect(await exec(wiring(hosts))).toEqual({ code: 0, said: "" });
  return {
    exec,
    close,
    async apply(assignment) {
      const checked = checkVpc(assignment);
      if (typeof checked === "string") throw new Error(checked);
      const rules = renderRouterRules(checked.vpc, TRANSIT, "10.0.0.2").replaceAll(
        /.*iifname .*10\.0\.0\.0\/16 drop\n/g,
        "",
      );
      const applied = await exec("/usr/sbin/nft flush ruleset; /usr/sbin/nft -f -", rules);
      expect(applied).toMatchObject({ code: 0, said: "" });
    },
    reaches: (from, to, number) => connects(exec, { from, to, address: hosts[to] ?? "", port: number }),
  };
}

/**
 * The script that gives each host a namespace and a link to the router, in whose namespace `inRouter` runs a
 * command.
 */
export function wiring(
  hosts: Readonly<Record<string, string>>,
  inRouter: (command: string) => string = (command) => command,
): string {
  const gateways = [...new Set(Object.values(hosts).map((ip) => ip.replace(/\d+$/, "1")))];
  const lines = Object.entries(hosts).flatMap(([name, ip]) => {
    const gateway = ip.replace(/\d+$/, "1");
    const inside = (command: string) => `/usr/bin/nsenter -t $pid_${name} -n ${command}`;
    return [
      `/usr/bin/unshare -n /usr/bin/busybox sleep 600 >/dev/null 2>&1 & pid_${name}=$!`,
      "sleep 0.3",
      inRouter(`/usr/sbin/ip link add v${name} type veth peer name eth0 netns $pid_${name}`),
      inRouter(`/usr/sbin/ip link set v${name} up`),
      inRouter(`/usr/sbin/ip route add ${ip}/32 dev v${name}`),
      inside("/usr/sbin/ip link set lo up"),
      inside(`/usr/sbin/ip address add ${ip}/32 dev eth0`),
      inside("/usr/sbin/ip link set eth0 up"),
      inside(`/usr/sbin/ip route add ${gateway} dev eth0`),
      inside(`/usr/sbin/ip route add default via ${gateway} dev eth0`),
      `echo $pid_${name} > /tmp/${name}`,
    ];
  });
  return [
    "set -e",
    inRouter("/usr/sbin/ip link add br0 type bridge"),
    inRouter("/usr/sbin/ip link set br0 up"),
    ...gateways.map((gateway) => inRouter(`/usr/sbin/ip address add ${gateway}/32 dev br0`)),
    ...lines,
  ].join("\n");
}
