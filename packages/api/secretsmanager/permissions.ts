import type * as sdk from "@aws-sdk/client-secrets-manager";
import type { Reader } from "@gantry/state";
import { on, tagOnCreate, type Caller, type Need, type PermissionTable } from "../common/permissions.ts";
import { secretArnOf } from "./lookups.ts";

type Given = string | undefined;

/** Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Secrets Manager". */
export function secretsPermissions(store: Reader) {
  const ofSecret = (input: { SecretId?: Given }, place: Caller): readonly Need[] =>
    on(secretArnOf(store, place, input.SecretId));
  return {
    CreateSecret: (input, place) => {
      const resource = secretArnOf(store, place, input.Name);
      return [{ resource }, ...tagOnCreate(input.Tags, { action: "secretsmanager:TagResource", resource })];
    },
    DescribeSecret: ofSecret,
    ListSecrets: "*",
    UpdateSecret: ofSecret,
    DeleteSecret: ofSecret,
    RestoreSecret: ofSecret,
    GetSecretValue: ofSecret,
    // Each secret is asked for beside it, as secretsmanager:GetSecretValue.
    BatchGetSecretValue: "*",
    PutSecretValue: ofSecret,
    ListSecretVersionIds: ofSecret,
    UpdateSecretVersionStage: ofSecret,
    GetRandomPassword: "*",
    PutResourcePolicy: ofSecret,
    GetResourcePolicy: ofSecret,
    DeleteResourcePolicy: ofSecret,
    ValidateResourcePolicy: (input, place) =>
      input.SecretId === undefined ? on("*") : ofSecret(input, place),
    TagResource: ofSecret,
    UntagResource: ofSecret,
    RotateSecret: ofSecret,
    CancelRotateSecret: ofSecret,
  } satisfies PermissionTable<typeof sdk>;
}
