import type { PodAssignment, ToControlPlane, TrafficSample, UsageSample } from "@gantry/agent-protocol";
import { messageOf, type Clock, type Logger, type Timer } from "@gantry/kernel";
import type { Usage } from "./usage-reader.ts";

/** The ECS agent publishes every 20 s as well. */
const SAMPLE_MS = 20_000;
const BATCH_MS = 60_000;
const EARLY_MS = 1_000;
/** Batches that are kept while the control plane does not answer. Older ones are lost. */
const UNTAKEN_MAX = 30;

type Batch = Extract<ToControlPlane, { type: "metrics" }>;

export interface MetricShipperDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly pods: () => readonly PodAssignment[];
  readonly usageOf: (pod: PodAssignment) => Promise<Usage | undefined>;
  /** Returns the requests counted since the previous call. */
  readonly traffic: () => readonly TrafficSample[];
  readonly send: (batch: Batch) => void;
}

/**
 * Samples what pods use at the same moments of every minute, and sends the samples of each minute as one numbered batch.
 * A batch is sent again until the control plane has taken it, which drops a number that it knows: a batch may be lost,
 * where the agent dies, but it does not count twice.
 */
export class MetricShipper {
  readonly #deps: MetricShipperDeps;
  readonly #session: string;
  /** The last sample of each pod. */
  #before = new Map<string, { readonly at: number; readonly usage: Usage }>();
  #samples: UsageSample[] = [];
  #untaken: Batch[] = [];
  #sequence = 0;
  #timer: Timer | undefined;

  constructor(deps: MetricShipperDeps) {
    this.#deps = deps;
    this.#session = String(deps.clock.now());
  }

  start(): void {
    const now = this.#deps.clock.now();
    // A timer may be a moment early: the sample after it is the one of the next 20 seconds.
    const next = Math.ceil((now + EARLY_MS) / SAMPLE_MS) * SAMPLE_MS;
    this.#timer = this.#deps.clock.after(next - now, () => {
      void this.#sample().finally(() => this.start()); // #sample never rejects.
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** The control plane has the batch. */
  taken(session: string, sequence: number): void {
    if (session === this.#session) this.#untaken = this.#untaken.filter((batch) => batch.sequence > sequence);
  }

  /** Sends again what has not been taken. */
  resend(): void {
    for (const batch of this.#untaken) this.#deps.send(batch);
  }

  async #sample(): Promise<void> {
    const { clock, log, pods, usageOf } = this.#deps;
    const after = new Map<string, { at: number; usage: Usage }>();
    await Promise.all(
      pods().map(async (pod) => {
        try {
          const usage = await usageOf(pod);
          if (usage !== undefined) after.set(pod.key, { at: clock.now(), usage });
        } catch (thrown) {
          log.debug("A pod's use could not be read", { key: pod.key, reason: messageOf(thrown) });
        }
      }),
    );
    for (const [pod, { at, usage }] of after) {
      const before = this.#before.get(pod);
      // Counters that went back are those of other containers.
      if (before === undefined || usage.cpuSeconds < before.usage.cpuSeconds || at <= before.at) continue;
      this.#samples.push({
        pod,
        from: before.at,
        until: at,
        cpuSeconds: usage.cpuSeconds - before.usage.cpuSeconds,
        memoryBytes: usage.memoryBytes,
      });
    }
    this.#before = after;
    const now = clock.now();
    if (Math.floor((now + EARLY_MS) / SAMPLE_MS) % (BATCH_MS / SAMPLE_MS) === 0) this.#ship();
  }

  #ship(): void {
    const traffic = this.#deps.traffic();
    if (this.#samples.length === 0 && traffic.length === 0) return;
    const end = Math.floor((this.#deps.clock.now() + EARLY_MS) / BATCH_MS) * BATCH_MS;
    this.#sequence += 1;
    const batch: Batch = {
      type: "metrics",
      session: this.#session,
      sequence: this.#sequence,
      usage: this.#samples,
      at: end - BATCH_MS,
      traffic,
    };
    this.#samples = [];
    this.#untaken = [...this.#untaken, batch].slice(-UNTAKEN_MAX);
    this.#deps.send(batch);
  }
}
