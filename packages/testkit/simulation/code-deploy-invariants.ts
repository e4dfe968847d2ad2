import type { Clock } from "@gantry/kernel";
import {
  hasEnded,
  servingGroupOf,
  type CodeDeploymentRecord,
  type Store,
  type TaskSetRecord,
} from "@gantry/state";

/** Events at and after which the new fleet may get test traffic, and production traffic. */
const TEST_EVENTS = [
  "AllowTestTraffic",
  "AfterAllowTestTraffic",
  "BeforeAllowTraffic",
  "AllowTraffic",
  "AfterAllowTraffic",
];
const PRODUCTION_EVENTS = TEST_EVENTS.slice(3);

/**
 * The safety invariants of CodeDeploy's deployments, checked at every change of a record. They are derived
 * from the CodeDeploy User Guide, "Deployments on an Amazon ECS compute platform", not from the
 * implementation.
 */
export function checkCodeDeployInvariants(world: { store: Store; clock: Clock; broken: string[] }): void {
  new CodeDeployInvariants(world);
}

class CodeDeployInvariants {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #broken: string[];
  readonly #before = new Map<string, CodeDeploymentRecord>();
  readonly #weights = new Map<string, ReadonlyMap<string, number>>();
  readonly #statuses = new Map<string, TaskSetRecord["status"]>();

  constructor({ store, clock, broken }: { store: Store; clock: Clock; broken: string[] }) {
    this.#store = store;
    this.#clock = clock;
    this.#broken = broken;
    store.watch(({ kind, key }) => {
      if (kind === "codeDeployment") this.#checkDeployment(key);
      if (kind === "listener" && this.#ongoing() !== undefined) this.#checkListener(key);
      if (kind === "taskSet" || kind === "target" || kind === "codeDeployment") this.#checkPaths();
      if (kind === "taskSet") this.#checkRelease(key);
      if (kind === "task") this.#checkStop(key);
    });
  }

  #breaks(invariant: string, detail: string): void {
    if (this.#broken.length < 20) this.#broken.push(`${invariant} (${detail}, at ${this.#clock.now()})`);
  }

  #ongoing(): CodeDeploymentRecord | undefined {
    return this.#store.list("codeDeployment").find((each) => !hasEnded(each));
  }

  #checkDeployment(key: string): void {
    const before = this.#before.get(key);
    const deployment = this.#store.get("codeDeployment", key);
    if (deployment === undefined) return void this.#before.delete(key);
    this.#before.set(key, deployment);
    if (before !== undefined && hasEnded(before) && before.status !== deployment.status)
      this.#breaks("a deployment ends once", `${before.status}, then ${deployment.status}`);
    const finals = ["Succeeded", "Failed", "Skipped"];
    for (const [index, event] of (before?.events ?? []).entries())
      if (finals.includes(event.status) && deployment.events[index]?.status !== event.status)
        this.#breaks("a lifecycle event ends once", `${event.name} was ${event.status}`);
    for (const [index, event] of (before?.events ?? []).entries()) {
      const answer = event.hook?.answer;
      if (answer !== undefined && deployment.events[index]?.hook?.answer !== answer)
        this.#breaks("a hook has one answer", `${event.name} was answered with ${answer}`);
    }
    if (this.#store.list("codeDeployment").filter((each) => !hasEnded(each)).length > 1)
      this.#breaks("at most one deployment of a group is in progress", key);
    if (deployment.completedAt === this.#clock.now() && (before === undefined || !hasEnded(before)))
      this.#checkOutcome(deployment);
  }

  /** The old fleet is released only while the new one is healthy as a whole; a rollback releases the new one. */
  #checkRelease(key: string): void {
    const before = this.#statuses.get(key);
    const set = this.#store.get("taskSet", key);
    if (set === undefined) return void this.#statuses.delete(key);
    this.#statuses.set(key, set.status);
    const service = this.#store.get("service", set.serviceArn);
    if (set.status !== "DRAINING" || before === "DRAINING" || service?.status !== "ACTIVE") return;
    const deployment = this.#ongoing();
    if (deployment === undefined) return;
    if (deployment.isReturn) {
      const blue = this.#setOf(deployment, deployment.blueTaskSetId);
      if (blue?.status !== "PRIMARY") this.#breaks("a rollback makes the old fleet the primary", key);
      return;
    }
    const green = this.#setOf(deployment, deployment.greenTaskSetId);
    if (set.id !== deployment.blueTaskSetId || green === undefined) return;
    const healthy = this.#healthyTasksOf(green);
    if (healthy < service.spec.desiredCount)
      this.#breaks(
        "the old fleet is released only when the new one is healthy",
        `${healthy} of ${service.spec.desiredCount}`,
      );
  }

  /** A rollback leaves only the old fleet, with all traffic; a success leaves only the new one. */
  #checkOutcome(deployment: CodeDeploymentRecord): void {
    const { status, isReturn, settings, serviceArn } = deployment;
    if (status !== "Succeeded") return;
    const sets = this.#store.listBy("taskSet", "service", serviceArn);
    const left = isReturn ? deployment.blueTaskSetId : deployment.greenTaskSetId;
    const isAlone = isReturn || settings.termination.action === "TERMINATE";
    if (isAlone && (sets.length !== 1 || sets[0]?.id !== left))
      this.#breaks("a deployment ends with one fleet", `${sets.length} fleets, return: ${isReturn}`);
    if (sets.find((set) => set.status === "PRIMARY")?.id !== left)
      this.#breaks("the fleet that is left is the primary", `return: ${isReturn}`);
    const group = isReturn ? deployment.blueGroupArn : deployment.greenGroupArn;
    if (this.#shareOf(settings.productionListenerArn, group) !== 100)
      this.#breaks("the fleet that is left has all traffic", `return: ${isReturn}`);
    const others = this.#store
      .listBy("task", "service", serviceArn)
      .filter((task) => task.lastStatus !== "STOPPED" && task.deploymentId !== left);
    if (isAlone && others.length > 0)
      this.#breaks("a deployment ends with one fleet", `${others.length} tasks of others`);
  }

  #checkListener(key: string): void {
    const targets = this.#targetsOf(key);
    const total = targets.reduce((sum, target) => sum + target.weight, 0);
    if (targets.length > 1 && total !== 100 && total !== 1_000)
      this.#breaks("the weights of a listener add up to 100", `${total} in ${key}`);
    const before = this.#weights.get(key);
    const split = this.#splitOf(key);
    this.#weights.set(key, split);
    this.#checkPaths();
    const deployment = this.#ongoing();
    if (before === undefined || deployment?.settings.productionListenerArn !== key || deployment.isReturn)
      return;
    const green = this.#setOf(deployment, deployment.greenTaskSetId);
    const group = deployment.greenGroupArn;
    const grows = group !== undefined && (split.get(group) ?? 0) > (before.get(group) ?? 0);
    if (!grows || green === undefined) return;
    const wanted = this.#store.get("service", deployment.serviceArn)?.spec.desiredCount ?? 0;
    const healthy = this.#healthyTasksOf(green);
    if (healthy < wanted) this.#breaks("traffic moves only to a healthy fleet", `${healthy} of ${wanted}`);
  }

  /**
   * No request reaches a fleet before its event: neither through its group nor through one of its targets.
   */
  #checkPaths(): void {
    const deployment = this.#ongoing();
    if (deployment?.greenTaskSetId === undefined) return;
    const { settings, isReturn } = deployment;
    const current = deployment.events.findLast(
      (event) => event.status !== "Pending" && event.status !== "Skipped",
    );
    for (const [listener, events] of [
      [settings.productionListenerArn, PRODUCTION_EVENTS],
      [settings.testListenerArn, TEST_EVENTS],
    ] as const) {
      if (listener === undefined || (!isReturn && current !== undefined && events.includes(current.name)))
        continue;
      for (const [group, percent] of this.#splitOf(listener)) {
        if (percent === 0) continue;
        const reached = this.#store
          .listBy("target", "group", group)
          .filter((target) => target.drainingSince === undefined)
          .some(
            (target) => this.#store.get("task", target.taskArn)?.deploymentId === deployment.greenTaskSetId,
          );
        if (reached)
          this.#breaks(
            "no request reaches a fleet before its stage",
            `${listener} at ${current?.name ?? "a return"}`,
          );
      }
    }
  }

  /** A task that is scaled in receives no traffic, or leaves enough healthy tasks that do. */
  #checkStop(key: string): void {
    const task = this.#store.get("task", key);
    const service = this.#store.get("service", task?.serviceArn);
    if (task === undefined || service?.status !== "ACTIVE" || service.spec.controller !== "CODE_DEPLOY")
      return;
    if (task.desiredStatus !== "STOPPED" || task.stoppedReason?.startsWith("Scaling activity") !== true)
      return;
    const targets = this.#store.listBy("target", "task", key);
    const serves = targets.some((target) => target.drainingSince === undefined && target.state === "healthy");
    if (task.lastStatus !== "RUNNING" || !serves) return;
    const production = this.#store.list("codeDeployGroup")[0]?.settings.productionListenerArn;
    const percent = targets.map((target) => this.#splitOf(production).get(target.targetGroupArn) ?? 0);
    const set = this.#store
      .listBy("taskSet", "service", service.arn)
      .find((each) => each.id === task.deploymentId);
    if (set === undefined || !percent.some((each) => each > 0)) return;
    const least = Math.ceil((service.spec.desiredCount * service.spec.minimumHealthyPercent) / 100);
    const healthy = this.#healthyTasksOf(set);
    if (healthy < least) this.#breaks("a fleet with traffic keeps its capacity", `${healthy} of ${least}`);
  }

  #targetsOf(listener: string | undefined): readonly { targetGroupArn: string; weight: number }[] {
    const actions = this.#store.get("listener", listener)?.defaultActions ?? [];
    return actions.flatMap((action) => (action.type === "forward" ? action.targets : []));
  }

  #splitOf(listener: string | undefined): ReadonlyMap<string, number> {
    const targets = this.#targetsOf(listener);
    const total = targets.reduce((sum, target) => sum + target.weight, 0);
    return new Map(
      targets.map((each) => [each.targetGroupArn, total === 0 ? 0 : (each.weight / total) * 100]),
    );
  }

  #shareOf(listener: string, group: string | undefined): number {
    return group === undefined ? 0 : (this.#splitOf(listener).get(group) ?? 0);
  }

  #setOf({ serviceArn }: CodeDeploymentRecord, id: string | undefined): TaskSetRecord | undefined {
    return this.#store.listBy("taskSet", "service", serviceArn).find((set) => set.id === id);
  }

  #healthyTasksOf(set: TaskSetRecord): number {
    const groups = set.loadBalancers.map(servingGroupOf);
    return this.#store
      .listBy("task", "service", set.serviceArn)
      .filter(
        (task) =>
          task.deploymentId === set.id &&
          task.desiredStatus === "RUNNING" &&
          task.lastStatus === "RUNNING" &&
          this.#store
            .listBy("target", "task", task.arn)
            .some((target) => target.state === "healthy" && groups.includes(target.targetGroupArn)),
      ).length;
  }
}
