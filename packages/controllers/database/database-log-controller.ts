import type { Reconciler } from "@gantry/kernel";
import { DATABASE_FILES, databaseFilesGroup, logLimits } from "@gantry/state/transactions/database-logs";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const SWEEP_MS = 60 * 60_000;

/** The store of log files: a group of each instance, a stream of each file. */
export interface DatabaseFiles {
  groups(prefix: string): readonly string[];
  streams(group: string): readonly { readonly name: string; readonly lastEventAt: number | undefined }[];
  streamBytes(group: string): ReadonlyMap<string, number>;
  deleteStream(group: string, name: string): void;
  deleteGroup(group: string): void;
}

/**
 * Removes log files of database instances: those that are older than they are kept, the oldest ones beyond the size
 * that an instance may have, and all of an instance that is gone.
 */
export function databaseLogController(deps: ControllerDeps & { readonly files: DatabaseFiles }): Reconciler {
  const { store, clock, files } = deps;
  const keys = (): readonly string[] => files.groups(DATABASE_FILES);
  return {
    name: "database-logs",
    keys,
    watch: watchKinds(store, {
      // The record of an instance that is gone no longer says which group it had.
      databaseInstance: (key) => {
        const database = store.get("databaseInstance", key);
        return database === undefined ? keys() : [databaseFilesGroup(database.resourceId)];
      },
    }),
    async reconcile(group) {
      const resourceId = group.slice(DATABASE_FILES.length);
      const database = store.list("databaseInstance").find((each) => each.resourceId === resourceId);
      if (database === undefined) {
        files.deleteGroup(group);
        return undefined;
      }
      const { ageMs, bytes } = logLimits(database);
      const sizes = files.streamBytes(group);
      const newestFirst = files
        .streams(group)
        .toSorted((one, other) => (other.lastEventAt ?? 0) - (one.lastEventAt ?? 0));
      let total = 0;
      for (const { name, lastEventAt = 0 } of newestFirst) {
        total += sizes.get(name) ?? 0;
        if (lastEventAt < clock.now() - ageMs || total > bytes) files.deleteStream(group, name);
      }
      return SWEEP_MS;
    },
  };
}
