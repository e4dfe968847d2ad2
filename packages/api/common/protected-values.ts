import type { Vault } from "@gantry/kernel";
import {
  CiphertextError,
  KeyUnusableError,
  kmsEncrypt,
  kmsKeyNamed,
  openProtected,
  viaService,
  type Protected,
  type ProtectedUse,
  type Reader,
} from "@gantry/state";
import { ApiError, type RequestContext } from "@gantry/wire";

interface Deps {
  readonly vault: Vault;
}

/** Source: each service's guide: which permissions on a customer's key its caller needs. */
const WRITING = {
  secretsmanager: ["kms:GenerateDataKey", "kms:Decrypt"],
  ssm: ["kms:Encrypt"],
  s3: [],
  scheduler: ["kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt"],
  // Messages are encrypted by the code of topics and queues.
  sns: [],
  sqs: [],
} as const;

/**
 * A value sealed by the vault; where the caller names a KMS key of its own, encrypted with that before.
 * Errors: AccessDeniedException, and the service's error for a key that cannot be used.
 */
export function protect(
  reader: Reader,
  { vault }: Deps,
  context: RequestContext,
  value: { readonly plaintext: string; readonly keyId: string | undefined; readonly use: ProtectedUse },
): Protected {
  const { plaintext, keyId, use } = value;
  const own = `alias/aws/${use.service}`;
  if (keyId === undefined || keyId === own || keyId.endsWith(`:${own}`))
    return { sealedValue: vault.seal(plaintext), kmsKeyArn: undefined };
  const key = kmsKeyNamed(reader, context, keyId);
  if (key?.manager === "AWS") return { sealedValue: vault.seal(plaintext), kmsKeyArn: undefined };
  if (key === undefined) throw unusable(use, "Encryption", `Key '${keyId}' does not exist`);
  for (const action of WRITING[use.service])
    context.authorize(action, key.arn, viaService(context.region, use));
  return translated(use, "Encryption", () => ({
    sealedValue: vault.seal(
      kmsEncrypt(vault, key, Buffer.from(plaintext), use.encryptionContext).toString("base64"),
    ),
    kmsKeyArn: key.arn,
  }));
}

/**
 * The plain text of a value; its caller needs kms:Decrypt on a customer's key.
 * Errors: AccessDeniedException, and the service's error for a key that cannot be used.
 */
export function reveal(
  reader: Reader,
  { vault }: Deps,
  context: RequestContext,
  value: Protected & { readonly use: ProtectedUse },
): string {
  const { use, kmsKeyArn } = value;
  if (kmsKeyArn !== undefined) context.authorize("kms:Decrypt", kmsKeyArn, viaService(context.region, use));
  return translated(use, "Decryption", () => openProtected(reader, vault, value, use));
}

function translated<T>(use: ProtectedUse, what: "Encryption" | "Decryption", work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError || thrown instanceof CiphertextError)
      throw unusable(use, what, thrown.message);
    throw thrown;
  }
}

function unusable(use: ProtectedUse, what: "Encryption" | "Decryption", reason: string): ApiError {
  if (use.service === "ssm") return new ApiError("InvalidKeyId", reason);
  if (use.service === "scheduler")
    return new ApiError("ValidationException", `The KMS key cannot be used: ${reason}`);
  const verb = what === "Encryption" ? "encrypt" : "decrypt";
  return new ApiError(
    `${what}Failure`,
    `Secrets Manager can't ${verb} the protected secret text using the provided KMS key. ${reason}`,
  );
}
