import type * as ecs from "@aws-sdk/client-ecs";
import type { Reader, TaskDefinitionRecord, TaskRecord } from "@gantry/state";
import { presentLowerTags } from "../common/tags.ts";

const date = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms));

interface Shown {
  readonly from: readonly unknown[];
  readonly task: ecs.Task;
}
const shown = new WeakMap<TaskRecord, Shown>();

/**
 * A task as DescribeTasks shows it. The answer is frozen and kept until one of the records that it was made
 * from changes.
 */
export function presentTask(task: TaskRecord, reader: Reader, include: readonly string[]): ecs.Task {
  const attachment = attachmentOf(task, reader);
  const definition = reader.get("taskDefinition", task.taskDefinitionArn);
  const from = [...Object.values(attachment), definition, include.includes("TAGS")];
  const known = shown.get(task);
  if (known !== undefined && from.every((each, index) => each === known.from[index])) return known.task;
  const answer = Object.freeze(composeTask(task, { attachment, definition }, include));
  shown.set(task, { from, task: answer });
  return answer;
}

interface Attachment {
  readonly subnetId: string | undefined;
  readonly availabilityZone: string | undefined;
  readonly mac: string | undefined;
  readonly privateIp: string | undefined;
}

/** What the task's placement keeps of its network interface; records of an earlier version have only the interface. */
function attachmentOf(task: TaskRecord, reader: Reader): Attachment {
  if (task.placement?.attachment !== undefined) return task.placement.attachment;
  const eni = reader.get("networkInterface", task.placement?.networkInterfaceId);
  const availabilityZone = reader.get("subnet", eni?.subnetId)?.availabilityZone;
  return { subnetId: eni?.subnetId, availabilityZone, mac: eni?.mac, privateIp: eni?.privateIp };
}

function composeTask(
  task: TaskRecord,
  behind: { attachment: Attachment; definition: TaskDefinitionRecord | undefined },
  include: readonly string[],
): ecs.Task {
  const { attachment, definition } = behind;
  return {
    taskArn: task.arn,
    clusterArn: task.clusterArn,
    taskDefinitionArn: task.taskDefinitionArn,
    group: task.group,
    startedBy: task.startedBy,
    launchType: task.launchType,
    capacityProviderName: task.capacityProvider,
    platformVersion: task.launchType === "FARGATE" ? task.platformVersion : undefined,
    platformFamily: task.launchType === "FARGATE" ? "Linux" : undefined,
    desiredStatus: task.desiredStatus,
    lastStatus: task.lastStatus,
    healthStatus: task.health,
    version: task.version,
    cpu: String(task.overrides.cpu ?? definition?.spec.cpu ?? 0),
    memory: String(task.overrides.memoryMiB ?? definition?.spec.memoryMiB ?? 0),
    ephemeralStorage: { sizeInGiB: definition?.spec.ephemeralStorageGiB ?? 20 },
    availabilityZone: attachment.availabilityZone,
    attributes: presentAttributes(task, definition),
    connectivity: task.connectivityAt === undefined ? undefined : "CONNECTED",
    connectivityAt: date(task.connectivityAt),
    createdAt: date(task.createdAt),
    pullStartedAt: date(task.pullStartedAt),
    pullStoppedAt: date(task.pullStoppedAt),
    startedAt: date(task.startedAt),
    stoppingAt: date(task.stoppingAt),
    executionStoppedAt: date(task.executionStoppedAt),
    stoppedAt: date(task.stoppedAt),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    enableExecuteCommand: task.enableExecuteCommand,
    inferenceAccelerators: [],
    attachments: presentAttachments(task, attachment),
    containers: presentContainers(task, behind),
    overrides: {
      containerOverrides: task.containers.map((container) => presentOverride(task, container.name)),
      inferenceAcceleratorOverrides: [],
      taskRoleArn: task.overrides.taskRoleArn,
      executionRoleArn: task.overrides.executionRoleArn,
    },
    tags: include.includes("TAGS") ? presentLowerTags(task.tags) : [],
  };
}

function presentAttributes(task: TaskRecord, definition: TaskDefinitionRecord | undefined): ecs.Attribute[] {
  return [
    {
      name: "ecs.cpu-architecture",
      value: definition?.spec.runtimePlatform?.cpuArchitecture === "ARM64" ? "arm64" : "x86_64",
    },
    ...task.containers.flatMap(({ name, imageSource }) =>
      imageSource === undefined || imageSource === "registry"
        ? []
        : [{ name: `gantry.image-source.${name}`, value: imageSource }],
    ),
  ];
}

/** The id of a task's network attachment: the task's own id, spelled as a UUID. */
function attachmentIdOf(task: TaskRecord): string {
  const id = task.arn.split("/").at(-1) ?? "";
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function attachmentStatusOf(task: TaskRecord): string {
  if (task.lastStatus === "STOPPED") return "DELETED";
  return task.connectivityAt === undefined ? "PRECREATED" : "ATTACHED";
}

function presentAttachments(task: TaskRecord, attachment: Attachment): ecs.Attachment[] {
  const detail = (name: string, value: string | undefined) => (value === undefined ? [] : [{ name, value }]);
  if (task.placement === undefined) return [];
  return [
    {
      id: attachmentIdOf(task),
      type: "ElasticNetworkInterface",
      status: attachmentStatusOf(task),
      details: [
        ...detail("subnetId", attachment.subnetId),
        ...detail("networkInterfaceId", task.placement.networkInterfaceId),
        ...detail("macAddress", attachment.mac),
        ...detail(
          "privateDnsName",
          attachment.privateIp &&
            `ip-${attachment.privateIp.replaceAll(".", "-")}.${task.region}.compute.internal`,
        ),
        ...detail("privateIPv4Address", attachment.privateIp),
      ],
    },
  ];
}

function presentContainers(
  task: TaskRecord,
  { attachment, definition }: { attachment: Attachment; definition: TaskDefinitionRecord | undefined },
): ecs.Container[] {
  const attachmentId = attachmentIdOf(task);
  return task.containers.map((container) => {
    const spec = definition?.spec.containers.find((each) => each.name === container.name);
    return {
      containerArn: container.arn,
      taskArn: task.arn,
      name: container.name,
      image: container.image,
      imageDigest: container.imageDigest,
      runtimeId: container.runtimeId,
      lastStatus: container.lastStatus,
      exitCode: container.exitCode,
      reason: container.reason,
      healthStatus: container.health,
      networkBindings: [],
      networkInterfaces:
        attachment.privateIp === undefined
          ? []
          : [{ attachmentId, privateIpv4Address: attachment.privateIp }],
      cpu: String(spec?.cpu ?? 0),
      memory: sizeText(spec?.memoryMiB),
    };
  });
}

function sizeText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function presentOverride(task: TaskRecord, name: string): ecs.ContainerOverride {
  const override = task.overrides.containers.find((each) => each.name === name);
  if (override === undefined) return { name };
  return {
    name,
    command: override.command === undefined ? undefined : [...override.command],
    environment: override.environment.map((pair) => ({ ...pair })),
    environmentFiles: override.environmentFiles?.map((value) => ({ type: "s3", value })),
    cpu: override.cpu,
    memory: override.memoryMiB,
    memoryReservation: override.memoryReservationMiB,
  };
}
