import type { MetricStore } from "@gantry/content";
import { formatArn, realTimeOf, type Reconciler } from "@gantry/kernel";
import {
  noteDeployment,
  noteTraffic,
  taskSetsOf,
  type DeploymentEvent,
  type FleetHealth,
  type Reader,
  type ServiceDeploymentRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { measureIntervals } from "./measure-intervals.ts";

const MINUTE_MS = 60_000;
/** Nodes send what they counted after the minute's end, and it takes real time to arrive. */
const LATE_MS = 2_000;
/** A minute that ends later than this after the deployment is not part of it. */
const AFTER_MS = MINUTE_MS;

export interface DeploymentReportDeps extends ControllerDeps {
  readonly metrics: Pick<MetricStore, "read">;
}

/**
 * Completes the reports of deployments: how healthy the fleets and what the alarms are, when that changes, and each minute what the
 * load balancer measured. A report says what was seen: it decides nothing.
 */
export function deploymentReportController(deps: DeploymentReportDeps): Reconciler {
  const { store, clock } = deps;
  const ongoing = () => store.list("serviceDeployment").filter(({ finishedAt }) => finishedAt === undefined);
  const ofTask = (key: string) => {
    const service = store.get("task", key)?.serviceArn;
    return service === undefined ? [] : ongoingOf(service);
  };
  const ongoingOf = (service: string) =>
    store
      .listBy("serviceDeployment", "service", service)
      .filter(({ finishedAt }) => finishedAt === undefined)
      .map(({ arn }) => arn);
  return {
    name: "deployment-report",
    keys: () => store.keys("serviceDeployment"),
    watch: watchKinds(store, {
      serviceDeployment: (key) => [key],
      task: ofTask,
      target(key) {
        const task = store.get("target", key)?.taskArn;
        return task === undefined ? [] : ofTask(task);
      },
      alarm: (key) =>
        ongoing()
          .filter((each) => each.alarms?.names.some((name) => key === alarmKeyOf(each, name)))
          .map(({ arn }) => arn),
    }),
    async reconcile(key) {
      const deployment = store.transact((tx) => {
        const current = tx.get("serviceDeployment", key);
        if (current !== undefined && current.finishedAt === undefined)
          noteDeployment(tx, current, changesOf(tx, current, clock.now()));
        return current;
      });
      // Deployments of an earlier version have no report.
      const report = store.get("deploymentReport", key);
      if (deployment === undefined || report === undefined) return undefined;
      const last = (deployment.finishedAt ?? Number.POSITIVE_INFINITY) + AFTER_MS;
      if (report.measuredUntil + MINUTE_MS > last) return undefined;
      const lateMs = Math.min(realTimeOf(clock).wait(LATE_MS), MINUTE_MS);
      const ended = Math.floor((clock.now() - lateMs) / MINUTE_MS) * MINUTE_MS;
      const until = Math.min(ended, Math.floor(last / MINUTE_MS) * MINUTE_MS);
      const from = Math.floor(report.measuredUntil / MINUTE_MS) * MINUTE_MS;
      if (until > from) {
        const intervals = await measureIntervals(deps, deployment, { from, until });
        store.transact((tx) => {
          const current = tx.get("serviceDeployment", key);
          if (current !== undefined) noteTraffic(tx, current, { intervals, measuredUntil: until });
        });
      }
      return Math.max(1, ended + MINUTE_MS + lateMs - clock.now());
    },
  };
}

function alarmKeyOf(deployment: ServiceDeploymentRecord, name: string): string {
  return formatArn("cloudwatch", deployment, `alarm:${name}`);
}

/** What is otherwise than the report said last. */
function changesOf(tx: Transaction, deployment: ServiceDeploymentRecord, at: number): DeploymentEvent[] {
  const timeline = tx.get("deploymentReport", deployment.arn)?.timeline ?? [];
  const events: DeploymentEvent[] = [];
  const health = healthOf(tx, deployment, at);
  const known = timeline.findLast((event) => event.type === "health");
  if (health !== undefined && JSON.stringify({ ...known, at }) !== JSON.stringify(health))
    events.push(health);
  for (const name of deployment.alarms?.names ?? []) {
    const alarm = tx.get("alarm", alarmKeyOf(deployment, name));
    const said = timeline.findLast((event) => event.type === "alarm" && event.name === name);
    if (alarm === undefined || (said?.type === "alarm" && said.state === alarm.stateValue)) continue;
    events.push({ at, type: "alarm", name, state: alarm.stateValue, reason: alarm.stateReason });
  }
  return events;
}

function healthOf(
  reader: Reader,
  deployment: ServiceDeploymentRecord,
  at: number,
): Extract<DeploymentEvent, { type: "health" }> | undefined {
  const service = reader.get("service", deployment.serviceArn);
  if (service === undefined) return undefined;
  const sets = taskSetsOf(reader, deployment.serviceArn);
  const isTarget = (revision: string) => revision === deployment.targetRevisionArn;
  return {
    at,
    type: "health",
    desired: service.spec.desiredCount,
    source: fleetHealth(
      reader,
      sets.filter((set) => !isTarget(set.revisionArn)).map(({ id }) => id),
      deployment,
    ),
    target: fleetHealth(
      reader,
      sets.filter((set) => isTarget(set.revisionArn)).map(({ id }) => id),
      deployment,
    ),
  };
}

function fleetHealth(
  reader: Reader,
  taskSetIds: readonly string[],
  { serviceArn }: ServiceDeploymentRecord,
): FleetHealth {
  const running = reader
    .listBy("task", "service", serviceArn)
    .filter((task) => task.lastStatus === "RUNNING" && taskSetIds.includes(task.deploymentId ?? ""));
  const healthy = running.filter((task) => {
    const targets = reader.listBy("target", "task", task.arn);
    return task.health !== "UNHEALTHY" && targets.every(({ state }) => state === "healthy");
  });
  return { running: running.length, healthy: healthy.length };
}
