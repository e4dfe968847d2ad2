import { X509Certificate } from "node:crypto";
import { StringDecoder } from "node:string_decoder";
import { createServer, type Server, type TLSSocket } from "node:tls";
import {
  LINK_PROTOCOL,
  MessageReader,
  namesOnly,
  nodeIdentity,
  writeMessage,
  type ControlPlaneBound,
  type LinkToControlPlane,
  type ToControlPlane,
} from "@gantry/agent-protocol";
import type { NodeConnection, NodeGateway } from "@gantry/controllers";
import { messageOf, type Clock, type Logger } from "@gantry/kernel";
import type { Link } from "./link.ts";

const HANDSHAKE_MAX_MS = 5_000;
const CONNECTIONS_MAX = 256;
/** A session that does not answer a ping within this time is dead, and another session may replace it. */
const ANSWER_MAX_MS = 2_000;
const REFUSAL_LOG_EVERY_MS = 10_000;

export interface AgentServerDeps {
  readonly gateway: Pick<NodeGateway, "connect" | "disconnect" | "receive">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The server that nodes' agents connect to. Both ends authenticate (TLS 1.3, certificates of the link's own
 * authority); a certificate is accepted only while it is the node's current one. A node has one session: a
 * second connection with the same certificate is refused while the first one answers, and replaces it where
 * it does not.
 */
export class AgentServer {
  readonly server: Server;
  readonly #deps: AgentServerDeps;
  readonly #sessions = new Map<string, AgentConnection>();
  #link: Link;
  #refusalLoggedAt = Number.NEGATIVE_INFINITY;

  constructor(link: Link, deps: AgentServerDeps) {
    this.#link = link;
    this.#deps = deps;
    this.server = createServer(
      {
        ...secureContextOf(link),
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: [LINK_PROTOCOL],
        handshakeTimeout: HANDSHAKE_MAX_MS,
        noDelay: true,
      },
      (socket) => void this.#admit(socket), // #admit never rejects.
    );
    this.server.maxConnections = CONNECTIONS_MAX;
    this.server.on("tlsClientError", (thrown, socket) => {
      this.#warnOfRefusal(messageOf(thrown));
      socket.destroy();
    });
  }

  /** Uses renewed keys for new connections; established sessions continue. */
  renew(link: Link): void {
    this.#link = link;
    this.server.setSecureContext(secureContextOf(link));
  }

  close(): void {
    this.server.close();
    for (const session of this.#sessions.values()) session.close();
  }

  /** Admits one connection whose certificate the link's authority signed. */
  async #admit(socket: TLSSocket): Promise<void> {
    socket.on("error", () => socket.destroy());
    const nodeId = nodeOf(this.#link, socket);
    if (nodeId === undefined) {
      this.#warnOfRefusal("The certificate is not the current one of any node.");
      socket.destroy();
      return;
    }
    const first = this.#sessions.get(nodeId);
    if (first !== undefined && (await first.isAnswering())) {
      this.#deps.log.warn(
        "A second agent with a connected node's certificate was refused: stop it, or replace the " +
          "certificate with `gantry rotate node`",
        { nodeId, remotePort: socket.remotePort },
      );
      refuse(socket, "An agent with this node's certificate is connected and answers.");
      return;
    }
    // Where several connections waited for the first session to answer, only one replaces it.
    if (this.#sessions.get(nodeId) !== first || socket.destroyed) {
      socket.destroy();
      return;
    }
    first?.close();
    const session = new AgentConnection(socket, nodeId, this.#deps);
    this.#sessions.set(nodeId, session);
    socket.on("close", () => {
      if (this.#sessions.get(nodeId) === session) this.#sessions.delete(nodeId);
    });
  }

  /** A refused peer may reconnect indefinitely, so the refusal is logged at most every ten seconds. */
  #warnOfRefusal(reason: string): void {
    const now = this.#deps.clock.now();
    if (now - this.#refusalLoggedAt < REFUSAL_LOG_EVERY_MS) return;
    this.#refusalLoggedAt = now;
    this.#deps.log.warn("A connection to the nodes' port was refused", { reason });
  }
}

/** The session of one node. */
class AgentConnection {
  readonly #socket: TLSSocket;
  readonly #clock: Clock;
  readonly #peer: NodeConnection;
  readonly #gateway: AgentServerDeps["gateway"];
  readonly #waiting = new Set<(isAlive: boolean) => void>();

  constructor(socket: TLSSocket, nodeId: string, { gateway, clock, log }: AgentServerDeps) {
    this.#socket = socket;
    this.#clock = clock;
    this.#gateway = gateway;
    this.#peer = { send: (envelope) => void socket.write(writeMessage(envelope)) };
    const decoder = new StringDecoder("utf8");
    const reader = new MessageReader<ToControlPlane | LinkToControlPlane>((envelope) =>
      this.#receive(nodeId, envelope),
    );
    gateway.connect(this.#peer);
    socket.on("data", (chunk: Buffer) => {
      try {
        reader.push(decoder.write(chunk));
      } catch (thrown) {
        log.error("An agent's message could not be taken", {
          reason: messageOf(thrown),
          stack: thrown instanceof Error ? thrown.stack : undefined,
        });
        socket.destroy();
      }
    });
    socket.on("close", () => this.#closed());
  }

  /** Whether the agent answers a ping in time. A closed connection does not. */
  isAnswering(): Promise<boolean> {
    if (this.#socket.destroyed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const answer = (isAlive: boolean): void => {
        timer.cancel();
        this.#waiting.delete(answer);
        resolve(isAlive);
      };
      const timer = this.#clock.after(ANSWER_MAX_MS, () => answer(false));
      this.#waiting.add(answer);
      this.#socket.write(writeMessage({ sequence: 0, message: { type: "ping" } }));
    });
  }

  close(): void {
    this.#socket.destroy();
    this.#closed();
  }

  #closed(): void {
    for (const answer of this.#waiting) answer(false);
    this.#gateway.disconnect(this.#peer);
  }

  #receive(nodeId: string, { sequence, message }: ControlPlaneBound): void {
    if (message.type === "pong") {
      for (const answer of this.#waiting) answer(true);
      return;
    }
    // A node may send messages only for its own id.
    if (message.type === "hello" && message.nodeId !== nodeId)
      throw new Error(`The certificate of ${nodeId} does not speak for ${message.nodeId}.`);
    this.#gateway.receive(this.#peer, { sequence, message });
  }
}

function secureContextOf(link: Link) {
  return {
    ca: link.authority.certificatePem,
    cert: link.controlPlane.certificatePem,
    key: link.controlPlane.keyPem,
    minVersion: "TLSv1.3",
  } as const;
}

/** Finds the node whose current certificate the peer presents. */
function nodeOf(link: Link, socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!socket.authorized || certificate === undefined || socket.alpnProtocol !== LINK_PROTOCOL)
    return undefined;
  return Object.keys(link.nodes).find(
    (id) =>
      namesOnly(certificate.subjectAltName, nodeIdentity(link.instance, id)) &&
      new X509Certificate(link.nodes[id]?.certificatePem ?? "").fingerprint256 === certificate.fingerprint256,
  );
}

function refuse(socket: TLSSocket, reason: string): void {
  socket.end(writeMessage({ sequence: 0, message: { type: "refused", reason } }));
}
