import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** Members that a client makes up anew for each run. */
const TOKENS = /^(?:client(?:request)?token|idempotencytoken|creationtoken)$/i;
/** What the provider appends to a `name_prefix`: a time and a counter. */
const UNIQUE_SUFFIX = /\d{18}[0-9a-f]{8}/g;
/** Headers that belong to one connection. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...["connection", "date", "keep-alive", "transfer-encoding", "content-length"],
]);

/**
 * A server that answers from memory what another one answered before: the baseline of benchmarks of clients.
 * A request is recognised by its operation and its values, without tokens and made-up suffixes of names. It is given
 * the last answer that was recorded for it, so that every resource is ready at once; refusals that came before the
 * first success are given first, because clients look whether a name is free.
 */
export class MemoryServer {
  readonly #answers = new Map<string, Answer[]>();
  #given = new Map<string, number>();
  /** Requests that were never recorded. */
  readonly unknown: string[] = [];
  /** When requests arrived, in ms. */
  arrivals: number[] = [];

  /** Listens as a proxy in front of a server, and records its answers. */
  record(port: number) {
    return listen(async (request, response) => {
      const body = await read(request);
      const answer = await forward(request, body, port);
      const key = keyOf(request, body);
      this.#answers.set(key, [...(this.#answers.get(key) ?? []), answer]);
      reply(response, request.method, answer);
    });
  }

  /** Listens and answers from memory. */
  serve() {
    return listen(async (request, response) => {
      const body = await read(request);
      this.arrivals.push(performance.now());
      const key = keyOf(request, body);
      const answer = this.#answer(key);
      if (answer === undefined) this.unknown.push(key);
      reply(response, request.method, answer ?? { status: 400, headers: {}, body: Buffer.from("{}") });
    });
  }

  /** Forgets what was asked, for another run. */
  reset(): void {
    this.#given = new Map();
    this.arrivals = [];
  }

  #answer(key: string): Answer | undefined {
    const answers = this.#answers.get(key) ?? [];
    const given = this.#given.get(key) ?? 0;
    this.#given.set(key, given + 1);
    const firstSuccess = answers.findIndex(({ status }) => status < 400);
    return given < firstSuccess ? answers[given] : answers.at(-1);
  }
}

/**
 * The time in which no request arrived for more than `leastMs`, in ms. Where the server never waits, the client waits
 * by itself.
 */
export function idleMs(arrivals: readonly number[], leastMs: number): number {
  return arrivals
    .map((at, index) => at - (arrivals[index - 1] ?? at))
    .filter((gap) => gap > leastMs)
    .reduce((sum, gap) => sum + gap, 0);
}

/** What a request asks, in a form that is the same in every run. */
function keyOf({ method = "", url = "/", headers }: IncomingMessage, body: Buffer): string {
  const [path = "", query = ""] = url.split("?");
  const target = String(headers["x-amz-target"] ?? "");
  // The service of a signature tells operations of the same path apart. Bodies of S3 are what is stored.
  const service = /Credential=[^/]+\/\d+\/[^/]*\/([^/]+)/.exec(headers.authorization ?? "")?.[1] ?? "";
  const values = service === "s3" ? [] : valuesOf(body.toString());
  const asked = [...new URLSearchParams(query)].map(([name, value]) => `${name}=${value}`);
  return [service, method, path, target, ...asked.toSorted(), ...values.toSorted()]
    .join(" ")
    .replace(UNIQUE_SUFFIX, "#");
}

/** Names and values of a body, without the positions in lists: clients send maps in any order. */
function valuesOf(body: string): readonly string[] {
  if (!body.startsWith("{"))
    return [...new URLSearchParams(body)]
      .filter(([name]) => !TOKENS.test(name))
      .map(([name, value]) => `${name.replace(/\.\d+/g, "")}=${value}`);
  const leaves = (value: unknown, name: string): readonly string[] => {
    if (typeof value !== "object" || value === null) return [`${name}=${String(value)}`];
    return Object.entries(value)
      .filter(([each]) => !TOKENS.test(each))
      .flatMap(([each, inner]) => leaves(inner, Array.isArray(value) ? name : `${name}.${each}`));
  };
  return leaves(JSON.parse(body), "");
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The host is signed: it stays that of the proxy. */
function forward({ method, url, headers }: IncomingMessage, body: Buffer, port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onward = send({ host: "127.0.0.1", port, method, path: url, headers }, (response) => {
      const named = Object.entries(response.headers).filter(([name]) => !OF_CONNECTION.has(name));
      read(response).then(
        (bytes) =>
          resolve({
            status: response.statusCode ?? 500,
            headers: Object.fromEntries(named.map(([name, value]) => [name, value ?? ""])),
            body: bytes,
          }),
        reject,
      );
    });
    onward.once("error", reject);
    onward.end(body);
  });
}

function reply(
  response: ServerResponse,
  method: string | undefined,
  { status, headers, body }: Answer,
): void {
  response.writeHead(status, method === "HEAD" ? headers : { ...headers, "content-length": body.length });
  response.end(body);
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
  const server = createServer((request, response) => {
    handle(request, response).catch((problem: unknown) => response.destroy(problem as Error)); // Of Node's HTTP.
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // A listening TCP server has an address.
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
