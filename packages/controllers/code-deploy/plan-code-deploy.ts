import { elapsedSince } from "@gantry/kernel";
import {
  hasEnded,
  otherGroupOf,
  servingGroupOf,
  splitWeights,
  type CodeDeployEnd,
  type CodeDeployEventRecord,
  type CodeDeployRollbackEvent,
  type TaskSetRecord,
} from "@gantry/state";
import type { CodeDeployAction, CodeDeployPlan, CodeDeployView } from "./code-deploy-action.ts";

const MINUTE_MS = 60_000;
const ALL = 100;
/** Source: CodeDeploy User Guide, "Troubleshoot Amazon ECS deployment issues". */
const INSTALL_MAX_MS = 60 * MINUTE_MS;
/** Source: CodeDeploy User Guide, "CodeDeploy quotas", the fleet that scales while traffic moves. */
const UNSTEADY_MAX_MS = 5 * MINUTE_MS;
/** Source: CodeDeploy User Guide, "AppSpec hooks section for an Amazon ECS deployment". */
const HOOK_MAX_MS = 60 * MINUTE_MS;

const WAIT: CodeDeployPlan = { actions: [], lookAgainInMs: undefined };

/**
 * Decides the next step of a deployment: one lifecycle event after another, then the wait and the end of the
 * old fleet. It can be called at any time, any number of times.
 * Source: CodeDeploy User Guide, "Deployments on an Amazon ECS compute platform".
 */
export function planCodeDeploy(view: CodeDeployView): CodeDeployPlan {
  const { deployment } = view;
  if (hasEnded(deployment)) return WAIT;
  if (deployment.isReturn) return planReturn(view);
  const end = isPastReturn(view) ? undefined : interruptionOf(view);
  if (end !== undefined) return act({ type: "end", ...end });
  if (deployment.status === "Created") return planBegin(view);
  const event = deployment.events.find(({ status }) => status === "Pending" || status === "InProgress");
  if (event === undefined) return planTermination(view);
  if (event.status === "Pending") return planEventBegin(view, event);
  switch (event.name) {
    case "Install":
      return planInstall(view, event);
    case "AllowTestTraffic":
      return planTestTraffic(view);
    case "AllowTraffic":
      return planTraffic(view);
    default:
      return planHook(view, event);
  }
}

/** Once the old fleet is being removed, the deployment cannot be rolled back any more, and is completed. */
function isPastReturn({ deployment, taskSets }: CodeDeployView): boolean {
  const blue = taskSets.find((set) => set.id === deployment.blueTaskSetId);
  return deployment.terminationSince !== undefined && (blue === undefined || blue.status === "DRAINING");
}

/** The reason that ends a deployment early; a caller's request comes first. */
function interruptionOf(view: CodeDeployView): CodeDeployEnd | undefined {
  const { deployment, alarms, problem, taskSets } = view;
  if (!view.isActive)
    return failure(view, "INVALID_ECS_SERVICE", `The ECS service ${deployment.serviceArn} is not active.`);
  if (deployment.stopRequested !== undefined)
    return {
      status: "Stopped",
      code: "MANUAL_STOP",
      message: "The deployment was stopped by a request of StopDeployment.",
      rollBack: deployment.stopRequested.rollback,
    };
  if (alarms.length > 0)
    return {
      status: "Stopped",
      code: "ALARM_ACTIVE",
      message:
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, " +
        `and the affected deployments have been stopped. Activated alarms: <${alarms.join(", ")}>`,
      rollBack: rollsBackOn(view, "DEPLOYMENT_STOP_ON_ALARM"),
    };
  if (problem !== undefined) return failure(view, problem.code, problem.message);
  const isGone = (id: string | undefined) => id !== undefined && !taskSets.some((set) => set.id === id);
  if (isGone(deployment.blueTaskSetId) || isGone(deployment.greenTaskSetId))
    return failure(view, "ECS_UPDATE_ERROR", "A task set of the deployment is gone.");
  return undefined;
}

function failure(view: CodeDeployView, code: string, message: string): CodeDeployEnd {
  return { status: "Failed", code, message, rollBack: rollsBackOn(view, "DEPLOYMENT_FAILURE") };
}

function rollsBackOn({ deployment }: CodeDeployView, event: CodeDeployRollbackEvent): boolean {
  const { enabled, events } = deployment.settings.autoRollback;
  return enabled && events.includes(event);
}

/** Takes the fleet that serves as the old one, and the target group that it leaves for the new one. */
function planBegin(view: CodeDeployView): CodeDeployPlan {
  const { taskSets, pair, routes, deployment } = view;
  const blue = taskSets.find((set) => set.status === "PRIMARY");
  const [balancer] = blue?.loadBalancers ?? [];
  const green = balancer === undefined ? undefined : otherGroupOf(balancer, pair);
  if (blue === undefined || balancer === undefined || green === undefined)
    return fail(
      view,
      "INVALID_ECS_SERVICE",
      "The ECS service's primary task set must have one of the target groups of the deployment group.",
    );
  if (routes.production.length === 0)
    return fail(
      view,
      "ELASTIC_LOAD_BALANCING_INVALID",
      `Primary taskset target group must be behind listener ${deployment.settings.productionListenerArn}`,
    );
  return act({
    type: "begin",
    blueTaskSetId: blue.id,
    blueGroupArn: servingGroupOf(balancer),
    greenGroupArn: green,
  });
}

/** BeforeAllowTraffic waits for ContinueDeployment where the deployment group says so. */
function planEventBegin(view: CodeDeployView, event: CodeDeployEventRecord): CodeDeployPlan {
  const { deployment, now } = view;
  const { ready } = deployment.settings;
  const waits =
    event.name === "BeforeAllowTraffic" &&
    ready.action === "STOP_DEPLOYMENT" &&
    deployment.continued.ready !== true;
  if (!waits) return act({ type: "beginEvent", event: event.name });
  if (deployment.readySince === undefined) return act({ type: "beginReadyWait" });
  const left = ready.waitMinutes * MINUTE_MS - elapsedSince(deployment.readySince, now);
  if (left > 0) return { actions: [], lookAgainInMs: left };
  return act({
    type: "end",
    ...failure(view, "TIMEOUT", "The deployment timed out while waiting for a request to reroute traffic."),
    status: "Stopped",
  });
}

/** Removes the remains of an earlier deployment, creates the new fleet, and waits until all of it is healthy. */
function planInstall(view: CodeDeployView, event: CodeDeployEventRecord): CodeDeployPlan {
  const { deployment, taskSets, steady } = view;
  const green = taskSets.find((set) => set.id === deployment.greenTaskSetId);
  if (green !== undefined && steady.has(green.id)) return act({ type: "endEvent", event: "Install" });
  const left = realLeft(view, INSTALL_MAX_MS, event.startedAt);
  if (left <= 0)
    return fail(
      view,
      "TIMEOUT",
      "The deployment timed out while waiting for the replacement task set to become healthy. This " +
        "time out period is 60 minutes.",
    );
  if (green !== undefined) return { actions: [], lookAgainInMs: left };
  if (deployment.traffic.shiftedAt === undefined)
    return act(...shift(view, "production", 0), ...shift(view, "test", 0));
  const others = taskSets.filter((set) => set.id !== deployment.blueTaskSetId);
  if (others.length === 0) return act({ type: "createTaskSet" });
  return {
    actions: others.filter((set) => set.status !== "DRAINING").map(drain),
    lookAgainInMs: left,
  };
}

function planTestTraffic(view: CodeDeployView): CodeDeployPlan {
  return whenSteady(view, () =>
    act(...shift(view, "test", ALL), { type: "endEvent", event: "AllowTestTraffic" }),
  );
}

/** Moves production traffic by one step; with the last one the new fleet becomes the service's primary. */
function planTraffic(view: CodeDeployView): CodeDeployPlan {
  const { deployment, now } = view;
  const { percents, intervalMinutes } = deployment.trafficSteps;
  const { production, shiftedAt } = deployment.traffic;
  const next = percents.find((percent) => percent > production);
  if (next === undefined)
    return act(
      { type: "makePrimary", taskSetId: deployment.greenTaskSetId ?? "" },
      { type: "endEvent", event: "AllowTraffic" },
    );
  const left =
    production === 0 || shiftedAt === undefined
      ? 0
      : intervalMinutes * MINUTE_MS - elapsedSince(shiftedAt, now);
  if (left > 0) return { actions: [], lookAgainInMs: left };
  return whenSteady(view, () => act(...shift(view, "production", next)));
}

function planHook(view: CodeDeployView, event: CodeDeployEventRecord): CodeDeployPlan {
  const { hook, startedAt, name, message } = event;
  if (hook === undefined || hook.answer === "Succeeded") return act({ type: "endEvent", event: name });
  if (hook.answer === "Failed")
    return fail(
      view,
      "HOOK_EXECUTION_FAILURE",
      message ?? `The lifecycle event hook ${name} failed: the function ${hook.functionArn} reported Failed.`,
    );
  const left = realLeft(view, HOOK_MAX_MS, startedAt);
  if (left > 0) return { actions: [], lookAgainInMs: left };
  return fail(
    view,
    "HOOK_EXECUTION_FAILURE",
    `The lifecycle event hook ${name} failed: no status was reported within one hour.`,
  );
}

/** Keeps the old fleet for the termination wait, so that a rollback is instant, and then removes it. */
function planTermination(view: CodeDeployView): CodeDeployPlan {
  const { deployment, taskSets, now } = view;
  const { action, waitMinutes } = deployment.settings.termination;
  if (action === "KEEP_ALIVE") return act({ type: "succeed" });
  if (deployment.terminationSince === undefined) return act({ type: "beginTerminationWait" });
  const blue = taskSets.find((set) => set.id === deployment.blueTaskSetId);
  if (blue === undefined) return act({ type: "succeed" });
  if (blue.status === "DRAINING") return WAIT;
  const left =
    deployment.continued.termination === true
      ? 0
      : waitMinutes * MINUTE_MS - elapsedSince(deployment.terminationSince, now);
  if (left > 0) return { actions: [], lookAgainInMs: left };
  return whenSteady(view, () => act(drain(blue)));
}

/** The traffic has returned already: the new fleet is removed, and the service is as before. */
function planReturn(view: CodeDeployView): CodeDeployPlan {
  const { deployment, taskSets } = view;
  if (!view.isActive)
    return act({
      type: "end",
      status: "Failed",
      code: "INVALID_ECS_SERVICE",
      message: `The ECS service ${deployment.serviceArn} is not active.`,
      rollBack: false,
    });
  const green = taskSets.find((set) => set.id === deployment.greenTaskSetId);
  if (green === undefined) return act({ type: "succeed" });
  return green.status === "DRAINING" ? WAIT : act(drain(green));
}

/**
 * Continues where the whole new fleet is healthy; a fleet that is not healthy for five minutes fails the
 * deployment.
 */
function whenSteady(view: CodeDeployView, next: () => CodeDeployPlan): CodeDeployPlan {
  const { deployment, taskSets, steady } = view;
  const green = taskSets.find((set) => set.id === deployment.greenTaskSetId);
  if (green !== undefined && steady.has(green.id)) return next();
  if (green === undefined || green.stability === "STEADY_STATE") return WAIT;
  const left = realLeft(view, UNSTEADY_MAX_MS, green.stabilityAt ?? green.updatedAt);
  if (left > 0) return { actions: [], lookAgainInMs: left };
  return fail(
    view,
    "TIMEOUT",
    "The replacement task set did not reach a steady state within 5 minutes while traffic was moved.",
  );
}

/** Gives the new fleet a part of the test or production traffic. */
function shift(
  { deployment, routes, now }: CodeDeployView,
  traffic: "test" | "production",
  percent: number,
): readonly CodeDeployAction[] {
  const groups = { source: deployment.blueGroupArn ?? "", target: deployment.greenGroupArn ?? "" };
  const shifts = routes[traffic].map((route): CodeDeployAction => ({
    type: "shiftTraffic",
    route,
    targets: splitWeights(groups, percent),
  }));
  const shifted = traffic === "test" ? { test: percent } : { production: percent, shiftedAt: now };
  return [...shifts, { type: "recordTraffic", traffic: shifted }];
}

/** What is left of a limit (ms) on what containers and functions do, as a wait of the platform's clock. */
function realLeft({ real, now }: CodeDeployView, limitMs: number, since = now): number {
  const left = limitMs - real.elapsedSince(since);
  return left <= 0 ? 0 : real.wait(left);
}

function drain(set: TaskSetRecord): CodeDeployAction {
  return { type: "drainTaskSet", taskSetId: set.id };
}

function fail(view: CodeDeployView, code: string, message: string): CodeDeployPlan {
  return act({ type: "end", ...failure(view, code, message) });
}

function act(...actions: readonly CodeDeployAction[]): CodeDeployPlan {
  return { actions, lookAgainInMs: undefined };
}
