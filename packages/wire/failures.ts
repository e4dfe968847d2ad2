import { AssertionError, isDamage, isOutOfRoom, type Logger, messageOf } from "@gantry/kernel";
import { authenticationError, internalError, noRoomError, throttledError } from "./access-errors.ts";
import { ApiError } from "./api-error.ts";
import { SignatureError } from "./claim.ts";
import type { Exchange } from "./exchange.ts";
import { BusyError } from "./large-bodies.ts";
import type { Protocol } from "./service.ts";

/**
 * Translates any thrown value to an error of the protocol. Errors that the caller did not cause are logged.
 */
export function toApiError(
  thrown: unknown,
  call: { protocol: Protocol; exchange: Exchange; log: Logger },
): ApiError {
  const { protocol, exchange, log } = call;
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof SignatureError) return authenticationError(protocol, thrown);
  if (thrown instanceof BusyError) return throttledError(protocol);
  if (isOutOfRoom(thrown)) {
    log.error("The disk is full: free some space", {
      requestId: exchange.requestId,
      reason: messageOf(thrown),
    });
    return noRoomError(protocol);
  }
  if (isDamage(thrown)) {
    log.error("Stored data is damaged", {
      requestId: exchange.requestId,
      path: exchange.rawPath,
      reason: messageOf(thrown),
    });
    return internalError(
      protocol,
      "What was asked for is damaged on the disk and is not served: gantry doctor names it.",
    );
  }
  const fields = {
    requestId: exchange.requestId,
    path: exchange.rawPath,
    reason: messageOf(thrown),
    stack: thrown instanceof Error ? thrown.stack : undefined,
  };
  log.error(thrown instanceof AssertionError ? "Internal invariant violated" : "Request failed", fields);
  return internalError(protocol, "We encountered an internal error. Please try again.");
}
