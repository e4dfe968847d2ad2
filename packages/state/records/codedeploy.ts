import type { Placed, Tags } from "./common.ts";
import type { AwsvpcConfiguration, CapacityStrategyItem } from "./ecs.ts";

/** A CodeDeploy application. Key: the ARN. */
export interface CodeDeployApplicationRecord extends Placed {
  readonly arn: string;
  readonly id: string;
  readonly name: string;
  readonly computePlatform: "ECS" | "Lambda" | "Server";
  readonly createdAt: number;
  readonly tags: Tags;
}

/** When a deployment stops automatically, and whether it is then rolled back. */
export interface CodeDeployGuards {
  readonly alarms: {
    readonly enabled: boolean;
    readonly names: readonly string[];
    readonly ignorePollAlarmFailure: boolean;
  };
  readonly autoRollback: { readonly enabled: boolean; readonly events: readonly CodeDeployRollbackEvent[] };
}

export type CodeDeployRollbackEvent =
  | "DEPLOYMENT_FAILURE"
  | "DEPLOYMENT_STOP_ON_ALARM"
  | "DEPLOYMENT_STOP_ON_REQUEST";

/**
 * The settings of a deployment group for its two fleets and the traffic shift between them. Source:
 * API_DeploymentGroupInfo.
 */
export interface CodeDeploySettings extends CodeDeployGuards {
  readonly serviceRoleArn: string;
  /** As given: names within the account and region. */
  readonly clusterName: string;
  readonly serviceName: string;
  readonly serviceArn: string;
  readonly targetGroupNames: readonly string[];
  readonly productionListenerArn: string;
  readonly testListenerArn: string | undefined;
  /** What happens to the old fleet, and how long it is kept after the traffic has shifted. */
  readonly termination: { readonly action: "TERMINATE" | "KEEP_ALIVE"; readonly waitMinutes: number };
  /** STOP_DEPLOYMENT: the traffic shifts on ContinueDeployment, or the deployment stops after the wait. */
  readonly ready: {
    readonly action: "CONTINUE_DEPLOYMENT" | "STOP_DEPLOYMENT";
    readonly waitMinutes: number;
  };
}

/** The topic that is told of some events of a group's deployments. Source: API_TriggerConfig. */
export interface CodeDeployTrigger {
  readonly name: string;
  readonly targetArn: string;
  /** Names of TriggerEventType. Deployments to ECS have none of the events of instances. */
  readonly events: readonly string[];
}

/** A deployment group for one ECS service. Key: the ARN. */
export interface CodeDeployGroupRecord extends Placed {
  readonly arn: string;
  readonly id: string;
  readonly applicationArn: string;
  readonly applicationName: string;
  readonly name: string;
  readonly configName: string;
  readonly settings: CodeDeploySettings;
  readonly triggers: readonly CodeDeployTrigger[];
  readonly outdatedInstancesStrategy: "UPDATE" | "IGNORE";
  readonly terminationHookEnabled: boolean | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}

/** How production traffic shifts; percentages and minutes. */
export type CodeDeployRouting =
  | { readonly type: "AllAtOnce" }
  | { readonly type: "TimeBasedCanary"; readonly percent: number; readonly minutes: number }
  | { readonly type: "TimeBasedLinear"; readonly percent: number; readonly minutes: number };

/** A deployment configuration of an account. Key: the ARN. */
export interface CodeDeployConfigRecord extends Placed {
  readonly arn: string;
  readonly id: string;
  readonly name: string;
  readonly routing: CodeDeployRouting;
  readonly createdAt: number;
}

/** In order. Source: CodeDeploy User Guide, "AppSpec hooks section for an Amazon ECS deployment". */
export const CODE_DEPLOY_EVENTS = [
  "BeforeInstall",
  "Install",
  "AfterInstall",
  "AllowTestTraffic",
  "AfterAllowTestTraffic",
  "BeforeAllowTraffic",
  "AllowTraffic",
  "AfterAllowTraffic",
] as const;
export type CodeDeployEventName = (typeof CODE_DEPLOY_EVENTS)[number];

/** The content of an AppSpec. */
export interface CodeDeployAppSpec {
  readonly taskDefinition: string;
  readonly containerName: string;
  readonly containerPort: number;
  readonly platformVersion: string | undefined;
  readonly network: AwsvpcConfiguration | undefined;
  /** Absent: as the old fleet. */
  readonly capacityProviderStrategy?: readonly CapacityStrategyItem[] | undefined;
  /** Functions by event: names or ARNs, as ARNs. */
  readonly hooks: Readonly<Partial<Record<CodeDeployEventName, string>>>;
}

/** The location of the AppSpec, as the caller gave it. Key of a stored revision: APPLICATION-ARN|DIGEST. */
export interface CodeDeployRevision {
  readonly type: "String" | "AppSpecContent" | "S3";
  readonly content: string | undefined;
  readonly sha256: string | undefined;
  readonly s3:
    | {
        readonly bucket: string;
        readonly key: string;
        readonly version: string | undefined;
        readonly eTag: string | undefined;
        readonly bundleType: string | undefined;
      }
    | undefined;
}

/** A revision of an application that was registered or deployed. */
export interface CodeDeployRevisionRecord extends Placed {
  readonly key: string;
  readonly applicationArn: string;
  readonly revision: CodeDeployRevision;
  readonly description: string | undefined;
  readonly registeredAt: number;
  readonly firstUsedAt: number | undefined;
  readonly lastUsedAt: number | undefined;
}

export interface CodeDeployEventRecord {
  readonly name: CodeDeployEventName;
  readonly status: "Pending" | "InProgress" | "Succeeded" | "Failed" | "Skipped";
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** The function whose result determines the event's status. */
  readonly hook?: {
    readonly functionArn: string;
    readonly executionId: string;
    /** When it was called. ← code-deploy hook controller. */
    readonly calledAt?: number;
    /** The status of PutLifecycleEventHookExecutionStatus, or Failed if the function cannot be called. */
    readonly answer?: "Succeeded" | "Failed";
  };
  /** Why it failed. */
  readonly message?: string;
}

/** Events of a deployment that triggers name, with the status that their messages have. */
export const CODE_DEPLOY_NOTICES = {
  DeploymentStart: "CREATED",
  DeploymentRollback: "IN_PROGRESS",
  DeploymentReady: "READY",
  DeploymentSuccess: "SUCCEEDED",
  DeploymentFailure: "FAILED",
  DeploymentStop: "STOPPED",
} as const;
export type CodeDeployNotice = keyof typeof CODE_DEPLOY_NOTICES;

export type CodeDeployStatus = "Created" | "InProgress" | "Ready" | "Succeeded" | "Failed" | "Stopped";

/**
 * A deployment of a revision to a group's service, or the return to the old fleet after one. Key:
 * `deploymentKeyOf`. Created by `beginCodeDeployment`, advanced by the code-deploy controller.
 */
export interface CodeDeploymentRecord extends Placed {
  readonly key: string;
  /** `d-` and nine letters or digits. */
  readonly id: string;
  readonly applicationName: string;
  readonly groupName: string;
  readonly groupArn: string;
  readonly serviceArn: string;
  readonly configName: string;
  readonly description: string | undefined;
  readonly revision: CodeDeployRevision;
  readonly previousRevision: CodeDeployRevision | undefined;
  readonly appSpec: CodeDeployAppSpec;
  /** The group's settings when the deployment began. */
  readonly settings: CodeDeploySettings;
  readonly trafficSteps: { readonly percents: readonly number[]; readonly intervalMinutes: number };
  readonly creator: "user" | "codeDeployRollback";
  readonly status: CodeDeployStatus;
  readonly events: readonly CodeDeployEventRecord[];
  /** The fleet that serves when the deployment begins; absent before that. */
  readonly blueTaskSetId: string | undefined;
  /** The task definition of that fleet, which is terminated before the deployment is removed. */
  readonly blueTaskDefinitionArn?: string;
  /** The fleet that the deployment creates; absent before Install. */
  readonly greenTaskSetId: string | undefined;
  readonly blueGroupArn: string | undefined;
  readonly greenGroupArn: string | undefined;
  /** The new fleet's share of the traffic, in percent. */
  readonly traffic: {
    readonly test: number;
    readonly production: number;
    readonly shiftedAt: number | undefined;
  };
  /** When the wait for permission to shift the traffic, or to terminate the old fleet, began. */
  readonly readySince: number | undefined;
  readonly terminationSince: number | undefined;
  /** Set by ContinueDeployment. */
  readonly continued: { readonly ready?: boolean; readonly termination?: boolean };
  /** Set by StopDeployment. */
  readonly stopRequested: { readonly rollback: boolean } | undefined;
  /**
   * For the return to the old fleet: `blueTaskSetId` is the old fleet, `greenTaskSetId` the one that is
   * removed.
   */
  readonly isReturn: boolean;
  /**
   * Events of which triggers of the group still have to tell their topics, in order. Added by
   * `saveCodeDeployment`, removed by the code-deploy trigger controller; absent where there are none.
   */
  readonly unpublished?: readonly CodeDeployNotice[];
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly rollback:
    | {
        readonly deploymentId: string | undefined;
        readonly triggeringDeploymentId: string | undefined;
        readonly message: string;
      }
    | undefined;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly completedAt: number | undefined;
  readonly updatedAt: number;
}
