import type { Principal } from "@gantry/iam/principal";
import { AssertionError } from "@gantry/kernel";
import { checkInput } from "./decode.ts";
import type { Exchange } from "./exchange.ts";
import type { NetworkPath } from "./network-path.ts";
import type { Signed } from "./request-conditions.ts";
import type { LoadedService } from "./service.ts";

/** A call that the platform makes for one of its services. */
export interface InnerCall {
  /** The folder of the service. */
  readonly service: string;
  readonly operation: string;
  /** In the SDK's form. */
  readonly input: Record<string, unknown>;
  readonly principal: Principal;
  readonly region: string;
  /** The request that the call is a part of; undefined for a call of the platform's own. */
  readonly within?: Within;
}

/** A request of a client: its address, its transport and its signature are conditions of the calls within it. */
interface Within {
  readonly exchange: Exchange;
  readonly path: NetworkPath;
  readonly signed: Signed | undefined;
}

/** What the dispatcher runs for a call of the platform's own. Errors: as `checkInput`. */
export function prepareInnerCall(service: LoadedService | undefined, call: InnerCall, requestId: string) {
  const operation = service?.operations.get(call.operation);
  const [protocol] = service?.descriptor.protocols ?? [];
  if (service === undefined || protocol === undefined || operation?.handler === undefined)
    throw new AssertionError(`${call.operation} is an operation of ${call.service}.`);
  const { constraints, validationCode } = service;
  checkInput(operation, call.input, { protocol, constraints, validationCode });
  const { principal, region, within } = call;
  const exchange = innerExchange(requestId);
  return {
    operation,
    exchange: within === undefined ? exchange : partOf(within.exchange, exchange),
    service,
    protocol,
    principal,
    region,
    signed: within?.signed,
    isInner: within !== undefined,
    path: within === undefined ? undefined : withoutPolicy(within.path),
  };
}

/** The headers of a request are those of its own operation, except what says who the client is. */
function partOf(
  { request, sourceAddress, isSecure, endpoint, headers }: Exchange,
  inner: Exchange,
): Exchange {
  const { "user-agent": userAgent, referer } = headers;
  return {
    ...inner,
    ...{ request, sourceAddress, isSecure, endpoint },
    headers: { "user-agent": userAgent, referer },
  };
}

/** The policy of a VPC endpoint decides about the request that came through it, not about the calls within. */
function withoutPolicy(path: NetworkPath): NetworkPath {
  return path.type === "endpoint" ? { ...path, policy: undefined } : path;
}

/** An exchange of no connection, for a call that the platform makes by itself. It has no source address. */
function innerExchange(requestId: string): Exchange {
  return {
    request: {} as Exchange["request"], // Only the socket is looked at, and there is none.
    headers: {},
    method: "POST",
    rawPath: "/",
    rawQuery: "",
    requestId,
    sourceAddress: "",
    isSecure: true,
    endpoint: "https://127.0.0.1",
    continueWith: () => {},
  };
}
