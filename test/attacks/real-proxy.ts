import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Acceptance } from "@gantry/agent/haproxy/acceptance";
import { REQUEST_DESCRIPTOR, requestPipe } from "@gantry/agent/haproxy/request-pipe";
import { Weights } from "@gantry/agent/haproxy/weights";
import type { BalancersAssignment } from "@gantry/agent-protocol";
import { ensureAgentImage } from "@gantry/cli/platform";
import { Progress } from "@gantry/cli/progress";
import { run } from "@gantry/cli/run";
import { ensureInstance } from "@gantry/control-plane";
import { silentLogger, SystemClock } from "@gantry/kernel";

export const BALANCER_ADDRESS = "10.0.0.9";
export const TARGET_ADDRESS = "10.0.0.5";

/** Answers `/health` and everything else; says what it was asked, stalls at `/stall`, and echoes on an upgrade. */
const TARGET = `
const { createServer } = require("node:http");
const server = createServer((request, response) => {
  if (request.url === "/stall") return;
  request.resume();
  request.on("end", () => response.end(JSON.stringify({ url: request.url, headers: request.headers })));
});
server.on("upgrade", (request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n");
  socket.on("error", () => {});
  socket.pipe(socket);
});
server.listen(8080, "${TARGET_ADDRESS}");
`;

/** Makes the requests of its argument one after another; each writes raw bytes and tells what came until the end. */
const CLIENT = `
const { connect } = require("node:net");
const one = ({ host, port, text, waitMs }) => new Promise((resolve) => {
  const since = Date.now();
  const socket = connect({ host, port }, () => socket.write(text));
  let said = "";
  const end = (how) => { socket.destroy(); resolve({ said, how, ms: Date.now() - since }); };
  socket.setTimeout(waitMs, () => end("waited"));
  socket.on("data", (chunk) => (said += chunk));
  socket.on("end", () => end("closed"));
  socket.on("error", (error) => end(error.code));
});
(async () => {
  const results = [];
  for (const each of JSON.parse(process.argv[1])) results.push(await one(each));
  console.log(JSON.stringify(results));
})();
`;

export interface RawRequest {
  readonly host?: string;
  readonly port: number;
  readonly text: string;
  readonly waitMs?: number;
}

export interface RawAnswer {
  readonly said: string;
  /** \`closed\` by the other side, \`waited\` in vain for more, or the code of an error. */
  readonly how: string;
  readonly ms: number;
}

/** HAProxy of the agent's image in a container without a network, whose loopback has the addresses of a VPC. */
export async function openRealProxy() {
  const folder = mkdtempSync(join(tmpdir(), "gantry-real-proxy-"));
  mkdirSync(join(folder, "run"));
  writeFileSync(join(folder, "servers.state"), "1\n");
  writeFileSync(join(folder, "target.cjs"), TARGET);
  const deps = { clock: new SystemClock(), progress: new Progress(new SystemClock(), () => {}) };
  const image = await ensureAgentImage(deps, ensureInstance(join(folder, "instance"), 20_566));
  const options = ["--rm", "-d", "--network", "none", "--cap-add", "NET_ADMIN", "-v", `${folder}:${folder}`];
  const id = (
    await run("docker", ["run", ...options, "--entrypoint", "/usr/bin/busybox", image, "sleep", "1000"])
  ).trim();
  const exec = (...command: readonly string[]) => run("docker", ["exec", id, ...command]);
  for (const address of [BALANCER_ADDRESS, TARGET_ADDRESS])
    await exec("ip", "addr", "add", `${address}/32`, "dev", "lo");
  spawn("docker", ["exec", "-d", id, "node", join(folder, "target.cjs")]);
  // As the loop does that starts the proxy.
  const pipe =
    `[ -p ${requestPipe(folder)} ] || busybox mkfifo ${requestPipe(folder)}; exec ` +
    `${REQUEST_DESCRIPTOR}<>${requestPipe(folder)}`;
  let checks = 0;
  const acceptance = new Acceptance({
    clock: new SystemClock(),
    log: silentLogger,
    folder,
    async runCheck(path) {
      checks += 1;
      // The namespaces of VPCs are the node's.
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(/ namespace vpc-[0-9a-z]+/g, ""));
      const said = await exec("sh", "-c", `haproxy -c -f ${path} 2>&1 && echo ACCEPTED || true`);
      return said.includes("ACCEPTED") ? undefined : said;
    },
  });
  const renderOptions = {
    folder,
    namespaces: new Set(["vpc-1"]),
    connectionsMax: 100,
  };
  return {
    folder,
    exec,
    checks: () => checks,
    acceptance,
    /** Accepts the assignment and serves it. Host ports are the listeners' own, plus an offset. */
    async serve(assignment: BalancersAssignment, hostPortOffset = 0): Promise<void> {
      const configuration = await acceptance.accept(assignment, {
        ...renderOptions,
        hostPortOf: (_, listener) => listener.port + hostPortOffset,
      });
      const path = join(folder, "haproxy.cfg");
      writeFileSync(path, configuration.text.replaceAll(/ namespace vpc-[0-9a-z]+/g, ""));
      await exec(
        "sh",
        "-c",
        `kill $(cat ${folder}/pid) 2>/dev/null; sleep 0.2; ${pipe}; haproxy -D -p ${folder}/pid -f ${path}`,
      );
    },
    /** Tells the running proxy the weights of the assignment, which differs from the one served in nothing else. */
    async shift(assignment: BalancersAssignment): Promise<void> {
      const hostPortOf = (_: unknown, listener: { readonly port: number }) => listener.port;
      await new Weights(folder).apply(acceptance.render(assignment, { ...renderOptions, hostPortOf }).files);
    },
    /** Kills the proxy, which starts again with the files that it finds. */
    async restart(): Promise<void> {
      const start = `sleep 0.2; ${pipe}; haproxy -D -p ${folder}/pid -f ${folder}/haproxy.cfg`;
      await exec("sh", "-c", `kill -9 $(cat ${folder}/pid); ${start}`);
    },
    async request(...requests: readonly RawRequest[]): Promise<readonly RawAnswer[]> {
      const given = requests.map((each) => ({ host: "127.0.0.1", waitMs: 8_000, ...each }));
      return JSON.parse(await exec("node", "-e", CLIENT, JSON.stringify(given))) as RawAnswer[]; // The client's own.
    },
    close: () => run("docker", ["rm", "-f", id]),
  };
}

export function get(port: number, path = "/", headers: Readonly<Record<string, string>> = {}): RawRequest {
  const lines = Object.entries({ host: "a.elb.localhost", connection: "close", ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return { port, text: `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n` };
}

export const statusOf = (answer: RawAnswer | undefined): number =>
  Number(/^HTTP\/1\.1 (\d+)/.exec(answer?.said ?? "")?.[1]);
