import type { SecretRecord, SecretVersionRecord } from "../records.ts";
import { parseSchedule } from "../schedule.ts";
import type { Reader, Transaction } from "../store.ts";
import { CURRENT_STAGE } from "./secret-values.ts";

export const PENDING_STAGE = "AWSPENDING";
const DAY_MS = 86_400_000;

/** The steps of a rotation, in their order. Source: Secrets Manager User Guide, "Lambda rotation functions". */
export const ROTATION_STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"] as const;
export type RotationStep = (typeof ROTATION_STEPS)[number];

/** When a secret is rotated next by its schedule, ms since the epoch; undefined without a schedule. */
export function nextRotationAt(rotation: SecretRecord["rotation"], after: number): number | undefined {
  if (rotation?.schedule !== undefined)
    return parseSchedule(rotation.schedule, { startAt: after })?.next(after);
  return rotation?.afterDays === undefined ? undefined : after + rotation.afterDays * DAY_MS;
}

/** The version of a rotation that has not come to its end: it is AWSPENDING and not AWSCURRENT. */
export function pendingVersion(reader: Reader, secret: SecretRecord): SecretVersionRecord | undefined {
  return reader
    .listBy("secretVersion", "secret", secret.arn)
    .find(({ stages }) => stages.includes(PENDING_STAGE) && !stages.includes(CURRENT_STAGE));
}

/**
 * Begins a rotation: a version without a value becomes AWSPENDING, and the secret's function is called with the
 * first step. A version of a rotation that has failed is taken up again.
 */
export function beginRotation(
  tx: Transaction,
  secret: SecretRecord,
  { versionId, now }: { readonly versionId: string; readonly now: number },
): SecretRecord {
  const known = pendingVersion(tx, secret);
  const rotating = {
    versionId: known?.versionId ?? versionId,
    step: ROTATION_STEPS[0],
    failures: 0,
    startedAt: now,
  };
  if (known === undefined) {
    for (const version of tx.listBy("secretVersion", "secret", secret.arn))
      if (version.stages.includes(PENDING_STAGE))
        tx.put("secretVersion", `${secret.arn}/${version.versionId}`, {
          ...version,
          stages: version.stages.filter((stage) => stage !== PENDING_STAGE),
        });
    tx.put("secretVersion", `${secret.arn}/${versionId}`, {
      ...{ secretArn: secret.arn, versionId, stages: [PENDING_STAGE], createdAt: now },
      ...{ isBinary: false, sealedValue: "", kmsKeyArn: undefined, isEmpty: true },
    });
  }
  const changed = { ...secret, rotating };
  tx.put("secret", secret.arn, changed);
  return changed;
}

/**
 * Records that the function has carried out a step. After the last one the new version must be AWSCURRENT;
 * otherwise the reason is returned, and nothing is recorded.
 */
export function endRotationStep(
  tx: Transaction,
  arn: string,
  { step, versionId, now }: { readonly step: RotationStep; readonly versionId: string; readonly now: number },
): string | undefined {
  const secret = tx.get("secret", arn);
  if (secret?.rotating?.versionId !== versionId || secret.rotating.step !== step) return undefined;
  const next = ROTATION_STEPS[ROTATION_STEPS.indexOf(step) + 1];
  if (next !== undefined) {
    tx.put("secret", arn, { ...secret, rotating: { ...secret.rotating, step: next, failures: 0 } });
    return undefined;
  }
  const version = tx.get("secretVersion", `${arn}/${versionId}`);
  if (version?.stages.includes(CURRENT_STAGE) !== true)
    return "The function has not made the new version AWSCURRENT.";
  const { rotating: _done, rotation, ...rest } = secret;
  tx.put("secret", arn, {
    ...rest,
    lastRotatedAt: now,
    ...(rotation === undefined ? {} : { rotation: { ...rotation, nextAt: nextRotationAt(rotation, now) } }),
  });
  return undefined;
}

/**
 * Records that the function failed in a step. After the last attempt the rotation ends: its version stays
 * AWSPENDING, and the next rotation takes it up again.
 */
export function failRotationStep(
  tx: Transaction,
  arn: string,
  { versionId, attemptsMax, now }: { versionId: string; attemptsMax: number; now: number },
): void {
  const secret = tx.get("secret", arn);
  if (secret?.rotating?.versionId !== versionId) return;
  const failures = secret.rotating.failures + 1;
  const { rotating, rotation, ...rest } = secret;
  tx.put("secret", arn, {
    ...rest,
    ...(rotation === undefined
      ? {}
      : {
          rotation: {
            ...rotation,
            ...(failures < attemptsMax ? {} : { nextAt: nextRotationAt(rotation, now) }),
          },
        }),
    ...(failures < attemptsMax ? { rotating: { ...rotating, failures } } : {}),
  });
}
