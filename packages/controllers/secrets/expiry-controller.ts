import { randomBytes } from "node:crypto";
import type { Reconciler, Vault } from "@gantry/kernel";
import { materialExpiry, removeSecret, type KmsKeyRecord, type Transaction } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const DAY_MS = 24 * 60 * 60_000;

/**
 * Removes secrets whose recovery window, and KMS keys whose waiting period, is over, a removed key's material
 * with it, and imported material that expires; and gives keys new material when their rotation is due.
 */
export function expiryController({ store, clock, vault }: ControllerDeps & { vault: Vault }): Reconciler {
  return {
    name: "secret-expiry",
    keys: () => [
      ...store.list("secret").flatMap(({ arn, removeAt }) => (removeAt === undefined ? [] : [arn])),
      ...store.list("kmsKey").flatMap((key) => (dueAt(key) === undefined ? [] : [key.arn])),
    ],
    watch: watchKinds(store, { secret: (key) => [key], kmsKey: (key) => [key] }),
    async reconcile(arn) {
      const key = store.get("kmsKey", arn);
      const due = store.get("secret", arn)?.removeAt ?? (key && dueAt(key));
      if (due === undefined) return undefined;
      const leftMs = due - clock.now();
      if (leftMs > 0) return leftMs;
      store.transact((tx) => {
        if (key === undefined) removeSecret(tx, arn);
        else if (key.removeAt !== undefined) removeKey(tx, arn);
        else if (materialExpiry(key) !== undefined) tx.put("kmsKey", arn, { ...key, materials: [] });
        else rotateKey(tx, arn, vault, clock.now());
      });
      return undefined;
    },
  };
}

/** When something is to be done about a key. Keys with imported material are not rotated. */
function dueAt(key: KmsKeyRecord): number | undefined {
  const { removeAt, enabled, rotation } = key;
  if (removeAt === undefined && materialExpiry(key) !== undefined) return materialExpiry(key);
  if (removeAt !== undefined || !enabled || rotation === undefined) return removeAt;
  return rotation.since + rotation.periodDays * DAY_MS;
}

function removeKey(tx: Transaction, arn: string): void {
  for (const { id } of tx.list("kmsGrant", `${arn}#`)) tx.delete("kmsGrant", `${arn}#${id}`);
  for (const alias of tx.list("kmsAlias")) if (alias.keyArn === arn) tx.delete("kmsAlias", alias.arn);
  tx.delete("kmsKey", arn);
}

function rotateKey(tx: Transaction, arn: string, vault: Vault, now: number): void {
  const key = tx.get("kmsKey", arn);
  if (key?.rotation === undefined) return;
  const material = {
    id: randomBytes(16).toString("hex"),
    sealedMaterial: vault.seal(randomBytes(32).toString("base64")),
    createdAt: now,
    origin: "AUTOMATIC",
  } as const;
  tx.put("kmsKey", arn, {
    ...key,
    materials: [...key.materials, material],
    rotation: { ...key.rotation, since: now },
  });
}
