import type { Clock } from "@gantry/kernel";
import {
  ongoingDeploymentOf,
  servingGroupOf,
  type ServiceDeploymentRecord,
  type ServiceRecord,
  type Store,
  type TaskSetRecord,
} from "@gantry/state";

/** Stages in which the new version may get test traffic, and production traffic. */
const TEST_STAGES = [
  "TEST_TRAFFIC_SHIFT",
  "POST_TEST_TRAFFIC_SHIFT",
  "PRODUCTION_TRAFFIC_SHIFT",
  "POST_PRODUCTION_TRAFFIC_SHIFT",
  "BAKE_TIME",
  "CLEAN_UP",
];
const PRODUCTION_STAGES = TEST_STAGES.slice(2);
/** States of a hook that no later answer changes. */
const DECIDED = ["SUCCEEDED", "FAILED", "TIMED_OUT"];

type Rule = "production" | "test";

/** The weights of a rule's target groups, in percent. */
type Split = ReadonlyMap<string, number>;

/**
 * The safety invariants of deployments that shift traffic, checked at every change of a record. They are
 * derived from "Blue/green deployments" in the Amazon ECS Developer Guide, not from the implementation.
 */
export function checkTrafficInvariants(world: { store: Store; clock: Clock; broken: string[] }): void {
  new TrafficInvariants(world);
}

class TrafficInvariants {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #broken: string[];
  readonly #splits = new Map<string, Split>();
  /** The previous version of each deployment. */
  readonly #before = new Map<string, ServiceDeploymentRecord>();

  constructor({ store, clock, broken }: { store: Store; clock: Clock; broken: string[] }) {
    this.#store = store;
    this.#clock = clock;
    this.#broken = broken;
    store.watch(({ kind, key }) => {
      if (kind === "rule") return this.#checkRule(key);
      if (kind === "serviceDeployment") {
        this.#checkStep(key);
        this.#checkOutcome(key);
      }
      if (["serviceDeployment", "taskSet", "target"].includes(kind))
        for (const service of store.list("service")) this.#checkPaths(service);
      if (kind === "task") this.#checkStop(key);
    });
  }

  #breaks(invariant: string, detail: string): void {
    if (this.#broken.length < 20) this.#broken.push(`${invariant} (${detail}, at ${this.#clock.now()})`);
  }

  #checkRule(key: string): void {
    const { split, total } = this.#splitOf(key);
    const before = this.#splits.get(key);
    this.#splits.set(key, split);
    if (before === undefined) return;
    if (total !== 100 && total !== 1_000)
      this.#breaks("the weights of a rule add up to 100", `${total} in ${key}`);
    for (const service of this.#store.list("service")) {
      this.#checkPaths(service);
      const isProduction = this.#rulesOf(service).some(({ production }) => production === key);
      for (const [group, percent] of isProduction ? split : [])
        if (percent > (before.get(group) ?? 0)) this.#checkHealthy(service, group);
    }
  }

  /** An increase of traffic goes to a fleet with healthy targets, or back to the fleet that had it. */
  #checkHealthy(service: ServiceRecord, group: string): void {
    const deployment = ongoingDeploymentOf(this.#store, service.arn);
    const set = this.#setsOf(service).find((each) => groupsOf(each).includes(group));
    if (set === undefined || set.id !== deployment?.taskSetId || deployment.rollback !== undefined) return;
    const healthy = this.#healthyTasksOf(set);
    if (healthy < service.spec.desiredCount)
      this.#breaks("traffic moves only to a healthy fleet", `${healthy} of ${service.spec.desiredCount}`);
  }

  /**
   * No request reaches a fleet before its stage: neither through its group nor through one of its targets.
   */
  #checkPaths(service: ServiceRecord): void {
    const deployment = ongoingDeploymentOf(this.#store, service.arn);
    if (deployment?.traffic === undefined) return;
    for (const rules of this.#rulesOf(service))
      for (const rule of ["production", "test"] as const)
        for (const [group, percent] of this.#splitOf(rules[rule]).split)
          if (percent > 0) this.#checkGroup(group, rule, deployment);
  }

  #checkGroup(group: string, rule: Rule, deployment: ServiceDeploymentRecord): void {
    for (const target of this.#store.listBy("target", "group", group)) {
      if (target.drainingSince !== undefined) continue;
      const set = this.#store.get("task", target.taskArn)?.deploymentId;
      if (set !== undefined && !this.#mayServe(set, rule, deployment))
        this.#breaks("no request reaches a fleet before its stage", `${rule}, ${deployment.lifecycleStage}`);
    }
  }

  #mayServe(setId: string, rule: Rule, deployment: ServiceDeploymentRecord): boolean {
    if (setId === deployment.sourceTaskSetId) return true;
    // A fleet whose deployment has just been superseded serves until its traffic has returned.
    if (deployment.lifecycleStage === "RECONCILE_SERVICE" && deployment.traffic?.shiftedAt === undefined)
      return setId !== deployment.taskSetId;
    if (deployment.taskSetId !== setId || deployment.rollback !== undefined) return false;
    const stages = rule === "test" ? TEST_STAGES : PRODUCTION_STAGES;
    return stages.includes(deployment.lifecycleStage ?? "");
  }

  /** A task that is scaled in receives no traffic, or leaves enough healthy tasks that do. */
  #checkStop(key: string): void {
    const task = this.#store.get("task", key);
    const service = this.#store.get("service", task?.serviceArn);
    if (task === undefined || service?.status !== "ACTIVE" || task.desiredStatus !== "STOPPED") return;
    const set = this.#setsOf(service).find((each) => each.id === task.deploymentId);
    if (set === undefined || task.stoppedReason?.startsWith("Scaling activity") !== true) return;
    const targets = this.#store
      .listBy("target", "task", key)
      .filter((target) => target.drainingSince === undefined);
    if (task.lastStatus !== "RUNNING" || !targets.some((target) => target.state === "healthy")) return;
    this.#checkRelease(service, set);
    const splits = this.#rulesOf(service).map(({ production }) => this.#splitOf(production).split);
    if (!groupsOf(set).some((group) => splits.some((split) => (split.get(group) ?? 0) > 0))) return;
    const least = Math.ceil((service.spec.desiredCount * service.spec.minimumHealthyPercent) / 100);
    if (this.#healthyTasksOf(set) < least)
      this.#breaks("a fleet with traffic keeps its capacity", `${this.#healthyTasksOf(set)} of ${least}`);
  }

  /** In CLEAN_UP a healthy task of the old fleet stops only while the new fleet is healthy as a whole. */
  #checkRelease(service: ServiceRecord, set: TaskSetRecord): void {
    const deployment = ongoingDeploymentOf(this.#store, service.arn);
    if (deployment?.lifecycleStage !== "CLEAN_UP" || set.id !== deployment.sourceTaskSetId) return;
    const target = this.#setsOf(service).find((each) => each.id === deployment.taskSetId);
    const healthy = target === undefined ? 0 : this.#healthyTasksOf(target);
    if (healthy < service.spec.desiredCount)
      this.#breaks(
        "the old fleet is released only when the new one is healthy",
        `${healthy} of ${service.spec.desiredCount}`,
      );
  }

  /**
   * A stage ends after its hooks have succeeded, production traffic grows by the steps of the strategy, and a
   * deployment that has begun to remove the old fleet does not return to it.
   */
  #checkStep(key: string): void {
    const deployment = this.#store.get("serviceDeployment", key);
    const before = this.#before.get(key);
    if (deployment?.traffic === undefined) return;
    this.#before.set(key, deployment);
    if (before?.traffic === undefined || before.finishedAt !== undefined) return;
    for (const run of before.hookRuns ?? []) {
      const status = deployment.hookRuns?.find((each) => each.id === run.id)?.status;
      if (DECIDED.includes(run.status) && status !== run.status)
        this.#breaks("a hook has one result", `${run.stage} was ${run.status}, then ${status}`);
    }
    const { lifecycleStage: stage, rollback, traffic, trafficSteps } = deployment;
    if (rollback !== undefined) {
      if (before.rollback === undefined && before.lifecycleStage === "CLEAN_UP")
        this.#breaks("a deployment in CLEAN_UP is not rolled back", key);
      return;
    }
    if (stage !== before.lifecycleStage) this.#checkHooks(deployment, before.lifecycleStage);
    const next = trafficSteps?.percents.find((percent) => percent > (before.traffic?.production ?? 0));
    if (traffic.production > before.traffic.production && traffic.production !== next)
      this.#breaks("production traffic moves in the steps of the strategy", `${traffic.production} %`);
  }

  #checkHooks(deployment: ServiceDeploymentRecord, stage: string | undefined): void {
    for (const [index, hook] of deployment.hooks.entries()) {
      if (!hook.stages.some((each) => each === stage)) continue;
      const runs = (deployment.hookRuns ?? []).filter((run) => run.hook === index && run.stage === stage);
      const last = runs.at(-1);
      const hasPassed =
        last?.status === "SUCCEEDED" || (last?.status === "TIMED_OUT" && hook.timeoutAction === "CONTINUE");
      if (!hasPassed)
        this.#breaks("a stage ends after its hooks have passed", `${stage}: ${last?.status ?? "not begun"}`);
    }
  }

  /** A rollback leaves only the old fleet, with all traffic; a success leaves only the new one. */
  #checkOutcome(key: string): void {
    const deployment = this.#store.get("serviceDeployment", key);
    const service = this.#store.get("service", deployment?.serviceArn);
    if (deployment?.traffic === undefined || service?.status !== "ACTIVE") return;
    const { status, finishedAt, sourceTaskSetId, targetRevisionArn } = deployment;
    if (finishedAt !== this.#clock.now() || (status !== "SUCCESSFUL" && status !== "ROLLBACK_SUCCESSFUL"))
      return;
    const sets = this.#setsOf(service);
    const isLeft = (set: TaskSetRecord) =>
      status === "SUCCESSFUL" ? set.revisionArn === targetRevisionArn : set.id === sourceTaskSetId;
    // A later deployment may have added its own fleet.
    if (ongoingDeploymentOf(this.#store, service.arn) !== undefined) return;
    if (sets.length !== 1 || !sets.every(isLeft))
      this.#breaks("a deployment ends with one fleet", `${status}, ${sets.length} fleets`);
    const others = this.#store
      .listBy("task", "service", service.arn)
      .filter((task) => task.lastStatus !== "STOPPED" && !sets.some((set) => set.id === task.deploymentId));
    if (others.length > 0)
      this.#breaks("a deployment ends with one fleet", `${others.length} tasks of others`);
    for (const balancer of sets.flatMap((set) => set.loadBalancers)) {
      const { split } = this.#splitOf(balancer.advanced?.productionListenerRule);
      if (split.size > 0 && split.get(servingGroupOf(balancer)) !== 100)
        this.#breaks("the fleet that is left has all traffic", status);
    }
  }

  /**
   * The weights are read from the store and not from the last observation: the changes of a transaction are
   * announced one by one.
   */
  #splitOf(ruleArn: string | undefined): { split: Split; total: number } {
    const actions = this.#store.get("rule", ruleArn)?.actions ?? [];
    const targets = actions.flatMap((action) => (action.type === "forward" ? action.targets : []));
    const total = targets.reduce((sum, target) => sum + target.weight, 0);
    const percent = (weight: number) => (total === 0 ? 0 : (weight / total) * 100);
    return { split: new Map(targets.map((each) => [each.targetGroupArn, percent(each.weight)])), total };
  }

  #setsOf(service: ServiceRecord): readonly TaskSetRecord[] {
    return this.#store.listBy("taskSet", "service", service.arn);
  }

  /** The rules of each of the service's load balancers. */
  #rulesOf(service: ServiceRecord): readonly Record<Rule, string | undefined>[] {
    const balancers = this.#setsOf(service)[0]?.loadBalancers ?? [];
    return balancers.map(({ advanced }) => ({
      production: advanced?.productionListenerRule,
      test: advanced?.testListenerRule,
    }));
  }

  /** Tasks that are healthy at each of the fleet's load balancers. */
  #healthyTasksOf(set: TaskSetRecord): number {
    const isHealthy = (taskArn: string): boolean => {
      const targets = this.#store.listBy("target", "task", taskArn);
      return targets.length >= set.loadBalancers.length && targets.every(({ state }) => state === "healthy");
    };
    return this.#store
      .listBy("task", "service", set.serviceArn)
      .filter(
        (task) =>
          task.deploymentId === set.id &&
          task.desiredStatus === "RUNNING" &&
          task.lastStatus === "RUNNING" &&
          isHealthy(task.arn),
      ).length;
  }
}

function groupsOf(set: TaskSetRecord): readonly string[] {
  return set.loadBalancers.map(servingGroupOf);
}
