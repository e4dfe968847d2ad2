import type * as sdk from "@aws-sdk/client-rds";
import type { DatabaseEventRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";
import { checkCategories, toSourceType } from "./event-categories.ts";
import { EVENT_AGE_MS } from "./event-sources.ts";
import { pageOfRecords } from "./page-of-records.ts";

const MINUTE_MS = 60_000;
/** Source: API_DescribeEvents, Duration: the past hour. */
const DURATION_MINUTES = 60;

/** What happened. Source: API_DescribeEvents. */
export function eventOperations(deps: ApiDeps) {
  return {
    DescribeEvents: (input, context) => describeEvents(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

function describeEvents(
  { store, clock }: ApiDeps,
  input: sdk.DescribeEventsMessage,
  context: RequestContext,
): sdk.EventsMessage {
  const type = toSourceType(input.SourceType);
  const { SourceIdentifier: source, EventCategories: categories = [] } = input;
  if (source !== undefined && type === undefined)
    throw new ApiError("InvalidParameterCombination", "SourceType must be given with SourceIdentifier.");
  checkCategories(type, categories, "InvalidParameterValue");
  const [from, until] = timesOf(input, clock.now());
  const fitting = store
    .listBy("databaseEvent", "place", `${context.account}/${context.region}`)
    .filter(({ at }) => at >= from && at <= until)
    .filter(({ sourceType }) => type === undefined || sourceType === type)
    .filter((event) => source === undefined || isAbout(event, source))
    .filter((event) => categories.length === 0 || event.categories.some((each) => categories.includes(each)))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const { items, Marker } = pageOfRecords(fitting, ({ id }) => id, input);
  return { Events: items.map(present), Marker };
}

function isAbout({ sourceIdentifier, sourceArn }: DatabaseEventRecord, source: string): boolean {
  return sourceIdentifier === source.toLowerCase() || sourceArn === source;
}

/** Errors: InvalidParameterValue, InvalidParameterCombination. */
function timesOf(
  { StartTime: start, EndTime: end, Duration: minutes }: sdk.DescribeEventsMessage,
  now: number,
): readonly [from: number, until: number] {
  if (minutes !== undefined && (minutes < 1 || minutes * MINUTE_MS > EVENT_AGE_MS))
    throw new ApiError("InvalidParameterValue", `Invalid duration: ${minutes}. It is of 1 to 20160 minutes.`);
  if (end !== undefined && start === undefined)
    throw new ApiError("InvalidParameterCombination", "StartTime must be given with EndTime.");
  const lengthMs = (minutes ?? DURATION_MINUTES) * MINUTE_MS;
  const from = start?.getTime() ?? now - lengthMs;
  const until = end?.getTime() ?? (start === undefined || minutes === undefined ? now : from + lengthMs);
  if (until < from) throw new ApiError("InvalidParameterCombination", "StartTime must not be after EndTime.");
  if (from < now - EVENT_AGE_MS)
    throw new ApiError("InvalidParameterValue", "Events are kept for 14 days: StartTime is before that.");
  return [from, until];
}

function present(event: DatabaseEventRecord): sdk.Event {
  return {
    ...{ SourceIdentifier: event.sourceIdentifier, SourceType: event.sourceType, SourceArn: event.sourceArn },
    ...{ Message: event.message, EventCategories: [...event.categories], Date: new Date(event.at) },
  };
}
