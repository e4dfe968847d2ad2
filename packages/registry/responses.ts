import type { ServerResponse } from "node:http";
import type { Readable, Writable } from "node:stream";
import { RegistryError } from "./registry-error.ts";

/** Reads a body of at most `max` bytes. */
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

const VERSION = { "docker-distribution-api-version": "registry/2.0" };

/** Answers one request, once everything committed so far is durable. */
export class Responder {
  readonly #response: ServerResponse;
  readonly #settled: () => Promise<void>;

  constructor(response: ServerResponse, settled: () => Promise<void>) {
    this.#response = response;
    this.#settled = settled;
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  /** Ends the connection: the response has begun and cannot be completed. */
  abort(): void {
    this.#response.destroy();
  }

  /** Sends a response without a body. */
  async send(status: number, headers: Record<string, string>): Promise<void> {
    await this.#settled();
    const length = headers["content-length"] === undefined && status !== 204 ? { "content-length": "0" } : {};
    this.#response.writeHead(status, { ...VERSION, ...length, ...headers });
    this.#response.end();
  }

  async sendJson(status: number, body: object, headers: Record<string, string> = {}): Promise<void> {
    await this.sendBytes(status, Buffer.from(JSON.stringify(body)), {
      "content-type": "application/json",
      ...headers,
    });
  }

  async sendBytes(status: number, body: Buffer, headers: Record<string, string>): Promise<void> {
    await this.#settled();
    this.#response.writeHead(status, { ...VERSION, "content-length": String(body.length), ...headers });
    this.#response.end(body);
  }

  /** Sends a response whose body `write` writes. */
  async stream(
    status: number,
    headers: Record<string, string>,
    write: (out: Writable) => Promise<void>,
  ): Promise<void> {
    await this.#settled();
    this.#response.writeHead(status, { ...VERSION, ...headers });
    await write(this.#response);
    this.#response.end();
  }
}
