import type { PodAssignment, ToControlPlane, TrafficSample, UsageSample } from "@gantry/agent-protocol";
import { messageOf, realTimeOf, type Clock, type Logger, type Timer } from "@gantry/kernel";
import { containerSamples } from "./container-usage.ts";
import type { StorageUsage } from "./control-groups.ts";
import type { Usage } from "./usage-reader.ts";

/** The ECS agent publishes every 20 s as well. */
const SAMPLE_MS = 20_000;
const MINUTE_MS = 60_000;
const EARLY_MS = 1_000;
/** Number of batches kept while the control plane does not answer. Older ones are lost. */
const UNTAKEN_MAX = 90;

type Batch = Extract<ToControlPlane, { type: "metrics" }>;

interface Reading {
  /** By the platform's clock, and in real time. */
  readonly at: number;
  readonly realAt: number;
  readonly usage: Usage;
  /** The file systems of a reading that no sample was sent of: they are measured four times an hour alone. */
  readonly unsent?: Usage["fileSystems"];
}

export interface MetricShipperDeps {
  /** The platform's clock: where it runs faster, minutes are shorter. */
  readonly clock: Clock;
  readonly log: Logger;
  readonly pods: () => readonly PodAssignment[];
  readonly usageOf: (pod: PodAssignment) => Promise<Usage | undefined>;
  /** Returns the requests counted since the previous call. */
  readonly traffic: () => readonly TrafficSample[];
  readonly send: (batch: Batch) => void;
}

/**
 * Samples the pods' usage at the same offsets of every minute, and sends the samples of each time as one
 * numbered batch; the last batch of a minute includes the proxy's counts. A batch is sent again until the
 * control plane confirms it; the control plane drops known numbers. A batch may be lost where the agent dies,
 * but it is never counted twice.
 */
export class MetricShipper {
  readonly #deps: MetricShipperDeps;
  readonly #session: string;
  /** The last sample of each pod. */
  #before = new Map<string, Reading>();
  #untaken: Batch[] = [];
  #sequence = 0;
  /** The number of the minute that was sent last. */
  #shipped: number;
  #timer: Timer | undefined;

  constructor(deps: MetricShipperDeps) {
    this.#deps = deps;
    this.#session = String(realTimeOf(deps.clock).clock.now());
    this.#shipped = this.#minute();
  }

  start(): void {
    const now = this.#deps.clock.now();
    // A timer may fire slightly early: the next sample then belongs to the next 20 seconds.
    const next = Math.ceil((now + EARLY_MS) / SAMPLE_MS) * SAMPLE_MS;
    this.#timer = this.#deps.clock.after(next - now, () => {
      void this.#sample().finally(() => this.start()); // #sample never rejects.
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Called when the control plane has stored the batch. */
  taken(session: string, sequence: number): void {
    if (session === this.#session) this.#untaken = this.#untaken.filter((batch) => batch.sequence > sequence);
  }

  /** Sends unconfirmed batches again. */
  resend(): void {
    for (const batch of this.#untaken) this.#deps.send(batch);
  }

  async #sample(): Promise<void> {
    const { clock, log, pods, usageOf } = this.#deps;
    const realClock = realTimeOf(clock).clock;
    const after = new Map<string, Reading>();
    await Promise.all(
      pods().map(async (pod) => {
        try {
          const usage = await usageOf(pod);
          if (usage !== undefined) after.set(pod.key, { at: clock.now(), realAt: realClock.now(), usage });
        } catch (thrown) {
          log.debug("The usage of a pod could not be read", { key: pod.key, reason: messageOf(thrown) });
        }
      }),
    );
    const samples: UsageSample[] = [];
    for (const [pod, reading] of after) {
      const before = this.#before.get(pod);
      // Counters that decreased belong to other containers.
      const isSent =
        before !== undefined && reading.usage.cpuSeconds >= before.usage.cpuSeconds && reading.at > before.at;
      const whole = { ...reading, usage: withFileSystems(reading.usage, before?.unsent) };
      if (isSent) samples.push({ pod, from: before.at, until: reading.at, ...used(whole, before) });
      else after.set(pod, { ...whole, unsent: whole.usage.fileSystems });
    }
    this.#before = after;
    this.#ship(samples);
  }

  #minute(): number {
    return Math.floor((this.#deps.clock.now() + EARLY_MS) / MINUTE_MS);
  }

  #ship(usage: readonly UsageSample[]): void {
    const minute = this.#minute();
    // On a fast clock the sample at the end of a minute may be late: the next one ends the minute.
    const endsMinute = minute !== this.#shipped;
    this.#shipped = minute;
    const traffic = endsMinute ? this.#deps.traffic() : [];
    if (usage.length === 0 && traffic.length === 0) return;
    this.#sequence += 1;
    const batch: Batch = {
      type: "metrics",
      session: this.#session,
      sequence: this.#sequence,
      usage,
      ...(endsMinute ? { at: (minute - 1) * MINUTE_MS, traffic } : {}),
    };
    this.#untaken = [...this.#untaken, batch].slice(-UNTAKEN_MAX);
    this.#deps.send(batch);
  }
}

/** The usage with the bytes of file systems that an earlier reading measured, which was not sent. */
function withFileSystems(usage: Usage, unsent: Usage["fileSystems"]): Usage {
  if (usage.fileSystems === undefined || unsent === undefined) return usage;
  return {
    ...usage,
    fileSystems: usage.fileSystems.map((each) => ({ ...unsent.find(({ id }) => id === each.id), ...each })),
  };
}

/** The usage between two readings. A counter that decreased, as that of a new interface does, is left out. */
function used({ at, realAt, usage }: Reading, earlier: Reading): Omit<UsageSample, "pod" | "from" | "until"> {
  const before = earlier.usage;
  const { network, storage, connections, storedBytes, fileSystems, ephemeralBytes, containers } = usage;
  const { replicaLagSeconds } = usage;
  // The usage in real time is scaled to the time that passed on the platform's clock.
  const scale = realAt > earlier.realAt ? (at - earlier.at) / (realAt - earlier.realAt) : 1;
  return {
    cpuSeconds: (usage.cpuSeconds - before.cpuSeconds) * scale,
    memoryBytes: usage.memoryBytes,
    ...(network && before.network && network.rxBytes >= before.network.rxBytes
      ? {
          rxBytes: network.rxBytes - before.network.rxBytes,
          txBytes: network.txBytes - before.network.txBytes,
          rxPackets: network.rxPackets - before.network.rxPackets,
          txPackets: network.txPackets - before.network.txPackets,
        }
      : {}),
    ...(storage && before.storage && storage.readBytes >= before.storage.readBytes
      ? {
          readBytes: storage.readBytes - before.storage.readBytes,
          writeBytes: storage.writeBytes - before.storage.writeBytes,
          ...operations(storage, before.storage),
        }
      : {}),
    ...(connections === undefined ? {} : { connections }),
    ...(storedBytes === undefined ? {} : { storedBytes }),
    ...(replicaLagSeconds === undefined ? {} : { replicaLagSeconds }),
    ...(fileSystems === undefined ? {} : { fileSystems }),
    ...(ephemeralBytes === undefined ? {} : { ephemeralBytes }),
    ...(containers === undefined
      ? {}
      : { containers: containerSamples(containers, before.containers ?? [], scale) }),
  };
}

function operations(
  { readOps, writeOps }: StorageUsage,
  before: StorageUsage,
): Pick<UsageSample, "readOps" | "writeOps"> {
  if (readOps === undefined || writeOps === undefined) return {};
  if (before.readOps === undefined || before.writeOps === undefined || readOps < before.readOps) return {};
  return { readOps: readOps - before.readOps, writeOps: writeOps - before.writeOps };
}
