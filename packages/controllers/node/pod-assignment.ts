import {
  type ContainerAssignment,
  type InterfaceAssignment,
  type LogDestination,
  type PodAssignment,
} from "@gantry/agent-protocol";
import { formatIp, parseCidr, present, type Vault } from "@gantry/kernel";
import {
  accountSettingOf,
  containerInsightsOf,
  type ContainerSpec,
  type NetworkInterfaceRecord,
  type Reader,
  type SessionRecord,
  type TaskRecord,
  type TaskDefinitionRecord,
  type TaskSecrets,
  type VpcRecord,
} from "@gantry/state";
import { volumeAssignment, volumeId } from "./volume-assignment.ts";

/** The dependencies of assignments besides records. */
export interface AssignmentDeps {
  readonly vault: Vault;
  /** Derives a stable id that cannot be guessed from a text: a keyed hash of 32 hexadecimal digits. */
  readonly secretId: (text: string) => string;
  /** The image as the engine pulls it, with the credentials of the execution role. */
  readonly resolveImage: (
    image: string,
    executionRoleArn: string | undefined,
    taskArn: string,
  ) => { image: string; registryAuth: string | undefined };
  /** The server of mysql and mariadb. */
  readonly databaseImage: string;
  readonly postgresImage: string;
  /** The system that instances run. */
  readonly machineImage: string;
}

/** A network interface in the form that a node creates it from. */
export function interfaceAssignment(reader: Reader, eni: NetworkInterfaceRecord): InterfaceAssignment {
  const subnet = present(reader.get("subnet", eni.subnetId), "An interface's subnet is kept.");
  const vpc = present(reader.get("vpc", eni.vpcId), "An interface's VPC is kept.");
  const block = present(parseCidr(subnet.cidr), "A stored subnet's block is valid.");
  const vpcBlock = present(parseCidr(vpc.cidr), "A stored VPC's block is valid.");
  return {
    id: eni.id,
    vpcId: eni.vpcId,
    ip: eni.privateIp,
    mac: eni.mac,
    prefix: block.prefix,
    gateway: formatIp(block.base + 1),
    hostname: `ip-${eni.privateIp.replaceAll(".", "-")}`,
    dnsServer: formatIp(vpcBlock.base + 2),
    dnsSearch: `${eni.region}.compute.internal`,
    ...dhcpDns(reader, vpc, formatIp(vpcBlock.base + 2)),
  };
}

/** The resolvers and domains that the DHCP options of a VPC name, where it has a set of its own. */
function dhcpDns(
  reader: Reader,
  vpc: VpcRecord,
  resolver: string,
): Pick<InterfaceAssignment, "dnsServers" | "dnsSearches"> {
  const options = reader.get("dhcpOptions", vpc.dhcpOptionsId);
  const valuesOf = (key: string) => options?.configurations.find((each) => each.key === key)?.values;
  const servers = valuesOf("domain-name-servers");
  const domains = valuesOf("domain-name")?.flatMap((each) => each.split(" ").filter((part) => part !== ""));
  return {
    ...(servers === undefined
      ? {}
      : { dnsServers: servers.map((each) => (each === "AmazonProvidedDNS" ? resolver : each)) }),
    ...(domains === undefined ? {} : { dnsSearches: domains }),
  };
}

/** A task's assignment to its node; undefined where it has none (any more). */
export function taskAssignment(
  reader: Reader,
  deps: AssignmentDeps,
  task: TaskRecord,
): PodAssignment | undefined {
  const eni = reader.get("networkInterface", task.placement?.networkInterfaceId);
  const definition = reader.get("taskDefinition", task.taskDefinitionArn);
  if (eni === undefined || definition === undefined || task.lastStatus === "STOPPED") return undefined;
  const { spec } = definition;
  const roleArn = task.overrides.taskRoleArn ?? spec.taskRoleArn;
  const session = reader.get("session", task.credentials.task);
  // A task with a role starts once it has credentials.
  if (roleArn !== undefined && session === undefined && task.desiredStatus === "RUNNING") return undefined;
  const id = task.arn.split("/").at(-1) ?? "";
  const secrets = taskSecrets(reader, deps.vault, task);
  const defaultLogMode = accountSettingOf(reader, task, "defaultLogDriverMode");
  return {
    kind: "pod",
    key: `pod/${id}`,
    role: "task",
    desired:
      task.desiredStatus === "STOPPED" && task.lastStatus !== "DEACTIVATING" && !isBeforeStopping(task)
        ? "STOPPED"
        : "RUNNING",
    interface: interfaceAssignment(reader, eni),
    cpuUnits: task.overrides.cpu ?? spec.cpu,
    memoryMiB: task.overrides.memoryMiB ?? spec.memoryMiB,
    containers: spec.containers.map((container) =>
      containerAssignment(deps, { task, definition, container, secrets, defaultLogMode }),
    ),
    ...measuresOf(reader, task),
    volumes: definition.spec.volumes.map((volume) => volumeAssignment(reader, volume, task)),
    purge: definition.spec.volumes.some((volume) => volume.efs === undefined) ? [`scratch/${id}`] : [],
    restart: false,
    metadata: taskMetadata(reader, deps, { task, definition, eni }),
    credentials: session === undefined ? [] : [taskCredentials(deps, task, session)],
    trustBundle: true,
  };
}

/** What is measured of a task beside its usage of CPU, memory and network. */
function measuresOf(
  reader: Reader,
  task: TaskRecord,
): Pick<PodAssignment, "containerMetrics" | "storageMetrics"> {
  const insights = containerInsightsOf(reader.get("cluster", task.clusterArn));
  if (insights === "disabled") return {};
  return { storageMetrics: true, ...(insights === "enhanced" ? { containerMetrics: true } : {}) };
}

/** What the task metadata endpoint shows about a task. */
function taskMetadata(
  reader: Reader,
  deps: AssignmentDeps,
  parts: { task: TaskRecord; definition: TaskDefinitionRecord; eni: NetworkInterfaceRecord },
): PodAssignment["metadata"] {
  const { task, definition, eni } = parts;
  const subnet = reader.get("subnet", eni.subnetId);
  return {
    endpointId: deps.secretId(`metadata/${task.arn}`),
    cluster: task.clusterArn,
    taskArn: task.arn,
    family: definition.family,
    revision: String(definition.revision),
    availabilityZone: subnet?.availabilityZone ?? "",
    launchType: task.launchType,
    serviceName: task.serviceArn?.split("/").at(-1),
    tags: task.tags,
    vpcId: eni.vpcId,
    subnetCidr: subnet?.cidr ?? "",
  };
}

/** The credentials of a task's role, which its credentials endpoint hands out under an id that cannot be guessed. */
function taskCredentials(
  { secretId, vault }: AssignmentDeps,
  task: TaskRecord,
  session: SessionRecord,
): PodAssignment["credentials"][number] {
  const secret = secretId(`credentials/${task.arn}`);
  return {
    id: secret.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    roleArn: session.roleArn,
    accessKeyId: session.accessKeyId,
    secretAccessKey: vault.open(session.sealedSecret),
    token: session.token,
    expiresAt: session.expiresAt,
  };
}

/** The secrets that were read when the task was placed. */
function taskSecrets(reader: Reader, vault: Vault, { arn }: TaskRecord): TaskSecrets | undefined {
  const record = reader.get("taskSecrets", arn);
  return record && (JSON.parse(vault.open(record.sealedSecrets)) as TaskSecrets); // The scheduler wrote it.
}

/**
 * Whether the desired status is STOPPED, but the task controller has not yet deregistered the task from its
 * target groups.
 */
function isBeforeStopping(task: TaskRecord): boolean {
  return (
    task.lastStatus === "RUNNING" &&
    task.stopCode !== "EssentialContainerExited" &&
    task.stopCode !== "TaskFailedToStart"
  );
}

function containerAssignment(
  deps: AssignmentDeps,
  parts: {
    task: TaskRecord;
    definition: TaskDefinitionRecord;
    container: ContainerSpec;
    secrets: TaskSecrets | undefined;
    defaultLogMode: string;
  },
): ContainerAssignment {
  const { task, definition, container, secrets } = parts;
  const override = task.overrides.containers.find((each) => each.name === container.name);
  const record = task.containers.find((each) => each.name === container.name);
  const { image, registryAuth } = deps.resolveImage(
    container.image,
    task.overrides.executionRoleArn ?? definition.spec.executionRoleArn,
    task.arn,
  );
  return {
    name: container.name,
    image: record?.pinnedDigest === undefined ? image : byDigest(image, record.pinnedDigest),
    registryAuth: registryAuth ?? registryAuthOf(secrets?.containers[container.name]?.registryLogin),
    essential: container.essential,
    command: override?.command ?? container.command,
    entryPoint: container.entryPoint,
    workingDirectory: container.workingDirectory,
    user: container.user,
    environment: environmentOf(task, container),
    ...secretEnvironmentOf(secrets?.containers[container.name]?.environment),
    ...secretFilesOf(secrets?.containers[container.name]),
    cpuShares: override?.cpu ?? container.cpu,
    memoryMiB: override?.memoryMiB ?? container.memoryMiB,
    memoryReservationMiB: override?.memoryReservationMiB ?? container.memoryReservationMiB,
    mounts: mountsOf(definition, container, task.placement?.readOnlyVolumes ?? []),
    privileged: container.privileged,
    pidHost: definition.spec.pidMode === "host",
    dependsOn: container.dependsOn,
    healthCheck: container.healthCheck,
    startTimeoutSeconds: container.startTimeoutSeconds,
    ...(container.restartPolicy === undefined ? {} : { restartPolicy: container.restartPolicy }),
    stopTimeoutSeconds: container.stopTimeoutSeconds,
    readonlyRootFilesystem: container.readonlyRootFilesystem,
    interactive: container.interactive,
    pseudoTerminal: container.pseudoTerminal,
    init: container.initProcessEnabled,
    capabilitiesAdd: container.capabilitiesAdd,
    capabilitiesDrop: container.capabilitiesDrop,
    ulimits: container.ulimits.map((limit) => ({
      name: limit.name,
      soft: limit.softLimit,
      hard: limit.hardLimit,
    })),
    sysctls: {},
    labels: ownLabels(container.dockerLabels),
    logs: logDestination(container, task, parts.defaultLogMode),
    arn: record?.arn ?? "",
  };
}

/** The variables of a container: of its definition and its override, and the region where none is set. */
function environmentOf(task: TaskRecord, container: ContainerSpec): readonly string[] {
  const override = task.overrides.containers.find((each) => each.name === container.name);
  const overridden = new Set(override?.environment.map((pair) => pair.name));
  const pairs = [
    ...container.environment.filter((pair) => !overridden.has(pair.name)),
    ...(override?.environment ?? []),
  ];
  const regions = ["AWS_REGION", "AWS_DEFAULT_REGION"].filter(
    (name) => !pairs.some((pair) => pair.name === name),
  );
  return [
    ...pairs.map((pair) => `${pair.name}=${pair.value}`),
    ...regions.map((name) => `${name}=${task.region}`),
  ];
}

function secretEnvironmentOf(
  pairs: readonly { readonly name: string; readonly value: string }[] = [],
): Pick<ContainerAssignment, "secretEnvironment"> {
  return pairs.length === 0 ? {} : { secretEnvironment: pairs.map(({ name, value }) => `${name}=${value}`) };
}

function secretFilesOf(
  secrets: TaskSecrets["containers"][string] | undefined,
): Pick<ContainerAssignment, "secretFiles"> {
  return secrets?.files === undefined ? {} : { secretFiles: secrets.files };
}

/** As Docker Engine takes it: base64url with padding. Source: Docker Engine API, "Authentication". */
function registryAuthOf(login: { username: string; password: string } | undefined): string | undefined {
  return (
    login && Buffer.from(JSON.stringify(login)).toString("base64").replaceAll("+", "-").replaceAll("/", "_")
  );
}

/** Without the platform's own labels, which an earlier version let definitions have. */
function ownLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith("gantry.")));
}

/** The reference by which the engine pulls and finds exactly one image: a tag is dropped. */
function byDigest(image: string, digest: string): string {
  const [name = ""] = image.split("@");
  const colon = name.lastIndexOf(":");
  return `${colon > name.lastIndexOf("/") ? name.slice(0, colon) : name}@${digest}`;
}

/**
 * Where a container's lines go.
 * Source: "Using the awslogs log driver", stream naming `prefix/container/task-id`; its multi-line and mode
 * options.
 */
export function logDestination(
  container: ContainerSpec,
  task: Pick<TaskRecord, "arn" | "placement">,
  defaultMode = "non-blocking",
): LogDestination | undefined {
  const configuration = container.logConfiguration;
  if (configuration?.logDriver !== "awslogs") return undefined;
  const taskId = task.arn.slice(task.arn.lastIndexOf("/") + 1);
  const options = { ...configuration.options, ...task.placement?.logOptions?.[container.name] };
  const prefix = options["awslogs-stream-prefix"];
  const datetime = options["awslogs-datetime-format"];
  return {
    region: options["awslogs-region"] ?? "",
    group: options["awslogs-group"] ?? "",
    stream: prefix === undefined ? taskId : `${prefix}/${container.name}/${taskId}`,
    multilinePattern:
      options["awslogs-multiline-pattern"] ??
      (datetime === undefined ? undefined : datetimePattern(datetime)),
    // An account setting decides where the definition does not.
    nonBlocking: (options["mode"] ?? defaultMode) !== "blocking",
    bufferMaxBytes: parseBytes(options["max-buffer-size"] ?? "10m"),
  };
}

const DATETIME_PARTS: Readonly<Record<string, string>> = {
  Y: "\\d{4}",
  m: "\\d{2}",
  d: "\\d{2}",
  H: "\\d{2}",
  I: "\\d{2}",
  M: "\\d{2}",
  S: "\\d{2}",
  L: "\\.\\d{3}",
  f: "\\d{6}",
  z: "[+-]\\d{4}",
  b: "[A-Z][a-z]{2}",
  B: "[A-Z][a-z]+",
  a: "[A-Z][a-z]{2}",
  A: "[A-Z][a-z]+",
  y: "\\d{2}",
  p: "[AP]M",
  j: "\\d{3}",
  Z: "[A-Z]{3,4}",
};

function datetimePattern(format: string): string {
  return format.replace(
    /%(.)|([.*+?^${}()|[\]\\])/g,
    (_, letter: string | undefined, special: string | undefined) =>
      letter === undefined ? `\\${special}` : (DATETIME_PARTS[letter] ?? letter),
  );
}

function parseBytes(text: string): number {
  const match = /^(\d+)([kmg]?)b?$/i.exec(text.trim());
  const factor = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match?.[2] ?? "").toLowerCase()] ?? 1;
  return match === null ? 10 * 1024 ** 2 : Number(match[1]) * factor;
}

function mountsOf(
  definition: TaskDefinitionRecord,
  container: ContainerSpec,
  readOnlyVolumes: readonly string[],
): ContainerAssignment["mounts"] {
  const inherited = container.volumesFrom.flatMap((from) =>
    (definition.spec.containers.find((each) => each.name === from.sourceContainer)?.mountPoints ?? []).map(
      (mount) => ({
        ...mount,
        readOnly: mount.readOnly || from.readOnly,
      }),
    ),
  );
  return [...container.mountPoints, ...inherited].map((mount) => ({
    volume: volumeId(mount.sourceVolume),
    containerPath: mount.containerPath,
    readOnly: mount.readOnly || readOnlyVolumes.includes(mount.sourceVolume),
  }));
}
