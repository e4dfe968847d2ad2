import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { connectLink } from "@gantry/agent-app/link";
import { LINK_PROTOCOL, writeMessage, type NodeCredentials } from "@gantry/agent-protocol";
import { AgentServer } from "@gantry/control-plane/agent-stream";
import { ensureLink, localNodeId, type Link } from "@gantry/control-plane/link";
import type { NodeConnection } from "@gantry/controllers";
import { jsonLogger, VirtualClock } from "@gantry/kernel";
import type { AuthorityFiles } from "@gantry/tls";

export const INSTANCE = "default";
export const NODE = localNodeId(INSTANCE);
export const DAY_MS = 24 * 60 * 60_000;
export const HELLO = { type: "hello", nodeId: NODE, hostname: "host", cpu: 1, memoryMiB: 1, pid: 1 } as const;

/** A state folder with the link's keys, and what the attacks on the link are made of. */
export async function openLinkWorld(now = Date.now()) {
  const folder = mkdtempSync(join(tmpdir(), "gantry-link-"));
  const link: Link = await ensureLink({ folder, instance: INSTANCE, now });
  const opened: { destroy(): unknown }[] = [];

  /** The control plane's side, with a gateway that writes down what reaches it. */
  async function listen() {
    const clock = new VirtualClock(now);
    const received: unknown[] = [];
    const warnings: { message: string }[] = [];
    const connected = new Set<NodeConnection>();
    const agents = new AgentServer(link, {
      clock,
      gateway: {
        connect: (peer) => void connected.add(peer),
        disconnect: (peer) => void connected.delete(peer),
        receive: (_peer, envelope) => void received.push(envelope.message),
      },
      log: jsonLogger({
        clock,
        level: "warn",
        write: (line) => void warnings.push(JSON.parse(line) as { message: string }), // The logger wrote it.
      }),
    });
    const port = await portOf(agents.server);
    opened.push({ destroy: () => agents.close() });
    return { agents, port, clock, received, warnings, connected };
  }

  async function portOf(server: Server): Promise<number> {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    opened.push({ destroy: () => server.close() });
    return (server.address() as AddressInfo).port; // It listens on a port.
  }

  /**
   * A peer that presents these credentials, says hello, and waits for the end of the connection; answers what
   * it was sent.
   */
  async function attack(port: number, presented: Partial<ConnectionOptions>): Promise<string> {
    const socket = connect({
      port,
      host: "127.0.0.1",
      ALPNProtocols: [LINK_PROTOCOL],
      rejectUnauthorized: false,
      ...presented,
    });
    opened.push(socket);
    socket.on("secureConnect", () => socket.write(writeMessage({ sequence: 1, message: HELLO })));
    return untilClosed(socket);
  }

  const open = async (port: number): Promise<TLSSocket> => {
    const socket = await connectLink({
      host: "127.0.0.1",
      port,
      instance: INSTANCE,
      credentialsFile: join(folder, "node/link.json"),
    });
    opened.push(socket);
    socket.on("error", () => {});
    return socket;
  };

  return {
    folder,
    link,
    opened,
    listen,
    portOf,
    attack,
    open,
    // ensureLink wrote the file.
    credentials: () => JSON.parse(readFileSync(join(folder, "node/link.json"), "utf8")) as NodeCredentials,
    close: () => {
      for (const each of opened.splice(0)) each.destroy();
      rmSync(folder, { recursive: true });
    },
  };
}

export function untilClosed(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString()));
  socket.on("error", () => {});
  return new Promise((done) => socket.on("close", () => done(text)));
}

export function pairOf(files: AuthorityFiles): { cert: string; key: string } {
  return { cert: files.certificatePem, key: files.keyPem };
}

export async function eventually(check: () => unknown): Promise<void> {
  for (const deadline = Date.now() + 30_000; ;) {
    try {
      await check();
      return;
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown;
      await new Promise((done) => setTimeout(done, 10));
    }
  }
}
