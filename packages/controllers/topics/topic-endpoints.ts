import type { RequestOptions } from "node:http";
import { rootCertificates } from "node:tls";
import { http, messageOf } from "@gantry/kernel";
import { isForbiddenHost, issuerLookup } from "@gantry/kernel/issuer-address";
import type { DeliveryOutcome } from "./topic-delivery-controller.ts";

/** How long an endpoint may take. Source: SNS Developer Guide, "Amazon SNS message delivery retries", HTTP/S. */
const WAIT_MS = 15_000;

/**
 * Posts messages to HTTP and HTTPS endpoints. Link-local addresses and those of the platform itself are not connected
 * to, whatever a name resolves to; no redirect is followed, and nothing of an answer is kept but its status. An HTTPS
 * endpoint has a certificate of an authority of the machine or of the platform's own.
 */
export function topicEndpoints({ caPem }: { readonly caPem: string }) {
  return (
    address: string,
    { headers, body }: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  ): Promise<DeliveryOutcome> => {
    const url = URL.parse(address);
    if (url === null || isForbiddenHost(url))
      return Promise.resolve(failed("The endpoint has no allowed address.", false));
    const { promise, resolve } = Promise.withResolvers<DeliveryOutcome>();
    const options: RequestOptions = {
      method: "POST",
      headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
      lookup: issuerLookup,
      agent: false,
      signal: AbortSignal.timeout(WAIT_MS),
    };
    const request =
      url.protocol === "https:"
        ? process
            .getBuiltinModule("node:https")
            .request(url, { ...options, ca: [...rootCertificates, caPem] })
        : http.request(url, options);
    request.on("error", (thrown) => resolve(failed(messageOf(thrown), true)));
    request.on("response", (response) => {
      const { statusCode: status = 0 } = response;
      resolve(outcomeOf(status));
      response.destroy();
    });
    request.end(body);
    return promise;
  };
}

/** Source: SNS Developer Guide, "Amazon SNS message delivery retries": client-side errors are not retried. */
function outcomeOf(status: number): DeliveryOutcome {
  if (status >= 200 && status < 300) return { type: "done" };
  const isFinal = status >= 300 && status < 500 && status !== 429;
  return failed(`The endpoint answered ${status}.`, !isFinal);
}

function failed(reason: string, mayRetry: boolean): DeliveryOutcome {
  return { type: "failed", reason, mayRetry };
}
