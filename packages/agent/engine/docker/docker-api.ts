import type { Agent, IncomingMessage } from "node:http";
import { http, type Clock, type Logger } from "@gantry/kernel";

/** The engine answered with an error; `status` is its HTTP status, the message its own words. */
export class DockerApiError extends Error {
  override readonly name = "DockerApiError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Maximum number of concurrent calls; further ones wait for a connection. */
const CALLS_MAX = 64;
/** Connections that are kept while nothing is asked; a burst of calls opens more of them. */
const KEPT_CONNECTIONS_MAX = 8;
const CALL_TIMEOUT_MS = 120_000;
/** A call that takes the engine longer than this is logged. */
const SLOW_MS = 5_000;

/** Docker Engine's HTTP API over its socket. Source: https://docs.docker.com/engine/api/v1.41/ */
export class DockerApi {
  readonly #socketPath: string;
  readonly #calls = new http.Agent({
    ...{ keepAlive: true, maxSockets: CALLS_MAX, maxFreeSockets: KEPT_CONNECTIONS_MAX },
  });
  /** A stream lasts as long as its container, so each has its own connection and calls never wait for one. */
  readonly #streams = new http.Agent({ keepAlive: false });
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(deps: { socketPath: string; clock: Clock; log: Logger }) {
    this.#socketPath = deps.socketPath;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Makes one call; returns the parsed body, or undefined where there is none. */
  async call(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string>; timeoutMs?: number } = {},
  ): Promise<unknown> {
    const patience = this.#clock.after(SLOW_MS, () =>
      this.#log.warn("Waiting for the engine", { method, path: path.split("?")[0], sinceMs: SLOW_MS }),
    );
    try {
      const response = await this.#request(this.#calls, method, path, {
        ...options,
        signal: AbortSignal.timeout(options.timeoutMs ?? CALL_TIMEOUT_MS),
      });
      const text = await textOf(response);
      return text === "" ? undefined : (JSON.parse(text) as unknown);
    } finally {
      patience.cancel();
    }
  }

  /**
   * Makes one call on its own connection and streams the answer. Errors: DockerApiError for a status of 400
   * and more.
   */
  open(
    method: string,
    path: string,
    options: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<IncomingMessage> {
    return this.#request(this.#streams, method, path, options);
  }

  async #request(
    agent: Agent,
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<IncomingMessage> {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = {
      ...options.headers,
      ...(body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = http.request({
        socketPath: this.#socketPath,
        agent,
        method,
        path: `/v1.41${path}`,
        headers: { host: "docker", ...headers },
        signal: options.signal,
      });
      call.once("response", resolve);
      call.once("error", reject);
      call.end(body);
    });
    if ((response.statusCode ?? 500) < 400) return response;
    const text = await textOf(response);
    throw new DockerApiError(response.statusCode ?? 500, messageIn(text));
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding("utf8");
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
}

function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text; // Docker's error body.
  } catch {
    return text;
  }
}
