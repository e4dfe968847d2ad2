import { createServer, type Server } from "node:net";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BalancersAssignment, TrafficSample } from "@gantry/agent-protocol";
import { messageOf, type Logger } from "@gantry/kernel";
import type { BalancerLogs } from "./balancer-logs.ts";
import { balancerName, backendName, serverName } from "./names.ts";
import { DETAILS_LINE_MAX } from "./request-details.ts";

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
const FIGURES = 6;

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
 * The socket that the proxy writes a line to for each request. It is outside `run`, whose sockets the proxy
 * removes at start.
 */
export function requestSocket(folder: string): string {
  return join(folder, "requests.sock");
}

/**
 * HAProxy's `log-format` of the lines that are counted here: the worker and its request number, then numbers
 * and names that the platform chose. `balancer` is the name of the load balancer, or an HAProxy expression
 * that gives it. `details` is the format of what the load balancer's logs need (`request-details.ts`), or
 * empty: without it a line contains no text from a client.
 */
export function requestFormat(balancer: string, details = ""): string {
  const figures = `%pid:%rt ${balancer} %b %s %ST %Tr %B %U %ts %[var(txn.answered)]`;
  return details === "" ? `"${figures}"` : `'${figures} ${details}'`;
}

/**
 * Counts the requests of the load balancers, one line of the proxy for each. The proxy buffers lines while no
 * agent listens, so a restart of the agent loses no count. A leaving worker closes its buffer immediately;
 * its last lines arrive through another connection (see `leaving-worker.ts`), and some through both. They are
 * lost where the agent is killed while a worker leaves.
 */
export class RequestLog {
  readonly #log: Logger;
  readonly #logs: Pick<BalancerLogs, "take"> | undefined;
  #server: Server | undefined;
  #path = "";
  #tallies = new Map<string, Tally>();
  /** Lines that were already counted, of workers whose lines may arrive twice, by the worker's process id. */
  readonly #counted = new Map<string, Set<string>>();

  constructor(log: Logger, logs?: Pick<BalancerLogs, "take">) {
    this.#log = log;
    this.#logs = logs;
  }

  /** Listens in the proxy's folder. Repeating it changes nothing. */
  async listen(folder: string): Promise<void> {
    const path = requestSocket(folder);
    if (this.#server !== undefined && this.#path === path) return;
    this.close();
    await rm(path, { force: true });
    const server = createServer((socket) => {
      let rest = "";
      socket.setEncoding("latin1");
      socket.on("data", (chunk: string) => {
        const text = rest + chunk;
        let from = 0;
        for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
          this.count(text.slice(from, end));
          from = end + 1;
        }
        rest = text.length - from > DETAILS_LINE_MAX ? "" : text.slice(from);
      });
      socket.on("error", () => socket.destroy());
    });
    server.on("error", (thrown) =>
      this.#log.warn("Requests cannot be counted", { folder: dirname(path), reason: messageOf(thrown) }),
    );
    server.listen(path);
    server.unref();
    this.#server = server;
    this.#path = path;
  }

  close(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** From now on each line of the worker may arrive through two connections. */
  expectTwice(pid: string): void {
    this.#counted.set(pid, new Set());
  }

  /** No further line of the worker arrives. */
  expectOnce(pid: string): void {
    this.#counted.delete(pid);
  }

  /**
   * Counts one line. This is a hot path: a line is cut in two, and only the numbers behind the names are
   * split.
   */
  count(line: string): void {
    const idEnd = line.indexOf(" ");
    let namesEnd = idEnd;
    for (let each = 0; each < NAMES && namesEnd >= 0; each += 1) namesEnd = line.indexOf(" ", namesEnd + 1);
    if (namesEnd < 0) return;
    const names = line.slice(idEnd + 1, namesEnd);
    const values = line.slice(namesEnd + 1).split(" ");
    const [status = "", latency = "", down = "", up = "", end = "", answered = ""] = values;
    const code = Number(status);
    if (!(code >= 100)) return;
    if (this.#counted.size > 0 && this.#isCounted(line.slice(0, idEnd))) return;
    let tally = this.#tallies.get(names);
    if (tally === undefined) this.#tallies.set(names, (tally = newTally(names)));
    if (tally.isForwarded) tally.requests += 1;
    tally.bytes += Number(down) + Number(up);
    if (end === "SC") tally.connectionErrors += 1;
    const group = Math.floor(code / 100);
    if (answered === "1") tally.answered[group] = (tally.answered[group] ?? 0) + 1;
    else tally.generated.set(code, (tally.generated.get(code) ?? 0) + 1);
    const ms = Number(latency);
    if (answered === "1" && ms >= 0) addLatency(tally.latencies, ms);
    if (values.length > FIGURES && this.#logs !== undefined) {
      const [balancer = "", backend = "", server = ""] = names.split(" ");
      const [sent, received, isAnswered] = [Number(down), Number(up), answered === "1"];
      const figures = { balancer, backend, server, status: code, latencyMs: ms, received, sent, isAnswered };
      this.#logs.take(figures, values.slice(FIGURES));
    }
  }

  #isCounted(id: string): boolean {
    const seen = this.#counted.get(id.slice(0, id.indexOf(":")));
    if (seen === undefined) return false;
    if (seen.has(id)) return true;
    seen.add(id);
    return false;
  }

  /** Returns the counts since the previous call, by the ARNs of the assignment in effect. */
  drain(assignment: BalancersAssignment | undefined): readonly TrafficSample[] {
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
