import type { Readable } from "node:stream";
import type * as s3 from "@aws-sdk/client-s3";
import { ANONYMOUS } from "@gantry/iam";
import type { Access, Exchange, WireResponse } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { decodedPath } from "./decoded-path.ts";
import type { S3Deps } from "./s3-deps.ts";
import { answerWebsite } from "./website.ts";

/** A page of a bucket's website, read as nobody: what the bucket's policy does not give to everyone is not shown. */
export async function answerPage(
  deps: S3Deps,
  name: string,
  exchange: Exchange,
  access: Access,
): Promise<WireResponse> {
  const bucket = deps.store.get("bucket", name);
  const page = (status: number, code: string, message: string): WireResponse =>
    errorPage(exchange.requestId, { status, code, message });
  if (bucket === undefined) return page(404, "NoSuchBucket", "The specified bucket does not exist");
  if (bucket.website === undefined)
    return page(
      404,
      "NoSuchWebsiteConfiguration",
      "The specified bucket does not have a website configuration",
    );
  if (exchange.method !== "GET" && exchange.method !== "HEAD")
    return page(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
  const key = decodedPath(exchange.rawPath.slice(1));
  if (key === undefined) return page(400, "InvalidURI", "Couldn't parse the specified URI.");
  const request = {
    key,
    host: exchange.headers["host"] ?? "",
    scheme: exchange.endpoint.split(":")[0] ?? "http",
  };
  const configuration = JSON.parse(bucket.website) as s3.WebsiteConfiguration; // We wrote it.
  const anyone = { principal: ANONYMOUS, signed: undefined, region: bucket.region };
  const answer = await answerWebsite(configuration, request, {
    find: (key) => deps.objects.index.get(name, key),
    isListable: () =>
      access.invoke("HeadBucket", { Bucket: name }, anyone).then(
        () => true,
        (thrown: unknown) => {
          if (thrown instanceof ApiError) return false;
          throw thrown;
        },
      ),
  });
  if (answer.type === "redirect")
    return {
      status: answer.status,
      headers: { location: answer.location, "x-amz-request-id": exchange.requestId },
      body: "",
    };
  if (answer.type === "error") return page(answer.status, answer.code, answer.message);
  try {
    const output = await access.invoke("GetObject", { Bucket: name, Key: answer.key }, anyone);
    const headers = {
      "content-type": String(output["ContentType"]),
      "content-length": String(output["ContentLength"]),
      etag: String(output["ETag"]),
      "last-modified": (output["LastModified"] as Date).toUTCString(), // GetObject gives one.
      "x-amz-request-id": exchange.requestId,
    };
    return { status: answer.status, headers, body: output["Body"] as Readable | Uint8Array }; // GetObject gives either.
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    return page(thrown.status ?? 403, thrown.code, thrown.message);
  }
}

/** An error as a website answers it: a page for people. Source: "Configuring a custom error document". */
function errorPage(
  requestId: string,
  { status, code, message }: { status: number; code: string; message: string },
): WireResponse {
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "x-amz-request-id": requestId,
      "x-amz-error-code": code,
    },
    body:
      `<html>\n<head><title>${status} ${code}</title></head>\n<body>\n<h1>${status} ${code}</h1>\n<ul>\n` +
      `<li>Code: ${code}</li>\n<li>Message: ${message}</li>\n<li>RequestId: ${requestId}</li>\n</ul>\n` +
      `</body>\n</html>\n`,
  };
}
