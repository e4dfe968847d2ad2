import type { Row } from "../record-row.ts";
import type { Kind } from "../records.ts";

/** A deployment as version 0 of a service kept it inside its record. */
interface Deployment0 {
  readonly id: string;
  readonly status: "PRIMARY" | "ACTIVE" | "INACTIVE";
  readonly taskDefinitionArn: string;
  readonly network: object;
  readonly loadBalancers: readonly object[];
  readonly platformVersion: string;
  readonly failedTasks: number;
  readonly healthyAt?: number;
  readonly rolloutState: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly rolloutStateReason: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

interface Service0 {
  readonly account: string;
  readonly region: string;
  readonly arn: string;
  readonly clusterArn: string;
  readonly name: string;
  readonly spec: {
    readonly desiredCount: number;
    readonly launchType: string;
    readonly circuitBreaker: { readonly enable: boolean; readonly rollback: boolean };
  };
  readonly deployments: readonly Deployment0[];
  readonly events: readonly { readonly id: string; readonly createdAt: number; readonly message: string }[];
  readonly steady: boolean;
}

const STATUS_OF = { IN_PROGRESS: "IN_PROGRESS", COMPLETED: "SUCCESSFUL", FAILED: "STOPPED" } as const;

/** Service, version 0 to 1: deployments and events move from the service's record to separate records. */
export function upgradeServiceTo1({ key, record }: Row): readonly Row[] {
  const { deployments, events, steady, ...service } = record as Service0; // The format of version 0.
  const rows: Row[] = [{ kind: "service", key, record: service }];
  const put = (kind: Kind, of: string, fields: object): void => {
    const place = { account: service.account, region: service.region, serviceArn: service.arn };
    rows.push({ kind, key: of, record: { ...place, ...fields } });
  };
  for (const deployment of deployments) {
    const version = {
      clusterArn: service.clusterArn,
      taskDefinitionArn: deployment.taskDefinitionArn,
      network: deployment.network,
      loadBalancers: deployment.loadBalancers,
      launchType: service.spec.launchType,
      platformVersion: deployment.platformVersion,
    };
    const revisionArn = arnBeside(service, "service-revision", deployment);
    put("serviceRevision", revisionArn, { ...version, arn: revisionArn, createdAt: deployment.createdAt });
    put("taskSet", `${service.arn}|${deployment.id}`, {
      ...version,
      id: deployment.id,
      revisionArn,
      status: deployment.status === "PRIMARY" ? "PRIMARY" : "ACTIVE",
      scale: { value: 100, unit: "PERCENT" },
      stability: steady && deployment.status === "PRIMARY" ? "STEADY_STATE" : "STABILIZING",
      rollout: { state: deployment.rolloutState, reason: deployment.rolloutStateReason },
      failedTasks: deployment.failedTasks,
      healthyAt: deployment.healthyAt,
      createdAt: deployment.createdAt,
      updatedAt: deployment.updatedAt,
    });
    if (deployment.status !== "PRIMARY") continue;
    const arn = arnBeside(service, "service-deployment", deployment);
    put("serviceDeployment", arn, deploymentOf(service, deployment, { arn, revisionArn }));
  }
  // Numbers of new events start at 1: these sort before them, oldest first.
  for (const [index, event] of [...events].reverse().entries())
    put("serviceEvent", `${service.arn}#${"0".repeat(15)}-${String(index).padStart(4, "0")}`, event);
  return rows;
}

function deploymentOf(
  service: Omit<Service0, "deployments" | "events" | "steady">,
  deployment: Deployment0,
  { arn, revisionArn }: { arn: string; revisionArn: string },
): object {
  const ended = deployment.rolloutState !== "IN_PROGRESS";
  return {
    arn,
    clusterArn: service.clusterArn,
    strategy: "ROLLING",
    sourceRevisionArns: [],
    targetRevisionArn: revisionArn,
    taskSetId: deployment.id,
    status: STATUS_OF[deployment.rolloutState],
    statusReason: deployment.rolloutStateReason,
    circuitBreaker: {
      ...service.spec.circuitBreaker,
      failureCount: deployment.failedTasks,
      threshold: Math.min(200, Math.max(3, Math.ceil(service.spec.desiredCount / 2))),
    },
    hooks: [],
    bakeTimeMinutes: 0,
    createdAt: deployment.createdAt,
    startedAt: deployment.createdAt,
    finishedAt: ended ? deployment.updatedAt : undefined,
    updatedAt: deployment.updatedAt,
  };
}

function arnBeside(
  service: { readonly arn: string },
  kind: "service-revision" | "service-deployment",
  deployment: Deployment0,
): string {
  return `${service.arn.replace(":service/", `:${kind}/`)}/${deployment.id.slice("ecs-svc/".length)}`;
}
