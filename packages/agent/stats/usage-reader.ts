import { join } from "node:path";
import type { PodAssignment } from "@gantry/agent-protocol";
import { acceptedConnections } from "../network/accepted-connections.ts";
import { interfaceCounters } from "../network/interface-counters.ts";
import { podGroupOf } from "../pods/task-limits.ts";
import type { EphemeralStorage } from "./ephemeral-storage.ts";
import type { FileSystemSizes } from "./file-system-sizes.ts";
import { containerUsages, type ContainerUsage, type ContainerUsageDeps } from "./container-usage.ts";
import { engineUsage, groupUsage, type GroupUsage } from "./control-groups.ts";
import { folderBytes } from "./folder-bytes.ts";
import { replicaLag } from "./replica-lag.ts";

export interface NetworkUsage {
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly txPackets: number;
}

/** The usage of a pod. Counters begin when the pod's control group was created, or its containers started. */
export interface Usage extends GroupUsage {
  /** By the pod's network interface; absent where its network namespace is gone. */
  readonly network?: NetworkUsage;
  /** Of databases: TCP connections that clients have open. */
  readonly connections?: number;
  /** Of databases: bytes of the data folder. */
  readonly storedBytes?: number;
  /** Of read replicas: how far they are behind their source; -1 where they do not replicate. */
  readonly replicaLagSeconds?: number;
  /** The file systems that the pod mounts, with their bytes where they were measured now. */
  readonly fileSystems?: readonly { readonly id: string; readonly storedBytes?: number }[];
  /** Bytes of the task's ephemeral storage that are in use, where the assignment asks for it. */
  readonly ephemeralBytes?: number;
  /** By container, where the assignment asks for it. */
  readonly containers?: readonly ContainerUsage[];
}

export interface UsageDeps extends ContainerUsageDeps {
  readonly dataFolder: string;
  readonly sizes: FileSystemSizes;
  readonly ephemeral: EphemeralStorage;
}

/**
 * Reads the total usage of a pod's containers: from the counters of its control group, where it has its own,
 * else from those of its containers. Undefined for a pod that does not run.
 */
export async function podUsage(pod: PodAssignment, deps: UsageDeps): Promise<Usage | undefined> {
  const usage = await computeUsage(pod, deps);
  if (usage === undefined) return undefined;
  const pause = await deps.engine.inspect(deps.naming.pause(pod.interface.id));
  if (pause?.state !== "running") return usage;
  const interfaces = Object.values(await interfaceCounters(pause.pid));
  const sum = (name: string): number => interfaces.reduce((total, each) => total + (each[name] ?? 0), 0);
  return {
    ...usage,
    network: {
      ...{ rxBytes: sum("rx_bytes"), txBytes: sum("tx_bytes") },
      ...{ rxPackets: sum("rx_packets"), txPackets: sum("tx_packets") },
    },
    ...(pod.role === "database" ? await databaseUsage(pod, pause.pid, deps.dataFolder) : {}),
    ...(await fileSystemUsage(pod, deps.sizes)),
    ...(await ephemeralUsage(pod, deps.ephemeral)),
    ...(pod.containerMetrics === true ? { containers: await containerUsages(pod, deps) } : {}),
  };
}

async function ephemeralUsage(
  pod: PodAssignment,
  ephemeral: EphemeralStorage,
): Promise<Pick<Usage, "ephemeralBytes">> {
  const ephemeralBytes = pod.storageMetrics === true ? await ephemeral.measure(pod) : undefined;
  return ephemeralBytes === undefined ? {} : { ephemeralBytes };
}

async function fileSystemUsage(
  { volumes }: PodAssignment,
  sizes: FileSystemSizes,
): Promise<Pick<Usage, "fileSystems">> {
  const ids = new Set(volumes.flatMap((volume) => (volume.type === "fileSystem" ? volume.fileSystemId : [])));
  if (ids.size === 0) return {};
  const measured = [...ids].map(async (id) => {
    const storedBytes = await sizes.measure(id);
    return storedBytes === undefined ? { id } : { id, storedBytes };
  });
  return { fileSystems: await Promise.all(measured) };
}

async function databaseUsage(
  pod: PodAssignment,
  pid: number,
  dataFolder: string,
): Promise<Pick<Usage, "connections" | "storedBytes" | "replicaLagSeconds">> {
  const data = pod.volumes.find(({ type }) => type === "folder");
  const folder = data?.type === "folder" ? join(dataFolder, data.path) : undefined;
  const [connections, storedBytes, replicaLagSeconds] = await Promise.all([
    acceptedConnections(pid),
    folder === undefined ? undefined : folderBytes(folder),
    folder === undefined ? undefined : replicaLag(folder),
  ]);
  return {
    connections,
    ...(storedBytes === undefined ? {} : { storedBytes }),
    ...(replicaLagSeconds === undefined ? {} : { replicaLagSeconds }),
  };
}

async function computeUsage(
  pod: PodAssignment,
  { engine, naming }: UsageDeps,
): Promise<GroupUsage | undefined> {
  if (pod.cpuUnits !== undefined || pod.memoryMiB !== undefined) {
    const usage = await groupUsage(podGroupOf(naming.instance, pod.key));
    if (usage !== undefined) return usage;
  }
  const found = await Promise.all(
    pod.containers.map((container) => containerUsage(naming.container(pod.key, container.name), engine)),
  );
  const usages = found.filter((each) => each !== undefined);
  if (usages.length === 0) return undefined;
  return {
    cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    memoryBytes: usages.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  };
}

/**
 * The usage of a running container: from the control group that the engine gives it by default, else from the
 * engine's statistics, which are zero where the engine itself runs in a control group.
 */
async function containerUsage(name: string, engine: UsageDeps["engine"]): Promise<GroupUsage | undefined> {
  const container = await engine.inspect(name);
  if (container?.state !== "running") return undefined;
  return (await groupUsage(`/docker/${container.id}`)) ?? engineUsage(await engine.stats(container.id));
}
