import type * as sdk from "@aws-sdk/client-secrets-manager";
import { formatArn } from "@gantry/kernel";
import { CURRENT_STAGE, removeSecret, secretNamed, type SecretRecord, type Transaction } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { toTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import { matchesFilters } from "./filters.ts";
import { findLiveSecret, findSecret, invalidParameter, invalidRequest, invalidToken } from "./lookups.ts";
import { checkOwn, findOwnSecret } from "./managed-secrets.ts";
import { suffix } from "./owned-secrets.ts";
import { presentName, presentSecret } from "./present-secret.ts";
import { addVersion, checkValue, hasValue, openVersion } from "./versions.ts";

const DAY_MS = 24 * 60 * 60_000;
/** Source: API_DeleteSecret, RecoveryWindowInDays. */
const RECOVERY_DAYS = { least: 7, most: 30, usual: 30 };
const LIST_MAX = 100;

/** Secrets: created, described, changed, deleted and restored. Source: API_CreateSecret and following. */
export function secretOperations(deps: ApiDeps) {
  return {
    CreateSecret: (input, context) => createSecret(deps, input, context),
    DescribeSecret: (input, context) => describeSecret(deps, input, context),
    ListSecrets: (input, context) => listSecrets(deps, input, context),
    UpdateSecret: (input, context) => updateSecret(deps, input, context),
    DeleteSecret: (input, context) => deleteSecret(deps, input, context),
    RestoreSecret: (input, context) => restoreSecret(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createSecret(
  deps: ApiDeps,
  input: sdk.CreateSecretRequest,
  context: RequestContext,
): sdk.CreateSecretResponse {
  const { store, clock, ids } = deps;
  const name = input.Name ?? "";
  checkValue(input);
  return store.transact((tx) => {
    const versionId = input.ClientRequestToken ?? ids.uuid();
    const there = secretNamed(tx, context, name);
    if (there !== undefined) return createdAlready(tx, deps, there, { ...input, versionId, context });
    const arn = formatArn("secretsmanager", context, `secret:${name}-${suffix(deps)}`);
    const now = clock.now();
    const secret: SecretRecord = {
      arn,
      name,
      account: context.account,
      region: context.region,
      description: input.Description,
      kmsKeyId: input.KmsKeyId,
      tags: toTags(input.Tags),
      createdAt: now,
      lastChangedAt: now,
    };
    tx.put("secret", arn, secret);
    if (!hasValue(input)) return presentName(secret);
    addVersion(tx, deps, secret, { versionId, given: input, stages: [CURRENT_STAGE], context });
    return { ...presentName(secret), VersionId: versionId };
  });
}

/** The answer to a call that is made again. Errors: ResourceExistsException, InvalidRequestException. */
function createdAlready(
  tx: Transaction,
  deps: ApiDeps,
  secret: SecretRecord,
  input: sdk.CreateSecretRequest & { versionId: string; context: RequestContext },
): sdk.CreateSecretResponse {
  if (secret.removeAt !== undefined)
    throw invalidRequest(
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  const version = tx.get("secretVersion", `${secret.arn}/${input.versionId}`);
  const same =
    version !== undefined &&
    !version.isBinary &&
    input.SecretString !== undefined &&
    openVersion(tx, deps, version, input.context) === input.SecretString;
  if (!same)
    throw new ApiError(
      "ResourceExistsException",
      `The operation failed because the secret ${secret.name} already exists.`,
    );
  return { ...presentName(secret), VersionId: version.versionId };
}

function describeSecret(
  { store }: ApiDeps,
  input: sdk.DescribeSecretRequest,
  context: RequestContext,
): sdk.DescribeSecretResponse {
  const { SecretVersionsToStages: _, ...shown } = presentSecret(
    store,
    findSecret(store, context, input.SecretId),
  );
  return shown;
}

/** A key whose ascending order is the name's descending one. "z" is above every hexadecimal digit. */
function descending(name: string): string {
  const digits = Array.from({ length: name.length }, (_, index) =>
    (0xffff - name.charCodeAt(index)).toString(16).padStart(4, "0"),
  );
  return `${digits.join("")}z`;
}

function listSecrets(
  { store }: ApiDeps,
  input: sdk.ListSecretsRequest,
  context: RequestContext,
): sdk.ListSecretsResponse {
  const keyOf = (secret: SecretRecord): string => {
    if (input.SortBy === "name") return input.SortOrder === "desc" ? descending(secret.name) : secret.name;
    const time = input.SortBy === "last-changed-date" ? secret.lastChangedAt : secret.createdAt;
    return `${String(input.SortOrder === "desc" ? 1e16 - time : time).padStart(17, "0")}${secret.arn}`;
  };
  const found = store
    .list("secret", formatArn("secretsmanager", context, "secret:"))
    .filter((secret) => input.IncludePlannedDeletion === true || secret.removeAt === undefined)
    .filter((secret) => matchesFilters(secret, input.Filters ?? []))
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const { items, nextToken } = page(found, keyOf, {
    token: input.NextToken,
    size: input.MaxResults ?? LIST_MAX,
    invalidToken,
  });
  return {
    SecretList: items.map((secret) => {
      const { VersionIdsToStages: _, ...shown } = presentSecret(store, secret);
      return shown;
    }),
    NextToken: nextToken,
  };
}

function updateSecret(
  deps: ApiDeps,
  input: sdk.UpdateSecretRequest,
  context: RequestContext,
): sdk.UpdateSecretResponse {
  checkValue(input);
  return deps.store.transact((tx) => {
    const secret = findOwnSecret(tx, context, input.SecretId);
    const changed: SecretRecord = {
      ...secret,
      description: input.Description ?? secret.description,
      kmsKeyId: input.KmsKeyId ?? secret.kmsKeyId,
      lastChangedAt: deps.clock.now(),
    };
    tx.put("secret", secret.arn, changed);
    if (!hasValue(input)) return presentName(changed);
    const versionId = input.ClientRequestToken ?? deps.ids.uuid();
    addVersion(tx, deps, changed, { versionId, given: input, stages: [CURRENT_STAGE], context });
    return { ...presentName(changed), VersionId: versionId };
  });
}

function deleteSecret(
  { store, clock }: ApiDeps,
  input: sdk.DeleteSecretRequest,
  context: RequestContext,
): sdk.DeleteSecretResponse {
  const days = input.RecoveryWindowInDays;
  const isForced = input.ForceDeleteWithoutRecovery === true;
  if (isForced && days !== undefined)
    throw invalidParameter(
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    );
  if (days !== undefined && (days < RECOVERY_DAYS.least || days > RECOVERY_DAYS.most))
    throw invalidParameter(
      `RecoveryWindowInDays value must be between ${RECOVERY_DAYS.least} and ${RECOVERY_DAYS.most} days (inclusive).`,
    );
  const now = clock.now();
  return store.transact((tx) => {
    const secret = isForced
      ? findSecret(tx, context, input.SecretId)
      : findLiveSecret(tx, context, input.SecretId);
    checkOwn(secret);
    if (isForced) {
      removeSecret(tx, secret.arn);
      return { ...presentName(secret), DeletionDate: new Date(now) };
    }
    const removeAt = now + (days ?? RECOVERY_DAYS.usual) * DAY_MS;
    tx.put("secret", secret.arn, { ...secret, deletedAt: now, removeAt });
    return { ...presentName(secret), DeletionDate: new Date(removeAt) };
  });
}

function restoreSecret(
  { store }: ApiDeps,
  input: sdk.RestoreSecretRequest,
  context: RequestContext,
): sdk.RestoreSecretResponse {
  return store.transact((tx) => {
    const { deletedAt: _, removeAt: __, ...secret } = findSecret(tx, context, input.SecretId);
    tx.put("secret", secret.arn, secret);
    return presentName(secret);
  });
}
