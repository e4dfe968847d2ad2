import { createHash, type Hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { PassThrough, Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";
import { AwsChunkedDecoder, malformedTrailer } from "./aws-chunked.ts";
import type { Claim } from "./claim.ts";
import type { BodyLease } from "./large-bodies.ts";
import { sha256Hex, signingKey } from "./sigv4.ts";

/** The fields of a request that the checks of its body use. */
export interface SignedBody {
  readonly request: IncomingMessage;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/**
 * S3's body without its framing, verified as it flows against the declared hash. `signing` is undefined for
 * an unsigned request.
 */
export function verifiedStream(
  exchange: SignedBody,
  options: {
    declared: string | undefined;
    signing: { claim: Claim; secretAccessKey: string } | undefined;
  },
): Readable {
  const { declared = "UNSIGNED-PAYLOAD" } = options;
  const chunked = declared.startsWith("STREAMING-");
  if (declared === "UNSIGNED-PAYLOAD") return exchange.request;
  if (declared === EMPTY_HASH && isEmptyRequest(exchange.request)) return exchange.request;
  const check = chunked ? chunkDecoder(exchange, declared, options.signing) : hashCheck(declared);
  // pipeline destroys both ends when one fails; the reader sees the error on `out`.
  const out = new PassThrough();
  check.on("checksum", (algorithm: string, value: string) => out.emit("checksum", algorithm, value));
  pipeline(exchange.request, check, out).catch((thrown: unknown) =>
    out.destroy(thrown instanceof Error ? thrown : new Error(messageOf(thrown))),
  );
  return out;
}

function chunkDecoder(
  exchange: SignedBody,
  declared: string,
  signing: { claim: Claim; secretAccessKey: string } | undefined,
): AwsChunkedDecoder {
  const signed = declared.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  if (signed && signing === undefined) throw new ApiError("AccessDenied", "Access Denied", { status: 403 });
  const trailerName = exchange.headers["x-amz-trailer"];
  if (declared.endsWith("-TRAILER") !== (trailerName !== undefined)) throw malformedTrailer();
  return new AwsChunkedDecoder({
    signing:
      signed && signing !== undefined
        ? {
            key: signingKey(signing.secretAccessKey, signing.claim),
            amzDate: signing.claim.amzDate,
            scope: `${signing.claim.date}/${signing.claim.region}/${signing.claim.service}/aws4_request`,
            seedSignature: signing.claim.signature,
          }
        : undefined,
    decodedLength: decodedLengthOf(exchange.headers["x-amz-decoded-content-length"]),
    trailerName,
  });
}

/** Bytes of the body without its framing. Errors: MissingContentLength, InvalidArgument. */
function decodedLengthOf(header: string | undefined): number {
  if (header === undefined)
    throw new ApiError("MissingContentLength", "You must provide the Content-Length HTTP header.", {
      status: 411,
    });
  if (!/^\d{1,15}$/.test(header))
    throw new ApiError("InvalidArgument", "x-amz-decoded-content-length is not a length.", {
      status: 400,
      fields: { ArgumentName: "x-amz-decoded-content-length", ArgumentValue: header },
    });
  return Number(header);
}

function hashCheck(declared: string): Transform {
  const hash = createHash("sha256");
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const matches = hash.digest("hex") === declared;
      done(
        matches
          ? null
          : new ApiError(
              "XAmzContentSHA256Mismatch",
              "The provided 'x-amz-content-sha256' header does not match what was computed.",
              {
                status: 400,
              },
            ),
      );
    },
  });
}

/** Whether all of a request's body is here: read by the parser, or waiting in the stream's buffer. */
export function hasArrived({ request, headers }: SignedBody): boolean {
  if (request.complete) return true;
  const { "content-length": length } = headers;
  return length !== undefined && request.readableLength === Number(length);
}

/** A body that was read, and its hex SHA-256. */
export interface ReadBody {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** A larger body is hashed as it arrives, so that no turn of the event loop hashes much. */
const HASH_AT_ONCE_MAX_BYTES = 64 * 1024;

/**
 * Reads a body of at most `maxBytes`. Errors: RequestEntityTooLargeException; BusyError; Error if the client
 * disconnects.
 */
export function readAll(stream: Readable, maxBytes: number, lease?: BodyLease): Promise<ReadBody> {
  if (isEmptyRequest(stream)) return EMPTY;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let hash: Hash | undefined;
    let isRefused = false;
    stream.on("data", (chunk: Buffer) => {
      // No encoding is set, so chunks are buffers.
      size += chunk.length;
      if (isRefused) return;
      try {
        if (size > maxBytes) throw tooLarge(maxBytes);
        lease?.take(chunk.length);
      } catch (thrown) {
        isRefused = true;
        chunks.length = 0;
        reject(thrown);
        return;
      }
      if (hash === undefined && size > HASH_AT_ONCE_MAX_BYTES) {
        hash = createHash("sha256");
        for (const each of chunks) hash.update(each);
      }
      hash?.update(chunk);
      chunks.push(chunk);
    });
    let isWhole = false;
    stream.on("end", () => {
      isWhole = true;
      const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      resolve({ bytes, sha256: hash?.digest("hex") ?? sha256Hex(bytes) });
    });
    const cutOff = (): void => {
      if (!isWhole) reject(stream.errored ?? new Error("The request was cut off."));
    };
    stream.on("error", reject);
    stream.on("close", cutOff);
    // It may have been lost before, and tells nobody again.
    if (stream.destroyed) cutOff();
  });
}

const EMPTY_HASH = sha256Hex("");
const EMPTY: Promise<ReadBody> = Promise.resolve({ bytes: Buffer.alloc(0), sha256: EMPTY_HASH });

/** Whether the stream is that of a request without a body: its end need not be waited for. */
function isEmptyRequest(stream: Readable & { readonly complete?: boolean }): boolean {
  return (
    stream.complete === true && stream.readableLength === 0 && !stream.readableDidRead && !stream.destroyed
  );
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError("RequestEntityTooLargeException", `The request body is larger than ${maxBytes} bytes`, {
    status: 413,
  });
}
