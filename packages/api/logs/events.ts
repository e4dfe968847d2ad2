import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { Slices, type LogEvent, type LogStore } from "@gantry/content";
import type { Implementation, RequestContext } from "@gantry/wire";
import { page } from "../common/paging.ts";
import { ApiError } from "./api-error.ts";
import { findGroup, invalidToken, refuseInfrequent } from "./lookups.ts";
import { readPattern } from "./metric-filters.ts";
import type { LogsDeps } from "./logs-deps.ts";

const EVENTS_MAX = 10_000;
const BATCH_BYTES_MAX = 1_048_576;
const EVENT_OVERHEAD_BYTES = 26;
const TWO_HOURS_MS = 2 * 60 * 60_000;
const FOURTEEN_DAYS_MS = 14 * 24 * 60 * 60_000;
/** Events that one call looks at, and the time that it computes: a page ends there, and its token goes on. */
/** A response has at most about 1 MB of events, and no more is read at once. Source: API_FilterLogEvents. */
const PAGE_BYTES_MAX = 1024 * 1024;
const SCAN_MAX = 50_000;
const SCAN_MS_MAX = 2_000;

/** Log streams and their events. Source: API_CreateLogStream and following. */
export function eventOperations(deps: LogsDeps) {
  return {
    CreateLogStream: (input, context) => createLogStream(deps, input, context),
    DeleteLogStream: (input, context) => deleteLogStream(deps, input, context),
    DescribeLogStreams: (input, context) => describeLogStreams(deps, input, context),
    PutLogEvents: (input, context) => putLogEvents(deps, input, context),
    GetLogEvents: (input, context) => getLogEvents(deps, input, context),
    FilterLogEvents: (input, context) => filterLogEvents(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function createLogStream(
  { store, clock, logs }: LogsDeps,
  input: sdk.CreateLogStreamRequest,
  context: RequestContext,
): object {
  const group = findGroup(store, context, input.logGroupName);
  const name = input.logStreamName ?? "";
  if (!logs.createStream(group.arn, name, clock.now()))
    throw new ApiError("ResourceAlreadyExistsException", "The specified log stream already exists");
  return {};
}

function deleteLogStream(
  { store, logs }: LogsDeps,
  input: sdk.DeleteLogStreamRequest,
  context: RequestContext,
): object {
  const group = findGroup(store, context, input.logGroupName);
  if (!logs.hasStream(group.arn, input.logStreamName ?? "")) throw missingStream();
  logs.deleteStream(group.arn, input.logStreamName ?? "");
  return {};
}

function describeLogStreams(
  { store, logs }: LogsDeps,
  input: sdk.DescribeLogStreamsRequest,
  context: RequestContext,
): sdk.DescribeLogStreamsResponse {
  const group = findGroup(store, context, input.logGroupName ?? input.logGroupIdentifier);
  const byTime = input.orderBy === "LastEventTime";
  if (byTime && input.logStreamNamePrefix !== undefined)
    throw new ApiError(
      "InvalidParameterException",
      "Cannot order by LastEventTime with a logStreamNamePrefix.",
    );
  const found = logs
    .streams(group.arn)
    .filter((stream) => stream.name.startsWith(input.logStreamNamePrefix ?? ""));
  const sorted = byTime
    ? found.toSorted((a, b) => (a.lastEventAt ?? 0) - (b.lastEventAt ?? 0) || (a.name < b.name ? -1 : 1))
    : found;
  const ordered = input.descending === true ? sorted.toReversed() : sorted;
  const keyOf = (stream: (typeof ordered)[number]) => String(ordered.indexOf(stream)).padStart(9, "0");
  const { items, nextToken } = page(ordered, keyOf, {
    token: input.nextToken,
    size: input.limit ?? 50,
    invalidToken,
  });
  return {
    logStreams: items.map((stream) => ({
      logStreamName: stream.name,
      creationTime: stream.createdAt,
      firstEventTimestamp: stream.firstEventAt,
      lastEventTimestamp: stream.lastEventAt,
      lastIngestionTime: stream.lastIngestedAt,
      uploadSequenceToken: "0",
      arn: `${group.arn}:log-stream:${stream.name}`,
      storedBytes: 0,
    })),
    nextToken,
  };
}

function putLogEvents(
  { store, clock, logs }: LogsDeps,
  input: sdk.PutLogEventsRequest,
  context: RequestContext,
): sdk.PutLogEventsResponse {
  const group = findGroup(store, context, input.logGroupName);
  const stream = input.logStreamName ?? "";
  if (!logs.hasStream(group.arn, stream)) throw missingStream();
  const events = (input.logEvents ?? []).map((event) => ({
    timestamp: event.timestamp ?? 0,
    message: event.message ?? "",
  }));
  if (events.some((event, index) => event.timestamp < (events[index - 1]?.timestamp ?? 0)))
    throw new ApiError(
      "InvalidParameterException",
      "Log events in a single PutLogEvents request must be in chronological order.",
    );
  if (
    events.reduce((sum, event) => sum + Buffer.byteLength(event.message) + EVENT_OVERHEAD_BYTES, 0) >
    BATCH_BYTES_MAX
  )
    throw new ApiError("InvalidParameterException", `Upload too large: more than ${BATCH_BYTES_MAX} bytes`);
  const now = clock.now();
  const tooNew = events.findIndex((event) => event.timestamp > now + TWO_HOURS_MS);
  const firstGood = events.findIndex((event) => event.timestamp >= now - FOURTEEN_DAYS_MS);
  const good = events.filter(
    (event) => event.timestamp <= now + TWO_HOURS_MS && event.timestamp >= now - FOURTEEN_DAYS_MS,
  );
  logs.append(group.arn, stream, good, now);
  const rejected = {
    ...(tooNew >= 0 ? { tooNewLogEventStartIndex: tooNew } : {}),
    ...(firstGood !== 0 ? { tooOldLogEventEndIndex: firstGood < 0 ? events.length : firstGood } : {}),
  };
  return {
    nextSequenceToken: "0",
    ...(Object.keys(rejected).length === 0 ? {} : { rejectedLogEventsInfo: rejected }),
  };
}

function getLogEvents(
  { store, logs }: LogsDeps,
  input: sdk.GetLogEventsRequest,
  context: RequestContext,
): sdk.GetLogEventsResponse {
  const group = findGroup(store, context, input.logGroupName ?? input.logGroupIdentifier);
  refuseInfrequent(group, "GetLogEvents");
  const stream = input.logStreamName ?? "";
  if (!logs.hasStream(group.arn, stream)) throw missingStream();
  return eventPage(logs, group.arn, stream, input);
}

async function filterLogEvents(
  { store, logs }: LogsDeps,
  input: sdk.FilterLogEventsRequest,
  context: RequestContext,
): Promise<sdk.FilterLogEventsResponse> {
  const group = findGroup(store, context, input.logGroupName ?? input.logGroupIdentifier);
  refuseInfrequent(group, "FilterLogEvents");
  const named =
    input.logStreamNamePrefix === undefined
      ? input.logStreamNames
      : logs
          .streams(group.arn)
          .map((stream) => stream.name)
          .filter((name) => name.startsWith(input.logStreamNamePrefix ?? ""));
  if (named?.length === 0) return { events: [], searchedLogStreams: [] };
  const limit = input.limit ?? EVENTS_MAX;
  const pattern = readPattern(input.filterPattern);
  const slices = new Slices();
  const found: LogEvent[] = [];
  let foundBytes = 0;
  let after = input.nextToken === undefined ? undefined : readToken(input.nextToken);
  for (let scanned = 0; scanned < SCAN_MAX && slices.spentMs < SCAN_MS_MAX;) {
    const events = logs.events(group.arn, {
      streams: named,
      from: input.startTime ?? 0,
      until: (input.endTime ?? Number.MAX_SAFE_INTEGER - 1) + 1,
      order: input.startFromHead === false ? "descending" : "ascending",
      after,
      limit: 1_000,
      bytesMax: PAGE_BYTES_MAX,
    });
    if (events.length === 0) return { events: found.map(presentEvent), searchedLogStreams: [] };
    scanned += events.length;
    for (const event of events) {
      after = event;
      if (pattern.match(event.message) !== undefined) {
        found.push(event);
        foundBytes += event.message.length;
      }
      await slices.rest();
      if (found.length === limit || foundBytes >= PAGE_BYTES_MAX)
        return { events: found.map(presentEvent), nextToken: writeToken(event), searchedLogStreams: [] };
    }
  }
  return {
    events: found.map(presentEvent),
    nextToken: after && writeToken(after),
    searchedLogStreams: [],
  };
}

/**
 * One page of the events of a stream. A token names the event after which the next page begins, with its direction; at
 * either end of the stream the response repeats the token. Source: API_GetLogEvents.
 */
function eventPage(
  logs: LogStore,
  group: string,
  stream: string,
  input: sdk.GetLogEventsCommandInput,
): sdk.GetLogEventsCommandOutput {
  const limit = Math.min(input.limit ?? EVENTS_MAX, EVENTS_MAX);
  const token = input.nextToken === undefined ? undefined : /^([fb])\/(\d+)\/(\d+)$/.exec(input.nextToken);
  if (token === null) throw invalidToken();
  const forward = token === undefined ? input.startFromHead === true : token[1] === "f";
  const at = token === undefined ? undefined : { timestamp: Number(token[2]), id: Number(token[3]) };
  const query = {
    streams: [stream],
    from: input.startTime ?? 0,
    until: input.endTime ?? Number.MAX_SAFE_INTEGER,
    limit,
  };
  const found = logs.events(group, { ...query, order: forward ? "ascending" : "descending", after: at });
  const events = forward ? found : found.toReversed();
  const [first, last] = [events[0] ?? at, events.at(-1) ?? at];
  return {
    events: events.map((event) => ({
      timestamp: event.timestamp,
      message: event.message,
      ingestionTime: event.ingestedAt,
    })),
    nextForwardToken: `f/${last?.timestamp ?? 0}/${last?.id ?? 0}`,
    nextBackwardToken: `b/${first?.timestamp ?? 0}/${first?.id ?? 0}`,
    $metadata: {},
  };
}

function missingStream(): ApiError {
  return new ApiError("ResourceNotFoundException", "The specified log stream does not exist.");
}

function writeToken(event: { timestamp: number; id: number }): string {
  return Buffer.from(`${event.timestamp}/${event.id}`).toString("base64url");
}

function readToken(token: string): { timestamp: number; id: number } {
  const match = /^(\d+)\/(\d+)$/.exec(Buffer.from(token, "base64url").toString());
  if (match === null) throw invalidToken();
  return { timestamp: Number(match[1]), id: Number(match[2]) };
}

function presentEvent(event: LogEvent): sdk.FilteredLogEvent {
  return {
    logStreamName: event.stream,
    timestamp: event.timestamp,
    message: event.message,
    ingestionTime: event.ingestedAt,
    eventId: String(event.id).padStart(56, "0"),
  };
}
