import type { Placed, Tags } from "./common.ts";
import type { AwsvpcConfiguration, CapacityStrategyItem, ServiceLoadBalancer } from "./ecs.ts";

/**
 * The desired state of a service. Its task sets, deployments and events contain the actual state. Key: the
 * ARN.
 */
export interface ServiceRecord extends Placed {
  readonly arn: string;
  readonly clusterArn: string;
  readonly name: string;
  /** ← api; INACTIVE ← service controller. */
  readonly status: "ACTIVE" | "DRAINING" | "INACTIVE";
  readonly spec: {
    /** Only `setDesiredCount` changes it. */
    readonly desiredCount: number;
    readonly launchType: "FARGATE" | "EC2";
    /** One task for each node, with the desired count as the service controller sets it. Absent: REPLICA. */
    readonly schedulingStrategy?: "DAEMON";
    readonly minimumHealthyPercent: number;
    readonly maximumPercent: number;
    readonly circuitBreaker: { readonly enable: boolean; readonly rollback: boolean };
    readonly healthCheckGracePeriodSeconds: number;
    readonly propagateTags: "NONE" | "TASK_DEFINITION" | "SERVICE";
    readonly enableEcsManagedTags: boolean;
    readonly enableExecuteCommand: boolean;
    /** As the caller gave it; absent: that of the primary task set. */
    readonly platformVersion?: string;
    /** Recorded; absent: DISABLED. */
    readonly availabilityZoneRebalancing?: "ENABLED" | "DISABLED";
    /** Of launch type EC2; absent: none. */
    readonly placementRules?: PlacementSpec;
    readonly roleArn: string | undefined;
    /** AWS/ECS metrics that are stored at 20-second resolution; absent: none. */
    readonly fineMetrics?: readonly string[] | undefined;
    /** How deployments roll out a new version; absent: ROLLING without a bake time. */
    readonly rollout?: RolloutSpec | undefined;
    /** The deployment controller; absent: ECS. */
    readonly controller?: "EXTERNAL" | "CODE_DEPLOY" | undefined;
    /** Alarms that end a deployment. */
    readonly deploymentAlarms?:
      | {
          readonly names: readonly string[];
          readonly rollback: boolean;
          /** Absent where deployments look at the alarms. */
          readonly isDisabled?: boolean;
        }
      | undefined;
    /** Checks that stages of a deployment wait for. */
    readonly lifecycleHooks?: readonly ServiceDeploymentHook[] | undefined;
  };
  readonly createdBy: string;
  readonly createdAt: number;
  readonly tags: Tags;
}

/**
 * Where tasks of launch type EC2 run. Strategies choose among nodes; `distinctInstance` allows one task of a
 * group on each node.
 */
export interface PlacementSpec {
  readonly distinctInstance: boolean;
  /** Queries of the cluster query language that a node has to satisfy; absent: none. */
  readonly memberOf?: readonly string[];
  readonly strategies: readonly {
    readonly type: "random" | "spread" | "binpack";
    readonly field: string | undefined;
  }[];
}

export type DeploymentStrategy = "ROLLING" | "BLUE_GREEN" | "LINEAR" | "CANARY";

/** What a service's deployments do besides replacing tasks. Source: API_DeploymentConfiguration. */
export interface RolloutSpec {
  readonly strategy: DeploymentStrategy;
  readonly bakeTimeMinutes: number;
  /** CANARY: the first share of production traffic, in percent, and how long it is held. */
  readonly canary: { readonly percent: number; readonly bakeMinutes: number } | undefined;
  /** LINEAR: the step of production traffic, in percent, and the wait between steps. */
  readonly linear: { readonly percent: number; readonly bakeMinutes: number } | undefined;
}

/** Source: API_ServiceRegistry. `registryArn` is the ARN of a service of Cloud Map. */
export interface ServiceRegistry {
  readonly registryArn: string;
  readonly port?: number;
  readonly containerName?: string;
  readonly containerPort?: number;
}

/** The settings of the tasks of one version of a service. */
export interface ServiceVersion {
  readonly taskDefinitionArn: string;
  readonly network: AwsvpcConfiguration;
  readonly loadBalancers: readonly ServiceLoadBalancer[];
  /** The service of Cloud Map that the tasks are registered in; absent: none. */
  readonly serviceRegistries?: readonly ServiceRegistry[] | undefined;
  readonly launchType: "FARGATE" | "EC2";
  /** Absent where the launch type alone places the tasks. */
  readonly capacityProviderStrategy?: readonly CapacityStrategyItem[] | undefined;
  readonly platformVersion: string;
}

/**
 * A snapshot of a service's version; only `containerImages` is added later. Key: the ARN. ←
 * `beginServiceDeployment`.
 */
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
 * A fleet: the tasks of one version of a service, and their stability. DescribeServices shows the task sets
 * of a rolling service as its deployments. Key: SERVICE-ARN|ID. Created by `beginServiceDeployment`, advanced
 * by the service controller.
 */
export interface TaskSetRecord extends Placed, ServiceVersion {
  /** `ecs-svc/` and 19 digits. */
  readonly id: string;
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly revisionArn: string;
  readonly status: "PRIMARY" | "ACTIVE" | "DRAINING";
  /** The share of the service's desired count that it runs. */
  readonly scale: { readonly value: number; readonly unit: "PERCENT" };
  /** Whether it runs its share, all tasks are healthy, and none is starting or stopping. */
  readonly stability: "STABILIZING" | "STEADY_STATE";
  /** When the stability last changed; absent in records of earlier releases. */
  readonly stabilityAt?: number;
  /** What CreateTaskSet or CodeDeploy set in addition; absent if ECS itself created the task set. */
  readonly external?: {
    /** Absent if CreateTaskSet created it. */
    readonly startedBy?: "CODE_DEPLOY";
    readonly externalId: string | undefined;
    readonly clientToken: string | undefined;
    readonly tags: Tags;
  };
  readonly rollout: { readonly state: RolloutState; readonly reason: string };
  /** Tasks that failed since one was last healthy. */
  readonly failedTasks: number;
  /** When one of its tasks was last seen healthy: failures before then no longer count. */
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
 * The transition of a service from its source revisions to a target revision: strategy, stage, guards and
 * outcome. Key: the ARN. Created by `beginServiceDeployment`, advanced by the service controller.
 */
export interface ServiceDeploymentRecord extends Placed {
  readonly arn: string;
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly strategy: DeploymentStrategy;
  /** The settings of the strategy; absent for ROLLING, whose bake time is below. */
  readonly rollout?: RolloutSpec;
  readonly sourceRevisionArns: readonly string[];
  readonly targetRevisionArn: string;
  /**
   * The fleet that the deployment creates: of the target revision or, during a rollback, of the source
   * revision.
   */
  readonly taskSetId: string;
  readonly status: ServiceDeploymentStatus;
  readonly statusReason: string | undefined;
  /** The stage of a strategy that has stages; undefined for ROLLING. */
  readonly lifecycleStage: LifecycleStage | undefined;
  /** When the stage began. */
  readonly stageStartedAt?: number;
  /**
   * The fleet that serves until the traffic shifts, and again after a rollback; absent for a service's first
   * deployment.
   */
  readonly sourceTaskSetId?: string;
  /** The successive shares of production traffic of the target revision, in percent, ending with 100. */
  readonly trafficSteps?: { readonly percents: readonly number[]; readonly bakeMinutes: number };
  /** The target revision's shares of the traffic, in percent; absent for ROLLING. */
  readonly traffic?: DeploymentTraffic;
  readonly circuitBreaker: {
    readonly enable: boolean;
    readonly rollback: boolean;
    readonly failureCount: number;
    readonly threshold: number;
  };
  readonly alarms: DeploymentAlarmsRecord | undefined;
  readonly hooks: readonly ServiceDeploymentHook[];
  /** The hook runs so far. */
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
  /** When production traffic last shifted. */
  readonly shiftedAt: number | undefined;
}

/** Alarms that are watched while a deployment is in progress. */
export interface DeploymentAlarmsRecord {
  readonly names: readonly string[];
  readonly rollback: boolean;
  /** An alarm was in ALARM when the deployment began, so no alarm counts. Source: "Deployment alarms". */
  readonly isIgnored?: boolean;
  /** ROLLING: how long they are watched once the old tasks are gone. Absent in records of earlier releases. */
  readonly bakeMs?: number;
  /** The alarms that ended the deployment. */
  readonly triggered?: readonly string[];
}

/** A check that a stage of a deployment waits for. Source: API_DeploymentLifecycleHook. */
export interface ServiceDeploymentHook {
  readonly targetArn: string | undefined;
  readonly type: "AWS_LAMBDA" | "PAUSE";
  readonly stages: readonly HookStage[];
  /** The role that invokes the function; undefined for PAUSE. */
  readonly roleArn?: string | undefined;
  /** Additional input of the function, as JSON. */
  readonly details?: unknown;
  readonly timeoutMinutes: number;
  readonly timeoutAction: "CONTINUE" | "ROLLBACK";
}

/** Stages that hooks can run in: PRE_PRODUCTION_TRAFFIC_SHIFT precedes each step of production traffic. */
export type HookStage =
  | Exclude<LifecycleStage, "SCALE_UP" | "BAKE_TIME" | "CLEAN_UP">
  | "PRE_PRODUCTION_TRAFFIC_SHIFT";

/** One hook in one stage. Source: API_DeploymentLifecycleHookDetail. */
export interface HookRunRecord {
  readonly id: string;
  /** The index of the hook among those of the deployment. */
  readonly hook: number;
  readonly stage: HookStage;
  /** The share of production traffic that was shifted before, in percent. */
  readonly production: number;
  readonly status: "AWAITING_ACTION" | "IN_PROGRESS" | "SUCCEEDED" | "FAILED" | "TIMED_OUT";
  readonly startedAt: number;
  /**
   * When the function last returned that it is in progress, and the delay that it requested. ← hook
   * controller.
   */
  readonly calledAt?: number;
  readonly callDelayMs?: number;
  /** What the function asked to receive in the next call. */
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
