import { randomBytes } from "node:crypto";
import type { ObjectMeta } from "@gantry/content";
import {
  CiphertextError,
  KeyUnusableError,
  kmsDecrypt,
  kmsEncrypt,
  kmsKeyArnOf,
  kmsKeyNamed,
  viaService,
  type BucketRecord,
  type KmsKeyRecord,
  type ProtectedUse,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { putManagedKeys } from "../kms/managed-keys.ts";
import { ApiError } from "./api-error.ts";
import { objectArn } from "./object-access.ts";
import { customerKeyOf, readingKeyOf, type CustomerKeyInput } from "./object-input.ts";
import type { S3Deps } from "./s3-deps.ts";

const OWN_KEY = "alias/aws/s3";

type KeyDeps = Pick<S3Deps, "store" | "vault" | "ids" | "clock">;

interface SealingInput extends CustomerKeyInput {
  readonly ServerSideEncryption?: string | undefined;
  readonly SSEKMSKeyId?: string | undefined;
  readonly BucketKeyEnabled?: boolean | undefined;
}

/** Who uses the keys of objects: the caller of an operation, or the role of a replication. */
export type KeyUser = Pick<RequestContext, "authorize" | "principal" | "account">;

/** How the bytes of a new object are encrypted. */
export interface Sealing {
  /** The key of the bytes; undefined: the platform's. */
  readonly key: Buffer | undefined;
  readonly described: Pick<ObjectMeta, "customerKeyMd5" | "kms">;
}

interface Target {
  readonly bucket: BucketRecord;
  readonly key: string;
}

/**
 * The encryption that a request asks for, else the bucket's default. With a KMS key the bytes are encrypted
 * by a data key of their own, which is stored encrypted by the KMS key: a key that is disabled, deleted or
 * not permitted makes them unreadable.
 * Errors: InvalidArgument, KMS.NotFoundException, KMS.DisabledException, KMS.KMSInvalidStateException,
 * AccessDenied.
 * Source: "Using server-side encryption with AWS KMS keys".
 */
export function sealingOf(deps: KeyDeps, context: KeyUser, target: Target, input: SealingInput): Sealing {
  const customer = customerKeyOf(input);
  const { ServerSideEncryption: asked, SSEKMSKeyId: keyId } = input;
  if (customer !== undefined) {
    if (asked !== undefined)
      throw invalid(
        "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
      );
    return { key: customer.key, described: { customerKeyMd5: customer.md5 } };
  }
  const { encryption } = target.bucket;
  const algorithm = asked ?? (keyId === undefined ? encryption.algorithm : "AES256");
  if (algorithm === "AES256") {
    if (keyId !== undefined)
      throw invalid(
        "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
      );
    return { key: undefined, described: {} };
  }
  if (algorithm !== "aws:kms" && algorithm !== "aws:kms:dsse")
    throw new ApiError("InvalidArgument", "The encryption method specified is not supported", {
      status: 400,
      fields: { ArgumentName: "x-amz-server-side-encryption", ArgumentValue: algorithm },
    });
  const isBucketKey = input.BucketKeyEnabled ?? encryption.bucketKey;
  const key = keyNamed(deps, target.bucket, asked === undefined ? encryption.kmsKeyId : keyId);
  const use = useOf(target, isBucketKey);
  authorizeKey(context, "kms:GenerateDataKey", key.arn, use);
  const dataKey = randomBytes(32);
  const sealed = translated(() => kmsEncrypt(deps.vault, key, dataKey, use.encryptionContext));
  return {
    key: dataKey,
    described: {
      kms: {
        algorithm,
        keyArn: key.arn,
        dataKey: sealed.toString("base64"),
        ...(isBucketKey ? { bucketKey: true as const } : {}),
      },
    },
  };
}

/**
 * The key that a stored object's bytes are read with; undefined: the platform's. Errors: those of readingKeyOf and of
 * sealingOf, AccessDenied without kms:Decrypt.
 */
export function openingKeyOf(
  deps: Pick<KeyDeps, "store" | "vault">,
  context: KeyUser,
  target: Target & { readonly meta: Pick<ObjectMeta, "customerKeyMd5" | "kms"> },
  input: CustomerKeyInput,
): Buffer | undefined {
  const { kms } = target.meta;
  const customerKey = readingKeyOf(input, target.meta);
  if (kms === undefined) return customerKey;
  const use = useOf(target, kms.bucketKey === true);
  authorizeKey(context, "kms:Decrypt", kms.keyArn, use);
  const { plaintext } = translated(() =>
    kmsDecrypt(deps.store, deps.vault, Buffer.from(kms.dataKey, "base64"), use.encryptionContext),
  );
  return plaintext;
}

/** What an answer says of the encryption of an object. */
export function presentEncryption(meta: Pick<ObjectMeta, "customerKeyMd5" | "kms">) {
  const { customerKeyMd5, kms } = meta;
  if (customerKeyMd5 !== undefined)
    return { SSECustomerAlgorithm: "AES256", SSECustomerKeyMD5: customerKeyMd5 };
  if (kms === undefined) return { ServerSideEncryption: "AES256" as const };
  return {
    ServerSideEncryption: kms.algorithm,
    SSEKMSKeyId: kms.keyArn,
    BucketKeyEnabled: kms.bucketKey,
  };
}

/**
 * The bytes that an encryption context of a data key names: those of the object, or with a bucket key those
 * of the bucket.
 */
function useOf({ bucket, key }: Target, isBucketKey: boolean): ProtectedUse {
  const arn = isBucketKey ? `arn:aws:s3:::${bucket.name}` : objectArn(bucket.name, key);
  return { service: "s3", encryptionContext: { "aws:s3:arn": arn } };
}

/** Errors: AccessDenied. */
function authorizeKey(context: KeyUser, action: string, keyArn: string, use: ProtectedUse): void {
  const region = keyArn.split(":")[3] ?? "";
  const caller: Readonly<Record<string, string>> =
    context.principal.type === "anonymous" ? {} : { "kms:CallerAccount": context.account };
  context.authorize(action, keyArn, { ...viaService(region, use), ...caller });
}

function keyNamed(deps: KeyDeps, bucket: BucketRecord, keyId: string = OWN_KEY): KmsKeyRecord {
  putManagedKeys(deps, bucket);
  const key = kmsKeyNamed(deps.store, bucket, keyId);
  if (key !== undefined) return key;
  const arn = kmsKeyArnOf(deps.store, bucket, keyId);
  throw new ApiError(
    "KMS.NotFoundException",
    arn.includes(":alias/") ? `Alias ${arn} is not found.` : `Key '${arn}' does not exist`,
    { status: 400 },
  );
}

function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof CiphertextError)
      throw new ApiError("KMS.NotFoundException", "The key that encrypts the object does not exist", {
        status: 400,
      });
    if (!(thrown instanceof KeyUnusableError)) throw thrown;
    switch (thrown.reason) {
      case "disabled":
        throw new ApiError("KMS.DisabledException", thrown.message, { status: 400 });
      case "pending deletion":
      case "pending import":
      case "wrong usage":
        throw new ApiError("KMS.KMSInvalidStateException", thrown.message, { status: 400 });
      case "missing":
        throw new ApiError("KMS.NotFoundException", thrown.message, { status: 400 });
    }
  }
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidArgument", message, { status: 400 });
}
