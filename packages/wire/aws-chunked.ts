import { createHash, type Hash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";
import { ApiError } from "./api-error.ts";
import { checksumOf, type Checksum, type ChecksumAlgorithm } from "@gantry/kernel";
import { hmac, sha256Hex } from "./sigv4.ts";

/**
 * How the chunks of a signed stream are verified: the signing key, and the request's own signature as the
 * seed.
 */
export interface ChunkSigning {
  readonly key: Uint8Array;
  readonly amzDate: string;
  readonly scope: string;
  readonly seedSignature: string;
}

const LINE_MAX = 8_192;
/** Source: Amazon S3 API Reference, "Defining the chunk body". It also bounds the work that a byte of a body costs. */
const CHUNK_MIN_BYTES = 8_192;
/** The announced trailer and its signature. */
const TRAILERS_MAX = 2;
const CHECKSUM_TRAILER = /^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/;
const EMPTY_HASH = sha256Hex("");

/**
 * Removes the aws-chunked framing from a body in constant memory. It verifies chunk and trailer signatures if
 * the stream is signed, the trailing checksum, and the decoded length; a body that ends early is refused.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
export class AwsChunkedDecoder extends Transform {
  readonly #signing: ChunkSigning | undefined;
  readonly #decodedLength: number;
  #buffer: Buffer = Buffer.alloc(0);
  #state: "header" | "data" | "data-end" | "trailer" | "done" = "header";
  #remaining = 0;
  #received = 0;
  #isSmall = false;
  #chunkHash: Hash | undefined;
  #chunkSignature = "";
  #previousSignature: string;
  #trailers: string[] = [];
  readonly #checksum: { readonly algorithm: ChecksumAlgorithm; readonly state: Checksum } | undefined;

  /**
   * `trailerName` is the announced trailer; undefined if the form of the body has none. Errors:
   * InvalidRequest.
   */
  constructor(options: {
    signing: ChunkSigning | undefined;
    decodedLength: number;
    trailerName: string | undefined;
  }) {
    super();
    this.#signing = options.signing;
    this.#decodedLength = options.decodedLength;
    this.#previousSignature = options.signing?.seedSignature ?? "";
    if (options.trailerName === undefined) return;
    const algorithm = CHECKSUM_TRAILER.exec(options.trailerName.trim().toLowerCase())?.[1] as
      | ChecksumAlgorithm
      | undefined; // The pattern names them all.
    if (algorithm === undefined)
      throw new ApiError(
        "InvalidRequest",
        "The value specified in the x-amz-trailer header is not supported",
        {
          status: 400,
        },
      );
    this.#checksum = { algorithm, state: checksumOf(algorithm) };
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    // The body ends with its last chunk: further bytes are dropped, not kept.
    if (this.#isDone()) return done();
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    try {
      while (!this.#isDone() && this.#step());
      if (this.#isDone()) this.#buffer = Buffer.alloc(0);
      done();
    } catch (thrown) {
      done(thrown as Error); // Only ApiErrors are thrown in here.
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      if (this.#state === "trailer") this.#endTrailers();
      if (this.#state !== "done") throw incomplete();
      if (this.#received !== this.#decodedLength) throw incomplete();
      done();
    } catch (thrown) {
      done(thrown as Error); // As above.
    }
  }

  #isDone(): boolean {
    return this.#state === "done";
  }

  /** Processes one element of the buffered bytes; false if more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case "header":
        return this.#readHeader();
      case "data":
        return this.#readData();
      case "data-end": {
        if (this.#buffer.length < 2) return false;
        if (this.#buffer.subarray(0, 2).toString() !== "\r\n") throw malformed();
        this.#buffer = this.#buffer.subarray(2);
        this.#checkChunkSignature();
        this.#state = "header";
        return true;
      }
      case "trailer":
        return this.#readTrailer();
      case "done":
        return false;
    }
  }

  #readLine(): string | undefined {
    const end = this.#buffer.indexOf("\r\n");
    if (end < 0) {
      if (this.#buffer.length > LINE_MAX) throw malformed();
      return undefined;
    }
    const line = this.#buffer.subarray(0, end).toString();
    this.#buffer = this.#buffer.subarray(end + 2);
    return line;
  }

  #readHeader(): boolean {
    const line = this.#readLine();
    if (line === undefined) return false;
    const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    if (match === null || (this.#signing !== undefined && match[2] === undefined)) throw malformed();
    this.#remaining = Number.parseInt(match[1] ?? "0", 16);
    this.#chunkSignature = match[2] ?? "";
    if (this.#signing !== undefined) this.#chunkHash = createHash("sha256");
    if (this.#remaining > 0) {
      if (this.#isSmall) throw tooSmall();
      this.#isSmall = this.#remaining < CHUNK_MIN_BYTES;
      this.#state = "data";
      return true;
    }
    this.#checkChunkSignature();
    this.#state = "trailer";
    return true;
  }

  #readData(): boolean {
    if (this.#buffer.length === 0) return false;
    const data = this.#buffer.subarray(0, this.#remaining);
    this.#buffer = this.#buffer.subarray(data.length);
    this.#remaining -= data.length;
    this.#received += data.length;
    if (this.#received > this.#decodedLength) throw incomplete();
    this.#chunkHash?.update(data);
    this.#checksum?.state.update(data);
    this.push(data);
    if (this.#remaining === 0) this.#state = "data-end";
    return true;
  }

  #readTrailer(): boolean {
    const line = this.#readLine();
    if (line === undefined) return false;
    if (line !== "") {
      if (this.#trailers.length >= TRAILERS_MAX) throw malformedTrailer();
      this.#trailers.push(line);
      return true;
    }
    this.#endTrailers();
    return true;
  }

  #checkChunkSignature(): void {
    const signing = this.#signing;
    if (signing === undefined) return;
    const toSign = [
      "AWS4-HMAC-SHA256-PAYLOAD",
      signing.amzDate,
      signing.scope,
      this.#previousSignature,
      EMPTY_HASH,
      this.#chunkHash?.digest("hex") ?? EMPTY_HASH,
    ].join("\n");
    if (hmac(signing.key, toSign).toString("hex") !== this.#chunkSignature) throw signatureMismatch();
    this.#previousSignature = this.#chunkSignature;
  }

  #endTrailers(): void {
    this.#state = "done";
    const trailers = this.#trailers.map(readTrailer);
    const { algorithm, state } = this.#checksum ?? {};
    const expected = [
      ...(algorithm === undefined ? [] : [`x-amz-checksum-${algorithm}`]),
      ...(algorithm === undefined || this.#signing === undefined ? [] : ["x-amz-trailer-signature"]),
    ];
    const [first, second] = trailers;
    if (this.#signing !== undefined && first !== undefined && second === undefined) throw signatureMismatch();
    if (trailers.map(({ name }) => name).join() !== expected.join()) throw malformedTrailer();
    if (first === undefined || state === undefined || algorithm === undefined) return;
    if (this.#signing !== undefined) this.#checkTrailerSignature(this.#signing, first, second?.value);
    if (state.digest() !== first.value)
      throw new ApiError(
        "BadDigest",
        `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
        { status: 400 },
      );
    this.emit("checksum", algorithm, first.value);
  }

  #checkTrailerSignature(signing: ChunkSigning, trailer: Trailer, signature: string | undefined): void {
    const toSign = [
      "AWS4-HMAC-SHA256-TRAILER",
      signing.amzDate,
      signing.scope,
      this.#previousSignature,
      sha256Hex(`${trailer.name}:${trailer.value}\n`),
    ].join("\n");
    if (hmac(signing.key, toSign).toString("hex") !== signature) throw signatureMismatch();
  }
}

interface Trailer {
  readonly name: string;
  readonly value: string;
}

function readTrailer(line: string): Trailer {
  const colon = line.indexOf(":");
  if (colon < 1) throw malformedTrailer();
  return { name: line.slice(0, colon).toLowerCase(), value: line.slice(colon + 1).trim() };
}

/** The trailers differ from those that the headers and the form of the body announce. */
export function malformedTrailer(): ApiError {
  return new ApiError(
    "MalformedTrailerError",
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    { status: 400 },
  );
}

function tooSmall(): ApiError {
  return new ApiError(
    "InvalidChunkSizeError",
    `Only the last chunk is allowed to have a size less than ${CHUNK_MIN_BYTES} bytes`,
    { status: 403 },
  );
}

function incomplete(): ApiError {
  return new ApiError("IncompleteBody", "The request body terminated unexpectedly", { status: 400 });
}

function malformed(): ApiError {
  return new ApiError("InvalidRequest", "The chunked body of the request has the wrong form", {
    status: 400,
  });
}

function signatureMismatch(): ApiError {
  return new ApiError(
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    { status: 403 },
  );
}
