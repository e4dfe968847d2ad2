import { Transform, type Readable } from "node:stream";
import { ANONYMOUS } from "@gantry/iam";
import type { Reader } from "@gantry/state";
import { ApiError, splitBucket, type Access, type Exchange, type WireResponse } from "@gantry/wire";
import type * as s3 from "@aws-sdk/client-s3";
import { corsHeaders } from "./cors.ts";
import type { S3Deps } from "./s3-deps.ts";
import { checkPolicy, readForm, signerOf } from "./post-form.ts";
import { answerWebsite } from "./website.ts";

const WEBSITE_HOST = /^(.+)\.s3-website[.-][a-z0-9-]+\.(?:amazonaws\.com|localhost)(?::\d+)?$/;

/** What S3 answers outside its operations: a browser's question beforehand, a posted form, a website's page. */
export async function answerExtra(
  deps: S3Deps,
  exchange: Exchange,
  access: Access,
): Promise<WireResponse | undefined> {
  const website = WEBSITE_HOST.exec(exchange.headers["host"] ?? "")?.[1];
  if (website !== undefined) return answerPage(deps, website, exchange, access);
  if (decodedPath(exchange.rawPath) === undefined)
    throw new ApiError("InvalidURI", "Couldn't parse the specified URI.", {
      status: 400,
      fields: { URI: exchange.rawPath },
    });
  const { bucket, path } = splitBucket(exchange);
  if (bucket === undefined) return undefined;
  if (exchange.method === "OPTIONS") return answerPreflight(deps.store, bucket, exchange);
  if (
    exchange.method === "POST" &&
    path === "/" &&
    exchange.headers["content-type"]?.startsWith("multipart/form-data") === true
  )
    return answerForm(bucket, exchange, access);
  return undefined;
}

/** Undefined where the path's escapes are not UTF-8. */
function decodedPath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** Cross-origin headers of an answer, where the bucket has a rule for it. */
export function crossOriginHeaders(
  reader: Reader,
  exchange: Exchange,
): Readonly<Record<string, string>> | undefined {
  const origin = exchange.headers["origin"];
  if (origin === undefined || exchange.method === "OPTIONS") return undefined;
  const rules = reader.get("bucket", splitBucket(exchange).bucket ?? "")?.cors;
  return rules === undefined
    ? undefined
    : corsHeaders(rules, { origin, method: exchange.method, headers: [], isPreflight: false });
}

function answerPreflight(reader: Reader, name: string, exchange: Exchange): WireResponse {
  const { headers } = exchange;
  const [origin, method] = [headers["origin"], headers["access-control-request-method"]];
  if (origin === undefined || method === undefined)
    throw new ApiError("BadRequest", "Insufficient information. Origin request header needed.", {
      status: 400,
    });
  const bucket = reader.get("bucket", name);
  const asked = (headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((header) => header.trim())
    .filter(Boolean);
  const answer = corsHeaders(bucket?.cors ?? [], { origin, method, headers: asked, isPreflight: true });
  if (answer === undefined)
    throw new ApiError(
      "AccessForbidden",
      bucket?.cors === undefined
        ? "CORSResponse: CORS is not enabled for this bucket."
        : "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
      { status: 403, fields: { Method: method, ResourceType: "BUCKET" } },
    );
  return { status: 200, headers: { ...answer, "x-amz-request-id": exchange.requestId }, body: "" };
}

async function answerForm(bucket: string, exchange: Exchange, access: Access): Promise<WireResponse> {
  exchange.continueWith();
  const form = await readForm(exchange);
  try {
    const { fields } = form;
    const key = (fields.get("key") ?? "").replaceAll("${filename}", form.fileName);
    if (!fields.has("key"))
      throw new ApiError(
        "InvalidArgument",
        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
        {
          status: 400,
          fields: { ArgumentName: "key", ArgumentValue: "" },
        },
      );
    const principal = signerOf(fields, access) ?? ANONYMOUS;
    const policy = fields.get("policy");
    const sizes =
      policy === undefined
        ? { least: 0, most: Infinity }
        : checkPolicy(policy, { fields, bucket, key: fields.get("key") ?? "" }, access.now);
    const metadata = Object.fromEntries(
      [...fields]
        .filter(([name]) => name.startsWith("x-amz-meta-"))
        // As a header carries it: bytes of UTF-8, each a character.
        .map(([name, value]) => [name.slice("x-amz-meta-".length), Buffer.from(value).toString("latin1")]),
    );
    const output = await access.invoke(
      "PutObject",
      {
        Bucket: bucket,
        Key: key,
        Body: form.file.pipe(withinSizes(sizes)),
        ACL: fields.get("acl"),
        CacheControl: fields.get("cache-control"),
        ContentType: fields.get("content-type"),
        ContentDisposition: fields.get("content-disposition"),
        ContentEncoding: fields.get("content-encoding"),
        Expires: fields.get("expires"),
        StorageClass: fields.get("x-amz-storage-class"),
        ServerSideEncryption: fields.get("x-amz-server-side-encryption"),
        WebsiteRedirectLocation: fields.get("x-amz-website-redirect-location"),
        Metadata: metadata,
      },
      { principal, region: (fields.get("x-amz-credential") ?? "").split("/")[2] ?? "" },
    );
    return presentForm(exchange, {
      bucket,
      key,
      fields,
      etag: String(output["ETag"]),
      versionId: output["VersionId"],
    });
  } finally {
    form.file.resume();
  }
}

function presentForm(
  exchange: Exchange,
  stored: {
    bucket: string;
    key: string;
    fields: ReadonlyMap<string, string>;
    etag: string;
    versionId: unknown;
  },
): WireResponse {
  const { bucket, key, fields, etag } = stored;
  const location = `${exchange.endpoint}/${bucket}/${encodeURIComponent(key).replaceAll("%2F", "/")}`;
  const headers: Record<string, string> = {
    "x-amz-request-id": exchange.requestId,
    etag,
    location,
    ...(typeof stored.versionId === "string" ? { "x-amz-version-id": stored.versionId } : {}),
  };
  const redirect = fields.get("success_action_redirect") ?? fields.get("redirect");
  if (redirect !== undefined && URL.canParse(redirect)) {
    const target = new URL(redirect);
    for (const [name, value] of Object.entries({ bucket, key, etag })) target.searchParams.set(name, value);
    return { status: 303, headers: { ...headers, location: target.href }, body: "" };
  }
  const status = ["200", "201"].includes(fields.get("success_action_status") ?? "")
    ? Number(fields.get("success_action_status"))
    : 204;
  if (status !== 201) return { status, headers, body: "" };
  const text = (value: string): string =>
    value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse><Location>${text(location)}</Location><Bucket>${text(bucket)}</Bucket><Key>${text(key)}</Key><ETag>${text(etag)}</ETag></PostResponse>`;
  return { status, headers: { ...headers, "content-type": "application/xml" }, body };
}

/** Lets bytes through while they are within what the policy allows. Errors: EntityTooLarge, EntityTooSmall. */
function withinSizes({ least, most }: { least: number; most: number }): Transform {
  let size = 0;
  const limit = { ProposedSize: 0, MinSizeAllowed: least, MaxSizeAllowed: most };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > most)
        done(
          new ApiError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
            status: 400,
            fields: { ...limit, ProposedSize: size },
          }),
        );
      else done(null, chunk);
    },
    flush(done) {
      if (size < least)
        done(
          new ApiError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
            status: 400,
            fields: { ...limit, ProposedSize: size },
          }),
        );
      else done();
    },
  });
}

/** A page of a bucket's website, read as nobody: what the bucket's policy does not give to everyone is not shown. */
async function answerPage(
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
  const anyone = { principal: ANONYMOUS, region: bucket.region };
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
    body: `<html>\n<head><title>${status} ${code}</title></head>\n<body>\n<h1>${status} ${code}</h1>\n<ul>\n<li>Code: ${code}</li>\n<li>Message: ${message}</li>\n<li>RequestId: ${requestId}</li>\n</ul>\n</body>\n</html>\n`,
  };
}
