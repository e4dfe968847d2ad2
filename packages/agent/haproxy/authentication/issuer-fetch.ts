import type { IncomingMessage } from "node:http";
import { isForbiddenHost, issuerLookup } from "@gantry/kernel/issuer-address";

/** What the proxy asks issuers for: a part of `fetch`. */
export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

/**
 * Asks an endpoint of an issuer. Whoever may create listeners chooses it, and the agent shares the machine's
 * network: no link-local, multicast or VPC address is connected to, by HTTPS alone, with a certificate that an
 * authority of the machine vouches for, on a connection of its own. A redirect is an answer, and is not
 * followed. Errors: where there is no answer, and those of the signal.
 */
export const issuerFetch: Fetch = async (input, { method = "GET", headers, body, signal } = {}) => {
  const url = new URL(input);
  if (url.protocol !== "https:") throw new Error("Issuers are asked by HTTPS alone.");
  if (isForbiddenHost(url)) throw new Error("Not an address of an issuer.");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const https = process.getBuiltinModule("node:https");
  const agent = new https.Agent({ keepAlive: false, maxCachedSessions: 0 });
  const request = https.request(url, {
    method,
    headers: Object.fromEntries(new Headers(headers)),
    agent,
    lookup: issuerLookup,
    ...(signal ? { signal } : {}),
  });
  request.on("error", reject);
  request.on("response", resolve);
  request.end(typeof body === "string" ? body : undefined);
  const answer = await promise;
  const { statusCode: status = 502 } = answer;
  const type = answer.headers["content-type"];
  const { Readable } = process.getBuiltinModule("node:stream");
  return new Response(Readable.toWeb(answer) as ReadableStream, {
    status: status >= 200 && status !== 204 && status !== 205 && status !== 304 ? status : 502,
    headers: type === undefined ? {} : { "content-type": type },
  });
};

/**
 * A fetch whose answers are read as they come, and have at most so many bytes. Errors: where an answer has
 * more.
 */
export function bounded(unbounded: Fetch, bytesMax: number): Fetch {
  return async (input, init) => {
    const response = await unbounded(input, init);
    const chunks: Uint8Array[] = [];
    let length = 0;
    // Leaving the loop ends the connection.
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > bytesMax) throw new Error(`${new URL(input).host} answers more than ${bytesMax} bytes.`);
      chunks.push(chunk);
    }
    return new Response(Buffer.concat(chunks), { status: response.status, headers: response.headers });
  };
}
