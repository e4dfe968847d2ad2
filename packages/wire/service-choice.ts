import type { Claim } from "./claim.ts";
import type { Exchange, WireResponse } from "./exchange.ts";
import { writeCbor } from "./protocols/cbor.ts";
import { escapeXml } from "./protocols/xml.ts";
import { readAll } from "./request-body.ts";
import type { ServiceDescriptor } from "./service.ts";

/** Bytes of an unsigned form that are read to learn which service's words its refusal takes. */
const UNSIGNED_FORM_MAX_BYTES = 16 * 1024;
const FORM = "application/x-www-form-urlencoded";
/** Services of the REST-XML protocol: a request without a body does not say so. Source: the SDKs' service models. */
const REST_XML_SERVICES: ReadonlySet<string> = new Set(["route53", "cloudfront", "s3-control"]);
/** Those whose errors stand in no wrapper: S3's own form. */
const S3_FAMILY: ReadonlySet<string> = new Set(["s3", "s3express", "s3-outposts", "s3-object-lambda"]);

/** The service that a request is for: by its target header, its signature's scope, its API version, its host. S3 is the last guess. */
export async function chooseService<S extends { readonly descriptor: ServiceDescriptor }>(
  services: readonly S[],
  exchange: Exchange,
  claim: Claim | undefined,
): Promise<S | undefined> {
  const by = (test: (descriptor: ServiceDescriptor) => boolean) =>
    services.find((service) => test(service.descriptor));
  const target = targetPrefixOf(exchange);
  const byTarget = target === undefined ? undefined : by((descriptor) => descriptor.targetPrefix === target);
  if (byTarget !== undefined) return byTarget;
  if (claim !== undefined) return by((descriptor) => descriptor.signingName === claim.service);
  const version = await versionOf(exchange);
  if (version !== undefined)
    return (
      by((descriptor) => descriptor.version === version) ??
      // Nobody signed it, so it is refused: in the words of the Query protocol, which it speaks.
      by((descriptor) => descriptor.protocols.includes("awsQuery"))
    );
  const host = exchange.headers["host"]?.split(".")[0];
  return (
    by((descriptor) => descriptor.signingName === host) ?? by((descriptor) => descriptor.isObjectStorage)
  );
}

function targetPrefixOf(exchange: Exchange): string | undefined {
  return exchange.headers["x-amz-target"]?.split(".")[0];
}

/** The API version that an unsigned request of the Query protocols names; empty where the form is too long to be read. */
async function versionOf(exchange: Exchange): Promise<string | undefined> {
  const inQuery = new URLSearchParams(exchange.rawQuery).get("Version");
  if (inQuery !== null) return inQuery;
  if (!isForm(exchange) || exchange.method !== "POST" || exchange.rawPath !== "/" || exchange.rawQuery !== "")
    return undefined;
  if (exchange.headers["expect"] !== undefined) exchange.continueWith();
  const form = await readAll(exchange.request, UNSIGNED_FORM_MAX_BYTES).catch(() => undefined);
  return new URLSearchParams(form?.bytes.toString()).get("Version") ?? "";
}

function isForm(exchange: Exchange): boolean {
  return exchange.headers["content-type"]?.startsWith(FORM) === true;
}

/**
 * The refusal of a service that is not there, in the protocol that the request speaks, so that its client reads it.
 * Clients do not retry a 404.
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

/** Whether the request is one of the Query or REST-XML protocols: by its form, its body or its service. */
function speaksXml(exchange: Exchange, claim: Claim | undefined): boolean {
  const isQuery = isForm(exchange) || /(?:^|&)Action=/.test(exchange.rawQuery);
  const hasXml = /^(?:application|text)\/xml\b/.test(exchange.headers["content-type"] ?? "");
  return isQuery || hasXml || (claim !== undefined && REST_XML_SERVICES.has(claim.service));
}
