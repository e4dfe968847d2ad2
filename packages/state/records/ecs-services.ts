import type { Placed, Tags } from "./common.ts";
import type { AwsvpcConfiguration, ServiceLoadBalancer } from "./ecs.ts";

/** What is asked of a service. How far it is lies in its task sets, deployments and events. Key: the ARN. */
export interface ServiceRecord extends Placed {
  readonly arn: string;
  readonly clusterArn: string;
  readonly name: string;
  /** ← api; INACTIVE ← service controller. */
  readonly status: "ACTIVE" | "DRAINING" | "INACTIVE";
  readonly spec: {
    /** Changed by `setDesiredCount` alone. */
    readonly desiredCount: number;
    readonly launchType: "FARGATE" | "EC2";
    readonly minimumHealthyPercent: number;
    readonly maximumPercent: number;
    readonly circuitBreaker: { readonly enable: boolean; readonly rollback: boolean };
    readonly healthCheckGracePeriodSeconds: number;
    readonly propagateTags: "NONE" | "TASK_DEFINITION" | "SERVICE";
    readonly enableEcsManagedTags: boolean;
    readonly enableExecuteCommand: boolean;
    readonly roleArn: string | undefined;
    /** AWS/ECS metrics that are kept by 20 seconds; absent: none. */
    readonly fineMetrics?: readonly string[] | undefined;
    /** How deployments bring in a new version; absent: ROLLING without a bake time. */
    readonly rollout?: RolloutSpec | undefined;
    /** Who decides about deployments; absent: ECS. */
    readonly controller?: "EXTERNAL" | "CODE_DEPLOY" | undefined;
    /** Alarms that end a deployment; absent where they are not enabled. */
    readonly deploymentAlarms?: { readonly names: readonly string[]; readonly rollback: boolean } | undefined;
    /** Checks that stages of a deployment wait for. */
    readonly lifecycleHooks?: readonly ServiceDeploymentHook[] | undefined;
  };
  readonly createdBy: string;
  readonly createdAt: number;
  readonly tags: Tags;
}

export type DeploymentStrategy = "ROLLING" | "BLUE_GREEN" | "LINEAR" | "CANARY";

/** What a service's deployments do besides replacing tasks. Source: API_DeploymentConfiguration. */
export interface RolloutSpec {
  readonly strategy: DeploymentStrategy;
  readonly bakeTimeMinutes: number;
  /** CANARY: the first part of production traffic, in percent, and how long it is kept. */
  readonly canary: { readonly percent: number; readonly bakeMinutes: number } | undefined;
  /** LINEAR: the part by which production traffic moves, in percent, and the wait between steps. */
  readonly linear: { readonly percent: number; readonly bakeMinutes: number } | undefined;
}

/** What the tasks of one version of a service are made of. */
export interface ServiceVersion {
  readonly taskDefinitionArn: string;
  readonly network: AwsvpcConfiguration;
  readonly loadBalancers: readonly ServiceLoadBalancer[];
  readonly launchType: "FARGATE" | "EC2";
  readonly platformVersion: string;
}

/** A snapshot of a service's version; nothing but `containerImages` is added later. Key: the ARN. ← `beginServiceDeployment`. */
export interface ServiceRevisionRecord extends Placed, ServiceVersion {
  readonly arn: string;
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly createdAt: number;
  /** Digests that the images had when the first task was placed; absent until then. ← `recordServiceImage`. */
  readonly containerImages?: readonly {
    readonly containerName: string;
    readonly image: string;
    readonly imageDigest: string;
  }[];
}

export type RolloutState = "IN_PROGRESS" | "COMPLETED" | "FAILED";

/**
 * A fleet: the tasks of one version of a service, and how stable they are. DescribeServices shows the task sets of a
 * rolling service as its deployments. Key: SERVICE-ARN|ID. Begun by `beginServiceDeployment`, moved by the service controller.
 */
export interface TaskSetRecord extends Placed, ServiceVersion {
  /** `ecs-svc/` and 19 digits. */
  readonly id: string;
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly revisionArn: string;
  readonly status: "PRIMARY" | "ACTIVE" | "DRAINING";
  /** The part of the service's desired count that it runs. */
  readonly scale: { readonly value: number; readonly unit: "PERCENT" };
  /** Whether it runs its share, healthy, and nothing of it is starting or stopping. */
  readonly stability: "STABILIZING" | "STEADY_STATE";
  /** When the stability last changed; absent in records of earlier releases. */
  readonly stabilityAt?: number;
  /** What CreateTaskSet or CodeDeploy gave besides; absent where ECS itself made the task set. */
  readonly external?: {
    /** Absent where CreateTaskSet made it. */
    readonly startedBy?: "CODE_DEPLOY";
    readonly externalId: string | undefined;
    readonly clientToken: string | undefined;
    readonly tags: Tags;
  };
  readonly rollout: { readonly state: RolloutState; readonly reason: string };
  /** Tasks that failed since one was last healthy. */
  readonly failedTasks: number;
  /** When a task of it was last seen healthy: failures before then no longer count. */
  readonly healthyAt: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** In the words of ServiceDeploymentStatus. Source: API_ServiceDeployment. */
export type ServiceDeploymentStatus =
  | "PENDING"
  | "IN_PROGRESS"
  | "SUCCESSFUL"
  | "STOP_REQUESTED"
  | "STOPPED"
  | "ROLLBACK_REQUESTED"
  | "ROLLBACK_IN_PROGRESS"
  | "ROLLBACK_SUCCESSFUL"
  | "ROLLBACK_FAILED";

/**
 * The way of a service from its source revisions to a target revision: strategy, stage, guards and outcome. Key: the
 * ARN. Begun by `beginServiceDeployment`, moved by the service controller.
 */
export interface ServiceDeploymentRecord extends Placed {
  readonly arn: string;
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly strategy: DeploymentStrategy;
  /** The settings of the strategy; absent for ROLLING. */
  readonly rollout?: RolloutSpec;
  readonly sourceRevisionArns: readonly string[];
  readonly targetRevisionArn: string;
  /** The fleet that it brings up: of the target revision, or, while it rolls back, of the source revision. */
  readonly taskSetId: string;
  readonly status: ServiceDeploymentStatus;
  readonly statusReason: string | undefined;
  /** The stage of a strategy that has stages; undefined for ROLLING. */
  readonly lifecycleStage: LifecycleStage | undefined;
  /** When the stage began. */
  readonly stageStartedAt?: number;
  /** The fleet that serves until the traffic moves, and again after a rollback; absent for a service's first deployment. */
  readonly sourceTaskSetId?: string;
  /** The parts of production traffic that the target revision gets one after another, in percent, ending with 100. */
  readonly trafficSteps?: { readonly percents: readonly number[]; readonly bakeMinutes: number };
  /** The parts of the traffic that the target revision has, in percent; absent for ROLLING. */
  readonly traffic?: DeploymentTraffic;
  readonly circuitBreaker: {
    readonly enable: boolean;
    readonly rollback: boolean;
    readonly failureCount: number;
    readonly threshold: number;
  };
  readonly alarms: DeploymentAlarmsRecord | undefined;
  readonly hooks: readonly ServiceDeploymentHook[];
  /** What became of the hooks so far. */
  readonly hookRuns?: readonly HookRunRecord[];
  readonly bakeTimeMinutes: number;
  readonly rollback:
    | { readonly reason: string; readonly startedAt: number; readonly revisionArn: string }
    | undefined;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly stoppedAt: number | undefined;
  readonly updatedAt: number;
}

/** In order. Source: API_ServiceDeployment, lifecycleStage. */
export type LifecycleStage =
  | "RECONCILE_SERVICE"
  | "PRE_SCALE_UP"
  | "SCALE_UP"
  | "POST_SCALE_UP"
  | "TEST_TRAFFIC_SHIFT"
  | "POST_TEST_TRAFFIC_SHIFT"
  | "PRODUCTION_TRAFFIC_SHIFT"
  | "POST_PRODUCTION_TRAFFIC_SHIFT"
  | "BAKE_TIME"
  | "CLEAN_UP";

export interface DeploymentTraffic {
  readonly test: number;
  readonly production: number;
  /** When production traffic was last moved. */
  readonly shiftedAt: number | undefined;
}

/** Alarms that are watched while a deployment is under way. */
export interface DeploymentAlarmsRecord {
  readonly names: readonly string[];
  readonly rollback: boolean;
  /** One was in ALARM when the deployment began: none counts. Source: "Deployment alarms". */
  readonly isIgnored?: boolean;
  /** Those that ended the deployment. */
  readonly triggered?: readonly string[];
}

/** A check that a stage of a deployment waits for. Source: API_DeploymentLifecycleHook. */
export interface ServiceDeploymentHook {
  readonly targetArn: string | undefined;
  readonly type: "AWS_LAMBDA" | "PAUSE";
  readonly stages: readonly HookStage[];
  /** The role that invokes the function; undefined for PAUSE. */
  readonly roleArn?: string | undefined;
  /** What the function is given besides, as JSON. */
  readonly details?: unknown;
  readonly timeoutMinutes: number;
  readonly timeoutAction: "CONTINUE" | "ROLLBACK";
}

/** Stages that hooks belong to: PRE_PRODUCTION_TRAFFIC_SHIFT comes before each step of production traffic. */
export type HookStage =
  | Exclude<LifecycleStage, "SCALE_UP" | "BAKE_TIME" | "CLEAN_UP">
  | "PRE_PRODUCTION_TRAFFIC_SHIFT";

/** One hook in one stage. Source: API_DeploymentLifecycleHookDetail. */
export interface HookRunRecord {
  readonly id: string;
  /** Which of the deployment's hooks. */
  readonly hook: number;
  readonly stage: HookStage;
  /** The part of production traffic that was moved before, in percent. */
  readonly production: number;
  readonly status: "AWAITING_ACTION" | "IN_PROGRESS" | "SUCCEEDED" | "FAILED" | "TIMED_OUT";
  readonly startedAt: number;
  /** When the function last answered that it is not done, and how long it asked to wait. ← hook controller. */
  readonly calledAt?: number;
  readonly callDelayMs?: number;
  /** What the function wants to be given in the next call. */
  readonly details?: unknown;
  /** Why it failed. */
  readonly reason?: string;
  readonly expiresAt: number;
}

/** One line of a service's events. Key: SERVICE-ARN#NUMBER, the number padded, so that keys are in order. */
export interface ServiceEventRecord extends Placed {
  readonly id: string;
  readonly serviceArn: string;
  readonly createdAt: number;
  readonly message: string;
}
