import { createHash } from "node:crypto";
import type { ObjectMeta } from "@gantry/content";
import { ApiError } from "./api-error.ts";

const KEY_MAX_BYTES = 1_024;
const KEY_BYTES = 32;
export const STORAGE_CLASSES = [
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
];

/** An object's key. Any UTF-8 of 1 to 1,024 bytes is one. Source: "Naming Amazon S3 objects". */
export function checkKey(key: string | undefined): string {
  if (key === undefined || key === "")
    throw new ApiError("InvalidRequest", "A key is required.", { status: 400 });
  if (Buffer.byteLength(key) > KEY_MAX_BYTES)
    throw new ApiError("KeyTooLongError", "Your key is too long", {
      status: 400,
      fields: { Size: Buffer.byteLength(key), MaxSizeAllowed: KEY_MAX_BYTES },
    });
  return key;
}

export interface CustomerKeyInput {
  SSECustomerAlgorithm?: string | undefined;
  SSECustomerKey?: string | undefined;
  SSECustomerKeyMD5?: string | undefined;
}

/** The customer's key of a request, checked. Source: "Using server-side encryption with customer-provided keys". */
export function customerKeyOf(input: CustomerKeyInput): { key: Buffer; md5: string } | undefined {
  const { SSECustomerAlgorithm: algorithm, SSECustomerKey: text, SSECustomerKeyMD5: claimed } = input;
  if (algorithm === undefined && text === undefined && claimed === undefined) return undefined;
  const invalid = (message: string): ApiError => new ApiError("InvalidArgument", message, { status: 400 });
  if (algorithm === undefined)
    throw invalid(
      "Requests specifying Server Side Encryption with Customer provided keys must provide a valid " +
        "encryption algorithm.",
    );
  if (algorithm !== "AES256")
    throw new ApiError(
      "InvalidEncryptionAlgorithmError",
      "The Encryption request you specified is not valid. Supported value: AES256.",
      {
        status: 400,
      },
    );
  if (text === undefined)
    throw invalid(
      "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
    );
  const key = Buffer.from(text, "base64");
  if (key.length !== KEY_BYTES) throw invalid("The secret key was invalid for the specified algorithm.");
  const md5 = createHash("md5").update(key).digest("base64");
  if (claimed !== undefined && claimed !== md5)
    throw invalid("The calculated MD5 hash of the key did not match the hash that was provided.");
  return { key, md5 };
}

/** The key that a stored object must be read with; wrong, missing and needless keys are refused as S3 does. */
export function readingKeyOf(
  input: CustomerKeyInput,
  meta: Pick<ObjectMeta, "customerKeyMd5">,
): Buffer | undefined {
  const given = customerKeyOf(input);
  if (meta.customerKeyMd5 === undefined) {
    if (given !== undefined)
      throw new ApiError("InvalidRequest", "The encryption parameters are not applicable to this object.", {
        status: 400,
      });
    return undefined;
  }
  if (given === undefined)
    throw new ApiError(
      "InvalidRequest",
      "The object was stored using a form of Server Side Encryption. The correct parameters must be " +
        "provided to retrieve the object.",
      {
        status: 400,
      },
    );
  if (given.md5 !== meta.customerKeyMd5) throw new ApiError("AccessDenied", "Access Denied", { status: 403 });
  return given.key;
}

/** Whether a write has a condition on what is there. */
export function hasCondition(input: {
  readonly IfNoneMatch?: string | undefined;
  readonly IfMatch?: string | undefined;
}): boolean {
  return input.IfNoneMatch !== undefined || input.IfMatch !== undefined;
}

/** Conditional writes. Source: "How to prevent object overwrites with conditional writes". */
export function checkCondition(
  input: { IfNoneMatch?: string | undefined; IfMatch?: string | undefined },
  there: ObjectMeta | undefined,
): void {
  const failed = (Condition: string): ApiError =>
    new ApiError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
      status: 412,
      fields: { Condition },
    });
  // S3 itself knows `*` alone for writes, and answers anything else with these words. Source: API_PutObject,
  // If-None-Match.
  if (input.IfNoneMatch !== undefined && input.IfNoneMatch !== "*")
    throw new ApiError(
      "NotImplemented",
      "A header you provided implies functionality that is not implemented",
      {
        status: 501,
        fields: { Header: "If-None-Match" },
      },
    );
  if (input.IfNoneMatch === "*" && there !== undefined) throw failed("If-None-Match");
  if (input.IfMatch === undefined) return;
  if (there === undefined)
    throw new ApiError("NoSuchKey", "The specified key does not exist.", { status: 404 });
  if (unquote(input.IfMatch) !== there.etag) throw failed("If-Match");
}

/** Conditional reads. Source: API_GetObject, "Overriding response header values" and RFC 9110 §13.2.2. */
export function checkReadCondition(
  input: {
    IfMatch?: string | undefined;
    IfNoneMatch?: string | undefined;
    IfModifiedSince?: Date | undefined;
    IfUnmodifiedSince?: Date | undefined;
  },
  meta: ObjectMeta,
): void {
  const seconds = Math.floor(meta.modifiedAt / 1000) * 1000;
  const failed = (Condition: string): ApiError =>
    new ApiError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
      status: 412,
      fields: { Condition },
    });
  if (input.IfMatch !== undefined && unquote(input.IfMatch) !== meta.etag && input.IfMatch !== "*")
    throw failed("If-Match");
  if (
    input.IfMatch === undefined &&
    input.IfUnmodifiedSince !== undefined &&
    seconds > input.IfUnmodifiedSince.getTime()
  )
    throw failed("If-Unmodified-Since");
  const unchanged =
    input.IfNoneMatch !== undefined
      ? unquote(input.IfNoneMatch) === meta.etag || input.IfNoneMatch === "*"
      : input.IfModifiedSince !== undefined && seconds <= input.IfModifiedSince.getTime();
  if (unchanged)
    throw new ApiError("NotModified", "Not Modified", {
      status: 304,
      headers: { etag: `"${meta.etag}"`, "last-modified": new Date(meta.modifiedAt).toUTCString() },
    });
}

/** One range; what is no range is ignored, what lies outside refused. Source: RFC 9110 §14. */
export function parseRange(
  range: string | undefined,
  size: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start > end || start >= size)
    throw new ApiError("InvalidRange", "The requested range is not satisfiable", {
      status: 416,
      fields: { RangeRequested: range, ActualObjectSize: size },
    });
  return { start, end };
}

/** Headers that come back as they were given. */
export function headersOf(input: {
  ContentType?: string | undefined;
  CacheControl?: string | undefined;
  ContentDisposition?: string | undefined;
  ContentEncoding?: string | undefined;
  ContentLanguage?: string | undefined;
  Expires?: Date | undefined;
  StorageClass?: string | undefined;
}): Record<string, string> {
  // aws-chunked is how the body travelled, not how it is encoded. The rest is kept as it was given.
  const encoding = input.ContentEncoding?.replace(/(?:^|,)\s*aws-chunked\s*(?=,|$)/g, "").replace(
    /^\s*,\s*/,
    "",
  );
  if (input.StorageClass !== undefined && !STORAGE_CLASSES.includes(input.StorageClass))
    throw new ApiError("InvalidStorageClass", "The storage class you specified is not valid", {
      status: 400,
      fields: { StorageClassRequested: input.StorageClass },
    });
  const all = {
    ContentType: headerText("Content-Type", input.ContentType) ?? "binary/octet-stream",
    CacheControl: headerText("Cache-Control", input.CacheControl),
    ContentDisposition: headerText("Content-Disposition", input.ContentDisposition),
    ContentEncoding: headerText("Content-Encoding", encoding === "" ? undefined : encoding),
    ContentLanguage: headerText("Content-Language", input.ContentLanguage),
    ExpiresString: headerText("Expires", expiresOf(input.Expires)),
    StorageClass: input.StorageClass === "STANDARD" ? undefined : input.StorageClass,
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The text of a response header. Errors: InvalidArgument where its characters are not those of Latin-1. */
export function headerText(name: string, text: string | undefined): string | undefined {
  if (text === undefined || /^[\t\x20-\x7e\x80-\xff]*$/.test(text)) return text;
  throw new ApiError("InvalidArgument", "Header value cannot be represented using ISO-8859-1.", {
    status: 400,
    fields: { ArgumentName: name, ArgumentValue: text },
  });
}

/** The text of Expires, which `amendMember` leaves as it was given. */
export function expiresOf(given: Date | undefined): string | undefined {
  return given === undefined ? undefined : String(given);
}

export function unquote(etag: string): string {
  return etag.replace(/^(?:W\/)?"|"$/g, "");
}

/** Errors: NotImplemented for a write into an object that is there. */
export function refuseAppending(input: { readonly WriteOffsetBytes?: unknown }): void {
  if (input.WriteOffsetBytes !== undefined)
    throw new ApiError(
      "NotImplemented",
      "Gantry does not support appending to objects: leave out WriteOffsetBytes.",
      { status: 501 },
    );
}
