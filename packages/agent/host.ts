import { join } from "node:path";
import type { NodeSettings, PodAssignment, VpcAssignment } from "@gantry/agent-protocol";
import { ensurePrivateFolder, randomIds, type Clock, type Logger } from "@gantry/kernel";
import { openMemory, type AgentMemory } from "./agent-memory.ts";
import { DnsServer } from "./dns/dns-server.ts";
import { lookUp } from "./dns/zone.ts";
import type { Engine } from "./engine/engine.ts";
import type { PortMemory } from "./haproxy/host-ports.ts";
import type { LogSpool } from "./haproxy/log-spool.ts";
import { Proxy } from "./haproxy/proxy.ts";
import type { Naming } from "./naming.ts";
import { ensureHostRules, removeHostRules } from "./network/host-rules.ts";
import type { Programs } from "./network/programs.ts";
import type { Router } from "./network/vpc-router.ts";
import { removeAllLimits, TaskLimits } from "./pods/task-limits.ts";
import { ServiceRelay } from "./task-endpoints/service-relay.ts";
import { interfaceCounters } from "./network/interface-counters.ts";
import { podUsage, type Usage } from "./stats/usage-reader.ts";
import { TaskEndpoints } from "./task-endpoints/task-endpoints.ts";
import { writeTrust } from "./trust.ts";
import { runFolderOf, Volumes } from "./volumes/volumes.ts";

/** What a VPC's router answers: names, task endpoints, and the route to the AWS services. */
export interface VpcService {
  readonly vpc: () => VpcAssignment;
  readonly pods: () => readonly PodAssignment[];
  readonly router: Router;
  /** Undefined until the control plane has sent them. */
  readonly settings: () => NodeSettings | undefined;
}

/** The operations of the agent on its machine in addition to containers and network interfaces. */
export interface Host {
  /** The data volume as the engine sees it. */
  readonly dataPath: string;
  readonly limits: Pick<TaskLimits, "ensure" | "remove">;
  readonly volumes: Pick<Volumes, "prepare" | "release" | "releaseOthers" | "ensureFolder" | "removeFolder">;
  readonly memory: AgentMemory;
  /** Establishes the preconditions for all other operations. */
  prepare(): Promise<void>;
  trust(caPem: string): void;
  proxy(ports: PortMemory): Pick<Proxy, "apply" | "observe" | "traffic"> & {
    readonly logs: Pick<LogSpool, "flush" | "next" | "taken" | "resend">;
  };
  /** The resource usage of a pod; undefined for one that does not run. */
  usageOf(pod: PodAssignment): Promise<Usage | undefined>;
  serve(service: VpcService): { close(): void };
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

/** The machine this process runs on. */
export function linuxHost(deps: LinuxHostDeps): Host {
  const { engine, programs, naming, clock, log, dataFolder, dataPath, image } = deps;
  tightenFolders(dataFolder);
  return {
    dataPath,
    limits: new TaskLimits({ log, instance: naming.instance }),
    volumes: new Volumes({ dataFolder, dataPath, runFolder: runFolderOf(naming.instance) }),
    memory: openMemory(join(dataFolder, "agent/assignments.json"), deps.memoryKeys),
    prepare: () => ensureHostRules(programs, naming),
    trust: (caPem) => writeTrust(deps, caPem),
    proxy: (ports) =>
      new Proxy({
        engine,
        naming,
        clock,
        ids: randomIds(),
        log,
        image,
        folder: join(dataFolder, "haproxy"),
        dataFolder,
        dataPath,
        ports,
      }),
    usageOf: (pod) => podUsage(pod, { engine, naming, dataFolder }),
    serve({ vpc, pods, router, settings }) {
      const address = router.transit.hostAddress;
      const dns = new DnsServer({ clock, address, lookUp: (name) => lookUp(vpc(), name), log });
      const tasks = new TaskEndpoints({
        ...{ address, pods, engine, naming, clock, log },
        countersOf: interfaceCounters,
      });
      const relay = new ServiceRelay({ address, settings, log });
      return {
        close() {
          dns.close();
          tasks.close();
          relay.close();
        },
      };
    },
  };
}

/**
 * Removes everything that an instance created on the machine except containers: rules, links, mounts, control
 * groups.
 */
export async function removeHostTraces(programs: Programs, naming: Naming): Promise<void> {
  const runFolder = runFolderOf(naming.instance);
  const outcomes = await Promise.allSettled([
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
  for (const folder of ["", "agent", "efs", "rds", "scratch", "haproxy"])
    ensurePrivateFolder(join(dataFolder, folder));
}
