import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { PassThrough, Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";
import { AwsChunkedDecoder } from "./aws-chunked.ts";
import { signingKey, type Claim } from "./sigv4.ts";

/** Bodies of everything but object data. Source: the largest documented API request is 10 MB (ECR layer parts are 20 MB, base64). */
const BODY_MAX_BYTES = 32 * 1024 * 1024;

/** What of a request its body's checks look at. */
export interface SignedBody {
  readonly request: IncomingMessage;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** S3's body with its framing taken off, checked against what the request says its hash is while it flows. */
export function verifiedStream(exchange: SignedBody, claim: Claim, secretAccessKey: string): Readable {
  const declared = claim.payloadHash ?? "UNSIGNED-PAYLOAD";
  const chunked = declared.startsWith("STREAMING-");
  if (!chunked && !/^[0-9a-f]{64}$/.test(declared)) return exchange.request;
  const check = chunked ? chunkDecoder(exchange, claim, declared, secretAccessKey) : hashCheck(declared);
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
  claim: Claim,
  declared: string,
  secretAccessKey: string,
): AwsChunkedDecoder {
  const signed = declared.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  const length = exchange.headers["x-amz-decoded-content-length"];
  return new AwsChunkedDecoder({
    signing: signed
      ? {
          key: signingKey(secretAccessKey, claim),
          amzDate: claim.amzDate,
          scope: `${claim.date}/${claim.region}/${claim.service}/aws4_request`,
          seedSignature: claim.signature,
        }
      : undefined,
    decodedLength: length === undefined ? undefined : Number(length),
    trailerName: exchange.headers["x-amz-trailer"],
  });
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

export function readAll(stream: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      // No encoding is set, so chunks are buffers.
      size += chunk.length;
      if (size <= BODY_MAX_BYTES) chunks.push(chunk);
      else {
        stream.pause();
        reject(
          new ApiError(
            "RequestEntityTooLargeException",
            `The request body is larger than ${BODY_MAX_BYTES} bytes`,
            { status: 413 },
          ),
        );
      }
    });
    let isWhole = false;
    stream.on("end", () => {
      isWhole = true;
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    stream.on("error", reject);
    stream.on("close", () => {
      if (!isWhole) reject(new Error("The request was cut off."));
    });
  });
}
