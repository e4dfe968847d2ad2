import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import {
  compileInsightsQuery,
  discoveredFields,
  INSIGHTS_RESULTS_MAX,
  PatternError,
  Slices,
  type LogEvent,
} from "@gantry/content";
import type { LogQueryRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { CHUNK_ROWS, eventFields, InsightsRunner, queryKey, type StoredRow } from "./insights-runner.ts";
import { findGroup, groupArnOf, invalidParameter, invalidToken } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";

const GROUPS_MAX = 50;
/** Scheduled and running queries of an account. Source: User Guide, "CloudWatch Logs quotas". */
const ACTIVE_MAX = 30;
/** How long results are kept. Source: API_GetQueryResults. */
const KEPT_MS = 7 * 24 * 60 * 60_000;
/** The ended queries that an account keeps, and the characters of their results. */
const KEPT_MAX = 1_000;
const KEPT_SIZE_MAX = 256 * 1024 * 1024;
/** The characters of a response's rows; a token names the others. */
const RESPONSE_SIZE_MAX = 8 * 1024 * 1024;
const QUARTER_MS = 15 * 60_000;
const EIGHT_MINUTES_MS = 8 * 60_000;
/** The most bytes and events that GetLogGroupFields reads. */
const SAMPLE_BYTES = 2 * 1024 * 1024;
const SAMPLE_EVENTS = 1_000;
const FIELDS_MAX = 1_000;
const NO_STATISTICS = { recordsMatched: 0, recordsScanned: 0, bytesScanned: 0, logGroupsScanned: 0 };

interface InsightsDeps extends LogsDeps {
  readonly runner: InsightsRunner;
}

/** Queries of Logs Insights. Source: API_StartQuery, API_GetQueryResults and following. */
export function insightsOperations(logsDeps: LogsDeps) {
  let opened: InsightsDeps | undefined;
  // With the first of these calls after a start of the process, queries of the last process are seen to have failed.
  const deps = (): InsightsDeps => (opened ??= { ...logsDeps, runner: new InsightsRunner(logsDeps) });
  return {
    StartQuery: (input, context) => startQuery(deps(), input, context),
    StopQuery: (input, context) => stopQuery(deps(), input, context),
    GetQueryResults: (input, context) => getQueryResults(deps(), input, context),
    DescribeQueries: (input, context) => describeQueries(deps(), input, context),
    GetLogRecord: (input, context) => getLogRecord(deps(), input, context),
    GetLogGroupFields: (input, context) => getLogGroupFields(deps(), input, context),
  } satisfies Implementation<typeof sdk>;
}

function startQuery(
  deps: InsightsDeps,
  input: sdk.StartQueryRequest,
  context: RequestContext,
): sdk.StartQueryResponse {
  const { store, clock, ids, runner } = deps;
  const { account, region } = context;
  const { startTime = 0, endTime = 0, queryString = "" } = input;
  const given = [input.logGroupName && [input.logGroupName], input.logGroupNames, input.logGroupIdentifiers];
  const [names, ...others] = given.filter((list) => list !== undefined && list !== "");
  if (names === undefined || others.length > 0 || names.length === 0 || names.length > GROUPS_MAX)
    throw invalidParameter(
      `Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must name 1 to ${GROUPS_MAX} log groups.`,
    );
  if (startTime > endTime) throw invalidParameter("The startTime must not be after the endTime.");
  checkQuery(queryString);
  const groups = [...new Set(names.map((name) => findGroup(store, context, name).arn))];
  const record: LogQueryRecord = {
    account,
    region,
    id: ids.uuid(),
    query: queryString,
    groups,
    from: startTime * 1_000,
    until: (endTime + 1) * 1_000,
    limit: input.limit ?? INSIGHTS_RESULTS_MAX,
    startedBy: context.principal.arn,
    status: "Scheduled",
    createdAt: clock.now(),
    statistics: NO_STATISTICS,
    resultCount: 0,
    resultSize: 0,
  };
  const active = store.list("logQuery", `${account}/${region}/`).filter(isActive);
  if (active.length >= ACTIVE_MAX)
    throw new ApiError(
      "LimitExceededException",
      `Account maximum query concurrency limit of [${ACTIVE_MAX}] reached.`,
    );
  forgetOld(deps, context);
  store.transact((tx) => tx.put("logQuery", queryKey(record), record));
  runner.start(record);
  return { queryId: record.id };
}

/** Errors: MalformedQueryException. */
function checkQuery(query: string): void {
  try {
    compileInsightsQuery(query);
  } catch (thrown) {
    if (!(thrown instanceof PatternError)) throw thrown;
    const { message, at } = thrown;
    throw new ApiError("MalformedQueryException", `${message} at position ${at}`, {
      fields: {
        queryCompileError: {
          location: { startCharOffset: at, endCharOffset: Math.min(at + 1, query.length) },
          message,
        },
      },
    });
  }
}

function isActive({ status }: LogQueryRecord): boolean {
  return status === "Scheduled" || status === "Running";
}

/** Removes the queries of an account whose time is over, and the oldest of too many. */
function forgetOld({ store, clock, logs }: InsightsDeps, { account, region }: RequestContext): void {
  const ended = store
    .list("logQuery", `${account}/${region}/`)
    .filter((record) => !isActive(record))
    .toSorted((a, b) => b.createdAt - a.createdAt);
  let size = 0;
  const old = ended.filter((record, index) => {
    size += record.resultSize;
    return index >= KEPT_MAX || size > KEPT_SIZE_MAX || isOver(record, clock.now());
  });
  if (old.length === 0) return;
  // Results go first: without them a record is removed by a later call.
  for (const record of old) logs.queryResults.remove(queryKey(record));
  store.transact((tx) => {
    for (const record of old) tx.delete("logQuery", queryKey(record));
  });
}

function isOver(record: LogQueryRecord, now: number): boolean {
  return now - (record.endedAt ?? now) > KEPT_MS;
}

function stopQuery(
  { store, clock, runner }: InsightsDeps,
  input: sdk.StopQueryRequest,
  context: RequestContext,
): sdk.StopQueryResponse {
  store.transact((tx) => {
    const record = findQuery({ store: tx, clock }, context, input.queryId);
    if (!isActive(record)) throw invalidParameter("The specified query is not running.");
    tx.put("logQuery", queryKey(record), {
      ...record,
      status: "Cancelled",
      statistics: runner.statisticsOf(record),
      endedAt: clock.now(),
    });
  });
  return { success: true };
}

/** Errors: ResourceNotFoundException, also for queries of other accounts. */
function findQuery(
  { store, clock }: { store: Pick<LogsDeps["store"], "get">; clock: LogsDeps["clock"] },
  { account, region }: RequestContext,
  id = "",
): LogQueryRecord {
  const record = store.get("logQuery", queryKey({ account, region, id }));
  if (record === undefined || isOver(record, clock.now()))
    throw new ApiError("ResourceNotFoundException", `The query ${id.slice(0, 64)} does not exist.`);
  return record;
}

function getQueryResults(
  deps: InsightsDeps,
  input: sdk.GetQueryResultsRequest,
  context: RequestContext,
): sdk.GetQueryResultsResponse {
  const record = findQuery(deps, context, input.queryId);
  const from = input.nextToken === undefined ? 0 : readOffset(input.nextToken);
  const rows: sdk.ResultField[][] = [];
  const last = Math.min(record.resultCount, from + (input.maxItems ?? INSIGHTS_RESULTS_MAX));
  let [at, size] = [from, 0];
  while (at < last && size < RESPONSE_SIZE_MAX) {
    const chunk = chunkOf(deps, record, at);
    for (const row of chunk.slice(at % CHUNK_ROWS, (at % CHUNK_ROWS) + last - at)) {
      rows.push(presentRow(record, row, at));
      size += row.fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
      at += 1;
    }
    if (chunk.length < CHUNK_ROWS) break;
  }
  const statistics = deps.runner.statisticsOf(record);
  return {
    queryLanguage: "CWLI",
    status: record.status,
    results: rows,
    statistics: {
      ...statistics,
      estimatedRecordsSkipped: 0,
      estimatedBytesSkipped: 0,
      resultCount: record.resultCount,
    },
    nextToken: at < record.resultCount && rows.length > 0 ? writeOffset(at) : undefined,
  };
}

function chunkOf({ logs }: InsightsDeps, record: LogQueryRecord, at: number): readonly StoredRow[] {
  const chunk = logs.queryResults.get(queryKey(record), Math.floor(at / CHUNK_ROWS));
  return chunk === undefined ? [] : (JSON.parse(chunk) as readonly StoredRow[]); // As the runner writes them.
}

function presentRow(record: LogQueryRecord, { fields, event }: StoredRow, row: number): sdk.ResultField[] {
  const shown = fields.map(([field, value]) => ({ field, value }));
  if (event === undefined) return shown;
  return [...shown, { field: "@ptr", value: Buffer.from(`${record.id}/${row}`).toString("base64url") }];
}

function writeOffset(at: number): string {
  return Buffer.from(`row/${at}`).toString("base64url");
}

function readOffset(token: string): number {
  const match = /^row\/(\d{1,6})$/.exec(Buffer.from(token, "base64url").toString());
  if (match === null) throw invalidToken();
  return Number(match[1]);
}

function describeQueries(
  { store, clock, runner }: InsightsDeps,
  input: sdk.DescribeQueriesRequest,
  context: RequestContext,
): sdk.DescribeQueriesResponse {
  const { account, region } = context;
  const group = input.logGroupName === undefined ? undefined : groupArnOf(context, input.logGroupName);
  // The latest query is first.
  const keyOf = ({ createdAt, id }: LogQueryRecord) => `${String(1e15 - createdAt).padStart(16, "0")}/${id}`;
  const found = store
    .list("logQuery", `${account}/${region}/`)
    .filter((record) => !isOver(record, clock.now()))
    .filter(({ groups }) => group === undefined || groups.includes(group))
    .filter(({ status }) => input.status === undefined || status === input.status)
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const { items, nextToken } = page(found, keyOf, {
    token: input.nextToken,
    size: input.maxResults ?? 1_000,
    invalidToken,
  });
  return {
    queries: items.map((record) => ({
      queryLanguage: "CWLI",
      queryId: record.id,
      queryString: record.query,
      status: record.status,
      createTime: record.createdAt,
      logGroupName: record.groups[0]?.split(":").slice(6).join(":"),
      queryDuration: (record.endedAt ?? clock.now()) - record.createdAt,
      bytesScanned: runner.statisticsOf(record).bytesScanned,
      userIdentity: record.startedBy,
    })),
    nextToken,
  };
}

/** A pointer names a row of a query's result: it is good in the query's account, for as long as the result is kept. */
function getLogRecord(
  deps: InsightsDeps,
  input: sdk.GetLogRecordRequest,
  context: RequestContext,
): sdk.GetLogRecordResponse {
  const { logRecordPointer = "" } = input;
  const pointer = /^([\w-]+)\/(\d{1,6})$/.exec(Buffer.from(logRecordPointer, "base64url").toString());
  if (pointer === null) throw invalidParameter("The specified logRecordPointer is not valid.");
  const [, id, index] = pointer;
  const record = findQuery(deps, context, id);
  const row = chunkOf(deps, record, Number(index))[Number(index) % CHUNK_ROWS];
  const [, group = "", time = "", event = ""] = /^(\d+)\/(\d+)\/(\d+)$/.exec(row?.event ?? "") ?? [];
  const arn = findGroup(deps.store, context, record.groups[Number(group)]).arn;
  const timestamp = Number(time);
  const range = { from: timestamp, until: timestamp + 1, after: { timestamp, id: Number(event) - 1 } };
  const [found] = deps.logs.events(arn, { ...range, streams: undefined, order: "ascending", limit: 1 });
  if (found === undefined || found.id !== Number(event))
    throw new ApiError("ResourceNotFoundException", "The specified log record does not exist.");
  const fields = [
    ...eventFields(arn, found),
    ...discoveredFields(found.message),
    ["@ptr", logRecordPointer] as const,
  ];
  return { logRecord: Object.fromEntries(fields.map(([name, value]) => [name, String(value)])) };
}

async function getLogGroupFields(
  { store, clock, logs }: InsightsDeps,
  input: sdk.GetLogGroupFieldsRequest,
  context: RequestContext,
): Promise<sdk.GetLogGroupFieldsResponse> {
  const { arn } = findGroup(store, context, input.logGroupName ?? input.logGroupIdentifier);
  const center = input.time === undefined ? undefined : input.time * 1_000;
  const [from, until] =
    center === undefined
      ? [clock.now() - QUARTER_MS, clock.now() + 1]
      : [center - EIGHT_MINUTES_MS, center + EIGHT_MINUTES_MS];
  const limits = { limit: SAMPLE_EVENTS, bytesMax: SAMPLE_BYTES };
  const range = { from: Math.max(0, from), until, streams: undefined, after: undefined };
  const events = logs.events(arn, { ...range, ...limits, order: "descending" });
  const counts = new Map<string, number>();
  const slices = new Slices();
  for (const event of events) {
    for (const name of fieldNames(arn, event))
      if (counts.has(name) || counts.size < FIELDS_MAX) counts.set(name, (counts.get(name) ?? 0) + 1);
    await slices.rest();
  }
  return {
    logGroupFields: [...counts]
      .toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
      .map(([name, count]) => ({ name, percent: Math.floor((count / events.length) * 100) })),
  };
}

function fieldNames(groupArn: string, event: LogEvent): readonly string[] {
  return [...eventFields(groupArn, event).map(([name]) => name), ...discoveredFields(event.message).keys()];
}
