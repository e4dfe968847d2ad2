import { createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import * as kms from "@aws-sdk/client-kms";
import * as sm from "@aws-sdk/client-secrets-manager";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";
import { expiryController } from "./expiry-controller.ts";

const api = await startApi();
afterAll(() => api.close());
const DAY_MS = 24 * 60 * 60_000;
const keys = new kms.KMSClient(api.client());
const secrets = new sm.SecretsManagerClient(api.client());
/** A controller whose clock is this many days ahead. */
const later = (days: number) =>
  expiryController({
    store: api.store,
    vault: api.vault,
    ids: randomIds(),
    log: silentLogger,
    clock: Object.assign(Object.create(new SystemClock()) as SystemClock, {
      now: () => Date.now() + days * DAY_MS,
    }),
  });

it("removes a secret with its versions once its recovery window is over", async () => {
  const { ARN = "" } = await secrets.send(new sm.CreateSecretCommand({ Name: "s", SecretString: "v" }));
  await secrets.send(new sm.DeleteSecretCommand({ SecretId: "s", RecoveryWindowInDays: 7 }));
  expect(await later(6).reconcile(ARN)).toBeGreaterThan(0);
  expect(api.store.get("secret", ARN)).toBeDefined();
  await later(8).reconcile(ARN);
  expect([api.store.get("secret", ARN), api.store.list("secretVersion").length]).toEqual([undefined, 0]);
});

it("removes a key with its aliases and its material, and rotates one whose time has come", async () => {
  const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({}));
  const arn = KeyMetadata?.Arn ?? "";
  const { CiphertextBlob } = await keys.send(
    new kms.EncryptCommand({ KeyId: arn, Plaintext: Buffer.from("x") }),
  );
  await keys.send(new kms.CreateAliasCommand({ AliasName: "alias/a", TargetKeyId: arn }));
  await keys.send(new kms.EnableKeyRotationCommand({ KeyId: arn, RotationPeriodInDays: 90 }));
  await later(91).reconcile(arn);
  expect(api.store.get("kmsKey", arn)?.materials).toHaveLength(2);
  await keys.send(new kms.DecryptCommand({ CiphertextBlob }));
  await keys.send(new kms.ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 7 }));
  await later(8).reconcile(arn);
  expect(api.store.get("kmsKey", arn)).toBeUndefined();
  await expect(keys.send(new kms.DescribeKeyCommand({ KeyId: "alias/a" }))).rejects.toThrow();
  await expect(keys.send(new kms.DecryptCommand({ CiphertextBlob }))).rejects.toThrow();
});

it("deletes imported material once it expires, at any later start too", async () => {
  const { KeyMetadata } = await keys.send(new kms.CreateKeyCommand({ Origin: "EXTERNAL" }));
  const KeyId = KeyMetadata?.Arn ?? "";
  const { PublicKey, ImportToken } = await keys.send(
    new kms.GetParametersForImportCommand({
      ...{ KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_1", WrappingKeySpec: "RSA_2048" },
    }),
  );
  const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: "der", type: "spki" });
  const EncryptedKeyMaterial = publicEncrypt({ key, oaepHash: "sha1" }, randomBytes(32));
  const ValidTo = new Date(Date.now() + 2 * DAY_MS);
  await keys.send(new kms.ImportKeyMaterialCommand({ KeyId, ImportToken, EncryptedKeyMaterial, ValidTo }));
  expect(await later(1).reconcile(KeyId)).toBeGreaterThan(0);
  expect(later(3).keys()).toContain(KeyId);
  await later(3).reconcile(KeyId);
  expect(await later(3).reconcile(KeyId)).toBeUndefined();
  const { KeyMetadata: after } = await keys.send(new kms.DescribeKeyCommand({ KeyId }));
  expect(after).toMatchObject({ KeyState: "PendingImport" });
  expect(after?.ValidTo).toBeUndefined();
});
