import { formatArn, type Ids } from "@gantry/kernel";
import {
  CODE_DEPLOY_EVENTS,
  type CodeDeployAppSpec,
  type CodeDeployEventRecord,
  type CodeDeployGroupRecord,
  type CodeDeploymentRecord,
  type CodeDeployRevision,
  type CodeDeployRouting,
  type CodeDeploySettings,
  type CodeDeployStatus,
  type Placed,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { removeCodeDeployment, saveCodeDeployment } from "./deployment-reports.ts";
import { groupPairOf, trafficStepsOf } from "./staged-deployments.ts";
import { actionsOf, shiftTraffic, splitWeights, type TrafficRoute } from "./traffic.ts";
import { taskSetKeyOf } from "./task-set-keys.ts";
import { changeTaskSet, makePrimary } from "./task-sets.ts";

const ENDED: ReadonlySet<CodeDeployStatus> = new Set(["Succeeded", "Failed", "Stopped"]);
/** Ended deployments of a group that are kept; AWS keeps them without a documented limit. */
const KEPT_MAX = 500;

export function deploymentKeyOf(place: Placed, id: string): string {
  return formatArn("codedeploy", place, `deployment:${id}`);
}

export function hasEnded(deployment: Pick<CodeDeploymentRecord, "status">): boolean {
  return ENDED.has(deployment.status);
}

/** The deployment of a group that is in progress. */
export function ongoingCodeDeploymentOf(
  reader: Pick<Reader, "listBy">,
  groupArn: string,
): CodeDeploymentRecord | undefined {
  return reader.listBy("codeDeployment", "group", groupArn).find((each) => !hasEnded(each));
}

/** The latest deployment of a group that succeeded. */
export function lastSuccessOf(
  reader: Pick<Reader, "listBy">,
  groupArn: string,
): CodeDeploymentRecord | undefined {
  return reader
    .listBy("codeDeployment", "group", groupArn)
    .filter((each) => each.status === "Succeeded" && !each.isReturn)
    .toSorted((a, b) => b.createdAt - a.createdAt)[0];
}

/** Begins a deployment of a revision; the code-deploy controller advances it. */
export function beginCodeDeployment(
  tx: Transaction,
  group: CodeDeployGroupRecord,
  asked: {
    revision: CodeDeployRevision;
    appSpec: CodeDeployAppSpec;
    description: string | undefined;
    configName: string;
    routing: CodeDeployRouting;
    settings: CodeDeploySettings;
  },
  { ids, now }: { ids: Ids; now: number },
): CodeDeploymentRecord {
  const { routing, ...kept } = asked;
  const record: CodeDeploymentRecord = {
    ...newDeployment(group, { ids, now }),
    ...kept,
    previousRevision: lastSuccessOf(tx, group.arn)?.revision,
    trafficSteps: stepsOf(routing),
    events: eventsOf(kept.appSpec, kept.settings, ids),
  };
  saveCodeDeployment(tx, record);
  forgetOldDeployments(tx, group.arn);
  return record;
}

function newDeployment(
  group: Pick<CodeDeployGroupRecord, "account" | "region" | "arn" | "name" | "applicationName" | "settings">,
  { ids, now }: { ids: Ids; now: number },
) {
  const id = `d-${ids.upper(9)}`;
  return {
    account: group.account,
    region: group.region,
    key: deploymentKeyOf(group, id),
    id,
    applicationName: group.applicationName,
    groupName: group.name,
    groupArn: group.arn,
    serviceArn: group.settings.serviceArn,
    creator: "user" as const,
    status: "Created" as const,
    blueTaskSetId: undefined,
    greenTaskSetId: undefined,
    blueGroupArn: undefined,
    greenGroupArn: undefined,
    traffic: { test: 0, production: 0, shiftedAt: undefined },
    readySince: undefined,
    terminationSince: undefined,
    continued: {},
    stopRequested: undefined,
    isReturn: false,
    error: undefined,
    rollback: undefined,
    createdAt: now,
    startedAt: undefined,
    completedAt: undefined,
    updatedAt: now,
  };
}

function stepsOf(routing: CodeDeployRouting): CodeDeploymentRecord["trafficSteps"] {
  const none = { bakeTimeMinutes: 0, canary: undefined, linear: undefined };
  const { percents, bakeMinutes } =
    routing.type === "AllAtOnce"
      ? trafficStepsOf({ strategy: "BLUE_GREEN", ...none })
      : routing.type === "TimeBasedCanary"
        ? trafficStepsOf({
            strategy: "CANARY",
            ...none,
            canary: { percent: routing.percent, bakeMinutes: routing.minutes },
          })
        : trafficStepsOf({
            strategy: "LINEAR",
            ...none,
            linear: { percent: routing.percent, bakeMinutes: routing.minutes },
          });
  return { percents, intervalMinutes: bakeMinutes };
}

function eventsOf(
  { hooks }: CodeDeployAppSpec,
  { testListenerArn }: CodeDeploySettings,
  ids: Ids,
): readonly CodeDeployEventRecord[] {
  return CODE_DEPLOY_EVENTS.map((name): CodeDeployEventRecord => {
    const isTest = name === "AllowTestTraffic" || name === "AfterAllowTestTraffic";
    if (isTest && testListenerArn === undefined) return { name, status: "Skipped" };
    const functionArn = hooks[name];
    return {
      name,
      status: "Pending",
      ...(functionArn === undefined ? {} : { hook: { functionArn, executionId: ids.uuid() } }),
    };
  });
}

/** The default actions and rules of a listener of the account that forward to one of the two target groups. */
export function routesOfListener(
  reader: Reader,
  place: Placed,
  listenerArn: string | undefined,
  pair: readonly string[],
): readonly TrafficRoute[] {
  const listener = listenerArn === undefined ? undefined : reader.get("listener", listenerArn);
  if (listenerArn === undefined || listener?.account !== place.account || listener.region !== place.region)
    return [];
  const routes: readonly TrafficRoute[] = [
    { kind: "listener", arn: listenerArn },
    ...reader
      .listBy("rule", "listener", listenerArn)
      .map((rule): TrafficRoute => ({ kind: "rule", arn: rule.arn })),
  ];
  return routes.filter((route) =>
    actionsOf(reader, route).some(
      (action) =>
        action.type === "forward" && action.targets.some((target) => pair.includes(target.targetGroupArn)),
    ),
  );
}

/** How an unsuccessful deployment ends. */
export interface CodeDeployEnd {
  readonly status: "Failed" | "Stopped";
  readonly code: string;
  readonly message: string;
  /** Whether the traffic and the fleets return to their previous state. */
  readonly rollBack: boolean;
}

/**
 * Ends an unsuccessful deployment. With a rollback, the same transaction returns all traffic to the old
 * fleet, makes it PRIMARY, releases the new one, and adds a deployment that lasts until the new fleet is
 * removed. Source: CodeDeploy User Guide, "Redeploy and roll back a deployment with CodeDeploy".
 */
export function endCodeDeployment(
  tx: Transaction,
  deployment: CodeDeploymentRecord,
  end: CodeDeployEnd,
  { ids, now }: { ids: Ids; now: number },
): CodeDeploymentRecord {
  const { status, code, message } = end;
  const blue = taskSetOfDeployment(tx, deployment, deployment.blueTaskSetId);
  const green = taskSetOfDeployment(tx, deployment, deployment.greenTaskSetId);
  const rollsBack = end.rollBack && blue !== undefined && blue.status !== "DRAINING" && green !== undefined;
  const back = rollsBack ? newDeployment(groupOf(deployment), { ids, now }) : undefined;
  const ended: CodeDeploymentRecord = {
    ...deployment,
    status,
    error: { code, message },
    events: deployment.events.map((event) =>
      event.status === "InProgress" ? { ...event, status: "Failed", endedAt: now, message } : event,
    ),
    rollback:
      back === undefined
        ? deployment.rollback
        : { deploymentId: back.id, triggeringDeploymentId: undefined, message },
    traffic: rollsBack ? { test: 0, production: 0, shiftedAt: now } : deployment.traffic,
    completedAt: now,
    updatedAt: now,
  };
  saveCodeDeployment(tx, ended);
  if (back === undefined || blue === undefined || green === undefined) return ended;
  giveAllTraffic(tx, deployment);
  if (blue.status !== "PRIMARY") makePrimary(tx, blue, now);
  const current = taskSetOfDeployment(tx, deployment, green.id);
  if (current !== undefined) changeTaskSet(tx, current, { status: "DRAINING" }, now);
  saveCodeDeployment(tx, {
    ...deployment,
    ...back,
    creator: "codeDeployRollback",
    status: "InProgress",
    isReturn: true,
    // The service returns to the previous revision, if CodeDeploy deployed it.
    revision: deployment.previousRevision ?? deployment.revision,
    description: `Rollback of the deployment ${deployment.id}`,
    events: [],
    blueTaskSetId: deployment.blueTaskSetId,
    greenTaskSetId: deployment.greenTaskSetId,
    blueGroupArn: deployment.blueGroupArn,
    greenGroupArn: deployment.greenGroupArn,
    rollback: { deploymentId: undefined, triggeringDeploymentId: deployment.id, message },
    startedAt: now,
  });
  return ended;
}

/**
 * Gives the old fleet all production and test traffic of the deployment's listeners. Deleted listeners are
 * skipped.
 */
export function giveAllTraffic(tx: Transaction, deployment: CodeDeploymentRecord): void {
  const { blueGroupArn: target, greenGroupArn: source, settings } = deployment;
  if (target === undefined || source === undefined) return;
  for (const listener of [settings.productionListenerArn, settings.testListenerArn])
    for (const route of routesOfListener(tx, deployment, listener, [source, target]))
      shiftTraffic(tx, route, splitWeights({ source, target }, 100));
}

/** A task set of the deployment's service, if it still exists. */
export function taskSetOfDeployment(
  reader: Pick<Reader, "get">,
  { serviceArn }: Pick<CodeDeploymentRecord, "serviceArn">,
  id: string | undefined,
) {
  return id === undefined ? undefined : reader.get("taskSet", taskSetKeyOf(serviceArn, id));
}

/** The target groups of a group's service: the one that a fleet uses, and the one for the other fleet. */
export function otherGroupOf(
  balancer: Parameters<typeof groupPairOf>[0],
  pair: readonly string[],
): string | undefined {
  const { own } = groupPairOf(balancer);
  return pair.includes(own) ? pair.find((arn) => arn !== own) : undefined;
}

/** Records a function's result for an event; false if the event does not wait for it. */
export function answerCodeDeployHook(
  tx: Transaction,
  deployment: CodeDeploymentRecord,
  options: { executionId: string; answer: "Succeeded" | "Failed"; message?: string; now: number },
): boolean {
  const { executionId, answer, message, now } = options;
  const waits = (event: CodeDeployEventRecord) =>
    event.hook?.executionId === executionId && event.status === "InProgress";
  const isDecided = deployment.events.some((event) => waits(event) && event.hook?.answer !== undefined);
  if (hasEnded(deployment) || isDecided || !deployment.events.some(waits)) return false;
  saveCodeDeployment(tx, {
    ...deployment,
    events: deployment.events.map((event) =>
      event.hook !== undefined && waits(event)
        ? { ...event, hook: { ...event.hook, answer }, ...(message === undefined ? {} : { message }) }
        : event,
    ),
    updatedAt: now,
  });
  return true;
}

/** Records that a function was called. */
export function recordCodeDeployHookCall(
  tx: Transaction,
  key: string,
  { executionId, now }: { executionId: string; now: number },
): void {
  const deployment = tx.get("codeDeployment", key);
  if (deployment === undefined || hasEnded(deployment)) return;
  saveCodeDeployment(tx, {
    ...deployment,
    events: deployment.events.map((event) =>
      event.hook?.executionId === executionId ? { ...event, hook: { ...event.hook, calledAt: now } } : event,
    ),
    updatedAt: now,
  });
}

/** Requests that a deployment stop; the code-deploy controller stops it at its next reconciliation. */
export function requestCodeDeployStop(
  tx: Transaction,
  deployment: CodeDeploymentRecord,
  { rollback, now }: { rollback: boolean; now: number },
): void {
  saveCodeDeployment(tx, {
    ...deployment,
    stopRequested: { rollback },
    updatedAt: now,
  });
}

/** Ends a wait early. */
export function continueCodeDeployment(
  tx: Transaction,
  deployment: CodeDeploymentRecord,
  { wait, now }: { wait: "ready" | "termination"; now: number },
): void {
  saveCodeDeployment(tx, {
    ...deployment,
    continued: { ...deployment.continued, [wait]: true },
    updatedAt: now,
  });
}

function groupOf(deployment: CodeDeploymentRecord) {
  const { account, region, groupArn, groupName, applicationName, settings } = deployment;
  return { account, region, arn: groupArn, name: groupName, applicationName, settings };
}

function forgetOldDeployments(tx: Transaction, groupArn: string): void {
  const old = tx
    .listBy("codeDeployment", "group", groupArn)
    .filter(hasEnded)
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .slice(KEPT_MAX);
  for (const each of old) removeCodeDeployment(tx, each.key);
}
