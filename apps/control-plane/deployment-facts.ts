import {
  hasEnded,
  type CodeDeploymentRecord,
  type Reader,
  type ServiceDeploymentRecord,
} from "@gantry/state";

/** A deployment in the list. Times are milliseconds since the epoch, by the platform's clock. */
export interface DeploymentRow {
  readonly id: string;
  readonly arn: string;
  readonly cluster: string;
  readonly service: string;
  /** The strategy of ECS, or CODE_DEPLOY. */
  readonly strategy: string;
  readonly status: string;
  readonly reason: string | undefined;
  /** The lifecycle stage or lifecycle event in progress. */
  readonly stage: string | undefined;
  /** The target fleet's part of production traffic, in percent; undefined for ROLLING. */
  readonly weight: number | undefined;
  readonly startedAt: number;
  readonly finishedAt: number | undefined;
  /** Whether the deployment has ended with the new version in service. */
  readonly hasSucceeded: boolean;
}

/** What a report is made of, apart from its timeline and intervals. */
export interface DeploymentFacts {
  readonly row: DeploymentRow;
  /** The fleets' task definitions, `FAMILY:REVISION`; no source in a service's first deployment. */
  readonly source: string | undefined;
  readonly target: string;
  /** When and why the deployment was rolled back, stopped or failed; undefined where it was not. */
  readonly unsuccessful:
    | {
        readonly at: number;
        /** "Rolled back", "Rolling back", "Stopped" or "Failed". */
        readonly verb: string;
        /** The alarms that caused it. */
        readonly alarms: readonly string[];
        readonly reason: string;
      }
    | undefined;
}

export function rowOfEcs(deployment: ServiceDeploymentRecord): DeploymentRow {
  return {
    id: lastPartOf(deployment.arn),
    arn: deployment.arn,
    cluster: lastPartOf(deployment.clusterArn),
    service: lastPartOf(deployment.serviceArn),
    strategy: deployment.strategy,
    status: deployment.status,
    reason: deployment.statusReason,
    stage: deployment.finishedAt === undefined ? deployment.lifecycleStage : undefined,
    weight: deployment.traffic?.production,
    startedAt: deployment.startedAt ?? deployment.createdAt,
    finishedAt: deployment.finishedAt,
    hasSucceeded: deployment.status === "SUCCESSFUL",
  };
}

export function factsOfEcs(reader: Reader, deployment: ServiceDeploymentRecord): DeploymentFacts {
  const { rollback, statusReason, alarms, status, sourceRevisionArns, targetRevisionArn } = deployment;
  const definitions = (arns: readonly string[]) =>
    arns.map((arn) => lastPartOf(reader.get("serviceRevision", arn)?.taskDefinitionArn ?? "")).join(", ");
  const isUnsuccessful = rollback !== undefined || (statusReason !== undefined && status !== "SUCCESSFUL");
  const verb =
    rollback === undefined ? "Stopped" : status === "ROLLBACK_IN_PROGRESS" ? "Rolling back" : "Rolled back";
  return {
    row: rowOfEcs(deployment),
    source: sourceRevisionArns.length === 0 ? undefined : definitions(sourceRevisionArns),
    target: definitions([targetRevisionArn]),
    unsuccessful: isUnsuccessful
      ? {
          at: rollback?.startedAt ?? deployment.finishedAt ?? deployment.updatedAt,
          verb,
          alarms: alarms?.triggered ?? [],
          reason: (rollback?.reason ?? statusReason ?? "").replace(/^ECS deployment [^:]*: /, ""),
        }
      : undefined,
  };
}

export function rowOfCodeDeploy(deployment: CodeDeploymentRecord): DeploymentRow {
  const { settings, status, events, terminationSince, isReturn, rollback, error } = deployment;
  const event = events.find((each) => each.status === "InProgress")?.name;
  const wait = terminationSince === undefined ? undefined : "WaitForTermination";
  return {
    id: deployment.id,
    arn: deployment.key,
    cluster: settings.clusterName,
    service: settings.serviceName,
    strategy: "CODE_DEPLOY",
    status,
    reason: isReturn ? `Rollback of ${rollback?.triggeringDeploymentId}` : error?.message,
    stage: hasEnded(deployment) ? undefined : (event ?? (status === "Ready" ? "WaitForContinue" : wait)),
    weight: deployment.traffic.production,
    startedAt: deployment.startedAt ?? deployment.createdAt,
    finishedAt: deployment.completedAt,
    hasSucceeded: status === "Succeeded",
  };
}

export function factsOfCodeDeploy(deployment: CodeDeploymentRecord): DeploymentFacts {
  const { error, rollback, status, completedAt, updatedAt, appSpec, isReturn } = deployment;
  const { blueTaskDefinitionArn } = deployment;
  const isRolledBack = !isReturn && rollback !== undefined;
  const [, names] = error?.code === "ALARM_ACTIVE" ? (/<(.*)>/.exec(error.message) ?? []) : [];
  return {
    row: rowOfCodeDeploy(deployment),
    source: blueTaskDefinitionArn === undefined ? undefined : lastPartOf(blueTaskDefinitionArn),
    target: lastPartOf(appSpec.taskDefinition),
    unsuccessful:
      error === undefined
        ? undefined
        : {
            at: completedAt ?? updatedAt,
            verb: isRolledBack ? "Rolled back" : status,
            alarms: names?.split(", ") ?? [],
            reason: error.message,
          },
  };
}

function lastPartOf(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}
