import { randomBytes } from "node:crypto";
import type * as sdk from "@aws-sdk/client-kms";
import type { KmsKeyRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { sealedMaterial } from "./key-material.ts";
import { change } from "./keys.ts";
import { findChangeable, findKey, invalidMarker } from "./lookups.ts";

const DAY_MS = 24 * 60 * 60_000;
/** Source: API_EnableKeyRotation, RotationPeriodInDays. */
const PERIOD_DAYS = 365;
const LIST_PAGE = 100;

/** New material for a key, on demand or by time. Ciphertexts of the old material can still be decrypted. */
export function rotationOperations(deps: ApiDeps) {
  return {
    EnableKeyRotation: (input, context) =>
      change(deps, input, context, (key) => {
        checkRotatable(key);
        const periodDays = input.RotationPeriodInDays ?? PERIOD_DAYS;
        return { ...key, rotation: { periodDays, since: key.rotation?.since ?? deps.clock.now() } };
      }),
    DisableKeyRotation: (input, context) =>
      change(deps, input, context, (key) => {
        checkRotatable(key);
        const { rotation: _rotation, ...rest } = key;
        return rest;
      }),
    GetKeyRotationStatus: (input, context) => getKeyRotationStatus(deps, input, context),
    RotateKeyOnDemand: (input, context) => rotateKeyOnDemand(deps, input, context),
    ListKeyRotations: (input, context) => listKeyRotations(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: UnsupportedOperationException. */
function checkRotatable(key: KmsKeyRecord): void {
  if (key.spec !== "SYMMETRIC_DEFAULT" || key.origin === "EXTERNAL")
    throw new ApiError(
      "UnsupportedOperationException",
      `You cannot perform this operation on the key ${key.arn}: only symmetric encryption keys are rotated, ` +
        "whose material was not imported.",
    );
}

function getKeyRotationStatus(
  { store }: ApiDeps,
  input: sdk.GetKeyRotationStatusRequest,
  context: RequestContext,
): sdk.GetKeyRotationStatusResponse {
  const { arn, rotation } = findKey(store, context, input.KeyId);
  if (rotation === undefined) return { KeyId: arn, KeyRotationEnabled: false };
  return {
    KeyId: arn,
    KeyRotationEnabled: true,
    RotationPeriodInDays: rotation.periodDays,
    NextRotationDate: new Date(rotation.since + rotation.periodDays * DAY_MS),
  };
}

function rotateKeyOnDemand(
  { store, vault, clock }: ApiDeps,
  input: sdk.RotateKeyOnDemandRequest,
  context: RequestContext,
): sdk.RotateKeyOnDemandResponse {
  return store.transact((tx) => {
    const key = findChangeable(tx, context, input.KeyId);
    checkRotatable(key);
    const material = sealedMaterial(vault, randomBytes(32), { now: clock.now(), origin: "ON_DEMAND" });
    tx.put("kmsKey", key.arn, { ...key, materials: [...key.materials, material] });
    return { KeyId: key.arn };
  });
}

function listKeyRotations(
  { store }: ApiDeps,
  input: sdk.ListKeyRotationsRequest,
  context: RequestContext,
): sdk.ListKeyRotationsResponse {
  const key = findKey(store, context, input.KeyId);
  const rotations = key.materials.filter(({ origin }) => origin !== "INITIAL");
  const { items, nextToken } = page(
    rotations,
    ({ createdAt, id }) => `${String(createdAt).padStart(16, "0")}${id}`,
    {
      token: input.Marker,
      size: input.Limit ?? LIST_PAGE,
      invalidToken: invalidMarker,
    },
  );
  return {
    Rotations: items.map(({ createdAt, origin }) => ({
      KeyId: key.arn,
      RotationDate: new Date(createdAt),
      RotationType: origin === "AUTOMATIC" ? "AUTOMATIC" : "ON_DEMAND",
    })),
    NextMarker: nextToken,
    Truncated: nextToken !== undefined,
  };
}
