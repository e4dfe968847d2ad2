import { join } from "node:path";
import { SqliteStore, type Transaction } from "@gantry/state";
import { expect } from "vitest";
import { eventually, type openInstance } from "../e2e/helpers.ts";

/**
 * "The rest is applied within a second", from the answer of the call to the effect on traffic, in milliseconds; on a
 * machine that is busy, three times what it takes while nothing is poisoned.
 */
export const appliedMaxMs = (aloneMs: number): number => Math.max(1_000, 3 * aloneMs);

/** Writes records as the API never would: into the store of a control plane that is away for a moment. */
export async function behindTheApi(
  instance: ReturnType<typeof openInstance>,
  change: (tx: Transaction) => void,
): Promise<void> {
  const { pid } = (await instance.status()).controlPlane;
  process.kill(pid, "SIGTERM");
  await eventually(async () => expect(() => process.kill(pid, 0)).toThrow());
  const store = new SqliteStore(join(instance.folder, "state.db"));
  store.transact(change);
  store.close();
  await instance.up("up");
}
