import type * as ecs from "@aws-sdk/client-ecs";
import type { ContainerSpec } from "@gantry/state";
import { refuseMembers } from "./api-error.ts";
import { toEnvironmentFiles, toRepositoryCredentials, toSecrets } from "./container-secrets.ts";
import { toLogConfiguration } from "./log-configuration.ts";
import { checkRange, hasControlCharacter, refused } from "./registration-refusal.ts";

const STOP_TIMEOUT_SECONDS = 30;
const RESTART_PERIOD_SECONDS = 300;
const IGNORED_EXIT_CODES_MAX = 50;

/** A container definition with every default filled in. Errors: ClientException. */
export function toContainerSpec(definition: ecs.ContainerDefinition, isFargate: boolean): ContainerSpec {
  const { name = "", image = "" } = definition;
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name))
    throw refused(
      "Container name must be specified: up to 255 letters (uppercase and lowercase), numbers, " +
        "hyphens, and underscores are allowed.",
    );
  if (image === "") throw refused("Container.image should not be null or empty.");
  const { linux, added } = checkedLinuxParameters(definition, isFargate);
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
    ...toReferences(definition),
    ...toRepositoryCredentials(definition.repositoryCredentials),
    healthCheck: toHealthCheck(definition.healthCheck),
    logConfiguration: toLogConfiguration(definition.logConfiguration, isFargate),
    startTimeoutSeconds: definition.startTimeout,
    ...toRestartPolicy(definition.restartPolicy),
    stopTimeoutSeconds: checkRange(definition.stopTimeout ?? STOP_TIMEOUT_SECONDS, "stopTimeout", 0, 120),
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

/** The members that are lists of pairs, without absent values. */
function toReferences(definition: ecs.ContainerDefinition) {
  return {
    environment: (definition.environment ?? []).map((pair) => ({
      name: pair.name ?? "",
      value: pair.value ?? "",
    })),
    secrets: toSecrets(definition),
    ...toEnvironmentFiles(definition.environmentFiles),
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
  };
}

/** Refuses members that have no effect here, and capabilities that Fargate does not have. */
function checkedLinuxParameters(
  definition: ecs.ContainerDefinition,
  isFargate: boolean,
): { linux: ecs.LinuxParameters; added: readonly string[] } {
  refuseMembers(
    definition,
    [
      "links",
      "hostname",
      "dnsServers",
      "dnsSearchDomains",
      "extraHosts",
      "dockerSecurityOptions",
      "resourceRequirements",
      "firelensConfiguration",
      "credentialSpecs",
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
  return { linux, added };
}

/** Refuses labels of the platform's own prefix: the platform finds its containers by them. */
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

/** Source: API_ContainerRestartPolicy: 60 to 1,800 s, by default 300; at most 50 codes. */
function toRestartPolicy(
  policy: ecs.ContainerRestartPolicy | undefined,
): Pick<ContainerSpec, "restartPolicy"> {
  if (policy?.enabled !== true) return {};
  const ignoredExitCodes = policy.ignoredExitCodes ?? [];
  if (ignoredExitCodes.length > IGNORED_EXIT_CODES_MAX)
    throw refused(`Too many restartPolicy.ignoredExitCodes: at most ${IGNORED_EXIT_CODES_MAX} are allowed.`);
  const period = policy.restartAttemptPeriod ?? RESTART_PERIOD_SECONDS;
  const attemptPeriodSeconds = checkRange(period, "restartPolicy.restartAttemptPeriod", 60, 1_800);
  return { restartPolicy: { ignoredExitCodes, attemptPeriodSeconds } };
}

/**
 * An absolute path; a colon would be read as the start of the engine's options by tools that join paths with
 * colons.
 */
function toContainerPath(given: string | undefined): string {
  const path = given ?? "";
  const isAbsolute = path.startsWith("/") && path.split("/").some((part) => part !== "" && part !== ".");
  if (!isAbsolute || path.includes(":") || path.split("/").includes("..") || hasControlCharacter(path))
    throw refused(
      `Invalid containerPath '${path}': it must be an absolute path below '/', without ':' and '..'.`,
    );
  return path;
}
