import type { Vault } from "@gantry/kernel";
import type { Reader } from "../store.ts";

/** For which service a value is encrypted, and what its KMS key is told of it. */
export interface ProtectedUse {
  readonly service: "secretsmanager" | "ssm";
  readonly encryptionContext: Readonly<Record<string, string>>;
}

/** What a record keeps of a value. */
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

/** The plain text of a value. */
export function openProtected(_reader: Reader, vault: Vault, value: Protected, _use: ProtectedUse): string {
  return vault.open(value.sealedValue);
}
