import type * as sdk from "@aws-sdk/client-secrets-manager";
import type { Reader, SecretRecord } from "@gantry/state";
import { canRotate, instanceOfSecret, rotateManagedSecret } from "@gantry/state/transactions/managed-secrets";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { findLiveSecret, invalidParameter, invalidRequest } from "./lookups.ts";
import { presentName } from "./present-secret.ts";

/**
 * A secret whose value and life are the caller's own: that of another service is changed and deleted by its service.
 * Source: Secrets Manager User Guide, "Secrets managed by other AWS services".
 * Errors: ResourceNotFoundException, InvalidRequestException.
 */
export function findOwnSecret(reader: Reader, place: Place, given: string | undefined): SecretRecord {
  const secret = findLiveSecret(reader, place, given);
  checkOwn(secret);
  return secret;
}

/** Errors: InvalidRequestException. */
export function checkOwn({ owner, name }: SecretRecord): void {
  if (owner !== undefined)
    throw invalidRequest(
      `You can't perform this operation on the secret ${name} because it is managed by ${owner.service}.`,
    );
}

/**
 * Rotates a secret of RDS, which needs no function, and records its schedule.
 * Errors: InvalidParameterException, InvalidRequestException.
 */
export function rotateManaged(
  deps: ApiDeps,
  input: sdk.RotateSecretRequest,
  context: RequestContext,
  withRules: (secret: SecretRecord) => NonNullable<SecretRecord["rotation"]>,
): sdk.RotateSecretResponse {
  if (input.RotationLambdaARN !== undefined)
    throw invalidParameter(
      "You can't specify a rotation function for a secret that another service manages.",
    );
  return deps.store.transact((tx) => {
    const found = findLiveSecret(tx, context, input.SecretId);
    const secret = { ...found, rotation: withRules(found) };
    tx.put("secret", secret.arn, secret);
    if (input.RotateImmediately === false) return { ...presentName(secret), VersionId: undefined };
    const instance = instanceOfSecret(tx, secret);
    if (instance?.status !== "available")
      throw invalidRequest("The database instance of the secret must be available for a rotation.");
    if (!canRotate(tx, secret))
      throw invalidRequest("The KMS key of the secret can't be used: the secret is impaired.");
    rotateManagedSecret(tx, deps, instance, secret);
    const current = tx
      .listBy("secretVersion", "secret", secret.arn)
      .find(({ stages }) => stages.includes("AWSCURRENT"));
    return { ...presentName(secret), VersionId: current?.versionId };
  });
}
