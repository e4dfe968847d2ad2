import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Principal } from "@gantry/iam/principal";
import { AssertionError, messageOf, realTimeOf } from "@gantry/kernel";
import { accessDeniedError, throttledError } from "./access-errors.ts";
import { admit } from "./admission.ts";
import { ApiError } from "./api-error.ts";
import { Authenticator } from "./authentication.ts";
import { readClaim, regionOf, SignatureError, type Claim } from "./claim.ts";
import {
  checkInput,
  decode,
  documentOf,
  formParameters,
  hasStreamingInput,
  type Document,
} from "./decode.ts";
import type { DispatcherDeps } from "./dispatcher-deps.ts";
import { isCompressed, withoutCompression } from "./content-encoding.ts";
import { encodeError, encodeOutput } from "./encode.ts";
import type { Exchange, WireResponse } from "./exchange.ts";
import { prepareInnerCall, type InnerCall } from "./inner-call.ts";
import { BodyLease, BodyMemory, Lane, LARGE_BYTES } from "./large-bodies.ts";
import { toApiError } from "./failures.ts";
import { withHeadersOfQuery } from "./query-headers.ts";
import { isEncrypted } from "./plain-and-tls.ts";
import { hasArrived, readAll } from "./request-body.ts";
import { reachableBy, UnreachableError, type NetworkPath } from "./network-path.ts";
import { requestKeys, tagKeys, tlsVersionOf, type Signed } from "./request-conditions.ts";
import { operationNameOf, protocolOf, resolve, splitUrl } from "./routing.ts";
import { send } from "./send.ts";
import { notImplementedError, unknownOperationError } from "./unsupported.ts";
import { chooseService, Registration, unknownService, type RoutedService } from "./service-choice.ts";
import {
  BODY_LIMITS,
  type LoadedService,
  type Operation,
  type Protocol,
  type RequestContext,
  type ServiceDescriptor,
  type ServiceModule,
} from "./service.ts";

interface Call {
  readonly exchange: Exchange;
  readonly claim: Claim | undefined;
  readonly service: RoutedService;
  readonly protocol: Protocol;
}

interface Authenticated {
  readonly exchange: Exchange;
  readonly service: LoadedService;
  readonly protocol: Protocol;
  readonly principal: Principal;
  readonly signed: Signed | undefined;
  readonly region: string;
  /** How the request reached the platform, where that is known already. */
  readonly path?: NetworkPath | undefined;
  readonly isInner?: boolean; // Whether the call is a part of another.
}

/** The total size of bodies that are being read and decoded. Streamed object data does not count. */
const BODIES_MAX_BYTES = 128 * 1024 * 1024;
const LINGER_MS = 2_000;
/** How long the server waits for a body that is read whole; the wait grows with the body's maximum size. */
const BODY_WAIT_MS = 30_000;
const BODY_BYTES_PER_MS = 64;
const IN_FLIGHT_MAX = 2_000;
/**
 * Resources that one request may name: more than any operation takes, and few enough to evaluate the policies
 * for all of them in one turn.
 */
const RESOURCES_MAX = 2_000;

/** All services behind one port: service → operation → signature → input → permission → handler → answer. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #authenticator: Authenticator;
  readonly #memory = new BodyMemory(BODIES_MAX_BYTES);
  readonly #lane = new Lane();
  readonly #services: Registration[] = [];
  readonly #unknownSeen = new Set<string>();
  #inFlight = 0;

  constructor(given: DispatcherDeps) {
    // Signatures and sessions are of the real world, whatever clock the platform waits by.
    const deps = { ...given, clock: realTimeOf(given.clock).clock };
    this.#deps = deps;
    this.#authenticator = new Authenticator(deps);
  }

  /** Adds a service; its code is loaded on its first request or when warmed. */
  register(descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>): void {
    this.#services.push(new Registration(descriptor, load));
  }

  /** Runs an operation as a principal of the platform itself. Errors: the operation's own, AccessDenied. */
  async call(call: InnerCall): Promise<object> {
    const registered = this.#services.find(({ descriptor }) => descriptor.folder === call.service);
    const prepared = prepareInnerCall(await registered?.load(), call, this.#deps.ids.uuid());
    return this.#run(prepared.operation, call.input, prepared);
  }

  /** Loads every service, one after another, or only the one of this folder. */
  async warm(folder?: string): Promise<void> {
    for (const service of this.#services)
      if (folder === undefined || service.descriptor.folder === folder) await service.load();
  }

  /** Answers one request. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse, continueWith: () => void): Promise<void> {
    const [rawPath, rawQuery] = splitUrl(request.url ?? "/");
    // Node joins repeated headers, except set-cookie, which no request has.
    const headers = request.headers as Record<string, string | undefined>;
    const requestId = this.#deps.ids.uuid();
    const isTls = isEncrypted(request.socket);
    const exchange: Exchange = {
      request,
      headers,
      method: request.method ?? "GET",
      rawPath,
      rawQuery,
      requestId,
      sourceAddress:
        this.#deps.sourceOf?.(request.socket) ?? (request.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
      origin: this.#deps.originOf?.(request.socket),
      endpoint: `${isTls ? "https" : "http"}://${headers["host"] ?? "127.0.0.1"}`,
      isSecure: isTls || this.#deps.countsAsSecure?.(request.socket) === true,
      continueWith,
    };
    try {
      const answer = await this.#answer(exchange);
      // The rest of an unread body would be parsed as the next request, so the connection is closed.
      if (!request.complete) response.setHeader("connection", "close");
      await send(response, answer, { method: exchange.method, settled: this.#deps.settled });
    } catch (thrown) {
      this.#deps.log.debug("Connection lost", { requestId, reason: messageOf(thrown) });
      response.destroy();
    }
    if (request.complete) return;
    // The rest of the body is drained briefly, so that the response arrives; then the connection is closed.
    request.resume();
    this.#deps.clock.after(LINGER_MS, () => {
      if (!request.complete) request.destroy();
    });
  }

  async #answer(exchange: Exchange): Promise<WireResponse> {
    let claim: Claim | undefined;
    let claimFailure: SignatureError | undefined;
    try {
      claim = readClaim(exchange);
    } catch (thrown) {
      if (!(thrown instanceof SignatureError)) throw thrown;
      claimFailure = thrown;
    }
    // Nothing is awaited that is there already: each turn of the microtasks costs every request.
    const choice = chooseService(this.#services, exchange, claim);
    const registered = choice instanceof Promise ? await choice : choice;
    if (registered === undefined) return unknownService(exchange, claim);
    const service = registered.loaded ?? (await registered.load());
    const protocol = protocolOf(registered.descriptor, exchange);
    const answer = await this.#attempt({ exchange, claim, service, protocol }, claimFailure);
    service.answered?.({ exchange, answer, accessKeyId: claim?.accessKeyId });
    const more = service.responseHeaders?.(exchange);
    return more === undefined ? answer : { ...answer, headers: { ...answer.headers, ...more } };
  }

  /** The response, or that of what went wrong. Errors: UnreachableError. */
  async #attempt(call: Call, claimFailure: SignatureError | undefined): Promise<WireResponse> {
    const { exchange, service, protocol } = call;
    const lease = new BodyLease(this.#memory);
    this.#inFlight += 1;
    try {
      if (this.#inFlight > this.#inFlightMax()) throw throttledError(protocol);
      const extra = service.extras === undefined ? undefined : await this.#extra(call);
      if (extra !== undefined) return extra;
      if (claimFailure !== undefined) throw claimFailure;
      return await this.#invoke(call, lease);
    } catch (thrown) {
      if (thrown instanceof UnreachableError) throw thrown;
      const { requestId, rawPath: path } = exchange;
      const error = toApiError(thrown, { protocol, exchange, log: this.#deps.log });
      return encodeError(error, { protocol, service, requestId, path });
    } finally {
      this.#inFlight -= 1;
      lease.end();
    }
  }

  /** The service's response outside its operations. */
  #extra({ exchange, service, protocol }: Call): Promise<WireResponse | undefined> | undefined {
    return service.extras?.(exchange, {
      credentials: this.#deps.credentials,
      now: this.#deps.clock.now(),
      invoke: async (name, input, caller) => {
        const operation = service.operations.get(name);
        if (operation?.handler === undefined)
          throw new AssertionError(`${name} is an operation of ${service.descriptor.id}.`);
        return this.#run(operation, input, { exchange, service, protocol, ...caller });
      },
    });
  }

  async #invoke(call: Call, lease: BodyLease): Promise<WireResponse> {
    const { claim, service, protocol } = call;
    const exchange = service.descriptor.isObjectStorage
      ? withHeadersOfQuery(call.exchange, claim)
      : call.exchange;
    const isQuery = protocol === "awsQuery" || protocol === "ec2Query";
    // Every protocol but Query names the operation outside the body, so the body's bound is known before it is read.
    const named = isQuery ? undefined : resolve(service, protocol, exchange, undefined);
    const limits = service.bodyLimits[named?.operation.name ?? ""] ?? BODY_LIMITS;
    const { principal, body } = await this.#authenticate(call, limits.bytes, lease, (each) =>
      admit(this.#deps.policy, each, { exchange, service, protocol, called: named }),
    );
    const form = isQuery ? formParameters(exchange, body, limits.values) : undefined;
    const found = named ?? resolve(service, protocol, exchange, form);
    if (found === undefined) {
      const name = operationNameOf(protocol, exchange, form) ?? `${exchange.method} ${exchange.rawPath}`;
      throw this.#unsupported(service, name, unknownOperationError(name, protocol));
    }
    const { operation, labels } = found;
    if (operation.handler === undefined) throw this.#notImplemented(operation, service, protocol);
    if (isQuery) admit(this.#deps.policy, principal, { exchange, service, protocol, called: found });
    const stream = body instanceof Readable ? body : undefined;
    const buffered =
      stream === undefined
        ? (body as Buffer) // Not a stream, so a buffer.
        : hasStreamingInput(operation)
          ? undefined
          : (await this.#waitingFor(exchange, limits.bytes, () => readAll(stream, limits.bytes, lease)))
              .bytes;
    const read = (document?: Document): Record<string, unknown> => {
      if (buffered !== undefined) service.checkBody?.(exchange.headers, buffered, operation.name);
      const input = decode(operation, protocol, {
        exchange,
        labels,
        buffered,
        stream,
        form,
        document,
        valuesMax: limits.values,
      });
      const { constraints, validationCode } = service;
      checkInput(operation, input, { protocol, constraints, validationCode });
      return input;
    };
    const input =
      buffered === undefined || buffered.length <= LARGE_BYTES
        ? read()
        : await this.#lane.run(async () =>
            read(await documentOf(operation, protocol, buffered, limits.values)),
          );
    const output = await this.#run(operation, input, {
      exchange,
      service,
      protocol,
      principal,
      signed: claim,
      region: regionOf(claim) ?? service.regionOf?.(exchange) ?? "us-east-1",
    });
    return encodeOutput(operation, output, { protocol, service, requestId: exchange.requestId });
  }

  /**
   * Authenticates the caller and reads the body; decompresses it if it was read whole. Errors: as
   * Authenticator.authenticate.
   */
  async #authenticate(
    call: Call,
    bodyMaxBytes: number,
    lease: BodyLease,
    admitted: (principal: Principal) => void,
  ): Promise<{ principal: Principal; body: Buffer | Readable }> {
    const { exchange } = call;
    const { principal, body } = await this.#waitingFor(exchange, bodyMaxBytes, () =>
      this.#authenticator.authenticate({ ...call, bodyMaxBytes, lease, admit: admitted }),
    );
    // Many requests that waited for their bodies may continue at the same time.
    if (this.#inFlight > this.#inFlightMax()) throw throttledError(call.protocol);
    if (!Buffer.isBuffer(body)) return { principal, body };
    if (!isCompressed(body, exchange.headers)) return { principal, body };
    const limits = { maxBytes: bodyMaxBytes, lease };
    return { principal, body: await withoutCompression(body, call.exchange.headers, limits) };
  }

  #inFlightMax(): number {
    return this.#deps.inFlightMax ?? IN_FLIGHT_MAX;
  }

  /**
   * Waits for a client's body, for a bounded time. Meanwhile the request does not count as in flight, so that
   * slow senders do not block others.
   */
  #waitingFor<T>(exchange: Exchange, bytesMax: number, work: () => Promise<T>): Promise<T> {
    if (hasArrived(exchange)) return work(); // Nothing is waited for.
    return this.#waitAtMost(exchange, bytesMax, work);
  }

  async #waitAtMost<T>(exchange: Exchange, bytesMax: number, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#deps;
    const timer = clock.after(BODY_WAIT_MS + bytesMax / BODY_BYTES_PER_MS, () => exchange.request.destroy());
    this.#inFlight -= 1;
    try {
      return await work();
    } finally {
      timer.cancel();
      this.#inFlight += 1;
    }
  }

  /** Checks the permissions that the operation needs, then runs it. Errors: UnreachableError too. */
  async #run(
    operation: Operation,
    input: Record<string, unknown>,
    call: Authenticated,
  ): Promise<Record<string, unknown>> {
    const { exchange, service, protocol, principal, region } = call;
    const called = { service: service.descriptor.signingName, region };
    const path = call.path ?? reachableBy(this.#deps.networkPathOf, exchange, called);
    const authorize = this.#authorizer(input, call, path);
    const { account } = principal;
    const needs = service.permissions(operation.name, input, { account, region, principal });
    if (call.isInner !== true) this.#deps.noteCall?.(call, needs[0]?.action);
    if (needs.length > RESOURCES_MAX)
      throw new ApiError(
        service.validationCode ?? (protocol === "awsQuery" ? "ValidationError" : "ValidationException"),
        `The request names more than ${RESOURCES_MAX} resources.`,
        { status: 400 },
      );
    for (const { action, resource, conditions } of needs) authorize(action, resource, conditions);
    service.prepare?.({ account, region });
    const { requestId, endpoint, method, sourceAddress } = exchange;
    const context: RequestContext = {
      requestId,
      ...{ account, region, principal, endpoint, method, sourceAddress },
      authorize,
      call: (inner) =>
        this.call({ ...inner, principal, region, within: { exchange, path, signed: call.signed } }),
    };
    const output = (await operation.handler?.(input, context)) ?? {};
    return output as Record<string, unknown>; // Typed by Implementation<M>.
  }

  /** Asks the policies, and that of the VPC endpoint that the request comes through. */
  #authorizer(
    input: Record<string, unknown>,
    call: Authenticated,
    path: NetworkPath,
  ): RequestContext["authorize"] {
    const { exchange, protocol, principal, signed, region } = call;
    const { policy } = this.#deps;
    return (action, resource, conditions) => {
      const known = () => ({
        ...requestKeys(exchange, region, path),
        ...tagKeys(input),
        ...policy.requestKeys({
          action,
          resource,
          input,
          account: principal.account,
          region,
          headers: exchange.headers,
          rawQuery: exchange.rawQuery,
          signed,
          tlsVersion: tlsVersionOf(exchange),
        }),
        ...conditions,
      });
      const why = policy.deniedBecause(principal, action, resource, known);
      if (why !== undefined) throw accessDeniedError(protocol, why);
      if (path.type !== "endpoint" || path.policy === undefined) return;
      const asked = { policy: path.policy, conditions: known };
      const stopped = policy.endpointDeniedBecause(principal, action, resource, asked);
      if (stopped !== undefined) throw accessDeniedError(protocol, stopped);
    };
  }

  #notImplemented({ name }: Operation, service: LoadedService, protocol: Protocol): ApiError {
    return this.#unsupported(service, name, notImplementedError(name, service.descriptor.folder, protocol));
  }

  /** Logs the operation once. Returns the refusal. */
  #unsupported({ descriptor }: LoadedService, operation: string, refusal: ApiError): ApiError {
    const name = `${descriptor.id}:${operation}`;
    if (this.#unknownSeen.has(name) || this.#unknownSeen.size > 5_000) return refusal;
    this.#unknownSeen.add(name);
    this.#deps.log.warn("Operation is not supported", { operation: name });
    return refusal;
  }
}
