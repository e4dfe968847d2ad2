import type { PodAssignment } from "@gantry/agent-protocol";
import { elapsedSince, sleep, type Clock } from "@gantry/kernel";
import type { Engine, EngineStats } from "../engine/engine.ts";
import type { Naming } from "../naming.ts";

/** Counters of network interfaces by name, as Docker's statistics name them. */
export type InterfaceCounters = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface Sample {
  readonly id: string;
  readonly at: number;
  readonly stats: EngineStats;
  readonly networks: InterfaceCounters;
}

interface Known {
  readonly sample: Sample;
  readonly answer: Readonly<Record<string, unknown>>;
}

/** The ECS agent reads statistics once a second; more frequent requests get the same answer. */
const FRESH_MS = 1_000;
const FORGET_MS = 10 * 60_000;

/**
 * Statistics of containers as the ECS agent returns them: Docker's, with the task's network interfaces, and
 * the network rates since the previous sample. The first request for a container waits for its second sample.
 * Source: Amazon ECS task metadata endpoint version 4, "Task metadata examples", stats.
 */
export class TaskStats {
  readonly #deps: {
    engine: Engine;
    naming: Naming;
    clock: Clock;
    countersOf: (pid: number) => Promise<InterfaceCounters>;
  };
  readonly #known = new Map<string, Known>();
  readonly #pending = new Map<string, Promise<Known["answer"] | undefined>>();

  constructor(deps: {
    engine: Engine;
    naming: Naming;
    clock: Clock;
    countersOf: (pid: number) => Promise<InterfaceCounters>;
  }) {
    this.#deps = deps;
  }

  /** Undefined for a container that does not run. */
  of(pod: PodAssignment, name: string): Promise<Known["answer"] | undefined> {
    const key = this.#deps.naming.container(pod.key, name);
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = this.#measure(pod, key).finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    return pending;
  }

  async #measure(pod: PodAssignment, key: string): Promise<Known["answer"] | undefined> {
    const { engine, clock } = this.#deps;
    this.#forgetOld();
    const there = await engine.inspect(key);
    if (there?.state !== "running") return undefined;
    const known = this.#known.get(key);
    let before = known?.sample.id === there.id ? known.sample : undefined;
    if (known !== undefined && before !== undefined && elapsedSince(before.at, clock.now()) < FRESH_MS)
      return known.answer;
    if (before === undefined) {
      before = await this.#sample(pod, there.id);
      await sleep(clock, FRESH_MS);
    }
    const sample = await this.#sample(pod, there.id);
    if (sample === undefined || before === undefined) return undefined;
    const answer = answerOf(sample, before);
    this.#known.set(key, { sample, answer });
    return answer;
  }

  async #sample(pod: PodAssignment, id: string): Promise<Sample | undefined> {
    const { engine, naming, clock, countersOf } = this.#deps;
    const [stats, pause] = await Promise.all([
      engine.stats(id),
      engine.inspect(naming.pause(pod.interface.id)),
    ]);
    if (stats === undefined) return undefined;
    const networks = pause?.state === "running" ? await countersOf(pause.pid) : {};
    return { id, at: clock.now(), stats, networks };
  }

  #forgetOld(): void {
    const now = this.#deps.clock.now();
    for (const [key, { sample }] of this.#known)
      if (elapsedSince(sample.at, now) > FORGET_MS) this.#known.delete(key);
  }
}

function answerOf(sample: Sample, before: Sample): Known["answer"] {
  const seconds = Math.max(1, elapsedSince(before.at, sample.at)) / 1_000;
  const rateOf = (counter: string) =>
    Math.max(0, sumOf(sample.networks, counter) - sumOf(before.networks, counter)) / seconds;
  return {
    ...sample.stats,
    preread: before.stats.read,
    precpu_stats: before.stats.cpu_stats,
    networks: sample.networks,
    network_rate_stats: { rx_bytes_per_sec: rateOf("rx_bytes"), tx_bytes_per_sec: rateOf("tx_bytes") },
  };
}

function sumOf(networks: InterfaceCounters, counter: string): number {
  return Object.values(networks).reduce((sum, counters) => sum + (counters[counter] ?? 0), 0);
}
