import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { LogEvent, LogStore } from "@gantry/content";
import type { Reconciler } from "@gantry/kernel";
import { CiphertextError, KeyUnusableError, type LogExportRecord } from "@gantry/state";
import { endLogExport, isExporting } from "@gantry/state/transactions/log-exports";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";

/** The most events, and about the most characters, of a file. */
const PAGE_EVENTS = 10_000;
const PAGE_BYTES = 8 * 1024 * 1024;
/** Digits of a file's number, so that the keys of a stream are in order. */
const FILE_DIGITS = 6;

const compress = promisify(gzip);

export interface LogExportDeps extends ControllerDeps {
  readonly logs: Pick<LogStore, "streams" | "events">;
  /** Puts an object into the task's bucket. Returns why it may not be put. */
  readonly put: (task: LogExportRecord, key: string, body: Buffer) => Promise<string | undefined>;
}

/**
 * Copies the events of log groups to buckets: `PREFIX/TASK/STREAM/000000.gz`, a line for each event with its time.
 * A task that was interrupted begins again: each file is written anew, under the same key. Source: CloudWatch Logs
 * User Guide, "Exporting log data to Amazon S3".
 */
export function logExportController(deps: LogExportDeps): Reconciler {
  const { store, clock, log } = deps;
  return {
    name: "log-export",
    keys: () => store.keys("logExport").filter((key) => isActive(deps, key)),
    watch: watchKinds(store, { logExport: (key) => [key] }),
    async reconcile(key) {
      const task = begin(deps, key);
      if (task === undefined) return undefined;
      const message = await problemOf(deps, key, task);
      store.transact((tx) => {
        if (message === undefined) endLogExport(tx, key, { status: "COMPLETED", at: clock.now() });
        else endLogExport(tx, key, { status: "FAILED", message, at: clock.now() });
      });
      if (message !== undefined) log.warn("Log export failed", { task: task.id, reason: message });
      return undefined;
    },
  };
}

function isActive({ store }: LogExportDeps, key: string): boolean {
  const task = store.get("logExport", key);
  return task !== undefined && isExporting(task);
}

function begin({ store }: LogExportDeps, key: string): LogExportRecord | undefined {
  return store.transact((tx) => {
    const task = tx.get("logExport", key);
    if (task === undefined || !isExporting(task)) return undefined;
    const running = { ...task, status: "RUNNING" as const };
    if (task.status !== "RUNNING") tx.put("logExport", key, running);
    return running;
  });
}

/** Why a task fails; undefined where everything is copied, or the task was cancelled. */
async function problemOf(
  deps: LogExportDeps,
  key: string,
  task: LogExportRecord,
): Promise<string | undefined> {
  const denied = await deps.put(task, `${task.prefix}/aws-logs-write-test`, TEST);
  if (denied !== undefined) return denied;
  try {
    return await copy(deps, key, task);
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError || thrown instanceof CiphertextError) return thrown.message;
    throw thrown;
  }
}

const TEST = Buffer.from("Permission Check Successful");

async function copy(deps: LogExportDeps, key: string, task: LogExportRecord): Promise<string | undefined> {
  const { store, logs, put } = deps;
  /** The files of each folder: streams whose names differ in a slash alone have the same one. */
  const files = new Map<string, number>();
  for (const { name } of logs.streams(task.groupArn)) {
    if (!name.startsWith(task.streamPrefix ?? "")) continue;
    const folder = name.replaceAll("/", "-");
    let after: LogEvent | undefined;
    for (let file = files.get(folder) ?? 0; ; file += 1) {
      if (!isActive(deps, key)) return undefined;
      if (store.get("logGroup", task.groupArn) === undefined) return "The log group does not exist any more.";
      const events = logs.events(task.groupArn, {
        streams: [name],
        ...{ from: task.from, until: task.until, after },
        order: "ascending",
        limit: PAGE_EVENTS,
        bytesMax: PAGE_BYTES,
      });
      after = events.at(-1);
      if (after === undefined) break;
      const number = String(file).padStart(FILE_DIGITS, "0");
      const object = `${task.prefix}/${task.id}/${folder}/${number}.gz`;
      const problem = await put(task, object, await compress(linesOf(events)));
      if (problem !== undefined) return problem;
      files.set(folder, file + 1);
    }
  }
  return undefined;
}

function linesOf(events: readonly LogEvent[]): string {
  return events.map(({ timestamp, message }) => `${new Date(timestamp).toISOString()} ${message}\n`).join("");
}
