import {
  CURRENT_STAGE,
  secretUse,
  type Reader,
  type SecretRecord,
  type SecretVersionRecord,
  type Transaction,
} from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { protect, reveal } from "../common/protected-values.ts";
import { ApiError } from "./api-error.ts";
import { invalidParameter, invalidRequest } from "./lookups.ts";

const PREVIOUS_STAGE = "AWSPREVIOUS";
/**
 * Source: Secrets Manager User Guide, "Quotas": versions, bytes of a value, stages attached across the
 * versions of a secret.
 */
const VERSIONS_MAX = 100;
const VALUE_MAX_BYTES = 65_536;
const STAGES_MAX = 20;

/** A value as an operation is given it: text or bytes. */
export interface GivenValue {
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
}

export function hasValue(given: GivenValue): boolean {
  return given.SecretString !== undefined || given.SecretBinary !== undefined;
}

/** Errors: InvalidParameterException. */
export function checkValue(given: GivenValue): void {
  if (given.SecretString !== undefined && given.SecretBinary !== undefined)
    throw invalidParameter("You can't specify both a binary secret value and a string secret value.");
  const bytes = given.SecretBinary?.length ?? Buffer.byteLength(given.SecretString ?? "");
  if (bytes > VALUE_MAX_BYTES)
    throw new ApiError(
      "ValidationException",
      "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must " +
        `have length less than or equal to ${VALUE_MAX_BYTES}`,
    );
}

/** What a new version is made of. */
export interface NewVersion {
  readonly versionId: string;
  readonly given: GivenValue;
  readonly stages: readonly string[];
  readonly context: RequestContext;
}

/**
 * Adds a version and moves its stages to it. The same id with the same value again is the same call again.
 * Errors: ResourceExistsException, InvalidParameterException.
 */
export function addVersion(
  tx: Transaction,
  deps: ApiDeps,
  secret: SecretRecord,
  { versionId, given, stages, context }: NewVersion,
): SecretVersionRecord {
  const key = `${secret.arn}/${versionId}`;
  const known = tx.get("secretVersion", key);
  const [text, isBinary] =
    given.SecretBinary === undefined
      ? [given.SecretString ?? "", false]
      : [Buffer.from(given.SecretBinary).toString("base64"), true];
  if (known !== undefined && known.isEmpty !== true) {
    if (known.isBinary === isBinary && openVersion(tx, deps, known, context) === text) return known;
    throw new ApiError(
      "ResourceExistsException",
      "You can't use ClientRequestToken " +
        `${versionId} because that value is already in use for a version of secret ${secret.arn}.`,
    );
  }
  const record: SecretVersionRecord = {
    secretArn: secret.arn,
    versionId,
    stages: known?.stages ?? [],
    isBinary,
    ...protect(tx, deps, context, {
      plaintext: text,
      keyId: secret.kmsKeyId,
      use: secretUse(secret.arn, versionId),
    }),
    createdAt: deps.clock.now(),
  };
  tx.put("secretVersion", key, record);
  for (const stage of stages) moveStage(tx, secret, stage, versionId);
  checkStages(tx, secret);
  dropOldVersions(tx, secret);
  return tx.get("secretVersion", key) ?? record;
}

/** The text of a version, or the base64 of its bytes. Errors: as reveal. */
export function openVersion(
  reader: Reader,
  deps: ApiDeps,
  version: SecretVersionRecord,
  context: RequestContext,
): string {
  const { sealedValue, kmsKeyArn, secretArn, versionId } = version;
  return reveal(reader, deps, context, { sealedValue, kmsKeyArn, use: secretUse(secretArn, versionId) });
}

/**
 * Points a stage to a version. Where AWSCURRENT leaves a version, AWSPREVIOUS goes to it.
 * Source: API_PutSecretValue, "If you move AWSCURRENT …".
 */
export function moveStage(tx: Transaction, secret: SecretRecord, stage: string, versionId: string): void {
  const versions = tx.listBy("secretVersion", "secret", secret.arn);
  const from = versions.find((version) => version.stages.includes(stage));
  if (from?.versionId === versionId) return;
  if (from !== undefined) removeStage(tx, from, stage);
  addStage(tx, secret, versionId, stage);
  if (stage === CURRENT_STAGE && from !== undefined) moveStage(tx, secret, PREVIOUS_STAGE, from.versionId);
}

function addStage(tx: Transaction, secret: SecretRecord, versionId: string, stage: string): void {
  const key = `${secret.arn}/${versionId}`;
  const version = tx.get("secretVersion", key);
  if (version !== undefined) tx.put("secretVersion", key, { ...version, stages: [...version.stages, stage] });
}

/** Takes a stage from a version. */
export function removeStage(tx: Transaction, version: SecretVersionRecord, stage: string): void {
  const key = `${version.secretArn}/${version.versionId}`;
  const stages = (tx.get("secretVersion", key) ?? version).stages.filter((each) => each !== stage);
  tx.put("secretVersion", key, { ...version, stages });
}

function checkStages(tx: Transaction, secret: SecretRecord): void {
  const stages = tx.listBy("secretVersion", "secret", secret.arn).flatMap((version) => version.stages);
  if (stages.length > STAGES_MAX)
    throw new ApiError(
      "LimitExceededException",
      `You can't attach more than ${STAGES_MAX} staging labels to the versions of a secret.`,
    );
}

/** Versions without a stage are deprecated: the oldest go first. */
function dropOldVersions(tx: Transaction, secret: SecretRecord): void {
  const versions = tx.listBy("secretVersion", "secret", secret.arn);
  const surplus = versions.length - VERSIONS_MAX;
  if (surplus <= 0) return;
  const deprecated = versions
    .filter((version) => version.stages.length === 0)
    .toSorted((a, b) => a.createdAt - b.createdAt)
    .slice(0, surplus);
  for (const { versionId } of deprecated) tx.delete("secretVersion", `${secret.arn}/${versionId}`);
  if (deprecated.length < surplus)
    throw invalidRequest("The secret has too many versions with staging labels.");
}
