import { computedDesiredCountOf, type TaskSetRecord } from "@gantry/state";
import { isActive } from "./fleet.ts";
import { earliest, planFleet } from "./plan-fleet.ts";
import type { ServiceAction, ServicePlan, ServiceView } from "./service-action.ts";

/**
 * Decides what a service with the deployment controller EXTERNAL needs: each task set runs its own part of the desired count,
 * and one that was deleted goes once its tasks have stopped. Source: API_TaskSet.
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
  const desiredCount = computedDesiredCountOf(view.service, set);
  const service = { ...view.service, spec: { ...view.service.spec, desiredCount } };
  const plan = planFleet({ ...view, service }, set);
  // Steady: it runs its part, healthy, and no task of it is on its way out.
  const isSteady =
    plan.isFull &&
    view.tasks.every(
      ({ task }) =>
        task.deploymentId !== set.id || task.desiredStatus === "RUNNING" || task.lastStatus === "STOPPED",
    );
  const actions = [...plan.actions];
  if (isSteady && set.stability !== "STEADY_STATE")
    actions.push({ type: "recordSteadyState", taskSetId: set.id });
  if (!isSteady && set.stability === "STEADY_STATE")
    actions.push({ type: "recordStabilizing", taskSetId: set.id });
  return { actions, lookAgainInMs: plan.lookAgainInMs };
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
