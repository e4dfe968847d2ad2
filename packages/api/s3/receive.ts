import { Readable } from "node:stream";
import type { WrittenSegment } from "@gantry/content";
import { checksumOf } from "@gantry/kernel";
import { ApiError } from "./api-error.ts";
import { badChecksum, badMd5, checkMd5 } from "./body-checksums.ts";
import { ALGORITHMS, memberOf, type ChecksumMember } from "./checksum-members.ts";
import type { Sealing } from "./object-encryption.ts";
import type { S3Deps } from "./s3-deps.ts";

/** Bytes whose checksum nobody waits for noticeably. */
const DEFAULT_CHECKSUM_MAX = 1024 * 1024;

/** What a request says of its body. */
export type BodyClaims = Partial<Record<ChecksumMember, string | undefined>> & {
  readonly ContentMD5?: string | undefined;
  readonly ChecksumAlgorithm?: string | undefined;
  readonly ContentLength?: number | undefined;
};

export interface Received {
  readonly segment: WrittenSegment;
  /** By the SDK's member, base64. */
  readonly checksums: Readonly<Record<string, string>>;
}

/**
 * Writes a body to disk, a whole object's or a part's, and checks what the request says of it: MD5, checksum, length.
 * Errors: InvalidRequest, InvalidDigest, BadDigest.
 */
export async function receive(
  deps: S3Deps,
  body: unknown,
  claims: BodyClaims,
  options: { sealing?: Sealing; isWhole?: boolean } = {},
): Promise<Received> {
  const { objects, ids } = deps;
  const { sealing } = options;
  const isCustomer = sealing?.described.customerKeyMd5 !== undefined;
  const named = namedChecksum(claims);
  checkMd5(claims.ContentMD5);
  const stream = body instanceof Readable ? body : Readable.from([]);
  let trailer: Trailer | undefined;
  stream.on("checksum", (algorithm: string, value: string) => (trailer = { algorithm, value }));
  // Without one a small object gets S3's own; what a customer's key seals has none, because it would tell of the bytes.
  const byDefault =
    options.isWhole === true &&
    !isCustomer &&
    // What a KMS key seals is not read again without its caller's permission.
    (sealing?.key !== undefined || (claims.ContentLength ?? Infinity) <= DEFAULT_CHECKSUM_MAX);
  const algorithm = named === undefined ? (byDefault ? "crc64nvme" : undefined) : ALGORITHMS[named];
  const checksum = algorithm === undefined ? undefined : checksumOf(algorithm);
  const segment = await objects.writeSegment(ids.hex(32), stream, (chunk) => checksum?.update(chunk), {
    customerKey: sealing?.key,
    expected: claims.ContentLength,
  });
  try {
    const md5 = Buffer.from(segment.md5, "hex").toString("base64");
    if (claims.ContentMD5 !== undefined && claims.ContentMD5 !== md5) throw badMd5();
    return { segment, checksums: checkedChecksums(claims, { named, computed: checksum?.digest(), trailer }) };
  } catch (thrown) {
    await objects.dropSegments([segment]);
    throw thrown;
  }
}

interface Trailer {
  readonly algorithm: string;
  readonly value: string;
}

/** The checksum that a request names, by a value or by its algorithm. Errors: InvalidRequest for several values. */
function namedChecksum(claims: BodyClaims): ChecksumMember | undefined {
  const members = Object.keys(ALGORITHMS) as ChecksumMember[]; // The table's own keys.
  const given = members.filter((member) => claims[member] !== undefined);
  if (given.length > 1) throw severalChecksums();
  return given[0] ?? memberOf(claims.ChecksumAlgorithm);
}

function severalChecksums(): ApiError {
  return new ApiError(
    "InvalidRequest",
    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    { status: 400 },
  );
}

/**
 * The checksum to keep: the one that is named, else the trailer's, which was checked as it came, else S3's
 * own.
 * Errors: BadDigest, InvalidRequest.
 */
function checkedChecksums(
  claims: BodyClaims,
  from: { named: ChecksumMember | undefined; computed: string | undefined; trailer: Trailer | undefined },
): Readonly<Record<string, string>> {
  const { named, computed, trailer } = from;
  const byTrailer = Object.entries(ALGORITHMS).find(([, name]) => name === trailer?.algorithm);
  if (named !== undefined && byTrailer !== undefined && byTrailer[0] !== named) throw severalChecksums();
  if (named !== undefined && computed !== undefined) {
    const claimed = claims[named] ?? trailer?.value;
    if (claimed !== undefined && claimed !== computed) throw badChecksum(ALGORITHMS[named]);
    return { [named]: computed };
  }
  if (byTrailer !== undefined && trailer !== undefined) return { [byTrailer[0]]: trailer.value };
  return computed === undefined ? {} : { ChecksumCRC64NVME: computed };
}
