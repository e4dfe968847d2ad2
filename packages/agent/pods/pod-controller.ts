import type { ContainerAssignment, PodAssignment, PodObservation } from "@gantry/agent-protocol";
import { present, type Clock, type Logger } from "@gantry/kernel";
import { EngineError, type Engine, type EngineContainer } from "../engine/engine.ts";
import type { LogShipper } from "../logs/log-shipper.ts";
import type { Host } from "../host.ts";
import type { Naming } from "../naming.ts";
import { RouterMissingError, type NetworkInterfaces } from "../network/interfaces.ts";
import { InvalidAssignmentError } from "../volumes/volume-paths.ts";
import { VolumeError } from "../volumes/volumes.ts";
import { mayBeUnstarted, startProblem, withSecrets } from "../secret-environment/wrap-commands.ts";
import { applyAttached, isAllAttached, type AttachedParts } from "./attached-parts.ts";
import { containerSpec } from "./container-spec.ts";
import { lookAgainIn } from "./look-again.ts";
import { PodImages, type PodImage } from "./pod-images.ts";
import {
  isSaidByEngine,
  observePod,
  planPod,
  stopCauseOf,
  type ContainerProblem,
  type PodStep,
  type PodView,
} from "./plan-pod.ts";

/** State of a pod that only this agent knows; it may be lost with the agent. */
interface PodMemory {
  connectivityAt: number | undefined;
  pullStartedAt: number | undefined;
  pullStoppedAt: number | undefined;
  attached: AttachedParts;
  interfaceReady: boolean;
  /** Images that the engine had lost when a container was to be created from them. */
  readonly lostImages: Set<string>;
  /** Images that were found or pulled for the pod, by the names in its assignment. */
  readonly images: Map<string, PodImage>;
  /** Why the program of an exited container with secrets was not executed, by the container's id; undefined: it was. */
  readonly startProblems: Map<string, string | undefined>;
  reported: string;
  /** The volumes of a database whose files were written last; undefined: unknown. */
  files: string | undefined;
}

/** Stores the reasons why pods cannot start; `set` resolves when the reason is written. */
export interface ProblemMemory {
  get(key: string): ContainerProblem | undefined;
  set(key: string, problem: ContainerProblem): Promise<void>;
  delete(key: string): void;
}

/** Counts how often containers were started again by their policy, by their ids. */
export interface RestartMemory {
  add(containerId: string): void;
  delete(containerId: string): void;
}

export interface PodDeps {
  readonly engine: Engine;
  readonly interfaces: NetworkInterfaces;
  readonly host: Pick<Host, "blockVolumes" | "limits" | "volumes" | "environments" | "names" | "dataPath">;
  readonly naming: Naming;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logs: LogShipper;
  readonly problems: ProblemMemory;
  readonly restarts: RestartMemory;
  /** Requests an image that no registry has from the control plane; rejects where it cannot be built. */
  readonly requestImage: (image: string) => Promise<void>;
  readonly report: (observation: PodObservation) => void;
}

const PASSES_MAX = 20;
const ROUTER_LOOK_MS = 100;
const CRASH_LOOP_MS = 1_000;
/** How often devices are tried again: one that a file system holds is free once that is unmounted. */
const DEVICES_LOOK_MS = 2_000;

/** Brings each pod of this node to its desired state, by one observation and one set of steps at a time. */
export class PodController {
  readonly #deps: PodDeps;
  readonly #memory = new Map<string, PodMemory>();
  readonly #images: PodImages;

  constructor(deps: PodDeps) {
    this.#deps = deps;
    this.#images = new PodImages(deps);
  }

  /**
   * Reads, plans and acts until no step is left, or the assignment changes. Returns when to reconcile again.
   */
  async reconcile(pod: PodAssignment, isCurrent: () => boolean): Promise<number | undefined> {
    const memory = this.#memoryOf(pod.key);
    for (let pass = 0; pass < PASSES_MAX; pass += 1) {
      if (!isCurrent()) return undefined;
      const view = await this.#look(pod, memory);
      this.#followLogs(pod, view);
      const cause = stopCauseOf(pod, view);
      // A pod that was reported as stopped remains stopped, even if a lost namespace comes back.
      if (
        cause !== undefined &&
        view.problem === undefined &&
        pod.desired === "RUNNING" &&
        !isSaidByEngine(pod, view)
      ) {
        await this.#deps.problems.set(pod.key, { container: undefined, ...cause });
        continue;
      }
      const steps = planPod(pod, view);
      memory.attached = await applyAttached(this.#deps, pod, view);
      this.#report(pod, view, memory);
      if (steps.length === 0) {
        await this.#refreshFiles(pod, memory);
        return isAllAttached(pod, memory.attached) ? lookAgainIn(pod, view) : DEVICES_LOOK_MS;
      }
      try {
        await allOf(
          steps.map((step) =>
            this.#perform(step, pod, { memory, mayStart: view.containers.size === 0, isCurrent }),
          ),
        );
      } catch (thrown) {
        if (thrown instanceof RouterMissingError) return ROUTER_LOOK_MS;
        if (!isProblem(thrown) || pod.restart || pod.desired === "STOPPED") throw thrown;
      }
    }
    return CRASH_LOOP_MS;
  }

  /**
   * Removes the pod from this node: its containers once their logs are shipped, its limits, and the data to
   * be purged.
   */
  async remove(pod: PodAssignment): Promise<void> {
    const { engine, naming, host, logs } = this.#deps;
    const there = (
      await Promise.all(
        pod.containers.map((container) => engine.inspect(naming.container(pod.key, container.name))),
      )
    ).filter((container) => container !== undefined);
    await Promise.all(
      there
        .filter((container) => container.state === "running")
        .map((container) => engine.stopContainer(container.id, 2)),
    );
    await Promise.all(there.map((container) => logs.finish(container.id)));
    await Promise.all(there.map((container) => engine.removeContainer(container.id)));
    for (const container of there) this.#deps.restarts.delete(container.id);
    await host.limits.remove(pod.key);
    await host.volumes.release(pod);
    await host.blockVolumes.release(pod);
    await this.#deps.interfaces.detach(pod);
    await host.environments.release(pod);
    for (const path of pod.purge) await host.volumes.removeFolder(path);
    this.#memory.delete(pod.key);
    this.#deps.problems.delete(pod.key);
  }

  /** Reports everything again, because the control plane is new or was unavailable. */
  forgetReports(): void {
    for (const memory of this.#memory.values()) memory.reported = "";
  }

  #memoryOf(key: string): PodMemory {
    let memory = this.#memory.get(key);
    if (memory === undefined)
      this.#memory.set(
        key,
        (memory = {
          connectivityAt: undefined,
          pullStartedAt: undefined,
          pullStoppedAt: undefined,
          attached: {},
          interfaceReady: false,
          images: new Map(),
          lostImages: new Set(),
          startProblems: new Map(),
          reported: "",
          files: undefined,
        }),
      );
    return memory;
  }

  async #look(pod: PodAssignment, memory: PodMemory): Promise<PodView> {
    const { engine, naming, clock } = this.#deps;
    const [pause, ...found] = await Promise.all([
      engine.inspect(naming.pause(pod.interface.id)),
      ...pod.containers.map((container) => engine.inspect(naming.container(pod.key, container.name))),
    ]);
    const containers = new Map<string, EngineContainer>();
    for (const [index, container] of pod.containers.entries()) {
      const there = found[index];
      if (there === undefined) continue;
      const hasSecrets = container.secretEnvironment !== undefined;
      containers.set(container.name, hasSecrets ? await this.#unstarted(there, memory) : there);
    }
    for (const container of pod.containers) {
      if (containers.has(container.name) || memory.images.has(container.image)) continue;
      const image = await this.#images.present(container, pod);
      if (image !== undefined) memory.images.set(container.image, image);
    }
    if (pause?.state !== "running") memory.interfaceReady = false;
    return {
      pause,
      interfaceReady: memory.interfaceReady,
      containers,
      images: memory.images,
      problem: this.#deps.problems.get(pod.key),
      now: clock.now(),
    };
  }

  #followLogs(pod: PodAssignment, view: PodView): void {
    for (const container of pod.containers) {
      const there = view.containers.get(container.name);
      if (container.logs !== undefined && there !== undefined && there.state !== "created")
        this.#deps.logs.follow(there.id, container.logs, there.state === "running");
    }
  }

  #report(pod: PodAssignment, view: PodView, memory: PodMemory): void {
    const { connectivityAt, pullStartedAt, pullStoppedAt, attached } = memory;
    const observation = {
      ...observePod(pod, view, { connectivityAt, pullStartedAt, pullStoppedAt }),
      ...attached,
    };
    const text = JSON.stringify(observation);
    if (text === memory.reported) return;
    memory.reported = text;
    this.#deps.report(observation);
  }

  async #perform(
    step: PodStep,
    pod: PodAssignment,
    { memory, mayStart, isCurrent }: { memory: PodMemory; mayStart: boolean; isCurrent: () => boolean },
  ): Promise<void> {
    const { engine, clock } = this.#deps;
    try {
      switch (step.type) {
        case "ensureInterface":
          await this.#deps.interfaces.ensure(pod.interface, pod.restart || mayStart);
          memory.connectivityAt ??= clock.now();
          memory.interfaceReady = true;
          return;
        case "pullImage":
          await this.#pull(step.container, pod, memory);
          return;
        case "createContainer": {
          // An image that the engine has already takes no time to pull.
          memory.pullStartedAt ??= clock.now();
          memory.pullStoppedAt ??= clock.now();
          const id = await this.#create(step.container, pod, memory);
          if (step.start && isCurrent()) await engine.startContainer(id);
          return;
        }
        case "startContainer":
          await this.#prepareAgain(step.container, pod);
          await engine.startContainer(step.id);
          if (step.isRestart) this.#deps.restarts.add(step.id);
          return;
        case "stopContainer":
          await engine.stopContainer(step.id, step.container.stopTimeoutSeconds);
          return;
        case "removeContainer":
          await engine.removeContainer(step.id);
          return;
      }
    } catch (thrown) {
      if (!isProblem(thrown) || step.type === "ensureInterface" || pod.restart) throw thrown;
      if (step.type === "createContainer") {
        this.#images.forget(step.container.image);
        memory.images.delete(step.container.image);
        // The image was removed from the engine since the last check: it is pulled again, once.
        const isLost = thrown instanceof EngineError && thrown.imageMissing;
        if (isLost && !memory.lostImages.has(step.container.image)) {
          memory.lostImages.add(step.container.image);
          return;
        }
      }
      const problem = {
        container: thrown instanceof EngineError ? step.container.name : undefined,
        code: "TaskFailedToStart" as const,
        reason: `${thrown.name}: ${thrown.message}`.slice(0, 1_024),
      };
      this.#deps.log.warn("Container did not start", { pod: pod.key, ...problem });
      await this.#deps.problems.set(pod.key, problem);
      throw thrown;
    }
  }

  /** Writes the files of a running database whose settings changed: it reads them while it runs. */
  async #refreshFiles(pod: PodAssignment, memory: PodMemory): Promise<void> {
    if (pod.role !== "database" || pod.desired !== "RUNNING") return;
    const files = JSON.stringify(pod.volumes);
    if (files === memory.files) return;
    await this.#deps.host.volumes.prepare(pod);
    memory.files = files;
  }

  /** What a container was created with besides its own: mounts and limits may have been lost with a reboot. */
  async #prepareAgain(container: ContainerAssignment, pod: PodAssignment): Promise<void> {
    const { volumes, limits, environments } = this.#deps.host;
    await Promise.all([volumes.prepare(pod), limits.ensure(pod), environments.prepare(pod, container)]);
  }

  async #pull(container: ContainerAssignment, pod: PodAssignment, memory: PodMemory): Promise<void> {
    const { clock } = this.#deps;
    memory.pullStartedAt ??= clock.now();
    memory.images.set(container.image, await this.#images.provide(container, pod));
    memory.pullStoppedAt = clock.now();
  }

  async #create(container: ContainerAssignment, pod: PodAssignment, memory: PodMemory): Promise<string> {
    const { engine, host, naming } = this.#deps;
    const image = present(
      memory.images.get(container.image),
      "A container is created once its image is there.",
    );
    const [sources, limits, secrets] = await Promise.all([
      host.volumes.prepare(pod),
      host.limits.ensure(pod),
      this.#secretsOf(container, pod, image),
    ]);
    const spec = containerSpec(container, {
      ...{ pod, naming, limits, sources, image },
      dataPath: host.dataPath,
      nameFiles: host.names.mountsOf(pod.interface.id, container.readonlyRootFilesystem),
    });
    return engine.createContainer(secrets === undefined ? spec : withSecrets(spec, secrets));
  }

  /** What a container with secrets is created with in addition; undefined where it has none. */
  async #secretsOf(container: ContainerAssignment, pod: PodAssignment, { reference }: PodImage) {
    const { engine, host } = this.#deps;
    const [environment, image] = await Promise.all([
      host.environments.prepare(pod, container),
      container.secretEnvironment === undefined ? undefined : engine.image(reference),
    ]);
    return environment && { environment, image };
  }

  /**
   * A container whose program `with-environment` could not execute, as one that the engine could not start. It is
   * recognized by the exit code and the first line of the log.
   */
  async #unstarted(there: EngineContainer, memory: PodMemory): Promise<EngineContainer> {
    if (there.state !== "exited" || !mayBeUnstarted(there.exitCode)) return there;
    if (!memory.startProblems.has(there.id))
      memory.startProblems.set(there.id, startProblem(await this.#firstLine(there.id)));
    const problem = memory.startProblems.get(there.id);
    return problem === undefined ? there : { ...there, problem, startedAt: undefined };
  }

  async #firstLine(id: string): Promise<string | undefined> {
    const reading = new AbortController();
    try {
      for await (const { text } of this.#deps.engine.logs(id, undefined, reading.signal)) return text;
      return undefined;
    } finally {
      reading.abort();
    }
  }
}

/** Whether an error stops the task, with its reason; all other errors are retried. */
function isProblem(thrown: unknown): thrown is EngineError | VolumeError | InvalidAssignmentError {
  return [EngineError, VolumeError, InvalidAssignmentError].some((kind) => thrown instanceof kind);
}

/** Waits for every step, even where one fails, so that no step is still running at the next observation. */
async function allOf(steps: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(steps))
    if (outcome.status === "rejected") throw outcome.reason;
}
