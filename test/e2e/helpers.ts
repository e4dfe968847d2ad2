import { execFile } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { portsOf, publicPoolOf } from "@gantry/control-plane";

const execute = promisify(execFile);
export const PROJECT = resolve(import.meta.dirname, "../..");

/** Runs a program; answers what it printed. A failure shows both outputs. */
export async function run(
  program: string,
  parameters: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    const { stdout } = await execute(program, [...parameters], {
      cwd: PROJECT,
      env: { ...process.env, ...env },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (thrown) {
    const {
      stdout = "",
      stderr = "",
      message,
    } = thrown as { stdout?: string; stderr?: string; message: string }; // What execFile throws.
    throw new Error(`${message}\n${stdout}\n${stderr}`, { cause: thrown });
  }
}

/** The options of a command line, each before its value. */
export function flagsOf(options: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(options).flatMap(([option, value]) => [`--${option}`, value]);
}

/** An instance of its own, with ports and, in a new state folder, public addresses that no other test has. */
export async function newInstance(folder?: string) {
  return openInstance(folder ?? (await freeInstanceFolder()), await freeInstancePort());
}

/** The process that listens on this port plus the number of a pool of public addresses has the pool. */
const POOL_CLAIMS = 30_000;

async function freeInstanceFolder(): Promise<string> {
  for (;;) {
    const folder = mkdtempSync(join(tmpdir(), "gantry-e2e-"));
    const pool = Number(publicPoolOf(folder).split(".")[2]);
    if ((await listenOn(POOL_CLAIMS + pool)) !== undefined) return folder;
    rmdirSync(folder);
  }
}

const PORT_FIRST = 17_100;
const PORT_BLOCKS = 100;
const PORT_BLOCK = 100;

/** A port of each block that no instance uses: the process that listens on it has the block. */
const CLAIM = 50;

/**
 * A port whose instance (API, TLS, console, registry) finds all its ports free. No other test gets it before
 * this process ends.
 */
export async function freeInstancePort(): Promise<number> {
  for (let attempt = 0; attempt < 10 * PORT_BLOCKS; attempt += 1) {
    const port = PORT_FIRST + Math.floor(Math.random() * PORT_BLOCKS) * PORT_BLOCK;
    const { registryPort, consolePort, tlsPort, linkPort, dnsPort } = portsOf(port);
    const claim = await listenOn(port + CLAIM);
    if (claim === undefined) continue;
    const free = await Promise.all([port, registryPort, consolePort, tlsPort, linkPort, dnsPort].map(isFree));
    if (free.every(Boolean)) return port;
    claim.close();
  }
  throw new Error("No block of free ports for an instance.");
}

async function isFree(port: number): Promise<boolean> {
  const server = await listenOn(port);
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
  return server !== undefined;
}

/** A server on a port of loopback, which does not keep the process; undefined where another listens there. */
function listenOn(port: number): Promise<Server | undefined> {
  const server = createServer().unref();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

export function openInstance(folder: string, port: number) {
  const gantry = (...parameters: readonly string[]) =>
    run(join(PROJECT, "gantry"), [...parameters, "--state-dir", folder], { AWS_REGION: "eu-south-1" });
  return {
    folder,
    port,
    gantry,
    up: (command: "up" | "demo", ...parameters: readonly string[]) =>
      gantry(command, "--port", String(port), ...parameters),
    status: async () => JSON.parse(await gantry("status", "--json")) as Status, // Our own output.
    /** The environment that `gantry env` gives. */
    environment: async () => {
      const text = await gantry("env");
      return Object.fromEntries(
        [...text.matchAll(/^export (\w+)='(.*)'$/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]),
      );
    },
  };
}

export interface Status {
  readonly endpoint: string;
  readonly registry: string;
  readonly credentialsFile: string;
  readonly controlPlane: { readonly pid: number };
  readonly agents: readonly { readonly pid: number; readonly container: string }[];
  readonly loadBalancers: readonly {
    readonly arn: string;
    readonly dnsName: string;
    readonly listeners: readonly { readonly port: number; readonly url: string }[];
  }[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** One request to a load balancer's printed address: names under .localhost are loopback. */
export function get(
  url: string,
  options: {
    agent?: Agent;
    method?: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
    path?: string;
  } = {},
): Promise<Answer> {
  const target = new URL(options.path ?? "", url);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port: target.port || 80,
        path: target.pathname + target.search,
        method: options.method ?? "GET",
        agent: options.agent,
        headers: { host: target.host, ...options.headers },
        timeout: 30_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.on("timeout", () => call.destroy(new Error("No answer within 30 s.")));
    call.end(options.body);
  });
}

/** Clients that ask again and again, with keep-alive and with new connections, until told to stop. */
export function startLoop(url: string, path: string, clients = 4) {
  const failures: string[] = [];
  const going = new AbortController();
  let count = 0;
  const loops = Array.from({ length: clients }, async (_, index) => {
    const agent =
      index % 2 === 0 ? new Agent({ keepAlive: true, maxSockets: 1 }) : new Agent({ keepAlive: false });
    while (!going.signal.aborted) {
      const answer = await get(url, { path, agent }).catch((thrown: Error) => ({
        status: 0,
        headers: {},
        body: thrown.message,
      }));
      count += 1;
      if (answer.status !== 200)
        failures.push(`${new Date().toISOString()} ${answer.status} ${answer.body.slice(0, 100)}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    agent.destroy();
  });
  return {
    stop: async () => {
      going.abort();
      await Promise.all(loops);
      return { count, failures };
    },
  };
}

/** Waits until the check passes; what it last threw is what a failure shows. */
export async function eventually<T>(check: () => Promise<T>, timeoutMs = 120_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown;
      await new Promise((done) => setTimeout(done, 200));
    }
  }
}

/** The pid of a VPC's router on this machine: the way into the VPC. */
export async function routerPid(vpcId: string): Promise<string> {
  const id = (await run("docker", ["ps", "-q", "--filter", `label=gantry.vpc=${vpcId}`])).trim();
  return (await run("docker", ["inspect", "-f", "{{.State.Pid}}", id])).trim();
}

/** Chromium as root, without a display, and without its own calls home. */
export const BROWSER_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
] as const;
