import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AssertionError, isDamage, isOutOfRoom, messageOf, type Clock, type Ids, type Logger } from "@gantry/kernel";
import { accessDeniedError, authenticationError, internalError, noRoomError } from "./access-errors.ts";
import { ApiError } from "./api-error.ts";
import { decode, formParameters, hasStreamingInput, requireMembers } from "./decode.ts";
import { encodeError, encodeOutput, type WireResponse } from "./encode.ts";
import { readAll, verifiedStream } from "./request-body.ts";
import { RestRouter } from "./rest-router.ts";
import {
  loadService,
  type ConditionContext,
  type LoadedService,
  type Operation,
  type Principal,
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
  readonly policy: {
    /** Why the principal may not, or undefined where it may. */
    deniedBecause(principal: Principal, action: string, resource: string, conditions: ConditionContext): string | undefined;
  };
}

interface RegisteredService {
  readonly descriptor: ServiceDescriptor;
  readonly load: () => Promise<LoadedService & { router: RestRouter }>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly requestId: string;
  readonly endpoint: string;
  readonly continueWith: () => void;
}

const LINGER_MS = 2_000;

/** All services behind one port: service → operation → signature → input → permission → handler → answer. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #services: RegisteredService[] = [];
  readonly #unknownSeen = new Set<string>();

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
      await send(response, await this.#answer(exchange), exchange.method);
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
    const form = await this.#formOf(exchange).catch((thrown: unknown) => (thrown instanceof ApiError ? thrown : Promise.reject(thrown as Error)));
    if (form instanceof ApiError) return tooLarge(exchange, form);
    const registered = this.#choose(exchange, claim, form);
    if (registered === undefined) return unknownService(exchange);
    const service = await registered.load();
    const protocol = protocolOf(registered.descriptor, exchange);
    const context = { protocol, service, requestId: exchange.requestId, path: exchange.rawPath };
    try {
      if (claimFailure !== undefined) throw claimFailure;
      return await this.#invoke({ exchange, claim, form, service, protocol });
    } catch (thrown) {
      return encodeError(this.#toApiError(thrown, protocol, exchange), context);
    }
  }

  async #invoke(call: {
    exchange: Exchange;
    claim: Claim | undefined;
    form: Buffer | undefined;
    service: LoadedService & { router: RestRouter };
    protocol: Protocol;
  }): Promise<WireResponse> {
    const { exchange, claim, service, protocol } = call;
    const isS3 = service.descriptor.id === "s3";
    const { credential, body } = await this.#authenticate(exchange, claim, { protocol, isS3, form: call.form });
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
    const buffered = stream === undefined ? (body as Buffer) : hasStreamingInput(operation) ? undefined : await readAll(stream); // Not a stream, so a buffer.
    const input = decode(operation, protocol, { exchange, labels, buffered, stream });
    requireMembers(operation, input, protocol);
    const region = claim?.region ?? "us-east-1";
    const { principal } = credential;
    const authorize = (action: string, resource: string, conditions: ConditionContext = {}): void => {
      const why = this.#deps.policy.deniedBecause(principal, action, resource, conditions);
      if (why !== undefined) throw accessDeniedError(protocol, why);
    };
    for (const { action, resource } of service.permissions(operation.name, input, { account: principal.account, region }))
      authorize(action, resource);
    const context: RequestContext = {
      requestId: exchange.requestId,
      account: principal.account,
      region,
      principal,
      endpoint: exchange.endpoint,
      authorize,
    };
    const output = (await operation.handler(input, context)) ?? {};
    return encodeOutput(operation, output as Record<string, unknown>, { protocol, service, requestId: exchange.requestId }); // Typed by Implementation<M>.
  }

  /** Verifies the signature, then gives the body: verified bytes, or for S3 a stream that verifies as it flows. */
  async #authenticate(
    exchange: Exchange,
    claim: Claim | undefined,
    options: { protocol: Protocol; isS3: boolean; form: Buffer | undefined },
  ): Promise<{ credential: Credential; body: Buffer | Readable }> {
    if (claim === undefined) throw new SignatureError("missing", "Request is missing Authentication Token");
    const credential = this.#deps.credentials.find(claim.accessKeyId);
    if (credential === undefined) throw new SignatureError("unknown-key", "Unknown access key");
    if (credential.token !== claim.token) throw new SignatureError("bad-token", "The session token does not belong to the access key");
    const now = this.#deps.clock.now();
    if (credential.expiresAt !== undefined && now >= credential.expiresAt) throw new SignatureError("expired-token", "Expired token");
    const { secretAccessKey } = credential;
    if (options.isS3) {
      verifySignature({ request: exchange, claim, secretAccessKey, now, bodyHash: undefined });
      exchange.continueWith();
      return { credential, body: verifiedStream(exchange, claim, secretAccessKey) };
    }
    if (exchange.headers["expect"] !== undefined) exchange.continueWith();
    const body = options.form ?? (await readAll(exchange.request));
    const bodyHash = sha256Hex(body);
    const declared = claim.payloadHash;
    if (declared !== undefined && declared !== "UNSIGNED-PAYLOAD" && declared !== bodyHash)
      throw new SignatureError("mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.");
    verifySignature({ request: exchange, claim, secretAccessKey, now, bodyHash });
    return { credential, body };
  }

  /** The body of an unsigned or form-encoded request, which is needed to know the service. */
  async #formOf(exchange: Exchange): Promise<Buffer | undefined> {
    if (!exchange.headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) return undefined;
    if (exchange.method !== "POST" || exchange.rawPath !== "/") return undefined;
    if (exchange.headers["expect"] !== undefined) exchange.continueWith();
    return readAll(exchange.request);
  }

  #choose(exchange: Exchange, claim: Claim | undefined, form: Buffer | undefined): RegisteredService | undefined {
    const target = exchange.headers["x-amz-target"]?.split(".")[0];
    const byTarget = target === undefined ? undefined : this.#services.find((service) => service.descriptor.targetPrefix === target);
    if (byTarget !== undefined) return byTarget;
    const version = new URLSearchParams(form?.toString() ?? exchange.rawQuery).get("Version");
    if (claim !== undefined) {
      const sameName = this.#services.filter((service) => service.descriptor.signingName === claim.service);
      return sameName.find((service) => service.descriptor.version === version) ?? sameName[0];
    }
    if (version !== null) return this.#services.find((service) => service.descriptor.version === version);
    const host = exchange.headers["host"]?.split(".")[0];
    return (
      this.#services.find((service) => service.descriptor.signingName === host) ?? this.#services.find((service) => service.descriptor.id === "s3")
    );
  }

  #unknownOperation(service: LoadedService, protocol: Protocol, exchange: Exchange, body: Buffer | Readable): ApiError {
    const name = operationNameOf(protocol, exchange, body) ?? `${exchange.method} ${exchange.rawPath}`;
    this.#logUnknownOnce(`${service.descriptor.id}:${name}`);
    switch (protocol) {
      case "awsQuery":
      case "ec2Query":
        return new ApiError("InvalidAction", `The action ${name} is not valid for this web service.`, { status: 400 });
      case "restXml":
        return new ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.", { status: 405 });
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
    if (thrown instanceof SignatureError) return authenticationError(protocol, thrown.failure, thrown.message);
    if (isOutOfRoom(thrown)) {
      this.#deps.log.error("The disk is full: make room on it", { requestId: exchange.requestId, reason: messageOf(thrown) });
      return noRoomError(protocol);
    }
    if (isDamage(thrown)) {
      this.#deps.log.error("What is stored is damaged", { requestId: exchange.requestId, path: exchange.rawPath, reason: messageOf(thrown) });
      return internalError(protocol, "What was asked for is damaged on the disk and is not served: gantry doctor names it.");
    }
    const fields = {
      requestId: exchange.requestId,
      path: exchange.rawPath,
      reason: messageOf(thrown),
      stack: thrown instanceof Error ? thrown.stack : undefined,
    };
    this.#deps.log.error(thrown instanceof AssertionError ? "A law of the program does not hold" : "Request failed", fields);
    return internalError(protocol, "We encountered an internal error. Please try again.");
  }
}

function split(url: string): readonly [string, string] {
  const at = url.indexOf("?");
  return at < 0 ? [url, ""] : [url.slice(0, at), url.slice(at + 1)];
}

function protocolOf(descriptor: ServiceDescriptor, exchange: Exchange): Protocol {
  const has = (protocol: Protocol) => descriptor.protocols.includes(protocol);
  if (exchange.headers["smithy-protocol"] === "rpc-v2-cbor" && has("rpcv2Cbor")) return "rpcv2Cbor";
  const contentType = exchange.headers["content-type"] ?? "";
  if (exchange.headers["x-amz-target"] !== undefined)
    return contentType.includes("json-1.0") && has("awsJson1_0")
      ? "awsJson1_0"
      : has("awsJson1_1")
        ? "awsJson1_1"
        : (descriptor.protocols[0] ?? "awsJson1_1");
  return descriptor.protocols.find((protocol) => protocol !== "rpcv2Cbor") ?? "awsJson1_1";
}

function operationNameOf(protocol: Protocol, exchange: Exchange, body: Buffer | Readable): string | undefined {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1":
      return exchange.headers["x-amz-target"]?.split(".")[1];
    case "rpcv2Cbor":
      return /\/operation\/([A-Za-z0-9]+)\/?$/.exec(exchange.rawPath)?.[1];
    case "awsQuery":
    case "ec2Query":
      return formParameters(exchange, body).get("Action") ?? undefined;
    case "restJson1":
    case "restXml":
      return undefined;
  }
}

function resolve(
  service: LoadedService & { router: RestRouter },
  protocol: Protocol,
  exchange: Exchange,
  body: Buffer | Readable,
): { operation: Operation; labels: Record<string, string> } | undefined {
  if (protocol === "restJson1" || protocol === "restXml") {
    const { bucket, path } = service.descriptor.id === "s3" ? splitBucket(exchange) : { bucket: undefined, path: exchange.rawPath };
    return service.router.find({ method: exchange.method, path, bucket, query: new URLSearchParams(exchange.rawQuery), headers: exchange.headers });
  }
  const name = operationNameOf(protocol, exchange, body);
  const operation = name === undefined ? undefined : service.operations.get(name);
  return operation && { operation, labels: {} };
}

/** The bucket that the host names (`BUCKET.s3.REGION.amazonaws.com`, `BUCKET.s3.localhost`), else the path's first segment. */
function splitBucket(exchange: Exchange): { bucket: string | undefined; path: string } {
  const host = (exchange.headers["host"] ?? "").replace(/:\d+$/, "");
  const virtual = /^(.+?)\.s3(?:[.-][a-z0-9-]+)*\.(?:amazonaws\.com|localhost)$/.exec(host)?.[1] ?? /^(.+)\.localhost$/.exec(host)?.[1];
  if (virtual !== undefined && virtual !== "s3") return { bucket: virtual, path: exchange.rawPath };
  const match = /^\/([^/]+)(\/.*)?$/.exec(exchange.rawPath);
  if (match === null) return { bucket: undefined, path: exchange.rawPath };
  return { bucket: decodeURIComponent(match[1] ?? ""), path: match[2] ?? "/" };
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
  const body = JSON.stringify({ __type: "UnknownServiceException", message: "Gantry does not know the service that this request is signed for." });
  return { status: 404, headers: { "content-type": "application/json", "x-amzn-requestid": exchange.requestId }, body };
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
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const hasLength = Object.keys(answer.headers).some((name) => name.toLowerCase() === "content-length");
  const headers =
    hasLength || answer.status === 204 || answer.status === 304 ? answer.headers : { ...answer.headers, "content-length": String(bytes.length) };
  response.writeHead(answer.status, headers);
  response.end(method === "HEAD" || answer.status === 204 || answer.status === 304 ? undefined : bytes);
}
