import { isObject, type Reconciler } from "@gantry/kernel";
import {
  CiphertextError,
  deliverToTargets,
  DELIVERIES_MAX,
  KeyUnusableError,
  matchesRule,
  type DeliveredEvent,
  type EventArchiveRecord,
  type EventReplayRecord,
  type EventRuleRecord,
  type Transaction,
} from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { Turns } from "./turns.ts";

const BATCH = 20;
/** A replay leaves room for deliveries of new events of its account. */
const WAITING_MAX = DELIVERIES_MAX / 2;
const BUSY_MS = 1_000;
/** How long a replay that is over is shown. Source: EventBridge User Guide, "Replaying archived events". */
const KEPT_MS = 90 * 86_400_000;

/** An event of an archive: when it was archived, its number, and its text. */
interface ArchivedEvent {
  readonly timestamp: number;
  readonly id: number;
  readonly message: string;
}

interface ReplayControllerDeps extends ControllerDeps {
  /** Events of an archive's group in the order in which they were archived, after the given one. */
  readonly archivedEvents: (
    group: string,
    after: EventReplayRecord["after"],
    limit: number,
  ) => readonly ArchivedEvent[];
}

/**
 * Puts the events of archives to the rules of their bus again, with the replay's name. A key is the ARN of a replay.
 * The deliveries of a batch and the position of the replay are committed together, so that a crash neither repeats nor
 * skips an event.
 */
export function replayController(deps: ReplayControllerDeps): Reconciler {
  const { store, clock } = deps;
  const turns = new Turns();
  return {
    name: "event-replays",
    keys: () => store.keys("eventReplay"),
    watch: watchKinds(store, {
      eventReplay: (key) => (store.get("eventReplay", key) === undefined ? [] : [key]),
    }),
    async reconcile(key) {
      await turns.next();
      return store.transact((tx) => {
        const replay = tx.get("eventReplay", key);
        return replay && step(tx, deps, replay, clock.now());
      });
    },
  };
}

/** Returns when to look again, in ms; undefined where the replay's own change calls the controller again. */
function step(
  tx: Transaction,
  deps: ReplayControllerDeps,
  replay: EventReplayRecord,
  now: number,
): number | undefined {
  const put = (changed: Partial<EventReplayRecord>): undefined => {
    tx.put("eventReplay", replay.arn, { ...replay, ...changed });
  };
  if (replay.endedAt !== undefined) {
    const left = replay.endedAt + KEPT_MS - now;
    if (left <= 0) tx.delete("eventReplay", replay.arn);
    return left <= 0 ? undefined : left;
  }
  if (replay.state === "CANCELLING") return put({ state: "CANCELLED", endedAt: now });
  const archive = tx.get("eventArchive", replay.archiveArn);
  if (archive === undefined)
    return put({ state: "FAILED", stateReason: "The archive does not exist.", endedAt: now });
  if (tx.countBy("eventDelivery", "account", replay.account) >= WAITING_MAX) return BUSY_MS;
  const events = archivedEvents(deps, archive, replay);
  if (typeof events === "string") return put({ state: "FAILED", stateReason: events, endedAt: now });
  const last = events.at(-1);
  if (last === undefined) return put({ state: "COMPLETED", endedAt: now });
  const lastEventAt = replayEvents(tx, deps, { replay, archive, events }, now) ?? replay.lastEventAt;
  return put({
    state: "RUNNING",
    after: { timestamp: last.timestamp, id: last.id },
    ...(lastEventAt === undefined ? {} : { lastEventAt }),
  });
}

/** The next events of a replay, or why they cannot be read. */
function archivedEvents(
  deps: ReplayControllerDeps,
  archive: EventArchiveRecord,
  replay: EventReplayRecord,
): readonly ArchivedEvent[] | string {
  try {
    return deps.archivedEvents(archive.contentGroup, replay.after, BATCH);
  } catch (thrown) {
    if (thrown instanceof KeyUnusableError || thrown instanceof CiphertextError) return thrown.message;
    throw thrown;
  }
}

/** The time of the last event that was put; undefined where none is within the replay's time. */
function replayEvents(
  tx: Transaction,
  { ids, log }: ReplayControllerDeps,
  given: {
    readonly replay: EventReplayRecord;
    readonly archive: EventArchiveRecord;
    readonly events: readonly ArchivedEvent[];
  },
  now: number,
): number | undefined {
  const { replay, archive, events } = given;
  const rules = rulesOf(tx, replay, archive);
  let lastEventAt: number | undefined;
  for (const { message } of events) {
    const event = replayed(message, replay.name);
    const at = Date.parse(String(event.value["time"]));
    if (at < replay.from || at >= replay.until) continue;
    lastEventAt = at;
    for (const rule of rules) {
      if (!matchesRule(rule, event)) continue;
      const dropped = deliverToTargets(tx, rule, event, { ids, now });
      if (dropped > 0) log.warn("Replayed events were dropped", { replay: replay.arn, dropped });
    }
  }
  return lastEventAt;
}

/** The rules that replayed events are compared with. Archives take none of them. */
function rulesOf(
  tx: Transaction,
  { filterArns }: EventReplayRecord,
  { busArn }: EventArchiveRecord,
): readonly EventRuleRecord[] {
  return tx
    .listBy("eventRule", "matching", busArn)
    .filter(({ arn }) => filterArns.length === 0 || filterArns.includes(arn));
}

/** Source: EventBridge User Guide, "Replaying archived events": the member `replay-name`. */
function replayed(message: string, name: string): DeliveredEvent {
  const event: unknown = JSON.parse(message);
  const value = { ...(isObject(event) ? event : {}), "replay-name": name };
  return { value, text: JSON.stringify(value) };
}
