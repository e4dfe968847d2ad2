import {
  DEVICES_MAX,
  type BlockDevices,
  type ContainerAssignment,
  type PodAssignment,
} from "@gantry/agent-protocol";
import { present } from "@gantry/kernel";
import type { ContainerSpec, MountSpec } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";
import type { PodImage } from "./pod-images.ts";
import type { PodLimits } from "./task-limits.ts";

/** Labels that record the image of a container, for an agent that starts later. */
export const IMAGE_DIGEST_LABEL = "gantry.image.digest";
export const IMAGE_SOURCE_LABEL = "gantry.image.source";

/** The folder in containers with the platform's CA and the public roots. */
const TRUST_FOLDER = "/opt/trust";
const TRUST_VARIABLES: Readonly<Record<string, string>> = {
  NODE_EXTRA_CA_CERTS: `${TRUST_FOLDER}/ca.pem`,
  SSL_CERT_FILE: `${TRUST_FOLDER}/bundle.pem`,
  AWS_CA_BUNDLE: `${TRUST_FOLDER}/bundle.pem`,
  REQUESTS_CA_BUNDLE: `${TRUST_FOLDER}/bundle.pem`,
  CURL_CA_BUNDLE: `${TRUST_FOLDER}/bundle.pem`,
  GIT_SSL_CAINFO: `${TRUST_FOLDER}/bundle.pem`,
};

/**
 * Renders the engine's specification of a pod's container. `dataPath` is the path of the data volume on the
 * engine's host, `sources` the path of each volume of the pod.
 */
export function containerSpec(
  container: ContainerAssignment,
  options: {
    pod: PodAssignment;
    naming: Naming;
    limits: PodLimits;
    dataPath: string;
    /** The files by which the pod resolves names. */
    nameFiles: readonly MountSpec[];
    sources: ReadonlyMap<string, string>;
    image: PodImage;
  },
): ContainerSpec {
  const { pod, naming, limits, dataPath, nameFiles, sources, image } = options;
  return {
    name: naming.container(pod.key, container.name),
    image: image.reference,
    labels: {
      ...container.labels,
      ...naming.labels,
      ...ownLabels(container, pod, image),
    },
    command: container.command,
    entryPoint: container.entryPoint,
    workingDirectory: container.workingDirectory,
    user: container.user,
    environment: [
      ...container.environment,
      ...(pod.trustBundle ? trustVariables(container.environment) : []),
      ...metadataVariables(container, pod),
    ],
    hostname: undefined,
    interactive: container.interactive,
    pseudoTerminal: container.pseudoTerminal,
    network: `container:${naming.pause(pod.interface.id)}`,
    pidHost: container.pidHost,
    privileged: container.privileged,
    mounts: [
      ...volumeMounts(container, sources),
      ...nameFiles.filter(({ target }) => !container.mounts.some((mount) => mount.containerPath === target)),
      ...(pod.trustBundle ? [{ source: `${dataPath}/trust`, target: TRUST_FOLDER, readOnly: true }] : []),
    ],
    cpuShares: Math.max(2, container.cpuShares),
    memoryMiB: container.memoryMiB ?? (limits.parent === undefined ? pod.memoryMiB : undefined),
    memoryReservationMiB: container.memoryReservationMiB,
    pidsMax: limits.parent === undefined ? limits.pidsMax : undefined,
    cgroupParent: limits.parent,
    readonlyRootFilesystem: container.readonlyRootFilesystem,
    init: container.init,
    capabilitiesAdd: container.capabilitiesAdd,
    capabilitiesDrop: container.capabilitiesDrop,
    securityOptions: [],
    deviceRules: deviceRules(pod.blockDevices),
    ulimits: container.ulimits,
    sysctls: container.sysctls,
    stopSignal: undefined,
    healthCheck: container.healthCheck,
    ...{ restartAlways: false, logsMaxMiB: 16 },
  };
}

/** The pod's own loop devices. Block devices with the major number 7 are loop devices. */
function deviceRules(devices: BlockDevices | undefined): readonly string[] {
  if (devices === undefined) return [];
  const { firstMinor } = devices;
  return Array.from({ length: DEVICES_MAX }, (_, index) => `b 7:${firstMinor + index} rw`);
}

/** The labels by which an agent finds the container and its image again. */
function ownLabels(
  container: ContainerAssignment,
  pod: PodAssignment,
  { source, digest }: PodImage,
): Readonly<Record<string, string>> {
  return {
    "gantry.role": pod.role,
    "gantry.pod": pod.key,
    "gantry.container": container.name,
    ...(source === undefined ? {} : { [IMAGE_SOURCE_LABEL]: source }),
    ...(digest === undefined ? {} : { [IMAGE_DIGEST_LABEL]: digest }),
  };
}

function volumeMounts(
  { mounts }: ContainerAssignment,
  sources: ReadonlyMap<string, string>,
): readonly MountSpec[] {
  return mounts.map((mount) => ({
    source: present(sources.get(mount.volume), "A mount names a volume of its pod."),
    target: mount.containerPath,
    readOnly: mount.readOnly,
  }));
}

/** The variables that name the CA bundle, except those that the definition sets itself. */
function trustVariables(environment: readonly string[]): readonly string[] {
  const set = new Set(environment.map((entry) => entry.split("=")[0]));
  return Object.entries(TRUST_VARIABLES).flatMap(([name, value]) =>
    set.has(name) ? [] : [`${name}=${value}`],
  );
}

/** Source: Amazon ECS task metadata endpoint version 4; AWS SDKs' container credential provider. */
function metadataVariables(container: ContainerAssignment, pod: PodAssignment): readonly string[] {
  if (pod.metadata === undefined) return [];
  const base = "http://169.254.170.2";
  const [credentials] = pod.credentials;
  const path = `${pod.metadata.endpointId}-${container.name}`;
  return [
    `ECS_CONTAINER_METADATA_URI=${base}/v3/${path}`,
    `ECS_CONTAINER_METADATA_URI_V4=${base}/v4/${path}`,
    `ECS_AGENT_URI=${base}/api/${path}`,
    `AWS_EXECUTION_ENV=AWS_ECS_${pod.metadata.launchType}`,
    ...(credentials === undefined
      ? []
      : [`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/${credentials.id}`]),
  ];
}
