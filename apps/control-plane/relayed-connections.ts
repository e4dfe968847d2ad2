import { readRelayHeader } from "@gantry/agent-protocol";
import { createServer, type Server, type Socket } from "node:net";

/** A relay sends its header, and a client its first TLS message, within this. */
const FIRST_BYTES_MS = 10_000;

/** A server that takes over accepted connections. */
interface TakesConnections {
  emit(event: "connection" | "listening", socket?: Socket): boolean;
}

/**
 * The port that TLS clients and the agents' relays share. A relayed connection begins with a header that says where it
 * comes from; a header that the relay key did not make closes the connection, and a connection without one is direct.
 */
export class RelayedConnections {
  readonly server: Server;
  /** Where the open connections come from, by their port on this side of the relay. */
  readonly #sources = new Map<number, string>();

  constructor(relayKey: string, target: TakesConnections) {
    // Node enforces the limits of slow clients from the moment that an HTTP server listens; this one never does by itself.
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

  /** The address that a request comes from. */
  sourceOf(socket: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string {
    return this.#sources.get(socket.remotePort ?? 0) ?? (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  }

  #remember(socket: Socket, address: string): void {
    const { remotePort = 0 } = socket;
    this.#sources.set(remotePort, address);
    socket.on("close", () => this.#sources.delete(remotePort));
  }
}
