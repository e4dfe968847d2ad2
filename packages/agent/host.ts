import { join } from "node:path";
import type { HostResolver, NodeSettings, PodAssignment, VpcAssignment } from "@gantry/agent-protocol";
import {
  ensurePrivateFolder,
  randomIds,
  realTimeOf,
  type Clock,
  type Ids,
  type Logger,
} from "@gantry/kernel";
import type { Zones } from "@gantry/kernel/dns/zones";
import { openMemory, type AgentMemory } from "./agent-memory.ts";
import { DnsServer } from "./dns/dns-server.ts";
import { Forwarder, hostResolvers } from "./dns/forward.ts";
import { serveHost, type HostServer } from "./dns/serve-host.ts";
import { resolveInVpc, resolveOutside } from "./dns/resolve.ts";
import type { Engine } from "./engine/engine.ts";
import type { PortMemory } from "./haproxy/host-ports.ts";
import type { LogSpool } from "./haproxy/log-spool.ts";
import { Proxy } from "./haproxy/proxy.ts";
import type { Naming } from "./naming.ts";
import { ensureHostRules, removeHostRules } from "./network/host-rules.ts";
import { NameFiles } from "./network/name-files.ts";
import type { Programs } from "./network/programs.ts";
import type { Router } from "./network/vpc-router.ts";
import { removeAllLimits, TaskLimits } from "./pods/task-limits.ts";
import { SecretEnvironments } from "./secret-environment/secret-environments.ts";
import { MetadataServer, type MetadataOrigin } from "./instance-metadata/metadata-server.ts";
import { METADATA_PORT } from "./network/transit.ts";
import { OriginalTuples } from "./network/original-tuples.ts";
import { ServiceRelay } from "./task-endpoints/service-relay.ts";
import { interfaceCounters } from "./network/interface-counters.ts";
import { EphemeralStorage } from "./stats/ephemeral-storage.ts";
import { FileSystemSizes } from "./stats/file-system-sizes.ts";
import { podUsage, type Usage } from "./stats/usage-reader.ts";
import { TaskEndpoints } from "./task-endpoints/task-endpoints.ts";
import { writeTrust } from "./trust.ts";
import { BlockVolumes, detachOwn } from "./volumes/block-volumes.ts";
import { DatabaseFiles } from "./volumes/database-files.ts";
import { runFolderOf, Volumes } from "./volumes/volumes.ts";

/** What a VPC's router answers: names, task endpoints, and the route to the AWS services. */
export interface VpcService {
  readonly vpc: () => VpcAssignment;
  readonly pods: () => readonly PodAssignment[];
  readonly router: Router;
  /** How often a container was started again by its policy, by its id. */
  readonly restartsOf: (containerId: string) => number;
  /** Undefined until the control plane has sent them. */
  readonly settings: () => NodeSettings | undefined;
  /** The hosted zones of the instance. */
  readonly zones: Zones;
}

/** The operations of the agent on its machine in addition to containers and network interfaces. */
export interface Host {
  /** The data volume as the engine sees it. */
  readonly dataPath: string;
  readonly limits: Pick<TaskLimits, "ensure" | "remove">;
  readonly volumes: Pick<Volumes, "prepare" | "release" | "releaseOthers" | "ensureFolder" | "removeFolder">;
  readonly blockVolumes: Pick<BlockVolumes, "ensureFile" | "removeFile" | "apply" | "release">;
  readonly databaseFiles: Pick<DatabaseFiles, "bytesOf" | "copy" | "remove">;
  readonly environments: Pick<SecretEnvironments, "prepare" | "release" | "releaseOthers">;
  readonly names: Pick<NameFiles, "ensure" | "mountsOf" | "remove" | "removeOthers">;
  readonly memory: AgentMemory;
  /** Establishes the preconditions for all other operations. */
  prepare(): Promise<void>;
  trust(caPem: string): void;
  proxy(ports: PortMemory): Pick<Proxy, "apply" | "observe" | "traffic"> & {
    readonly logs: Pick<LogSpool, "flush" | "next" | "taken" | "resend">;
  };
  /** The resource usage of a pod; undefined for one that does not run. Restarts are counted by container id. */
  usageOf(pod: PodAssignment, restartsOf: (containerId: string) => number): Promise<Usage | undefined>;
  serve(service: VpcService): { close(): void };
  /** Answers public hosted zones at a port of the loopback address. */
  serveZones(zones: Zones, port: number): { close(): void };
  /** Answers programs of this machine: names, and the AWS services at the names that lead to it. */
  serveHost(zones: Zones, settings: NodeSettings & { hostResolver: HostResolver }): HostServer;
}

export interface LinuxHostDeps {
  readonly engine: Engine;
  readonly programs: Programs;
  readonly naming: Naming;
  readonly clock: Clock;
  readonly log: Logger;
  /** The path of the data volume in this process, and on the engine's host. */
  readonly dataFolder: string;
  readonly dataPath: string;
  readonly image: string;
  /** The file of public roots that is bundled with the platform's CA. */
  readonly rootsFile: string;
  /**
   * The keys, from the node's own file, that seal the agent's files on the data volume; the current one comes
   * first.
   */
  readonly memoryKeys: () => readonly Uint8Array[];
}

/** The node's source of random ids and numbers. */
interface Chance {
  readonly ids: Ids;
  readonly random: () => number;
}

/** Serves a VPC's resolver, task endpoints, instance metadata and the route to the AWS services. */
function serve(
  { engine, naming, clock, log }: LinuxHostDeps,
  { vpc, pods, router, settings, restartsOf, zones }: VpcService,
  { ids, random }: Chance,
): { close(): void } {
  const address = router.transit.hostAddress;
  const dns = new DnsServer({
    ...{ clock, log, address, port: 53 },
    forwarder: new Forwarder({ clock, log, ids, resolvers: hostResolvers }),
    resolve: (question) => resolveInVpc(zones, vpc(), question, random),
  });
  const tasks = new TaskEndpoints({
    ...{ address, pods, engine, naming, clock, log },
    ...{ restartsOf, countersOf: interfaceCounters },
  });
  const tuples = new OriginalTuples(router.pid);
  const relay = new ServiceRelay({
    ...{ address, settings, log },
    originOf: (client) =>
      vpc().hasEndpoints === true ? tuples.originOf(vpc().vpcId, address, client) : undefined,
  });
  const originOf = metadataOrigin(tuples, vpc, address);
  const metadata = new MetadataServer({ address, pods, clock, log, originOf });
  const servers = [metadata, dns, tasks, relay];
  return {
    close() {
      for (const server of servers) server.close();
    },
  };
}

const METADATA_PORTS = { from: 80, to: METADATA_PORT };

function metadataOrigin(tuples: OriginalTuples, vpc: () => VpcAssignment, address: string): MetadataOrigin {
  return (client) => tuples.originOf(vpc().vpcId, address, client, METADATA_PORTS);
}

/** The machine this process runs on. */
export function linuxHost(deps: LinuxHostDeps): Host {
  const { engine, programs, naming, clock, log, dataFolder, dataPath, image } = deps;
  const ids = randomIds();
  const random = (): number => Number.parseInt(ids.hex(8), 16) / 2 ** 32;
  const sizes = new FileSystemSizes({ dataFolder, clock });
  const ephemeral = new EphemeralStorage({ engine, naming, dataFolder, clock: realTimeOf(clock).clock });
  tightenFolders(dataFolder);
  return {
    dataPath,
    limits: new TaskLimits({ log, instance: naming.instance }),
    volumes: new Volumes({ dataFolder, dataPath, runFolder: runFolderOf(naming.instance) }),
    blockVolumes: new BlockVolumes({ dataFolder }),
    databaseFiles: new DatabaseFiles({ dataFolder }),
    environments: new SecretEnvironments({ dataFolder, dataPath, runFolder: runFolderOf(naming.instance) }),
    names: new NameFiles({ dataFolder, dataPath }),
    memory: openMemory(join(dataFolder, "agent/assignments.json"), deps.memoryKeys),
    prepare: () => ensureHostRules(programs, naming),
    trust: (caPem) => writeTrust(deps, caPem),
    proxy: (ports) =>
      new Proxy({
        engine,
        naming,
        clock,
        ids,
        log,
        image,
        folder: join(dataFolder, "haproxy"),
        dataFolder,
        dataPath,
        ports,
      }),
    usageOf: (pod, restartsOf) => podUsage(pod, { engine, naming, dataFolder, sizes, ephemeral, restartsOf }),
    serveZones: (zones, port) =>
      new DnsServer({
        ...{ clock, log, address: "127.0.0.1", port, forwarder: undefined },
        resolve: (question) => resolveOutside(zones, question, random),
      }),
    serveHost: (zones, settings) => serveHost({ clock, log, ids, random, zones }, settings),
    serve: (service) => serve(deps, service, { ids, random }),
  };
}

/**
 * Removes everything that an instance created on the machine except containers: rules, links, mounts, control
 * groups, and the loop devices of the files in its data volume.
 */
export async function removeHostTraces(
  programs: Programs,
  naming: Naming,
  dataFolder: string,
): Promise<void> {
  const runFolder = runFolderOf(naming.instance);
  const outcomes = await Promise.allSettled([
    detachOwn(dataFolder),
    removeHostRules(programs, naming),
    new Volumes({ dataFolder: "/nonexistent", dataPath: "/nonexistent", runFolder }).releaseAll(),
    removeAllLimits(naming.instance),
  ]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/**
 * Only root can access the data volume, including folders that an earlier version created; files that tasks
 * may read are mounted separately.
 */
function tightenFolders(dataFolder: string): void {
  for (const folder of ["", "agent", "efs", "ebs", "rds", "scratch", "haproxy", "programs", "interfaces"])
    ensurePrivateFolder(join(dataFolder, folder));
}
