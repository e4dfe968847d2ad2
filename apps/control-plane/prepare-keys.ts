import type { Clock } from "@gantry/kernel";
import { ensureAuthority } from "./certificates.ts";
import { ensureLink } from "./link.ts";

/**
 * Creates the keys that a first start needs in a separate process, so that the control plane need not load
 * the modules that create them.
 */
export async function prepareKeys(folder: string, instance: string, clock: Clock): Promise<void> {
  await ensureAuthority(folder, clock);
  await ensureLink({ folder, instance, now: clock.now() });
}
