import type { Exchange } from "./exchange.ts";
import type { RestRouter } from "./rest-router.ts";
import type { LoadedService, Operation, Protocol, ServiceDescriptor } from "./service.ts";

const NO_PARAMETERS = new URLSearchParams();

/** The protocol of a request, among those that its service supports. */
export function protocolOf(descriptor: ServiceDescriptor, exchange: Exchange): Protocol {
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

/** The name of the operation, if the request states it explicitly. */
export function operationNameOf(
  protocol: Protocol,
  exchange: Exchange,
  form: URLSearchParams | undefined,
): string | undefined {
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1":
      return exchange.headers["x-amz-target"]?.split(".")[1];
    case "rpcv2Cbor":
      return /\/operation\/([A-Za-z0-9]+)\/?$/.exec(exchange.rawPath)?.[1];
    case "awsQuery":
    case "ec2Query":
      return form?.get("Action") ?? undefined;
    case "restJson1":
    case "restXml":
      return undefined;
  }
}

/**
 * The operation and the labels of its path. `form` is set for the Query protocols, whose body names the
 * operation.
 */
export function resolve(
  service: LoadedService & { router: RestRouter },
  protocol: Protocol,
  exchange: Exchange,
  form: URLSearchParams | undefined,
): { operation: Operation; labels: Record<string, string> } | undefined {
  if (protocol === "restJson1" || protocol === "restXml") {
    const { bucket, path } = service.descriptor.isObjectStorage
      ? splitBucket(exchange)
      : { bucket: undefined, path: exchange.rawPath };
    return service.router.find({
      method: exchange.method,
      path,
      bucket,
      query: exchange.rawQuery === "" ? NO_PARAMETERS : new URLSearchParams(exchange.rawQuery),
      headers: exchange.headers,
    });
  }
  const name = operationNameOf(protocol, exchange, form);
  const operation = name === undefined ? undefined : service.operations.get(name);
  return operation && { operation, labels: {} };
}

/**
 * Decodes a part of a path; returns it unchanged if its escapes are not UTF-8: S3 refuses such a path before
 * it looks it up.
 */
function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The bucket that the host names (`BUCKET.s3.REGION.amazonaws.com`, `BUCKET.s3.localhost`), else the path's
 * first segment.
 */
export function splitBucket({ headers, rawPath }: Pick<Exchange, "headers" | "rawPath">): BucketAndPath {
  const { host = "" } = headers;
  if (lastSplit?.host !== host || lastSplit.rawPath !== rawPath)
    lastSplit = { host, rawPath, split: splitBucketOf(host, rawPath) };
  return lastSplit.split;
}

interface BucketAndPath {
  readonly bucket: string | undefined;
  readonly path: string;
}

/** The last answer: a request is asked several times. */
let lastSplit: { readonly host: string; readonly rawPath: string; readonly split: BucketAndPath } | undefined;

function splitBucketOf(hostAndPort: string, rawPath: string): BucketAndPath {
  const host = hostAndPort.replace(/:\d+$/, "");
  const virtual =
    /^(.+?)\.s3(?:[.-][a-z0-9-]+)*\.(?:amazonaws\.com|localhost)$/.exec(host)?.[1] ??
    /^(.+)\.localhost$/.exec(host)?.[1];
  if (virtual !== undefined && virtual !== "s3") return { bucket: virtual, path: rawPath };
  const match = /^\/([^/]+)(\/.*)?$/.exec(rawPath);
  if (match === null) return { bucket: undefined, path: rawPath };
  return { bucket: decodePart(match[1] ?? ""), path: match[2] ?? "/" };
}

/** The path and the query of a request, as they were sent. */
export function splitUrl(url: string): readonly [string, string] {
  const at = url.indexOf("?");
  return at < 0 ? [url, ""] : [url.slice(0, at), url.slice(at + 1)];
}
