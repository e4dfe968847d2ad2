import { Readable } from "node:stream";
import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { Slices, type LogEvent } from "@gantry/content";
import type { Timer } from "@gantry/kernel";
import type { LogGroupRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import { jsonEvent, jsonException } from "../common/event-stream.ts";
import { ApiError } from "./api-error.ts";
import { findGroup, groupArnOf, invalidParameter, refuseInfrequent } from "./lookups.ts";
import type { LogsDeps } from "./logs-deps.ts";
import { readPattern } from "./metric-filters.ts";

/** Source: CloudWatch Logs quotas, "Live Tail". */
const SESSIONS_MAX = 15;
const SESSION_MS = 3 * 60 * 60_000;
/** An update has the events of one second, at most 500 of them. Source: API_LiveTailSessionUpdate. */
const UPDATE_MS = 1_000;
const EVENTS_MAX = 500;
/** What one update looks at, in events and bytes; events beyond it are left out, and the update is sampled. */
const SCAN_MAX = 5_000;
const SCAN_BYTES_MAX = 4 * 1024 * 1024;
/** The computing time of an update: a pattern may have an expression that takes long for each event. */
const SCAN_MS_MAX = 250;
const CHUNK = 100;
/** Bytes that wait for a slow client; updates beyond it are left out. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/** Sessions that show events as they arrive. Source: API_StartLiveTail. */
export function liveTailOperations(deps: LogsDeps) {
  /** Open sessions by account: they end with their connections, and with the control plane. */
  const sessions = new Map<string, number>();
  return {
    StartLiveTail: (input, context) => startLiveTail(deps, sessions, input, context),
  } satisfies Implementation<typeof sdk>;
}

function startLiveTail(
  deps: LogsDeps,
  sessions: Map<string, number>,
  input: sdk.StartLiveTailRequest,
  context: RequestContext,
): sdk.StartLiveTailResponse {
  const groups = groupsOf(deps, input, context);
  checkStreams(input);
  const pattern = readPattern(input.logEventFilterPattern);
  const { account, requestId } = context;
  const open = sessions.get(account) ?? 0;
  if (open >= SESSIONS_MAX)
    throw new ApiError(
      "LimitExceededException",
      `An account has at most ${SESSIONS_MAX} live tail sessions.`,
    );
  sessions.set(account, open + 1);
  const { logStreamNames: names, logStreamNamePrefixes: prefixes } = input;
  const isWanted = ({ stream, message }: LogEvent): boolean =>
    (names?.includes(stream) ?? true) &&
    (prefixes?.some((prefix) => stream.startsWith(prefix)) ?? true) &&
    pattern.match(message) !== undefined;
  const responseStream = openSession(deps, { groups, isWanted, account }, () => {
    const left = (sessions.get(account) ?? 1) - 1;
    if (left === 0) sessions.delete(account);
    else sessions.set(account, left);
  });
  // The first message of a stream in the JSON protocol has the members of the output that are not events.
  responseStream.push(jsonEvent("initial-response", {}));
  const started: sdk.LiveTailSessionStart = {
    ...{ requestId, sessionId: deps.ids.uuid(), logGroupIdentifiers: groups.map((group) => group.arn) },
    ...{ logStreamNames: names, logStreamNamePrefixes: prefixes },
    logEventFilterPattern: input.logEventFilterPattern,
  };
  responseStream.push(jsonEvent("sessionStart", started));
  return { responseStream };
}

function groupsOf(
  { store }: LogsDeps,
  { logGroupIdentifiers = [] }: sdk.StartLiveTailRequest,
  context: RequestContext,
): readonly LogGroupRecord[] {
  const wrong = logGroupIdentifiers.find((arn) => !arn.startsWith("arn:") || arn.endsWith("*"));
  if (wrong !== undefined)
    throw invalidParameter(`The log group identifier ${wrong} must be the ARN of a log group, without ':*'.`);
  const groups = new Set(logGroupIdentifiers.map((arn) => groupArnOf(context, arn)));
  return [...groups].map((arn) => {
    const group = findGroup(store, context, arn);
    refuseInfrequent(group, "StartLiveTail");
    return group;
  });
}

/** Errors: InvalidParameterException where streams are named both ways, or of several groups. */
function checkStreams(input: sdk.StartLiveTailRequest): void {
  const { logStreamNames: names, logStreamNamePrefixes: prefixes } = input;
  if (names !== undefined && prefixes !== undefined)
    throw invalidParameter("Specify either logStreamNames or logStreamNamePrefixes, not both.");
  if ((names ?? prefixes) !== undefined && (input.logGroupIdentifiers ?? []).length > 1)
    throw invalidParameter("Log streams can be specified for a single log group only.");
}

interface Session {
  readonly account: string;
  readonly groups: readonly LogGroupRecord[];
  readonly isWanted: (event: LogEvent) => boolean;
}

/** A stream of updates, one each second, until it is destroyed or three hours have passed. `ended` is called once. */
function openSession(deps: LogsDeps, session: Session, ended: () => void): Readable {
  const { clock, logs } = deps;
  const endsAt = clock.now() + SESSION_MS;
  let timer: Timer | undefined;
  let position = logs.lastEventId;
  let isLeftOut = false;
  const stream = new Readable({
    read: () => undefined,
    destroy: (error, done) => {
      timer?.cancel();
      ended();
      done(error);
    },
  });
  const end = (type: string, message: string): void => {
    stream.push(jsonException(type, message));
    stream.push(null);
  };
  const look = async (): Promise<void> => {
    if (clock.now() >= endsAt) return end("SessionTimeoutException", "The session has ended after 3 hours.");
    const after = position;
    position = logs.lastEventId;
    // What a slow client has not read yet is not added to, and what has arrived by then is not looked for later.
    if (stream.readableLength > WAITING_BYTES_MAX) isLeftOut = true;
    else {
      const found = await updateSince(deps, session, { after, isLeftOut });
      isLeftOut = false;
      stream.push(jsonEvent("sessionUpdate", found));
    }
    if (!stream.destroyed) timer = clock.after(UPDATE_MS, update);
  };
  const update = (): void =>
    void look().catch(() => end("SessionStreamingException", "The events of the session cannot be read."));
  timer = clock.after(UPDATE_MS, update);
  return stream;
}

/**
 * The events of a session after the one with the id; `isLeftOut` says that there were others before. Errors: those
 * of a KMS key that cannot be used.
 */
async function updateSince(
  { logs }: LogsDeps,
  { groups, isWanted }: Session,
  { after, isLeftOut }: { readonly after: number; readonly isLeftOut: boolean },
): Promise<sdk.LiveTailSessionUpdate> {
  const sessionResults: sdk.LiveTailSessionLogEvent[] = [];
  const slices = new Slices();
  let [scanned, bytes] = [0, 0];
  const isEnough = (): boolean =>
    scanned >= SCAN_MAX ||
    bytes >= SCAN_BYTES_MAX ||
    sessionResults.length >= EVENTS_MAX ||
    slices.spentMs >= SCAN_MS_MAX;
  for (const { arn } of groups) {
    let from = after;
    for (;;) {
      const events = logs.eventsAfter(arn, from, CHUNK);
      for (const event of events) {
        if (isEnough()) return { sessionMetadata: { sampled: true }, sessionResults };
        from = event.id;
        scanned += 1;
        bytes += event.message.length;
        if (isWanted(event)) sessionResults.push(presentEvent(arn, event));
        await slices.rest();
      }
      if (events.length < CHUNK) break;
    }
  }
  return { sessionMetadata: { sampled: isLeftOut }, sessionResults };
}

function presentEvent(
  arn: string,
  { stream, message, timestamp, ingestedAt }: LogEvent,
): sdk.LiveTailSessionLogEvent {
  const [, , , , account = "", , name = ""] = arn.split(":");
  return {
    logStreamName: stream,
    logGroupIdentifier: `${account}:${name}`,
    message,
    timestamp,
    ingestionTime: ingestedAt,
  };
}
