import { createPublicKey, publicEncrypt, verify } from "node:crypto";
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as sm from "@aws-sdk/client-secrets-manager";
import * as ssm from "@aws-sdk/client-ssm";
import { newVault } from "@gantry/kernel";
import { reseal } from "@gantry/state";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new kms.KMSClient(api.client());
const users = new iam.IAMClient(api.client());
const text = (value: string): Uint8Array => Buffer.from(value);
const readable = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
async function newKey(input: kms.CreateKeyCommandInput = {}): Promise<string> {
  const { KeyMetadata } = await client.send(new kms.CreateKeyCommand(input));
  return KeyMetadata?.Arn ?? "";
}
const encrypt = async (KeyId: string, EncryptionContext?: Record<string, string>) =>
  (await client.send(new kms.EncryptCommand({ KeyId, Plaintext: text("hello"), EncryptionContext })))
    .CiphertextBlob;
const decrypt = (CiphertextBlob: Uint8Array | undefined, more: object = {}) =>
  client.send(new kms.DecryptCommand({ CiphertextBlob, ...more }));

/** A user with a policy, or none, and a client of its own. */
async function userWith(name: string, Statement?: object) {
  const { User } = await users.send(new iam.CreateUserCommand({ UserName: name }));
  if (Statement !== undefined) {
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await users.send(new iam.PutUserPolicyCommand({ UserName: name, PolicyName: "own", PolicyDocument }));
  }
  const { AccessKey } = await users.send(new iam.CreateAccessKeyCommand({ UserName: name }));
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  return {
    arn: User?.Arn ?? "",
    config: api.client(credentials),
    client: new kms.KMSClient(api.client(credentials)),
  };
}
const ALL = { Effect: "Allow", Action: "*", Resource: "*" };

describe("a symmetric key", () => {
  it("decrypts what it encrypted, only with the same encryption context", async () => {
    const key = await newKey();
    const blob = await encrypt(key, { a: "1", b: "2" });
    const opened = await decrypt(blob, { EncryptionContext: { b: "2", a: "1" } });
    expect(readable(opened.Plaintext)).toBe("hello");
    expect(opened.KeyId).toBe(key);
    // Texts that would be one if keys and values were joined.
    for (const EncryptionContext of [
      undefined,
      { a: "1" },
      { a: "1b", "": "2" },
      { a: "2", b: "1" },
      { ab: "12" },
    ])
      await expect(decrypt(blob, { EncryptionContext })).rejects.toMatchObject({
        name: "InvalidCiphertextException",
      });
    const other = await newKey();
    await expect(
      decrypt(blob, { EncryptionContext: { a: "1", b: "2" }, KeyId: other }),
    ).rejects.toMatchObject({ name: "IncorrectKeyException" });
  });

  it("refuses a ciphertext that was changed or renamed to another key", async () => {
    const [key, other] = [await newKey(), await newKey()];
    const blob = Buffer.from((await encrypt(key)) ?? []);
    const renamed = Buffer.from(blob.toString("latin1").replace(key, other), "latin1");
    const changed = Buffer.from(blob);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    for (const each of [renamed, changed, Buffer.from("nothing"), blob.subarray(0, 20)])
      await expect(decrypt(each)).rejects.toThrow();
  });

  it("generates data keys, and re-encrypts under another key", async () => {
    const [key, other] = [await newKey(), await newKey()];
    const made = await client.send(new kms.GenerateDataKeyCommand({ KeyId: key, KeySpec: "AES_256" }));
    expect(made.Plaintext).toHaveLength(32);
    expect((await decrypt(made.CiphertextBlob)).Plaintext).toEqual(made.Plaintext);
    const hidden = await client.send(
      new kms.GenerateDataKeyWithoutPlaintextCommand({ KeyId: key, NumberOfBytes: 16 }),
    );
    expect((await decrypt(hidden.CiphertextBlob)).Plaintext).toHaveLength(16);
    const moved = await client.send(
      new kms.ReEncryptCommand({
        CiphertextBlob: made.CiphertextBlob,
        DestinationKeyId: other,
        DestinationEncryptionContext: { to: "other" },
      }),
    );
    const again = await decrypt(moved.CiphertextBlob, { EncryptionContext: { to: "other" } });
    expect(again).toMatchObject({ KeyId: other });
    expect(again.Plaintext).toEqual(made.Plaintext);
    const pair = await client.send(
      new kms.GenerateDataKeyPairCommand({ KeyId: key, KeyPairSpec: "ECC_NIST_P256" }),
    );
    expect((await decrypt(pair.PrivateKeyCiphertextBlob)).Plaintext).toEqual(pair.PrivateKeyPlaintext);
    const hiddenPair = await client.send(
      new kms.GenerateDataKeyPairWithoutPlaintextCommand({ KeyId: key, KeyPairSpec: "ECC_NIST_P256" }),
    );
    expect(hiddenPair).not.toHaveProperty("PrivateKeyPlaintext");
    const random = await client.send(new kms.GenerateRandomCommand({ NumberOfBytes: 24 }));
    expect(random.Plaintext).toHaveLength(24);
  });

  it("still decrypts old ciphertexts once it was rotated", async () => {
    const KeyId = await newKey();
    const blob = await encrypt(KeyId);
    await client.send(new kms.EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 90 }));
    expect(await client.send(new kms.GetKeyRotationStatusCommand({ KeyId }))).toMatchObject({
      KeyRotationEnabled: true,
      RotationPeriodInDays: 90,
    });
    await client.send(new kms.DisableKeyRotationCommand({ KeyId }));
    await client.send(new kms.RotateKeyOnDemandCommand({ KeyId }));
    const { Rotations } = await client.send(new kms.ListKeyRotationsCommand({ KeyId }));
    expect(Rotations).toMatchObject([{ RotationType: "ON_DEMAND" }]);
    expect(readable((await decrypt(blob)).Plaintext)).toBe("hello");
    expect(readable((await decrypt(await encrypt(KeyId))).Plaintext)).toBe("hello");
  });
});

describe("an asymmetric key", () => {
  it.each(["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "RSA_2048"] as const)(
    "of %s signs, and its public key verifies",
    async (KeySpec) => {
      const KeyId = await newKey({ KeySpec, KeyUsage: "SIGN_VERIFY" });
      const { PublicKey, SigningAlgorithms = [] } = await client.send(new kms.GetPublicKeyCommand({ KeyId }));
      const [SigningAlgorithm = "ECDSA_SHA_256"] = SigningAlgorithms;
      const signed = { KeyId, Message: text("m"), SigningAlgorithm };
      const { Signature } = await client.send(new kms.SignCommand(signed));
      const publicKey = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: "der", type: "spki" });
      expect(verify(`sha${SigningAlgorithm.slice(-3)}`, text("m"), publicKey, Signature ?? text(""))).toBe(
        true,
      );
      expect(await client.send(new kms.VerifyCommand({ ...signed, Signature }))).toMatchObject({
        SignatureValid: true,
      });
      await expect(
        client.send(new kms.VerifyCommand({ ...signed, Message: text("n"), Signature })),
      ).rejects.toMatchObject({ name: "KMSInvalidSignatureException" });
    },
  );

  it("of RSA decrypts, and signs with PSS", async () => {
    const KeyId = await newKey({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
    const { PublicKey } = await client.send(new kms.GetPublicKeyCommand({ KeyId }));
    const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: "der", type: "spki" });
    const blob = publicEncrypt({ key, oaepHash: "sha256" }, text("hello"));
    const opened = await decrypt(blob, { KeyId, EncryptionAlgorithm: "RSAES_OAEP_SHA_256" });
    expect(readable(opened.Plaintext)).toBe("hello");
    await expect(
      client.send(new kms.SignCommand({ KeyId, Message: text("m"), SigningAlgorithm: "RSASSA_PSS_SHA_256" })),
    ).rejects.toMatchObject({ name: "InvalidKeyUsageException" });
  });
});

it("generates and verifies message authentication codes", async () => {
  const KeyId = await newKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
  const input = { KeyId, Message: text("m"), MacAlgorithm: "HMAC_SHA_256" } as const;
  const { Mac } = await client.send(new kms.GenerateMacCommand(input));
  expect(await client.send(new kms.VerifyMacCommand({ ...input, Mac }))).toMatchObject({ MacValid: true });
  await expect(client.send(new kms.VerifyMacCommand({ ...input, Mac: text("wrong") }))).rejects.toMatchObject(
    { name: "KMSInvalidMacException" },
  );
});

describe("a key's state", () => {
  it("decides whether it, and what it protects, can be used", async () => {
    const KeyId = await newKey({ Description: "d", Tags: [{ TagKey: "a", TagValue: "b" }] });
    const secrets = new sm.SecretsManagerClient(api.client());
    const parameters = new ssm.SSMClient(api.client());
    await client.send(new kms.CreateAliasCommand({ AliasName: "alias/app", TargetKeyId: KeyId }));
    await secrets.send(new sm.CreateSecretCommand({ Name: "s", SecretString: "v", KmsKeyId: "alias/app" }));
    const Parameter = { Name: "/p", Value: "v", Type: "SecureString", KeyId: "alias/app" } as const;
    await parameters.send(new ssm.PutParameterCommand(Parameter));
    const secret = () => secrets.send(new sm.GetSecretValueCommand({ SecretId: "s" }));
    const parameter = () =>
      parameters.send(new ssm.GetParameterCommand({ Name: "/p", WithDecryption: true }));
    expect(await secret()).toMatchObject({ SecretString: "v" });
    expect((await parameter()).Parameter?.Value).toBe("v");
    const blob = await encrypt(KeyId);
    await client.send(new kms.DisableKeyCommand({ KeyId }));
    await expect(decrypt(blob)).rejects.toMatchObject({ name: "DisabledException" });
    await expect(encrypt(KeyId)).rejects.toMatchObject({ name: "DisabledException" });
    await expect(secret()).rejects.toMatchObject({ name: "DecryptionFailure" });
    await expect(parameter()).rejects.toMatchObject({ name: "InvalidKeyId" });
    await client.send(new kms.EnableKeyCommand({ KeyId }));
    expect(await secret()).toMatchObject({ SecretString: "v" });
    await client.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    await expect(decrypt(blob)).rejects.toMatchObject({ name: "KMSInvalidStateException" });
    await expect(secret()).rejects.toMatchObject({ name: "DecryptionFailure" });
    await client.send(new kms.CancelKeyDeletionCommand({ KeyId }));
    await expect(decrypt(blob)).rejects.toMatchObject({ name: "DisabledException" });
    await client.send(new kms.EnableKeyCommand({ KeyId }));
    expect(readable((await decrypt(blob)).Plaintext)).toBe("hello");
  });

  it("is described, with its tags, aliases and policy", async () => {
    const KeyId = "alias/app";
    await client.send(new kms.UpdateKeyDescriptionCommand({ KeyId, Description: "e" }));
    await client.send(new kms.TagResourceCommand({ KeyId, Tags: [{ TagKey: "c", TagValue: "d" }] }));
    await client.send(new kms.UntagResourceCommand({ KeyId, TagKeys: ["a"] }));
    const { KeyMetadata } = await client.send(new kms.DescribeKeyCommand({ KeyId }));
    expect(KeyMetadata).toMatchObject({ Description: "e", KeyState: "Enabled", KeyManager: "CUSTOMER" });
    const { Tags } = await client.send(new kms.ListResourceTagsCommand({ KeyId }));
    expect(Tags).toEqual([{ TagKey: "c", TagValue: "d" }]);
    const other = await newKey();
    await client.send(new kms.UpdateAliasCommand({ AliasName: "alias/app", TargetKeyId: other }));
    const { Aliases } = await client.send(new kms.ListAliasesCommand({ KeyId: other }));
    expect(Aliases).toMatchObject([{ AliasName: "alias/app" }]);
    await client.send(new kms.DeleteAliasCommand({ AliasName: "alias/app" }));
    await expect(client.send(new kms.DescribeKeyCommand({ KeyId }))).rejects.toMatchObject({
      name: "NotFoundException",
    });
    const { Keys = [] } = await client.send(new kms.ListKeysCommand({}));
    expect(Keys.map((each) => each.KeyArn)).toContain(other);
    const { PolicyNames } = await client.send(new kms.ListKeyPoliciesCommand({ KeyId: other }));
    expect(PolicyNames).toEqual(["default"]);
    const managed = await client.send(new kms.DescribeKeyCommand({ KeyId: "alias/aws/s3" }));
    expect(managed.KeyMetadata).toMatchObject({ KeyManager: "AWS" });
    await expect(
      client.send(new kms.DisableKeyCommand({ KeyId: managed.KeyMetadata?.KeyId })),
    ).rejects.toMatchObject({ name: "AccessDeniedException" });
    await expect(newKey({ MultiRegion: true })).rejects.toMatchObject({
      name: "UnsupportedOperationException",
    });
  });
});

describe("a key policy", () => {
  const statement = (AWS: string, Action: string | string[], more: object = {}) => ({
    Effect: "Allow",
    Principal: { AWS },
    Action,
    Resource: "*",
    ...more,
  });
  const policy = (...Statement: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement });

  // Before: IAM policies of the account decided over keys as over other resources.
  it("decides alone if it does not name the account", async () => {
    const admin = await userWith("admin", ALL);
    const KeyId = await newKey();
    expect((await admin.client.send(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata?.Arn).toBe(KeyId);
    const Policy = policy(statement(admin.arn, ["kms:PutKeyPolicy", "kms:Encrypt"]));
    await client.send(new kms.PutKeyPolicyCommand({ KeyId, Policy, BypassPolicyLockoutSafetyCheck: true }));
    await admin.client.send(new kms.EncryptCommand({ KeyId, Plaintext: text("x") }));
    await expect(admin.client.send(new kms.GetKeyPolicyCommand({ KeyId }))).rejects.toThrow(
      /because no resource-based policy allows the kms:GetKeyPolicy action/,
    );
    // The account's root is no exception.
    await expect(encrypt(KeyId)).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  it("must allow its caller to change it again", async () => {
    const KeyId = await newKey();
    const Policy = policy(statement((await userWith("nobody")).arn, "kms:*"));
    await expect(client.send(new kms.PutKeyPolicyCommand({ KeyId, Policy }))).rejects.toThrow(
      "The new key policy will not allow you to update the key policy in the future.",
    );
  });

  it("reads the encryption context and the service that asks", async () => {
    const reader = await userWith("context");
    const KeyId = await newKey({
      Policy: policy(
        statement(`arn:aws:iam::${ACCOUNT}:root`, "kms:*"),
        statement(reader.arn, "kms:Decrypt", {
          Condition: { StringEquals: { "kms:EncryptionContext:app": "a" } },
        }),
      ),
    });
    const own = await encrypt(KeyId, { app: "a" });
    const foreign = await encrypt(KeyId, { app: "b" });
    const read = (CiphertextBlob: Uint8Array | undefined, EncryptionContext: Record<string, string>) =>
      reader.client.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext }));
    expect(readable((await read(own, { app: "a" })).Plaintext)).toBe("hello");
    await expect(read(foreign, { app: "b" })).rejects.toMatchObject({ name: "AccessDeniedException" });
    await expect(read(foreign, { app: "a" })).rejects.toMatchObject({ name: "InvalidCiphertextException" });
  });

  it("protects a secret from readers that may not decrypt", async () => {
    const secrets = new sm.SecretsManagerClient(api.client());
    const KmsKeyId = await newKey();
    await secrets.send(new sm.CreateSecretCommand({ Name: "guarded", SecretString: "v", KmsKeyId }));
    const allow = (Action: string) => ({ Effect: "Allow", Action, Resource: "*" });
    const get = ({ config }: Awaited<ReturnType<typeof userWith>>) =>
      new sm.SecretsManagerClient(config).send(new sm.GetSecretValueCommand({ SecretId: "guarded" }));
    await expect(get(await userWith("half", allow("secretsmanager:*")))).rejects.toThrow(/kms:Decrypt/);
    const via = {
      ...allow("kms:Decrypt"),
      Condition: { StringEquals: { "kms:ViaService": "secretsmanager.eu-south-1.amazonaws.com" } },
    };
    const both = await userWith("both", [allow("secretsmanager:*"), via]);
    expect(await get(both)).toMatchObject({ SecretString: "v" });
    await expect(
      both.client.send(new kms.DecryptCommand({ CiphertextBlob: await encrypt(KmsKeyId) })),
    ).rejects.toMatchObject({ name: "AccessDeniedException" });
  });
});

describe("a grant", () => {
  it("permits its operations to its grantee, under its constraints, until it is revoked", async () => {
    const KeyId = await newKey();
    const grantee = await userWith("grantee");
    const blob = await encrypt(KeyId, { app: "a", more: "b" });
    const read = (EncryptionContext: Record<string, string>, of: Uint8Array | undefined = blob) =>
      grantee.client.send(new kms.DecryptCommand({ CiphertextBlob: of, EncryptionContext }));
    await expect(read({ app: "a", more: "b" })).rejects.toMatchObject({ name: "AccessDeniedException" });
    const grant = { KeyId, GranteePrincipal: grantee.arn, Operations: ["Decrypt" as const], Name: "g" };
    const { GrantId } = await client.send(
      new kms.CreateGrantCommand({ ...grant, Constraints: { EncryptionContextSubset: { app: "a" } } }),
    );
    expect(readable((await read({ app: "a", more: "b" })).Plaintext)).toBe("hello");
    const other = await encrypt(KeyId, { app: "b" });
    await expect(read({ app: "b" }, other)).rejects.toMatchObject({ name: "AccessDeniedException" });
    await expect(
      grantee.client.send(new kms.EncryptCommand({ KeyId, Plaintext: text("x") })),
    ).rejects.toMatchObject({ name: "AccessDeniedException" });
    const { Grants } = await client.send(new kms.ListGrantsCommand({ KeyId }));
    expect(Grants).toMatchObject([{ GrantId, GranteePrincipal: grantee.arn }]);
    await client.send(new kms.RevokeGrantCommand({ KeyId, GrantId }));
    await expect(read({ app: "a", more: "b" })).rejects.toMatchObject({ name: "AccessDeniedException" });
    await client.send(
      new kms.CreateGrantCommand({ ...grant, Constraints: { EncryptionContextEquals: { app: "a" } } }),
    );
    await expect(read({ app: "a", more: "b" })).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  it("is retired only by the principal that it names, and ends with its grantee", async () => {
    const KeyId = await newKey();
    const [grantee, retiring] = [await userWith("mayfly"), await userWith("retiring")];
    const input = {
      KeyId,
      GranteePrincipal: grantee.arn,
      RetiringPrincipal: retiring.arn,
      Operations: ["Encrypt" as const],
    };
    const { GrantId, GrantToken } = await client.send(new kms.CreateGrantCommand(input));
    const use = (by: kms.KMSClient) => by.send(new kms.EncryptCommand({ KeyId, Plaintext: text("x") }));
    await use(grantee.client);
    await expect(grantee.client.send(new kms.RetireGrantCommand({ GrantToken }))).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    const { Grants } = await client.send(
      new kms.ListRetirableGrantsCommand({ RetiringPrincipal: retiring.arn }),
    );
    expect(Grants).toMatchObject([{ GrantId }]);
    await retiring.client.send(new kms.RetireGrantCommand({ KeyId, GrantId }));
    await expect(use(grantee.client)).rejects.toMatchObject({ name: "AccessDeniedException" });
  });
});

it("stores no key material in plain text, and seals it anew with the vault's next key", async () => {
  const KeyId = await newKey();
  const blob = await encrypt(KeyId);
  const before = api.store.get("kmsKey", KeyId)?.materials[0]?.sealedMaterial ?? "";
  const secret = api.vault.open(before);
  expect(JSON.stringify(api.store.list("kmsKey"))).not.toContain(secret);
  const next = newVault(Buffer.alloc(32, 8), Buffer.alloc(32, 7));
  reseal(api.store, next);
  const after = api.store.get("kmsKey", KeyId)?.materials[0]?.sealedMaterial ?? "";
  expect(newVault(Buffer.alloc(32, 8)).open(after)).toBe(secret);
  reseal(api.store, newVault(Buffer.alloc(32, 7), Buffer.alloc(32, 8)));
  expect(readable((await decrypt(blob)).Plaintext)).toBe("hello");
});
