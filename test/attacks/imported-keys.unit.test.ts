import { constants, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import * as kms from "@aws-sdk/client-kms";
import { VirtualClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Material of a customer's own reaches the platform wrapped, for one key. A token of another key, a stale or made-up
// one, and other material than the first must change nothing; deleted material must make what it protects unreadable.
// Before: keys of the origin EXTERNAL were refused.
const clock = new VirtualClock(Date.now());
const api = await startApi({ clock });
afterAll(() => api.close());
const client = new kms.KMSClient(api.client());
const DAY_MS = 24 * 60 * 60_000;
const material = randomBytes(32);
const FOREVER = { ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE" } as const;
const OAEP = "RSAES_OAEP_SHA_256" as const;

async function newKey(more: kms.CreateKeyRequest = {}): Promise<string> {
  const { KeyMetadata } = await client.send(new kms.CreateKeyCommand({ Origin: "EXTERNAL", ...more }));
  expect(KeyMetadata).toMatchObject({ Origin: "EXTERNAL", KeyState: "PendingImport", Enabled: false });
  return KeyMetadata?.Arn ?? "";
}
async function parameters(
  KeyId: string,
  WrappingAlgorithm: kms.AlgorithmSpec = OAEP,
  WrappingKeySpec: kms.WrappingKeySpec = "RSA_2048",
) {
  const { PublicKey, ImportToken } = await client.send(
    new kms.GetParametersForImportCommand({ KeyId, WrappingAlgorithm, WrappingKeySpec }),
  );
  const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: "der", type: "spki" });
  const oaepHash = WrappingAlgorithm === OAEP ? "sha256" : "sha1";
  const wrap = (secret: Buffer) =>
    publicEncrypt({ key, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, secret);
  return { ImportToken, wrap };
}
const put = (input: kms.ImportKeyMaterialRequest) =>
  client.send(new kms.ImportKeyMaterialCommand({ ...FOREVER, ...input }));
async function importInto(
  KeyId: string,
  secret = material,
  more: Partial<kms.ImportKeyMaterialRequest> = {},
) {
  const { ImportToken, wrap } = await parameters(KeyId);
  return put({ KeyId, ImportToken, EncryptedKeyMaterial: wrap(secret), ...more });
}
const describeKey = async (KeyId: string) =>
  (await client.send(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata;
const encrypt = (KeyId: string) =>
  client.send(new kms.EncryptCommand({ KeyId, Plaintext: Buffer.from("secret") }));

let key = "";
beforeAll(async () => {
  key = await newKey();
});

describe("a key of the origin EXTERNAL", () => {
  it("cannot be used, enabled or rotated before its material is imported", async () => {
    for (const command of [
      new kms.EncryptCommand({ KeyId: key, Plaintext: Buffer.from("x") }),
      new kms.EnableKeyCommand({ KeyId: key }),
    ])
      await expect(
        client.send(command as kms.EnableKeyCommand),
        command.constructor.name,
      ).rejects.toMatchObject({
        name: "KMSInvalidStateException",
      });
    for (const command of [
      new kms.EnableKeyRotationCommand({ KeyId: key }),
      new kms.RotateKeyOnDemandCommand({ KeyId: key }),
    ])
      await expect(client.send(command)).rejects.toMatchObject({
        name: "UnsupportedOperationException",
      });
  });

  it("encrypts with the material, which can be deleted and imported again, and no other", async () => {
    const { KeyMaterialId } = await importInto(key);
    expect(await describeKey(key)).toMatchObject({ KeyState: "Enabled", Enabled: true, ...FOREVER });
    const { CiphertextBlob } = await encrypt(key);
    const decrypt = () => client.send(new kms.DecryptCommand({ CiphertextBlob }));
    const removed = await client.send(new kms.DeleteImportedKeyMaterialCommand({ KeyId: key }));
    expect(removed.KeyMaterialId).toBe(KeyMaterialId);
    expect((await describeKey(key))?.KeyState).toBe("PendingImport");
    await expect(decrypt()).rejects.toMatchObject({ name: "KMSInvalidStateException" });
    expect(JSON.stringify(api.store.get("kmsKey", key))).not.toContain(material.toString("base64"));
    await expect(importInto(key, randomBytes(32))).rejects.toMatchObject({
      name: "IncorrectKeyMaterialException",
    });
    expect((await importInto(key)).KeyMaterialId).toBe(KeyMaterialId);
    expect(Buffer.from((await decrypt()).Plaintext ?? []).toString()).toBe("secret");
  });

  it("takes each wrapping key and hash that is not refused, and HMAC keys", async () => {
    const hmac = await newKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    for (const [hash, spec] of [
      ["RSAES_OAEP_SHA_1", "RSA_3072"],
      [OAEP, "RSA_4096"],
    ] as const) {
      const { ImportToken, wrap } = await parameters(hmac, hash, spec);
      expect(ImportToken?.length).toBeLessThanOrEqual(6_144);
      const EncryptedKeyMaterial = wrap(material);
      await put({ KeyId: hmac, ImportToken, EncryptedKeyMaterial, ImportType: "NEW_KEY_MATERIAL" });
    }
    const mac = { KeyId: hmac, Message: Buffer.from("m"), MacAlgorithm: "HMAC_SHA_256" as const };
    expect((await client.send(new kms.GenerateMacCommand(mac))).Mac).toHaveLength(32);
    for (const WrappingAlgorithm of ["RSAES_PKCS1_V1_5", "RSA_AES_KEY_WRAP_SHA_256", "SM2PKE"] as const)
      await expect(parameters(hmac, WrappingAlgorithm)).rejects.toMatchObject({
        name: "UnsupportedOperationException",
      });
    await expect(parameters(hmac, OAEP, "SM2")).rejects.toMatchObject({
      name: "UnsupportedOperationException",
    });
    await expect(newKey({ KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" })).rejects.toThrow(
      "secret keys alone",
    );
  });

  it("may have material that expires, within a year", async () => {
    const expiring = await newKey();
    const ValidTo = new Date(clock.now() + DAY_MS);
    await importInto(expiring, material, { ExpirationModel: "KEY_MATERIAL_EXPIRES", ValidTo });
    expect(await describeKey(expiring)).toMatchObject({ ExpirationModel: "KEY_MATERIAL_EXPIRES" });
    for (const more of [
      { ExpirationModel: undefined },
      { ExpirationModel: "KEY_MATERIAL_EXPIRES", ValidTo: new Date(clock.now() - 1) },
      { ExpirationModel: "KEY_MATERIAL_EXPIRES", ValidTo: new Date(clock.now() + 366 * DAY_MS) },
      { ...FOREVER, ValidTo },
    ] as const)
      await expect(importInto(expiring, material, more), JSON.stringify(more)).rejects.toMatchObject({
        name: "ValidationException",
      });
  });
});

describe("an import", () => {
  it("needs a token of the key that has not expired, and material that it unwraps", async () => {
    const other = await newKey();
    const { ImportToken, wrap } = await parameters(other);
    const EncryptedKeyMaterial = wrap(material);
    const refused = (input: kms.ImportKeyMaterialRequest) => expect(put(input)).rejects;
    const sealed = Buffer.from(api.vault.seal(JSON.stringify({ keyArn: key, validTo: 9e15 })));
    for (const [KeyId, token] of [
      [key, ImportToken],
      [other, Buffer.from("made up")],
      [key, sealed],
    ] as const)
      await refused({ KeyId, ImportToken: token, EncryptedKeyMaterial }).toMatchObject({
        name: "InvalidImportTokenException",
      });
    await refused({ KeyId: other, ImportToken, EncryptedKeyMaterial: randomBytes(256) }).toMatchObject({
      name: "InvalidCiphertextException",
    });
    for (const length of [16, 33, 64])
      await refused({
        KeyId: other,
        ImportToken,
        EncryptedKeyMaterial: wrap(randomBytes(length)),
      }).toMatchObject({
        name: "IncorrectKeyMaterialException",
      });
    expect((await describeKey(other))?.KeyState).toBe("PendingImport");
    const { Arn } = (await client.send(new kms.CreateKeyCommand({}))).KeyMetadata ?? {};
    await expect(importInto(Arn ?? "")).rejects.toMatchObject({ name: "UnsupportedOperationException" });
    const content: unknown = JSON.parse(api.vault.open(Buffer.from(ImportToken ?? []).toString()));
    const stale = api.vault.seal(JSON.stringify({ ...(content as object), validTo: clock.now() }));
    await refused({ KeyId: other, ImportToken: Buffer.from(stale), EncryptedKeyMaterial }).toMatchObject({
      name: "ExpiredImportTokenException",
    });
  });
});
