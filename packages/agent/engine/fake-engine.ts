import type { Clock } from "@gantry/kernel";
import { EngineError, type ContainerSpec, type Engine, type EngineContainer, type EngineLogLine } from "./engine.ts";

interface FakeContainer {
  readonly spec: ContainerSpec;
  state: EngineContainer;
}

/** An engine of maps and virtual time, with faults that tests can order. It passes the suite that Docker passes. */
export class FakeEngine implements Engine {
  readonly #clock: Clock;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #watchers = new Set<(labels: Readonly<Record<string, string>>) => void>();
  readonly #images: Set<string>;
  #serial = 0;
  /** Called before each operation; what it throws is the operation's failure. */
  fault: (operation: string, name: string) => void = () => {};

  constructor(clock: Clock, images: readonly string[]) {
    this.#clock = clock;
    this.#images = new Set(images);
  }

  async hasImage(image: string): Promise<boolean> {
    return this.#images.has(image);
  }

  async pullImage(image: string): Promise<void> {
    this.fault("pull", image);
    if (image.includes("missing")) throw new EngineError("CannotPullContainerError", `${image}: not found`);
    this.#images.add(image);
  }

  async createContainer(spec: ContainerSpec): Promise<string> {
    this.fault("create", spec.name);
    const there = this.#find(spec.name);
    if (there !== undefined) return there.state.id;
    if (!this.#images.has(spec.image)) throw new EngineError("CannotCreateContainerError", `No such image: ${spec.image}`);
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
      imageDigest: `sha256:${spec.image}`,
    };
    this.#containers.set(id, { spec, state });
    return id;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#find(id);
    if (container === undefined) throw new EngineError("CannotStartContainerError", `No such container: ${id}`);
    this.fault("start", container.spec.name);
    if (container.state.state === "running") return;
    container.state = { ...container.state, state: "running", pid: 1000 + this.#serial, startedAt: this.#clock.now(), exitCode: undefined };
    this.#tell(container);
  }

  async stopContainer(id: string): Promise<void> {
    const container = this.#find(id);
    if (container !== undefined && container.state.state === "running") this.#exit(container, 143);
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#find(id);
    if (container === undefined) return;
    this.#containers.delete(container.state.id);
    this.#tell(container);
  }

  async inspect(idOrName: string): Promise<EngineContainer | undefined> {
    return this.#find(idOrName)?.state;
  }

  async list(label: string): Promise<readonly EngineContainer[]> {
    const [name = "", value] = label.split("=");
    return [...this.#containers.values()]
      .map((container) => container.state)
      .filter((state) => (value === undefined ? name in state.labels : state.labels[name] === value));
  }

  async *logs(): AsyncIterable<EngineLogLine> {}

  watch(label: string, onChange: (labels: Readonly<Record<string, string>>) => void, signal: AbortSignal): void {
    const [name = "", value] = label.split("=");
    const watcher = (labels: Readonly<Record<string, string>>): void => {
      if (value === undefined || labels[name] === value) onChange(labels);
    };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", () => this.#watchers.delete(watcher));
  }

  /** Ends a running container from outside, as `docker kill` would. */
  kill(idOrName: string, exitCode = 137): void {
    const container = this.#find(idOrName);
    if (container?.state.state === "running") this.#exit(container, exitCode);
  }

  #exit(container: FakeContainer, exitCode: number): void {
    container.state = { ...container.state, state: "exited", pid: 0, exitCode, finishedAt: this.#clock.now() };
    this.#tell(container);
  }

  #find(idOrName: string): FakeContainer | undefined {
    return this.#containers.get(idOrName) ?? [...this.#containers.values()].find((container) => container.state.name === idOrName);
  }

  #tell(container: FakeContainer): void {
    for (const watcher of this.#watchers) watcher(container.state.labels);
  }
}
