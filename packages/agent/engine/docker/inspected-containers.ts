import type { Clock } from "@gantry/kernel";
import type { EngineContainer } from "../engine.ts";

/**
 * How long an answer is used at most. An event can be lost: the engine drops those that a subscriber is too slow to
 * take. Every hello (60 s) therefore still asks the engine for each container.
 */
const KEPT_MS = 10_000;

interface Kept {
  readonly container: EngineContainer;
  readonly readAt: number;
}

interface Reading {
  readonly answer: Promise<EngineContainer | undefined>;
  isOutdated: boolean;
}

/**
 * What the engine last said of containers. An answer is used again while the engine's event stream is open and has told
 * of no change of the container, and the agent has not changed it itself: a node that adopts a hundred tasks asks once
 * for each container instead of five times (docs/decisions/0053). That there is no container is not kept.
 */
export class InspectedContainers {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  readonly #readings = new Map<string, Reading>();
  /** The label whose containers the event stream is about; undefined while no stream is open. */
  #watched: readonly [label: string, value: string] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The event stream is open: it tells of every change of containers with the label `name=value`. */
  opened(label: string): void {
    this.#forgetAll();
    const [name = "", value = ""] = label.split("=");
    this.#watched = [name, value];
  }

  /** The event stream has ended: changes are missed from now on. */
  closed(): void {
    this.#watched = undefined;
    this.#forgetAll();
  }

  /** The container of this id or name has changed, or is about to be changed. */
  changed(idOrName: string): void {
    this.#kept.delete(idOrName);
    for (const [name, { container }] of this.#kept) if (container.id === idOrName) this.#kept.delete(name);
    // The id of a container that is just being read is not known yet.
    this.#outdateReadings();
  }

  /** Returns the kept answer about a container, or calls `ask` where there is none. */
  async read(
    name: string,
    ask: () => Promise<EngineContainer | undefined>,
  ): Promise<EngineContainer | undefined> {
    const kept = this.#kept.get(name);
    if (kept !== undefined && this.#isFresh(kept)) return kept.container;
    this.#kept.delete(name);
    const started = this.#readings.get(name);
    if (started !== undefined) return started.answer;
    const reading: Reading = { answer: ask(), isOutdated: this.#watched === undefined };
    if (!reading.isOutdated) this.#readings.set(name, reading);
    try {
      const container = await reading.answer;
      if (container?.name === name && !reading.isOutdated && this.#isWatched(container))
        this.#kept.set(name, { container, readAt: this.#clock.now() });
      return container;
    } finally {
      if (this.#readings.get(name) === reading) this.#readings.delete(name);
    }
  }

  #isFresh({ readAt }: Kept): boolean {
    const age = this.#clock.now() - readAt;
    return age >= 0 && age < KEPT_MS;
  }

  #isWatched({ labels }: EngineContainer): boolean {
    return this.#watched !== undefined && labels[this.#watched[0]] === this.#watched[1];
  }

  #forgetAll(): void {
    this.#kept.clear();
    this.#outdateReadings();
  }

  #outdateReadings(): void {
    for (const reading of this.#readings.values()) reading.isOutdated = true;
    this.#readings.clear();
  }
}
