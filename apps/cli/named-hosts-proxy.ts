import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { equalsInConstantTime } from "@gantry/wire/sigv4";
import { http } from "@gantry/kernel";

/** The top-level domain of names that are this machine's. Source: RFC 6761, 6.3. */
const LOCAL = /^(?:.+\.)?localhost$/;
/** Headers that concern a connection, not a message. Source: RFC 9110, 7.6.1. */
const OF_CONNECTION = [
  "connection",
  "proxy-authorization",
  "proxy-connection",
  "keep-alive",
  "te",
  "upgrade",
];

export interface NamedHostsProxy {
  /** With the password that the proxy asks for: `http://gantry:PASSWORD@127.0.0.1:PORT`. */
  readonly url: string;
  close(): void;
}

/**
 * An HTTP proxy on 127.0.0.1 that takes names below `localhost` for this machine, and passes on all other requests
 * as they are. Clients of S3 Control prefix the endpoint's host with the account, and many resolvers know no such
 * name. It serves whoever knows its password, and plain HTTP alone.
 */
export async function startNamedHostsProxy(): Promise<NamedHostsProxy> {
  const password = randomBytes(24).toString("hex");
  const expected = `Basic ${Buffer.from(`gantry:${password}`).toString("base64")}`;
  const server = http.createServer((request, response) => {
    if (equalsInConstantTime(request.headers["proxy-authorization"] ?? "", expected)) pass(request, response);
    else response.writeHead(407, { "proxy-authenticate": "Basic", connection: "close" }).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  server.unref();
  const { port } = server.address() as AddressInfo; // A listening TCP server has an address.
  return {
    url: `http://gantry:${password}@127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function pass(request: IncomingMessage, response: ServerResponse): void {
  const url = URL.parse(request.url ?? "");
  if (url?.protocol !== "http:") {
    response.writeHead(400, { connection: "close" }).end();
    return;
  }
  const kept = request.rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && !OF_CONNECTION.includes(name.toLowerCase())
      ? [name, request.rawHeaders[index + 1] ?? ""]
      : [],
  );
  const onward = http.request(
    {
      host: LOCAL.test(url.hostname) ? "127.0.0.1" : url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? 80 : url.port,
      method: request.method,
      // As it was sent: it is signed.
      path: /^[a-z]+:\/\/[^/?]*(.*)$/i.exec(request.url ?? "")?.[1] || "/",
      headers: kept,
      setHost: false,
      agent: false,
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    },
  );
  onward.on("error", () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { connection: "close" }).end();
  });
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}
