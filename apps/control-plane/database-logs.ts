import type { LogStore } from "@gantry/content";
import type { NodeGatewayDeps } from "@gantry/controllers";
import type { Clock, Logger } from "@gantry/kernel";
import {
  createLogGroup,
  hostOf,
  KeyUnusableError,
  type DatabaseInstanceRecord,
  type Store,
} from "@gantry/state";
import { databaseFilesGroup, logEntryOf, logFileOf } from "@gantry/state/transactions/database-logs";

/** Source: CloudWatch Logs, "PutLogEvents": an event has at most 1 MB. */
const ENTRY_MAX = 1_000_000;
/** Source: PutLogEvents: events are at most 14 days old, and at most two hours ahead. */
const AGE_MAX_MS = 14 * 24 * 60 * 60_000;
const AHEAD_MAX_MS = 2 * 60 * 60_000;

type Line = Parameters<NodeGatewayDeps["takeLogs"]>[0]["lines"][number];

/**
 * Keeps the lines of database servers in their log files, and puts those of exported types into their log groups, which
 * are created where they are missing. Lines of a database of another node are dropped. A batch that is sent twice has
 * the effect of one.
 */
export function databaseLogs(deps: {
  readonly store: Store;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly log: Logger;
}): NodeGatewayDeps["takeLogs"] {
  const { store } = deps;
  return ({ containerId, destination, lines }, nodeId) => {
    const database = store
      .list("databaseInstance")
      .find((each) => each.resourceId === destination.databaseId && hostOf(store, each) === nodeId);
    const now = deps.clock.now();
    // A node is not trusted with the time: each hour has a file of its own.
    const timely = lines.map((line) =>
      line.timestamp > now - AGE_MAX_MS && line.timestamp < now + AHEAD_MAX_MS
        ? line
        : { ...line, timestamp: now },
    );
    if (database !== undefined)
      for (const [type, entries] of byType(database, timely))
        takeEntries(deps, database, { type, entries, source: `${containerId}/${type}` });
    return lines.at(-1)?.cursor;
  };
}

function byType(database: DatabaseInstanceRecord, lines: readonly Line[]): ReadonlyMap<string, Line[]> {
  const entries = new Map<string, Line[]>();
  for (const line of lines) {
    const { type, text } = logEntryOf(database.engine, line.message.slice(0, ENTRY_MAX));
    entries.set(type, [...(entries.get(type) ?? []), { ...line, message: text }]);
  }
  return entries;
}

function takeEntries(
  { store, logs, clock, log }: Parameters<typeof databaseLogs>[0],
  database: DatabaseInstanceRecord,
  of: { readonly type: string; readonly entries: readonly Line[]; readonly source: string },
): void {
  const { type, entries, source } = of;
  const now = clock.now();
  const group = databaseFilesGroup(database.resourceId);
  for (const [stream, part] of Map.groupBy(entries, ({ timestamp }) => logFileOf(type, timestamp)))
    logs.take(source, { group, stream }, part, now);
  if (database.logExports?.includes(type) !== true) return;
  const stream = database.engine === "postgres" ? `${database.identifier}.0` : database.identifier;
  try {
    logs.take(
      `${source}/export`,
      { group: exportGroup(store, database, { type, now }), stream },
      entries,
      now,
    );
  } catch (thrown) {
    // As with CloudWatch Logs, nothing is written to a group whose key cannot be used.
    if (!(thrown instanceof KeyUnusableError)) throw thrown;
    log.warn("Lines of a database are not exported", { database: database.arn, reason: thrown.message });
  }
}

/** The ARN of the log group of a type, which RDS creates. */
function exportGroup(
  store: Store,
  { account, region, identifier }: DatabaseInstanceRecord,
  { type, now }: { readonly type: string; readonly now: number },
): string {
  const name = `/aws/rds/instance/${identifier}/${type}`;
  const arn = `arn:aws:logs:${region}:${account}:log-group:${name}`;
  if (store.get("logGroup", arn) === undefined)
    store.transact((tx) => {
      if (tx.get("logGroup", arn) === undefined) createLogGroup(tx, { account, region, name, tags: {}, now });
    });
  return arn;
}
