import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DockerEngine } from "@gantry/agent";
import { Proxy, type ProxyDeps } from "@gantry/agent/haproxy/proxy";
import { namingOf } from "@gantry/agent/naming";
import type { BalancersAssignment } from "@gantry/agent-protocol";
import { ensureAgentImage } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { ensureInstance } from "@gantry/control-plane";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { expect, vi } from "vitest";

const clock = new SystemClock();
const engine = new DockerEngine({ socketPath: "/var/run/docker.sock", clock, log: silentLogger });
/** The VPC of the assignments: the network of this machine takes the place of its router's. */
const ROUTER = {
  vpcId: "vpc-1",
  pid: process.pid,
  transit: { hostAddress: "127.0.0.1", routerAddress: "127.0.0.1" },
  resolver: "127.0.0.1",
};

/** The agent's proxy on the network of this machine, in a container of its own, without an agent. */
export async function openLiveProxy(more: Pick<ProxyDeps, "askIssuer"> = {}) {
  const dataFolder = mkdtempSync(join(tmpdir(), "gantry-live-proxy-"));
  const folder = join(dataFolder, "haproxy");
  mkdirSync(join(dataFolder, "netns"), { recursive: true });
  mkdirSync(folder);
  const settings = ensureInstance(join(dataFolder, "instance"), 20_566);
  const image = await ensureAgentImage({ clock, progress: new Progress(clock, () => {}) }, settings);
  const naming = namingOf(`live-${settings.instance}`);
  const ports = new Map<string, number>();
  const proxy = new Proxy({
    ...{ engine, naming, clock, log: silentLogger, image, folder, dataFolder, dataPath: dataFolder },
    ids: randomIds(),
    ports: { get: (key) => ports.get(key), set: (key, port) => ports.set(key, port) },
    // The check runs HAProxy on the machine itself, which need not have one.
    runCheck: () => Promise.resolve(undefined),
    ...more,
  });
  return {
    proxy,
    folder,
    container: naming.proxy(),
    /** Tries again where a busy machine keeps the proxy from a configuration for too long, as the agent does. */
    apply: (assignment: BalancersAssignment): Promise<void> =>
      vi.waitFor(() => proxy.apply(assignment, [ROUTER]), { timeout: 60_000, interval: 200 }),
    /** The host port of a listener, as it is reported. */
    hostPort: (arn: string, port: number): Promise<number> =>
      vi.waitFor(async () => (await proxy.observe())?.hostPorts[arn]?.[port] ?? expect.fail(), 60_000),
    async close(): Promise<void> {
      await engine.removeContainer(naming.proxy());
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

/** A web server in a process of its own that answers 200 within some milliseconds. */
const TARGET = `
const server = require("node:http").createServer((request, response) => setTimeout(() => response.end("ok"), 3));
server.keepAliveTimeout = 60_000;
server.listen(0, "0.0.0.0", () => console.log(server.address().port));
`;

/** Clients, half of them with keep-alive, that ask until their input ends; prints how often, and what failed. */
const CLIENTS = `
const { Agent, request } = require("node:http");
const [port, count] = process.argv.slice(1).map(Number);
let going = true, total = 0;
const failures = [];
process.stdin.on("data", () => {}).on("end", () => (going = false));
const ask = (agent) => new Promise((resolve) => {
  const call = request({ host: "127.0.0.1", port, agent, path: "/" }, (response) => {
    response.resume();
    response.on("end", () => resolve(response.statusCode === 200 ? undefined : String(response.statusCode)));
  });
  call.on("error", (error) => resolve(error.message));
  call.end();
});
Promise.all(Array.from({ length: count }, async (_, index) => {
  const agent = new Agent(index % 2 === 0 ? { keepAlive: true, maxSockets: 1 } : { keepAlive: false });
  while (going) {
    const failure = await ask(agent);
    total += 1;
    if (failure !== undefined) failures.push(failure);
  }
  agent.destroy();
})).then(() => console.log(JSON.stringify({ total, failures })));
`;

function runScript(script: string, ...parameters: readonly string[]): ChildProcess {
  return spawn(process.execPath, ["-e", script, ...parameters], { stdio: ["pipe", "pipe", "inherit"] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("The output of the process is piped.");
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error("The process ended without a line.");
}

/** Starts a target; `port` is where it listens. */
export async function startTarget() {
  const child = runScript(TARGET);
  return { port: Number(await firstLine(child)), close: () => child.kill() };
}

/** Starts clients of a host port, in a process of their own. */
export function startClients(port: number, count: number) {
  const child = runScript(CLIENTS, String(port), String(count));
  const line = firstLine(child);
  return {
    async stop(): Promise<{ total: number; failures: readonly string[] }> {
      child.stdin?.end();
      return JSON.parse(await line) as { total: number; failures: string[] }; // The script's own line.
    },
  };
}
