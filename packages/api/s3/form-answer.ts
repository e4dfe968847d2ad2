import { Transform } from "node:stream";
import { ANONYMOUS } from "@gantry/iam";
import type { Access, Exchange, WireResponse } from "@gantry/wire";
import { ApiError } from "./api-error.ts";
import { checkPolicy, readForm, signerOf } from "./post-form.ts";

/** Puts the object that a browser posts as a form. Source: API_PutObject by POST, "POST Object". */
export async function answerForm(bucket: string, exchange: Exchange, access: Access): Promise<WireResponse> {
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
    const output = await access.invoke(
      "PutObject",
      { Bucket: bucket, Key: key, Body: form.file.pipe(withinSizes(sizes)), ...membersOf(fields) },
      {
        principal,
        signed:
          principal === ANONYMOUS ? undefined : { form: "form", amzDate: fields.get("x-amz-date") ?? "" },
        region: (fields.get("x-amz-credential") ?? "").split("/")[2] ?? "",
      },
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

/** The members of PutObject that fields of the form give. */
function membersOf(fields: ReadonlyMap<string, string>): Record<string, unknown> {
  return {
    ACL: fields.get("acl"),
    CacheControl: fields.get("cache-control"),
    ContentType: fields.get("content-type"),
    ContentDisposition: fields.get("content-disposition"),
    ContentEncoding: fields.get("content-encoding"),
    Expires: fields.get("expires"),
    StorageClass: fields.get("x-amz-storage-class"),
    ServerSideEncryption: fields.get("x-amz-server-side-encryption"),
    WebsiteRedirectLocation: fields.get("x-amz-website-redirect-location"),
    Metadata: Object.fromEntries(
      [...fields]
        .filter(([name]) => name.startsWith("x-amz-meta-"))
        // As a header carries it: bytes of UTF-8, each a character.
        .map(([name, value]) => [name.slice("x-amz-meta-".length), Buffer.from(value).toString("latin1")]),
    ),
  };
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
  const body =
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<PostResponse><Location>${text(location)}</Location><Bucket>${text(bucket)}</Bucket><Key>${text(key)}</Key><ETag>${text(etag)}</ETag></PostResponse>`;
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
