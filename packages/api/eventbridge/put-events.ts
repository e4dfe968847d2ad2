import type * as sdk from "@aws-sdk/client-eventbridge";
import { isObject } from "@gantry/kernel";
import {
  listenersOf,
  composeEvent,
  deliverToTargets,
  matchesRule,
  type DeliveredEvent,
  type EventBusRecord,
  type EventRuleRecord,
  type Reader,
} from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { busOf, validation } from "./lookups.ts";

/** Source: API_PutEvents; EventBridge User Guide, "Calculating PutEvents event entry size". */
const ENTRY_MAX_BYTES = 262_144;
const DEPTH_MAX = 1_000;
/** Other requests are served after so much matching (ms). */
const TURN_MS = 5;

/** Events that callers send. */
export function eventOperations(deps: ApiDeps) {
  return {
    PutEvents: (input, context) => putEvents(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/**
 * Each entry succeeds or fails by itself. Patterns are compared in turns, so that a large event delays no
 * other request.
 */
async function putEvents(
  deps: ApiDeps,
  input: sdk.PutEventsRequest,
  place: Place,
): Promise<sdk.PutEventsResponse> {
  const size = (input.Entries ?? []).reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (size > ENTRY_MAX_BYTES) throw validation("Total size of the entries in the request is over the limit.");
  const Entries: sdk.PutEventsResultEntry[] = [];
  for (const entry of input.Entries ?? []) Entries.push(await putEvent(deps, entry, place));
  return { FailedEntryCount: Entries.filter(({ ErrorCode }) => ErrorCode !== undefined).length, Entries };
}

async function putEvent(
  { store, ids, clock }: ApiDeps,
  entry: sdk.PutEventsRequestEntry,
  place: Place,
): Promise<sdk.PutEventsResultEntry> {
  const problem = problemOf(entry);
  if (problem !== undefined) return problem;
  const now = clock.now();
  const id = ids.uuid();
  const event = composeEvent(
    {
      account: place.account,
      region: place.region,
      source: entry.Source ?? "",
      detailType: entry.DetailType ?? "",
      time: entry.Time?.getTime() ?? now,
      resources: entry.Resources ?? [],
      detail: JSON.parse(entry.Detail ?? "") as Record<string, unknown>, // `problemOf` has looked.
    },
    id,
  );
  // A bus that does not exist takes the event, and no rule sees it.
  // One of another account takes it where its policy lets the caller in, which was decided before.
  const bus = busOf(store, place, entry.EventBusName) ?? foreignBus(store, place, entry.EventBusName);
  const rules = bus === undefined ? [] : await matching(listenersOf(store, bus.arn), event);
  const dropped =
    rules.length === 0
      ? 0
      : store.transact((tx) =>
          rules.reduce((sum, rule) => sum + deliverToTargets(tx, rule, event, { ids, now }), 0),
        );
  return dropped === 0
    ? { EventId: id }
    : { ErrorCode: "ThrottlingException", ErrorMessage: "Too many events wait for their targets." };
}

/** A bus of another account, named by its ARN, in the region of the call. */
function foreignBus(reader: Reader, place: Place, arn: string | undefined): EventBusRecord | undefined {
  const bus = arn?.startsWith("arn:") === true ? reader.get("eventBus", arn) : undefined;
  return bus?.region === place.region && bus.policy !== undefined ? bus : undefined;
}

async function matching(
  rules: readonly EventRuleRecord[],
  event: DeliveredEvent,
): Promise<readonly EventRuleRecord[]> {
  const found: EventRuleRecord[] = [];
  let since = performance.now();
  for (const rule of rules) {
    if (matchesRule(rule, event)) found.push(rule);
    if (performance.now() - since < TURN_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  }
  return found;
}

function problemOf(entry: sdk.PutEventsRequestEntry): sdk.PutEventsResultEntry | undefined {
  const { Source: source, DetailType: type, Detail: detail } = entry;
  const invalid = (ErrorMessage: string): sdk.PutEventsResultEntry => ({
    ErrorCode: "InvalidArgument",
    ErrorMessage,
  });
  if (source === undefined || source === "")
    return invalid("Parameter Source is not valid. Reason: Source is a required argument.");
  if (type === undefined || type === "")
    return invalid("Parameter DetailType is not valid. Reason: DetailType is a required argument.");
  if (detail === undefined || detail === "")
    return invalid("Parameter Detail is not valid. Reason: Detail is a required argument.");
  if (source.startsWith("aws."))
    return {
      ErrorCode: "NotAuthorizedForSourceException",
      ErrorMessage: "Not authorized for the source.",
    };
  return isDetail(detail)
    ? undefined
    : { ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." };
}

/** Whether a text is a JSON object that is not nested without end. */
function isDetail(text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === "[" || token === "{") depth += 1;
    if (token === "]" || token === "}") depth -= 1;
    if (depth > DEPTH_MAX) return false;
  }
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

/** Source: EventBridge User Guide, as above: 14 bytes for a time, else the bytes of the texts. */
function sizeOf(entry: sdk.PutEventsRequestEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ""), 0);
  return bytes + (entry.Time === undefined ? 0 : 14);
}
