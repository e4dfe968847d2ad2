import { readRelayHeader, type ConnectionOrigin } from "@gantry/agent-protocol/relay-header";
import type { RelayOrigin } from "@gantry/wire";
import { createServer, type Server, type Socket } from "node:net";

/** Time limit for the header of a relay and the first TLS message of a client. */
const FIRST_BYTES_MS = 10_000;

/** The links between routers and the host: `agent/network/transit.ts`. */
const LINK_PREFIX = "100.64.";

interface Source {
  readonly address: string;
  readonly origin: ConnectionOrigin | undefined;
}

/** The ends of a connection that one port accepted. */
type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;

/** A server that takes over accepted connections. */
interface TakesConnections {
  emit(event: "connection", socket: Socket): boolean;
}

/**
 * The port that TLS clients and the agents' relays share. A relayed connection begins with a header that
 * states its source address. A header that was not made with the relay key closes the connection, and a
 * connection without one is direct.
 */
export class RelayedConnections {
  readonly server: Server;
  /**
   * The sources of open connections, by both of their ends: other ports of the API have clients that choose
   * the port of a relay's connection.
   */
  readonly #sources = new Map<string, Source>();

  /** `target` is called for each connection, so that nothing of TLS is loaded before a client connects. */
  constructor(relayKey: string, target: () => Promise<TakesConnections>) {
    this.server = createServer({ noDelay: true }, (socket) => {
      const giveUp = (): void => void socket.destroy();
      socket.setTimeout(FIRST_BYTES_MS, giveUp);
      socket.on("error", giveUp);
      let first = Buffer.alloc(0);
      const look = (): void => {
        const chunk = socket.read() as Buffer | null; // No encoding is set.
        if (chunk === null) return;
        first = Buffer.concat([first, chunk]);
        const header = readRelayHeader(relayKey, first);
        if (header.type === "incomplete") return;
        socket.off("readable", look);
        if (header.type === "forged") return giveUp();
        const rest = header.type === "header" ? first.subarray(header.bytes) : first;
        if (header.type === "header")
          this.#remember(socket, { address: header.source.address, origin: header.origin });
        if (rest.length > 0) socket.unshift(rest);
        target().then((server) => {
          socket.setTimeout(0, giveUp);
          socket.off("timeout", giveUp);
          socket.off("error", giveUp);
          if (!socket.destroyed) server.emit("connection", socket);
        }, giveUp);
      };
      socket.on("readable", look);
    });
  }

  /** The source address of a request. */
  sourceOf(socket: Ends): string {
    return this.#sourceOf(socket)?.address ?? (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  }

  /** Where in a VPC a request comes from; undefined for one from the host, or from a VPC without endpoints. */
  originOf(socket: Ends): RelayOrigin | undefined {
    const source = this.#sourceOf(socket);
    if (source?.origin === undefined) return undefined;
    // A task without a public address has that of the router's link.
    return { ...source.origin, hasExit: !source.address.startsWith(LINK_PREFIX) };
  }

  #sourceOf(socket: Ends): Source | undefined {
    return this.#sources.size === 0 ? undefined : this.#sources.get(endsOf(socket));
  }

  #remember(socket: Socket, source: Source): void {
    const ends = endsOf(socket);
    this.#sources.set(ends, source);
    socket.on("close", () => this.#sources.delete(ends));
  }
}

function endsOf({ remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 }: Ends): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
