import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ANONYMOUS, type ConditionContext, type Principal } from "@gantry/iam/principal";
import {
  AssertionError,
  isDamage,
  isOutOfRoom,
  messageOf,
  type Clock,
  type Ids,
  type Logger,
} from "@gantry/kernel";
import {
  accessDeniedError,
  authenticationError,
  internalError,
  noRoomError,
  throttledError,
} from "./access-errors.ts";
import { ApiError } from "./api-error.ts";
import { checkInput, decode, hasStreamingInput } from "./decode.ts";
import { encodeError, encodeOutput, type WireResponse } from "./encode.ts";
import { readAll, verifiedStream } from "./request-body.ts";
import { RestRouter } from "./rest-router.ts";
import { operationNameOf, protocolOf, resolve, type Exchange } from "./routing.ts";
import {
  loadService,
  type LoadedService,
  type Operation,
  type Protocol,
  type RequestContext,
  type ServiceDescriptor,
  type ServiceModule,
} from "./service.ts";
import { readClaim, sha256Hex, SignatureError, verifySignature, type Claim } from "./sigv4.ts";

/** Who an access key belongs to, and its secret. */
export interface Credential {
  readonly secretAccessKey: string;
  readonly principal: Principal;
  /** The session token that must come with it, where it has one. */
  readonly token: string | undefined;
  readonly expiresAt: number | undefined;
}

export interface DispatcherDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly credentials: { find(accessKeyId: string): Credential | undefined };
  /** Resolves when everything committed so far is durable: no response is sent before. */
  readonly settled: () => Promise<void>;
  /** How many requests are answered at once; those beyond are told to come back. */
  readonly inFlightMax?: number;
  readonly policy: {
    /** Why the principal may not, or undefined where it may. */
    deniedBecause(
      principal: Principal,
      action: string,
      resource: string,
      conditions: () => ConditionContext,
    ): string | undefined;
  };
}

interface RegisteredService {
  readonly descriptor: ServiceDescriptor;
  readonly load: () => Promise<LoadedService & { router: RestRouter }>;
}

interface Call {
  readonly exchange: Exchange;
  readonly claim: Claim | undefined;
  readonly form: Buffer | undefined;
  readonly service: LoadedService & { router: RestRouter };
  readonly protocol: Protocol;
}

const LINGER_MS = 2_000;
const IN_FLIGHT_MAX = 2_000;

/** All services behind one port: service → operation → signature → input → permission → handler → answer. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #services: RegisteredService[] = [];
  readonly #unknownSeen = new Set<string>();
  #inFlight = 0;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  /** Adds a service; its code is loaded on its first request or when warmed. */
  register(descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>): void {
    let loaded: Promise<LoadedService & { router: RestRouter }> | undefined;
    this.#services.push({
      descriptor,
      load: () =>
        (loaded ??= load().then((module) => {
          const service = loadService(descriptor, module);
          return { ...service, router: new RestRouter(service.operations.values()) };
        })),
    });
  }

  /** Loads every service, one after the other. */
  async warm(): Promise<void> {
    for (const service of this.#services) await service.load();
  }

  /** Answers one request. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse, continueWith: () => void): Promise<void> {
    const [rawPath, rawQuery] = split(request.url ?? "/");
    const headers = request.headers as Record<string, string | undefined>; // Repeated headers are joined but set-cookie, which no request has.
    const requestId = this.#deps.ids.uuid();
    const scheme = "encrypted" in request.socket ? "https" : "http";
    const exchange: Exchange = {
      request,
      headers,
      method: request.method ?? "GET",
      rawPath,
      rawQuery,
      requestId,
      endpoint: `${scheme}://${headers["host"] ?? "127.0.0.1"}`,
      continueWith,
    };
    try {
      const answer = await this.#answer(exchange);
      await this.#deps.settled();
      await send(response, answer, exchange.method);
    } catch (thrown) {
      this.#deps.log.debug("Connection lost", { requestId, reason: messageOf(thrown) });
      response.destroy();
    }
    if (request.complete) return;
    // What is still on its way is not wanted: taken for a moment, so that the answer arrives, then cut off.
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
    const form = await this.#formOf(exchange).catch((thrown: unknown) =>
      thrown instanceof ApiError ? thrown : Promise.reject(thrown as Error),
    );
    if (form instanceof ApiError) return tooLarge(exchange, form);
    const registered = this.#choose(exchange, claim, form);
    if (registered === undefined) return unknownService(exchange);
    const service = await registered.load();
    const protocol = protocolOf(registered.descriptor, exchange);
    const context = { protocol, service, requestId: exchange.requestId, path: exchange.rawPath };
    this.#inFlight += 1;
    const answer = await this.#attempt({ exchange, claim, claimFailure, form, service, protocol })
      .catch((thrown: unknown) => encodeError(this.#toApiError(thrown, protocol, exchange), context))
      .finally(() => (this.#inFlight -= 1));
    const more = service.responseHeaders?.(exchange);
    return more === undefined ? answer : { ...answer, headers: { ...answer.headers, ...more } };
  }

  /** What the service answers outside its operations, else the operation's answer. */
  async #attempt(call: Call & { claimFailure: SignatureError | undefined }): Promise<WireResponse> {
    const { exchange, service, protocol } = call;
    if (this.#inFlight > (this.#deps.inFlightMax ?? IN_FLIGHT_MAX)) throw throttledError(protocol);
    const extra = await service.extras?.(exchange, {
      credentials: this.#deps.credentials,
      now: this.#deps.clock.now(),
      invoke: async (name, input, caller) => {
        const operation = service.operations.get(name);
        if (operation?.handler === undefined)
          throw new AssertionError(`${name} is an operation of ${service.descriptor.id}.`);
        return this.#run(operation, input, { exchange, service, protocol, ...caller });
      },
    });
    if (extra !== undefined) return extra;
    if (call.claimFailure !== undefined) throw call.claimFailure;
    return this.#invoke(call);
  }

  async #invoke(call: Call): Promise<WireResponse> {
    const { exchange, claim, service, protocol } = call;
    const isS3 = service.descriptor.id === "s3";
    const { principal, body } = await this.#authenticate(exchange, claim, {
      isS3,
      allowsAnonymous: service.allowsAnonymous,
      form: call.form,
    });
    const found = resolve(service, protocol, exchange, body);
    if (found === undefined) throw this.#unknownOperation(service, protocol, exchange, body);
    const { operation, labels } = found;
    if (operation.handler === undefined) {
      this.#logUnknownOnce(`${service.descriptor.id}:${operation.name}`);
      throw new ApiError(
        notImplementedCode(protocol),
        `${operation.name} is not supported by Gantry yet: see SUPPORT.md of ${service.descriptor.id}.`,
        { status: protocol === "restXml" ? 501 : 400 },
      );
    }
    const stream = body instanceof Readable ? body : undefined;
    const buffered =
      stream === undefined
        ? (body as Buffer)
        : hasStreamingInput(operation)
          ? undefined
          : await readAll(stream); // Not a stream, so a buffer.
    const input = decode(operation, protocol, { exchange, labels, buffered, stream });
    checkInput(operation, input, {
      protocol,
      constraints: service.constraints,
      validationCode: service.validationCode,
    });
    const output = await this.#run(operation, input, {
      exchange,
      service,
      protocol,
      principal,
      region: claim?.region ?? "us-east-1",
    });
    return encodeOutput(operation, output, { protocol, service, requestId: exchange.requestId });
  }

  /** Asks for the permissions that the operation needs, then runs it. */
  async #run(
    operation: Operation,
    input: Record<string, unknown>,
    call: {
      exchange: Exchange;
      service: LoadedService;
      protocol: Protocol;
      principal: Principal;
      region: string;
    },
  ): Promise<Record<string, unknown>> {
    const { exchange, service, protocol, principal, region } = call;
    const authorize = (action: string, resource: string, conditions?: ConditionContext): void => {
      const known = () => ({ ...requestKeys(exchange, region), ...tagKeys(input), ...conditions });
      const why = this.#deps.policy.deniedBecause(principal, action, resource, known);
      if (why !== undefined) throw accessDeniedError(protocol, why);
    };
    for (const { action, resource, conditions } of service.permissions(operation.name, input, {
      account: principal.account,
      region,
    }))
      authorize(action, resource, conditions);
    service.prepare?.({ account: principal.account, region });
    const { requestId, endpoint } = exchange;
    const context: RequestContext = {
      requestId,
      account: principal.account,
      region,
      principal,
      endpoint,
      authorize,
    };
    return ((await operation.handler?.(input, context)) ?? {}) as Record<string, unknown>; // Typed by Implementation<M>.
  }

  /** Verifies the signature, then gives the body: verified bytes, or for S3 a stream that verifies as it flows. */
  async #authenticate(
    exchange: Exchange,
    claim: Claim | undefined,
    options: { isS3: boolean; allowsAnonymous: boolean; form: Buffer | undefined },
  ): Promise<{ principal: Principal; body: Buffer | Readable }> {
    if (claim === undefined && options.allowsAnonymous) {
      exchange.continueWith();
      return { principal: ANONYMOUS, body: exchange.request };
    }
    if (claim === undefined) throw new SignatureError("missing", "Request is missing Authentication Token");
    const credential = this.#deps.credentials.find(claim.accessKeyId);
    if (credential === undefined) throw new SignatureError("unknown-key", "Unknown access key");
    if (credential.token !== claim.token)
      throw new SignatureError("bad-token", "The session token does not belong to the access key");
    const now = this.#deps.clock.now();
    if (credential.expiresAt !== undefined && now >= credential.expiresAt)
      throw new SignatureError("expired-token", "Expired token");
    const { secretAccessKey } = credential;
    if (options.isS3) {
      verifySignature({ request: exchange, claim, secretAccessKey, now, bodyHash: undefined });
      exchange.continueWith();
      return { principal: credential.principal, body: verifiedStream(exchange, claim, secretAccessKey) };
    }
    if (exchange.headers["expect"] !== undefined) exchange.continueWith();
    const body = options.form ?? (await readAll(exchange.request));
    const bodyHash = sha256Hex(body);
    const declared = claim.payloadHash;
    if (declared !== undefined && declared !== "UNSIGNED-PAYLOAD" && declared !== bodyHash)
      throw new SignatureError(
        "mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
      );
    verifySignature({ request: exchange, claim, secretAccessKey, now, bodyHash });
    return { principal: credential.principal, body };
  }

  /** The body of an unsigned or form-encoded request, which is needed to know the service. */
  async #formOf(exchange: Exchange): Promise<Buffer | undefined> {
    if (!exchange.headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) return undefined;
    if (exchange.method !== "POST" || exchange.rawPath !== "/") return undefined;
    if (exchange.headers["expect"] !== undefined) exchange.continueWith();
    return readAll(exchange.request);
  }

  #choose(
    exchange: Exchange,
    claim: Claim | undefined,
    form: Buffer | undefined,
  ): RegisteredService | undefined {
    const target = exchange.headers["x-amz-target"]?.split(".")[0];
    const byTarget =
      target === undefined
        ? undefined
        : this.#services.find((service) => service.descriptor.targetPrefix === target);
    if (byTarget !== undefined) return byTarget;
    const version = new URLSearchParams(form?.toString() ?? exchange.rawQuery).get("Version");
    if (claim !== undefined) {
      const sameName = this.#services.filter((service) => service.descriptor.signingName === claim.service);
      return sameName.find((service) => service.descriptor.version === version) ?? sameName[0];
    }
    if (version !== null) return this.#services.find((service) => service.descriptor.version === version);
    const host = exchange.headers["host"]?.split(".")[0];
    return (
      this.#services.find((service) => service.descriptor.signingName === host) ??
      this.#services.find((service) => service.descriptor.id === "s3")
    );
  }

  #unknownOperation(
    service: LoadedService,
    protocol: Protocol,
    exchange: Exchange,
    body: Buffer | Readable,
  ): ApiError {
    const name = operationNameOf(protocol, exchange, body) ?? `${exchange.method} ${exchange.rawPath}`;
    this.#logUnknownOnce(`${service.descriptor.id}:${name}`);
    switch (protocol) {
      case "awsQuery":
      case "ec2Query":
        return new ApiError("InvalidAction", `The action ${name} is not valid for this web service.`, {
          status: 400,
        });
      case "restXml":
        return new ApiError(
          "MethodNotAllowed",
          "The specified method is not allowed against this resource.",
          { status: 405 },
        );
      default:
        return new ApiError("UnknownOperationException", `Unknown operation ${name}`, { status: 404 });
    }
  }

  #logUnknownOnce(name: string): void {
    if (this.#unknownSeen.has(name) || this.#unknownSeen.size > 5_000) return;
    this.#unknownSeen.add(name);
    this.#deps.log.warn("Operation is not supported", { operation: name });
  }

  #toApiError(thrown: unknown, protocol: Protocol, exchange: Exchange): ApiError {
    if (thrown instanceof ApiError) return thrown;
    if (thrown instanceof SignatureError)
      return authenticationError(protocol, thrown.failure, thrown.message);
    if (isOutOfRoom(thrown)) {
      this.#deps.log.error("The disk is full: make room on it", {
        requestId: exchange.requestId,
        reason: messageOf(thrown),
      });
      return noRoomError(protocol);
    }
    if (isDamage(thrown)) {
      this.#deps.log.error("What is stored is damaged", {
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
    this.#deps.log.error(
      thrown instanceof AssertionError ? "A law of the program does not hold" : "Request failed",
      fields,
    );
    return internalError(protocol, "We encountered an internal error. Please try again.");
  }
}

function split(url: string): readonly [string, string] {
  const at = url.indexOf("?");
  return at < 0 ? [url, ""] : [url.slice(0, at), url.slice(at + 1)];
}

/** What conditions can know of a request. Source: IAM User Guide, "AWS global condition context keys". */
function requestKeys(exchange: Exchange, region: string): ConditionContext {
  const { headers, request } = exchange;
  const address = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  return {
    "aws:SourceIp": address,
    "aws:SecureTransport": String(exchange.endpoint.startsWith("https:")),
    "aws:RequestedRegion": region,
    ...(headers["user-agent"] === undefined ? {} : { "aws:UserAgent": headers["user-agent"] }),
    ...(headers["referer"] === undefined ? {} : { "aws:Referer": headers["referer"] }),
  };
}

/** The tags that a request gives, in any of AWS's spellings. */
function tagKeys(input: Readonly<Record<string, unknown>>): ConditionContext {
  const specifications = Array.isArray(input["TagSpecifications"])
    ? (input["TagSpecifications"] as { Tags?: unknown }[]).flatMap((each) => each.Tags ?? [])
    : []; // The shape's own members.
  const lists = [input["Tags"], input["tags"], specifications].filter(Array.isArray) as {
    Key?: string;
    Value?: string;
    key?: string;
    value?: string;
  }[][]; // As above.
  const pairs = lists.flat().map((tag) => [tag.Key ?? tag.key ?? "", tag.Value ?? tag.value ?? ""] as const);
  if (pairs.length === 0) return {};
  return {
    ...Object.fromEntries(pairs.map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    "aws:TagKeys": pairs.map(([key]) => key),
  };
}

function notImplementedCode(protocol: Protocol): string {
  switch (protocol) {
    case "restXml":
      return "NotImplemented";
    case "awsQuery":
    case "ec2Query":
      return protocol === "ec2Query" ? "UnsupportedOperation" : "InvalidAction";
    default:
      return "UnsupportedOperationException";
  }
}

/** A form so large that nobody read which service it is for. */
function tooLarge(exchange: Exchange, { code, message, status }: ApiError): WireResponse {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>${exchange.requestId}</RequestId></ErrorResponse>`;
  return { status: status ?? 413, headers: { "content-type": "text/xml", connection: "close" }, body };
}

function unknownService(exchange: Exchange): WireResponse {
  const body = JSON.stringify({
    __type: "UnknownServiceException",
    message: "Gantry does not know the service that this request is signed for.",
  });
  return {
    status: 404,
    headers: { "content-type": "application/json", "x-amzn-requestid": exchange.requestId },
    body,
  };
}

async function send(response: ServerResponse, answer: WireResponse, method: string): Promise<void> {
  const { body } = answer;
  if (body instanceof Readable) {
    response.writeHead(answer.status, answer.headers);
    if (method === "HEAD") {
      body.destroy();
      response.end();
      return;
    }
    await pipeline(body, response);
    return;
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const hasLength = Object.keys(answer.headers).some((name) => name.toLowerCase() === "content-length");
  const hasBody = answer.status !== 204 && answer.status !== 304;
  response.writeHead(
    answer.status,
    hasLength || !hasBody ? answer.headers : { ...answer.headers, "content-length": String(length) },
  );
  // In one piece with its headers, and after all requests of this turn are read: who is woken once finds all their answers, where a
  // client woken for each costs more than the answer (bench describe-tasks).
  setImmediate(() => response.end(method === "HEAD" || !hasBody ? undefined : body));
}
