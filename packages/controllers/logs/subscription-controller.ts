import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { compileFilterPattern, Slices, type LogEvent, type LogStore } from "@gantry/content";
import { messageOf, type Reconciler } from "@gantry/kernel";
import type { SubscriptionFilterRecord } from "@gantry/state";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { HOOK_CALLS_MAX } from "../service/hook-controller.ts";

const BATCH_EVENTS = 500;
/**
 * Events that could not be delivered for this long are dropped. Source: CloudWatch Logs User Guide,
 * "Subscription filters".
 */
const RETRIES_MS = 24 * 60 * 60_000;
/** Filters of one account whose functions are called at a time: slow ones do not delay those of others. */
const ACCOUNT_CALLS_MAX = 100;
const BUSY_RETRY_MS = 1_000;
const zipped = promisify(gzip);

/**
 * Sends the events that subscription filters match to functions, in the form of Lambda's events: compressed,
 * those of one stream together. A key is a filter. Its position is stored with the events and advances when a
 * batch was delivered: delivery is at least once.
 */
export function subscriptionController(
  deps: ControllerDeps & {
    readonly logs: LogStore;
    /** Calls a function with an event, as the operator configured. */
    readonly callFunction: (functionArn: string, payload: object) => Promise<unknown>;
  },
): Reconciler {
  const { store, logs, clock, log } = deps;
  const watchRecords = watchKinds(store, { subscriptionFilter: (key) => [key] });
  /** Filters whose events are being sent, by account. */
  const sending = new Map<string, number>();
  const count = (account: string, more: number) => {
    const now = (sending.get(account) ?? 0) + more;
    if (now === 0) sending.delete(account);
    else sending.set(account, now);
  };
  return {
    name: "subscription-filters",
    concurrencyMax: HOOK_CALLS_MAX,
    keys: () => store.keys("subscriptionFilter"),
    watch(changed) {
      const stops = [
        watchRecords(changed),
        logs.watch((group) => store.keysBy("subscriptionFilter", "group", group).forEach(changed)),
      ];
      return () => stops.forEach((stop) => stop());
    },
    async reconcile(key) {
      const filter = store.get("subscriptionFilter", key);
      if (filter === undefined) {
        logs.moveReader(`subscription ${key}`, undefined);
        return undefined;
      }
      if ((sending.get(filter.account) ?? 0) >= ACCOUNT_CALLS_MAX) return BUSY_RETRY_MS;
      const position = Math.max(logs.readerPosition(`subscription ${key}`) ?? 0, filter.afterEventId);
      const last = logs.lastEventId;
      if (last === position) return undefined;
      const events = logs.eventsAfter(filter.groupArn, position, BATCH_EVENTS);
      const isAll = events.length < BATCH_EVENTS;
      count(filter.account, 1);
      try {
        for (const [stream, chosen] of await matching(filter, events))
          await deps.callFunction(filter.destinationArn, await payloadOf(filter, stream, chosen));
      } catch (thrown) {
        const isLate = clock.now() - (events[0]?.ingestedAt ?? 0) > RETRIES_MS;
        log.warn(isLate ? "Log events are not delivered" : "Log events are delivered again later", {
          filter: key,
          destination: filter.destinationArn,
          reason: messageOf(thrown),
        });
        if (!isLate) throw thrown;
      } finally {
        count(filter.account, -1);
      }
      logs.moveReader(`subscription ${key}`, isAll ? last : (events.at(-1)?.id ?? last));
      return isAll ? undefined : 0;
    },
  };
}

/** The events that match, by their streams. */
async function matching(
  filter: SubscriptionFilterRecord,
  events: readonly LogEvent[],
): Promise<ReadonlyMap<string, readonly LogEvent[]>> {
  const pattern = compileFilterPattern(filter.pattern);
  const slices = new Slices();
  const found = new Map<string, LogEvent[]>();
  for (const event of events) {
    if (pattern.match(event.message) !== undefined)
      found.set(event.stream, [...(found.get(event.stream) ?? []), event]);
    await slices.rest();
  }
  return found;
}

/** Source: Lambda Developer Guide, "Using Lambda with CloudWatch Logs". */
async function payloadOf(
  { account, groupArn, name }: SubscriptionFilterRecord,
  logStream: string,
  events: readonly LogEvent[],
): Promise<object> {
  const content = {
    messageType: "DATA_MESSAGE",
    owner: account,
    logGroup: groupArn.split(":log-group:")[1],
    logStream,
    subscriptionFilters: [name],
    logEvents: events.map(({ id, timestamp, message }) => ({
      id: String(id).padStart(56, "0"),
      timestamp,
      message,
    })),
  };
  return { awslogs: { data: (await zipped(JSON.stringify(content))).toString("base64") } };
}
