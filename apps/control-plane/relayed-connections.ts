import { readRelayHeader } from "@gantry/agent-protocol";
import { createServer, type Server, type Socket } from "node:net";

/** Time limit for the header of a relay and the first TLS message of a client. */
const FIRST_BYTES_MS = 10_000;

/** A server that takes over accepted connections. */
interface TakesConnections {
  emit(event: "connection" | "listening", socket?: Socket): boolean;
}

/**
 * The port that TLS clients and the agents' relays share. A relayed connection begins with a header that
 * states its source address. A header that was not made with the relay key closes the connection, and a
 * connection without one is direct.
 */
export class RelayedConnections {
  readonly server: Server;
  /** The source addresses of open connections, by their port on this side of the relay. */
  readonly #sources = new Map<number, string>();

  constructor(relayKey: string, target: TakesConnections) {
    // Node enforces its limits for slow clients only after an HTTP server emits "listening", and this server
    // never listens itself.
    target.emit("listening");
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
        if (header.type === "header") this.#remember(socket, header.source.address);
        socket.setTimeout(0, giveUp);
        socket.off("timeout", giveUp);
        socket.off("error", giveUp);
        if (rest.length > 0) socket.unshift(rest);
        target.emit("connection", socket);
      };
      socket.on("readable", look);
    });
  }

  /** The source address of a request. */
  sourceOf(socket: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string {
    return this.#sources.get(socket.remotePort ?? 0) ?? (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  }

  #remember(socket: Socket, address: string): void {
    const { remotePort = 0 } = socket;
    this.#sources.set(remotePort, address);
    socket.on("close", () => this.#sources.delete(remotePort));
  }
}
