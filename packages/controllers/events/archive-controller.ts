import type { Reconciler } from "@gantry/kernel";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const DAY_MS = 24 * 60 * 60_000;
const SWEEP_MS = 60 * 60_000;

/** Removes events of archives that are older than their retention. A key is the ARN of an archive. */
export function archiveController({
  store,
  clock,
  expireEvents,
}: ControllerDeps & { readonly expireEvents: (group: string, before: number) => void }): Reconciler {
  return {
    name: "event-archives",
    keys: () => store.keys("eventArchive"),
    watch: watchKinds(store, { eventArchive: (key) => [key] }),
    async reconcile(key) {
      const archive = store.get("eventArchive", key);
      if (archive === undefined || archive.retentionDays === 0) return undefined;
      expireEvents(archive.contentGroup, clock.now() - archive.retentionDays * DAY_MS);
      return SWEEP_MS;
    },
  };
}
