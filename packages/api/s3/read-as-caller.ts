import type { ObjectMeta } from "@gantry/content";
import type { RequestContext } from "@gantry/wire";
import { openingKeyOf } from "./object-encryption.ts";
import type { S3Deps } from "./s3-deps.ts";

/** The latest version of an object, or the one that is named. */
export interface NamedObject {
  readonly bucket: string;
  readonly key: string;
  readonly version: string | undefined;
}

/**
 * Finds an object that another service reads for its caller, and how its bytes are read. Undefined where
 * there is no such object. Errors: AccessDenied without s3:GetObject or, with a key of KMS, kms:Decrypt;
 * those of a disabled key.
 */
export function findAsCaller(
  deps: Pick<S3Deps, "store" | "vault" | "objects">,
  context: RequestContext,
  { bucket: name, key, version }: NamedObject,
): { readonly meta: ObjectMeta; readonly read: () => Promise<Buffer> } | undefined {
  const { store, objects } = deps;
  const action = version === undefined ? "s3:GetObject" : "s3:GetObjectVersion";
  context.authorize(action, `arn:aws:s3:::${name}/${key}`);
  const bucket = store.get("bucket", name);
  const meta =
    version === undefined ? objects.index.get(name, key) : objects.index.version(name, key, version);
  if (bucket === undefined || meta === undefined || meta.isDeleteMarker === true) return undefined;
  return {
    meta,
    async read() {
      const dataKey = openingKeyOf(deps, context, { bucket, key: meta.key, meta }, {});
      const chunks: Buffer[] = [];
      const body = await objects.read(meta, undefined, undefined, dataKey);
      for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk); // No encoding is set.
      return Buffer.concat(chunks);
    },
  };
}
