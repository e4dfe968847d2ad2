import { messageOf } from "@gantry/kernel";
import { ApiError, serializationError } from "./api-error.ts";
import type { BodyLease } from "./large-bodies.ts";

/**
 * Decompresses the body. SDKs compress the bodies of PutMetricData from 10 KiB on, and sign the compressed
 * bytes. `maxBytes` bounds the result, so that a small body cannot exhaust the memory. Source: SDKs and Tools
 * Reference Guide, "Request compression". Errors: SerializationException, RequestEntityTooLargeException.
 */
export async function withoutCompression(
  body: Buffer,
  headers: Readonly<Record<string, string | undefined>>,
  limits: { maxBytes: number; lease: BodyLease },
): Promise<Buffer> {
  if (!isCompressed(body, headers)) return body;
  const encoding = headers["content-encoding"];
  if (encoding !== "gzip") throw serializationError(`The content encoding ${encoding} is not supported`);
  try {
    const plain = await gunzipped(body, limits.maxBytes);
    limits.lease.take(plain.length);
    return plain;
  } catch (thrown) {
    if (!(thrown instanceof Error) || !("code" in thrown)) throw thrown;
    if (thrown.code === "ERR_BUFFER_TOO_LARGE")
      throw new ApiError(
        "RequestEntityTooLargeException",
        `The request body is larger than ${limits.maxBytes} bytes`,
        { status: 413 },
      );
    throw serializationError(`The request body is not valid gzip: ${messageOf(thrown)}`);
  }
}

/** Whether a body is not empty and has a content encoding. */
export function isCompressed(
  body: Buffer,
  { "content-encoding": encoding = "" }: Readonly<Record<string, string | undefined>>,
): boolean {
  return encoding !== "" && encoding !== "identity" && body.length > 0;
}

function gunzipped(body: Buffer, maxOutputLength: number): Promise<Buffer> {
  const { gunzip } = process.getBuiltinModule("node:zlib");
  return new Promise((resolve, reject) =>
    gunzip(body, { maxOutputLength }, (thrown, plain) => (thrown === null ? resolve(plain) : reject(thrown))),
  );
}
