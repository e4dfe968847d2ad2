import type * as sdk from "@aws-sdk/client-eventbridge";
import { parseArn } from "@gantry/kernel";
import { eventReplayArnOf, type EventReplayRecord, type Reader } from "@gantry/state";
import type { Implementation } from "@gantry/wire";
import type { ApiDeps, Place } from "../common/api-deps.ts";
import { within } from "../common/place.ts";
import { ApiError } from "./api-error.ts";
import { findBus, notFound, pageOf, validation } from "./lookups.ts";

/** Source: Amazon EventBridge User Guide, "Quotas": replays of an account that run at a time. */
const RUNNING_MAX = 10;
const RUNNING: readonly EventReplayRecord["state"][] = ["STARTING", "RUNNING", "CANCELLING"];

/** Replays of archives. The replay controller puts the events. Source: as archives.ts. */
export function replayOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    StartReplay: (input, context) => startReplay(deps, input, context),
    DescribeReplay(input, context) {
      const replay = findReplay(store, context, input.ReplayName);
      return {
        ...presentReplay(replay),
        ReplayArn: replay.arn,
        Description: replay.description,
        Destination: {
          Arn: replay.busArn,
          ...(replay.filterArns.length === 0 ? {} : { FilterArns: [...replay.filterArns] }),
        },
      };
    },
    ListReplays: (input, context) => listReplays(deps, input, context),
    CancelReplay: (input, context) => cancelReplay(deps, input, context),
  } satisfies Implementation<typeof sdk>;
}

/** Errors: ResourceNotFoundException. */
function findReplay(reader: Reader, place: Place, name: string | undefined): EventReplayRecord {
  const found = reader.get("eventReplay", eventReplayArnOf(place, name ?? ""));
  if (found === undefined) throw notFound(`Replay ${name ?? ""} does not exist.`);
  return found;
}

/**
 * Errors: ResourceAlreadyExistsException, ResourceNotFoundException for the archive or the bus, ValidationException,
 * LimitExceededException.
 */
function startReplay(
  { store, clock }: ApiDeps,
  input: sdk.StartReplayRequest,
  place: Place,
): sdk.StartReplayResponse {
  const { ReplayName: name = "", Destination: destination } = input;
  const from = input.EventStartTime?.getTime() ?? 0;
  const until = input.EventEndTime?.getTime() ?? 0;
  if (from >= until)
    throw validation(
      "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
    );
  const arn = eventReplayArnOf(place, name);
  const replay = store.transact((tx) => {
    const target = targetOf(tx, place, input);
    if (tx.get("eventReplay", arn) !== undefined)
      throw new ApiError("ResourceAlreadyExistsException", `Replay ${name} already exists.`);
    const running = tx
      .listBy("eventReplay", "place", `${place.account}/${place.region}`)
      .filter(({ state }) => RUNNING.includes(state));
    if (running.length >= RUNNING_MAX)
      throw new ApiError(
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
      );
    const record: EventReplayRecord = {
      account: place.account,
      region: place.region,
      ...{ arn, name, from, until, ...target },
      description: input.Description,
      filterArns: destination?.FilterArns ?? [],
      startedAt: clock.now(),
      state: "STARTING",
    };
    tx.put("eventReplay", arn, record);
    return record;
  });
  return { ReplayArn: arn, State: replay.state, ReplayStartTime: new Date(replay.startedAt) };
}

/** The archive and the bus of a replay. Errors: ResourceNotFoundException, ValidationException. */
function targetOf(
  reader: Reader,
  place: Place,
  { EventSourceArn: archiveArn = "", Destination: destination }: sdk.StartReplayRequest,
): Pick<EventReplayRecord, "archiveArn" | "busArn"> {
  const busArn = destination?.Arn ?? "";
  if (parseArn(busArn)?.resource.startsWith("event-bus/") !== true)
    throw validation("Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.");
  const bus = findBus(reader, place, busArn);
  const archive = within(reader.get("eventArchive", archiveArn), place);
  if (archive === undefined)
    throw validation(
      "Parameter EventSourceArn is not valid. Reason: Archive " +
        `${archiveArn.split("/").at(-1) ?? ""} does not exist.`,
    );
  if (archive.busArn !== bus.arn)
    throw validation(
      "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
    );
  for (const filter of destination?.FilterArns ?? [])
    if (within(reader.get("eventRule", filter), place)?.busArn !== bus.arn)
      throw validation(
        `Parameter Destination.FilterArns is not valid. Reason: Rule ${filter} does not exist.`,
      );
  return { archiveArn: archive.arn, busArn: bus.arn };
}

/** Errors: ResourceNotFoundException, IllegalStatusException for a replay that is over. */
function cancelReplay(
  { store }: ApiDeps,
  input: sdk.CancelReplayRequest,
  place: Place,
): sdk.CancelReplayResponse {
  const arn = store.transact((tx) => {
    const replay = findReplay(tx, place, input.ReplayName);
    if (replay.state !== "STARTING" && replay.state !== "RUNNING")
      throw new ApiError(
        "IllegalStatusException",
        `Replay ${replay.name} is not in a valid state for this operation.`,
      );
    tx.put("eventReplay", replay.arn, { ...replay, state: "CANCELLING" });
    return replay.arn;
  });
  return { ReplayArn: arn, State: "CANCELLING" };
}

/** Errors: ValidationException for more than one filter. */
function listReplays(
  { store }: ApiDeps,
  input: sdk.ListReplaysRequest,
  place: Place,
): sdk.ListReplaysResponse {
  const { NamePrefix: prefix = "", EventSourceArn: archiveArn, State: state } = input;
  if ([input.NamePrefix, archiveArn, state].filter((each) => each !== undefined).length > 1)
    throw validation(
      "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix.",
    );
  const all = store
    .list("eventReplay", eventReplayArnOf(place, prefix))
    .filter((replay) => archiveArn === undefined || replay.archiveArn === archiveArn)
    .filter((replay) => state === undefined || replay.state === state);
  const { items, nextToken } = pageOf(all, ({ arn }) => arn, input);
  return { Replays: items.map(presentReplay), NextToken: nextToken };
}

function presentReplay(replay: EventReplayRecord): sdk.Replay {
  const at = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));
  return {
    ReplayName: replay.name,
    EventSourceArn: replay.archiveArn,
    State: replay.state,
    StateReason: replay.stateReason,
    EventStartTime: at(replay.from),
    EventEndTime: at(replay.until),
    EventLastReplayedTime: at(replay.lastEventAt),
    ReplayStartTime: at(replay.startedAt),
    ReplayEndTime: at(replay.endedAt),
  };
}
