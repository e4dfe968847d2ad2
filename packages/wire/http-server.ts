import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { TlsOptions } from "node:tls";
import { http } from "@gantry/kernel";

/** A client must send its headers within this, and keep its body coming. Bounds what a slow client can hold. */
const HEADERS_TIMEOUT_MS = 30_000;
/** How often connections are looked at that exceed a limit. Node does so every 30 s. */
const CHECK_EVERY_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30 * 60_000;
const HEADERS_MAX_BYTES = 64 * 1024;
/** Nothing came or went for so long: the client is let go. Long uploads go on as long as they move. */
const IDLE_TIMEOUT_MS = 120_000;
/** Node waits for two minutes. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A large body is made, or taken, so far ahead of its client: neither waits for the other at every piece (bench objects: a tenth). */
const AHEAD_BYTES = 1024 * 1024;

export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  continueWith: () => void,
) => Promise<void>;

/**
 * An HTTP server whose handler decides when a client that asked `Expect: 100-continue` may send its body: a refused
 * upload never travels. The handler never rejects.
 */
export function newHttpServer(handle: RequestHandler, timeouts: HttpTimeouts = {}): Server {
  return serving(http.createServer(limitsOf(timeouts)), handle, timeouts);
}

/** As `newHttpServer`, over TLS. A client must end its handshake in time too. */
export function newHttpsServer(
  tls: TlsOptions,
  handle: RequestHandler,
  timeouts: HttpTimeouts = {},
): HttpsServer {
  // Node's HTTPS is loaded by whoever serves it alone.
  const https = process.getBuiltinModule("node:https");
  const { handshakeMs: handshakeTimeout = HANDSHAKE_TIMEOUT_MS } = timeouts;
  return serving(https.createServer({ ...limitsOf(timeouts), handshakeTimeout, ...tls }), handle, timeouts);
}

/** How long a client may take, in ms, where tests do not want to wait as long as the platform does. */
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

const LIMITS = {
  highWaterMark: AHEAD_BYTES,
  maxHeaderSize: HEADERS_MAX_BYTES,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: 75_000,
  // Java's client offers HTTP/2 with every first request: the offer is not taken up.
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
  // S3 ignores an expectation that it does not know. Node would answer 417.
  server.on("checkExpectation", (request, response) => void handle(request, response, () => {}));
  return server;
}

/**
 * Whether a request names its host or its caller twice. Node takes the first of two, a proxy or a log may take the last.
 * Source: RFC 9112, 3.2 (Host); RFC 9110, 5.3: a header that is no list is sent once.
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
