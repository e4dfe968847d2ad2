import {
  compileInsightsQuery,
  discoverIn,
  FairTurns,
  InsightsRun,
  QueryLimitError,
  type InsightsQuery,
  type LogEvent,
} from "@gantry/content";
import {
  CiphertextError,
  KeyUnusableError,
  type LogQueryRecord,
  type LogQueryStatistics,
} from "@gantry/state";
import type { LogsDeps } from "./logs-deps.ts";

/** Source: CloudWatch Logs User Guide, "CloudWatch Logs quotas": a query runs for 60 minutes at most. */
const RUN_MS_MAX = 60 * 60_000;
/** The most bytes that one query reads. */
const BYTES_MAX = 10 * 1024 ** 3;
/** Events that are in memory for each log group of a query. */
const PAGE_EVENTS = 500;
const PAGE_BYTES = 128 * 1024;
/** The rows of a stored chunk of results. */
export const CHUNK_ROWS = 50;

/** A row of a result. The event is the index of its log group, its time and its id; absent from groups of events. */
export interface StoredRow {
  readonly fields: readonly (readonly [string, string])[];
  readonly event?: string;
}

/** The key of a query's record and results. */
export function queryKey({ account, region, id }: { account: string; region: string; id: string }): string {
  return `${account}/${region}/${id}`;
}

/** Runs queries of Insights beside the API's other work. Of each account one query runs at a time. */
export class InsightsRunner {
  readonly #deps: LogsDeps;
  readonly #turns: FairTurns;
  readonly #progress = new Map<string, Progress>();

  /** Queries that a restart interrupted have failed. */
  constructor(deps: LogsDeps) {
    this.#deps = deps;
    this.#turns = new FairTurns(deps.clock, (problem) =>
      deps.log.error("Log query ended abnormally", { problem }),
    );
    for (const record of deps.store.list("logQuery", ""))
      if (record.status === "Scheduled" || record.status === "Running") this.#end(queryKey(record), "Failed");
  }

  start(record: LogQueryRecord): void {
    this.#turns.add(record.account, this.#run(queryKey(record)));
  }

  /** The statistics of a query so far. */
  statisticsOf(record: LogQueryRecord): LogQueryStatistics {
    return this.#progress.get(queryKey(record))?.statistics ?? record.statistics;
  }

  *#run(key: string): Generator<undefined, void> {
    const { store, clock } = this.#deps;
    const record = store.transact((tx) => {
      const found = tx.get("logQuery", key);
      if (found?.status !== "Scheduled") return undefined;
      const running: LogQueryRecord = { ...found, status: "Running" };
      tx.put("logQuery", key, running);
      return running;
    });
    if (record === undefined) return;
    const progress = new Progress(record, clock.now() + RUN_MS_MAX);
    this.#progress.set(key, progress);
    try {
      yield* this.#carryOut(key, record, progress);
    } catch (thrown) {
      if (thrown instanceof OverdueError) this.#end(key, "Timeout");
      else this.#fail(key, thrown);
    } finally {
      this.#progress.delete(key);
    }
  }

  #fail(key: string, problem: unknown): void {
    this.#end(key, "Failed");
    this.#deps.logs.queryResults.remove(key);
    const isCallers =
      problem instanceof QueryLimitError ||
      problem instanceof KeyUnusableError ||
      problem instanceof CiphertextError;
    if (!isCallers) throw problem;
    this.#deps.log.info("Log query failed", { key, reason: problem.message });
  }

  *#carryOut(key: string, record: LogQueryRecord, progress: Progress): Generator<undefined, void> {
    const query = compileInsightsQuery(record.query);
    const run = new InsightsRun(query, record.limit);
    for (const event of this.#eventsOf(record)) {
      if (!this.#goesOn(key, progress)) return;
      if (event !== undefined && progress.add(event.event, run.push(rowOf(event, record))) && run.isFull)
        break;
      yield undefined;
    }
    const steps = run.finish();
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) {
      if (!this.#goesOn(key, progress)) return;
      yield undefined;
    }
    const rows = step.value;
    let resultSize = 0;
    for (let at = 0; at < rows.length; at += CHUNK_ROWS) {
      if (!this.#goesOn(key, progress)) return;
      const stored = rows.slice(at, at + CHUNK_ROWS).map(({ fields }) => storedRow(query, fields));
      const chunk = JSON.stringify(stored);
      resultSize += chunk.length;
      this.#deps.logs.queryResults.put(key, at / CHUNK_ROWS, { groups: record.groups, chunk });
      yield undefined;
    }
    const { statistics } = progress;
    this.#end(key, "Complete", { statistics, resultCount: rows.length, resultSize });
  }

  /** Whether a query goes on: StopQuery ends it. Errors: OverdueError, QueryLimitError. */
  #goesOn(key: string, progress: Progress): boolean {
    const { store, clock, logs } = this.#deps;
    if (clock.now() > progress.deadline) throw new OverdueError();
    if (progress.statistics.bytesScanned > BYTES_MAX) throw new QueryLimitError("The query reads too much.");
    if (store.get("logQuery", key)?.status === "Running") return true;
    logs.queryResults.remove(key);
    return false;
  }

  /** The events of all groups of a query, the latest first; an undefined one is a place to pause. */
  *#eventsOf({ groups, from, until }: LogQueryRecord): Generator<QueryEvent | undefined> {
    const { store, logs } = this.#deps;
    const pages = new Map<number, { events: readonly LogEvent[]; at: number }>();
    const read = (group: number, after: LogEvent | undefined): void => {
      const arn = groups[group] ?? "";
      const options = { streams: undefined, from, until, order: "descending", after } as const;
      // A group that was deleted since has no events.
      const isThere = store.get("logGroup", arn) !== undefined;
      const limits = { limit: PAGE_EVENTS, bytesMax: PAGE_BYTES };
      const events = isThere ? logs.events(arn, { ...options, ...limits }) : [];
      if (events.length === 0) pages.delete(group);
      else pages.set(group, { events, at: 0 });
    };
    for (const group of groups.keys()) {
      read(group, undefined);
      yield undefined;
    }
    while (pages.size > 0) {
      let latest: QueryEvent | undefined;
      for (const [group, { events, at }] of pages) {
        const event = events[at];
        if (event !== undefined && (latest === undefined || event.timestamp > latest.event.timestamp))
          latest = { group, event };
      }
      if (latest === undefined) return;
      yield latest;
      const page = pages.get(latest.group);
      if (page !== undefined && (page.at += 1) >= page.events.length) read(latest.group, latest.event);
    }
  }

  #end(key: string, status: LogQueryRecord["status"], result: Partial<LogQueryRecord> = {}): void {
    const { store, clock } = this.#deps;
    const statistics = this.#progress.get(key)?.statistics;
    store.transact((tx) => {
      const found = tx.get("logQuery", key);
      if (found === undefined || (found.status !== "Scheduled" && found.status !== "Running")) return;
      const ended = { ...found, ...(statistics && { statistics }), ...result };
      tx.put("logQuery", key, { ...ended, status, endedAt: clock.now() });
    });
  }
}

interface QueryEvent {
  readonly group: number;
  readonly event: LogEvent;
}

class OverdueError extends Error {
  override readonly name = "OverdueError";
}

class Progress {
  readonly deadline: number;
  readonly #groups: number;
  #scanned = 0;
  #matched = 0;
  #bytes = 0;

  constructor({ groups }: LogQueryRecord, deadline: number) {
    this.#groups = groups.length;
    this.deadline = deadline;
  }

  get statistics(): LogQueryStatistics {
    const [recordsMatched, recordsScanned] = [this.#matched, this.#scanned];
    return { recordsMatched, recordsScanned, bytesScanned: this.#bytes, logGroupsScanned: this.#groups };
  }

  /** Counts an event. */
  add({ message }: LogEvent, isMatch: boolean): void {
    this.#scanned += 1;
    this.#bytes += Buffer.byteLength(message);
    if (isMatch) this.#matched += 1;
  }
}

function rowOf({ group, event }: QueryEvent, record: LogQueryRecord) {
  const { message } = event;
  const fields = new Map<string, string | number>([
    ...eventFields(record.groups[group] ?? "", event),
    ["@ptr", `${group}/${event.timestamp}/${event.id}`],
  ]);
  return { fields, message, discovered: discoverIn(message) };
}

/** The fields that every event has. Source: User Guide, "Supported logs and discovered fields". */
export function eventFields(
  groupArn: string,
  event: LogEvent,
): readonly (readonly [string, string | number])[] {
  const [, , , , account = "", , ...name] = groupArn.split(":");
  return [
    ["@timestamp", event.timestamp],
    ["@message", event.message],
    ["@ingestionTime", event.ingestedAt],
    ["@logStream", event.stream],
    ["@log", `${account}:${name.join(":")}`],
  ];
}

function storedRow(
  { shown, times, ofEvents }: InsightsQuery,
  values: ReadonlyMap<string, string | number | boolean | undefined>,
): StoredRow {
  const fields = shown
    .filter((name) => name !== "@ptr")
    .flatMap((name) => {
      const value = values.get(name);
      if (value === undefined) return [];
      const isTime = times.has(name) && typeof value === "number";
      return [[name, isTime ? presentTime(value) : String(value)] as const];
    });
  return { fields, ...(ofEvents && { event: String(values.get("@ptr")) }) };
}

/** A time as results show it, such as `2026-01-01 00:00:00.000`. */
function presentTime(time: number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toISOString().replace("T", " ").replace("Z", "");
}
