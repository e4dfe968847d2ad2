import type * as ecs from "@aws-sdk/client-ecs";
import {
  servingGroupOf,
  type Reader,
  type ServiceDeploymentRecord,
  type ServiceRevisionRecord,
} from "@gantry/state";
import { presentDeploymentConfiguration, presentRollout } from "./deployment-configuration.ts";
import { countsOf, presentCapacity, presentNetwork } from "./present-fleet.ts";
import { presentLoadBalancers, presentServiceRegistries } from "./service-load-balancers.ts";

const ALL = 100;

export function presentDeploymentBrief(deployment: ServiceDeploymentRecord): ecs.ServiceDeploymentBrief {
  return {
    serviceDeploymentArn: deployment.arn,
    serviceArn: deployment.serviceArn,
    clusterArn: deployment.clusterArn,
    startedAt: toDate(deployment.startedAt),
    createdAt: new Date(deployment.createdAt),
    finishedAt: toDate(deployment.finishedAt),
    targetServiceRevisionArn: deployment.targetRevisionArn,
    status: deployment.status,
    statusReason: deployment.statusReason,
  };
}

/** A deployment as DescribeServiceDeployments shows it; counts are read from the tasks of its revisions. */
export function presentServiceDeployment(
  deployment: ServiceDeploymentRecord,
  reader: Reader,
): ecs.ServiceDeployment {
  const spec = reader.get("service", deployment.serviceArn)?.spec;
  const { targetServiceRevisionArn: _, ...brief } = presentDeploymentBrief(deployment);
  return {
    ...brief,
    updatedAt: new Date(deployment.updatedAt),
    stoppedAt: toDate(deployment.stoppedAt),
    sourceServiceRevisions: deployment.sourceRevisionArns.map((arn) =>
      presentRevisionSummary(arn, deployment, reader),
    ),
    targetServiceRevision: presentRevisionSummary(deployment.targetRevisionArn, deployment, reader),
    // A deployment of the strategy ROLLING reports no stage, while it bakes neither.
    lifecycleStage: deployment.lifecycleStage,
    deploymentConfiguration: {
      ...(spec === undefined ? {} : presentDeploymentConfiguration(spec)),
      ...presentRollout(deployment.rollout),
      bakeTimeInMinutes: deployment.bakeTimeMinutes,
    },
    rollback:
      deployment.rollback === undefined
        ? undefined
        : {
            reason: deployment.rollback.reason,
            startedAt: new Date(deployment.rollback.startedAt),
            serviceRevisionArn: deployment.rollback.revisionArn,
          },
    deploymentCircuitBreaker: presentCircuitBreaker(deployment),
    ...presentAlarms(deployment),
    ...presentHooks(deployment),
  };
}

function presentRevisionSummary(
  arn: string,
  deployment: ServiceDeploymentRecord,
  reader: Reader,
): ecs.ServiceRevisionSummary {
  const { serviceArn, traffic, targetRevisionArn, sourceTaskSetId } = deployment;
  const sets = reader.listBy("taskSet", "service", serviceArn).filter((set) => set.revisionArn === arn);
  const ids = new Set(sets.map((set) => set.id));
  const tasks = reader
    .listBy("task", "service", serviceArn)
    .filter((task) => task.deploymentId !== undefined && ids.has(task.deploymentId));
  const isTarget = arn === targetRevisionArn;
  const isServing = isTarget || sets.some((set) => set.id === sourceTaskSetId);
  const weight = (target: number) => (isTarget ? target : isServing ? ALL - target : 0);
  return {
    arn,
    requestedTaskCount: isWanted(deployment, isTarget)
      ? (reader.get("service", serviceArn)?.spec.desiredCount ?? 0)
      : 0,
    ...countsOf(tasks),
    ...(traffic === undefined
      ? {}
      : {
          requestedTestTrafficWeight: weight(traffic.test),
          requestedProductionTrafficWeight: weight(traffic.production),
        }),
  };
}

/**
 * Whether a revision's fleet is to run: the target from SCALE_UP on, a source until CLEAN_UP or until the
 * target is complete.
 */
function isWanted({ status, lifecycleStage, rollback }: ServiceDeploymentRecord, isTarget: boolean): boolean {
  if (rollback !== undefined) return !isTarget;
  if (status === "SUCCESSFUL") return isTarget;
  return isTarget
    ? lifecycleStage !== "RECONCILE_SERVICE" && lifecycleStage !== "PRE_SCALE_UP"
    : lifecycleStage !== undefined && lifecycleStage !== "CLEAN_UP";
}

function presentCircuitBreaker({
  circuitBreaker,
  finishedAt,
}: ServiceDeploymentRecord): ecs.ServiceDeploymentCircuitBreaker {
  const { enable, failureCount, threshold } = circuitBreaker;
  const triggered = failureCount >= threshold;
  return {
    status: !enable
      ? "DISABLED"
      : triggered
        ? "TRIGGERED"
        : finishedAt === undefined
          ? "MONITORING"
          : "MONITORING_COMPLETE",
    failureCount,
    threshold,
  };
}

/** An alarm that was in ALARM when the deployment began is not watched. Source: API_ServiceDeploymentAlarms. */
function presentAlarms({ alarms, finishedAt }: ServiceDeploymentRecord): Partial<ecs.ServiceDeployment> {
  if (alarms === undefined) return {};
  const { names, isIgnored, triggered = [] } = alarms;
  const watched = finishedAt === undefined ? "MONITORING" : "MONITORING_COMPLETE";
  const status = isIgnored === true ? "DISABLED" : triggered.length > 0 ? "TRIGGERED" : watched;
  return { alarms: { status, alarmNames: [...names], triggeredAlarmNames: [...triggered] } };
}

function presentHooks({ hookRuns, hooks }: ServiceDeploymentRecord): Partial<ecs.ServiceDeployment> {
  if (hookRuns === undefined) return {};
  return {
    lifecycleHookDetails: hookRuns.map((run) => ({
      hookId: run.id,
      targetType: hooks[run.hook]?.type,
      targetArn: hooks[run.hook]?.targetArn,
      status: run.status,
      expiresAt: new Date(run.expiresAt),
      timeoutAction: hooks[run.hook]?.timeoutAction,
    })),
  };
}

/**
 * Source: API_ServiceRevision. `resolvedConfiguration` says which of the two target groups the revision
 * registers with.
 */
export function presentServiceRevision(revision: ServiceRevisionRecord): ecs.ServiceRevision {
  const advanced = revision.loadBalancers.filter((balancer) => balancer.advanced !== undefined);
  return {
    serviceRevisionArn: revision.arn,
    serviceArn: revision.serviceArn,
    clusterArn: revision.clusterArn,
    taskDefinition: revision.taskDefinitionArn,
    ...presentCapacity(revision),
    platformVersion: revision.platformVersion,
    platformFamily: "Linux",
    loadBalancers: presentLoadBalancers(revision.loadBalancers),
    serviceRegistries: presentServiceRegistries(revision.serviceRegistries),
    networkConfiguration: presentNetwork(revision),
    containerImages: (revision.containerImages ?? []).map((image) => ({ ...image })),
    createdAt: new Date(revision.createdAt),
    ...(advanced.length === 0
      ? {}
      : {
          resolvedConfiguration: {
            loadBalancers: advanced.map((balancer) => ({
              targetGroupArn: servingGroupOf(balancer),
              productionListenerRule: balancer.advanced?.productionListenerRule,
            })),
          },
        }),
  };
}

function toDate(at: number | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at);
}
