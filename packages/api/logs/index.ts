/**
 * CloudWatch Logs: groups (records), streams and events (content). Containers' lines arrive by the node gateway and
 * lie in the same store as what PutLogEvents writes. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import type { LogEvent, LogStore } from "@gantry/content";
import { createLogGroup, type LogGroupRecord } from "@gantry/state";
import { ApiError, type Implementation, type ServiceModule } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { page } from "../common/paging.ts";
import { refuseMembers } from "../common/refuse.ts";
import { withoutTags } from "../common/tags.ts";
import { findGroup, groupArnOf } from "./lookups.ts";
import { logsPermissions } from "./permissions.ts";
import { matchesFilter } from "./filter-pattern.ts";

const EVENTS_MAX = 10_000;
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
const BATCH_BYTES_MAX = 1_048_576;
const EVENT_OVERHEAD_BYTES = 26;
const TWO_HOURS_MS = 2 * 60 * 60_000;
const FOURTEEN_DAYS_MS = 14 * 24 * 60 * 60_000;
const SCAN_MAX = 50_000;

export interface LogsDeps extends ApiDeps {
  readonly logs: LogStore;
}

export function logsService(deps: LogsDeps): ServiceModule {
  const operations = { ...groupOperations(deps), ...eventOperations(deps) } satisfies Implementation<
    typeof sdk
  >;
  return {
    sdk,
    operations,
    constraints: CONSTRAINTS,
    validationCode: "InvalidParameterException",
    // Ten thousand events of 1,048,576 bytes, which JSON escapes to several times as many. Source: API_PutLogEvents.
    bodyLimits: { PutLogEvents: { bytes: 4 * 1024 * 1024, values: 60_000 } },
    permissions: permissionsBy("logs", operations, logsPermissions(deps.store)),
  };
}

function groupOperations(deps: LogsDeps) {
  const { store, clock, logs } = deps;
  const change = (place: Place, name: string | undefined, apply: (group: LogGroupRecord) => LogGroupRecord) =>
    store.transact((tx) => {
      const group = findGroup(tx, place, name);
      tx.put("logGroup", group.arn, apply(group));
      return {};
    });
  /** The ARN that a tagging operation gives, which must be that of a log group. */
  const byArn = (place: Place, { resourceArn: arn }: { resourceArn: string | undefined }): string =>
    findGroup(
      store,
      place,
      arn?.startsWith("arn:") ? arn : undefined,
      "The specified resource does not exist.",
    ).arn;
  return {
    CreateLogGroup(input, context) {
      refuseMembers(input, ["kmsKeyId", "deletionProtectionEnabled"], "InvalidParameterException");
      if (input.logGroupClass !== undefined && input.logGroupClass !== "STANDARD")
        throw new ApiError(
          "InvalidParameterException",
          "Gantry supports the log group class STANDARD alone.",
        );
      const name = input.logGroupName ?? "";
      store.transact((tx) => {
        const arn = groupArnOf(context, name);
        if (tx.get("logGroup", arn) !== undefined)
          throw new ApiError("ResourceAlreadyExistsException", "The specified log group already exists");
        createLogGroup(tx, {
          account: context.account,
          region: context.region,
          name,
          tags: input.tags ?? {},
          now: clock.now(),
        });
      });
      return {};
    },
    DeleteLogGroup(input, context) {
      const arn = store.transact((tx) => {
        const group = findGroup(tx, context, input.logGroupName);
        tx.delete("logGroup", group.arn);
        return group.arn;
      });
      logs.deleteGroup(arn);
      return {};
    },
    DescribeLogGroups(input, context) {
      refuseMembers(
        input,
        ["accountIdentifiers", "includeLinkedAccounts", "logGroupIdentifiers"],
        "InvalidParameterException",
      );
      if (input.logGroupNamePrefix !== undefined && input.logGroupNamePattern !== undefined)
        throw new ApiError(
          "InvalidParameterException",
          "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        );
      const prefix = input.logGroupNamePrefix ?? "";
      const all = store
        .list("logGroup", groupArnOf(context, ""))
        .filter(
          (group) =>
            (input.logGroupClass ?? "STANDARD") === "STANDARD" &&
            group.name.startsWith(prefix) &&
            group.name.includes(input.logGroupNamePattern ?? ""),
        );
      const { items, nextToken } = page(all, (group) => group.name, {
        token: input.nextToken,
        size: input.limit ?? 50,
        invalidToken,
      });
      return { logGroups: items.map((group) => presentGroup(group, logs)), nextToken };
    },
    PutRetentionPolicy(input, context) {
      const days = input.retentionInDays ?? 0;
      if (!RETENTION_DAYS.includes(days))
        throw new ApiError(
          "InvalidParameterException",
          `1 validation error detected: Value '${days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${RETENTION_DAYS.join(", ")}]`,
        );
      return change(context, input.logGroupName, (group) => ({ ...group, retentionDays: days }));
    },
    DeleteRetentionPolicy: (input, context) =>
      change(context, input.logGroupName, (group) => ({ ...group, retentionDays: undefined })),
    TagResource: (input, context) =>
      change(context, byArn(context, input), (group) => ({
        ...group,
        tags: { ...group.tags, ...input.tags },
      })),
    UntagResource: (input, context) =>
      change(context, byArn(context, input), (group) => ({
        ...group,
        tags: withoutTags(group.tags, input.tagKeys ?? []),
      })),
    ListTagsForResource: (input, context) => ({
      tags: { ...findGroup(store, context, byArn(context, input)).tags },
    }),
    ListTagsLogGroup: (input, context) => ({
      tags: { ...findGroup(store, context, input.logGroupName).tags },
    }),
  } satisfies Implementation<typeof sdk>;
}

function eventOperations(deps: LogsDeps) {
  const { store, clock, logs } = deps;
  return {
    CreateLogStream(input, context) {
      const group = findGroup(store, context, input.logGroupName);
      const name = input.logStreamName ?? "";
      if (!logs.createStream(group.arn, name, clock.now()))
        throw new ApiError("ResourceAlreadyExistsException", "The specified log stream already exists");
      return {};
    },
    DeleteLogStream(input, context) {
      const group = findGroup(store, context, input.logGroupName);
      if (!logs.hasStream(group.arn, input.logStreamName ?? "")) throw missingStream();
      logs.deleteStream(group.arn, input.logStreamName ?? "");
      return {};
    },
    DescribeLogStreams(input, context) {
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
    },
    PutLogEvents(input, context) {
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
        throw new ApiError(
          "InvalidParameterException",
          `Upload too large: more than ${BATCH_BYTES_MAX} bytes`,
        );
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
    },
    GetLogEvents(input, context) {
      const group = findGroup(store, context, input.logGroupName ?? input.logGroupIdentifier);
      const stream = input.logStreamName ?? "";
      if (!logs.hasStream(group.arn, stream)) throw missingStream();
      return getLogEvents(logs, group.arn, stream, input);
    },
    FilterLogEvents(input, context) {
      refuseMembers(input, ["unmask"], "InvalidParameterException");
      const group = findGroup(store, context, input.logGroupName ?? input.logGroupIdentifier);
      const named =
        input.logStreamNamePrefix === undefined
          ? input.logStreamNames
          : logs
              .streams(group.arn)
              .map((stream) => stream.name)
              .filter((name) => name.startsWith(input.logStreamNamePrefix ?? ""));
      if (named?.length === 0) return { events: [], searchedLogStreams: [] };
      const limit = input.limit ?? EVENTS_MAX;
      const matches = matchesFilter(input.filterPattern ?? "");
      const found: LogEvent[] = [];
      let after = input.nextToken === undefined ? undefined : readToken(input.nextToken);
      for (let scanned = 0; scanned < SCAN_MAX;) {
        const events = logs.events(group.arn, {
          streams: named,
          from: input.startTime ?? 0,
          until: (input.endTime ?? Number.MAX_SAFE_INTEGER - 1) + 1,
          order: "ascending",
          after,
          limit: 1_000,
        });
        scanned += events.length;
        for (const event of events) {
          after = event;
          if (matches(event.message)) found.push(event);
          if (found.length === limit)
            return { events: found.map(presentEvent), nextToken: writeToken(event), searchedLogStreams: [] };
        }
        if (events.length < 1_000) return { events: found.map(presentEvent), searchedLogStreams: [] };
      }
      return {
        events: found.map(presentEvent),
        nextToken: after && writeToken(after),
        searchedLogStreams: [],
      };
    },
  } satisfies Implementation<typeof sdk>;
}

/** Tokens name the event beyond which to go on, forward or backward; at an end the same token comes back. */
function getLogEvents(
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

function invalidToken(): ApiError {
  return new ApiError("InvalidParameterException", "The specified nextToken is invalid.");
}

function writeToken(event: { timestamp: number; id: number }): string {
  return Buffer.from(`${event.timestamp}/${event.id}`).toString("base64url");
}

function readToken(token: string): { timestamp: number; id: number } {
  const match = /^(\d+)\/(\d+)$/.exec(Buffer.from(token, "base64url").toString());
  if (match === null) throw invalidToken();
  return { timestamp: Number(match[1]), id: Number(match[2]) };
}

function presentGroup(group: LogGroupRecord, logs: LogStore): sdk.LogGroup {
  return {
    logGroupName: group.name,
    arn: `${group.arn}:*`,
    logGroupArn: group.arn,
    creationTime: group.createdAt,
    retentionInDays: group.retentionDays,
    metricFilterCount: 0,
    storedBytes: logs.storedBytes(group.arn),
    logGroupClass: "STANDARD",
  };
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
