import { messageOf, type Vault } from "@gantry/kernel";
import {
  CiphertextError,
  KeyUnusableError,
  type ApiDestinationRecord,
  type EventConnectionRecord,
  type EventDeliveryRecord,
} from "@gantry/state";
import { openConnection, type ConnectionSecret } from "@gantry/state/transactions/event-connections";
import type { Principal } from "@gantry/iam";
import type { ControllerDeps } from "../controller-deps.ts";
import { ForbiddenEndpointError, type SendOutbound } from "../outbound/outbound-request.ts";
import type { Permissions } from "../task/execution-role.ts";
import { destinationRequest, type DestinationRequest } from "./destination-request.ts";
import { failed, type Outcome } from "./outcome.ts";

/** Source: EventBridge User Guide, "API destinations": how long an endpoint may take. */
const WAIT_MS = 5_000;
const AUTHORIZING_MS = 1_000;
const SECOND_MS = 1_000;

export interface DestinationDeps extends ControllerDeps {
  readonly vault: Vault;
  readonly permissions: Permissions;
  readonly send: SendOutbound;
}

export type CallDestination = (delivery: EventDeliveryRecord, principal: Principal) => Promise<Outcome>;

/** How many invocations of each destination the second that runs now has seen. */
class Rates {
  #second = 0;
  #counts = new Map<string, number>();

  /** Counts an invocation; returns how long to wait (ms) where the second has seen enough of them. */
  take({ arn, ratePerSecond }: ApiDestinationRecord, now: number): number {
    const second = Math.floor(now / SECOND_MS);
    if (second !== this.#second) [this.#second, this.#counts] = [second, new Map()];
    const count = this.#counts.get(arn) ?? 0;
    if (count >= ratePerSecond) return (second + 1) * SECOND_MS - now;
    this.#counts.set(arn, count + 1);
    return 0;
  }
}

/**
 * Invokes API destinations with the authorization of their connections, at most as often in a second as each allows.
 * The target's role needs `events:InvokeApiDestination`. Source: EventBridge User Guide, "API destinations as targets".
 */
export function destinationCaller(deps: DestinationDeps): CallDestination {
  const rates = new Rates();
  return async (delivery, principal) => {
    const { store, clock, vault } = deps;
    const { arn } = delivery.target;
    const denied = deps.permissions.deniedBecause(principal, "events:InvokeApiDestination", arn, () => ({}));
    if (denied !== undefined) return failed("NO_PERMISSIONS", denied, false);
    const destination = store.get("apiDestination", arn);
    if (destination === undefined) return failed("NO_RESOURCE", "The API destination does not exist.", false);
    const connection = store.get("eventConnection", destination.connectionArn);
    if (connection === undefined || connection.state === "DEAUTHORIZED")
      return failed("NO_PERMISSIONS", "The connection of the API destination is not authorized.", false);
    if (connection.state === "AUTHORIZING") return { type: "later", waitMs: AUTHORIZING_MS };
    const secret = secretOf(deps, connection);
    if (typeof secret === "string") return failed("NO_PERMISSIONS", secret, false);
    const { token } = connection;
    if (token?.expiresAt !== undefined && token.expiresAt <= clock.now()) {
      renewToken(deps, connection);
      return { type: "later", waitMs: AUTHORIZING_MS };
    }
    const waitMs = rates.take(destination, clock.now());
    if (waitMs > 0) return { type: "later", waitMs };
    const opened = token === undefined ? undefined : vault.open(token.sealedValue);
    const request = destinationRequest(delivery, destination, { connection, secret, token: opened });
    if (request === undefined) return failed("INVALID_PARAMETER", "The endpoint is not a URL.", false);
    return invoke(deps, request, connection);
  };
}

/** The secrets of a connection, or why there are none. */
function secretOf(
  { store, vault }: DestinationDeps,
  connection: EventConnectionRecord,
): ConnectionSecret | string {
  try {
    return openConnection(store, vault, connection) ?? "The secret of the connection is not there.";
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError || thrown instanceof CiphertextError)
      return `The secret of the connection cannot be decrypted: ${thrown.message}`;
    throw thrown;
  }
}

async function invoke(
  deps: DestinationDeps,
  { url, ...request }: DestinationRequest,
  connection: EventConnectionRecord,
): Promise<Outcome> {
  try {
    const { status } = await deps.send(url, { ...request, waitMs: WAIT_MS });
    if (status >= 200 && status < 300) return { type: "done" };
    const isUnauthorized = status === 401 || status === 407;
    if (isUnauthorized) renewToken(deps, connection);
    // Source: EventBridge User Guide, "API destination partners", error codes: which answers are tried again.
    const mayRetry = isUnauthorized || status === 409 || status === 429 || status >= 500;
    return failed(
      status === 429 ? "THROTTLING" : "ERROR_FROM_TARGET",
      `The endpoint answered ${status}.`,
      mayRetry,
    );
  } catch (thrown) {
    const isFinal = thrown instanceof ForbiddenEndpointError || thrown instanceof TypeError;
    return failed(isFinal ? "INVALID_PARAMETER" : "SDK_CLIENT_ERROR", messageOf(thrown), !isFinal);
  }
}

/** Has the connection controller ask for another token, where the connection has one. */
function renewToken({ store }: ControllerDeps, { arn, token }: EventConnectionRecord): void {
  if (token === undefined) return;
  store.transact((tx) => {
    const now = tx.get("eventConnection", arn);
    // A token that another delivery has had renewed meanwhile stays.
    if (now?.token?.sealedValue === token.sealedValue)
      tx.put("eventConnection", arn, { ...now, state: "AUTHORIZING" });
  });
}
