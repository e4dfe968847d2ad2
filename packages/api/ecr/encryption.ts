import type * as sdk from "@aws-sdk/client-ecr";
import {
  checkUsable,
  kmsKeyNamed,
  KeyUnusableError,
  type Reader,
  type RepositoryRecord,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import { ApiError } from "./api-error.ts";

type Encryption = Pick<RepositoryRecord, "kmsKeyArn" | "encryptionType">;

/**
 * The key that a repository asks for. Its caller may let ECR use it, and the key can be used.
 * Errors: AccessDeniedException, KmsException, InvalidParameterException. Source: ECR User Guide, "Encryption at rest".
 */
export function toEncryption(
  reader: Reader,
  context: RequestContext,
  given: sdk.EncryptionConfiguration | undefined,
): Encryption {
  const { encryptionType: type = "AES256", kmsKey } = given ?? {};
  if (type === "AES256") {
    if (kmsKey === undefined) return {};
    throw new ApiError(
      "InvalidParameterException",
      "Invalid parameter at 'encryptionConfiguration' failed to satisfy constraint: 'kmsKey is given " +
        "with the encryption type KMS alone'",
    );
  }
  const key = kmsKeyNamed(reader, context, kmsKey ?? "alias/aws/ecr");
  if (key === undefined && kmsKey === undefined) return { encryptionType: type };
  if (key !== undefined && key.manager !== "AWS")
    context.authorize("kms:CreateGrant", key.arn, {
      "kms:ViaService": `ecr.${context.region}.amazonaws.com`,
    });
  withKey(() => checkUsable(key, "ENCRYPT_DECRYPT"));
  return { encryptionType: type, ...(key === undefined ? {} : { kmsKeyArn: key.arn }) };
}

/** Errors: KmsException where the images of the repository cannot be read, because their key cannot be used. */
export function checkReadable(reader: Reader, { kmsKeyArn }: RepositoryRecord): void {
  if (kmsKeyArn !== undefined) withKey(() => checkUsable(reader.get("kmsKey", kmsKeyArn), "ENCRYPT_DECRYPT"));
}

function withKey<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof KeyUnusableError)) throw thrown;
    const kmsError = {
      disabled: "DisabledException",
      "pending deletion": "KMSInvalidStateException",
      "pending import": "KMSInvalidStateException",
      missing: "NotFoundException",
      "wrong usage": "InvalidKeyUsageException",
    }[thrown.reason];
    throw new ApiError("KmsException", thrown.message, { fields: { kmsError } });
  }
}

/** The encryption as the API shows it. */
export function presentEncryption({ encryptionType, kmsKeyArn }: Encryption): sdk.EncryptionConfiguration {
  return { encryptionType: encryptionType ?? "AES256", kmsKey: kmsKeyArn };
}
