import type { ObjectMeta } from "@gantry/content";
import { checksumOf } from "@gantry/kernel";
import type { S3Deps } from "./s3-deps.ts";

/**
 * S3 gives an object that was put without a checksum a CRC64NVME of the whole. A small one has it at once; of
 * a large one it is worked out, and kept, when somebody first asks. What a customer's key seals has none.
 * Source: "Checking object integrity".
 */
export async function withChecksum(deps: S3Deps, bucket: string, meta: ObjectMeta): Promise<ObjectMeta> {
  const { objects } = deps;
  if (Object.keys(meta.checksums).length > 0 || meta.customerKeyMd5 !== undefined || meta.kms !== undefined)
    return meta;
  const checksum = checksumOf("crc64nvme");
  // No encoding is set, so chunks are buffers.
  for await (const chunk of await objects.read(meta)) checksum.update(chunk as Buffer);
  const checksums = { ChecksumCRC64NVME: checksum.digest() };
  // Another version may have come meanwhile, and other tags: only what is asked for is added, where it still stands.
  const now = objects.index.version(bucket, meta.key, meta.versionId ?? "null");
  if (now !== undefined && now.sequence === meta.sequence && now.etag === meta.etag)
    objects.index.replace(bucket, { ...now, checksums });
  return { ...meta, checksums };
}
