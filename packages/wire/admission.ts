import type { Principal } from "@gantry/iam/principal";
import { accessDeniedError } from "./access-errors.ts";
import { SignatureError } from "./claim.ts";
import type { Exchange } from "./exchange.ts";
import { splitBucket } from "./routing.ts";
import type { LoadedService, Operation, Protocol } from "./service.ts";

export interface AdmissionPolicy {
  /**
   * Why the principal may perform none of the actions, whatever the rest of the request contains; undefined
   * if it may perform one. `resource` is the ARN that the headers name, if they name one.
   */
  neverBecause(
    principal: Principal,
    actions: readonly string[],
    resource: string | undefined,
  ): string | undefined;
}

/** A body of at most this many bytes is decoded in less than a millisecond. */
const SMALL_BYTES = 8 * 1024;

/**
 * Refuses a large request before its body is decoded if no policy allows the caller the action on any
 * resource. A small request is decoded first, so that the refusal names the resource. Errors: the protocol's
 * access-denied error.
 */
export function admit(
  policy: AdmissionPolicy,
  principal: Principal,
  call: {
    readonly exchange: Exchange;
    readonly service: LoadedService;
    readonly protocol: Protocol;
    /** Undefined if the headers do not determine the operation. */
    readonly called:
      | { readonly operation: Operation; readonly labels: Readonly<Record<string, string>> }
      | undefined;
  },
): void {
  const { exchange, service, protocol, called } = call;
  checkAnonymous(principal, service, called?.operation.name);
  if (called?.operation.handler === undefined || declaredBytes(exchange) <= SMALL_BYTES) return;
  const actions = service.leastActions(called.operation.name);
  if (actions.length === 0) return;
  const resource = service.descriptor.isObjectStorage ? objectArn(exchange, called.labels) : undefined;
  const why = policy.neverBecause(principal, actions, resource);
  if (why !== undefined) throw accessDeniedError(protocol, why);
}

/**
 * An unsigned call may be of an operation that needs no signature alone, unless its service lets a resource's
 * policy decide.
 */
function checkAnonymous({ type }: Principal, service: LoadedService, operation: string | undefined): void {
  if (type !== "anonymous" || service.allowsAnonymous) return;
  if (operation === undefined || !service.anonymousOperations.has(operation))
    throw new SignatureError("missing", "Request is missing Authentication Token");
}

/** The body size that the headers declare; infinite if they declare none. */
function declaredBytes({ headers }: Exchange): number {
  const length = headers["content-length"];
  if (length !== undefined) return Number(length);
  return headers["transfer-encoding"] === undefined ? 0 : Infinity;
}

/** The bucket or the object that the path names. */
function objectArn(exchange: Exchange, labels: Readonly<Record<string, string>>): string | undefined {
  const { bucket } = splitBucket(exchange);
  if (bucket === undefined) return undefined;
  const { Key: key } = labels;
  return key === undefined ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`;
}
