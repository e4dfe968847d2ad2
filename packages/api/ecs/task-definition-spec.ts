import type * as ecs from "@aws-sdk/client-ecs";
import type { ContainerSpec, TaskDefinitionRecord, VolumeSpec } from "@gantry/state";
import { ApiError } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { refuseMembers } from "../common/refuse.ts";
import { toLogConfiguration } from "./log-configuration.ts";
import { parseCpu, parseMemory } from "./task-sizes.ts";

type Spec = TaskDefinitionRecord["spec"];

/** CPU units to the memory sizes, in MiB, that Fargate has for them. Source: ECS Developer Guide, "Task CPU and memory". */
export const FARGATE_SIZES: ReadonlyMap<number, readonly number[]> = new Map([
  [256, [512, 1024, 2048]],
  [512, steps(1024, 4096, 1024)],
  [1024, steps(2048, 8192, 1024)],
  [2048, steps(4096, 16384, 1024)],
  [4096, steps(8192, 30720, 1024)],
  [8192, steps(16384, 61440, 4096)],
  [16384, steps(32768, 122880, 8192)],
]);
const ECR_IMAGE = /(^|\/)\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com\//;
const CONTAINERS_MAX = 10;
const MEMORY_MIN_MIB = 6;
const STOP_TIMEOUT_SECONDS = 30;

/** A registration as a spec with every choice made. Errors: ClientException, in AWS's words where they are known. */
export function toTaskDefinitionSpec(
  input: ecs.RegisterTaskDefinitionRequest,
  { allowHostAccess }: Pick<ApiDeps, "allowHostAccess">,
): Spec {
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(input.family ?? ""))
    throw refused(
      "Invalid family name. Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.",
    );
  refuseMembers(
    input,
    [
      "placementConstraints",
      "ipcMode",
      "proxyConfiguration",
      "inferenceAccelerators",
      "enableFaultInjection",
    ],
    "ClientException",
  );
  const compatibilities = (input.requiresCompatibilities ?? []).map(toCompatibility);
  const isFargate = compatibilities.includes("FARGATE");
  if (isFargate && input.networkMode !== "awsvpc")
    throw refused("Fargate only supports network mode ‘awsvpc’.");
  if (input.networkMode !== "awsvpc")
    throw refused(
      `Gantry supports the network mode awsvpc alone so far, not ${input.networkMode ?? "bridge (the default)"}: set networkMode to awsvpc.`,
    );
  const definitions = input.containerDefinitions ?? [];
  if (definitions.length === 0) throw refused("Container definitions should not be null or empty.");
  if (definitions.length > CONTAINERS_MAX)
    throw refused(`Too many container definitions: at most ${CONTAINERS_MAX} are allowed.`);
  checkHostAccess(input, { isFargate, allowHostAccess });
  const volumes = (input.volumes ?? []).map(toVolumeSpec);
  const containers = definitions.map((definition) => toContainerSpec(definition, isFargate));
  const cpu = parseCpu(input.cpu);
  const memoryMiB = parseMemory(input.memory);
  checkContainers(containers, volumes);
  checkSizes(containers, { cpu, memoryMiB, isFargate });
  const needsExecutionRole = containers.some(
    (container) => container.logConfiguration?.logDriver === "awslogs",
  );
  if (isFargate && needsExecutionRole && input.executionRoleArn === undefined)
    throw refused(
      "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    );
  if (
    isFargate &&
    input.executionRoleArn === undefined &&
    containers.some((container) => ECR_IMAGE.test(container.image))
  )
    throw refused("Fargate requires task definition to have execution role ARN to support ECR images.");
  return {
    containers,
    volumes,
    networkMode: "awsvpc",
    pidMode: input.pidMode === "host" ? "host" : undefined,
    requiresCompatibilities: compatibilities,
    cpu,
    memoryMiB,
    taskRoleArn: input.taskRoleArn || undefined,
    executionRoleArn: input.executionRoleArn || undefined,
    runtimePlatform: input.runtimePlatform && {
      cpuArchitecture: input.runtimePlatform.cpuArchitecture,
      operatingSystemFamily: input.runtimePlatform.operatingSystemFamily,
    },
    ephemeralStorageGiB: input.ephemeralStorage?.sizeInGiB,
  };
}

/** Docker's own set: what every container has. Source: moby, oci/caps/defaults.go. */
const USUAL_CAPABILITIES = [
  ...[
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
  ],
  ...["NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE", "SYS_PTRACE"],
];

/** What would let a container out of its walls: never on Fargate, as on AWS; elsewhere where the operator says so. */
function checkHostAccess(
  input: ecs.RegisterTaskDefinitionRequest,
  options: { isFargate: boolean; allowHostAccess: boolean },
): void {
  const { isFargate, allowHostAccess } = options;
  if (input.pidMode !== undefined && input.pidMode !== "host")
    throw refused(`Gantry does not support pidMode ${input.pidMode} yet: leave it out.`);
  const containers = input.containerDefinitions ?? [];
  const asked = [
    input.pidMode === "host" ? "pidMode host" : "",
    (input.volumes ?? []).some((volume) => (volume.host?.sourcePath ?? "") !== "") ? "host.sourcePath" : "",
    containers.some((container) => container.privileged === true) ? "privileged" : "",
    containers.some((container) =>
      (container.linuxParameters?.capabilities?.add ?? []).some((name) => !USUAL_CAPABILITIES.includes(name)),
    )
      ? "linuxParameters.capabilities.add"
      : "",
  ].filter((what) => what !== "");
  const [first] = asked;
  if (first === undefined) return;
  if (isFargate && first === "host.sourcePath")
    throw refused("host.sourcePath should not be set for volumes in Fargate.");
  if (isFargate && first !== "linuxParameters.capabilities.add")
    throw refused(`Fargate does not support ${first}.`);
  if (!isFargate && !allowHostAccess)
    throw refused(
      `${asked.join(", ")} would give tasks the host itself, which this Gantry does not allow: start it with "gantry up --allow-host-access".`,
    );
}

function toCompatibility(value: string): "FARGATE" | "EC2" {
  if (value === "FARGATE" || value === "EC2") return value;
  throw refused(`Gantry supports the launch types FARGATE and EC2, not ${value}.`);
}

function toContainerSpec(definition: ecs.ContainerDefinition, isFargate: boolean): ContainerSpec {
  const { name = "", image = "" } = definition;
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name))
    throw refused(
      "Container name must be specified: up to 255 letters (uppercase and lowercase), numbers, hyphens, and underscores are allowed.",
    );
  if (image === "") throw refused("Container.image should not be null or empty.");
  refuseMembers(
    definition,
    [
      "links",
      "hostname",
      "dnsServers",
      "dnsSearchDomains",
      "extraHosts",
      "dockerSecurityOptions",
      "environmentFiles",
      "secrets",
      "repositoryCredentials",
      "resourceRequirements",
      "firelensConfiguration",
      "credentialSpecs",
      "restartPolicy",
      "disableNetworking",
    ],
    "ClientException",
    "containerDefinitions",
  );
  const linux = definition.linuxParameters ?? {};
  refuseMembers(
    linux,
    ["devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness"],
    "ClientException",
    "containerDefinitions.linuxParameters",
  );
  const added = linux.capabilities?.add ?? [];
  if (isFargate && added.some((capability) => capability !== "SYS_PTRACE"))
    throw refused(`Fargate does not support adding capabilities other than SYS_PTRACE: ${added.join(", ")}.`);
  return {
    name,
    image,
    versionConsistency: definition.versionConsistency ?? "enabled",
    essential: definition.essential ?? true,
    cpu: definition.cpu ?? 0,
    memoryMiB: definition.memory,
    memoryReservationMiB: definition.memoryReservation,
    command: definition.command,
    entryPoint: definition.entryPoint,
    workingDirectory: definition.workingDirectory,
    user: definition.user,
    environment: (definition.environment ?? []).map((pair) => ({
      name: pair.name ?? "",
      value: pair.value ?? "",
    })),
    portMappings: (definition.portMappings ?? []).map((mapping) => toPortMapping(mapping)),
    mountPoints: (definition.mountPoints ?? []).map((mount) => ({
      sourceVolume: mount.sourceVolume ?? "",
      containerPath: toContainerPath(mount.containerPath),
      readOnly: mount.readOnly ?? false,
    })),
    volumesFrom: (definition.volumesFrom ?? []).map((from) => ({
      sourceContainer: from.sourceContainer ?? "",
      readOnly: from.readOnly ?? false,
    })),
    dependsOn: (definition.dependsOn ?? []).map((dependency) => ({
      containerName: dependency.containerName ?? "",
      condition: dependency.condition ?? "START",
    })),
    healthCheck: toHealthCheck(definition.healthCheck),
    logConfiguration: toLogConfiguration(definition.logConfiguration, isFargate),
    startTimeoutSeconds: definition.startTimeout,
    stopTimeoutSeconds: checkRange(
      definition.stopTimeout ?? STOP_TIMEOUT_SECONDS,
      "stopTimeout",
      isFargate ? 0 : 0,
      120,
    ),
    readonlyRootFilesystem: definition.readonlyRootFilesystem ?? false,
    interactive: definition.interactive ?? false,
    pseudoTerminal: definition.pseudoTerminal ?? false,
    initProcessEnabled: linux.initProcessEnabled ?? false,
    capabilitiesAdd: added,
    capabilitiesDrop: linux.capabilities?.drop ?? [],
    ulimits: (definition.ulimits ?? []).map((limit) => ({
      name: limit.name ?? "",
      softLimit: limit.softLimit ?? 0,
      hardLimit: limit.hardLimit ?? 0,
    })),
    systemControls: (definition.systemControls ?? []).map((control) => ({
      namespace: control.namespace ?? "",
      value: control.value ?? "",
    })),
    dockerLabels: toDockerLabels(definition.dockerLabels),
    privileged: definition.privileged ?? false,
  };
}

/** The platform finds its own containers by its labels: no caller sets them. */
function toDockerLabels(labels: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const reserved = Object.keys(labels).find((name) => name.startsWith("gantry."));
  if (reserved !== undefined)
    throw refused(
      `Invalid dockerLabels: labels that begin with 'gantry.' are reserved, such as ${reserved}.`,
    );
  return labels;
}

function toPortMapping(mapping: ecs.PortMapping): ContainerSpec["portMappings"][number] {
  refuseMembers(mapping, ["containerPortRange"], "ClientException", "containerDefinitions.portMappings");
  const containerPort = checkRange(mapping.containerPort ?? 0, "containerPort", 1, 65_535);
  // hostPort 0 means "as the container's" in awsvpc mode.
  const hostPort =
    mapping.hostPort === undefined || mapping.hostPort === 0 ? containerPort : mapping.hostPort;
  if (hostPort !== containerPort)
    throw refused("When networkMode=awsvpc, the host ports and container ports in port mappings must match.");
  return { containerPort, hostPort, protocol: mapping.protocol ?? "tcp", name: mapping.name };
}

/** Source: API_HealthCheck: defaults 30 s, 5 s, 3, off. */
function toHealthCheck(check: ecs.HealthCheck | undefined): ContainerSpec["healthCheck"] {
  if (check === undefined) return undefined;
  const [kind] = check.command ?? [];
  if (kind !== "CMD" && kind !== "CMD-SHELL" && kind !== "NONE")
    throw refused("The health check command must begin with CMD or CMD-SHELL.");
  return {
    command: check.command ?? [],
    intervalSeconds: checkRange(check.interval ?? 30, "healthCheck.interval", 5, 300),
    timeoutSeconds: checkRange(check.timeout ?? 5, "healthCheck.timeout", 2, 60),
    retries: checkRange(check.retries ?? 3, "healthCheck.retries", 1, 10),
    startPeriodSeconds: checkRange(check.startPeriod ?? 0, "healthCheck.startPeriod", 0, 300),
  };
}

function toVolumeSpec(volume: ecs.Volume): VolumeSpec {
  refuseMembers(
    volume,
    [
      "dockerVolumeConfiguration",
      "fsxWindowsFileServerVolumeConfiguration",
      "configuredAtLaunch",
      "s3filesVolumeConfiguration",
    ],
    "ClientException",
    "volumes",
  );
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(volume.name ?? ""))
    throw refused(
      "Invalid volume name. Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.",
    );
  const hostPath = volume.host?.sourcePath || undefined;
  if (hostPath !== undefined && (!hostPath.startsWith("/") || hasControlCharacter(hostPath)))
    throw refused(`Invalid host.sourcePath '${hostPath}': it must be an absolute path.`);
  const efs = volume.efsVolumeConfiguration;
  if (efs === undefined) return { name: volume.name ?? "", hostPath, efs: undefined };
  if (hostPath !== undefined) throw refused("Only one volume type should be specified.");
  const accessPointId = efs.authorizationConfig?.accessPointId;
  const transitEncryption = efs.transitEncryption === "ENABLED";
  const rootDirectory = toRootDirectory(efs.rootDirectory);
  if (accessPointId !== undefined && rootDirectory !== "/")
    throw refused("EFS volumes with an access point must leave the root directory out or set it to '/'.");
  if ((accessPointId !== undefined || efs.authorizationConfig?.iam === "ENABLED") && !transitEncryption)
    throw refused(
      "EFS transit encryption must be enabled when an access point or IAM authorization is used.",
    );
  return {
    name: volume.name ?? "",
    hostPath,
    efs: {
      fileSystemId: efs.fileSystemId ?? "",
      rootDirectory,
      accessPointId,
      transitEncryption,
      iam: efs.authorizationConfig?.iam === "ENABLED",
    },
  };
}

/** A path of the file system. It is resolved inside the file system when a task starts, whatever links are on the way. */
function toRootDirectory(given: string | undefined): string {
  const path = given || "/";
  if (!path.startsWith("/") || path.split("/").includes("..") || hasControlCharacter(path))
    throw refused(
      `Invalid rootDirectory '${path}': it must be an absolute path within the file system, without '..'.`,
    );
  return path;
}

/** An absolute path; a colon would be read as the start of the engine's options by tools that join paths with colons. */
function toContainerPath(given: string | undefined): string {
  const path = given ?? "";
  const isAbsolute = path.startsWith("/") && path.split("/").some((part) => part !== "" && part !== ".");
  if (!isAbsolute || path.includes(":") || path.split("/").includes("..") || hasControlCharacter(path))
    throw refused(
      `Invalid containerPath '${path}': it must be an absolute path below '/', without ':' and '..'.`,
    );
  return path;
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < " " || character === "\x7f");
}

function checkContainers(containers: readonly ContainerSpec[], volumes: readonly VolumeSpec[]): void {
  if (!containers.some((container) => container.essential))
    throw refused(
      "Invalid setting for container. At least one container in a task definition must be marked as essential.",
    );
  const names = containers.map((container) => container.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refused(`Container.name '${twice}' should be unique.`);
  const ports = containers.flatMap((container) =>
    container.portMappings.map((mapping) => `${mapping.containerPort}/${mapping.protocol}`),
  );
  const clash = ports.find((port, index) => ports.indexOf(port) !== index);
  if (clash !== undefined)
    throw refused(
      `Port ${clash} is used by more than one container: in awsvpc mode the containers of a task share their ports.`,
    );
  for (const container of containers) {
    for (const { containerName, condition } of container.dependsOn) {
      const other = containers.find((each) => each.name === containerName);
      if (other === undefined || containerName === container.name)
        throw refused(
          `Container '${container.name}' depends on container '${containerName}', which is not another container of the task definition.`,
        );
      if ((condition === "COMPLETE" || condition === "SUCCESS") && other.essential)
        throw refused(
          `A dependency with condition ${condition} must be on a container that is not essential: ${containerName}.`,
        );
      if (condition === "HEALTHY" && other.healthCheck === undefined)
        throw refused(
          `Container '${container.name}' waits for '${containerName}' to be HEALTHY, but that container has no health check.`,
        );
    }
    for (const mount of container.mountPoints)
      if (!volumes.some((volume) => volume.name === mount.sourceVolume))
        throw refused(`Unknown volume '${mount.sourceVolume}'.`);
  }
  if (hasCycle(containers)) throw refused("Cycle detected in container dependencies.");
}

function hasCycle(containers: readonly ContainerSpec[]): boolean {
  const done = new Set<string>();
  let before = -1;
  while (done.size !== before) {
    before = done.size;
    for (const container of containers)
      if (container.dependsOn.every((dependency) => done.has(dependency.containerName)))
        done.add(container.name);
  }
  return done.size < containers.length;
}

function checkSizes(
  containers: readonly ContainerSpec[],
  task: { cpu: number | undefined; memoryMiB: number | undefined; isFargate: boolean },
): void {
  for (const container of containers) {
    if (container.memoryMiB !== undefined && container.memoryMiB < MEMORY_MIN_MIB)
      throw refused(
        `Invalid setting for container '${container.name}'. Memory must be at least ${MEMORY_MIN_MIB} MiB.`,
      );
    if (
      container.memoryMiB !== undefined &&
      container.memoryReservationMiB !== undefined &&
      container.memoryReservationMiB > container.memoryMiB
    )
      throw refused(
        `Invalid setting for container '${container.name}'. The memory reservation must not be greater than the memory.`,
      );
    if (
      task.memoryMiB === undefined &&
      container.memoryMiB === undefined &&
      container.memoryReservationMiB === undefined
    )
      throw refused(
        `Invalid setting for container '${container.name}'. At least one of 'memory' or 'memoryReservation' must be specified.`,
      );
  }
  const cpuSum = containers.reduce((sum, container) => sum + container.cpu, 0);
  const memorySum = containers.reduce(
    (sum, container) => sum + (container.memoryReservationMiB ?? container.memoryMiB ?? 0),
    0,
  );
  if (task.isFargate) {
    if (task.cpu === undefined) throw refused("Fargate requires that 'cpu' be defined at the task level.");
    if (task.memoryMiB === undefined)
      throw refused("Fargate requires that 'memory' be defined at the task level.");
    if (!FARGATE_SIZES.get(task.cpu)?.includes(task.memoryMiB))
      throw refused(
        `No Fargate configuration exists for given values: ${task.cpu} CPU, ${task.memoryMiB} memory. See the Amazon ECS documentation for the valid values.`,
      );
  }
  if (task.cpu !== undefined && cpuSum > task.cpu)
    throw refused(
      `The total amount of CPU units reserved by the containers (${cpuSum}) is greater than the task's (${task.cpu}).`,
    );
  if (task.memoryMiB !== undefined && memorySum > task.memoryMiB)
    throw refused(
      `Invalid 'memory' setting for task. The containers' memory (${memorySum} MiB) is greater than the task's (${task.memoryMiB} MiB).`,
    );
  const greedy = containers.find(
    (container) => task.memoryMiB !== undefined && (container.memoryMiB ?? 0) > task.memoryMiB,
  );
  if (greedy !== undefined)
    throw refused(
      `Invalid setting for container '${greedy.name}'. The container's memory is greater than the task's.`,
    );
}

function checkRange(value: number, name: string, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max)
    throw refused(`Invalid value for ${name}: ${value}. It must be between ${min} and ${max}.`);
  return value;
}

function refused(message: string): ApiError {
  return new ApiError("ClientException", message);
}

function steps(first: number, last: number, step: number): readonly number[] {
  return Array.from({ length: (last - first) / step + 1 }, (_, index) => first + index * step);
}
