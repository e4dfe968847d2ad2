import type * as sdk from "@aws-sdk/client-secrets-manager";
import { formatArn } from "@gantry/kernel";
import {
  CURRENT_STAGE,
  secretVersionOf,
  type Reader,
  type SecretRecord,
  type SecretVersionRecord,
} from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { matchesFilters } from "./filters.ts";
import { findLiveSecret, findSecret, invalidParameter, invalidRequest, invalidToken } from "./lookups.ts";
import { findOwnSecret } from "./managed-secrets.ts";
import { presentName } from "./present-secret.ts";
import { addVersion, checkValue, hasValue, moveStage, openVersion, removeStage } from "./versions.ts";

const VERSIONS_PAGE = 100;
const BATCH_MAX = 20;

/** The values of secrets, their versions and stages. Source: API_GetSecretValue and following. */
export function valueOperations(deps: ApiDeps) {
  return {
    GetSecretValue: (input, context) => getSecretValue(deps, input, context),
    BatchGetSecretValue: (input, context) => batchGetSecretValue(deps, input, context),
    PutSecretValue: (input, context) => putSecretValue(deps, input, context),
    ListSecretVersionIds: (input, context) => listSecretVersionIds(deps, input, context),
    UpdateSecretVersionStage: (input, context) => updateSecretVersionStage(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function getSecretValue(
  deps: ApiDeps,
  input: sdk.GetSecretValueRequest,
  context: RequestContext,
): sdk.GetSecretValueResponse {
  const secret = findLiveSecret(deps.store, context, input.SecretId);
  const wanted = { versionId: input.VersionId, stage: input.VersionStage };
  return presentValue(deps, { secret, version: findVersion(deps.store, secret, wanted) }, context);
}

/** Errors: ResourceNotFoundException. */
function findVersion(
  reader: Reader,
  secret: SecretRecord,
  wanted: { versionId: string | undefined; stage: string | undefined },
): SecretVersionRecord {
  const version = secretVersionOf(reader, secret, wanted);
  if (version !== undefined) return version;
  const { versionId, stage = CURRENT_STAGE } = wanted;
  throw new ApiError(
    "ResourceNotFoundException",
    versionId === undefined
      ? `Secrets Manager can't find the specified secret value for staging label: ${stage}`
      : `Secrets Manager can't find the specified secret value for VersionId: ${versionId}`,
  );
}

function presentValue(
  deps: ApiDeps,
  found: { readonly secret: SecretRecord; readonly version: SecretVersionRecord },
  context: RequestContext,
): sdk.GetSecretValueResponse {
  const { secret, version } = found;
  if (version.kmsKeyArn === undefined && secret.account !== context.account)
    throw invalidRequest(
      "You can't access a secret from a different AWS account if you encrypt the secret with the " +
        "default KMS service key.",
    );
  const text = openVersion(deps.store, deps, version, context);
  return {
    ...presentName(secret),
    VersionId: version.versionId,
    ...(version.isBinary ? { SecretBinary: Buffer.from(text, "base64") } : { SecretString: text }),
    VersionStages: [...version.stages],
    CreatedDate: new Date(version.createdAt),
  };
}

/** What the caller may not read is listed with its reason, as on AWS. */
function batchGetSecretValue(
  deps: ApiDeps,
  input: sdk.BatchGetSecretValueRequest,
  context: RequestContext,
): sdk.BatchGetSecretValueResponse {
  const { store } = deps;
  const { SecretIdList: names, Filters: filters } = input;
  if ((names === undefined) === (filters === undefined))
    throw invalidParameter("Either SecretIdList or Filters must be provided, but not both.");
  const all =
    names ??
    store
      .list("secret", formatArn("secretsmanager", context, "secret:"))
      .filter((secret) => secret.removeAt === undefined && matchesFilters(secret, filters ?? []))
      .map((secret) => secret.arn);
  const { items, nextToken } =
    names === undefined
      ? page(all, (arn) => arn, { token: input.NextToken, size: input.MaxResults ?? BATCH_MAX, invalidToken })
      : { items: all, nextToken: undefined };
  const values: sdk.SecretValueEntry[] = [];
  const errors: sdk.APIErrorType[] = [];
  for (const given of items) {
    try {
      const secret = findLiveSecret(store, context, given);
      context.authorize("secretsmanager:GetSecretValue", secret.arn);
      const version = findVersion(store, secret, { versionId: undefined, stage: undefined });
      values.push(presentValue(deps, { secret, version }, context));
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      errors.push({ SecretId: given, ErrorCode: thrown.code, Message: thrown.message });
    }
  }
  return { SecretValues: values, Errors: errors, NextToken: nextToken };
}

function putSecretValue(
  deps: ApiDeps,
  input: sdk.PutSecretValueRequest,
  context: RequestContext,
): sdk.PutSecretValueResponse {
  checkValue(input);
  if (!hasValue(input)) throw invalidRequest("You must provide either SecretString or SecretBinary.");
  const stages = input.VersionStages ?? [CURRENT_STAGE];
  return deps.store.transact((tx) => {
    const secret = findOwnSecret(tx, context, input.SecretId);
    const isFirst = tx.listBy("secretVersion", "secret", secret.arn).length === 0;
    const version = addVersion(tx, deps, secret, {
      versionId: input.ClientRequestToken ?? deps.ids.uuid(),
      given: input,
      context,
      stages: isFirst && !stages.includes(CURRENT_STAGE) ? [...stages, CURRENT_STAGE] : stages,
    });
    tx.put("secret", secret.arn, { ...secret, lastChangedAt: deps.clock.now() });
    return {
      ...presentName(secret),
      VersionId: version.versionId,
      VersionStages: [...version.stages],
    };
  });
}

function listSecretVersionIds(
  { store }: ApiDeps,
  input: sdk.ListSecretVersionIdsRequest,
  context: RequestContext,
): sdk.ListSecretVersionIdsResponse {
  const secret = findSecret(store, context, input.SecretId);
  const versions = store
    .listBy("secretVersion", "secret", secret.arn)
    .filter((version) => input.IncludeDeprecated === true || version.stages.length > 0);
  const { items, nextToken } = page(versions, (version) => version.versionId, {
    token: input.NextToken,
    size: input.MaxResults ?? VERSIONS_PAGE,
    invalidToken,
  });
  return {
    ...presentName(secret),
    Versions: items.map((version) => ({
      VersionId: version.versionId,
      VersionStages: [...version.stages],
      CreatedDate: new Date(version.createdAt),
      KmsKeyIds: [version.kmsKeyArn ?? "DefaultEncryptionKey"],
    })),
    NextToken: nextToken,
  };
}

function updateSecretVersionStage(
  { store, clock }: ApiDeps,
  input: sdk.UpdateSecretVersionStageRequest,
  context: RequestContext,
): sdk.UpdateSecretVersionStageResponse {
  const { VersionStage: stage = "", RemoveFromVersionId: from, MoveToVersionId: to } = input;
  return store.transact((tx) => {
    const secret = findOwnSecret(tx, context, input.SecretId);
    const holder = tx
      .listBy("secretVersion", "secret", secret.arn)
      .find((version) => version.stages.includes(stage));
    for (const versionId of [from, to])
      if (versionId !== undefined) findVersion(tx, secret, { versionId, stage: undefined });
    if (from !== undefined && holder?.versionId !== from)
      throw invalidParameter(`The staging label ${stage} is not attached to version ${from}.`);
    if (to !== undefined && holder !== undefined && holder.versionId !== to && from === undefined)
      throw invalidParameter(
        `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently ` +
          `attached to version ${holder.versionId}, so you must explicitly reference that version in ` +
          "RemoveFromVersionId.",
      );
    if (to === undefined && stage === CURRENT_STAGE)
      throw invalidParameter("You can't remove the staging label AWSCURRENT: move it to another version.");
    if (to !== undefined) moveStage(tx, secret, stage, to);
    else if (holder !== undefined) removeStage(tx, holder, stage);
    tx.put("secret", secret.arn, { ...secret, lastChangedAt: clock.now() });
    return presentName(secret);
  });
}
