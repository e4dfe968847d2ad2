import { regional, type Send } from "./targets.ts";
import type { Made } from "./world-stores.ts";

/** A secret is named by its name, its ARN, and its ARN without the random characters. */
export async function createSecret(send: Send): Promise<Made> {
  const { ARN } = await send("secretsmanager", "CreateSecret", { Name: "prod", SecretString: "x" });
  const arn = String(ARN);
  const secret = { arns: [arn], family: regional("secretsmanager", "secret:*") };
  return {
    targets: [
      { kind: "secret", ...secret, spellings: ["prod", arn, arn.slice(0, -7)] },
      { kind: "secretName", ...secret, spellings: ["prod"] },
    ],
    defaults: {
      SecretString: "y",
      "PutSecretValue.SecretString": "y",
      "RotateSecret.RotateImmediately": false,
      "RotateSecret.RotationLambdaARN": "arn:aws:lambda:eu-south-1:000000000000:function:f",
      VersionStage: "extra",
      ResourcePolicy: '{"Version":"2012-10-17","Statement":[]}',
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
    },
  };
}

/** A parameter is named by its name and its ARN, each with a version or a label behind a colon. */
export async function createParameter(send: Send): Promise<Made> {
  await send("ssm", "PutParameter", { Name: "/prod/a", Value: "x", Type: "SecureString" });
  await send("ssm", "LabelParameterVersion", { Name: "/prod/a", Labels: ["live"] });
  const arn = regional("ssm", "parameter/prod/a");
  const parameter = { arns: [arn], family: regional("ssm", "parameter/*") };
  const spellings = ["/prod/a", arn];
  const document = regional("ssm", "document/prod-document");
  for (const number of [1, 2])
    await send("ssm", number === 1 ? "CreateDocument" : "UpdateDocument", {
      Name: "prod-document",
      Content: JSON.stringify({ schemaVersion: "2.2", description: String(number), mainSteps: [] }),
    });
  return {
    targets: [
      {
        kind: "parameter",
        ...parameter,
        spellings: [...spellings, ...spellings.flatMap((name) => [`${name}:1`, `${name}:live`])],
      },
      { kind: "parameterName", ...parameter, spellings: ["/prod/a"] },
      {
        kind: "ssmDocument",
        arns: [document],
        family: regional("ssm", "document/*"),
        spellings: ["prod-document", document],
      },
    ],
    defaults: {
      Value: "y",
      "PutParameter.Overwrite": true,
      "PutParameter.Type": "String",
      Content: '{"schemaVersion":"2.2","description":"another"}',
      DocumentVersion: "1",
      PermissionType: "Share",
      SettingValue: "true",
      ResourceType: "Parameter",
      Labels: ["l"],
      ParameterVersion: 1,
      Tags: [{ Key: "a", Value: "b" }],
      TagKeys: ["a"],
    },
  };
}

/** A key is named by its id, its ARN, and an alias's name and ARN. */
export async function createKey(send: Send): Promise<Made> {
  const made = await send("kms", "CreateKey", { Description: "prod" });
  const { KeyMetadata } = made as { KeyMetadata: { Arn: string; KeyId: string } }; // As answered.
  const { Arn: arn, KeyId: id } = KeyMetadata;
  await send("kms", "CreateAlias", { AliasName: "alias/prod", TargetKeyId: id });
  const { CiphertextBlob } = await send("kms", "Encrypt", { KeyId: id, Plaintext: new Uint8Array([1]) });
  const GranteePrincipal = "arn:aws:iam::000000000000:root";
  const { GrantId } = await send("kms", "CreateGrant", {
    KeyId: id,
    GranteePrincipal,
    Operations: ["Decrypt"],
  });
  const alias = regional("kms", "alias/prod");
  return {
    targets: [
      {
        kind: "kmsKey",
        arns: [arn],
        family: regional("kms", "key/*"),
        spellings: [id, arn, "alias/prod", alias],
      },
      {
        kind: "kmsAlias",
        arns: [alias, arn],
        family: regional("kms", "*"),
        spellings: ["alias/prod"],
      },
    ],
    defaults: {
      KeyId: id,
      TargetKeyId: id,
      SourceKeyId: id,
      DestinationKeyId: id,
      AliasName: "alias/prod",
      "CreateAlias.AliasName": "alias/other",
      Plaintext: new Uint8Array([1]),
      "Decrypt.CiphertextBlob": CiphertextBlob,
      "ReEncrypt.CiphertextBlob": CiphertextBlob,
      "GenerateDataKey.NumberOfBytes": 16,
      "GenerateDataKeyWithoutPlaintext.NumberOfBytes": 16,
      KeyPairSpec: "ECC_NIST_P256",
      Message: new Uint8Array([1]),
      SigningAlgorithm: "ECDSA_SHA_256",
      MacAlgorithm: "HMAC_SHA_256",
      Signature: new Uint8Array([1]),
      Mac: new Uint8Array([1]),
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: "000000000000" }, Action: "kms:*", Resource: "*" }],
      }),
      Operations: ["Decrypt"],
      "CreateGrant.GranteePrincipal": GranteePrincipal,
      GrantId,
      Tags: [{ TagKey: "a", TagValue: "b" }],
      TagKeys: ["a"],
    },
  };
}
