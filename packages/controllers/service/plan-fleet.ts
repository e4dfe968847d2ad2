import type { TaskSetRecord } from "@gantry/state";
import { failedTasksOf, isHealthy, nextHealthChange, launchWaitMs } from "./fleet.ts";
import { budgetOf, planRecords, planStops } from "./plan-rolling.ts";
import type { ServiceAction, ServiceView } from "./service-action.ts";

/** The needs of one fleet of a service, independent of the other fleets. */
export interface FleetPlan {
  readonly actions: readonly ServiceAction[];
  /** Whether it runs the whole desired count, all of it healthy, and nothing besides. */
  readonly isFull: boolean;
  /** Failed tasks since one was last healthy. */
  readonly failures: number;
  readonly lookAgainInMs: number | undefined;
}

/** Brings one task set to the desired count and keeps it there. A task set that has FAILED launches nothing. */
export function planFleet(view: ServiceView, set: TaskSetRecord): FleetPlan {
  const own = { ...view, tasks: view.tasks.filter(({ task }) => task.deploymentId === set.id) };
  const budget = budgetOf(own, set);
  const healthy = budget.own.filter((each) => isHealthy(each, view)).length;
  const failures = failedTasksOf(set, view);
  const launchIn = launchWaitMs(failures, view);
  const starts = set.rollout.state === "FAILED" ? 0 : budget.missing;
  const actions = [
    ...planRecords(set, { isHealthy: healthy > 0, failures: failures.length }),
    ...Array.from({ length: launchIn === 0 ? starts : 0 }, (): ServiceAction => ({
      type: "startTask",
      taskSetId: set.id,
    })),
    ...planStops(own, set, budget),
  ];
  return {
    actions,
    isFull: healthy === view.service.spec.desiredCount && budget.own.length === healthy,
    failures: failures.length,
    lookAgainInMs: earliest([
      nextHealthChange(budget.own, view),
      starts > 0 && launchIn > 0 ? launchIn : undefined,
    ]),
  };
}

/** The shortest of the waits, in ms; undefined where there is none. */
export function earliest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
