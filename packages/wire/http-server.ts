import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { TlsOptions } from "node:tls";
import { http } from "@gantry/kernel";

/** A client must send its headers within this time. Bounds what a slow client can hold. */
export const HEADERS_TIMEOUT_MS = 30_000;
/** Interval of the check for connections that exceed a limit. Node's default is 30 s. */
const CHECK_EVERY_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30 * 60_000;
const HEADERS_MAX_BYTES = 64 * 1024;
/** A connection without traffic for this long is closed. A long upload continues as long as data flows. */
const IDLE_TIMEOUT_MS = 120_000;
/** Node's default is two minutes. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/**
 * How far a large body is produced or received ahead of its consumer, so that neither waits for the other at
 * every piece (bench objects: a tenth).
 */
const AHEAD_BYTES = 1024 * 1024;

export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  continueWith: () => void,
) => Promise<void>;

/**
 * An HTTP server whose handler decides when a client that sent `Expect: 100-continue` may send its body: the
 * body of a refused upload is never sent. The handler never rejects.
 */
export function newHttpServer(handle: RequestHandler, timeouts: HttpTimeouts = {}): Server {
  return serving(http.createServer(limitsOf(timeouts)), handle, timeouts);
}

/** As `newHttpServer`, over TLS. The TLS handshake has a time limit too. */
export function newHttpsServer(
  tls: TlsOptions,
  handle: RequestHandler,
  timeouts: HttpTimeouts = {},
): HttpsServer {
  // Loads Node's HTTPS only when it is used.
  const https = process.getBuiltinModule("node:https");
  const { handshakeMs: handshakeTimeout = HANDSHAKE_TIMEOUT_MS } = timeouts;
  return serving(https.createServer({ ...limitsOf(timeouts), handshakeTimeout, ...tls }), handle, timeouts);
}

/** Time limits for clients, in ms. Tests set shorter ones than the platform's. */
export interface HttpTimeouts {
  readonly handshakeMs?: number;
  readonly headersMs?: number;
  readonly idleMs?: number;
}

function limitsOf({ headersMs = HEADERS_TIMEOUT_MS }: HttpTimeouts) {
  return {
    ...LIMITS,
    headersTimeout: headersMs,
    connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, headersMs),
  };
}

/** Options of a TCP server whose accepted sockets are handed to an HTTP server: those that Node sets for its own. */
export const ACCEPTED_SOCKETS = { allowHalfOpen: true, noDelay: true, highWaterMark: AHEAD_BYTES } as const;

const LIMITS = {
  highWaterMark: AHEAD_BYTES,
  maxHeaderSize: HEADERS_MAX_BYTES,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: 75_000,
  // Java's client offers HTTP/2 with every first request: the offer is declined.
  shouldUpgradeCallback: () => false,
} as const;

function serving<S extends Server>(
  server: S,
  handle: RequestHandler,
  { idleMs = IDLE_TIMEOUT_MS }: HttpTimeouts,
): S {
  server.setTimeout(idleMs);
  const serve: RequestHandler = async (request, response, continueWith) => {
    if (!hasRepeatedHeader(request.rawHeaders)) return handle(request, response, continueWith);
    response.writeHead(400, { connection: "close" }).end();
  };
  server.on("request", (request, response) => void serve(request, response, () => {}));
  server.on(
    "checkContinue",
    (request, response) => void serve(request, response, () => response.writeContinue()),
  );
  // S3 ignores an unknown expectation. Node would respond with 417.
  server.on("checkExpectation", (request, response) => void serve(request, response, () => {}));
  return server;
}

/**
 * Whether a request repeats a header that identifies its host or its caller. Node uses the first of two; a
 * proxy or a log may use the last. Source: RFC 9112, 3.2 (Host); RFC 9110, 5.3: a header that is not a list
 * is sent once.
 */
function hasRepeatedHeader(rawHeaders: readonly string[]): boolean {
  let [hosts, authorizations] = [0, 0];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
    else if (name.length === 13 && name.toLowerCase() === "authorization") authorizations += 1;
  }
  return hosts > 1 || authorizations > 1;
}
