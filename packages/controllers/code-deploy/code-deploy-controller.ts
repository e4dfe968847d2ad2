import { present, type Reconciler } from "@gantry/kernel";
import {
  addTaskSet,
  changeTaskSet,
  endCodeDeployment,
  hasEnded,
  makePrimary,
  saveCodeDeployment,
  shiftTraffic,
  taskSetOfDeployment,
  type CodeDeployEventName,
  type CodeDeployEventRecord,
  type CodeDeploymentRecord,
  type TaskSetRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import type { Permissions } from "../task/execution-role.ts";
import type { CodeDeployAction } from "./code-deploy-action.ts";
import { codeDeployView } from "./code-deploy-view.ts";
import { planCodeDeploy } from "./plan-code-deploy.ts";

export interface CodeDeployControllerDeps extends ControllerDeps {
  /** Whether a deployment group's role may change fleets and listeners. */
  readonly permissions: Permissions;
}

/**
 * Advances the deployments of CodeDeploy. It writes task sets, and the weights by their transaction; the
 * service controller starts and stops the tasks.
 */
export function codeDeployController(deps: CodeDeployControllerDeps): Reconciler {
  const { store, clock, log } = deps;
  const ongoing = () => store.list("codeDeployment").filter((each) => !hasEnded(each));
  const ofService = (serviceArn: string | undefined) =>
    serviceArn === undefined
      ? []
      : store
          .listBy("codeDeployment", "service", serviceArn)
          .filter((each) => !hasEnded(each))
          .map((each) => each.key);
  const ofTask = (key: string) => ofService(store.get("task", key)?.serviceArn);
  return {
    name: "code-deploy",
    keys: () => ongoing().map((each) => each.key),
    watch: watchKinds(store, {
      codeDeployment: (key) => [key],
      service: ofService,
      taskSet: (key) => ofService(key.slice(0, key.lastIndexOf("|"))),
      task: ofTask,
      target: (key) => ofTask(store.get("target", key)?.taskArn ?? ""),
      alarm: (key) =>
        ongoing()
          .filter(({ settings }) => settings.alarms.names.some((name) => key.endsWith(`:${name}`)))
          .map((each) => each.key),
    }),
    async reconcile(key) {
      return store.transact((tx) => {
        const deployment = tx.get("codeDeployment", key);
        if (deployment === undefined || hasEnded(deployment)) return undefined;
        const now = clock.now();
        const view = codeDeployView(tx, deployment, { permissions: deps.permissions, clock });
        const plan = planCodeDeploy(view);
        for (const action of plan.actions) perform(tx, deps, { key, action, now });
        if (plan.actions.length > 0)
          log.debug("Deployment of CodeDeploy moved", {
            deployment: deployment.id,
            actions: plan.actions.map((action) => action.type),
          });
        return plan.lookAgainInMs;
      });
    },
  };
}

/** Carries out one action within the transaction that planned it, so that no plan is stored in part. */
function perform(
  tx: Transaction,
  { ids }: CodeDeployControllerDeps,
  { key, action, now }: { key: string; action: CodeDeployAction; now: number },
): void {
  const deployment = present(tx.get("codeDeployment", key), "A planned deployment is there.");
  const change = (fields: Partial<CodeDeploymentRecord>): void =>
    saveCodeDeployment(tx, { ...deployment, ...fields, updatedAt: now });
  switch (action.type) {
    case "begin": {
      const { blueTaskSetId, blueGroupArn, greenGroupArn } = action;
      const { taskDefinitionArn: blueTaskDefinitionArn } = taskSetOf(tx, deployment, blueTaskSetId);
      const blue = { blueTaskSetId, blueTaskDefinitionArn, blueGroupArn };
      return change({ status: "InProgress", startedAt: now, ...blue, greenGroupArn });
    }
    case "beginEvent":
      return change({
        status: "InProgress",
        events: withEvent(deployment, action.event, { status: "InProgress", startedAt: now }),
      });
    case "endEvent":
      return change({
        events: withEvent(deployment, action.event, { status: "Succeeded", endedAt: now }),
      });
    case "shiftTraffic":
      return shiftTraffic(tx, action.route, action.targets);
    case "recordTraffic":
      return change({ traffic: { ...deployment.traffic, ...action.traffic } });
    case "createTaskSet":
      return change({ greenTaskSetId: createTaskSet(tx, deployment, { ids, now }).id });
    case "makePrimary":
      makePrimary(tx, taskSetOf(tx, deployment, action.taskSetId), now);
      return undefined;
    case "drainTaskSet":
      changeTaskSet(tx, taskSetOf(tx, deployment, action.taskSetId), { status: "DRAINING" }, now);
      return undefined;
    case "beginReadyWait":
      return change({ status: "Ready", readySince: now });
    case "beginTerminationWait":
      return change({ terminationSince: now });
    case "succeed":
      return change({ status: "Succeeded", completedAt: now });
    case "end":
      endCodeDeployment(tx, deployment, action, { ids, now });
      return undefined;
  }
}

/** The new fleet: the settings of the AppSpec, else those of the old fleet, on the other target group. */
function createTaskSet(
  tx: Transaction,
  deployment: CodeDeploymentRecord,
  { ids, now }: { ids: CodeDeployControllerDeps["ids"]; now: number },
): TaskSetRecord {
  const { appSpec, greenGroupArn = "" } = deployment;
  const service = present(tx.get("service", deployment.serviceArn), "The service of a plan is there.");
  const blue = taskSetOf(tx, deployment, deployment.blueTaskSetId);
  const { containerName, containerPort } = appSpec;
  return addTaskSet(
    tx,
    service,
    {
      taskDefinitionArn: appSpec.taskDefinition,
      network: appSpec.network ?? blue.network,
      loadBalancers: [{ targetGroupArn: greenGroupArn, containerName, containerPort }],
      serviceRegistries: blue.serviceRegistries,
      launchType: blue.launchType,
      capacityProviderStrategy: appSpec.capacityProviderStrategy ?? blue.capacityProviderStrategy,
      platformVersion: appSpec.platformVersion ?? blue.platformVersion,
    },
    {
      scale: { value: 100, unit: "PERCENT" },
      external: { startedBy: "CODE_DEPLOY", externalId: deployment.id, clientToken: undefined, tags: {} },
      ids,
      now,
    },
  );
}

function taskSetOf(tx: Transaction, deployment: CodeDeploymentRecord, id: string | undefined): TaskSetRecord {
  return present(taskSetOfDeployment(tx, deployment, id), "A planned task set is there.");
}

function withEvent(
  { events }: CodeDeploymentRecord,
  name: CodeDeployEventName,
  change: Partial<CodeDeployEventRecord>,
): readonly CodeDeployEventRecord[] {
  return events.map((event) => (event.name === name ? { ...event, ...change } : event));
}
