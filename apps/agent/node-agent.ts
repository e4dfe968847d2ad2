import { cpus, hostname, totalmem } from "node:os";
import { StringDecoder } from "node:string_decoder";
import type { TLSSocket } from "node:tls";
import {
  Agent,
  AgentSession,
  DockerEngine,
  linuxHost,
  namingOf,
  PersistentPrograms,
  removeHostTraces,
  type Hello,
  type Naming,
} from "@gantry/agent";
import {
  MessageReader,
  writeMessage,
  type AgentBound,
  type LinkToAgent,
  type ToAgent,
} from "@gantry/agent-protocol";
import { jsonLogger, messageOf, sleep, SystemClock, type Clock, type Logger } from "@gantry/kernel";
import { connectLink, readCredentials } from "./link.ts";

const RETRY_FIRST_MS = 50;
/** A control plane that restarts is found again within this time; an attempt that is refused costs next to nothing. */
const RETRY_MAX_MS = 100;
/** Where the data volume is mounted. */
const DATA_FOLDER = "/data";
/** This node's certificate and key, and the authority that signs the control plane's. */
const LINK_FILE = "/run/gantry/link.json";

/**
 * Runs the node agent: as a service, or to remove what the instance changed on the host ("remove-host-rules").
 * `gantry up` (apps/cli/platform.ts) gives it settings in its environment and secrets in a mounted file.
 */
export async function runNodeAgent(command: string | undefined): Promise<void> {
  const clock = new SystemClock();
  const log = jsonLogger({
    clock,
    write: (line) => process.stdout.write(line),
    level: process.env["GANTRY_LOG_LEVEL"] === "debug" ? "debug" : "info",
  });
  const naming = namingOf(setting("GANTRY_INSTANCE"));
  const programs = new PersistentPrograms(clock);
  if (command === "remove-host-rules") return removeRules(programs, naming);
  const engine = new DockerEngine({ socketPath: setting("GANTRY_ENGINE_SOCKET"), clock, log });
  const host = linuxHost({
    engine,
    programs,
    naming,
    clock,
    log,
    dataFolder: DATA_FOLDER,
    dataPath: setting("GANTRY_DATA_PATH"),
    image: setting("GANTRY_AGENT_IMAGE"),
    rootsFile: "/etc/ssl/certs/ca-certificates.crt",
    memoryKeys: () => readCredentials(LINK_FILE).memoryKeys.map((key) => Buffer.from(key, "hex")),
  });
  const agent = new Agent({ engine, programs, naming, clock, log, host });
  process.on("SIGTERM", () => process.exit(0));
  // A failure to start ends the process, which is then started again.
  await Promise.all([agent.start(), stayConnected({ agent, naming, clock, log })]);
}

interface Running {
  readonly agent: Agent;
  readonly naming: Naming;
  readonly clock: Clock;
  readonly log: Logger;
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: start the agent with "gantry up".`);
  return value;
}

async function removeRules(programs: PersistentPrograms, naming: Naming): Promise<never> {
  try {
    await removeHostTraces(programs, naming, DATA_FOLDER);
    process.exit(0);
  } catch (thrown) {
    process.stderr.write(`${messageOf(thrown)}\n`);
    process.exit(1);
  }
}

/** Keeps a connection to the control plane; the node goes on while there is none. */
async function stayConnected(running: Running): Promise<never> {
  const { naming, clock, log } = running;
  let retryMs = RETRY_FIRST_MS;
  let lastProblem = "";
  for (;;) {
    try {
      const socket = await connectLink({
        host: setting("GANTRY_LINK_HOST"),
        port: Number(setting("GANTRY_LINK_PORT")),
        instance: naming.instance,
        credentialsFile: LINK_FILE,
      });
      await converse(running, socket, () => {
        retryMs = RETRY_FIRST_MS;
        lastProblem = "";
        log.info("Connected to the control plane");
      });
    } catch (thrown) {
      const reason = messageOf(thrown);
      // The same problem again and again is said once.
      if (reason !== lastProblem) log.warn("There is no connection to the control plane", { reason });
      lastProblem = reason;
    }
    await sleep(clock, retryMs);
    retryMs = Math.min(RETRY_MAX_MS, retryMs * 2);
  }
}

/**
 * One session, from hello to its end. `onAdmitted` is called with the control plane's first message that is
 * not a refusal.
 */
async function converse({ agent, clock }: Running, socket: TLSSocket, onAdmitted: () => void): Promise<void> {
  const decoder = new StringDecoder("utf8");
  const session = new AgentSession({
    agent,
    clock,
    hello: {
      type: "hello",
      nodeId: setting("GANTRY_NODE"),
      hostname: hostname(),
      cpu: cpus().length * 1024,
      memoryMiB: Math.floor(totalmem() / 1024 / 1024),
      ...placeOfNode(),
      ...architecture(),
      pid: process.pid,
    },
    send: (envelope) => void socket.write(writeMessage(envelope)),
  });
  let isAdmitted = false;
  const receive = ({ sequence, message }: AgentBound): void => {
    if (message.type === "refused")
      throw new Error(`The control plane refused this agent: ${message.reason}`);
    if (!isAdmitted) onAdmitted();
    isAdmitted = true;
    if (message.type === "ping") socket.write(writeMessage({ sequence: 0, message: { type: "pong" } }));
    else session.receive({ sequence, message });
  };
  const reader = new MessageReader<ToAgent | LinkToAgent>(receive);
  try {
    // No encoding is set, so chunks are buffers.
    for await (const chunk of socket as AsyncIterable<Buffer>) reader.push(decoder.write(chunk));
  } finally {
    session.close();
    socket.destroy();
  }
}

/** The architecture by the name that ECS has for it. */
function architecture(): Pick<Hello, "architecture"> {
  if (process.arch === "x64") return { architecture: "x86_64" };
  return process.arch === "arm64" ? { architecture: "arm64" } : {};
}

/** The node's zone, and its labels (`NAME=VALUE`, separated by commas), where its environment names them. */
function placeOfNode(): Pick<Hello, "zone" | "labels"> {
  const { GANTRY_NODE_ZONE: zone, GANTRY_NODE_LABELS: labels } = process.env;
  const pairs = (labels ?? "").split(",").flatMap((pair) => {
    const [name = "", ...value] = pair.split("=");
    return name === "" ? [] : [[name, value.join("=")] as const];
  });
  return {
    ...(zone === undefined || zone === "" ? {} : { zone }),
    ...(pairs.length === 0 ? {} : { labels: Object.fromEntries(pairs) }),
  };
}
