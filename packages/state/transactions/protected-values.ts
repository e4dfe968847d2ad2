import type { Vault } from "@gantry/kernel";
import type { Reader } from "../store.ts";
import { kmsDecrypt } from "./kms-keys.ts";

/** The service that a value is encrypted for, and the encryption context for its KMS key. */
export interface ProtectedUse {
  readonly service: "secretsmanager" | "ssm" | "s3" | "sns" | "sqs" | "scheduler";
  readonly encryptionContext: Readonly<Record<string, string>>;
}

/** The fields of a record that hold a protected value. */
export interface Protected {
  readonly sealedValue: string;
  readonly kmsKeyArn: string | undefined;
}

/** Source: Secrets Manager User Guide, "Secret encryption and decryption", encryption context. */
export function secretUse(secretArn: string, versionId: string): ProtectedUse {
  return {
    service: "secretsmanager",
    encryptionContext: { SecretARN: secretArn, SecretVersionId: versionId },
  };
}

/** Source: Systems Manager User Guide, "How Parameter Store uses AWS KMS". */
export function parameterUse(arn: string): ProtectedUse {
  return { service: "ssm", encryptionContext: { PARAMETER_ARN: arn } };
}

/**
 * Decrypts a value. The caller has checked that the reader may use its KMS key. Errors: KeyUnusableError,
 * CiphertextError.
 */
export function openProtected(reader: Reader, vault: Vault, value: Protected, use: ProtectedUse): string {
  const opened = vault.open(value.sealedValue);
  if (value.kmsKeyArn === undefined) return opened;
  return kmsDecrypt(reader, vault, Buffer.from(opened, "base64"), use.encryptionContext).plaintext.toString();
}

/** The condition keys of a service's use of a KMS key. */
export function viaService(region: string, use: ProtectedUse): Readonly<Record<string, string | string[]>> {
  return {
    "kms:ViaService": `${use.service}.${region}.amazonaws.com`,
    ...encryptionContextKeys(use.encryptionContext),
  };
}

/** The condition keys of an encryption context. Source: KMS Developer Guide, "kms:EncryptionContext:context-key". */
export function encryptionContextKeys(
  context: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string | string[]>> {
  const keys = Object.keys(context ?? {});
  return {
    ...(keys.length === 0 ? {} : { "kms:EncryptionContextKeys": keys }),
    ...Object.fromEntries(
      Object.entries(context ?? {}).map(([key, value]) => [`kms:EncryptionContext:${key}`, value]),
    ),
  };
}
