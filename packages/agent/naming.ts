import { createHash } from "node:crypto";
import type { ContainerSpec } from "./engine/engine.ts";

/**
 * The label that identifies all resources of one instance of Gantry. Resources without it are never changed.
 */
export const INSTANCE_LABEL = "gantry.instance";

/**
 * Names of all resources that this instance creates on a node. They are derived, so that creation is
 * idempotent.
 */
export interface Naming {
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly label: string;
  readonly volume: string;
  router(vpcId: string): string;
  pause(interfaceId: string): string;
  container(podKey: string, container: string): string;
  agent(): string;
  proxy(): string;
  /** A link of the host; at most 15 characters. */
  link(index: number): string;
  /** The common prefix of all links of this instance. */
  readonly linkPrefix: string;
}

export const PAUSE_IMAGE = "gantry/pause:1";

export function namingOf(instance: string): Naming {
  const short = createHash("sha256").update(instance).digest("hex").slice(0, 6);
  return {
    instance,
    labels: { [INSTANCE_LABEL]: instance },
    label: `${INSTANCE_LABEL}=${instance}`,
    volume: `gantry-${instance}`,
    router: (vpcId) => `gantry-${instance}-${vpcId}`,
    pause: (interfaceId) => `gantry-${instance}-${interfaceId}`,
    container: (podKey, container) => `gantry-${instance}-${podName(podKey)}-${container}`,
    agent: () => `gantry-${instance}-agent`,
    proxy: () => `gantry-${instance}-proxy`,
    link: (index) => `gt${short}${index}`,
    linkPrefix: `gt${short}`,
  };
}

/** The last part of a pod's key, which is unique. */
function podName(podKey: string): string {
  return (podKey.split("/").at(-1) ?? podKey).replace(/[^A-Za-z0-9_.-]/g, "-");
}

/** A container that only holds a namespace; callers give it a name and labels. */
export function pauseSpec(naming: Naming): ContainerSpec {
  return {
    name: "",
    image: PAUSE_IMAGE,
    labels: naming.labels,
    command: undefined,
    entryPoint: undefined,
    workingDirectory: undefined,
    user: undefined,
    environment: [],
    hostname: undefined,
    interactive: false,
    pseudoTerminal: false,
    network: "none",
    pidHost: false,
    privileged: false,
    mounts: [],
    cpuShares: 2,
    memoryMiB: undefined,
    memoryReservationMiB: undefined,
    pidsMax: undefined,
    cgroupParent: undefined,
    readonlyRootFilesystem: true,
    init: false,
    capabilitiesAdd: [],
    capabilitiesDrop: ["ALL"],
    securityOptions: [],
    ulimits: [],
    sysctls: {},
    stopSignal: "SIGKILL",
    healthCheck: undefined,
    restartAlways: false,
    logsMaxMiB: 1,
  };
}
