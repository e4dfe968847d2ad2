import { connect, type Socket } from "node:net";
import { amzDateOf, hmac, sha256Hex, signingKey } from "@gantry/wire/sigv4";
import { ROOT } from "./api-server.ts";

/**
 * A request that is sent byte for byte with a valid signature, including requests that no SDK client would
 * send.
 */
export interface RawRequest {
  readonly service: string;
  readonly method?: string;
  /** Path and query, exactly as they are sent. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** The declared payload hash; by default the actual hash. */
  readonly payload?: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The headers of a request with its signature: the root user's, or that of the given key. */
export function signedHeaders(
  host: string,
  request: RawRequest,
  now: number,
  key: { accessKeyId: string; secretAccessKey: string } = ROOT,
): Record<string, string> {
  const { service, method = "POST", path = "/", body = "" } = request;
  const payload = request.payload ?? sha256Hex(body);
  const scope = { date: amzDateOf(now).slice(0, 8), region: "eu-south-1", service };
  const headers: Record<string, string> = {
    ...request.headers,
    host,
    "x-amz-date": amzDateOf(now),
    "x-amz-content-sha256": payload,
  };
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .toSorted();
  const [rawPath = "/", rawQuery = ""] = path.split(/\?(.*)/s);
  // S3 signs the path as it is; other services sign it encoded once more, and no path here contains a
  // character to encode.
  const canonical = [
    method,
    rawPath,
    rawQuery
      .split("&")
      .map((pair) => (pair === "" || pair.includes("=") ? pair : `${pair}=`))
      .toSorted()
      .join("&"),
    ...names.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/\s+/g, " ")}`),
    "",
    names.join(";"),
    payload,
  ].join("\n");
  const credential = `${scope.date}/${scope.region}/${service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", amzDateOf(now), credential, sha256Hex(canonical)].join("\n");
  const signature = hmac(signingKey(key.secretAccessKey, scope), toSign).toString("hex");
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${credential}, SignedHeaders=${names.join(";")}, ` +
    `Signature=${signature}`;
  return { ...headers, authorization };
}

/** Sends the request with a signature and reads the whole response. */
export async function sendRaw(
  endpoint: string,
  request: RawRequest,
  now: number,
  key: { accessKeyId: string; secretAccessKey: string } = ROOT,
): Promise<RawAnswer> {
  const { method = "POST", path = "/", body = "" } = request;
  const { host: _, ...headers } = signedHeaders(new URL(endpoint).host, request, now, key);
  const response = await fetch(`${endpoint}${path}`, {
    method,
    headers,
    ...(method === "GET" || method === "HEAD" ? {} : { body: Buffer.from(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/**
 * Sends bytes on a separate connection, and returns all that is received until it ends or the deadline
 * passes.
 */
export function sendBytes(
  port: number,
  bytes: readonly (string | Uint8Array)[],
  options: { end?: boolean; deadlineMs: number },
): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, "127.0.0.1");
    let answer = "";
    const finish = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(options.deadlineMs, finish);
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
    socket.on("close", finish);
    socket.on("error", finish);
    socket.on("connect", () => {
      const write = (index: number): void => {
        const part = bytes[index];
        if (part === undefined) {
          if (options.end === true) socket.end();
          return;
        }
        socket.write(part, () => write(index + 1));
      };
      write(0);
    });
  });
}
