import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RegistryError } from "./registry-error.ts";

/** A body of a bounded size. */
export async function readBounded(body: Readable, max: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    // No encoding is set, so chunks are buffers.
    size += chunk.length;
    if (size > max)
      throw new RegistryError(413, "MANIFEST_INVALID", `A manifest may have ${max} bytes at most.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** An answer without a body. */
export function send(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, {
    "docker-distribution-api-version": "registry/2.0",
    ...(headers["content-length"] === undefined && status !== 204 ? { "content-length": "0" } : {}),
    ...headers,
  });
  response.end();
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "docker-distribution-api-version": "registry/2.0",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  });
  response.end(text);
}

export async function stream(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: Readable,
): Promise<void> {
  response.writeHead(status, { "docker-distribution-api-version": "registry/2.0", ...headers });
  await pipeline(body, response);
}
