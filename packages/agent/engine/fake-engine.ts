import { sleep, type Clock } from "@gantry/kernel";
import {
  EngineError,
  type ContainerSpec,
  type Engine,
  type EngineContainer,
  type EngineImage,
  type EngineLogLine,
  type EngineStats,
  type EngineStorage,
} from "./engine.ts";

interface FakeContainer {
  readonly spec: ContainerSpec;
  state: EngineContainer;
}

const CRASH_MS = 500;

/**
 * An engine of maps and virtual time, with faults that tests inject. It passes the suite that Docker passes.
 * Containers with a health check are healthy from their start.
 */
export class FakeEngine implements Engine {
  readonly #clock: Clock;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #names = new Map<string, string>();
  readonly #watchers = new Set<(labels: Readonly<Record<string, string>>) => void>();
  readonly #images: Set<string>;
  readonly #tags = new Map<string, ReadonlySet<string>>();
  #serial = 0;
  #pid = 1_000;
  #powerCuts = 0;
  /** Called before each operation; a thrown error makes the operation fail. */
  fault: (operation: string, name: string) => void = () => {};
  /** The delay before each operation takes effect. */
  latencyMs = 0;
  /**
   * The behaviour of containers of an image: they run, fail to be pulled, or end half a second after their
   * start.
   */
  behaviour: (image: string) => "runs" | "fails" | "crashes" = () => "runs";
  /** The digest of a tag at its registry; undefined where no registry answers. */
  registry: (image: string) => string | undefined = (image) => `sha256:${image}`;
  /** Whether an image was built from Debian packages. */
  isBuilt: (image: string) => boolean = () => false;
  /** Images whose digest was requested from a registry. */
  readonly resolved: string[] = [];
  /** Bytes that a container has written. */
  written: (name: string) => number = () => 0;
  /** Called at every start, with the container. */
  onStart: (container: EngineContainer) => void = () => {};

  constructor(clock: Clock, images: readonly string[]) {
    this.#clock = clock;
    this.#images = new Set(images);
  }

  async image(reference: string): Promise<EngineImage | undefined> {
    return this.#images.has(reference)
      ? {
          id: reference,
          digest: reference.split("@")[1],
          names: [...(this.#tags.get(reference) ?? [])],
          entryPoint: [],
          command: [],
          isBuilt: this.isBuilt(reference),
        }
      : undefined;
  }

  async resolveDigest(image: string): Promise<string> {
    this.resolved.push(image);
    const digest = this.registry(image);
    if (digest === undefined)
      throw new EngineError("CannotPullContainerError", `failed to resolve ref ${image}: no such host`, {
        unreachable: true,
      });
    return digest;
  }

  async tagImage(reference: string, name: string): Promise<void> {
    this.#tags.set(reference, new Set([...(this.#tags.get(reference) ?? []), name]));
  }

  async commitContainer(id: string, name: string): Promise<void> {
    await this.#begin("commit", name);
    if (this.#find(id) === undefined) throw new Error(`No such container: ${id}`);
    this.#images.add(name);
  }

  async removeImage(name: string): Promise<void> {
    const isUsed = [...this.#containers.values()].some(({ spec }) => spec.image === name);
    if (isUsed) throw new Error(`The image ${name} is in use.`);
    this.#images.delete(name);
  }

  async pullImage(image: string): Promise<void> {
    await this.#begin("pull", image);
    if (image.includes("missing") || this.behaviour(nameOf(image)) === "fails")
      throw new EngineError("CannotPullContainerError", `${image}: not found`);
    this.#images.add(image);
  }

  async createContainer(spec: ContainerSpec): Promise<string> {
    await this.#begin("create", spec.name);
    const there = this.#find(spec.name);
    if (there !== undefined) return there.state.id;
    if (!this.#images.has(spec.image))
      throw new EngineError("CannotCreateContainerError", `No such image: ${spec.image}`, {
        imageMissing: true,
      });
    const id = `fake${String((this.#serial += 1)).padStart(60, "0")}`;
    const state: EngineContainer = {
      id,
      name: spec.name,
      labels: spec.labels,
      state: "created",
      pid: 0,
      exitCode: undefined,
      outOfMemory: false,
      problem: undefined,
      health: "UNKNOWN",
      startedAt: undefined,
      finishedAt: undefined,
      imageDigest: spec.image.split("@")[1] ?? `sha256:${spec.image}`,
    };
    this.#containers.set(id, { spec, state });
    this.#names.set(spec.name, id);
    return id;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#find(id);
    if (container === undefined)
      throw new EngineError("CannotStartContainerError", `No such container: ${id}`);
    await this.#begin("start", container.spec.name);
    if (!this.#containers.has(container.state.id))
      throw new EngineError("CannotStartContainerError", `No such container: ${id}`);
    if (container.state.state === "running") return;
    const joined = /^container:(.+)$/.exec(container.spec.network)?.[1];
    if (joined !== undefined && this.#find(joined)?.state.state !== "running")
      throw new EngineError(
        "CannotStartContainerError",
        `cannot join network of a non running container: ${joined}`,
      );
    container.state = {
      ...container.state,
      state: "running",
      pid: (this.#pid += 1),
      startedAt: this.#clock.now(),
      exitCode: undefined,
      health: container.spec.healthCheck === undefined ? "UNKNOWN" : "HEALTHY",
    };
    this.onStart(container.state);
    if (this.behaviour(nameOf(container.spec.image)) === "crashes")
      this.#clock.after(CRASH_MS, () => this.kill(container.state.id, 1));
    this.#tell(container);
  }

  async stopContainer(id: string): Promise<void> {
    await this.#begin("stop", this.#find(id)?.spec.name ?? id);
    const container = this.#find(id);
    if (container !== undefined && container.state.state === "running") this.#exit(container, 143);
  }

  async removeContainer(id: string): Promise<void> {
    await this.#begin("remove", this.#find(id)?.spec.name ?? id);
    const container = this.#find(id);
    if (container === undefined) return;
    this.#containers.delete(container.state.id);
    this.#names.delete(container.spec.name);
    this.#tell(container);
  }

  inspectNow(idOrName: string): Promise<EngineContainer | undefined> {
    return this.inspect(idOrName);
  }

  async inspect(idOrName: string): Promise<EngineContainer | undefined> {
    return this.#find(idOrName)?.state;
  }

  async stats(id: string): Promise<EngineStats | undefined> {
    const container = this.#find(id);
    if (container === undefined) return undefined;
    const read = new Date(this.#clock.now()).toISOString();
    const usage = { total_usage: this.#clock.now() };
    return { read, id: container.state.id, name: `/${container.spec.name}`, cpu_stats: { cpu_usage: usage } };
  }

  async storage(id: string): Promise<EngineStorage | undefined> {
    const container = this.#find(id);
    if (container === undefined) return undefined;
    return {
      imageId: container.spec.image,
      imageBytes: 1_000_000,
      writtenBytes: this.written(container.spec.name),
    };
  }

  async list(label: string): Promise<readonly EngineContainer[]> {
    const [name = "", value] = label.split("=");
    return [...this.#containers.values()]
      .map((container) => container.state)
      .filter((state) => (value === undefined ? name in state.labels : state.labels[name] === value));
  }

  async probe(): Promise<void> {}

  async *logs(): AsyncIterable<EngineLogLine> {}

  watch(
    label: string,
    onChange: (labels: Readonly<Record<string, string>>) => void,
    signal: AbortSignal,
  ): void {
    const [name = "", value] = label.split("=");
    const watcher = (labels: Readonly<Record<string, string>>): void => {
      if (value === undefined || labels[name] === value) onChange(labels);
    };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", () => this.#watchers.delete(watcher));
  }

  /** The time since which a container serves at an address; undefined where none does. */
  servingSince(address: string): number | undefined {
    const all = [...this.#containers.values()];
    const pause = all.find(
      ({ spec, state }) =>
        state.state === "running" && spec.hostname === `ip-${address.replaceAll(".", "-")}`,
    );
    if (pause === undefined) return undefined;
    const inside = all.filter(
      ({ spec, state }) => spec.network === `container:${pause.spec.name}` && state.state === "running",
    );
    return inside.length === 0 ? undefined : Math.max(...inside.map(({ state }) => state.startedAt ?? 0));
  }

  isRunning(name: string): boolean {
    return this.#find(name)?.state.state === "running";
  }

  /** Simulates a power cut: all containers end, pending calls never complete, and no events are sent. */
  powerCut(): void {
    this.#powerCuts += 1;
    for (const container of this.#containers.values())
      if (container.state.state === "running")
        container.state = {
          ...container.state,
          state: "exited",
          pid: 0,
          exitCode: 137,
          finishedAt: this.#clock.now(),
        };
  }

  /** Adds an image, as `docker build` would. */
  addImage(image: string): void {
    this.#images.add(image);
  }

  /** Loses an image, as with `docker rmi -f`. */
  loseImage(image: string): void {
    this.#images.delete(image);
  }

  /** Ends a running container externally, as `docker kill` would. */
  kill(idOrName: string, exitCode = 137): void {
    const container = this.#find(idOrName);
    if (container?.state.state === "running") this.#exit(container, exitCode);
  }

  async #begin(operation: string, name: string): Promise<void> {
    const before = this.#powerCuts;
    if (this.latencyMs > 0) await sleep(this.#clock, this.latencyMs);
    if (before !== this.#powerCuts)
      throw new EngineError("CannotInspectContainerError", "The engine went away.");
    this.fault(operation, name);
  }

  #exit(container: FakeContainer, exitCode: number): void {
    container.state = {
      ...container.state,
      state: "exited",
      pid: 0,
      exitCode,
      finishedAt: this.#clock.now(),
    };
    this.#tell(container);
  }

  #find(idOrName: string): FakeContainer | undefined {
    return this.#containers.get(this.#names.get(idOrName) ?? idOrName);
  }

  #tell(container: FakeContainer): void {
    for (const watcher of this.#watchers) watcher(container.state.labels);
  }
}

/** The name of an image without its digest. */
function nameOf(image: string): string {
  return image.split("@")[0] ?? image;
}
