import type { Readable } from "node:stream";
import type { ConditionContext, Principal } from "@gantry/iam";
import type { Constraints } from "./constraints.ts";
import type { ErrorCode } from "./error-codes.ts";
import type { Exchange, WireResponse } from "./exchange.ts";
import type { Signed } from "./request-conditions.ts";
import { type Member, type Shape, shapeOf } from "./shape.ts";

export type Protocol =
  | "awsJson1_0"
  | "awsJson1_1"
  | "awsQuery"
  | "ec2Query"
  | "restJson1"
  | "restXml"
  | "rpcv2Cbor";

/** What an operation is given besides its input. */
export interface RequestContext {
  readonly requestId: string;
  readonly account: string;
  readonly region: string;
  readonly principal: Principal;
  /** Scheme, host and port that the caller used. */
  readonly endpoint: string;
  /** The HTTP method of the request, and the address that it came from; empty for a call of the platform's own. */
  readonly method: string;
  readonly sourceAddress: string;
  /** Throws AWS's access-denied error unless the caller may do `action` on `resource`. */
  readonly authorize: (action: string, resource: string, conditions?: ConditionContext) => void;
  /**
   * Runs an operation of another service as the caller: with its permissions, and with the address and the transport
   * of this request as conditions. `service` is the folder. Errors: the operation's own, AccessDenied.
   */
  readonly call: (call: {
    readonly service: string;
    readonly operation: string;
    readonly input: Record<string, unknown>;
  }) => Promise<object>;
}

/** What a handler returns: the SDK's output, and a status if it differs from the operation's. */
export type OutputOf<O> = Omit<O, "$metadata"> & { $metadata?: { httpStatusCode?: number } };
type HandlerOf<C> = C extends {
  readonly input: infer I;
  resolveMiddleware(...parts: never[]): (...parts: never[]) => Promise<{ output: infer O }>;
}
  ? (input: I, context: RequestContext) => OutputOf<O> | Promise<OutputOf<O>>
  : never;

/**
 * The operations of a service, typed by the SDK's own client module. Each may be missing; an unknown name
 * does not compile.
 */
export type Implementation<M> = {
  [
    K in keyof M as K extends `${infer Name}Command` ? (Name extends "$" ? never : Name) : never
  ]?: M[K] extends abstract new (...parts: never[]) => infer C ? HandlerOf<C> : never;
};

/**
 * Properties of a service that the schemas do not contain. A test compares it with the SDK client's own
 * configuration.
 */
export interface ServiceDescriptor {
  /** The SDK's package name without `@aws-sdk/client-`. */
  readonly id: string;
  /** Its folder in packages/api, where its SUPPORT.md is. */
  readonly folder: string;
  readonly signingName: string;
  readonly iamPrefix: string;
  readonly protocols: readonly Protocol[];
  readonly version: string;
  readonly targetPrefix: string;
  readonly xmlNamespace: string;
  /**
   * Whether requests name buckets and keys in the path or the host, as S3's do: bodies are streamed and
   * verified as they arrive, presigned URLs last a week and carry headers, and a request that names no
   * service goes to this one.
   */
  readonly isObjectStorage: boolean;
  /** Whether an error's body repeats its code as the member ErrorCode. */
  readonly namesErrorCode: boolean;
  /**
   * Operations whose output is its one member without a wrapper element. The trait is not in the SDK's
   * schemas.
   */
  readonly unwrappedOutputs: readonly string[];
}

/** A resource and an action that a call needs permission for. */
export interface Permission {
  readonly action: string;
  readonly resource: string;
  readonly conditions?: ConditionContext;
}

/** The permissions that a caller needs for an operation with this input. */
export type PermissionsOf = (
  operation: string,
  input: Readonly<Record<string, unknown>>,
  caller: { account: string; region: string; principal: Principal },
) => readonly Permission[];

/** What a service may use to respond outside its operations. */
export interface Access {
  readonly credentials: {
    find(accessKeyId: string):
      | {
          readonly secretAccessKey: string;
          readonly principal: Principal;
          readonly token: string | undefined;
          readonly expiresAt: number | undefined;
        }
      | undefined;
  };
  readonly now: number;
  /** Runs an operation for a caller, with the permissions it needs. Errors: as the operation's, and AccessDenied. */
  readonly invoke: (
    operation: string,
    input: Record<string, unknown>,
    caller: { principal: Principal; signed: Signed | undefined; region: string },
  ) => Promise<Record<string, unknown>>;
}

/** A request and its answer. The key of an answer 403 is what the request claims. */
export interface AnsweredRequest {
  readonly exchange: Exchange;
  readonly answer: WireResponse;
  readonly accessKeyId: string | undefined;
}

/**
 * Limits of a body that is read whole: bytes, and values (members, elements or parameters) when it is
 * decoded.
 */
export interface BodyLimits {
  readonly bytes: number;
  readonly values: number;
}

/** The limits of most operations. */
export const BODY_LIMITS: BodyLimits = { bytes: 1024 * 1024, values: 20_000 };

/** A service's code, loaded when its first request arrives. */
export interface ServiceModule {
  readonly sdk: Readonly<Record<string, unknown>>;
  readonly operations: Readonly<Record<string, unknown>>;
  /** Constraints of the service's model on members besides their types. */
  readonly constraints?: Constraints;
  /** The code for a refused input, if it differs from the protocol's own. */
  readonly validationCode?: ErrorCode;
  /** Whether unsigned requests are accepted as anonymous; a resource's policy then decides. */
  readonly allowsAnonymous?: boolean;
  /** Operations that are called without a signature, of a service that accepts no anonymous caller otherwise. */
  readonly anonymousOperations?: ReadonlySet<string>;
  /**
   * Responds to requests that are not operations: a browser's preflight, a form, a page. Undefined: the
   * request is one.
   */
  readonly extras?: (exchange: Exchange, access: Access) => Promise<WireResponse | undefined>;
  /** The region of a request whose signature names none: that of its resource. */
  readonly regionOf?: (exchange: Exchange) => string | undefined;
  /** Checks a body that is read whole against the headers before it is decoded. */
  readonly checkBody?: (
    headers: Readonly<Record<string, string | undefined>>,
    body: Buffer,
    operation: string,
  ) => void;
  /** Corrects a member of an operation's input or output where the SDK's model differs from what the service does. */
  readonly amend?: (member: Member) => Member;
  /** Limits of bodies by operation, where the documented limits exceed `BODY_LIMITS`. */
  readonly bodyLimits?: Readonly<Record<string, BodyLimits>>;
  /** Creates what AWS has in every account and region before the first call there. */
  readonly prepare?: (place: { account: string; region: string }) => void;
  /** Headers of every response, including errors. */
  readonly responseHeaders?: (exchange: Exchange) => Readonly<Record<string, string>> | undefined;
  /** Called for every request that is answered, errors included, before the answer is sent. */
  readonly answered?: (request: AnsweredRequest) => void;
  /** The permissions a call needs; a service without it asks for `prefix:Operation` on `*`. */
  readonly permissions?: PermissionsOf;
  /**
   * Actions of which every call of an operation needs one, whatever its input; none if a call may need no
   * permission. A service without this function needs `prefix:Operation`.
   */
  readonly leastActions?: (operation: string) => readonly string[];
}

export type Handler = (input: Record<string, unknown>, context: RequestContext) => unknown;

/** An operation as this package uses it. */
export interface Operation {
  readonly name: string;
  readonly input: Shape;
  readonly output: Shape;
  readonly http: { readonly method: string; readonly uri: string; readonly status: number } | undefined;
  readonly handler: Handler | undefined;
}

/** A loaded service: its operations by name and its modelled errors by code. */
export interface LoadedService {
  readonly descriptor: ServiceDescriptor;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly errors: ReadonlyMap<string, ErrorShape>;
  readonly constraints: Constraints;
  readonly validationCode: ErrorCode | undefined;
  readonly allowsAnonymous: boolean;
  readonly anonymousOperations: ReadonlySet<string>;
  readonly extras: ServiceModule["extras"];
  readonly responseHeaders: ServiceModule["responseHeaders"];
  readonly answered: ServiceModule["answered"];
  readonly regionOf: ServiceModule["regionOf"];
  readonly bodyLimits: Readonly<Record<string, BodyLimits>>;
  readonly prepare: ServiceModule["prepare"];
  readonly checkBody: ServiceModule["checkBody"];
  readonly permissions: PermissionsOf;
  readonly leastActions: (operation: string) => readonly string[];
}

export interface ErrorShape {
  readonly name: string;
  readonly status: number;
  readonly queryCode: string;
  readonly shape: Shape;
}

/** Operations and errors of an SDK module, joined with the code that handles them. */
export function loadService(descriptor: ServiceDescriptor, module: ServiceModule): LoadedService {
  const operations = new Map<string, Operation>();
  const errors = new Map<string, ErrorShape>();
  for (const [key, schema] of Object.entries(module.sdk)) {
    if (!key.endsWith("$") || !Array.isArray(schema)) continue;
    const name = String(schema[2]);
    if (schema[0] === 9)
      operations.set(
        name,
        lazyOperation(
          name,
          schema,
          module.operations[name] as Handler | undefined, // Implementation<M> typed it.
          module.amend,
        ),
      );
    if (schema[0] === -3) errors.set(name, errorShape(name, schema));
  }
  for (const error of [...errors.values()])
    if (!errors.has(error.queryCode)) errors.set(error.queryCode, error);
  for (const name of Object.keys(module.operations))
    if (!operations.has(name))
      throw new Error(`${descriptor.id} implements ${name}, which the SDK does not know.`);
  const byDefault = (operation: string) => [
    { action: `${descriptor.iamPrefix}:${operation}`, resource: "*" },
  ];
  const {
    constraints = {},
    validationCode,
    allowsAnonymous = false,
    anonymousOperations = new Set<string>(),
    extras,
    responseHeaders,
    answered,
    regionOf,
    bodyLimits = {},
    prepare,
    checkBody,
    permissions = byDefault,
    leastActions = (operation: string) => [`${descriptor.iamPrefix}:${operation}`],
  } = module;
  return {
    descriptor,
    operations,
    errors,
    constraints,
    validationCode,
    allowsAnonymous,
    anonymousOperations,
    extras,
    responseHeaders,
    answered,
    regionOf,
    bodyLimits,
    prepare,
    checkBody,
    permissions,
    leastActions,
  };
}

function lazyOperation(
  name: string,
  schema: readonly unknown[],
  handler: Handler | undefined,
  amend: ServiceModule["amend"],
): Operation {
  const traits = schema[3];
  const http =
    typeof traits === "object" && traits !== null && "http" in traits
      ? (traits.http as [string, string, number])
      : undefined; // The SDK's format.
  const resolve = (index: number) =>
    amended(
      shapeOf(typeof schema[index] === "function" ? (schema[index] as () => unknown)() : schema[index]), // As above.
      amend,
    );
  let input: Shape | undefined;
  let output: Shape | undefined;
  return {
    name,
    handler,
    http: http && { method: http[0], uri: http[1], status: http[2] },
    get input() {
      return (input ??= resolve(4));
    },
    get output() {
      return (output ??= resolve(5));
    },
  };
}

function amended(shape: Shape, amend: ServiceModule["amend"]): Shape {
  if (amend === undefined || shape.type !== "structure") return shape;
  return { ...shape, members: shape.members.map(amend) };
}

function errorShape(name: string, schema: readonly unknown[]): ErrorShape {
  const traits = (typeof schema[3] === "object" && schema[3] !== null ? schema[3] : {}) as {
    httpError?: number;
    awsQueryError?: [string, number];
    error?: string;
  }; // As above.
  const status =
    traits.awsQueryError?.[1] ??
    traits.httpError ??
    (name === "NotFound" ? 404 : traits.error === "server" ? 500 : 400);
  let shape: Shape | undefined;
  return {
    name,
    status,
    queryCode: traits.awsQueryError?.[0] ?? name,
    get shape() {
      return (shape ??= shapeOf(schema));
    },
  };
}

export type StreamingBody = Readable;
