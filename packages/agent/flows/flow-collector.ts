import type { AssignedFlowLog, FlowRecord, ToControlPlane, VpcAssignment } from "@gantry/agent-protocol";
import { messageOf, type Clock, type Logger, type Timer } from "@gantry/kernel";
import { FLOWS_MAX, interfacesOf, isCounted } from "../network/flow-rules.ts";
import type { FlowCounter } from "./flow-counters.ts";

const READ_SECONDS = 60;
/** Flows of a message: batches of a busy interval are several messages. */
const BATCH_MAX = 5_000;
/** Batches kept until the control plane takes them. Older ones are lost. */
const UNTAKEN_MAX = 64;
/** Ids of batches are hexadecimal and grow: the control plane knows by them what it has taken. */
const SESSION_DIGITS = 12;
const SEQUENCE_DIGITS = 8;

export type FlowBatch = Extract<ToControlPlane, { type: "flows" }>;

export interface FlowCollectorDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly vpcs: () => readonly VpcAssignment[];
  /** The counters of a VPC's router; undefined where the router does not exist or does not count. */
  readonly read: (vpcId: string) => Promise<readonly FlowCounter[] | undefined>;
  readonly send: (batch: FlowBatch) => void;
}

/** What one flow log has gathered during its current aggregation interval. */
interface Interval {
  readonly until: number;
  readonly flows: Map<string, FlowRecord>;
  readonly skipped: Set<string>;
}

/**
 * Gathers the flows that routers count, once a minute, and sends those of an aggregation interval of a flow
 * log when it is over. Counters of the kernel only grow: the difference to the previous reading is what a
 * minute had. What an agent has gathered and not sent is lost with it, as AWS delivers flow logs on a
 * best-effort basis.
 */
export class FlowCollector {
  readonly #deps: FlowCollectorDeps;
  /** The counters of the previous reading, by VPC. */
  readonly #before = new Map<string, Map<string, FlowCounter>>();
  readonly #intervals = new Map<string, Interval>();
  /** One run of the agent: its begin. */
  readonly #session: string;
  #sequence = 0;
  #untaken: FlowBatch[] = [];
  #timer: Timer | undefined;

  constructor(deps: FlowCollectorDeps) {
    this.#deps = deps;
    this.#session = deps.clock.now().toString(16).padStart(SESSION_DIGITS, "0");
  }

  start(): void {
    const { clock } = this.#deps;
    const toWait = READ_SECONDS * 1_000 - (clock.now() % (READ_SECONDS * 1_000));
    this.#timer = clock.after(toWait, () => {
      void this.#tick().finally(() => {
        if (this.#timer !== undefined) this.start();
      });
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Reads a VPC's counters before its rules are replaced, which resets them. */
  async beforeRules(vpcId: string): Promise<void> {
    await this.#read(vpcId, this.#deps.clock.now());
    this.#before.delete(vpcId);
  }

  taken(id: string): void {
    this.#untaken = this.#untaken.filter((batch) => batch.id !== id);
  }

  /** Sends again what was not taken: a new connection has begun. */
  resend(): void {
    for (const batch of this.#untaken) this.#deps.send(batch);
  }

  /** Never rejects. */
  async #tick(): Promise<void> {
    const { clock, vpcs } = this.#deps;
    // A timer is a little early or late, and what is read at the end of a minute belongs to it.
    const now = Math.round(clock.now() / (READ_SECONDS * 1_000)) * READ_SECONDS * 1_000;
    const counted = vpcs().filter(isCounted);
    for (const vpc of counted) await this.#read(vpc.vpcId, now);
    const known = new Set(counted.flatMap((vpc) => (vpc.flowLogs ?? []).map((log) => log.id)));
    for (const id of this.#intervals.keys()) if (!known.has(id)) this.#intervals.delete(id);
    for (const id of this.#before.keys())
      if (!counted.some((vpc) => vpc.vpcId === id)) this.#before.delete(id);
    for (const vpc of counted)
      for (const log of vpc.flowLogs ?? []) {
        const interval = this.#intervalOf(log, now);
        if (interval.until * 1_000 > now) continue;
        this.#intervals.delete(log.id);
        this.#ship(vpc, log, interval);
      }
  }

  async #read(vpcId: string, now: number): Promise<void> {
    const { log, read, vpcs } = this.#deps;
    const vpc = vpcs().find((each) => each.vpcId === vpcId);
    if (vpc === undefined || !isCounted(vpc)) return;
    let counters: readonly FlowCounter[] | undefined;
    try {
      counters = await read(vpcId);
    } catch (thrown) {
      log.warn("Flows cannot be read", { vpcId, reason: messageOf(thrown) });
    }
    if (counters === undefined) return;
    const before = this.#before.get(vpcId) ?? new Map<string, FlowCounter>();
    const after = new Map<string, FlowCounter>();
    for (const counter of counters) {
      const key = `${keyOf(counter)} ${counter.tcpFlag ?? ""}`;
      after.set(key, counter);
      const earlier = before.get(key);
      // A counter that is smaller than before belongs to a new element: the flow had expired.
      const isSame = earlier !== undefined && earlier.packets <= counter.packets;
      const packets = counter.packets - (isSame ? earlier.packets : 0);
      if (packets === 0) continue;
      const bytes = counter.bytes - (isSame ? earlier.bytes : 0);
      this.#count(vpc, { ...counter, packets, bytes }, now);
    }
    this.#before.set(vpcId, after);
    this.#noteFullSets(vpc, counters, now);
  }

  #count(vpc: VpcAssignment, counter: FlowCounter, now: number): void {
    const isOut = counter.outcome.endsWith("_out");
    const action = counter.outcome.startsWith("accept") ? "ACCEPT" : "REJECT";
    const own = isOut ? counter.source : counter.destination;
    for (const log of vpc.flowLogs ?? []) {
      if (log.trafficType !== "ALL" && log.trafficType !== action) continue;
      const eni = interfacesOf(vpc, log.resourceId).find(({ ip }) => ip === own);
      if (eni === undefined) continue;
      const interval = this.#intervalOf(log, now);
      const key = keyOf(counter);
      const known = interval.flows.get(key);
      if (counter.tcpFlag !== undefined) {
        if (known !== undefined)
          interval.flows.set(key, { ...known, tcpFlags: (known.tcpFlags ?? 0) | counter.tcpFlag });
        continue;
      }
      if (known === undefined && interval.flows.size >= FLOWS_MAX) {
        interval.skipped.add(eni.id);
        continue;
      }
      const end = Math.floor(now / 1_000) - counter.idleSeconds;
      const from = interval.until - log.aggregationSeconds;
      interval.flows.set(key, {
        interfaceId: eni.id,
        source: counter.source,
        destination: counter.destination,
        sourcePort: counter.sourcePort,
        destinationPort: counter.destinationPort,
        protocol: counter.protocol,
        packets: counter.packets + (known?.packets ?? 0),
        bytes: counter.bytes + (known?.bytes ?? 0),
        start: known?.start ?? Math.max(from, Math.floor(now / 1_000) - READ_SECONDS),
        end: Math.max(end, known?.end ?? 0, from),
        action,
        direction: isOut ? "egress" : "ingress",
        ...(known?.tcpFlags === undefined ? {} : { tcpFlags: known.tcpFlags }),
      });
    }
  }

  /** Where a set of the kernel is full, flows of its interfaces were not counted. */
  #noteFullSets(vpc: VpcAssignment, counters: readonly FlowCounter[], now: number): void {
    if (counters.length < FLOWS_MAX) return;
    const sizes = new Map<string, number>();
    for (const { outcome, tcpFlag } of counters)
      if (tcpFlag === undefined) sizes.set(outcome, (sizes.get(outcome) ?? 0) + 1);
    if ([...sizes.values()].every((size) => size < FLOWS_MAX)) return;
    for (const log of vpc.flowLogs ?? [])
      for (const eni of interfacesOf(vpc, log.resourceId)) this.#intervalOf(log, now).skipped.add(eni.id);
  }

  /** The current interval of a flow log. What is read at its end belongs to it. */
  #intervalOf(log: AssignedFlowLog, now: number): Interval {
    const known = this.#intervals.get(log.id);
    if (known !== undefined) return known;
    const seconds = now / 1_000;
    const until = Math.ceil(seconds / log.aggregationSeconds) * log.aggregationSeconds;
    const made = { until, flows: new Map<string, FlowRecord>(), skipped: new Set<string>() };
    this.#intervals.set(log.id, made);
    return made;
  }

  #ship(vpc: VpcAssignment, log: AssignedFlowLog, { until, flows, skipped }: Interval): void {
    const { send } = this.#deps;
    const all = [...flows.values()];
    const busy = new Set(all.map((flow) => flow.interfaceId));
    const idle = interfacesOf(vpc, log.resourceId)
      .map((eni) => eni.id)
      .filter((id) => !busy.has(id) && !skipped.has(id));
    for (let at = 0; at === 0 || at < all.length; at += BATCH_MAX) {
      const batch: FlowBatch = {
        type: "flows",
        id: `${this.#session}${(this.#sequence += 1).toString(16).padStart(SEQUENCE_DIGITS, "0")}`,
        flowLogId: log.id,
        from: until - log.aggregationSeconds,
        until,
        flows: all.slice(at, at + BATCH_MAX),
        idle: at === 0 ? idle : [],
        skipped: at === 0 ? [...skipped] : [],
      };
      this.#untaken.push(batch);
      send(batch);
    }
    this.#untaken = this.#untaken.slice(-UNTAKEN_MAX);
  }
}

function keyOf({ outcome, source, destination, sourcePort, destinationPort, protocol }: FlowCounter): string {
  return `${outcome} ${source} ${sourcePort} ${destination} ${destinationPort} ${protocol}`;
}
