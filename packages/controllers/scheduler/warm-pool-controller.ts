import { elapsedSince, type Reconciler } from "@gantry/kernel";
import { createInterface, freeAddressCount } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const WARM_MIN = 2;
const WARM_MAX = 20;
const DEMAND_WINDOW_MS = 5 * 60_000;
const LOOK_MS = 30_000;
/** The pool is filled once a burst is over, not in its way. */
const SETTLE_MS = 1_500;

/**
 * Keeps interfaces ready in the subnets that tasks go to: as many as were started there in the last minutes, at least
 * two, at most a quarter of the free addresses. A warm interface is what makes RunTask faster than `docker run`.
 */
export function warmPoolController(deps: ControllerDeps): Reconciler {
  const { store, clock, ids } = deps;
  const subnetOf = (eniId: string) => {
    const eni = store.get("networkInterface", eniId);
    return eni === undefined ? [] : [eni.subnetId];
  };
  return {
    name: "warm-pool",
    keys: () =>
      new Set(
        store
          .list("task")
          .flatMap((task) =>
            task.placement === undefined ? [] : subnetOf(task.placement.networkInterfaceId),
          ),
      ),
    watch: watchKinds(store, { networkInterface: subnetOf }),
    async reconcile(subnetId) {
      const subnet = store.get("subnet", subnetId);
      const [node] = store.list("node");
      if (subnet === undefined || node === undefined) return undefined;
      const now = clock.now();
      const enis = store.listBy("networkInterface", "subnet", subnetId);
      const ofTasks = enis.filter((eni) => eni.type === "interface" && eni.ownerKey.includes(":task/"));
      const newest = Math.max(0, ...ofTasks.map((eni) => store.get("task", eni.ownerKey)?.createdAt ?? 0));
      if (elapsedSince(newest, now) < SETTLE_MS) return SETTLE_MS;
      const recent = store
        .list("task")
        .filter(
          (task) =>
            elapsedSince(task.createdAt, now) < DEMAND_WINDOW_MS && task.network.subnets.includes(subnetId),
        ).length;
      const warm = enis.filter((eni) => eni.type === "warm");
      const used = recent > 0 || ofTasks.length > 0;
      const wanted = used
        ? Math.min(
            Math.max(recent, WARM_MIN),
            WARM_MAX,
            Math.floor((freeAddressCount(store, subnet) + warm.length) / 4),
          )
        : 0;
      if (warm.length === wanted) return used ? LOOK_MS : undefined;
      store.transact((tx) => {
        for (const eni of warm.slice(wanted)) tx.delete("networkInterface", eni.id);
        for (let count = warm.length; count < wanted; count += 1)
          createInterface(tx, ids, {
            subnet,
            securityGroups: [],
            type: "warm",
            description: "Kept ready for a task",
            ownerKey: `warm/${node.id}`,
            nodeId: node.id,
            publicIp: undefined,
            now,
          });
      });
      return LOOK_MS;
    },
  };
}
