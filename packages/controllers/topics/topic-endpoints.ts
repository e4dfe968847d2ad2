import { messageOf } from "@gantry/kernel";
import { ForbiddenEndpointError, outboundRequests } from "../outbound/outbound-request.ts";
import type { DeliveryOutcome } from "./topic-delivery-controller.ts";

/** How long an endpoint may take. Source: SNS Developer Guide, "Amazon SNS message delivery retries", HTTP/S. */
const WAIT_MS = 15_000;

/** Posts messages to endpoints, as `outboundRequests` does. Nothing of an answer is kept but its status. */
export function topicEndpoints(authority: { readonly caPem: string }) {
  const send = outboundRequests(authority);
  return async (
    address: string,
    given: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  ): Promise<DeliveryOutcome> => {
    try {
      const { status } = await send(address, { ...given, method: "POST", waitMs: WAIT_MS });
      return outcomeOf(status);
    } catch (thrown) {
      return failed(messageOf(thrown), !(thrown instanceof ForbiddenEndpointError));
    }
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
