import type * as sdk from "@aws-sdk/client-rds";
import type { LogEvent, LogStore } from "@gantry/content";
import { databaseFilesGroup, keptFile, shownFile } from "@gantry/state/transactions/database-logs";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { findInstance } from "./lookups.ts";
import { pageOfRecords } from "./page-of-records.ts";

export interface LogFileDeps extends ApiDeps {
  readonly logs: LogStore;
}

/** Source: API_DownloadDBLogFilePortion: 1 MB, and 10 000 lines where no number is given. */
const PORTION_BYTES_MAX = 1_048_576;
const LINES_MAX = 10_000;
const ENTRIES_AT_ONCE = 1_000;

/** Log files of instances, as their servers wrote them. Source: API_DescribeDBLogFiles and following. */
export function logFileOperations(deps: LogFileDeps) {
  return {
    DescribeDBLogFiles: (input, context) => describeLogFiles(deps, input, context),
    DownloadDBLogFilePortion: (input, context) => downloadPortion(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: DBInstanceNotFound, InvalidParameterValue. */
function describeLogFiles(
  { store, logs, clock }: LogFileDeps,
  input: sdk.DescribeDBLogFilesMessage,
  context: RequestContext,
): sdk.DescribeDBLogFilesResponse {
  const { resourceId } = findInstance(store, context, input.DBInstanceIdentifier);
  const group = databaseFilesGroup(resourceId);
  const sizes = logs.streamBytes(group);
  const now = clock.now();
  const { FilenameContains: part = "", FileLastWritten: since = 0, FileSize: least = 0 } = input;
  const files = logs
    .streams(group)
    .map(({ name, lastEventAt = 0 }) => ({
      LogFileName: shownFile(name, now),
      LastWritten: lastEventAt,
      Size: sizes.get(name) ?? 0,
    }))
    .filter(
      ({ LogFileName: name, LastWritten: at, Size: size }) =>
        name.includes(part) && at >= since && size >= least,
    )
    .toSorted((one, other) => (one.LogFileName < other.LogFileName ? -1 : 1));
  const { items, Marker } = pageOfRecords(files, (each) => each.LogFileName, input);
  return { DescribeDBLogFiles: [...items], Marker };
}

/** Errors: DBInstanceNotFound, DBLogFileNotFoundFault, InvalidParameterValue. */
function downloadPortion(
  { store, logs, clock }: LogFileDeps,
  input: sdk.DownloadDBLogFilePortionMessage,
  context: RequestContext,
): sdk.DownloadDBLogFilePortionDetails {
  const { resourceId } = findInstance(store, context, input.DBInstanceIdentifier);
  const { LogFileName: name = "", NumberOfLines: lines = LINES_MAX, Marker: marker } = input;
  if (lines < 1 || lines > LINES_MAX)
    throw new ApiError(
      "InvalidParameterValue",
      `Invalid value ${lines} for NumberOfLines. Must be between 1 and ${LINES_MAX}`,
    );
  const from = marker === undefined ? undefined : positionOf(marker);
  const file = { group: databaseFilesGroup(resourceId), stream: keptFile(name, clock.now()) };
  if (!logs.hasStream(file.group, file.stream))
    throw new ApiError(
      "DBLogFileNotFoundFault",
      `DBLog File: ${name.slice(0, 1_024)}, is not found on the DB instance`,
    );
  return from === undefined ? lastLines(logs, file, lines) : nextLines(logs, file, { from, lines });
}

interface File {
  readonly group: string;
  readonly stream: string;
}

/** A place in a file: after an entry, and after some lines of the next one. */
interface Position {
  readonly after: { readonly timestamp: number; readonly id: number } | undefined;
  readonly lines: number;
}

/** Errors: InvalidParameterValue. */
function positionOf(marker: string): Position {
  if (marker === "0") return { after: undefined, lines: 0 };
  const [, timestamp, id, lines] = /^(\d{1,15}):(\d{1,15}):(\d{1,9})$/.exec(marker) ?? [];
  if (timestamp === undefined) throw new ApiError("InvalidParameterValue", "The marker is not valid.");
  const entry = { timestamp: Number(timestamp), id: Number(id) };
  return { after: entry.id === 0 ? undefined : entry, lines: Number(lines) };
}

function markerOf({ after, lines }: Position): string {
  if (after === undefined && lines === 0) return "0";
  return `${after?.timestamp ?? 0}:${after?.id ?? 0}:${lines}`;
}

/** Lines after a position, and the position after them. */
function nextLines(
  logs: LogStore,
  file: File,
  { from, lines: most }: { readonly from: Position; readonly lines: number },
): sdk.DownloadDBLogFilePortionDetails {
  const taken: string[] = [];
  let bytes = 0;
  let at = from;
  for (;;) {
    const entries = read(logs, file, { order: "ascending", after: at.after });
    for (const entry of entries) {
      const lines = entry.message.split("\n");
      for (const line of lines.slice(at.lines)) {
        const size = Buffer.byteLength(line) + 1;
        if (taken.length === most || (taken.length > 0 && bytes + size > PORTION_BYTES_MAX))
          return { LogFileData: textOf(taken), Marker: markerOf(at), AdditionalDataPending: true };
        taken.push(line);
        bytes += size;
        at = { after: at.after, lines: at.lines + 1 };
      }
      at = { after: { timestamp: entry.timestamp, id: entry.id }, lines: 0 };
    }
    if (entries.length === 0)
      return { LogFileData: textOf(taken), Marker: markerOf(at), AdditionalDataPending: false };
  }
}

/** The last lines of a file, and the position at its end. */
function lastLines(logs: LogStore, file: File, most: number): sdk.DownloadDBLogFilePortionDetails {
  const taken: string[] = [];
  let bytes = 0;
  let end: Position = { after: undefined, lines: 0 };
  let after: Position["after"];
  reading: for (;;) {
    const entries = read(logs, file, { order: "descending", after });
    for (const { timestamp, id, message } of entries) {
      after = { timestamp, id };
      if (end.after === undefined) end = { after, lines: 0 };
      for (const line of message.split("\n").toReversed()) {
        bytes += Buffer.byteLength(line) + 1;
        if (taken.length === most || (taken.length > 0 && bytes > PORTION_BYTES_MAX)) break reading;
        taken.push(line);
      }
    }
    if (entries.length === 0) break;
  }
  return { LogFileData: textOf(taken.toReversed()), Marker: markerOf(end), AdditionalDataPending: false };
}

function read(
  logs: LogStore,
  { group, stream }: File,
  { order, after }: { readonly order: "ascending" | "descending"; readonly after: Position["after"] },
): readonly LogEvent[] {
  const query = { streams: [stream], from: 0, until: Infinity, limit: ENTRIES_AT_ONCE };
  return logs.events(group, { ...query, order, after, bytesMax: PORTION_BYTES_MAX });
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
