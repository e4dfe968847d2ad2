import { kmsKeyArnOf } from "@gantry/state";
import { member, text, type Read } from "./key-readers.ts";

/**
 * Condition keys of Secrets Manager and Parameter Store.
 * Source: Service Authorization Reference, the pages of both services.
 */
export const SECRET_KEYS: Readonly<Record<string, Read>> = {
  "secretsmanager:Name": member("Name"),
  "secretsmanager:Description": member("Description"),
  "secretsmanager:KmsKeyId": member("KmsKeyId"),
  "secretsmanager:KmsKeyArn": (asked, store) => {
    const given = text(asked.input["KmsKeyId"]);
    return given === undefined ? undefined : kmsKeyArnOf(store, { ...asked }, given);
  },
  // The ARN of the secret, however the caller names it, so that a Deny cannot be evaded by the name.
  "secretsmanager:SecretId": ({ resource }) => resource,
  "secretsmanager:ForceDeleteWithoutRecovery": withDefault("ForceDeleteWithoutRecovery", "false"),
  "secretsmanager:RecoveryWindowInDays": ({ input }) =>
    input["ForceDeleteWithoutRecovery"] === true ? undefined : (text(input["RecoveryWindowInDays"]) ?? "30"),
  "secretsmanager:BlockPublicPolicy": withDefault("BlockPublicPolicy", "false"),
  "secretsmanager:VersionId": member("VersionId"),
  "secretsmanager:VersionStage": ({ action, input }) =>
    text(input["VersionStage"]) ??
    (action === "secretsmanager:GetSecretValue" && input["VersionId"] === undefined
      ? "AWSCURRENT"
      : undefined),
  "secretsmanager:RotateImmediately": withDefault("RotateImmediately", "true"),
  "secretsmanager:RotationLambdaARN": member("RotationLambdaARN"),
  "secretsmanager:ModifyRotationRules": ({ input }) => String(input["RotationRules"] !== undefined),
  "secretsmanager:resource/AllowRotationLambdaArn": ({ resource }, store) =>
    store.get("secret", resource)?.rotation?.lambdaArn,
  "ssm:Overwrite": withDefault("Overwrite", "false"),
  "ssm:Recursive": withDefault("Recursive", "false"),
};

/** A member of the request, or what the operation does without it. */
function withDefault(name: string, value: string): Read {
  return ({ input }) => text(input[name]) ?? value;
}
