import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DockerEngine, namingOf, type Host } from "@gantry/agent";
import { pauseSpec } from "@gantry/agent/naming";
import { PodController, type PodDeps } from "@gantry/agent/pods/pod-controller";
import { NameFiles } from "@gantry/agent/network/name-files";
import { LogShipper } from "@gantry/agent/logs/log-shipper";
import { SecretEnvironments } from "@gantry/agent/secret-environment/secret-environments";
import { BlockVolumes } from "@gantry/agent/volumes/block-volumes";
import { runFolderOf, Volumes } from "@gantry/agent/volumes/volumes";
import type {
  ContainerAssignment,
  InterfaceAssignment,
  PodAssignment,
  PodObservation,
} from "@gantry/agent-protocol";
import { pauseRecipe, provideImage } from "@gantry/images";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { vi } from "vitest";

const run = promisify(execFile);

/** The agent's pods on the real engine, without networks: their interfaces are pause containers. */
export interface LivePods {
  readonly engine: DockerEngine;
  readonly host: Pick<Host, "blockVolumes" | "limits" | "volumes" | "environments" | "names" | "dataPath">;
  /** The folder of the engine's host in which the instance's secrets are. */
  readonly runFolder: string;
  /** What the agent reported last about each pod, by key. */
  readonly reports: ReadonlyMap<string, PodObservation>;
  /** How often the agent started containers again by their policy, by id. */
  readonly restarts: ReadonlyMap<string, number>;
  /** Reconciles a pod until nothing is left to do. */
  reconcile(pod: PodAssignment): Promise<void>;
  remove(pod: PodAssignment): Promise<void>;
  /** The engine's name of a pod's container. */
  nameOf(pod: PodAssignment, container?: string): string;
  /** What a pod's container wrote until it ended. */
  outputOf(pod: PodAssignment, container?: string): Promise<string>;
  /** Everything that the controller keeps in memory is lost, as with an agent that starts again. */
  restartAgent(): void;
  close(): Promise<void>;
}

export async function livePods(): Promise<LivePods> {
  const clock = new SystemClock();
  const naming = namingOf(`t${randomUUID().slice(0, 7)}`);
  const dataFolder = mkdtempSync(join(tmpdir(), "gantry-pods-"));
  mkdirSync(join(dataFolder, "trust"));
  await provideImage(pauseRecipe, { cacheFolder: dataFolder, label: "gantry.image=true" });
  const engine = new DockerEngine({ socketPath: "/var/run/docker.sock", clock, log: silentLogger });
  const runFolder = runFolderOf(naming.instance);
  const folders = { dataFolder, dataPath: dataFolder, runFolder };
  const volumes = new Volumes(folders);
  const environments = new SecretEnvironments({ ...folders, enginePid: async () => "self" });
  const names = new NameFiles(folders);
  const host: LivePods["host"] = {
    dataPath: dataFolder,
    limits: { ensure: async () => ({ parent: undefined, pidsMax: 512 }), remove: async () => {} },
    volumes,
    blockVolumes: new BlockVolumes(folders),
    environments,
    names,
  };
  const reports = new Map<string, PodObservation>();
  const restarts = new Map<string, number>();
  const problems = new Map<string, NonNullable<ReturnType<PodDeps["problems"]["get"]>>>();
  const newController = () =>
    new PodController({
      engine,
      host,
      naming,
      clock,
      log: silentLogger,
      // No pod has further interfaces.
      interfaces: {
        detach: async () => {},
        async ensure(wanted: InterfaceAssignment) {
          await names.ensure(wanted);
          return ensurePause(engine, naming, wanted.id);
        },
      } as never,
      logs: new LogShipper({
        engine,
        clock,
        log: silentLogger,
        cursors: { get: () => undefined, set() {}, delete() {} },
        send: () => true,
      }),
      problems: {
        get: (key) => problems.get(key),
        set: async (key, problem) => void problems.set(key, problem),
        delete: (key) => void problems.delete(key),
      },
      restarts: {
        add: (id) => void restarts.set(id, (restarts.get(id) ?? 0) + 1),
        delete: (id) => void restarts.delete(id),
      },
      requestImage: () => Promise.reject(new Error("No image is built here.")),
      report: (observation) => void reports.set(observation.key, observation),
    });
  let controller = newController();
  const live: LivePods = {
    engine,
    host,
    runFolder,
    reports,
    restarts,
    reconcile: async (pod) => void (await controller.reconcile(pod, () => true)),
    remove: (pod) => controller.remove(pod),
    nameOf: (pod, container = pod.containers[0]?.name ?? "") => naming.container(pod.key, container),
    async outputOf(pod, container) {
      const name = live.nameOf(pod, container);
      await vi.waitFor(
        async () => {
          if ((await engine.inspect(name))?.state !== "exited") throw new Error(`${name} has not ended.`);
        },
        { timeout: 60_000, interval: 50 },
      );
      const { stdout, stderr } = await run("docker", ["logs", name], { maxBuffer: 2 ** 24 });
      return stdout + stderr;
    },
    restartAgent() {
      controller = newController();
    },
    async close() {
      for (const container of await engine.list(naming.label)) await engine.removeContainer(container.id);
      rmSync(runFolder, { recursive: true, force: true });
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
  return live;
}

async function ensurePause(engine: DockerEngine, naming: ReturnType<typeof namingOf>, id: string) {
  const name = naming.pause(id);
  if ((await engine.inspect(name)) === undefined)
    await engine.createContainer({
      ...pauseSpec(naming),
      name,
      labels: { ...naming.labels, "gantry.interface": id },
    });
  await engine.startContainer(name);
}

let count = 0;

/** A pod of containers that say only what matters, each with an image that the engine has. */
export function podOf(
  ...containers: readonly (Partial<ContainerAssignment> & Pick<ContainerAssignment, "image">)[]
): PodAssignment {
  const id = `${Date.now().toString(16)}${(count += 1).toString(16).padStart(4, "0")}`;
  return {
    kind: "pod",
    key: `pod/${id}`,
    role: "task",
    desired: "RUNNING",
    interface: {
      id: `eni-${id}`,
      vpcId: "vpc-1",
      ip: "10.0.0.9",
      mac: "02:00:00:00:00:01",
      prefix: 24,
      gateway: "10.0.0.1",
      hostname: "h",
      dnsServer: "10.0.0.2",
      dnsSearch: "x",
    },
    cpuUnits: undefined,
    memoryMiB: undefined,
    containers: containers.map((container, index) => ({ ...BARE, name: `c${index}`, ...container })),
    volumes: [],
    purge: [],
    restart: false,
    metadata: undefined,
    credentials: [],
    trustBundle: false,
  };
}

const BARE: Omit<ContainerAssignment, "name" | "image"> = {
  registryAuth: undefined,
  essential: true,
  command: undefined,
  entryPoint: undefined,
  workingDirectory: undefined,
  user: undefined,
  environment: [],
  cpuShares: 2,
  memoryMiB: undefined,
  memoryReservationMiB: undefined,
  mounts: [],
  privileged: false,
  pidHost: false,
  dependsOn: [],
  healthCheck: undefined,
  startTimeoutSeconds: undefined,
  stopTimeoutSeconds: 2,
  readonlyRootFilesystem: false,
  interactive: false,
  pseudoTerminal: false,
  init: false,
  capabilitiesAdd: [],
  capabilitiesDrop: [],
  ulimits: [],
  sysctls: {},
  labels: {},
  logs: undefined,
  arn: "",
};
