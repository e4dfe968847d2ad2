import type { ServiceRecord, TaskRecord, TaskSetRecord } from "@gantry/state";
import { describe, expect, it } from "vitest";
import { planService } from "./plan-service.ts";
import type { ServiceTask, ServiceView } from "./service-action.ts";

const NOW = 1_000_000;

function newSet(id: string, fields: Partial<TaskSetRecord> = {}): TaskSetRecord {
  return {
    id,
    serviceArn: "s",
    status: "ACTIVE",
    scale: { value: 100, unit: "PERCENT" },
    loadBalancers: [],
    rollout: { state: "COMPLETED", reason: "" },
    stability: "STABILIZING",
    failedTasks: 0,
    healthyAt: NOW - 1,
    ...fields,
  } as TaskSetRecord; // Only what planning reads.
}

function newTask(arn: string, set: TaskSetRecord, fields: Partial<TaskRecord> = {}): ServiceTask {
  const task = {
    arn,
    deploymentId: set.id,
    desiredStatus: "RUNNING",
    lastStatus: "RUNNING",
    startedAt: NOW - 60_000,
    createdAt: NOW - 90_000,
    health: "UNKNOWN",
    ...fields,
  } as TaskRecord; // As above.
  return { task, targets: [], hasHealthCheck: false, zone: "a" };
}

function planOf(taskSets: readonly TaskSetRecord[], tasks: readonly ServiceTask[] = []) {
  const spec = {
    desiredCount: 3,
    minimumHealthyPercent: 100,
    maximumPercent: 200,
    circuitBreaker: { enable: false, rollback: false },
    healthCheckGracePeriodSeconds: 0,
    controller: "EXTERNAL",
  };
  const view = {
    service: { arn: "s", name: "s", status: "ACTIVE", spec } as ServiceRecord, // As above.
    taskSets,
    deployment: undefined,
    tasks,
    balancers: [],
    alarms: [],
    now: NOW,
  } satisfies ServiceView;
  return planService(view).actions;
}

describe("a service with the deployment controller EXTERNAL", () => {
  it("runs each task set's part of the desired count, rounded up", () => {
    const half = newSet("half", { scale: { value: 50, unit: "PERCENT" } });
    const actions = planOf([newSet("all"), half]);
    const starts = (taskSetId: string) =>
      actions.filter((action) => action.type === "startTask" && action.taskSetId === taskSetId).length;
    expect([starts("all"), starts("half")]).toEqual([3, 2]);
  });

  it("leaves a task set without tasks unchanged, also if it is the primary", () => {
    expect(
      planOf([newSet("none", { scale: { value: 0, unit: "PERCENT" }, stability: "STEADY_STATE" })]),
    ).toEqual([]);
  });

  it("is steady once its share runs, and stabilizing while a task ends", () => {
    const set = newSet("all");
    const tasks = ["a", "b", "c"].map((arn) => newTask(arn, set));
    expect(planOf([set], tasks)).toEqual([{ type: "recordSteadyState", taskSetId: "all" }]);
    const ending = newTask("d", set, { desiredStatus: "STOPPED", lastStatus: "STOPPING" });
    expect(planOf([newSet("all", { stability: "STEADY_STATE" })], [...tasks, ending])).toEqual([
      { type: "recordStabilizing", taskSetId: "all" },
    ]);
  });

  it("stops the tasks of a deleted task set, and then removes it", () => {
    const gone = newSet("gone", { status: "DRAINING" });
    expect(planOf([gone], [newTask("a", gone)])).toMatchObject([{ type: "stopTask", taskArn: "a" }]);
    expect(planOf([gone], [newTask("a", gone, { desiredStatus: "STOPPED", lastStatus: "STOPPED" })])).toEqual(
      [{ type: "removeTaskSet", taskSetId: "gone" }],
    );
  });
});
