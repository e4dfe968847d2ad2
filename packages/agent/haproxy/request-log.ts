import { closeSync, constants, openSync, readSync } from "node:fs";
import type { BalancersAssignment, TrafficSample } from "@gantry/agent-protocol";
import { messageOf, type Clock, type Logger, type Timer } from "@gantry/kernel";
import type { BalancerLogs } from "./balancer-logs.ts";
import { balancerName, backendName, serverName } from "./names.ts";
import { DETAILS_LINE_MAX } from "./request-details.ts";
import { CONNECTION_MARK, REQUEST_PIPE_BYTES, requestPipe } from "./request-pipe.ts";

/**
 * Beyond this number of different latencies they are rounded, so that a minute's distribution stays small.
 */
const LATENCIES_MAX = 400;
/**
 * Rounded latencies keep two digits: the error is at most 5 %, and 1 % at a hundred milliseconds and more.
 */
const ROUND_FROM_MS = 100;
/** The number of names in a line: the load balancer, the backend and the server. */
const NAMES = 3;
const FIGURES = 5;
/** The characters of %ts: how the request ended, and in which state it was. */
const END_LENGTH = 2;

/** The most that one read takes. A read that fills it is followed by another. */
const CHUNK_BYTES = 256 * 1024;
/**
 * The pipe is read in intervals that let about an eighth of it fill up: a wake-up of the agent costs as much as
 * counting some hundred lines.
 */
const INTERVAL_MAX_MS = 200;
const INTERVAL_BYTES = REQUEST_PIPE_BYTES / 8;

/** The counters of one target of one target group behind one load balancer. */
interface Tally {
  /** Whether the requests were forwarded to a target. */
  readonly isForwarded: boolean;
  requests: number;
  /** By the first digit of the status. */
  readonly answered: number[];
  readonly generated: Map<number, number>;
  bytes: number;
  connectionErrors: number;
  readonly latencies: Map<number, number>;
}

/**
 * HAProxy's `log-format` of the lines that are counted here: names and numbers that the platform chose.
 * `balancer` is the name of the load balancer, or an HAProxy expression that gives it. `details` is the
 * format of what the load balancer's logs need (`request-details.ts`), or empty: without it a line contains
 * no text from a client. A request without a response of a target has -1 for the time until it began (%Tr).
 */
export function requestFormat(balancer: string, details = ""): string {
  const figures = `${balancer} %b %s %ST %Tr %B %U %ts`;
  return details === "" ? `"${figures}"` : `'${figures} ${details}'`;
}

/**
 * Counts the requests of the load balancers, one line of the proxy for each. Lines are read from a pipe in
 * intervals, because a wake-up for each line would cost more than counting it. All workers of the proxy write
 * to the pipe, a leaving worker too. It keeps lines while no agent reads; when it is full, the proxy drops
 * further lines and never waits.
 */
export class RequestLog {
  readonly #log: Logger;
  readonly #logs: Pick<BalancerLogs, "take" | "takeConnection"> | undefined;
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #pipe: { readonly path: string; readonly descriptor: number } | undefined;
  #timer: Timer | undefined;
  /** The beginning of a line whose end is not read yet. */
  #rest = "";
  #tallies = new Map<string, Tally>();

  constructor(log: Logger, logs?: Pick<BalancerLogs, "take" | "takeConnection">) {
    this.#log = log;
    this.#logs = logs;
  }

  /** Reads from the pipe in the proxy's folder from now on. Repeating it changes nothing. */
  read(folder: string, clock: Clock): void {
    const path = requestPipe(folder);
    if (this.#pipe?.path === path) return;
    this.close();
    try {
      this.#pipe = { path, descriptor: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) };
    } catch (thrown) {
      this.#log.warn("Requests cannot be counted", { folder, reason: messageOf(thrown) });
      return;
    }
    this.#readLater(clock, INTERVAL_MAX_MS);
  }

  close(): void {
    this.#timer?.cancel();
    if (this.#pipe !== undefined) closeSync(this.#pipe.descriptor);
    this.#pipe = undefined;
    this.#rest = "";
  }

  #readLater(clock: Clock, delayMs: number): void {
    this.#timer = clock.after(delayMs, () => {
      const bytes = this.#readAll();
      if (this.#pipe !== undefined) this.#readLater(clock, nextInterval(delayMs, bytes));
    });
  }

  /** Counts the lines that the pipe holds, and returns how many bytes they had. */
  #readAll(): number {
    let total = 0;
    try {
      while (this.#pipe !== undefined && total < REQUEST_PIPE_BYTES) {
        const size = readNow(this.#pipe.descriptor, this.#buffer);
        if (size === 0) break;
        total += size;
        this.#take(this.#rest + this.#buffer.toString("latin1", 0, size));
        // Another read of an empty pipe would throw, which costs more than the read.
        if (size < CHUNK_BYTES) break;
      }
    } catch (thrown) {
      this.#log.warn("Requests cannot be counted", { reason: messageOf(thrown) });
      this.close();
    }
    return total;
  }

  #take(text: string): void {
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.count(text.slice(from, end));
      from = end + 1;
    }
    this.#rest = text.length - from > DETAILS_LINE_MAX ? "" : text.slice(from);
  }

  /**
   * Counts one line. This is a hot path: a line is cut in two, and only the numbers behind the names are
   * split.
   */
  count(line: string): void {
    if (line.startsWith(CONNECTION_MARK)) return this.#logs?.takeConnection(line);
    let namesEnd = line.indexOf(" ");
    for (let each = 1; each < NAMES && namesEnd >= 0; each += 1) namesEnd = line.indexOf(" ", namesEnd + 1);
    if (namesEnd < 0) return;
    const names = line.slice(0, namesEnd);
    const values = line.slice(namesEnd + 1).split(" ");
    const [status = "", latency = "", down = "", up = "", end = ""] = values;
    const code = Number(status);
    const size = Number(down) + Number(up);
    const ms = Number(latency);
    // A line is cut where the pipe was full.
    if (!(code >= 100 && size >= 0) || Number.isNaN(ms) || end.length !== END_LENGTH) return;
    const isAnswered = ms >= 0;
    let tally = this.#tallies.get(names);
    if (tally === undefined) this.#tallies.set(names, (tally = newTally(names)));
    if (tally.isForwarded) tally.requests += 1;
    tally.bytes += size;
    if (end === "SC") tally.connectionErrors += 1;
    const group = Math.floor(code / 100);
    if (isAnswered) tally.answered[group] = (tally.answered[group] ?? 0) + 1;
    else tally.generated.set(code, (tally.generated.get(code) ?? 0) + 1);
    if (isAnswered) addLatency(tally.latencies, ms);
    if (values.length > FIGURES && this.#logs !== undefined) {
      const [sent, received] = [Number(down), Number(up)];
      this.#logs.take({ names, status: code, latencyMs: ms, received, sent, isAnswered }, values, FIGURES);
    }
  }

  /** Returns the counts since the previous call, by the ARNs of the assignment in effect. */
  drain(assignment: BalancersAssignment | undefined): readonly TrafficSample[] {
    this.#readAll();
    const tallies = this.#tallies;
    this.#tallies = new Map();
    if (assignment === undefined) return [];
    const balancers = new Map(assignment.balancers.map(({ arn }) => [balancerName(arn), arn]));
    const groups = new Map(assignment.targetGroups.map((group) => [backendName(group.arn), group]));
    return [...tallies].flatMap(([key, tally]): TrafficSample[] => {
      const [balancerId = "", backend = "", server = ""] = key.split(" ");
      const balancer = balancers.get(balancerId);
      // A leaving worker forwards its requests to the new worker, which counts them.
      if (balancer === undefined || backend.startsWith("handover_")) return [];
      const group = groups.get(backend);
      return [
        {
          balancer,
          targetGroup: group?.arn,
          target: group?.targets.find((target) => serverName(target) === server)?.address,
          requests: tally.requests,
          answered: [2, 3, 4, 5].map((digit) => tally.answered[digit] ?? 0),
          generated: Object.fromEntries(tally.generated),
          bytes: tally.bytes,
          connectionErrors: tally.connectionErrors,
          latencies: [...tally.latencies].flat(),
        },
      ];
    });
  }
}

/** The interval that lets about `INTERVAL_BYTES` arrive, after one in which these bytes arrived. */
export function nextInterval(delayMs: number, bytes: number): number {
  if (bytes >= REQUEST_PIPE_BYTES / 2) return 0;
  // After an interval of 0 ms the rate is not known: the proxy is busy, so the next interval is a short one.
  const wanted = Math.round((Math.max(delayMs, 5) * INTERVAL_BYTES) / Math.max(bytes, 1));
  return Math.min(wanted, Math.max(2 * delayMs, 20), INTERVAL_MAX_MS);
}

/** Reads what is there; 0 where nothing is. */
function readNow(descriptor: number, buffer: Buffer): number {
  try {
    return readSync(descriptor, buffer);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EAGAIN") return 0; // Node adds the code to its errors.
    throw thrown;
  }
}

function newTally(names: string): Tally {
  return {
    isForwarded: !names.endsWith(" <NOSRV>"),
    requests: 0,
    answered: [],
    generated: new Map(),
    bytes: 0,
    connectionErrors: 0,
    latencies: new Map(),
  };
}

function addLatency(latencies: Map<number, number>, ms: number): void {
  const value = latencies.size >= LATENCIES_MAX && !latencies.has(ms) ? rounded(ms) : ms;
  latencies.set(value, (latencies.get(value) ?? 0) + 1);
}

function rounded(ms: number): number {
  if (ms < ROUND_FROM_MS) return ms;
  const step = 10 ** (Math.floor(Math.log10(ms)) - 1);
  return Math.round(ms / step) * step;
}
