import type { IncomingMessage } from "node:http";
import type { Claim } from "./claim.ts";
import type { Exchange, WireResponse } from "./exchange.ts";
import { writeCbor } from "./protocols/cbor.ts";
import { escapeXml } from "./protocols/xml.ts";
import { readAll } from "./request-body.ts";
import { RestRouter } from "./rest-router.ts";
import { loadService, type LoadedService, type ServiceDescriptor, type ServiceModule } from "./service.ts";

/**
 * Bytes of an unsigned form, which is read to determine its service: a token of an issuer has 20,000
 * characters at most.
 */
const UNSIGNED_FORM_MAX_BYTES = 64 * 1024;
const readForms = new WeakMap<IncomingMessage, Buffer>();

/** The body of an unsigned form that was read to determine its service; undefined where it was not read. */
export function readFormOf({ request }: Exchange): Buffer | undefined {
  return readForms.get(request);
}

const FORM = "application/x-www-form-urlencoded";
/**
 * Services of the REST-XML protocol: a request without a body does not reveal its protocol. Source: the SDKs'
 * service models.
 */
const REST_XML_SERVICES: ReadonlySet<string> = new Set(["route53", "cloudfront", "s3-control"]);
/** Services whose errors have no wrapper element: S3's own form. */
const S3_FAMILY: ReadonlySet<string> = new Set(["s3", "s3express", "s3-outposts", "s3-object-lambda"]);

/** A loaded service, and what finds its operations by method and path. */
export type RoutedService = LoadedService & { readonly router: RestRouter };

/** A service whose code is loaded with its first request, or when it is warmed. */
export class Registration {
  readonly descriptor: ServiceDescriptor;
  /** What `load` resolved with, once it has. */
  loaded: RoutedService | undefined;
  readonly #load: () => Promise<ServiceModule>;
  #loading: Promise<RoutedService> | undefined;

  constructor(descriptor: ServiceDescriptor, load: () => Promise<ServiceModule>) {
    this.descriptor = descriptor;
    this.#load = load;
  }

  /** Loads the service once. Errors: those of its module. */
  load(): Promise<RoutedService> {
    return (this.#loading ??= this.#load().then((module) => {
      const service = loadService(this.descriptor, module);
      return (this.loaded = { ...service, router: new RestRouter(service.operations.values()) });
    }));
  }
}

/**
 * The service of a request, by its target header, its signature's scope, its API version, or its host. S3 is
 * the fallback.
 */
export function chooseService<S extends { readonly descriptor: ServiceDescriptor }>(
  services: readonly S[],
  exchange: Exchange,
  claim: Claim | undefined,
): S | undefined | Promise<S | undefined> {
  const by = (test: (descriptor: ServiceDescriptor) => boolean) =>
    services.find((service) => test(service.descriptor));
  const target = targetPrefixOf(exchange);
  const byTarget = target === undefined ? undefined : by((descriptor) => descriptor.targetPrefix === target);
  if (byTarget !== undefined) return byTarget;
  if (claim !== undefined && isS3Control(exchange, claim))
    return by((descriptor) => descriptor.id === "s3-control");
  if (claim !== undefined) return by((descriptor) => descriptor.signingName === claim.service);
  return chooseUnsigned(by, exchange);
}

/** The service of a request without a signature, by its API version or its host. */
async function chooseUnsigned<S>(
  by: (test: (descriptor: ServiceDescriptor) => boolean) => S | undefined,
  exchange: Exchange,
): Promise<S | undefined> {
  const version = await versionOf(exchange);
  if (version !== undefined)
    return (
      by((descriptor) => descriptor.version === version) ??
      // The request is unsigned, so it is refused, in the form of the Query protocol that it uses.
      by((descriptor) => descriptor.protocols.includes("awsQuery"))
    );
  const host = exchange.headers["host"]?.split(".")[0];
  return (
    by((descriptor) => descriptor.signingName === host) ?? by((descriptor) => descriptor.isObjectStorage)
  );
}

/**
 * Whether a request is one of S3 Control, which shares its signing name with S3 and has hosts of its own on AWS. Here
 * one endpoint serves both: the path and a header that only S3 Control's clients send, and sign, tell them apart. A
 * presigned URL is always one of S3: none of S3 Control exists.
 */
function isS3Control({ rawPath, headers }: Exchange, { form, service }: Claim): boolean {
  return (
    service === "s3" &&
    form === "header" &&
    rawPath.startsWith("/v20180820/") &&
    headers["x-amz-account-id"] !== undefined
  );
}

function targetPrefixOf(exchange: Exchange): string | undefined {
  return exchange.headers["x-amz-target"]?.split(".", 1)[0];
}

/**
 * The API version that an unsigned request of the Query protocols names; empty if the form is too long to be
 * read.
 */
async function versionOf(exchange: Exchange): Promise<string | undefined> {
  const inQuery = new URLSearchParams(exchange.rawQuery).get("Version");
  if (inQuery !== null) return inQuery;
  if (!isForm(exchange) || exchange.method !== "POST" || exchange.rawPath !== "/" || exchange.rawQuery !== "")
    return undefined;
  if (exchange.headers["expect"] !== undefined) exchange.continueWith();
  const form = await readAll(exchange.request, UNSIGNED_FORM_MAX_BYTES).catch(() => undefined);
  if (form !== undefined) readForms.set(exchange.request, form.bytes);
  return new URLSearchParams(form?.bytes.toString()).get("Version") ?? "";
}

function isForm(exchange: Exchange): boolean {
  return exchange.headers["content-type"]?.startsWith(FORM) === true;
}

/**
 * The refusal for a service that does not exist, in the protocol of the request, so that its client can parse
 * it. Clients do not retry a 404.
 */
export function unknownService(exchange: Exchange, claim: Claim | undefined): WireResponse {
  const name = claim?.service ?? targetPrefixOf(exchange) ?? exchange.headers["host"] ?? "";
  const code = "UnknownServiceException";
  const message = `Gantry does not have the service "${name}".`;
  const { requestId } = exchange;
  if (exchange.headers["smithy-protocol"] === "rpc-v2-cbor")
    return {
      status: 404,
      headers: {
        "content-type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-requestid": requestId,
      },
      body: writeCbor({ type: "unit" }, {}, { __type: code, message }),
    };
  const isJson = targetPrefixOf(exchange) !== undefined;
  if (!isJson && claim !== undefined && S3_FAMILY.has(claim.service))
    return {
      status: 404,
      headers: { "content-type": "application/xml", "x-amz-request-id": requestId },
      body: `<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message><RequestId>${requestId}</RequestId></Error>`,
    };
  if (!isJson && speaksXml(exchange, claim))
    return {
      status: 404,
      headers: { "content-type": "text/xml", "x-amzn-requestid": requestId },
      body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
    };
  return {
    status: 404,
    headers: {
      "content-type": isJson ? "application/x-amz-json-1.1" : "application/json",
      "x-amzn-requestid": requestId,
      "x-amzn-errortype": code,
    },
    body: JSON.stringify({ __type: code, message }),
  };
}

/** Whether the request uses the Query or REST-XML protocols: by its form, its body or its service. */
function speaksXml(exchange: Exchange, claim: Claim | undefined): boolean {
  const isQuery = isForm(exchange) || /(?:^|&)Action=/.test(exchange.rawQuery);
  const hasXml = /^(?:application|text)\/xml\b/.test(exchange.headers["content-type"] ?? "");
  return isQuery || hasXml || (claim !== undefined && REST_XML_SERVICES.has(claim.service));
}
