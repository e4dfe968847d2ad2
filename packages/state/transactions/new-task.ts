import { formatArn, type Ids } from "@gantry/kernel";
import type { AwsvpcConfiguration, ClusterRecord, TaskDefinitionRecord, TaskRecord } from "../records.ts";

/** A new task: wanted, not placed, without containers. */
export function newTask(
  ids: Ids,
  options: {
    cluster: ClusterRecord;
    definition: TaskDefinitionRecord;
    network: AwsvpcConfiguration;
    overrides: TaskRecord["overrides"];
    group: string;
    startedBy: string | undefined;
    serviceArn: string | undefined;
    deploymentId: string | undefined;
    launchType: TaskRecord["launchType"];
    capacityProvider?: TaskRecord["capacityProvider"];
    distinctInstance?: boolean;
    memberOf?: TaskRecord["memberOf"];
    platformVersion: string;
    enableExecuteCommand: boolean;
    tags: TaskRecord["tags"];
    now: number;
  },
): TaskRecord {
  const { cluster, definition } = options;
  const id = ids.hex(32);
  const place = { account: cluster.account, region: cluster.region };
  return {
    ...place,
    arn: formatArn("ecs", place, `task/${cluster.name}/${id}`),
    clusterArn: cluster.arn,
    taskDefinitionArn: definition.arn,
    serviceArn: options.serviceArn,
    deploymentId: options.deploymentId,
    group: options.group,
    startedBy: options.startedBy,
    launchType: options.launchType,
    ...(options.capacityProvider === undefined ? {} : { capacityProvider: options.capacityProvider }),
    ...(options.distinctInstance === true ? { distinctInstance: true } : {}),
    ...((options.memberOf ?? []).length === 0 ? {} : { memberOf: options.memberOf }),
    platformVersion: options.platformVersion,
    network: options.network,
    overrides: options.overrides,
    enableExecuteCommand: options.enableExecuteCommand,
    desiredStatus: "RUNNING",
    placement: undefined,
    lastStatus: "PROVISIONING",
    containers: definition.spec.containers.map(({ name, image }) => ({
      ...NOT_STARTED_CONTAINER,
      name,
      arn: formatArn("ecs", place, `container/${cluster.name}/${id}/${ids.uuid()}`),
      image,
    })),
    health: "UNKNOWN",
    ...NO_TIMES,
    stopCode: undefined,
    stoppedReason: undefined,
    credentials: { task: undefined, execution: undefined },
    version: 1,
    createdAt: options.now,
    tags: options.tags,
  };
}

const NOT_STARTED_CONTAINER: Omit<TaskRecord["containers"][number], "name" | "arn" | "image"> = {
  imageDigest: undefined,
  runtimeId: undefined,
  lastStatus: "PENDING",
  exitCode: undefined,
  reason: undefined,
  health: "UNKNOWN",
};

/** The times of a task that has not started. */
const NO_TIMES = {
  connectivityAt: undefined,
  pullStartedAt: undefined,
  pullStoppedAt: undefined,
  startedAt: undefined,
  runningSince: undefined,
  stoppingAt: undefined,
  executionStoppedAt: undefined,
  stoppedAt: undefined,
} satisfies Partial<TaskRecord>;

export const NO_OVERRIDES: TaskRecord["overrides"] = {
  containers: [],
  taskRoleArn: undefined,
  executionRoleArn: undefined,
  cpu: undefined,
  memoryMiB: undefined,
};
