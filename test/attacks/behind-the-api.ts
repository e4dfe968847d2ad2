import { join } from "node:path";
import { SqliteStore, type Transaction } from "@gantry/state";
import { expect } from "vitest";
import { eventually, type openInstance } from "../e2e/helpers.ts";

/** "The rest is applied within a second" (milliseconds), from the answer of the call to the effect on traffic. */
export const APPLIED_MAX_MS = 1_000;

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
