import { request as httpRequest } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

/** What one attacker sends again and again, over so many connections at once, until the deadline. */
export interface Assault {
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What the body repeats, and what stands before and behind it. */
  readonly body: {
    readonly head: string;
    readonly unit: string;
    readonly bytes: number;
    readonly tail: string;
  };
  readonly connections: number;
  readonly forMs: number;
}

const { port, method, path, headers, body, connections, forMs } = workerData as Assault; // The test gives it.
const bytes = Buffer.concat([
  Buffer.from(body.head),
  Buffer.alloc(body.bytes, body.unit),
  Buffer.from(body.tail),
]);
const end = Date.now() + forMs;
const statuses: Record<string, number> = {};

function once(): Promise<void> {
  return new Promise((resolve) => {
    const length = { "content-length": String(bytes.length) };
    const request = httpRequest({
      port,
      host: "127.0.0.1",
      method,
      path,
      headers: { ...headers, ...length },
    });
    const note = (what: string): void => {
      statuses[what] = (statuses[what] ?? 0) + 1;
      request.destroy();
      resolve();
    };
    request.on("response", (response) => note(String(response.statusCode)));
    request.on("error", () => note("cut off"));
    request.end(bytes);
  });
}

async function attack(): Promise<void> {
  while (Date.now() < end) await once();
}

await Promise.all(Array.from({ length: connections }, attack));
parentPort?.postMessage(statuses);
