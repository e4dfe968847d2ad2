import type { Reconciler } from "@gantry/kernel";
import {
  allocatePublicIp,
  createInterface,
  freeAddressCount,
  recordServiceImage,
  type NetworkInterfaceRecord,
  type TaskPlacement,
  type TaskRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { chooseSubnet } from "./choose-subnet.ts";
import type { Permissions } from "../task/execution-role.ts";
import { prepareLogs } from "./prepare-logs.ts";
import { fileSystemProblem } from "./file-system-problem.ts";
import { resolveImages, type FindImage } from "./resolve-images.ts";

interface SchedulerDeps extends ControllerDeps {
  readonly publicPool: string;
  readonly findImage: FindImage;
  readonly permissions: Permissions;
}

const NO_NODE_RETRY_MS = 1_000;

/** Gives each wanted task a node and a network interface, or says why it cannot. Writes `task.placement`. */
export function schedulerController(deps: SchedulerDeps): Reconciler {
  const { store, clock, log } = deps;
  const unplaced = (key: string) => {
    const task = store.get("task", key);
    return task !== undefined && task.placement === undefined && task.desiredStatus === "RUNNING"
      ? [key]
      : [];
  };
  return {
    name: "scheduler",
    keys: () => store.keys("task").flatMap(unplaced),
    watch: watchKinds(store, { task: unplaced, node: () => store.keys("task").flatMap(unplaced) }),
    async reconcile(key) {
      if (unplaced(key).length === 0) return undefined;
      const [node] = store.list("node");
      if (node === undefined) return NO_NODE_RETRY_MS;
      store.transact((tx) => {
        const task = tx.get("task", key);
        if (task === undefined || task.placement !== undefined || task.desiredStatus !== "RUNNING") return;
        const placed = place(tx, deps, task, node.id);
        if ("problem" in placed) {
          const reason = placed.problem;
          tx.put("task", key, {
            ...task,
            desiredStatus: "STOPPED",
            lastStatus: "STOPPED",
            stopCode: "TaskFailedToStart",
            stoppedReason: reason,
            stoppedAt: clock.now(),
            version: task.version + 1,
            containers: task.containers.map((container) => ({
              ...container,
              lastStatus: "STOPPED",
              reason: container.name === placed.container ? reason : container.reason,
            })),
          });
          log.warn("Task could not be placed", { taskArn: key, reason });
          return;
        }
        tx.put("task", key, {
          ...task,
          placement: placementOf(tx, placed.eni, node.id),
          containers: placed.containers,
          lastStatus: "PENDING",
          version: task.version + 1,
        });
        for (const container of placed.containers)
          recordServiceImage(tx, task, container, { ids: deps.ids, now: clock.now() });
      });
      return undefined;
    },
  };
}

function placementOf(tx: Transaction, eni: NetworkInterfaceRecord, nodeId: string): TaskPlacement {
  const { id, subnetId, mac, privateIp } = eni;
  const availabilityZone = tx.get("subnet", subnetId)?.availabilityZone ?? "";
  return { nodeId, networkInterfaceId: id, attachment: { subnetId, availabilityZone, mac, privateIp } };
}

/** The task's network interface, or why the task can not start. */
function place(
  tx: Transaction,
  deps: SchedulerDeps,
  task: TaskRecord,
  nodeId: string,
):
  | { eni: NetworkInterfaceRecord; containers: TaskRecord["containers"] }
  | { problem: string; container?: string } {
  const early = prepareLogs(tx, deps, task);
  if (early !== undefined) return { problem: early };
  const images = resolveImages(tx, deps.findImage, task);
  if ("problem" in images) return images;
  const eni = takeInterface(tx, deps, task, nodeId);
  if (eni === undefined)
    return {
      problem:
        "Unexpected EC2 error while attempting to Create Network Interface: InsufficientFreeAddressesInSubnet",
    };
  const problem = fileSystemProblem(tx, task, eni);
  if (problem === undefined) return { eni, containers: images.containers };
  // The node removes a warm one, and the pool makes another.
  tx.delete("networkInterface", eni.id);
  return { problem };
}

/** A ready interface of the pool where there is one, else a new one; the address belongs to the task from here on. */
function takeInterface(
  tx: Transaction,
  deps: SchedulerDeps,
  task: TaskRecord,
  nodeId: string,
): NetworkInterfaceRecord | undefined {
  const near =
    task.serviceArn === undefined
      ? tx.listBy("task", "cluster", task.clusterArn)
      : tx.listBy("task", "service", task.serviceArn);
  const live = near.filter(
    (other) =>
      other.group === task.group && other.desiredStatus === "RUNNING" && other.placement !== undefined,
  );
  const zones = new Map<string, number>();
  for (const other of live) {
    const eni = tx.get("networkInterface", other.placement?.networkInterfaceId);
    const zone = tx.get("subnet", eni?.subnetId)?.availabilityZone ?? "";
    zones.set(zone, (zones.get(zone) ?? 0) + 1);
  }
  const candidates = task.network.subnets.flatMap((id) => {
    const subnet = tx.get("subnet", id);
    if (subnet === undefined) return [];
    const warm = tx
      .listBy("networkInterface", "warm", id)
      .filter((eni) => eni.ready && eni.nodeId === nodeId);
    const peers = zones.get(subnet.availabilityZone) ?? 0;
    return [{ subnet, peers, freeAddresses: freeAddressCount(tx, subnet), warm }];
  });
  const chosen = chooseSubnet(candidates);
  if (chosen === undefined) return undefined;
  const publicIp =
    task.network.assignPublicIp === "ENABLED" ? allocatePublicIp(tx, deps.publicPool) : undefined;
  const [warm] = chosen.warm;
  const description = `Interface for task ${task.arn}`;
  if (warm === undefined)
    return createInterface(tx, deps.ids, {
      subnet: chosen.subnet,
      securityGroups: task.network.securityGroups,
      type: "interface",
      description,
      ownerKey: task.arn,
      nodeId,
      publicIp,
      now: deps.clock.now(),
    });
  const taken: NetworkInterfaceRecord = {
    ...warm,
    type: "interface",
    description,
    securityGroups: task.network.securityGroups,
    ownerKey: task.arn,
    publicIp,
  };
  tx.put("networkInterface", warm.id, taken);
  return taken;
}
