import type { Clock, Ids, Vault } from "@gantry/kernel";
import type { DatabaseInstanceRecord, SecretRecord } from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { checkUsable, kmsEncrypt, KeyUnusableError } from "./kms-keys.ts";
import { secretUse } from "./protected-values.ts";
import { passPassword } from "./replicas.ts";
import { nextRotationAt } from "./secret-rotation.ts";
import { CURRENT_STAGE } from "./secret-values.ts";

const PREVIOUS_STAGE = "AWSPREVIOUS";
/** Source: RDS User Guide, "Benefits of managing master user passwords": rotated every seven days. */
const ROTATION_DAYS = 7;
const PASSWORD_CHARACTERS = 28;

export interface ManagedSecretDeps {
  readonly ids: Ids;
  readonly clock: Clock;
  readonly vault: Vault;
}

/** A master password that RDS chooses: 28 letters and digits. */
export function newMasterPassword(ids: Ids): string {
  let password = "";
  while (password.length < PASSWORD_CHARACTERS) password += ids.secret(64).replaceAll(/[^A-Za-z0-9]/g, "");
  return password.slice(0, PASSWORD_CHARACTERS);
}

/**
 * Creates the secret that holds the master user's name and password of an instance, with its first version. Its ARN is
 * the instance's `managedSecretArn`. The caller has checked who may use the KMS key.
 *
 * @param kmsKeyId The customer's key; undefined for `aws/secretsmanager`.
 * @throws KeyUnusableError
 */
export function putManagedSecret(
  tx: Transaction,
  deps: ManagedSecretDeps,
  instance: DatabaseInstanceRecord,
  kmsKeyId: string | undefined,
): void {
  const { account, region, managedSecretArn: arn } = instance;
  if (arn === undefined) return;
  const now = deps.clock.now();
  const rotation = {
    ...{ lambdaArn: undefined, afterDays: ROTATION_DAYS, schedule: undefined, duration: undefined },
  };
  const secret: SecretRecord = {
    ...{ arn, name: arn.slice(arn.indexOf(":secret:") + ":secret:".length, arn.lastIndexOf("-")) },
    ...{ account, region, kmsKeyId, tags: {}, createdAt: now, lastChangedAt: now },
    description: `Secret associated with primary RDS DB instance: ${instance.arn}`,
    owner: { service: "rds", resourceArn: instance.arn },
    rotation: { ...rotation, nextAt: nextRotationAt(rotation, now) },
  };
  tx.put("secret", arn, secret);
  addVersion(tx, deps, secret, instance);
}

/**
 * Gives an instance another master password and puts it into the secret as its current version. The server starts anew
 * with it.
 *
 * @throws KeyUnusableError
 */
export function rotateManagedSecret(
  tx: Transaction,
  deps: ManagedSecretDeps,
  instance: DatabaseInstanceRecord,
  secret: SecretRecord,
): DatabaseInstanceRecord {
  const now = deps.clock.now();
  const next: DatabaseInstanceRecord = {
    ...instance,
    sealedPassword: deps.vault.seal(newMasterPassword(deps.ids)),
    status: "resetting-master-credentials",
  };
  addVersion(tx, deps, secret, next);
  tx.put("databaseInstance", next.arn, next);
  passPassword(tx, instance, next);
  const { rotation } = secret;
  tx.put("secret", secret.arn, {
    ...secret,
    ...{ lastRotatedAt: now, lastChangedAt: now },
    ...(rotation === undefined ? {} : { rotation: { ...rotation, nextAt: nextRotationAt(rotation, now) } }),
  });
  return next;
}

/** The instance whose password a secret holds; undefined for a secret of a caller, and while an instance is deleted. */
export function instanceOfSecret(reader: Reader, secret: SecretRecord): DatabaseInstanceRecord | undefined {
  const instance = reader.get("databaseInstance", secret.owner?.resourceArn);
  return instance?.managedSecretArn === secret.arn ? instance : undefined;
}

/** Whether RDS can rotate a secret: its KMS key can be used. */
export function canRotate(reader: Reader, { kmsKeyId }: SecretRecord): boolean {
  return kmsKeyId === undefined || isKeyUsable(reader, kmsKeyId);
}

/** Whether the storage of an instance or snapshot can be read: it is not encrypted, or its KMS key can be used. */
export function isStorageReadable(
  reader: Reader,
  { kmsKeyArn }: { readonly kmsKeyArn?: string | undefined },
): boolean {
  return kmsKeyArn === undefined || isKeyUsable(reader, kmsKeyArn);
}

function isKeyUsable(reader: Reader, arn: string): boolean {
  try {
    checkUsable(reader.get("kmsKey", arn), "ENCRYPT_DECRYPT");
    return true;
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError) return false;
    throw thrown;
  }
}

/** The version with the instance's user and password becomes the current one, and the current one the previous. */
function addVersion(
  tx: Transaction,
  { ids, clock, vault }: ManagedSecretDeps,
  { arn, kmsKeyId }: SecretRecord,
  instance: DatabaseInstanceRecord,
): void {
  for (const version of tx.listBy("secretVersion", "secret", arn)) {
    const key = `${arn}/${version.versionId}`;
    if (version.stages.includes(CURRENT_STAGE))
      tx.put("secretVersion", key, { ...version, stages: [PREVIOUS_STAGE] });
    else tx.delete("secretVersion", key);
  }
  const versionId = ids.uuid();
  const password = vault.open(instance.sealedPassword);
  const text = JSON.stringify({ username: instance.masterUsername, password });
  const { encryptionContext } = secretUse(arn, versionId);
  const key = kmsKeyId === undefined ? undefined : tx.get("kmsKey", kmsKeyId);
  const value =
    kmsKeyId === undefined
      ? text
      : kmsEncrypt(vault, key, Buffer.from(text), encryptionContext).toString("base64");
  tx.put("secretVersion", `${arn}/${versionId}`, {
    ...{ secretArn: arn, versionId, stages: [CURRENT_STAGE], isBinary: false, createdAt: clock.now() },
    ...{ sealedValue: vault.seal(value), kmsKeyArn: kmsKeyId },
  });
}
