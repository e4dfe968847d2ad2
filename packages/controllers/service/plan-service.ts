import { isActive } from "./fleet.ts";
import { planBlueGreen } from "./plan-blue-green.ts";
import { planExternal } from "./plan-external.ts";
import { planRolling } from "./plan-rolling.ts";
import type { ServiceAction, ServicePlan, ServiceView } from "./service-action.ts";

const NOTHING: ServicePlan = { actions: [], lookAgainInMs: undefined };

/** Decides what a service needs next: one planner per strategy, and one for a service that is being deleted. */
export function planService(view: ServiceView): ServicePlan {
  const [primary] = view.taskSets.filter((set) => set.status === "PRIMARY");
  if (view.service.status === "DRAINING") return planDraining(view);
  if (view.service.status === "ACTIVE" && view.service.spec.controller !== undefined)
    return planExternal(view);
  if (view.service.status !== "ACTIVE" || primary === undefined) return NOTHING;
  const strategy = view.deployment?.strategy ?? view.service.spec.rollout?.strategy ?? "ROLLING";
  return strategy === "ROLLING" ? planRolling(view, primary) : planBlueGreen(view, primary);
}

function planDraining({ tasks, taskSets }: ServiceView): ServicePlan {
  const stops = tasks.filter(isActive).map(({ task }): ServiceAction => ({
    type: "stopTask",
    taskArn: task.arn,
    reason: `Scaling activity initiated by (deployment ${taskSets[0]?.id ?? task.deploymentId})`,
    unhealthy: false,
  }));
  const over = tasks.every(({ task }) => task.lastStatus === "STOPPED");
  return { actions: over ? [{ type: "finishDraining" }] : stops, lookAgainInMs: undefined };
}
