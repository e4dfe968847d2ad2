import type {
  ServiceDeploymentRecord,
  ServiceRecord,
  TargetState,
  TaskRecord,
  TaskSetRecord,
} from "@gantry/state";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isActive, isHealthy, stopOrder } from "./fleet.ts";
import { planService } from "./plan-service.ts";
import type { ServiceAction, ServiceTask, ServiceView } from "./service-action.ts";

const NOW = 1_000_000;
const SPEC = {
  desiredCount: 2,
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: { enable: false, rollback: false },
  healthCheckGracePeriodSeconds: 0,
};
const OLD = newSet("old", { status: "ACTIVE", rollout: { state: "COMPLETED", reason: "" } });
const NEW = newSet("new", {});

function newSet(id: string, fields: Partial<TaskSetRecord>): TaskSetRecord {
  return {
    id,
    serviceArn: "s",
    status: "PRIMARY",
    loadBalancers: [],
    rollout: { state: "IN_PROGRESS", reason: "" },
    stability: "STABILIZING",
    failedTasks: 0,
    healthyAt: NOW - 1,
    ...fields,
  } as TaskSetRecord; // Only what planning reads.
}

let count = 0;
function newTask(
  set: TaskSetRecord,
  fields: Partial<TaskRecord> = {},
  more: Partial<ServiceTask> = {},
): ServiceTask {
  count += 1;
  return {
    task: {
      arn: `task/${String(count).padStart(6, "0")}`,
      deploymentId: set.id,
      desiredStatus: "RUNNING",
      lastStatus: "RUNNING",
      startedAt: NOW - 60_000,
      createdAt: NOW - 90_000,
      health: "UNKNOWN",
      ...fields,
    } as TaskRecord, // As above.
    targets: [],
    hasHealthCheck: false,
    zone: "a",
    ...more,
  };
}

function viewOf(
  tasks: readonly ServiceTask[],
  options: {
    spec?: Partial<typeof SPEC>;
    taskSets?: readonly TaskSetRecord[];
    status?: ServiceRecord["status"];
    deployment?: Partial<ServiceDeploymentRecord>;
  } = {},
): ServiceView {
  const service = {
    arn: "s",
    name: "s",
    status: options.status ?? "ACTIVE",
    spec: { ...SPEC, ...options.spec },
  };
  return {
    service: service as ServiceRecord, // As above.
    taskSets: options.taskSets ?? [NEW, OLD],
    deployment: options.deployment as ServiceDeploymentRecord | undefined, // As above.
    tasks,
    balancers: [],
    alarms: [],
    now: NOW,
  };
}

const typesOf = (actions: readonly ServiceAction[]) => actions.map((action) => action.type);
const stopsOf = (actions: readonly ServiceAction[]) =>
  actions.flatMap((action) => (action.type === "stopTask" ? [action.taskArn] : []));

describe("a rolling update", () => {
  it("starts what is missing", () => {
    const { actions } = planService(viewOf([], { taskSets: [NEW] }));
    expect(typesOf(actions)).toEqual(["startTask", "startTask"]);
  });

  it("stops as many old tasks as healthy new ones allow", () => {
    const old = [newTask(OLD), newTask(OLD)];
    const { actions } = planService(viewOf([...old, newTask(NEW), newTask(NEW, { lastStatus: "PENDING" })]));
    expect(stopsOf(actions)).toHaveLength(1);
  });

  it("stops old tasks that serve no traffic at once", () => {
    const pending = newTask(OLD, { lastStatus: "PENDING" });
    const { actions } = planService(viewOf([newTask(OLD), newTask(OLD), pending]));
    expect(stopsOf(actions)).toEqual([pending.task.arn]);
  });

  // 75 percent of 2 is 2, and 125 percent of 2 is 2. Source: "Rolling update", the examples.
  it("reports that its percentages block it", () => {
    const spec = { minimumHealthyPercent: 75, maximumPercent: 125 };
    const { actions } = planService(viewOf([newTask(OLD), newTask(OLD)], { spec }));
    expect(typesOf(actions)).toEqual(["recordBlocked"]);
  });

  it("does not report it while new tasks may still become healthy", () => {
    const tasks = [newTask(OLD), newTask(OLD), newTask(NEW, { startedAt: NOW - 1 }), newTask(NEW)];
    expect(typesOf(planService(viewOf(tasks, { spec: { maximumPercent: 200 } })).actions)).not.toContain(
      "recordBlocked",
    );
  });

  it("completes once only healthy tasks of the new version are left", () => {
    const tasks = [newTask(NEW), newTask(NEW)];
    expect(typesOf(planService(viewOf(tasks)).actions)).toEqual(["completeDeployment", "recordSteadyState"]);
    const ending = newTask(OLD, { desiredStatus: "STOPPED", lastStatus: "STOPPING" });
    expect(typesOf(planService(viewOf([...tasks, ending])).actions)).toEqual([]);
  });

  // Before: only a bake time of the service's own delayed the completion, and alarms were no longer watched.
  it("watches its alarms for their evaluation range before it completes", () => {
    const tasks = [newTask(NEW), newTask(NEW)];
    const deployment: Partial<ServiceDeploymentRecord> = {
      bakeTimeMinutes: 0,
      alarms: { names: ["errors"], rollback: true, bakeMs: 120_000 },
    };
    const planAt = (stageStartedAt: number | undefined) =>
      planService(viewOf(tasks, { deployment: { ...deployment, stageStartedAt } }));
    expect(typesOf(planAt(undefined).actions)).toEqual(["beginBakeTime", "recordSteadyState"]);
    expect(planAt(NOW - 90_000)).toMatchObject({ lookAgainInMs: 30_000 });
    expect(typesOf(planAt(NOW - 90_000).actions)).toEqual(["recordSteadyState"]);
    expect(typesOf(planAt(NOW - 120_000).actions)).toContain("completeDeployment");
  });

  it("replaces an unhealthy task before it stops it", () => {
    const targets: readonly TargetState[] = ["unhealthy"];
    const set = newSet("new", {
      loadBalancers: [{ targetGroupArn: "g", containerName: "c", containerPort: 80 }],
    });
    const sick = newTask(set, {}, { targets });
    const well = newTask(set, {}, { targets: ["healthy"] });
    const first = planService(viewOf([sick, well], { taskSets: [set] })).actions;
    expect(typesOf(first)).toEqual(["startTask"]);
    const then = planService(
      viewOf([sick, well, newTask(set, {}, { targets: ["healthy"] })], { taskSets: [set] }),
    );
    expect(stopsOf(then.actions)).toEqual([sick.task.arn]);
  });

  it("fails at the breaker's threshold, and returns to the last completed version", () => {
    const failed = () =>
      newTask(NEW, {
        desiredStatus: "STOPPED",
        lastStatus: "STOPPED",
        stopCode: "TaskFailedToStart",
        stoppedAt: NOW,
      });
    const spec = { circuitBreaker: { enable: true, rollback: true } };
    const view = viewOf([failed(), failed(), failed(), newTask(OLD)], { spec });
    expect(planService(view).actions.at(-1)).toMatchObject({ type: "failDeployment", rollBackTo: "old" });
  });

  it("ends a service once all its tasks have stopped", () => {
    const stopped = newTask(NEW, { desiredStatus: "STOPPED", lastStatus: "STOPPED" });
    expect(typesOf(planService(viewOf([stopped, newTask(NEW)], { status: "DRAINING" })).actions)).toEqual([
      "stopTask",
    ]);
    expect(typesOf(planService(viewOf([stopped], { status: "DRAINING" })).actions)).toEqual([
      "finishDraining",
    ]);
  });
});

describe("the order of stops", () => {
  it("begins with tasks that serve no traffic, then the fullest zone, then the oldest", () => {
    const pending = newTask(OLD, { lastStatus: "PENDING" }, { zone: "b" });
    const a1 = newTask(OLD, { createdAt: 3 }, { zone: "a" });
    const a2 = newTask(OLD, { createdAt: 2 }, { zone: "a" });
    const b1 = newTask(OLD, { createdAt: 1 }, { zone: "b" });
    const order = stopOrder([b1, a1, pending, a2], viewOf([]), "oldest");
    expect(order.map(({ task }) => task.arn)).toEqual([pending, a2, b1, a1].map(({ task }) => task.arn));
    expect(stopOrder([b1, a1, a2], viewOf([]), "newest")[0]).toBe(a1);
  });
});

const STATUSES = ["PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING", "STOPPED"] as const;
const anyTask = fc
  .record({
    set: fc.constantFrom(OLD, NEW),
    lastStatus: fc.constantFrom(...STATUSES),
    desiredStatus: fc.constantFrom("RUNNING" as const, "STOPPED" as const),
    startedAt: fc.integer({ min: NOW - 10_000, max: NOW + 10 }),
    health: fc.constantFrom("HEALTHY" as const, "UNHEALTHY" as const, "UNKNOWN" as const),
    hasHealthCheck: fc.boolean(),
    zone: fc.constantFrom("a", "b", "c"),
  })
  .map(({ set, hasHealthCheck, zone, ...fields }) => newTask(set, fields, { hasHealthCheck, zone }));
const anySpec = fc.record({
  desiredCount: fc.integer({ min: 0, max: 8 }),
  minimumHealthyPercent: fc.integer({ min: 0, max: 100 }),
  maximumPercent: fc.integer({ min: 100, max: 300 }),
});

describe("any rolling plan", () => {
  it("starts no more than the maximum and stops no healthy task below the minimum", () => {
    fc.assert(
      fc.property(fc.array(anyTask, { maxLength: 12 }), anySpec, (tasks, spec) => {
        const view = viewOf(tasks, { spec });
        const { actions } = planService(view);
        const active = tasks.filter(isActive);
        const starts = actions.filter((action) => action.type === "startTask").length;
        const maximum = Math.floor((spec.desiredCount * spec.maximumPercent) / 100);
        expect(starts === 0 || active.length + starts <= maximum).toBe(true);
        const stopped = new Set(stopsOf(actions));
        expect(stopped.size).toBe(stopsOf(actions).length);
        const healthy = active.filter((each) => isHealthy(each, view));
        const minimum = Math.ceil((spec.desiredCount * spec.minimumHealthyPercent) / 100);
        const stopsHealthyOld = healthy.some(
          ({ task }) => stopped.has(task.arn) && task.deploymentId === OLD.id,
        );
        const left = healthy.filter(({ task }) => !stopped.has(task.arn)).length;
        expect(!stopsHealthyOld || left >= Math.min(minimum, spec.desiredCount)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
