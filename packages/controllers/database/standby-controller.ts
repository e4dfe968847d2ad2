import { realTimeOf, type Reconciler } from "@gantry/kernel";
import {
  addStandby,
  beginEpoch,
  failOver,
  removeStandbys,
  standbyOf,
  standbysOf,
} from "@gantry/state/transactions/standbys";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { isCopied } from "../node/database-snapshots.ts";
import { planStandby } from "./plan-standby.ts";

/**
 * Keeps a standby for each Multi-AZ instance, and fails over to it. What is due stands in the records: each step is one
 * transaction, and a crash delays it.
 */
export function standbyController({ store, clock, ids, log }: ControllerDeps): Reconciler {
  return {
    name: "database-standby",
    keys: () => store.keys("databaseInstance"),
    watch: watchKinds(store, {
      databaseInstance: (arn) => [arn],
      databaseStandby: (id) => {
        const standby = store.get("databaseStandby", id);
        return standby === undefined ? [] : [standby.instanceArn];
      },
      // Its files may have been copied.
      databaseSnapshot: (key) => {
        const snapshot = store.get("databaseSnapshot", key);
        return snapshot === undefined ? [] : [snapshot.instance.arn];
      },
      // It may have a subnet in another zone now.
      databaseSubnetGroup: () => store.keys("databaseInstance"),
    }),
    async reconcile(arn) {
      const now = realTimeOf(clock).clock.now();
      return store.transact((tx) => {
        const instance = tx.get("databaseInstance", arn);
        if (instance === undefined) return undefined;
        const plan = planStandby(instance, standbysOf(tx, instance), {
          now,
          isCopied: isCopied(tx, instance),
        });
        const standby = standbyOf(tx, instance);
        switch (plan.type) {
          case "none":
            return plan.lookAgainInMs;
          case "add":
            addStandby(tx, ids, instance, now);
            return undefined;
          case "beginEpoch":
            log.warn("The standby of a database is not waited for any more", { database: arn });
            beginEpoch(tx, plan.standby, now);
            return undefined;
          case "remove":
            removeStandbys(tx, plan.standbys);
            return undefined;
          case "failOver":
            if (standby === undefined) return undefined;
            log.warn("The standby of a database takes over", { database: arn, standby: standby.id });
            failOver(tx, instance, standby);
            return undefined;
        }
      });
    },
  };
}
