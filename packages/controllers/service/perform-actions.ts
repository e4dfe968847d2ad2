import { present } from "@gantry/kernel";
import {
  addServiceEvent,
  beginRollback,
  removeTaskSets,
  saveServiceDeployment,
  shiftTraffic,
  taskSetKeyOf,
  turnBackServiceDeployment,
  type HookRunRecord,
  type ServiceDeploymentRecord,
  type TaskSetRecord,
  type Transaction,
} from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import type { ServiceAction, ServiceView } from "./service-action.ts";
import { startTask } from "./start-task.ts";

type ActionOf<T extends ServiceAction["type"]> = Extract<ServiceAction, { type: T }>;

const FAILING = 3;
const MINUTE_MS = 60_000;

/** Carries out a plan within the transaction that made it, so that no plan is stored in part. */
export function performActions(
  tx: Transaction,
  deps: ControllerDeps,
  view: ServiceView,
  actions: readonly ServiceAction[],
): void {
  new Performance(tx, deps, view).perform(actions);
}

/** One plan being carried out. */
class Performance {
  readonly #tx: Transaction;
  readonly #deps: ControllerDeps;
  readonly #view: ServiceView;
  readonly #started: string[] = [];
  readonly #stopped: string[] = [];

  constructor(tx: Transaction, deps: ControllerDeps, view: ServiceView) {
    this.#tx = tx;
    this.#deps = deps;
    this.#view = view;
  }

  perform(actions: readonly ServiceAction[]): void {
    for (const action of actions) this.#performOne(action);
    const list = (ids: readonly string[]) => ids.map((id) => `(task ${id})`).join(" ");
    if (this.#started.length > 0)
      this.#say(`has started ${this.#started.length} tasks: ${list(this.#started)}.`);
    if (this.#stopped.length > 0)
      this.#say(`has stopped ${this.#stopped.length} running tasks: ${list(this.#stopped)}.`);
  }

  #performOne(action: ServiceAction): void {
    switch (action.type) {
      case "startTask":
        return this.#start(action);
      case "stopTask":
        return this.#stop(action);
      case "shiftTraffic":
        return shiftTraffic(this.#tx, action.route, action.targets);
      case "moveStage":
        return this.#changeDeployment({ lifecycleStage: action.stage, stageStartedAt: this.#view.now });
      case "recordTraffic":
        return this.#recordTraffic(action);
      case "beginHook":
        return this.#beginHook(action);
      case "expireHook":
        return this.#changeHooks((run) => (run.id === action.id ? { ...run, status: "TIMED_OUT" } : run));
      case "recordAlarms":
        return this.#recordAlarms(action);
      case "beginBakeTime":
        return this.#changeDeployment({ stageStartedAt: this.#view.now });
      case "removeTaskSet":
        return this.#tx.delete("taskSet", taskSetKeyOf(this.#view.service.arn, action.taskSetId));
      case "recordFailures":
        return this.#recordFailures(action);
      case "recordHealthy":
        this.#changeTaskSet(action.taskSetId, { healthyAt: this.#view.now, failedTasks: 0 });
        return this.#changeBreaker(action.taskSetId, 0);
      case "recordBlocked":
        return this.#say(
          "was unable to stop or start tasks during a deployment because of the service deployment " +
            "configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
        );
      case "recordStabilizing":
        return this.#changeTaskSet(action.taskSetId, { stability: "STABILIZING" });
      case "recordSteadyState":
        this.#changeTaskSet(action.taskSetId, { stability: "STEADY_STATE" });
        return this.#say("has reached a steady state.");
      case "completeDeployment":
        return this.#complete(action);
      case "failDeployment":
        return this.#fail(action);
      case "finishDraining":
        removeTaskSets(this.#tx, this.#view.service.arn);
        this.#endDeployment("STOPPED", "The service was deleted.");
        return this.#tx.put("service", this.#view.service.arn, { ...this.#view.service, status: "INACTIVE" });
    }
  }

  #start({ taskSetId }: ActionOf<"startTask">): void {
    const set = this.#taskSet(taskSetId);
    this.#started.push(idOf(startTask(this.#tx, this.#deps, this.#view.service, set)));
    this.#changeTaskSet(taskSetId, { stability: "STABILIZING" });
  }

  #stop({ taskArn, reason, unhealthy }: ActionOf<"stopTask">): void {
    const task = present(this.#tx.get("task", taskArn), "A planned task is there.");
    if (unhealthy && task.health === "UNHEALTHY")
      this.#say(`(task ${idOf(taskArn)}) failed container health checks.`);
    for (const target of unhealthy ? this.#tx.listBy("target", "task", taskArn) : []) {
      if (target.state === "unhealthy")
        this.#say(
          `(task ${idOf(taskArn)}) (port ${target.port}) is unhealthy in (target-group ` +
            `${target.targetGroupArn}) due to (reason ${target.description ?? "Health checks failed"})`,
        );
    }
    this.#tx.put("task", taskArn, {
      ...task,
      desiredStatus: "STOPPED",
      stopCode: "ServiceSchedulerInitiated",
      stoppedReason: reason,
      version: task.version + 1,
    });
    this.#stopped.push(idOf(taskArn));
    const primary = this.#view.taskSets.find((set) => set.status === "PRIMARY");
    if (primary !== undefined) this.#changeTaskSet(primary.id, { stability: "STABILIZING" });
  }

  #recordFailures({ taskSetId, failedTasks }: ActionOf<"recordFailures">): void {
    this.#changeTaskSet(taskSetId, { failedTasks });
    this.#changeBreaker(taskSetId, failedTasks);
    if (failedTasks === FAILING)
      this.#say(
        "is unable to consistently start tasks successfully. For more information, see the " +
          "Troubleshooting section of the Amazon ECS Developer Guide.",
      );
    const last = this.#view.tasks
      .map(({ task }) => task)
      .filter((task) => task.deploymentId === taskSetId && task.lastStatus === "STOPPED")
      .toSorted((a, b) => (b.stoppedAt ?? 0) - (a.stoppedAt ?? 0))[0];
    if (failedTasks > 0 && last?.stopCode === "TaskFailedToStart")
      this.#say(`(task ${idOf(last.arn)}) failed to start: ${last.stoppedReason}`);
  }

  #complete({ taskSetId }: ActionOf<"completeDeployment">): void {
    this.#changeTaskSet(taskSetId, {
      rollout: { state: "COMPLETED", reason: `ECS deployment ${taskSetId} completed.` },
    });
    for (const set of this.#view.taskSets)
      if (set.id !== taskSetId) this.#tx.delete("taskSet", taskSetKeyOf(set.serviceArn, set.id));
    const rollback = this.#view.deployment?.rollback;
    if (rollback === undefined) this.#endDeployment("SUCCESSFUL", undefined);
    else this.#endDeployment("ROLLBACK_SUCCESSFUL", rollback.reason);
    this.#say(`(deployment ${taskSetId}) deployment completed.`);
  }

  /** Ends a task set as FAILED, and goes back to the revision of another one where that is wanted. */
  #fail({ taskSetId, reason, rollBackTo }: ActionOf<"failDeployment">): void {
    const { service, deployment, now } = this.#view;
    this.#changeTaskSet(taskSetId, { rollout: { state: "FAILED", reason }, stability: "STABILIZING" });
    this.#say(`(deployment ${taskSetId}) deployment failed: ${reason.replace(/^[^:]*: /, "")}`);
    if (rollBackTo === undefined || deployment === undefined) {
      const failedBack = deployment?.rollback !== undefined;
      this.#endDeployment(failedBack ? "ROLLBACK_FAILED" : "STOPPED", reason);
      return;
    }
    if (deployment.traffic !== undefined) {
      turnBackServiceDeployment(this.#tx, this.#current(deployment), {
        source: this.#taskSet(rollBackTo),
        now,
        reason,
      });
      return this.#say(`rolling back to deployment ${rollBackTo}.`);
    }
    beginRollback(this.#tx, service, deployment, {
      ids: this.#deps.ids,
      now,
      revisionArn: this.#taskSet(rollBackTo).revisionArn,
      reason,
      rolloutReason: `${reason.split(": ")[0]}: rolling back to deploymentId ${rollBackTo}.`,
    });
    this.#say(`rolling back to deployment ${rollBackTo}.`);
  }

  #recordTraffic({ traffic }: ActionOf<"recordTraffic">): void {
    const { deployment } = this.#view;
    if (deployment?.traffic === undefined) return;
    // Two records of one plan add up: test and production traffic may be moved together.
    const known = this.#current(deployment).traffic ?? deployment.traffic;
    this.#changeDeployment({ traffic: { ...known, ...traffic } });
  }

  #recordAlarms({ names }: ActionOf<"recordAlarms">): void {
    const { alarms } = this.#view.deployment ?? {};
    if (alarms !== undefined) this.#changeDeployment({ alarms: { ...alarms, triggered: names } });
  }

  #beginHook({ hook, stage, production }: ActionOf<"beginHook">): void {
    const { deployment, now } = this.#view;
    const { type, timeoutMinutes } = deployment?.hooks[hook] ?? {};
    if (deployment === undefined || timeoutMinutes === undefined) return;
    const id = this.#deps.ids.uuid();
    const run: HookRunRecord = {
      id,
      hook,
      stage,
      production,
      status: type === "PAUSE" ? "AWAITING_ACTION" : "IN_PROGRESS",
      startedAt: now,
      expiresAt: now + timeoutMinutes * MINUTE_MS,
    };
    this.#changeDeployment({ hookRuns: [...(this.#current(deployment).hookRuns ?? []), run] });
    this.#say(
      `(deployment ${deployment.taskSetId}) waits for the lifecycle hook ${id} in the stage ${stage}.`,
    );
  }

  #changeHooks(change: (run: HookRunRecord) => HookRunRecord): void {
    const { deployment } = this.#view;
    if (deployment === undefined) return;
    this.#changeDeployment({ hookRuns: (this.#current(deployment).hookRuns ?? []).map(change) });
  }

  /** A deployment as this plan has left it so far. */
  #current(deployment: ServiceDeploymentRecord): ServiceDeploymentRecord {
    return present(this.#tx.get("serviceDeployment", deployment.arn), "A deployment under way is there.");
  }

  #taskSet(id: string): TaskSetRecord {
    const key = taskSetKeyOf(this.#view.service.arn, id);
    return present(this.#tx.get("taskSet", key), "A planned task set is there.");
  }

  #changeTaskSet(id: string, change: Partial<TaskSetRecord>): void {
    const set = this.#taskSet(id);
    // The names of its own members.
    if (Object.entries(change).every(([name, value]) => set[name as keyof TaskSetRecord] === value)) return;
    const { now } = this.#view;
    const turns = change.stability !== undefined && change.stability !== set.stability;
    this.#tx.put("taskSet", taskSetKeyOf(set.serviceArn, id), {
      ...set,
      ...(turns ? { stabilityAt: now } : {}),
      ...change,
      updatedAt: now,
    });
  }

  /** The breaker counts the failures of the fleet that the deployment brings up. */
  #changeBreaker(taskSetId: string, failureCount: number): void {
    const breaker = this.#view.deployment?.circuitBreaker;
    if (this.#view.deployment?.taskSetId !== taskSetId) return;
    if (breaker !== undefined && breaker.failureCount !== failureCount)
      this.#changeDeployment({ circuitBreaker: { ...breaker, failureCount } });
  }

  #endDeployment(status: ServiceDeploymentRecord["status"], statusReason: string | undefined): void {
    const { now } = this.#view;
    const stoppedAt = status === "SUCCESSFUL" ? undefined : now;
    this.#changeDeployment({ status, statusReason, finishedAt: now, stoppedAt });
  }

  /** Changes the deployment that has not ended, where there is one. */
  #changeDeployment(change: Partial<ServiceDeploymentRecord>): void {
    const arn = this.#view.deployment?.arn;
    const deployment = arn === undefined ? undefined : this.#tx.get("serviceDeployment", arn);
    if (deployment !== undefined)
      saveServiceDeployment(this.#tx, {
        ...deployment,
        ...change,
        updatedAt: this.#view.now,
      });
  }

  #say(what: string): void {
    const { service, now } = this.#view;
    const message = `(service ${service.name}) ${what}`;
    addServiceEvent(this.#tx, service, { ids: this.#deps.ids, message, now });
  }
}

function idOf(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}
