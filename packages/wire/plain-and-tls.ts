import type { Server as HttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { ACCEPTED_SOCKETS, type HttpTimeouts, HEADERS_TIMEOUT_MS } from "./http-server.ts";

/** The first byte of a TLS handshake. No HTTP request begins with it. Source: RFC 8446, 5.1. */
const HANDSHAKE = 0x16;

/** A server that is handed accepted connections. */
export type ConnectionServer = Pick<HttpServer, "emit">;

/**
 * One port for plain HTTP and TLS. The first byte of a connection decides once which of the two servers
 * parses it: a connection never changes from one to the other. `tls` is called for each TLS connection, so
 * that nothing of TLS is loaded before a client asks for it. A client that sends no first byte is
 * disconnected after the time limit for headers.
 */
export function newPlainAndTlsServer(
  plain: ConnectionServer,
  tls: () => Promise<ConnectionServer>,
  { headersMs = HEADERS_TIMEOUT_MS }: HttpTimeouts = {},
): Server {
  // Node starts the time limits for slow clients when an HTTP server emits "listening"; these servers never listen.
  plain.emit("listening");
  return createServer(ACCEPTED_SOCKETS, (socket) => {
    const giveUp = (): void => void socket.destroy();
    socket.setTimeout(headersMs, giveUp);
    socket.on("error", giveUp);
    const handOver = (server: ConnectionServer): void => {
      socket.setTimeout(0, giveUp);
      socket.off("error", giveUp);
      if (!socket.destroyed) server.emit("connection", socket);
    };
    socket.once("readable", () => {
      const first = socket.read() as Buffer | null; // No encoding is set.
      if (first === null) return giveUp();
      socket.unshift(first);
      if (first[0] !== HANDSHAKE) return handOver(plain);
      socket.allowHalfOpen = false;
      tls().then(handOver, giveUp);
    });
  });
}

/** Whether a connection is encrypted: by the socket itself, never by what the client says. */
export function isEncrypted(socket: Socket): boolean {
  return "encrypted" in socket;
}
