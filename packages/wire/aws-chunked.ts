import { createHash, type Hash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";
import { ApiError } from "./api-error.ts";
import { checksumOf, type Checksum, type ChecksumAlgorithm } from "@gantry/kernel";
import { hmac, sha256Hex } from "./sigv4.ts";

/** How the chunks of a signed stream are checked: the day's key and the request's own signature as the seed. */
export interface ChunkSigning {
  readonly key: Uint8Array;
  readonly amzDate: string;
  readonly scope: string;
  readonly seedSignature: string;
}

const LINE_MAX = 8_192;
/** S3 takes one checksum and one signature. */
const TRAILERS_MAX = 16;
const EMPTY_HASH = sha256Hex("");

/**
 * Takes the aws-chunked framing off a body in constant memory: chunk signatures and trailer signatures where the
 * stream is signed, the trailing checksum, and the decoded length are checked; a body that ends early is refused.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
export class AwsChunkedDecoder extends Transform {
  readonly #signing: ChunkSigning | undefined;
  readonly #decodedLength: number | undefined;
  readonly #hasTrailer: boolean;
  #buffer: Buffer = Buffer.alloc(0);
  #state: "header" | "data" | "data-end" | "trailer" | "done" = "header";
  #remaining = 0;
  #received = 0;
  #chunkHash: Hash = createHash("sha256");
  #chunkSignature = "";
  #previousSignature: string;
  #trailers: string[] = [];
  #checksum: { algorithm: ChecksumAlgorithm; state: Checksum } | undefined;

  constructor(options: {
    signing: ChunkSigning | undefined;
    decodedLength: number | undefined;
    trailerName: string | undefined;
  }) {
    super();
    this.#signing = options.signing;
    this.#decodedLength = options.decodedLength;
    this.#hasTrailer = options.trailerName !== undefined;
    this.#previousSignature = options.signing?.seedSignature ?? "";
    const algorithm = /^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/.exec(
      options.trailerName?.toLowerCase() ?? "",
    )?.[1] as ChecksumAlgorithm | undefined; // The pattern names them all.
    if (algorithm !== undefined) this.#checksum = { algorithm, state: checksumOf(algorithm) };
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    // The body ends with its last chunk: bytes behind it are dropped, not kept.
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
      if (this.#decodedLength !== undefined && this.#received !== this.#decodedLength) throw incomplete();
      done();
    } catch (thrown) {
      done(thrown as Error); // As above.
    }
  }

  #isDone(): boolean {
    return this.#state === "done";
  }

  /** Does one thing with what is buffered; false where more bytes are needed. */
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
    this.#chunkHash = createHash("sha256");
    if (this.#remaining > 0) {
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
    if (this.#decodedLength !== undefined && this.#received > this.#decodedLength) throw incomplete();
    if (this.#signing !== undefined) this.#chunkHash.update(data);
    this.#checksum?.state.update(data);
    this.push(data);
    if (this.#remaining === 0) this.#state = "data-end";
    return true;
  }

  #readTrailer(): boolean {
    const line = this.#readLine();
    if (line === undefined) return false;
    if (line !== "") {
      if (this.#trailers.length >= TRAILERS_MAX) throw malformed();
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
      this.#chunkHash.digest("hex"),
    ].join("\n");
    if (hmac(signing.key, toSign).toString("hex") !== this.#chunkSignature) throw signatureMismatch();
    this.#previousSignature = this.#chunkSignature;
  }

  #endTrailers(): void {
    this.#state = "done";
    const trailers = new Map(
      this.#trailers.map((line) => [
        line.slice(0, line.indexOf(":")).toLowerCase(),
        line.slice(line.indexOf(":") + 1).trim(),
      ]),
    );
    const signature = trailers.get("x-amz-trailer-signature");
    if (this.#signing !== undefined && this.#hasTrailer) {
      const text = [...trailers]
        .filter(([name]) => name !== "x-amz-trailer-signature")
        .map(([name, value]) => `${name}:${value}\n`)
        .join("");
      const toSign = [
        "AWS4-HMAC-SHA256-TRAILER",
        this.#signing.amzDate,
        this.#signing.scope,
        this.#previousSignature,
        sha256Hex(text),
      ].join("\n");
      if (signature === undefined || hmac(this.#signing.key, toSign).toString("hex") !== signature)
        throw signatureMismatch();
    }
    if (this.#checksum === undefined) return;
    const claimed = trailers.get(`x-amz-checksum-${this.#checksum.algorithm}`);
    if (claimed === undefined) throw malformed();
    if (this.#checksum.state.digest() !== claimed) {
      throw new ApiError(
        "BadDigest",
        `The ${this.#checksum.algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
        {
          status: 400,
        },
      );
    }
    this.emit("checksum", this.#checksum.algorithm, claimed);
  }
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
