import { computedDesiredCountOf, type TaskSetRecord } from "@gantry/state";
import { isActive } from "./fleet.ts";
import { earliest, planFleet, type FleetPlan } from "./plan-fleet.ts";
import type { ServiceAction, ServicePlan, ServiceView } from "./service-action.ts";

/**
 * Decides what a service needs whose task sets are made from outside (deployment controllers EXTERNAL and
 * CODE_DEPLOY): each task set runs its own part of the desired count, and one that was deleted goes once its
 * tasks have stopped.
 * Source: API_TaskSet.
 */
export function planExternal(view: ServiceView): ServicePlan {
  const plans = view.taskSets.map((set) =>
    set.status === "DRAINING" ? planDeletion(view, set) : planScale(view, set),
  );
  return {
    actions: plans.flatMap((plan) => plan.actions),
    lookAgainInMs: earliest(plans.map((plan) => plan.lookAgainInMs)),
  };
}

function planScale(view: ServiceView, set: TaskSetRecord): ServicePlan {
  const plan = planPart(view, set);
  const steady = isSteadyPlan(view, set, plan);
  const actions = [...plan.actions];
  if (steady && set.stability !== "STEADY_STATE")
    actions.push({ type: "recordSteadyState", taskSetId: set.id });
  if (!steady && set.stability === "STEADY_STATE")
    actions.push({ type: "recordStabilizing", taskSetId: set.id });
  return { actions, lookAgainInMs: plan.lookAgainInMs };
}

/** Whether a task set runs its part of the desired count, healthy, and no task of it is on its way out. */
export function isSteady(view: ServiceView, set: TaskSetRecord): boolean {
  return isSteadyPlan(view, set, planPart(view, set));
}

function isSteadyPlan(view: ServiceView, set: TaskSetRecord, { isFull }: FleetPlan): boolean {
  return (
    isFull &&
    view.tasks.every(
      ({ task }) =>
        task.deploymentId !== set.id || task.desiredStatus === "RUNNING" || task.lastStatus === "STOPPED",
    )
  );
}

/** What a task set needs for its own part of the desired count. */
function planPart(view: ServiceView, set: TaskSetRecord): FleetPlan {
  const desiredCount = computedDesiredCountOf(view.service, set);
  const service = { ...view.service, spec: { ...view.service.spec, desiredCount } };
  return planFleet({ ...view, service }, set);
}

function planDeletion(view: ServiceView, set: TaskSetRecord): ServicePlan {
  const own = view.tasks.filter(({ task }) => task.deploymentId === set.id);
  const stops = own.filter(isActive).map(({ task }): ServiceAction => ({
    type: "stopTask",
    taskArn: task.arn,
    reason: `Scaling activity initiated by (taskSet ${set.id})`,
    unhealthy: false,
  }));
  const isOver = own.every(({ task }) => task.lastStatus === "STOPPED");
  return {
    actions: isOver ? [{ type: "removeTaskSet", taskSetId: set.id }] : stops,
    lookAgainInMs: undefined,
  };
}
