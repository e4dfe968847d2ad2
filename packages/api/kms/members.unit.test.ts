import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import { ACCOUNT, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// Each member that an operation accepts is shown by what it does.
const api = await startApi();
afterAll(() => api.close());
const client = new kms.KMSClient(api.client());
const users = new iam.IAMClient(api.client());
const Plaintext = Buffer.from("hello");
const EncryptionContext = { purpose: "test" };
let symmetric = "";
let rsa = "";

async function newKey(input: kms.CreateKeyCommandInput = {}): Promise<string> {
  return (await client.send(new kms.CreateKeyCommand(input))).KeyMetadata?.Arn ?? "";
}

beforeAll(async () => {
  symmetric = await newKey();
  rsa = await newKey({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
});

describe("a key that is created", () => {
  it("has the spec of the older name, and material of no key store", async () => {
    const old = await newKey({ CustomerMasterKeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    const { KeyMetadata } = await client.send(new kms.DescribeKeyCommand({ KeyId: old }));
    expect(KeyMetadata).toMatchObject({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    expect(await newKey({ Origin: "AWS_KMS" })).toMatch(/^arn:/);
    for (const Origin of ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"] as const)
      await expect(newKey({ Origin })).rejects.toThrow(`the origin ${Origin} is not supported`);
  });

  it.each(["ENCAPSULATE_DECAPSULATE", "KEY_AGREEMENT"] as const)("is not for %s", async (KeyUsage) => {
    await expect(newKey({ KeySpec: "RSA_2048", KeyUsage })).rejects.toThrow(
      `KeyUsage ${KeyUsage} is not compatible`,
    );
  });

  it("may have a policy that locks its caller out, if the check is bypassed", async () => {
    const Statement = {
      Effect: "Allow",
      Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
      Action: "kms:DescribeKey",
      Resource: "*",
    };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await expect(newKey({ Policy })).rejects.toMatchObject({ name: "MalformedPolicyDocumentException" });
    expect(await newKey({ Policy, BypassPolicyLockoutSafetyCheck: true })).toMatch(/^arn:/);
  });

  it("has one policy, named default", async () => {
    const read = (PolicyName: string) =>
      client.send(new kms.GetKeyPolicyCommand({ KeyId: symmetric, PolicyName }));
    const { Policy } = await read("default");
    const write = (PolicyName: string) =>
      client.send(new kms.PutKeyPolicyCommand({ KeyId: symmetric, PolicyName, Policy }));
    await write("default");
    for (const call of [read, write])
      await expect(call("other")).rejects.toThrow("No such policy exists: other");
  });
});

describe("an algorithm", () => {
  const ALGORITHMS = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"] as const;
  const open = (CiphertextBlob: Uint8Array | undefined, algorithm: kms.EncryptionAlgorithmSpec) =>
    client.send(
      new kms.DecryptCommand({
        CiphertextBlob,
        KeyId: algorithm === "SYMMETRIC_DEFAULT" ? symmetric : rsa,
        EncryptionAlgorithm: algorithm,
      }),
    );

  it.each(ALGORITHMS)("%s opens what it sealed, and nothing else", async (EncryptionAlgorithm) => {
    const { CiphertextBlob } = await client.send(
      new kms.EncryptCommand({ KeyId: rsa, Plaintext, EncryptionAlgorithm }),
    );
    const opened = await open(CiphertextBlob, EncryptionAlgorithm);
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe("hello");
    const other = ALGORITHMS.find((each) => each !== EncryptionAlgorithm) ?? EncryptionAlgorithm;
    await expect(open(CiphertextBlob, other)).rejects.toMatchObject({ name: "InvalidCiphertextException" });
    await expect(open(CiphertextBlob, "SYMMETRIC_DEFAULT")).rejects.toMatchObject({
      name: "InvalidCiphertextException",
    });
  });

  it("must fit the key", async () => {
    const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId: symmetric, Plaintext }));
    expect((await open(CiphertextBlob, "SYMMETRIC_DEFAULT")).KeyId).toBe(symmetric);
    const sm2 = client.send(
      new kms.DecryptCommand({
        CiphertextBlob: Buffer.from("x"),
        KeyId: symmetric,
        EncryptionAlgorithm: "SM2PKE",
      }),
    );
    await expect(sm2).rejects.toThrow("Algorithm SM2PKE is incompatible with key spec SYMMETRIC_DEFAULT");
  });

  it("and the encryption context are those of the source and of the destination", async () => {
    const sealed = await client.send(
      new kms.EncryptCommand({ KeyId: symmetric, Plaintext, EncryptionContext }),
    );
    const move = (input: Partial<kms.ReEncryptCommandInput>) =>
      client.send(
        new kms.ReEncryptCommand({
          CiphertextBlob: sealed.CiphertextBlob,
          DestinationKeyId: rsa,
          DestinationEncryptionAlgorithm: "RSAES_OAEP_SHA_1",
          ...input,
        }),
      );
    await expect(move({})).rejects.toMatchObject({ name: "InvalidCiphertextException" });
    const moved = await move({ SourceEncryptionContext: EncryptionContext });
    expect(moved.DestinationEncryptionAlgorithm).toBe("RSAES_OAEP_SHA_1");
    const source = { SourceKeyId: rsa, SourceEncryptionAlgorithm: "RSAES_OAEP_SHA_1" } as const;
    const back = await move({
      ...{ CiphertextBlob: moved.CiphertextBlob, ...source },
      ...{ DestinationKeyId: symmetric, DestinationEncryptionAlgorithm: "SYMMETRIC_DEFAULT" },
    });
    const opened = await open(back.CiphertextBlob, "SYMMETRIC_DEFAULT");
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe("hello");
  });
});

describe("every algorithm", () => {
  const encrypt = (KeyId: string, EncryptionAlgorithm: kms.EncryptionAlgorithmSpec) =>
    client.send(new kms.EncryptCommand({ KeyId, Plaintext, EncryptionAlgorithm }));
  const move = (input: Partial<kms.ReEncryptCommandInput>) =>
    client.send(new kms.ReEncryptCommand({ CiphertextBlob: undefined, DestinationKeyId: rsa, ...input }));
  const SYMMETRIC = "SYMMETRIC_DEFAULT";
  const SHA_256 = "RSAES_OAEP_SHA_256";

  it("can be named for the source and for the destination", async () => {
    const { CiphertextBlob, EncryptionAlgorithm } = await encrypt(symmetric, SYMMETRIC);
    expect(EncryptionAlgorithm).toBe(SYMMETRIC);
    const moved = await move({
      ...{ CiphertextBlob, SourceEncryptionAlgorithm: SYMMETRIC, DestinationEncryptionAlgorithm: SHA_256 },
    });
    expect(moved).toMatchObject({
      ...{ SourceEncryptionAlgorithm: SYMMETRIC, DestinationEncryptionAlgorithm: SHA_256 },
    });
    const back = await move({
      ...{ CiphertextBlob: moved.CiphertextBlob, SourceKeyId: rsa, SourceEncryptionAlgorithm: SHA_256 },
      DestinationKeyId: symmetric,
    });
    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: back.CiphertextBlob }));
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe("hello");
  });

  // Before: an RSA key encrypted with RSAES_OAEP_SHA_256, and the answer named SM2PKE.
  it("must be one of an RSA key, which SM2PKE is not", async () => {
    const refusal = "Algorithm SM2PKE is incompatible with key spec RSA_2048";
    await expect(encrypt(rsa, "SM2PKE")).rejects.toThrow(refusal);
    const { CiphertextBlob } = await encrypt(rsa, SHA_256);
    const from = { CiphertextBlob, SourceKeyId: rsa };
    await expect(move({ ...from, SourceEncryptionAlgorithm: "SM2PKE" })).rejects.toThrow(refusal);
    const to = { SourceEncryptionAlgorithm: SHA_256, DestinationEncryptionAlgorithm: "SM2PKE" } as const;
    await expect(move({ ...from, ...to })).rejects.toThrow(refusal);
  });
});

describe("a data key", () => {
  const pair = { KeyPairSpec: "ECC_NIST_P256" } as const;
  const key = () => ({ KeyId: symmetric, EncryptionContext });
  const decrypt = (CiphertextBlob: Uint8Array | undefined, context?: Record<string, string>) =>
    client.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext: context }));

  it.each<[string, () => Promise<Uint8Array | undefined>]>([
    [
      "GenerateDataKey",
      async () =>
        (await client.send(new kms.GenerateDataKeyCommand({ ...key(), KeySpec: "AES_256" }))).CiphertextBlob,
    ],
    [
      "GenerateDataKeyWithoutPlaintext",
      async () =>
        (await client.send(new kms.GenerateDataKeyWithoutPlaintextCommand({ ...key(), KeySpec: "AES_256" })))
          .CiphertextBlob,
    ],
    [
      "GenerateDataKeyPair",
      async () =>
        (await client.send(new kms.GenerateDataKeyPairCommand({ ...key(), ...pair })))
          .PrivateKeyCiphertextBlob,
    ],
    [
      "GenerateDataKeyPairWithoutPlaintext",
      async () =>
        (await client.send(new kms.GenerateDataKeyPairWithoutPlaintextCommand({ ...key(), ...pair })))
          .PrivateKeyCiphertextBlob,
    ],
  ])("of %s opens only with its encryption context", async (_, generate) => {
    const blob = await generate();
    expect((await decrypt(blob, EncryptionContext)).Plaintext?.length).toBeGreaterThanOrEqual(32);
    await expect(decrypt(blob)).rejects.toMatchObject({ name: "InvalidCiphertextException" });
  });

  it.each([
    ["AES_128", 16],
    ["AES_256", 32],
  ] as const)("of %s has %i bytes", async (KeySpec, length) => {
    const input = { KeyId: symmetric, KeySpec };
    const { Plaintext: plain } = await client.send(new kms.GenerateDataKeyCommand(input));
    const { CiphertextBlob } = await client.send(new kms.GenerateDataKeyWithoutPlaintextCommand(input));
    const opened = await decrypt(CiphertextBlob);
    expect([plain?.length, opened.Plaintext?.length]).toEqual([length, length]);
  });
});

it.each(["224", "384", "512"] as const)("HMAC_%s is the algorithm of its keys alone", async (bits) => {
  const KeyId = await newKey({ KeySpec: `HMAC_${bits}`, KeyUsage: "GENERATE_VERIFY_MAC" });
  const MacAlgorithm = `HMAC_SHA_${bits}` as const;
  const input = { KeyId, Message: Plaintext, MacAlgorithm };
  const { Mac } = await client.send(new kms.GenerateMacCommand(input));
  expect(Mac?.length).toBe(Number(bits) / 8);
  expect((await client.send(new kms.VerifyMacCommand({ ...input, Mac }))).MacValid).toBe(true);
  const other = new kms.VerifyMacCommand({ ...input, Mac, MacAlgorithm: "HMAC_SHA_256" });
  await expect(client.send(other)).rejects.toMatchObject({ name: "InvalidKeyUsageException" });
});

it("signs a RAW message, and refuses a digest", async () => {
  const KeyId = await newKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
  const input = { KeyId, Message: Plaintext, SigningAlgorithm: "ECDSA_SHA_256" } as const;
  const { Signature } = await client.send(new kms.SignCommand({ ...input, MessageType: "RAW" }));
  const check = new kms.VerifyCommand({ ...input, Signature, MessageType: "RAW" });
  expect((await client.send(check)).SignatureValid).toBe(true);
  await expect(client.send(new kms.SignCommand({ ...input, MessageType: "DIGEST" }))).rejects.toThrow(
    "MessageType",
  );
});

it("lists grants by their id and their grantee, and retires one by its token", async () => {
  const grantTo = async (UserName: string) => {
    const { User } = await users.send(new iam.CreateUserCommand({ UserName }));
    const GranteePrincipal = User?.Arn;
    const input = { KeyId: symmetric, GranteePrincipal, Operations: [kms.GrantOperation.Decrypt] };
    return { ...(await client.send(new kms.CreateGrantCommand(input))), GranteePrincipal };
  };
  const [one, two] = [await grantTo("one"), await grantTo("two")];
  const listed = async (by: Partial<kms.ListGrantsCommandInput>) => {
    const { Grants = [] } = await client.send(new kms.ListGrantsCommand({ KeyId: symmetric, ...by }));
    return Grants.map(({ GrantId }) => GrantId);
  };
  expect(await listed({})).toHaveLength(2);
  expect(await listed({ GrantId: one.GrantId })).toEqual([one.GrantId]);
  expect(await listed({ GranteePrincipal: two.GranteePrincipal })).toEqual([two.GrantId]);
  await client.send(new kms.RetireGrantCommand({ GrantToken: one.GrantToken }));
  expect(await listed({})).toEqual([two.GrantId]);
});
