import { DEVICE_MINOR_MIN, DEVICES_MAX, type BlockDevices } from "@gantry/agent-protocol";
import type {
  AttachedInterface,
  ContainerAssignment,
  CredentialsAssignment,
  InstanceMetadata,
  FileSystemVolume,
  InterfaceAssignment,
  LogDestination,
  PodAssignment,
  TaskMetadata,
  VolumeAssignment,
  WarmAssignment,
} from "@gantry/agent-protocol";
import { isObject } from "@gantry/kernel";
import {
  address,
  ARN,
  block,
  boolean,
  count,
  dnsName,
  id,
  integer,
  list,
  mac,
  map,
  matching,
  object,
  oneOf,
  optional,
  relativePath,
  text,
  wordOf,
  type Check,
} from "./check.ts";

const KEY = matching(/^[a-z]+\/[A-Za-z0-9_-]{1,255}$/, "a key");
const CONTAINER_NAME = matching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/, "the name of a container");
/** Source: OCI Distribution Specification, "Pulling manifests"; a name has a host, a path, a tag or a digest. */
const IMAGE = matching(/^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,1023}$/, "the name of an image");
const VOLUME_ID = matching(/^[A-Za-z0-9_-]{1,255}$/, "the id of a volume");

const interfaceChecks = object<InterfaceAssignment>({
  id,
  vpcId: id,
  ip: address,
  mac,
  prefix: integer(0, 32),
  gateway: address,
  hostname: dnsName,
  dnsServer: address,
  dnsSearch: dnsName,
  dnsServers: optional(list(address)),
  dnsSearches: optional(list(dnsName)),
});

/** The interfaces of instance types are fewer: the index is part of a name, and of a table's number. */
const attachedInterface = object<AttachedInterface>({
  id,
  vpcId: id,
  ip: address,
  mac,
  gateway: address,
  subnet: block,
  index: integer(1, 99),
});

const INSTANCE_ID = matching(/^i-[0-9a-f]{8,40}$/, "the id of an instance");
const DATABASE_ID = matching(/^db-[A-Z0-9]{1,40}$/, "the resource id of a database");

const logDestination = object<LogDestination>({
  instanceId: optional(INSTANCE_ID),
  databaseId: optional(DATABASE_ID),
  region: matching(/^[a-z][a-z0-9-]{0,63}$/, "a region"),
  group: text,
  stream: text,
  multilinePattern: optional(text),
  nonBlocking: boolean,
  bufferMaxBytes: count,
});

const container = object<ContainerAssignment>({
  name: CONTAINER_NAME,
  image: IMAGE,
  registryAuth: optional(text),
  essential: boolean,
  command: optional(list(text)),
  entryPoint: optional(list(text)),
  workingDirectory: optional(text),
  user: optional(text),
  environment: list(text),
  secretEnvironment: optional(list(matching(/^[^=\0]+=[^\0]*$/, "a variable"))),
  secretFiles: optional(
    list(
      object<NonNullable<ContainerAssignment["secretFiles"]>[number]>({
        path: matching(/^\/[^\0\n:]*$/, "a path in the container"),
        value: text,
      }),
    ),
  ),
  cpuShares: count,
  memoryMiB: optional(count),
  memoryReservationMiB: optional(count),
  mounts: list(
    object<ContainerAssignment["mounts"][number]>({
      volume: VOLUME_ID,
      containerPath: matching(/^\/[^\0\n]*$/, "a path in the container"),
      readOnly: boolean,
    }),
  ),
  privileged: boolean,
  pidHost: boolean,
  dependsOn: list(
    object<ContainerAssignment["dependsOn"][number]>({
      containerName: CONTAINER_NAME,
      condition: oneOf("START", "COMPLETE", "SUCCESS", "HEALTHY"),
    }),
  ),
  healthCheck: optional(
    object<NonNullable<ContainerAssignment["healthCheck"]>>({
      command: list(text),
      intervalSeconds: count,
      timeoutSeconds: count,
      retries: count,
      startPeriodSeconds: count,
    }),
  ),
  startTimeoutSeconds: optional(count),
  restartPolicy: optional(
    object<NonNullable<ContainerAssignment["restartPolicy"]>>({
      ignoredExitCodes: list(count),
      attemptPeriodSeconds: count,
    }),
  ),
  stopTimeoutSeconds: count,
  readonlyRootFilesystem: boolean,
  interactive: boolean,
  pseudoTerminal: boolean,
  init: boolean,
  capabilitiesAdd: list(matching(/^[A-Z_]{1,64}$/, "a capability")),
  capabilitiesDrop: list(matching(/^[A-Z_]{1,64}$/, "a capability")),
  ulimits: list(
    object<ContainerAssignment["ulimits"][number]>({
      name: matching(/^[a-z]{1,32}$/, "a limit"),
      soft: integer(-1),
      hard: integer(-1),
    }),
  ),
  sysctls: map(matching(/^[A-Za-z0-9._/-]{1,255}$/, "a kernel parameter"), text),
  labels: map(text, text),
  logs: optional(logDestination),
  arn: text,
});

type Identity<Type extends string> = Extract<FileSystemVolume["identity"], { type: Type }>;

const userIdentity = object<Identity<"user">>({
  type: oneOf("user"),
  uid: count,
  gid: count,
  secondaryGids: list(count),
});
const rootSquash = object<Identity<"rootSquash">>({ type: oneOf("rootSquash") });
const identity: Check = (value, path) =>
  (isObject(value) && value["type"] === "user" ? userIdentity : rootSquash)(value, path);

type Volume<Type extends VolumeAssignment["type"]> = Extract<VolumeAssignment, { type: Type }>;

const volumes: { readonly [Type in VolumeAssignment["type"]]: Check } = {
  host: object<Volume<"host">>({
    type: oneOf("host"),
    id: VOLUME_ID,
    path: matching(/^\/[^\0\n]*$/, "an absolute path"),
  }),
  folder: object<Volume<"folder">>({
    type: oneOf("folder"),
    id: VOLUME_ID,
    path: relativePath,
    source: optional(relativePath),
  }),
  secrets: object<Volume<"secrets">>({
    type: oneOf("secrets"),
    id: VOLUME_ID,
    files: map(matching(/^[A-Za-z0-9_-]{1,64}$/, "the name of a file"), text),
  }),
  fileSystem: object<FileSystemVolume>({
    type: oneOf("fileSystem"),
    id: VOLUME_ID,
    fileSystemId: id,
    dnsName,
    // The directory is resolved inside the file system: links and ".." cannot leave it.
    directory: matching(/^[^\0\n]*$/, "a directory"),
    creation: optional(
      object<NonNullable<FileSystemVolume["creation"]>>({
        uid: count,
        gid: count,
        mode: matching(/^[0-7]{3,4}$/, "a file mode"),
      }),
    ),
    accessPoint: boolean,
    identity: optional(identity),
  }),
};

const volume: Check = (value, path) => {
  const type = isObject(value) ? wordOf(value["type"]) : "";
  return Object.hasOwn(volumes, type)
    ? volumes[type as VolumeAssignment["type"]](value, path) // A key of the table.
    : `${path} is of no known type`;
};

const credentials = object<CredentialsAssignment>({
  id: matching(/^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/, "the id of credentials"),
  roleArn: ARN,
  accessKeyId: text,
  secretAccessKey: text,
  token: text,
  expiresAt: count,
});

const metadata = object<TaskMetadata>({
  endpointId: matching(/^[0-9A-Za-z]{1,64}$/, "the id of an endpoint"),
  cluster: ARN,
  taskArn: ARN,
  family: text,
  revision: text,
  availabilityZone: text,
  launchType: text,
  serviceName: optional(text),
  tags: optional(map(text, text)),
  vpcId: id,
  subnetCidr: block,
});

const nullableText: Check = (value, path) => (value === null ? undefined : text(value, path));

const instance = object<InstanceMetadata>({
  instanceId: INSTANCE_ID,
  httpTokens: oneOf("optional", "required"),
  tokenKey: matching(/^[0-9a-f]{32,}$/, "a key in hexadecimal"),
  userData: optional(text),
  categories: map(text, text),
  document: map(text, nullableText),
  roleName: optional(text),
});

/** Loop devices below are the machine's own; the kernel's numbers have 20 bits. */
const MINOR = integer(DEVICE_MINOR_MIN, 2 ** 20 - 1);

const deviceFields = object<BlockDevices>({
  firstMinor: MINOR,
  attached: list(
    object<BlockDevices["attached"][number]>({
      minor: MINOR,
      volumeId: matching(/^vol-[0-9a-f]{8,40}$/, "the id of a volume"),
      names: list(matching(/^(?:sd|xvd)[a-z]{1,2}$/, "the name of a device")),
    }),
  ),
});

/** The devices of a pod are of its own range: another pod's number would give it that pod's volume. */
const blockDevices: Check = (value, path) => {
  const problem = deviceFields(value, path);
  if (problem !== undefined) return problem;
  const { firstMinor, attached } = value as BlockDevices; // Just checked.
  const isOwn = (minor: number) => minor >= firstMinor && minor < firstMinor + DEVICES_MAX;
  if (firstMinor % DEVICES_MAX !== 0) return `${path}.firstMinor is not the first of a range`;
  return attached.every(({ minor }) => isOwn(minor)) ? undefined : `${path} has a device of another pod`;
};

/** Checks a pod: a task, an instance or a system task. */
export const checkPod: Check = object<PodAssignment>({
  kind: oneOf("pod"),
  key: KEY,
  role: oneOf("task", "database", "instance"),
  desired: oneOf("RUNNING", "STOPPED"),
  interface: interfaceChecks,
  attachedInterfaces: optional(list(attachedInterface)),
  cpuUnits: optional(count),
  memoryMiB: optional(count),
  containers: list(container),
  containerMetrics: optional(boolean),
  storageMetrics: optional(boolean),
  volumes: list(volume),
  purge: list(relativePath),
  restart: boolean,
  metadata: optional(metadata),
  instance: optional(instance),
  blockDevices: optional(blockDevices),
  credentials: list(credentials),
  trustBundle: boolean,
});

/** Checks an interface that is created before a task needs it. */
export const checkWarm: Check = object<WarmAssignment>({
  kind: oneOf("interface"),
  key: KEY,
  interface: interfaceChecks,
});
