import type { RequestOptions } from "node:http";
import { rootCertificates } from "node:tls";
import { http } from "@gantry/kernel";
import { isForbiddenHost, issuerLookup } from "@gantry/kernel/issuer-address";

/** A request to an endpoint that a caller of the API has named. */
export interface OutboundRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How long the whole exchange may take (ms). */
  readonly waitMs: number;
  /** How much of the answer's body is read; by default nothing. */
  readonly bodyMaxBytes?: number;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The endpoint is none that the platform connects to. */
export class ForbiddenEndpointError extends Error {
  override readonly name = "ForbiddenEndpointError";
}

export type SendOutbound = (address: string, request: OutboundRequest) => Promise<OutboundAnswer>;

/**
 * Sends requests to HTTP and HTTPS endpoints. Link-local addresses and those of the platform itself are not connected
 * to, whatever a name resolves to; no redirect is followed. An HTTPS endpoint has a certificate of an authority of the
 * machine or of the platform's own. Errors: ForbiddenEndpointError, those of the connection, and an answer that is
 * longer than `bodyMaxBytes`.
 */
export function outboundRequests({ caPem }: { readonly caPem: string }): SendOutbound {
  return (address, { method, headers, body, waitMs, bodyMaxBytes = 0 }) => {
    const url = URL.parse(address);
    if (url === null || !["http:", "https:"].includes(url.protocol) || isForbiddenHost(url))
      return Promise.reject(new ForbiddenEndpointError("The endpoint has no allowed address."));
    const { promise, resolve, reject } = Promise.withResolvers<OutboundAnswer>();
    const options: RequestOptions = {
      ...{ method, lookup: issuerLookup, agent: false, signal: AbortSignal.timeout(waitMs) },
      headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
    };
    const request =
      url.protocol === "https:"
        ? process
            .getBuiltinModule("node:https")
            .request(url, { ...options, ca: [...rootCertificates, caPem] })
        : http.request(url, options);
    request.on("error", reject);
    request.on("response", (response) => {
      const answered = (text: string): void =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      if (bodyMaxBytes === 0) {
        answered("");
        response.destroy();
        return;
      }
      let read = Buffer.alloc(0);
      response.on("data", (chunk: Buffer) => {
        read = Buffer.concat([read, chunk]);
        if (read.length <= bodyMaxBytes) return;
        reject(new Error("The endpoint's answer is too long."));
        response.destroy();
      });
      response.on("end", () => answered(read.toString()));
      response.on("error", reject);
    });
    request.end(body);
    return promise;
  };
}
