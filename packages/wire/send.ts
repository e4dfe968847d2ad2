import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WireResponse } from "./exchange.ts";

/** Sends a response once everything committed so far is durable. Rejects if the connection is lost. */
export async function send(
  response: ServerResponse,
  answer: WireResponse,
  options: { method: string; settled: () => Promise<void> },
): Promise<void> {
  const { method } = options;
  const { body } = answer;
  if (body instanceof Readable) return sendStream(response, { ...answer, body }, options);
  await options.settled();
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const hasBody = answer.status !== 204 && answer.status !== 304;
  const { headers } = answer;
  response.writeHead(
    answer.status,
    !hasBody || hasLength(headers) ? headers : { ...headers, "content-length": String(length) },
  );
  // Headers and body are sent together, once per event-loop turn, after all requests of the turn have been
  // read: waking a client for each response costs more than producing it (bench describe-tasks).
  setImmediate(() => response.end(method === "HEAD" || !hasBody ? undefined : body));
}

/** The stream is destroyed in any case: a pipeline to a connection that is already lost does not do so. */
async function sendStream(
  response: ServerResponse,
  { status, headers, body }: WireResponse & { readonly body: Readable },
  { method, settled }: { method: string; settled: () => Promise<void> },
): Promise<void> {
  try {
    await settled();
    response.writeHead(status, headers);
    if (method === "HEAD") response.end();
    else await pipeline(body, response);
  } finally {
    body.destroy();
  }
}

const CONTENT_LENGTH = "content-length";

function hasLength(headers: WireResponse["headers"]): boolean {
  for (const name of Object.keys(headers))
    if (name.length === CONTENT_LENGTH.length && name.toLowerCase() === CONTENT_LENGTH) return true;
  return false;
}
