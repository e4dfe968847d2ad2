import { namingOf, type EngineContainer, type FakeEngine } from "@gantry/agent";
import type { Clock } from "@gantry/kernel";
import {
  taskSetsOf,
  type Overcommit,
  type Resources,
  type ServiceDeploymentRecord,
  type ServiceRecord,
  type Store,
  type TaskRecord,
} from "@gantry/state";
import { unrest } from "./unrest.ts";

const STATUSES = [
  "PROVISIONING",
  "PENDING",
  "ACTIVATING",
  "RUNNING",
  "DEACTIVATING",
  "STOPPING",
  "DEPROVISIONING",
  "STOPPED",
];
const SERVICE_STATUSES = ["ACTIVE", "DRAINING", "INACTIVE"];
const STABLE_AFTER_MS = 3_000;

type Nodes = readonly {
  readonly id: string;
  readonly engine: FakeEngine;
  readonly capacity: Resources;
}[];

interface Watched {
  readonly store: Store;
  readonly nodes: Nodes;
  readonly clock: Clock;
  readonly overcommit: Overcommit;
}

/**
 * The safety invariants, checked at every change of a record and every start of a container, also during
 * faults; `broken` reports which invariant was violated and how. They are derived from the documented
 * behaviour, not from the implementation.
 */
export function checkInvariants(world: Watched): {
  broken: string[];
  unrest: (service: ServiceRecord | undefined) => Promise<readonly string[]>;
} {
  const { broken } = new Invariants(world);
  return { broken, unrest: (service) => unrest(world, service) };
}

class Invariants {
  readonly broken: string[] = [];
  readonly #store: Store;
  readonly #nodes: Nodes;
  readonly #clock: Clock;
  readonly #overcommit: Overcommit;
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #services = new Map<string, ServiceRecord>();
  readonly #deployments = new Map<string, ServiceDeploymentRecord>();
  readonly #addresses = new Map<string, string>();
  readonly #owners = new Map<string, string>();
  readonly #starts = new Map<string, number>();

  constructor({ store, nodes, clock, overcommit }: Watched) {
    this.#store = store;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#overcommit = overcommit;
    store.watch(({ kind, key }) => {
      if (kind === "task") this.#checkTask(key);
      if (kind === "service") this.#checkService(key);
      if (kind === "taskSet") this.#checkTaskSet(key.slice(0, key.lastIndexOf("|")));
      if (kind === "serviceDeployment") this.#checkDeployment(key);
      if (kind === "networkInterface") this.#checkAddress(key);
    });
    for (const node of nodes) node.engine.onStart = (container) => this.#checkStart(container, node.id);
  }

  #breaks(invariant: string, detail: string): void {
    if (this.broken.length < 20) this.broken.push(`${invariant} (${detail}, at ${this.#clock.now()})`);
  }

  #checkTask(key: string): void {
    const before = this.#tasks.get(key);
    const task = this.#store.get("task", key);
    if (task === undefined) {
      if (before !== undefined && before.lastStatus !== "STOPPED")
        this.#breaks("a task is not lost", `${key} was ${before.lastStatus}`);
      this.#tasks.delete(key);
      return;
    }
    this.#tasks.set(key, task);
    if (before !== undefined) this.#checkTaskStep(before, task);
    if (before?.placement === undefined && task.placement !== undefined)
      this.#checkCapacity(task.placement.nodeId);
    if (before?.placement === undefined) this.#checkInterface(task);
    this.#checkCounts(before, task);
  }

  /** What a change of a task may not do. */
  #checkTaskStep(before: TaskRecord, task: TaskRecord): void {
    if (STATUSES.indexOf(task.lastStatus) < STATUSES.indexOf(before.lastStatus))
      this.#breaks(
        "a task's status never moves backwards",
        `${task.arn} from ${before.lastStatus} to ${task.lastStatus}`,
      );
    if (before.desiredStatus === "STOPPED" && task.desiredStatus === "RUNNING")
      this.#breaks("desiredStatus never returns to RUNNING", task.arn);
    if (before.lastStatus === "STOPPED" && before.stoppedAt !== task.stoppedAt)
      this.#breaks("a stopped task does not change", task.arn);
    if (
      before.placement !== undefined &&
      before.placement.networkInterfaceId !== task.placement?.networkInterfaceId
    )
      this.#breaks("a task keeps its address", task.arn);
    if (before.placement !== undefined && before.placement.nodeId !== task.placement?.nodeId)
      this.#breaks("a task stays on its node", task.arn);
    if (before.startedAt !== undefined && before.startedAt !== task.startedAt)
      this.#breaks("a task starts once", task.arn);
  }

  #checkInterface({ arn, placement }: TaskRecord): void {
    if (placement === undefined) return;
    for (const other of this.#store.list("task")) {
      if (
        other.arn !== arn &&
        other.lastStatus !== "STOPPED" &&
        other.placement?.networkInterfaceId === placement.networkInterfaceId
      )
        this.#breaks(
          "an interface belongs to one task",
          `${placement.networkInterfaceId} to ${arn} and ${other.arn}`,
        );
    }
  }

  /** The minimum and the maximum of healthy tasks of the service. */
  #checkCounts(before: TaskRecord | undefined, task: TaskRecord): void {
    const service = this.#store.get("service", task.serviceArn);
    if (service === undefined) return;
    const all = this.#store.listBy("task", "service", service.arn);
    if (before === undefined) this.#checkMaximum(service, task, all);
    const scaled =
      before?.desiredStatus === "RUNNING" &&
      task.desiredStatus === "STOPPED" &&
      task.stoppedReason?.startsWith("Scaling activity");
    if (scaled === true && this.#isHealthy(before, service)) this.#checkMinimum(service, all);
  }

  /** Sums up the resources of a node's tasks from their definitions, independently of their placements. */
  #checkCapacity(nodeId: string): void {
    const node = this.#nodes.find((each) => each.id === nodeId);
    if (node === undefined) return this.#breaks("a task is placed on an existing node", nodeId);
    const taken = { cpu: 0, memory: 0 };
    for (const task of this.#store.list("task")) {
      if (task.placement?.nodeId !== nodeId || task.lastStatus === "STOPPED") continue;
      const spec = this.#store.get("taskDefinition", task.taskDefinitionArn)?.spec;
      taken.cpu += spec?.cpu ?? 0;
      taken.memory += spec?.memoryMiB ?? 0;
    }
    const { cpuUnits, memoryMiB } = node.capacity;
    if (taken.cpu > cpuUnits * this.#overcommit.cpu || taken.memory > memoryMiB * this.#overcommit.memory)
      this.#breaks(
        "the reservations of a node stay within its limits",
        `${nodeId}: ${taken.cpu} units, ${taken.memory} MiB`,
      );
  }

  /** A strategy with traffic stages runs two fleets, and each must stay within the maximum. */
  #checkMaximum(service: ServiceRecord, task: TaskRecord, all: readonly TaskRecord[]): void {
    const active = all.filter(
      (each) =>
        each.desiredStatus === "RUNNING" &&
        each.lastStatus !== "STOPPED" &&
        (!isStaged(service) || each.deploymentId === task.deploymentId),
    ).length;
    const most = Math.floor((service.spec.desiredCount * service.spec.maximumPercent) / 100);
    if (active > most)
      this.#breaks("the number of tasks stays within the maximum", `${active} of at most ${most}`);
  }

  /** Of two fleets, the one with traffic keeps its capacity; the traffic invariants check that. */
  #checkMinimum(service: ServiceRecord, all: readonly TaskRecord[]): void {
    if (service.status !== "ACTIVE" || isStaged(service)) return;
    const healthy = all.filter(
      (task) => task.desiredStatus === "RUNNING" && this.#isHealthy(task, service),
    ).length;
    const least = Math.ceil((service.spec.desiredCount * service.spec.minimumHealthyPercent) / 100);
    if (healthy < least)
      this.#breaks("the number of healthy tasks stays above the minimum", `${healthy} of at least ${least}`);
  }

  #isHealthy(task: TaskRecord, service: ServiceRecord): boolean {
    if (task.lastStatus !== "RUNNING") return false;
    const balanced = taskSetsOf(this.#store, service.arn).some((set) => set.loadBalancers.length > 0);
    const targets = this.#store.listBy("target", "task", task.arn);
    if (balanced) return targets.length > 0 && targets.every((target) => target.state === "healthy");
    // The platform's grace period may restart with a new agent: a task that serves continues to serve.
    const address = this.#store.get("networkInterface", task.placement?.networkInterfaceId)?.privateIp ?? "";
    const since = [
      ...this.#nodes.map(({ engine }) => engine.servingSince(address)),
      task.runningSince ?? task.startedAt,
    ].filter((at) => at !== undefined);
    return since.some((at) => Math.abs(this.#clock.now() - at) >= STABLE_AFTER_MS);
  }

  #checkService(key: string): void {
    const before = this.#services.get(key);
    const service = this.#store.get("service", key);
    if (service === undefined) return;
    this.#services.set(key, service);
    if (before === undefined) return;
    if (SERVICE_STATUSES.indexOf(service.status) < SERVICE_STATUSES.indexOf(before.status))
      this.#breaks("a service's status never moves backwards", `from ${before.status} to ${service.status}`);
  }

  #checkTaskSet(serviceArn: string): void {
    const primaries = taskSetsOf(this.#store, serviceArn).filter((set) => set.status === "PRIMARY");
    if (primaries.length > 1) this.#breaks("at most one task set is PRIMARY", serviceArn);
  }

  #checkDeployment(key: string): void {
    const before = this.#deployments.get(key);
    const deployment = this.#store.get("serviceDeployment", key);
    if (deployment === undefined) return void this.#deployments.delete(key);
    this.#deployments.set(key, deployment);
    if (before !== undefined && before.finishedAt !== undefined && before.status !== deployment.status)
      this.#breaks(
        "the status of an ended deployment does not change",
        `from ${before.status} to ${deployment.status}`,
      );
    const all = this.#store.listBy("serviceDeployment", "service", deployment.serviceArn);
    if (all.filter((each) => each.finishedAt === undefined).length > 1)
      this.#breaks("at most one deployment of a service is in progress", deployment.serviceArn);
  }

  #checkAddress(key: string): void {
    const eni = this.#store.get("networkInterface", key);
    if (eni === undefined) {
      for (const [address, holder] of this.#addresses) if (holder === key) this.#addresses.delete(address);
      const isHeld = this.#nodes.some(({ engine }) => engine.isRunning(namingOf("w").pause(key)));
      if (this.#owners.get(key) === "task" && isHeld)
        this.#breaks("an address is released only when no container uses it", key);
      return;
    }
    const holder = this.#addresses.get(eni.privateIp);
    if (holder !== undefined && holder !== key)
      this.#breaks("an address belongs to one interface", `${eni.privateIp} to ${holder} and ${key}`);
    this.#addresses.set(eni.privateIp, key);
    this.#owners.set(key, eni.owner.type);
  }

  #checkStart(container: EngineContainer, nodeId: string): void {
    const pod = container.labels["gantry.pod"];
    if (pod === undefined) return;
    const count = (this.#starts.get(container.name) ?? 0) + 1;
    this.#starts.set(container.name, count);
    if (count > 1) this.#breaks("no container is started twice", container.name);
    const task = this.#store.list("task").find((each) => each.arn.endsWith(`/${pod.slice("pod/".length)}`));
    if (task === undefined || task.lastStatus === "STOPPED")
      this.#breaks("a container of a stopped task never starts", container.name);
    if (task !== undefined && task.placement?.nodeId !== nodeId)
      this.#breaks("a task starts on its own node", `${container.name} on ${nodeId}`);
  }
}

/** Whether deployments of the service move traffic between two fleets. */
function isStaged(service: ServiceRecord): boolean {
  return service.spec.controller !== undefined || (service.spec.rollout?.strategy ?? "ROLLING") !== "ROLLING";
}
