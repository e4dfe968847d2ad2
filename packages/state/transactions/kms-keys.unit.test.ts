import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newVault } from "@gantry/kernel";
import { afterAll, expect, it } from "vitest";
import { SqliteStore } from "../sqlite-store.ts";
import { KeyUnusableError, kmsDecrypt } from "./kms-keys.ts";
import { openProtected, parameterUse, secretUse } from "./protected-values.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-kms-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ARN = "arn:aws:kms:eu-south-1:000000000000:key/k";
const VALUE = "correct-horse-battery";

/**
 * Stores a key, and a secret and a parameter that it encrypts, prints a ciphertext once they are durable, and is
 * killed.
 */
const WRITER = `
  import { newVault } from "@gantry/kernel";
  import { SqliteStore, kmsEncrypt, parameterUse, secretUse } from "@gantry/state";
  const store = new SqliteStore(process.argv[1]);
  const vault = newVault(Buffer.alloc(32, 5));
  const place = { account: "000000000000", region: "eu-south-1" };
  const material = { id: "0".repeat(32), sealedMaterial: vault.seal(Buffer.alloc(32, 6).toString("base64")), createdAt: 0, origin: "INITIAL" };
  const key = { ...place, arn: ${JSON.stringify(ARN)}, id: "k", description: "", usage: "ENCRYPT_DECRYPT", spec: "SYMMETRIC_DEFAULT",
    manager: "CUSTOMER", enabled: true, policy: "{}", policyPrincipals: {}, tags: {}, createdAt: 0, materials: [material] };
  const { encryptionContext } = secretUse("secret", "1");
  const sealedValue = vault.seal(kmsEncrypt(vault, key, Buffer.from(${JSON.stringify(VALUE)}), encryptionContext).toString("base64"));
  const parameter = { ...place, arn: "parameter", name: "/p", version: 1, tags: {} };
  const sealedParameter = vault.seal(kmsEncrypt(vault, key, Buffer.from(${JSON.stringify(VALUE)}),
    parameterUse("parameter").encryptionContext).toString("base64"));
  store.transact((tx) => {
    tx.put("kmsKey", key.arn, key);
    tx.put("parameter", parameter.arn, parameter);
    tx.put("parameterVersion", "parameter:1", { parameterArn: "parameter", version: 1, type: "SecureString", keyId: "k",
      sealedValue: sealedParameter, kmsKeyArn: key.arn, tier: "Standard", dataType: "text", labels: [], modifiedAt: 0, modifiedBy: "" });
    tx.put("secretVersion", "secret/1", { secretArn: "secret", versionId: "1", stages: ["AWSCURRENT"], isBinary: false,
      sealedValue, kmsKeyArn: key.arn, createdAt: 0 });
  });
  await store.settled();
  process.stdout.write(kmsEncrypt(vault, key, Buffer.from("x"), {}).toString("base64"), () => process.kill(process.pid, "SIGKILL"));
`;

it("has keys, secrets and parameters after a kill, sealed in the file", () => {
  const path = join(folder, "state.db");
  const writer = spawnSync(process.execPath, ["--input-type=module", "-e", WRITER, path], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  expect(writer.signal).toBe("SIGKILL");
  const store = new SqliteStore(path);
  const vault = newVault(Buffer.alloc(32, 5));
  const blob = Buffer.from(writer.stdout, "base64");
  expect(kmsDecrypt(store, vault, blob, {}).plaintext.toString()).toBe("x");
  const version = store.get("secretVersion", "secret/1") ?? expect.fail("It was durable.");
  expect(openProtected(store, vault, version, secretUse("secret", "1"))).toBe(VALUE);
  const parameter = store.get("parameterVersion", "parameter:1") ?? expect.fail("It was durable.");
  const { sealedValue = expect.fail("It is sealed."), kmsKeyArn } = parameter;
  expect(openProtected(store, vault, { sealedValue, kmsKeyArn }, parameterUse("parameter"))).toBe(VALUE);
  expect(() => openProtected(store, vault, { sealedValue, kmsKeyArn }, parameterUse("other"))).toThrow();
  expect(store.get("parameter", "parameter")?.version).toBe(1);
  // A value that is moved to another version's record does not open there.
  expect(() => openProtected(store, vault, version, secretUse("secret", "2"))).toThrow();
  store.transact((tx) => {
    const key = tx.get("kmsKey", ARN) ?? expect.fail("It was durable.");
    tx.put("kmsKey", ARN, { ...key, enabled: false });
  });
  expect(() => openProtected(store, vault, version, secretUse("secret", "1"))).toThrow(KeyUnusableError);
  store.close();
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1"));
  for (const secret of [VALUE, Buffer.alloc(32, 6).toString("base64")])
    expect(files.some((file) => file.includes(secret))).toBe(false);
});
