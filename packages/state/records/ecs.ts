import type { Placed, Tags } from "./common.ts";

export interface ClusterRecord extends Placed {
  readonly arn: string;
  readonly name: string;
  readonly status: "ACTIVE" | "INACTIVE";
  readonly settings: readonly { readonly name: "containerInsights"; readonly value: string }[];
  readonly capacityProviders: readonly CapacityProvider[];
  /** For calls that name neither a launch type nor a strategy; absent: none. */
  readonly defaultStrategy?: readonly CapacityStrategyItem[];
  /** As the caller gave it; recorded. */
  readonly configuration?: object;
  /** Recorded: there is no Service Connect. */
  readonly serviceConnectNamespace?: string | undefined;
  readonly tags: Tags;
  readonly createdAt: number;
}

/** Source: Amazon ECS Developer Guide, "Fargate capacity providers". */
export type CapacityProvider = "FARGATE" | "FARGATE_SPOT";

/** Source: API_CapacityProviderStrategyItem. */
export interface CapacityStrategyItem {
  readonly provider: CapacityProvider;
  /** The share of the tasks beyond the base. */
  readonly weight: number;
  /** How many tasks the provider runs at least. */
  readonly base: number;
}

/** Source: API_Setting. */
export type AccountSettingName =
  | "awsvpcTrunking"
  | "containerInsights"
  | "containerInstanceLongArnFormat"
  | "defaultLogDriverMode"
  | "fargateFIPSMode"
  | "fargateTaskRetirementWaitPeriod"
  | "guardDutyActivate"
  | "serviceLongArnFormat"
  | "tagResourceAuthorization"
  | "taskLongArnFormat";

/** A setting of ECS for a principal; the account's default is the setting of its root. Key: `accountSettingKey`. */
export interface AccountSettingRecord extends Placed {
  readonly name: AccountSettingName;
  readonly principalArn: string;
  readonly value: string;
}

export interface KeyValue {
  readonly name: string;
  readonly value: string;
}

export interface PortMapping {
  readonly containerPort: number;
  readonly hostPort: number;
  readonly protocol: "tcp" | "udp";
  readonly name: string | undefined;
}

export interface ContainerHealthCheck {
  readonly command: readonly string[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
  readonly startPeriodSeconds: number;
}

/** A container definition with all defaults applied. In optional fields, absence has a meaning. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly essential: boolean;
  readonly cpu: number;
  readonly memoryMiB: number | undefined;
  readonly memoryReservationMiB: number | undefined;
  readonly command: readonly string[] | undefined;
  readonly entryPoint: readonly string[] | undefined;
  readonly workingDirectory: string | undefined;
  readonly user: string | undefined;
  readonly environment: readonly KeyValue[];
  readonly portMappings: readonly PortMapping[];
  readonly mountPoints: readonly {
    readonly sourceVolume: string;
    readonly containerPath: string;
    readonly readOnly: boolean;
  }[];
  readonly volumesFrom: readonly { readonly sourceContainer: string; readonly readOnly: boolean }[];
  readonly dependsOn: readonly {
    readonly containerName: string;
    readonly condition: "START" | "COMPLETE" | "SUCCESS" | "HEALTHY";
  }[];
  readonly healthCheck: ContainerHealthCheck | undefined;
  readonly logConfiguration:
    | {
        readonly logDriver: string;
        readonly options: Readonly<Record<string, string>>;
        /** Options whose values are read when a task starts; absent: none. */
        readonly secretOptions?: readonly SecretReference[];
      }
    | undefined;
  readonly startTimeoutSeconds: number | undefined;
  /** When a container that exited starts again in its task; absent: never. */
  readonly restartPolicy?: RestartPolicy;
  readonly stopTimeoutSeconds: number;
  readonly readonlyRootFilesystem: boolean;
  readonly interactive: boolean;
  readonly pseudoTerminal: boolean;
  readonly initProcessEnabled: boolean;
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
  readonly ulimits: readonly {
    readonly name: string;
    readonly softLimit: number;
    readonly hardLimit: number;
  }[];
  readonly systemControls: readonly { readonly namespace: string; readonly value: string }[];
  readonly dockerLabels: Readonly<Record<string, string>>;
  /** Only if the operator allows access to the host. */
  readonly privileged: boolean;
  /**
   * Environment variables whose values are read when a task starts; a name that begins with "/" is the path of
   * a file instead. Absent in older records: none.
   */
  readonly secrets?: readonly SecretReference[];
  /** ARNs of files in S3 whose variables are read when a task starts; absent: none. */
  readonly environmentFiles?: readonly string[];
  /** The secret with the user name and password for the image's registry; absent: none. */
  readonly repositoryCredentials?: string;
  /** Whether the tasks of a deployment run one digest; absent in older records: enabled. */
  readonly versionConsistency?: "enabled" | "disabled";
}

/** A secret of Secrets Manager or a parameter, under the name that a container knows it by. */
export interface SecretReference {
  readonly name: string;
  readonly valueFrom: string;
}

/** Source: API_ContainerRestartPolicy. */
export interface RestartPolicy {
  readonly ignoredExitCodes: readonly number[];
  /** How long a container must have run to be started again, in seconds. */
  readonly attemptPeriodSeconds: number;
}

export interface VolumeSpec {
  readonly name: string;
  /** A folder of the node itself; only if the operator allows it. */
  readonly hostPath: string | undefined;
  readonly efs:
    | {
        readonly fileSystemId: string;
        readonly rootDirectory: string;
        readonly accessPointId: string | undefined;
        readonly transitEncryption: boolean;
        readonly iam: boolean;
      }
    | undefined;
}

export interface TaskDefinitionRecord extends Placed {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  readonly status: "ACTIVE" | "INACTIVE" | "DELETE_IN_PROGRESS";
  readonly spec: {
    readonly containers: readonly ContainerSpec[];
    readonly volumes: readonly VolumeSpec[];
    readonly networkMode: "awsvpc";
    /** The node's own processes; only if the operator allows it. */
    readonly pidMode: "host" | undefined;
    readonly requiresCompatibilities: readonly ("FARGATE" | "EC2")[];
    readonly cpu: number | undefined;
    readonly memoryMiB: number | undefined;
    readonly taskRoleArn: string | undefined;
    readonly executionRoleArn: string | undefined;
    readonly runtimePlatform:
      | { readonly cpuArchitecture: string | undefined; readonly operatingSystemFamily: string | undefined }
      | undefined;
    readonly ephemeralStorageGiB: number | undefined;
    /** Queries of placement constraints that the node of a task has to satisfy; absent: none. */
    readonly memberOf?: readonly string[];
  };
  /**
   * The container definitions and volumes as the caller gave them, with defaults filled in as AWS returns
   * them.
   */
  readonly presented: {
    readonly containerDefinitions: readonly object[];
    readonly volumes: readonly object[];
  };
  readonly requiresAttributes: readonly string[];
  readonly registeredBy: string;
  readonly registeredAt: number;
  readonly deregisteredAt: number | undefined;
  readonly tags: Tags;
}

export interface AwsvpcConfiguration {
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: "ENABLED" | "DISABLED";
}

export interface ServiceLoadBalancer {
  readonly targetGroupArn: string;
  readonly containerName: string;
  readonly containerPort: number;
  /** The second target group, and the rules that a deployment with traffic stages changes. */
  readonly advanced?: AdvancedConfigurationRecord;
  /**
   * The one of the two target groups that the fleet registers with; absent: `targetGroupArn`. ←
   * `beginServiceDeployment`.
   */
  readonly servingTargetGroupArn?: string;
}

/** Source: API_AdvancedConfiguration. */
export interface AdvancedConfigurationRecord {
  readonly alternateTargetGroupArn: string;
  readonly productionListenerRule: string;
  readonly testListenerRule: string | undefined;
  readonly roleArn: string;
}

/** In the order in which a task passes through them; a task never returns to an earlier status. */
export type TaskStatus =
  | "PROVISIONING"
  | "PENDING"
  | "ACTIVATING"
  | "RUNNING"
  | "DEACTIVATING"
  | "STOPPING"
  | "DEPROVISIONING"
  | "STOPPED";

export type StopCode =
  | "TaskFailedToStart"
  | "EssentialContainerExited"
  | "UserInitiated"
  | "SpotInterruption"
  | "ServiceSchedulerInitiated";

export type HealthStatus = "HEALTHY" | "UNHEALTHY" | "UNKNOWN";

export interface TaskContainerRecord {
  readonly name: string;
  readonly arn: string;
  readonly image: string;
  readonly imageDigest: string | undefined;
  /** The digest that the node must pull; absent if the node resolves the tag itself. ← scheduler. */
  readonly pinnedDigest?: string;
  /**
   * Where the image that runs comes from: a registry; the engine's own copy, because no registry answered; or built
   * from Debian packages in place of the image, because no registry answered. ← scheduler and the node's report.
   */
  readonly imageSource?: "registry" | "engine" | "built";
  readonly runtimeId: string | undefined;
  readonly lastStatus: "PENDING" | "RUNNING" | "STOPPED";
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly health: HealthStatus;
}

export interface ContainerOverrideRecord {
  readonly name: string;
  readonly command: readonly string[] | undefined;
  readonly environment: readonly KeyValue[];
  /** Instead of those of the definition; absent: the definition's. */
  readonly environmentFiles?: readonly string[];
  readonly cpu: number | undefined;
  readonly memoryMiB: number | undefined;
  readonly memoryReservationMiB: number | undefined;
}

/** What an idempotent call started, by its client token. Key: account, region, operation and token. */
export interface ClientTokenRecord extends Placed {
  readonly cluster: string;
  /** The hash of the parameters: a token that is reused with other parameters is refused. */
  readonly requestHash: string;
  readonly taskArns: readonly string[];
  readonly expiresAt: number;
}

/** CPU in units of 1/1024 of a core, memory in MiB. */
export interface Resources {
  readonly cpuUnits: number;
  readonly memoryMiB: number;
}

export interface TaskPlacement {
  readonly nodeId: string;
  /**
   * What the task reserves on its node until it has stopped. Absent in older records until the scheduler has
   * added it.
   */
  readonly reserved?: Resources;
  readonly networkInterfaceId: string;
  /** Names of volumes that the policies of their file systems let the task read, not write. */
  readonly readOnlyVolumes?: readonly string[];
  /** Names of volumes on whose file systems root is squashed. Absent: none. */
  readonly rootSquashVolumes?: readonly string[];
  /**
   * Options of log drivers that were read from secrets when the task was placed, by container. Those of awslogs
   * name log groups and streams, and are no secrets themselves. Absent: none.
   */
  readonly logOptions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /**
   * The interface as DescribeTasks returns it; the interface is deleted before the task is. Absent in older
   * records.
   */
  readonly attachment?: {
    readonly subnetId: string;
    readonly availabilityZone: string;
    readonly mac: string;
    readonly privateIp: string;
  };
}

export interface TaskRecord extends Placed {
  readonly arn: string;
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  readonly serviceArn: string | undefined;
  /** The id of its task set, which DescribeServices shows as a deployment. */
  readonly deploymentId: string | undefined;
  readonly group: string;
  readonly startedBy: string | undefined;
  readonly launchType: "FARGATE" | "EC2";
  /** Absent for a task that a launch type placed. */
  readonly capacityProvider?: CapacityProvider | undefined;
  /** Whether no node may run another task of its group; absent: it may. */
  readonly distinctInstance?: boolean;
  /** Queries that its node has to satisfy besides those of its definition; absent: none. */
  readonly memberOf?: readonly string[];
  readonly platformVersion: string;
  readonly network: AwsvpcConfiguration;
  readonly overrides: {
    readonly containers: readonly ContainerOverrideRecord[];
    readonly taskRoleArn: string | undefined;
    readonly executionRoleArn: string | undefined;
    readonly cpu: number | undefined;
    readonly memoryMiB: number | undefined;
  };
  readonly enableExecuteCommand: boolean;
  /** ← api and the service controller. */
  readonly desiredStatus: "RUNNING" | "STOPPED";
  /** ← the scheduler: the node and the network interface. */
  readonly placement: TaskPlacement | undefined;
  /** ← the task controller, from here on. */
  readonly lastStatus: TaskStatus;
  readonly containers: readonly TaskContainerRecord[];
  readonly health: HealthStatus;
  readonly connectivityAt: number | undefined;
  readonly pullStartedAt: number | undefined;
  readonly pullStoppedAt: number | undefined;
  readonly startedAt: number | undefined;
  /** When its containers last started; later than `startedAt` after the platform was down. */
  readonly runningSince: number | undefined;
  readonly stoppingAt: number | undefined;
  readonly executionStoppedAt: number | undefined;
  readonly stoppedAt: number | undefined;
  readonly stopCode: StopCode | undefined;
  readonly stoppedReason: string | undefined;
  readonly credentials: { readonly task: string | undefined; readonly execution: string | undefined };
  readonly version: number;
  readonly createdAt: number;
  readonly tags: Tags;
}
