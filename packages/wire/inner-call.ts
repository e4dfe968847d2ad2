import type { Principal } from "@gantry/iam/principal";
import { AssertionError } from "@gantry/kernel";
import { checkInput } from "./decode.ts";
import type { Exchange } from "./exchange.ts";
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
}

/** What the dispatcher runs for a call of the platform's own. Errors: as `checkInput`. */
export function prepareInnerCall(service: LoadedService | undefined, call: InnerCall, requestId: string) {
  const operation = service?.operations.get(call.operation);
  const [protocol] = service?.descriptor.protocols ?? [];
  if (service === undefined || protocol === undefined || operation?.handler === undefined)
    throw new AssertionError(`${call.operation} is an operation of ${call.service}.`);
  const { constraints, validationCode } = service;
  checkInput(operation, call.input, { protocol, constraints, validationCode });
  const { principal, region } = call;
  return {
    operation,
    exchange: innerExchange(requestId),
    service,
    protocol,
    principal,
    region,
    signed: undefined,
  };
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
