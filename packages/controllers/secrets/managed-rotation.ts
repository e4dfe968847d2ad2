import type { Vault } from "@gantry/kernel";
import { canRotate, instanceOfSecret, rotateManagedSecret } from "@gantry/state/transactions/managed-secrets";
import type { ControllerDeps } from "../controller-deps.ts";

/** How often an instance that is not available, or a KMS key that cannot be used, is looked at again. */
const RETRY_MS = 60_000;

/**
 * Rotates a secret of RDS when its schedule says so: the new password, the secret's version and the next date are
 * written in one transaction. Returns when to look again, in milliseconds.
 */
export function rotateWhenDue(
  { store, clock, ids, vault, log }: ControllerDeps & { readonly vault: Vault },
  arn: string,
): number | undefined {
  const dueAt = store.get("secret", arn)?.rotation?.nextAt;
  if (dueAt === undefined) return undefined;
  const leftMs = dueAt - clock.now();
  if (leftMs > 0) return leftMs;
  const isRotated = store.transact((tx) => {
    const secret = tx.get("secret", arn);
    const instance = secret && instanceOfSecret(tx, secret);
    if (secret === undefined || instance?.status !== "available" || !canRotate(tx, secret)) return false;
    rotateManagedSecret(tx, { ids, clock, vault }, instance, secret);
    return true;
  });
  if (isRotated) log.info("A database's master password was rotated", { secret: arn });
  return isRotated ? 0 : RETRY_MS;
}
