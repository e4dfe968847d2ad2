import { realTimeOf, type Reconciler } from "@gantry/kernel";
import { targetKeyOf } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { drainDelayMs } from "./target-controller.ts";

/**
 * Ends draining when the deregistration delay is over in real time, even if no node reports. A target without
 * requests in progress is removed earlier, by the proxy's report (`recordTargetHealth`).
 */
export function drainingController({ store, clock }: ControllerDeps): Reconciler {
  const real = realTimeOf(clock);
  return {
    name: "draining",
    keys: () =>
      store
        .list("target")
        .filter((target) => target.drainingSince !== undefined)
        .map(targetKeyOf),
    watch: watchKinds(store, { target: (key) => [key], targetGroup: groupTargets }),
    async reconcile(key) {
      return store.transact((tx) => {
        const target = tx.get("target", key);
        if (target?.drainingSince === undefined) return undefined;
        const leftMs = drainDelayMs(tx, target) - real.elapsedSince(target.drainingSince);
        if (leftMs > 0) return real.wait(leftMs);
        tx.delete("target", key);
        return undefined;
      });
    },
  };

  /** A changed delay applies to targets that are draining already. */
  function groupTargets(groupArn: string): readonly string[] {
    return store
      .listBy("target", "group", groupArn)
      .filter((target) => target.drainingSince !== undefined)
      .map(targetKeyOf);
  }
}
