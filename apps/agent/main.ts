import { cpus, hostname, totalmem } from "node:os";
import { flushCompileCache } from "node:module";
import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import {
  Agent,
  AgentSession,
  DockerEngine,
  linuxHost,
  namingOf,
  PersistentShells,
  removeHostRules,
} from "@gantry/agent";
import { MessageReader, writeMessage, type ToAgent } from "@gantry/agent-protocol";
import { http, jsonLogger, messageOf, sleep, SystemClock } from "@gantry/kernel";

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;

if (process.argv[2] === "--compile") {
  flushCompileCache();
  process.exit(0);
}

// The node agent. Reads its settings from the environment that `gantry up` gives it; see apps/cli/start-agent.ts.
const clock = new SystemClock();
const log = jsonLogger({
  clock,
  write: (line) => process.stdout.write(line),
  level: process.env["GANTRY_LOG_LEVEL"] === "debug" ? "debug" : "info",
});
const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: start the agent with "gantry up".`);
  return value;
};
const naming = namingOf(setting("GANTRY_INSTANCE"));
const shell = new PersistentShells();

if (process.argv[2] === "remove-host-rules") {
  await removeHostRules(shell, naming);
  process.exit(0);
}

const engine = new DockerEngine({ socketPath: "/var/run/docker.sock", clock, log });
const host = linuxHost({
  engine,
  shell,
  naming,
  clock,
  log,
  dataFolder: "/data",
  dataPath: setting("GANTRY_DATA_PATH"),
  image: setting("GANTRY_AGENT_IMAGE"),
  rootsFile: "/etc/ssl/certs/ca-certificates.crt",
});
const agent = new Agent({ engine, shell, naming, clock, log, host });
await agent.start();
process.on("SIGTERM", () => process.exit(0));
await stayConnected();

/** One connection to the control plane, made again whenever it breaks; the node goes on meanwhile. */
async function stayConnected(): Promise<never> {
  let retryMs = RETRY_FIRST_MS;
  for (;;) {
    try {
      const socket = await openStream();
      retryMs = RETRY_FIRST_MS;
      await converse(socket);
    } catch (thrown) {
      log.debug("The control plane is away", { reason: messageOf(thrown) });
    }
    await sleep(clock, retryMs);
    retryMs = Math.min(RETRY_MAX_MS, retryMs * 2);
  }
}

function openStream(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const call = http.request(`${setting("GANTRY_CONTROL_PLANE")}/gantry/agent`, {
      headers: {
        connection: "upgrade",
        upgrade: "gantry-agent",
        authorization: `Bearer ${setting("GANTRY_AGENT_TOKEN")}`,
      },
    });
    call.once("upgrade", (_response, socket) => resolve(socket)); // An HTTP upgrade hands over the connection itself.
    call.once("response", (response) =>
      reject(new Error(`The control plane refused the agent with ${response.statusCode}.`)),
    );
    call.once("error", reject);
    call.end();
  });
}

async function converse(socket: Socket): Promise<void> {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 5_000);
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
      pid: process.pid,
    },
    send: (envelope) => void socket.write(writeMessage(envelope)),
  });
  const reader = new MessageReader<ToAgent>((envelope) => session.receive(envelope));
  log.info("Connected to the control plane");
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) reader.push(decoder.write(chunk)); // No encoding is set, so chunks are buffers.
  } finally {
    session.close();
  }
}
