import { realTimeOf, type Reconciler } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import {
  automatedSnapshotsOf,
  putAutomatedSnapshot,
  removeAutomated,
  retentionDaysOf,
} from "@gantry/state/transactions/automated-snapshots";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { planBackups } from "./plan-backups.ts";

/**
 * Takes the automated snapshots of databases, removes those that are too old, and moves the latest restorable time on.
 * What is due stands in the records: a crash delays it.
 */
export function automatedBackupController(deps: ControllerDeps): Reconciler {
  const { store, clock, ids } = deps;
  const resourceOf = (arn: string): readonly string[] => {
    const database = store.get("databaseInstance", arn);
    return database === undefined ? [] : [database.resourceId];
  };
  return {
    name: "automated-backup",
    keys: () => keysOf(store),
    watch: watchKinds(store, {
      databaseInstance: resourceOf,
      databaseSnapshot: (key) => {
        const snapshot = store.get("databaseSnapshot", key);
        return snapshot?.type === "automated" ? [snapshot.instance.resourceId] : [];
      },
    }),
    async reconcile(resourceId) {
      return store.transact((tx) => {
        const instance = tx.list("databaseInstance").find((each) => each.resourceId === resourceId);
        const snapshots = automatedSnapshotsOf(tx, resourceId);
        const platform = clock.now();
        const real = realTimeOf(clock).clock.now();
        const plan = planBackups(instance, snapshots, { platform, real });
        removeAutomated(tx, plan.remove);
        if (instance === undefined) return plan.lookAgainInMs;
        if (plan.take !== undefined)
          putAutomatedSnapshot(tx, ids, instance, { now: real, windowAt: plan.take });
        if (plan.restorable)
          tx.put("databaseInstance", instance.arn, { ...instance, restorableAt: platform });
        return plan.lookAgainInMs;
      });
    },
  };
}

/** The resource ids of instances with automated backups, and of those that left some. */
function keysOf(reader: Reader): readonly string[] {
  const instances = reader.list("databaseInstance").filter((each) => retentionDaysOf(each) > 0);
  const snapshots = reader.list("databaseSnapshot").filter(({ type }) => type === "automated");
  return [
    ...new Set([
      ...instances.map(({ resourceId }) => resourceId),
      ...snapshots.map(({ instance }) => instance.resourceId),
    ]),
  ];
}
