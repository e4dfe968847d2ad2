import type { MetricStore } from "@gantry/content";
import { formatArn, realTimeOf, type Reconciler } from "@gantry/kernel";
import {
  noteDeployment,
  noteTraffic,
  type DeploymentEvent,
  type FleetHealth,
  type Placed,
  type Reader,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { measureIntervals } from "./measure-intervals.ts";
import {
  ongoingDeployments,
  reportedDeployment,
  type ReportedDeployment,
  type ReportedFleet,
} from "./reported-deployment.ts";

const MINUTE_MS = 60_000;
/** Nodes send what they counted after the minute's end, and it takes real time to arrive. */
const LATE_MS = 2_000;
/** A minute that ends later than this after the deployment is not part of it. */
const AFTER_MS = MINUTE_MS;

export interface DeploymentReportDeps extends ControllerDeps {
  readonly metrics: Pick<MetricStore, "read">;
}

/**
 * Completes the reports of deployments of ECS and CodeDeploy: the health of the fleets and the states of the alarms
 * when they change, and each minute what the load balancer measured. Nothing is decided from a report.
 */
export function deploymentReportController(deps: DeploymentReportDeps): Reconciler {
  const { store, clock } = deps;
  const ofTask = (key: string) => {
    const service = store.get("task", key)?.serviceArn;
    return service === undefined ? [] : ongoingDeployments(store, service);
  };
  return {
    name: "deployment-report",
    keys: () => [...store.keys("serviceDeployment"), ...store.keys("codeDeployment")],
    watch: watchKinds(store, {
      serviceDeployment: (key) => [key],
      codeDeployment: (key) => [key],
      task: ofTask,
      target(key) {
        const task = store.get("target", key)?.taskArn;
        return task === undefined ? [] : ofTask(task);
      },
      alarm: (key) =>
        ongoingDeployments(store).filter((each) => {
          const deployment = reportedDeployment(store, each);
          return deployment?.alarmNames.some((name) => key === alarmKeyOf(deployment, name));
        }),
    }),
    async reconcile(key) {
      const deployment = store.transact((tx) => {
        const current = reportedDeployment(tx, key);
        const now = clock.now();
        if (current !== undefined && now < current.observedUntil)
          noteDeployment(tx, current, changesOf(tx, current, now));
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
          const current = reportedDeployment(tx, key);
          if (current !== undefined) noteTraffic(tx, current, { intervals, measuredUntil: until });
        });
      }
      return Math.max(1, ended + MINUTE_MS + lateMs - clock.now());
    },
  };
}

function alarmKeyOf(deployment: Placed, name: string): string {
  return formatArn("cloudwatch", deployment, `alarm:${name}`);
}

/** What differs from the last entries of the report. */
function changesOf(tx: Transaction, deployment: ReportedDeployment, at: number): DeploymentEvent[] {
  const timeline = tx.get("deploymentReport", deployment.key)?.timeline ?? [];
  const events: DeploymentEvent[] = [];
  const health = healthOf(tx, deployment, at);
  const known = timeline.findLast((event) => event.type === "health");
  if (health !== undefined && JSON.stringify({ ...known, at }) !== JSON.stringify(health))
    events.push(health);
  for (const name of deployment.alarmNames) {
    const alarm = tx.get("alarm", alarmKeyOf(deployment, name));
    const said = timeline.findLast((event) => event.type === "alarm" && event.name === name);
    if (alarm === undefined || (said?.type === "alarm" && said.state === alarm.stateValue)) continue;
    events.push({ at, type: "alarm", name, state: alarm.stateValue, reason: alarm.stateReason });
  }
  return events;
}

function healthOf(
  reader: Reader,
  { serviceArn, source, target }: ReportedDeployment,
  at: number,
): Extract<DeploymentEvent, { type: "health" }> | undefined {
  const service = reader.get("service", serviceArn);
  if (service === undefined) return undefined;
  return {
    at,
    type: "health",
    desired: service.spec.desiredCount,
    source: fleetHealth(reader, serviceArn, source),
    target: fleetHealth(reader, serviceArn, target),
  };
}

function fleetHealth(reader: Reader, serviceArn: string, { taskSetIds }: ReportedFleet): FleetHealth {
  const running = reader
    .listBy("task", "service", serviceArn)
    .filter((task) => task.lastStatus === "RUNNING" && taskSetIds.includes(task.deploymentId ?? ""));
  const healthy = running.filter((task) => {
    const targets = reader.listBy("target", "task", task.arn);
    return task.health !== "UNHEALTHY" && targets.every(({ state }) => state === "healthy");
  });
  return { running: running.length, healthy: healthy.length };
}
