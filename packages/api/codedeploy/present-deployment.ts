import type * as sdk from "@aws-sdk/client-codedeploy";
import {
  computedDesiredCountOf,
  hasEnded,
  routesOfListener,
  servingGroupOf,
  taskSetOfDeployment,
  weightOf,
  type CodeDeployEventRecord,
  type CodeDeploymentRecord,
  type Reader,
  type TaskSetRecord,
} from "@gantry/state";
import { countsOf } from "../ecs/present-fleet.ts";
import { presentSettings } from "./group-settings.ts";
import { presentRevision } from "./revisions.ts";

const date = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms));

/** A deployment as GetDeployment shows it. */
export function presentDeployment(deployment: CodeDeploymentRecord): sdk.DeploymentInfo {
  const { error, rollback, settings } = deployment;
  const {
    alarmConfiguration,
    autoRollbackConfiguration,
    deploymentStyle,
    blueGreenDeploymentConfiguration,
    loadBalancerInfo,
  } = presentSettings(settings);
  const target = targetStatusOf(deployment);
  return {
    applicationName: deployment.applicationName,
    deploymentGroupName: deployment.groupName,
    deploymentConfigName: deployment.configName,
    deploymentId: deployment.id,
    previousRevision:
      deployment.previousRevision === undefined ? undefined : presentRevision(deployment.previousRevision),
    revision: presentRevision(deployment.revision),
    status: deployment.status,
    errorInformation:
      // One of its codes.
      error === undefined ? undefined : { code: error.code as sdk.ErrorCode, message: error.message },
    createTime: date(deployment.createdAt),
    startTime: date(deployment.startedAt),
    completeTime: date(deployment.completedAt),
    deploymentOverview: {
      Pending: Number(target === "Pending"),
      InProgress: Number(target === "InProgress"),
      Succeeded: Number(target === "Succeeded"),
      Failed: Number(target === "Failed"),
      Skipped: 0,
      Ready: Number(target === "Ready"),
    },
    description: deployment.description,
    creator: deployment.creator,
    ignoreApplicationStopFailures: false,
    autoRollbackConfiguration,
    updateOutdatedInstancesOnly: false,
    rollbackInfo:
      rollback === undefined
        ? undefined
        : {
            rollbackDeploymentId: rollback.deploymentId,
            rollbackTriggeringDeploymentId: rollback.triggeringDeploymentId,
            rollbackMessage: rollback.message,
          },
    deploymentStyle,
    instanceTerminationWaitTimeStarted: deployment.terminationSince !== undefined,
    blueGreenDeploymentConfiguration,
    loadBalancerInfo,
    fileExistsBehavior: "DISALLOW",
    deploymentStatusMessages: [],
    computePlatform: "ECS",
    overrideAlarmConfiguration: alarmConfiguration,
  };
}

/** The service of a deployment as GetDeploymentTarget shows it, with the weights that the listener has now. */
export function presentTarget(reader: Reader, deployment: CodeDeploymentRecord): sdk.DeploymentTarget {
  const { settings } = deployment;
  const sets = [
    { label: "Blue" as const, set: taskSetOfDeployment(reader, deployment, deployment.blueTaskSetId) },
    { label: "Green" as const, set: taskSetOfDeployment(reader, deployment, deployment.greenTaskSetId) },
  ];
  return {
    deploymentTargetType: "ECSTarget",
    ecsTarget: {
      deploymentId: deployment.id,
      targetId: targetIdOf(deployment),
      targetArn: settings.serviceArn,
      lastUpdatedAt: date(deployment.updatedAt),
      lifecycleEvents: deployment.events.map((event) => presentEvent(event, deployment)),
      status: targetStatusOf(deployment),
      taskSetsInfo: sets.flatMap(({ label, set }) =>
        set === undefined ? [] : [presentTaskSet(reader, deployment, set, label)],
      ),
    },
  };
}

/** `CLUSTER:SERVICE`. Source: API_ECSTarget. */
export function targetIdOf({ serviceArn }: Pick<CodeDeploymentRecord, "serviceArn">): string {
  return serviceArn.split("/").slice(-2).join(":");
}

export function targetStatusOf({ status }: Pick<CodeDeploymentRecord, "status">): sdk.TargetStatus {
  switch (status) {
    case "Created":
      return "Pending";
    case "Stopped":
      return "Failed";
    default:
      return status;
  }
}

function presentEvent(event: CodeDeployEventRecord, deployment: CodeDeploymentRecord): sdk.LifecycleEvent {
  const isLeftOut = event.status === "Pending" && hasEnded(deployment);
  const isHook = event.hook !== undefined;
  return {
    lifecycleEventName: event.name,
    status: isLeftOut ? "Skipped" : event.status,
    startTime: date(event.startedAt),
    endTime: date(event.endedAt),
    ...(event.status === "Failed"
      ? {
          diagnostics: {
            errorCode: isHook ? ("ScriptFailed" as const) : ("UnknownError" as const),
            scriptName: event.hook?.functionArn ?? "",
            message: event.message,
            logTail: "",
          },
        }
      : {}),
  };
}

function presentTaskSet(
  reader: Reader,
  deployment: CodeDeploymentRecord,
  set: TaskSetRecord,
  label: "Blue" | "Green",
): sdk.ECSTaskSet {
  const service = reader.get("service", set.serviceArn);
  const [balancer] = set.loadBalancers;
  const group = balancer === undefined ? undefined : servingGroupOf(balancer);
  const tasks = reader
    .listBy("task", "service", set.serviceArn)
    .filter((task) => task.deploymentId === set.id);
  return {
    identifer: set.id,
    desiredCount: service === undefined ? 0 : computedDesiredCountOf(service, set),
    ...countsOf(tasks),
    status: set.status,
    trafficWeight: trafficOf(reader, deployment, group),
    targetGroup: { name: reader.get("targetGroup", group)?.name },
    taskSetLabel: label,
  };
}

/** The part of production traffic that goes to a target group, in percent, as the listener's rules say. */
function trafficOf(reader: Reader, deployment: CodeDeploymentRecord, group: string | undefined): number {
  const pair = [deployment.blueGroupArn, deployment.greenGroupArn].filter((arn) => arn !== undefined);
  if (group === undefined) return 0;
  const { productionListenerArn } = deployment.settings;
  const [route] = routesOfListener(reader, deployment, productionListenerArn, pair);
  if (route === undefined) return 0;
  const total = pair.reduce((sum, arn) => sum + weightOf(reader, route, arn), 0);
  return total === 0 ? 0 : (weightOf(reader, route, group) / total) * 100;
}
