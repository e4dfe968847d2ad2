import type * as sdk from "@aws-sdk/client-secrets-manager";
import type { Reader, SecretRecord } from "@gantry/state";
import { presentTags } from "../common/tags.ts";

/** The name and the ARN, which most answers begin with. */
export function presentName(secret: SecretRecord): { ARN: string; Name: string } {
  return { ARN: secret.arn, Name: secret.name };
}

/** A secret without its values. */
export function presentSecret(
  reader: Reader,
  secret: SecretRecord,
): sdk.DescribeSecretResponse & sdk.SecretListEntry {
  const { rotation } = secret;
  const stages = stagesOf(reader, secret);
  return {
    ...presentName(secret),
    Description: secret.description,
    KmsKeyId: secret.kmsKeyId,
    RotationEnabled: rotation === undefined ? undefined : true,
    RotationLambdaARN: rotation?.lambdaArn,
    RotationRules: rotation && {
      AutomaticallyAfterDays: rotation.afterDays,
      Duration: rotation.duration,
      ScheduleExpression: rotation.schedule,
    },
    LastRotatedDate: secret.lastRotatedAt === undefined ? undefined : new Date(secret.lastRotatedAt),
    NextRotationDate: rotation?.nextAt === undefined ? undefined : new Date(rotation.nextAt),
    LastChangedDate: new Date(secret.lastChangedAt),
    DeletedDate: secret.deletedAt === undefined ? undefined : new Date(secret.deletedAt),
    Tags: presentTags({ ...secret.tags, ...ownerTags(secret) }),
    OwningService: secret.owner?.service,
    CreatedDate: new Date(secret.createdAt),
    ...stages,
  };
}

function stagesOf(reader: Reader, secret: SecretRecord) {
  const staged = reader
    .listBy("secretVersion", "secret", secret.arn)
    .filter((version) => version.stages.length > 0)
    .map((version) => [version.versionId, [...version.stages]] as [string, string[]]);
  const stages = staged.length === 0 ? undefined : Object.fromEntries(staged);
  return { VersionIdsToStages: stages, SecretVersionsToStages: stages };
}

/** The tags that a managing service gives its secret. Source: RDS User Guide, "Viewing the details about a secret". */
export function ownerTags({ owner }: SecretRecord): Readonly<Record<string, string>> {
  if (owner === undefined) return {};
  return {
    ...(owner.service === "rds" ? { "aws:rds:primaryDBInstanceArn": owner.resourceArn } : {}),
    "aws:secretsmanager:owningService": owner.service,
  };
}
