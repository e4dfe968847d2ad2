import { formatArn, present, type Ids } from "@gantry/kernel";
import type {
  DeploymentAlarmsRecord,
  RolloutState,
  ServiceDeploymentRecord,
  ServiceRecord,
  ServiceRevisionRecord,
  ServiceVersion,
  TaskSetRecord,
} from "../records.ts";
import type { Reader, Transaction } from "../store.ts";
import { alarmBakeMs, alarmsInAlarm } from "./deployment-alarms.ts";
import { saveServiceDeployment } from "./deployment-reports.ts";
import { newStages, resolvedLoadBalancers, servingTaskSetOf } from "./staged-deployments.ts";
import { taskSetKeyOf } from "./task-set-keys.ts";

/** AWS keeps service deployments for 90 days. Source: Amazon ECS Developer Guide, "View service history". */
const KEPT_MS = 90 * 24 * 60 * 60_000;
const KEPT_MAX = 100;
const BREAKER_MIN = 3;
const BREAKER_MAX = 200;
const ENDED: ReadonlySet<ServiceDeploymentRecord["status"]> = new Set([
  "SUCCESSFUL",
  "STOPPED",
  "ROLLBACK_SUCCESSFUL",
  "ROLLBACK_FAILED",
]);

/**
 * The number of failures that ends a deployment: half the desired count, 3 to 200. Source: "Deployment
 * circuit breaker".
 */
export function breakerThreshold(desiredCount: number): number {
  return Math.min(BREAKER_MAX, Math.max(BREAKER_MIN, Math.ceil(desiredCount / 2)));
}

/**
 * The task sets of a service, the primary first, then the newest first, as DescribeServices lists
 * deployments.
 */
export function taskSetsOf(reader: Reader, serviceArn: string): readonly TaskSetRecord[] {
  return reader
    .listBy("taskSet", "service", serviceArn)
    .toSorted(
      (a, b) => Number(b.status === "PRIMARY") - Number(a.status === "PRIMARY") || b.createdAt - a.createdAt,
    );
}

/** The fleet that serves production, or will; undefined once the service is removed. */
export function primaryOf(reader: Reader, serviceArn: string): TaskSetRecord | undefined {
  return reader.listBy("taskSet", "service", serviceArn).find((set) => set.status === "PRIMARY");
}

/** The deployment in progress; undefined if there is none. */
export function ongoingDeploymentOf(reader: Reader, serviceArn: string): ServiceDeploymentRecord | undefined {
  return reader
    .listBy("serviceDeployment", "service", serviceArn)
    .find((deployment) => !ENDED.has(deployment.status));
}

/**
 * Begins a deployment of a version: creates a revision, a task set that becomes PRIMARY, and the deployment
 * record. A deployment in progress is superseded and ends as STOPPED; its tasks are replaced like others.
 */
export function beginServiceDeployment(
  tx: Transaction,
  service: ServiceRecord,
  version: ServiceVersion,
  { ids, now }: { ids: Ids; now: number },
): { taskSet: TaskSetRecord; deployment: ServiceDeploymentRecord } {
  const superseded = ongoingDeploymentOf(tx, service.arn);
  if (superseded !== undefined)
    saveServiceDeployment(tx, {
      ...superseded,
      status: "STOPPED",
      statusReason: "A newer service deployment superseded this one.",
      stoppedAt: now,
      finishedAt: now,
      updatedAt: now,
    });
  const sources = tx.listBy("taskSet", "service", service.arn);
  const source = servingTaskSetOf(tx, service.arn);
  const resolved = { ...version, loadBalancers: resolvedLoadBalancers(tx, service, version, source) };
  const revision = newRevision(service, resolved, { ids, now });
  const taskSet = newTaskSet(tx, service, revision, { ids, now });
  const deployment: ServiceDeploymentRecord = {
    account: service.account,
    region: service.region,
    arn: arnBeside(service, "service-deployment", ids),
    serviceArn: service.arn,
    clusterArn: service.clusterArn,
    sourceRevisionArns: [...new Set(sources.map((set) => set.revisionArn))],
    targetRevisionArn: revision.arn,
    taskSetId: taskSet.id,
    status: "IN_PROGRESS",
    statusReason: undefined,
    ...newStages(service.spec.rollout, { sources, source, now }),
    circuitBreaker: {
      ...service.spec.circuitBreaker,
      failureCount: 0,
      threshold: breakerThreshold(service.spec.desiredCount),
    },
    alarms: newAlarms(tx, service),
    hooks: service.spec.lifecycleHooks ?? [],
    bakeTimeMinutes: service.spec.rollout?.bakeTimeMinutes ?? 0,
    rollback: undefined,
    createdAt: now,
    startedAt: now,
    finishedAt: undefined,
    stoppedAt: undefined,
    updatedAt: now,
  };
  tx.put("serviceRevision", revision.arn, revision);
  saveServiceDeployment(tx, deployment);
  forgetOldDeployments(tx, service.arn, now);
  return { taskSet, deployment };
}

/** Alarms are watched by a deployment unless one of them is in ALARM when it begins. */
function newAlarms(tx: Transaction, service: ServiceRecord): DeploymentAlarmsRecord | undefined {
  const alarms = service.spec.deploymentAlarms;
  if (alarms === undefined || alarms.isDisabled === true) return undefined;
  const { names, rollback } = alarms;
  const isIgnored = alarmsInAlarm(tx, service, names).length > 0;
  if (isIgnored) return { names, rollback, isIgnored };
  return { names, rollback, bakeMs: alarmBakeMs(tx, service, names) };
}

/**
 * Rolls a deployment back: a new task set of a source revision becomes PRIMARY; the failed one is replaced
 * like others.
 */
export function beginRollback(
  tx: Transaction,
  service: ServiceRecord,
  deployment: ServiceDeploymentRecord,
  options: { ids: Ids; now: number; revisionArn: string; reason: string; rolloutReason: string },
): TaskSetRecord {
  const { now, revisionArn, reason } = options;
  const revision = present(tx.get("serviceRevision", revisionArn), "A source revision is kept.");
  const created = newTaskSet(tx, service, revision, options);
  const taskSet: TaskSetRecord = {
    ...created,
    rollout: { state: "IN_PROGRESS", reason: options.rolloutReason },
  };
  tx.put("taskSet", taskSetKeyOf(service.arn, taskSet.id), taskSet);
  saveServiceDeployment(tx, {
    ...deployment,
    status: "ROLLBACK_IN_PROGRESS",
    statusReason: reason,
    taskSetId: taskSet.id,
    rollback: { reason, startedAt: now, revisionArn },
    updatedAt: now,
  });
  return taskSet;
}

/** Removes the task sets of a service. Its events and the service itself are kept. */
export function removeTaskSets(tx: Transaction, serviceArn: string): void {
  for (const key of tx.keysBy("taskSet", "service", serviceArn)) tx.delete("taskSet", key);
}

/** A snapshot of a version of a service; the caller stores it. */
export function newRevision(
  service: ServiceRecord,
  version: ServiceVersion,
  { ids, now }: { ids: Ids; now: number },
): ServiceRevisionRecord {
  const { taskDefinitionArn, network, loadBalancers, launchType, platformVersion } = version;
  const { capacityProviderStrategy, serviceRegistries } = version;
  return {
    account: service.account,
    region: service.region,
    arn: arnBeside(service, "service-revision", ids),
    serviceArn: service.arn,
    clusterArn: service.clusterArn,
    taskDefinitionArn,
    network,
    loadBalancers,
    ...(serviceRegistries === undefined ? {} : { serviceRegistries }),
    launchType,
    ...(capacityProviderStrategy === undefined ? {} : { capacityProviderStrategy }),
    platformVersion,
    createdAt: now,
  };
}

/** Stores a task set as the service's PRIMARY; the others become ACTIVE. */
function newTaskSet(
  tx: Transaction,
  service: ServiceRecord,
  revision: ServiceRevisionRecord,
  { ids, now }: { ids: Ids; now: number },
): TaskSetRecord {
  for (const key of tx.keysBy("taskSet", "service", service.arn)) {
    const set = present(tx.get("taskSet", key), "A listed task set is there.");
    if (set.status === "PRIMARY") tx.put("taskSet", key, { ...set, status: "ACTIVE", updatedAt: now });
  }
  const id = `ecs-svc/${ids.digits(19)}`;
  const state: RolloutState = "IN_PROGRESS";
  const { arn: revisionArn, createdAt: _, containerImages: __, ...version } = revision;
  const taskSet: TaskSetRecord = {
    ...version,
    id,
    revisionArn,
    status: "PRIMARY",
    scale: { value: 100, unit: "PERCENT" },
    stability: "STABILIZING",
    rollout: { state, reason: `ECS deployment ${id} in progress.` },
    failedTasks: 0,
    healthyAt: undefined,
    createdAt: now,
    updatedAt: now,
  };
  tx.put("taskSet", taskSetKeyOf(service.arn, id), taskSet);
  return taskSet;
}

/** `arn:aws:ecs:REGION:ACCOUNT:KIND/CLUSTER/SERVICE/ID`. Source: API_ServiceDeployment, API_ServiceRevision. */
function arnBeside(
  service: ServiceRecord,
  kind: "service-deployment" | "service-revision",
  ids: Ids,
): string {
  const cluster = service.clusterArn.slice(service.clusterArn.lastIndexOf("/") + 1);
  const id = kind === "service-revision" ? ids.digits(19) : ids.hex(22);
  return formatArn("ecs", service, `${kind}/${cluster}/${service.name}/${id}`);
}

/**
 * Removes ended deployments after 90 days, or if there are too many, and revisions with the last deployment
 * that names them.
 */
function forgetOldDeployments(tx: Transaction, serviceArn: string, now: number): void {
  const deployments = tx
    .listBy("serviceDeployment", "service", serviceArn)
    .toSorted((a, b) => b.createdAt - a.createdAt);
  const old = deployments.filter(
    (each, index) =>
      ENDED.has(each.status) && (index >= KEPT_MAX || now - (each.finishedAt ?? now) > KEPT_MS),
  );
  if (old.length === 0) return;
  for (const each of old) {
    tx.delete("serviceDeployment", each.arn);
    tx.delete("deploymentReport", each.arn);
  }
  const kept = tx.listBy("serviceDeployment", "service", serviceArn);
  const named = new Set([
    ...kept.flatMap((each) => [...each.sourceRevisionArns, each.targetRevisionArn]),
    ...tx.listBy("taskSet", "service", serviceArn).map((set) => set.revisionArn),
  ]);
  for (const revision of tx.listBy("serviceRevision", "service", serviceArn))
    if (!named.has(revision.arn)) tx.delete("serviceRevision", revision.arn);
}
