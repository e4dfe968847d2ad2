import type { StatementSync } from "node:sqlite";
import type { ObjectMeta, VersionMarker } from "./object-meta.ts";
import { endOfPrefix, metasOf } from "./object-rows.ts";

type Run = (sql: string) => StatementSync;

export interface ListQuery {
  readonly prefix: string;
  readonly from: string;
  readonly inclusive: boolean;
  readonly limit: number;
}

export interface VersionsQuery {
  readonly prefix: string;
  readonly after: VersionMarker;
  readonly inclusive: boolean;
  readonly limit: number;
}

const NEWEST = Number.MAX_SAFE_INTEGER;

/** Objects in UTF-8 order of their keys, starting after a key (or at it), with a prefix. */
export function listObjects(run: Run, bucket: string, query: ListQuery): readonly ObjectMeta[] {
  const prefix = Buffer.from(query.prefix);
  const end = endOfPrefix(prefix);
  const start = Buffer.from(query.from);
  const isBefore = Buffer.compare(start, prefix) < 0;
  const operator = query.inclusive || isBefore ? ">=" : ">";
  const until = end === undefined ? "" : " AND key < ?";
  return metasOf(
    run(`SELECT meta FROM object WHERE bucket = ? AND key ${operator} ?${until} ORDER BY key LIMIT ?`).all(
      bucket,
      isBefore ? prefix : start,
      ...(end === undefined ? [] : [end]),
      query.limit,
    ),
  );
}

/**
 * All versions and delete markers, keys in UTF-8 order, the newest of a key first; each with whether it is
 * the newest.
 */
export function listVersions(run: Run, bucket: string, query: VersionsQuery): readonly ObjectMeta[] {
  const prefix = Buffer.from(query.prefix);
  const end = endOfPrefix(prefix) ?? Buffer.alloc(1_100, 255);
  const start = Buffer.from(query.after.key);
  const isBefore = Buffer.compare(start, prefix) < 0;
  const from = isBefore ? prefix : start;
  // Starts at the key itself, below the given sequence; without a sequence it starts after the key.
  const beneath = isBefore || query.inclusive ? NEWEST : (query.after.sequence ?? -1);
  const newest = isBefore || query.inclusive ? ">=" : ">";
  return metasOf(
    run(
      `SELECT meta, key, ${NEWEST} AS sequence FROM object WHERE bucket = ? AND key ${newest} ? AND key < ?
       UNION ALL SELECT meta, key, sequence FROM version WHERE bucket = ? AND key >= ? AND key < ? AND (key > ? OR sequence < ?)
       ORDER BY key, sequence DESC LIMIT ?`,
    ).all(bucket, from, end, bucket, from, end, from, beneath, query.limit),
  );
}
