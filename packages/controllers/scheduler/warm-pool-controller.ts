import { realTimeOf, type Reconciler } from "@gantry/kernel";
import {
  createInterface,
  freeAddressCount,
  type NodeRecord,
  type Reader,
  type SubnetRecord,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

const WARM_MIN = 2;
const WARM_MAX = 20;
const DEMAND_WINDOW_MS = 5 * 60_000;
const LOOK_MS = 30_000;
/** The pool is filled after a burst, so that it does not compete with the tasks of the burst. */
const SETTLE_MS = 1_500;

/**
 * Keeps interfaces ready in the subnets that tasks go to, on each node that serves the subnet's zone:
 * together as many as were started there in the last minutes, at least two on each node, at most a quarter of
 * the free addresses. A warm interface is what makes RunTask faster than `docker run`.
 */
export function warmPoolController(deps: ControllerDeps): Reconciler {
  const { store, clock, ids } = deps;
  const real = realTimeOf(clock);
  const subnetOf = (eniId: string) => {
    const eni = store.get("networkInterface", eniId);
    return eni === undefined ? [] : [eni.subnetId];
  };
  const used = () =>
    new Set(
      store
        .list("task")
        .flatMap((task) => (task.placement === undefined ? [] : subnetOf(task.placement.networkInterfaceId))),
    );
  return {
    name: "warm-pool",
    keys: used,
    watch: watchKinds(store, { networkInterface: subnetOf, node: used }),
    async reconcile(subnetId) {
      const subnet = store.get("subnet", subnetId);
      const nodes = subnet === undefined ? [] : nodesOf(store, subnet);
      if (subnet === undefined || nodes.length === 0) return undefined;
      const now = clock.now();
      const enis = store.listBy("networkInterface", "subnet", subnetId);
      const ofTasks = enis.filter((eni) => eni.owner.type === "task");
      const newest = Math.max(0, ...ofTasks.map((eni) => store.get("task", eni.owner.key)?.createdAt ?? 0));
      if (real.elapsedSince(newest) < SETTLE_MS) return real.wait(SETTLE_MS);
      const recent = store
        .list("task")
        .filter(
          (task) =>
            real.elapsedSince(task.createdAt) < DEMAND_WINDOW_MS && task.network.subnets.includes(subnetId),
        ).length;
      const warm = enis.filter((eni) => eni.type === "warm");
      const isUsed = recent > 0 || ofTasks.length > 0;
      const wanted = isUsed
        ? Math.min(
            Math.max(Math.ceil(Math.min(recent, WARM_MAX) / nodes.length), WARM_MIN),
            Math.floor((freeAddressCount(store, subnet) + warm.length) / 4 / nodes.length),
          )
        : 0;
      const pools = nodes.map((node) => ({ node, own: warm.filter((eni) => eni.nodeId === node.id) }));
      if (pools.every(({ own }) => own.length === wanted)) return isUsed ? LOOK_MS : undefined;
      store.transact((tx) => {
        for (const { node, own } of pools) {
          for (const eni of own.slice(wanted)) tx.delete("networkInterface", eni.id);
          for (let count = own.length; count < wanted; count += 1)
            createInterface(tx, ids, warmInterface(subnet, node, now));
        }
      });
      return LOOK_MS;
    },
  };
}

/** The nodes that serve a subnet's zone; nodes whose agents are away keep their interfaces and get no new ones. */
function nodesOf(reader: Reader, subnet: SubnetRecord): readonly NodeRecord[] {
  return reader
    .list("node")
    .filter(
      ({ zone, state }) =>
        state !== "DISCONNECTED" && (zone === undefined || zone === subnet.availabilityZone),
    );
}

function warmInterface(subnet: SubnetRecord, node: NodeRecord, now: number) {
  return {
    subnet,
    securityGroups: [],
    type: "warm" as const,
    description: "Kept ready for a task",
    owner: { type: "warmPool" as const, key: `warm/${node.id}` },
    nodeId: node.id,
    publicIp: undefined,
    now,
  };
}
