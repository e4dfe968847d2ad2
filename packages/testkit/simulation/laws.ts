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

/**
 * The safety invariants, checked at every change of a record and every start of a container, also during
 * faults; `broken` reports which invariant was violated and how. They are derived from the documented
 * behaviour, not from the implementation.
 */
export function keepLaws({
  store,
  nodes,
  clock,
  overcommit,
}: {
  store: Store;
  nodes: readonly { readonly id: string; readonly engine: FakeEngine; readonly capacity: Resources }[];
  clock: Clock;
  overcommit: Overcommit;
}) {
  const broken: string[] = [];
  const tasks = new Map<string, TaskRecord>();
  const services = new Map<string, ServiceRecord>();
  const deployments = new Map<string, ServiceDeploymentRecord>();
  const addresses = new Map<string, string>();
  const owners = new Map<string, string>();
  const starts = new Map<string, number>();
  const breaks = (law: string, detail: string): void => {
    if (broken.length < 20) broken.push(`${law} (${detail}, at ${clock.now()})`);
  };

  store.watch(({ kind, key }) => {
    if (kind === "task") checkTask(key);
    if (kind === "service") checkService(key);
    if (kind === "taskSet") checkTaskSet(key.slice(0, key.lastIndexOf("|")));
    if (kind === "serviceDeployment") checkDeployment(key);
    if (kind === "networkInterface") checkAddress(key);
  });
  for (const node of nodes) node.engine.onStart = (container) => checkStart(container, node.id);

  function checkTask(key: string): void {
    const before = tasks.get(key);
    const task = store.get("task", key);
    if (task === undefined) {
      if (before !== undefined && before.lastStatus !== "STOPPED")
        breaks("a task is not lost", `${key} was ${before.lastStatus}`);
      tasks.delete(key);
      return;
    }
    tasks.set(key, task);
    if (before !== undefined) {
      if (STATUSES.indexOf(task.lastStatus) < STATUSES.indexOf(before.lastStatus))
        breaks("statuses never move left", `${key} from ${before.lastStatus} to ${task.lastStatus}`);
      if (before.desiredStatus === "STOPPED" && task.desiredStatus === "RUNNING")
        breaks("what is to stop is never wanted again", key);
      if (before.lastStatus === "STOPPED" && before.stoppedAt !== task.stoppedAt)
        breaks("what has stopped is left as it is", key);
      if (
        before.placement !== undefined &&
        before.placement.networkInterfaceId !== task.placement?.networkInterfaceId
      )
        breaks("a task keeps its address", key);
      if (before.placement !== undefined && before.placement.nodeId !== task.placement?.nodeId)
        breaks("a task stays on its node", key);
      if (before.startedAt !== undefined && before.startedAt !== task.startedAt)
        breaks("a task starts once", key);
    }
    if (before?.placement === undefined && task.placement !== undefined) checkCapacity(task.placement.nodeId);
    const { networkInterfaceId } = task.placement ?? {};
    for (const other of networkInterfaceId === undefined || before?.placement !== undefined
      ? []
      : store.list("task")) {
      if (
        other.arn !== key &&
        other.lastStatus !== "STOPPED" &&
        other.placement?.networkInterfaceId === networkInterfaceId
      )
        breaks("an interface belongs to one task", `${networkInterfaceId} to ${key} and ${other.arn}`);
    }
    const service = store.get("service", task.serviceArn);
    if (service === undefined) return;
    const all = store.listBy("task", "service", service.arn);
    if (before === undefined) checkMaximum(service, task, all);
    const scaled =
      before?.desiredStatus === "RUNNING" &&
      task.desiredStatus === "STOPPED" &&
      task.stoppedReason?.startsWith("Scaling activity");
    if (scaled === true && isHealthy(before, service)) checkMinimum(service, all);
  }

  /** Sums up the resources of a node's tasks from their definitions, independently of their placements. */
  function checkCapacity(nodeId: string): void {
    const node = nodes.find((each) => each.id === nodeId);
    if (node === undefined) return breaks("a task is on a node that there is", nodeId);
    const taken = { cpu: 0, memory: 0 };
    for (const task of store.list("task")) {
      if (task.placement?.nodeId !== nodeId || task.lastStatus === "STOPPED") continue;
      const spec = store.get("taskDefinition", task.taskDefinitionArn)?.spec;
      taken.cpu += spec?.cpu ?? 0;
      taken.memory += spec?.memoryMiB ?? 0;
    }
    const { cpuUnits, memoryMiB } = node.capacity;
    if (taken.cpu > cpuUnits * overcommit.cpu || taken.memory > memoryMiB * overcommit.memory)
      breaks("a node promises no more than it may", `${nodeId}: ${taken.cpu} units, ${taken.memory} MiB`);
  }

  /** A strategy with traffic stages runs two fleets, and each must stay within the maximum. */
  function checkMaximum(service: ServiceRecord, task: TaskRecord, all: readonly TaskRecord[]): void {
    const active = all.filter(
      (each) =>
        each.desiredStatus === "RUNNING" &&
        each.lastStatus !== "STOPPED" &&
        (!isStaged(service) || each.deploymentId === task.deploymentId),
    ).length;
    const most = Math.floor((service.spec.desiredCount * service.spec.maximumPercent) / 100);
    if (active > most) breaks("never more tasks than the maximum", `${active} of at most ${most}`);
  }

  /** Of two fleets, the one with traffic keeps its capacity; the traffic invariants check that. */
  function checkMinimum(service: ServiceRecord, all: readonly TaskRecord[]): void {
    if (service.status !== "ACTIVE" || isStaged(service)) return;
    const healthy = all.filter((task) => task.desiredStatus === "RUNNING" && isHealthy(task, service)).length;
    const least = Math.ceil((service.spec.desiredCount * service.spec.minimumHealthyPercent) / 100);
    if (healthy < least)
      breaks("never fewer healthy tasks than the minimum", `${healthy} of at least ${least}`);
  }

  function isHealthy(task: TaskRecord, service: ServiceRecord): boolean {
    if (task.lastStatus !== "RUNNING") return false;
    const balanced = taskSetsOf(store, service.arn).some((set) => set.loadBalancers.length > 0);
    const targets = store.listBy("target", "task", task.arn);
    if (balanced) return targets.length > 0 && targets.every((target) => target.state === "healthy");
    // The platform's grace period may restart with a new agent: a task that serves continues to serve.
    const address = store.get("networkInterface", task.placement?.networkInterfaceId)?.privateIp ?? "";
    const since = [
      ...nodes.map(({ engine }) => engine.servingSince(address)),
      task.runningSince ?? task.startedAt,
    ].filter((at) => at !== undefined);
    return since.some((at) => Math.abs(clock.now() - at) >= STABLE_AFTER_MS);
  }

  function checkService(key: string): void {
    const before = services.get(key);
    const service = store.get("service", key);
    if (service === undefined) return;
    services.set(key, service);
    if (before === undefined) return;
    if (SERVICE_STATUSES.indexOf(service.status) < SERVICE_STATUSES.indexOf(before.status))
      breaks("a service's status never moves left", `from ${before.status} to ${service.status}`);
  }

  function checkTaskSet(serviceArn: string): void {
    const primaries = taskSetsOf(store, serviceArn).filter((set) => set.status === "PRIMARY");
    if (primaries.length > 1) breaks("one task set is the primary", serviceArn);
  }

  function checkDeployment(key: string): void {
    const before = deployments.get(key);
    const deployment = store.get("serviceDeployment", key);
    if (deployment === undefined) return void deployments.delete(key);
    deployments.set(key, deployment);
    if (before !== undefined && before.finishedAt !== undefined && before.status !== deployment.status)
      breaks("a deployment that ended stays as it ended", `from ${before.status} to ${deployment.status}`);
    const all = store.listBy("serviceDeployment", "service", deployment.serviceArn);
    if (all.filter((each) => each.finishedAt === undefined).length > 1)
      breaks("one deployment of a service is under way", deployment.serviceArn);
  }

  function checkAddress(key: string): void {
    const eni = store.get("networkInterface", key);
    if (eni === undefined) {
      for (const [address, holder] of addresses) if (holder === key) addresses.delete(address);
      const isHeld = nodes.some(({ engine }) => engine.isRunning(namingOf("w").pause(key)));
      if (owners.get(key) === "task" && isHeld) breaks("an address is free once nothing holds it", key);
      return;
    }
    const holder = addresses.get(eni.privateIp);
    if (holder !== undefined && holder !== key)
      breaks("an address belongs to one interface", `${eni.privateIp} to ${holder} and ${key}`);
    addresses.set(eni.privateIp, key);
    owners.set(key, eni.owner.type);
  }

  function checkStart(container: EngineContainer, nodeId: string): void {
    const pod = container.labels["gantry.pod"];
    if (pod === undefined) return;
    const count = (starts.get(container.name) ?? 0) + 1;
    starts.set(container.name, count);
    if (count > 1) breaks("nothing is started twice", container.name);
    const task = store.list("task").find((each) => each.arn.endsWith(`/${pod.slice("pod/".length)}`));
    if (task === undefined || task.lastStatus === "STOPPED")
      breaks("what has stopped never starts", container.name);
    if (task !== undefined && task.placement?.nodeId !== nodeId)
      breaks("a task starts on its own node", `${container.name} on ${nodeId}`);
  }

  /**
   * Lists the reasons why the world has not converged: the service differs from its desired state, or removed
   * resources left remains.
   */
  async function unrest(service: ServiceRecord | undefined): Promise<readonly string[]> {
    if (service === undefined) return ["there is no service"];
    const naming = namingOf("w");
    const live = store.listBy("task", "service", service.arn).filter((task) => task.lastStatus !== "STOPPED");
    const taskSets = taskSetsOf(store, service.arn);
    const [primary] = taskSets;
    const first = nodes[0]?.id;
    const lists = await Promise.all(
      nodes.map(async ({ id, engine }) =>
        (await engine.list(naming.label)).map((container) => ({
          ...container,
          name: `${id} ${container.name}`,
        })),
      ),
    );
    const containers = lists.flat();
    const enis = store.list("networkInterface").filter((eni) => eni.owner.type !== "loadBalancer");
    const wantedContainers = [
      ...live.map(
        (task) => `${task.placement?.nodeId} ${naming.container(`pod/${task.arn.split("/").at(-1)}`, "web")}`,
      ),
      ...enis.map((eni) => `${eni.nodeId} ${naming.pause(eni.id)}`),
      // A node without an interface in the VPC needs no router.
      ...[...new Set(store.list("networkInterface").map((eni) => eni.nodeId ?? first))].map(
        (id) => `${id} ${naming.router("vpc-1")}`,
      ),
    ].toSorted();
    const problems = [
      live.length === service.spec.desiredCount ? "" : `${live.length} tasks of ${service.spec.desiredCount}`,
      live.every((task) => task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING")
        ? ""
        : "not all of them run",
      live.every((task) => task.taskDefinitionArn === primary?.taskDefinitionArn)
        ? ""
        : "not all of them are of the newest version",
      taskSets.length === 1 && primary?.rollout.state === "COMPLETED" ? "" : "the deployment is not complete",
      primary?.stability === "STEADY_STATE" ? "" : "no steady state",
      enis.filter((eni) => eni.owner.type === "task").length === live.length
        ? ""
        : "interfaces are left of tasks that went",
      store.list("target").every((target) => live.some((task) => task.arn === target.taskArn))
        ? ""
        : "targets are left of tasks that went",
      containers
        .map((container) => container.name)
        .toSorted()
        .join() === wantedContainers.join()
        ? ""
        : "containers are left, or missing",
      containers.every((container) => container.state === "running") ? "" : "a container does not run",
    ];
    return problems.filter((problem) => problem !== "");
  }

  return { broken, unrest };
}

/** Whether deployments of the service move traffic between two fleets. */
function isStaged(service: ServiceRecord): boolean {
  return service.spec.controller !== undefined || (service.spec.rollout?.strategy ?? "ROLLING") !== "ROLLING";
}
