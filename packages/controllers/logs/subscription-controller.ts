import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { compileFilterPattern, Slices, type LogEvent, type LogStore } from "@gantry/content";
import { formatArn, messageOf, type Reconciler } from "@gantry/kernel";
import type { Store, SubscriptionFilterRecord } from "@gantry/state";
import { AccountSlots } from "../account-slots.ts";
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
const zipped = promisify(gzip);

interface SubscriptionDeps extends ControllerDeps {
  readonly logs: LogStore;
  /** Calls a function with an event, as the operator configured. */
  readonly callFunction: (functionArn: string, payload: object) => Promise<unknown>;
}

/**
 * Sends the events that subscription filters match to functions, in the form of Lambda's events: compressed,
 * those of one stream together. A key is a filter, or a policy of an account with a log group that it covers. The
 * position of a key is stored with the events and advances when a batch was delivered: delivery is at least once.
 */
export function subscriptionController(deps: SubscriptionDeps): Reconciler {
  const { store, logs } = deps;
  const watchRecords = watchKinds(store, {
    subscriptionFilter: (key) => [key],
    logAccountPolicy: (key) => policyKeys(store, key),
  });
  const slots = new AccountSlots(ACCOUNT_CALLS_MAX);
  return {
    name: "subscription-filters",
    concurrencyMax: HOOK_CALLS_MAX,
    keys: () => [
      ...store.keys("subscriptionFilter"),
      ...store.keys("logAccountPolicy").flatMap((key) => policyKeys(store, key)),
    ],
    watch(changed) {
      const stops = [
        watchRecords(changed),
        logs.watch((group) => {
          store.keysBy("subscriptionFilter", "group", group).forEach(changed);
          policiesOver(store, group).forEach((key) => changed(`${key}${OVER}${group}`));
        }),
      ];
      return () => stops.forEach((stop) => stop());
    },
    async reconcile(key) {
      const filter = store.get("subscriptionFilter", key) ?? filterOfPolicy(store, key);
      if (filter === undefined) {
        logs.moveReader(`subscription ${key}`, undefined);
        return undefined;
      }
      return slots.run(filter.account, () => sendNext(deps, key, filter));
    },
  };
}

/** Sends a batch of events on. Returns when to look again, in ms. Errors: those of a delivery that is made again. */
async function sendNext(
  deps: SubscriptionDeps,
  key: string,
  filter: SubscriptionFilterRecord,
): Promise<number | undefined> {
  const { logs, clock, log } = deps;
  const position = Math.max(logs.readerPosition(`subscription ${key}`) ?? 0, filter.afterEventId);
  const last = logs.lastEventId;
  if (last === position) return undefined;
  const events = logs.eventsAfter(filter.groupArn, position, BATCH_EVENTS);
  const isAll = events.length < BATCH_EVENTS;
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
  }
  logs.moveReader(`subscription ${key}`, isAll ? last : (events.at(-1)?.id ?? last));
  return isAll ? undefined : 0;
}

/** What separates a policy from a log group in a key. */
const OVER = " over ";

/** The policies of the account and region of a log group that send its events on. */
function policiesOver(store: Store, groupArn: string): readonly string[] {
  const group = store.get("logGroup", groupArn);
  if (group === undefined || group.class !== undefined) return [];
  const { account, region, name } = group;
  return store
    .list("logAccountPolicy", `${account}/${region}/SUBSCRIPTION_FILTER_POLICY/`)
    .filter(({ subscription }) => subscription?.except.includes(name) === false)
    .map((policy) => `${account}/${region}/${policy.type}/${policy.name}`);
}

/** Keys of a policy, also one that was deleted, with every log group of its account and region. */
function policyKeys(store: Store, policyKey: string): readonly string[] {
  const [account = "", region = "", type] = policyKey.split("/");
  if (type !== "SUBSCRIPTION_FILTER_POLICY") return [];
  return store
    .list("logGroup", formatArn("logs", { account, region }, "log-group:"))
    .map(({ arn }) => `${policyKey}${OVER}${arn}`);
}

/** The policy as a filter of one log group; undefined where it does not cover the group. */
function filterOfPolicy(store: Store, key: string): SubscriptionFilterRecord | undefined {
  const at = key.lastIndexOf(OVER); // No log group has a space in its name.
  if (at < 0) return undefined;
  const [policyKey, groupArn] = [key.slice(0, at), key.slice(at + OVER.length)];
  const policy = store.get("logAccountPolicy", policyKey);
  if (policy?.subscription === undefined || !policiesOver(store, groupArn).includes(policyKey))
    return undefined;
  const { account, region, name, afterEventId, updatedAt: createdAt, subscription } = policy;
  const { pattern, destinationArn } = subscription;
  return {
    ...{ account, region, groupArn, name, pattern, createdAt, afterEventId, destinationArn },
    roleArn: undefined,
    distribution: undefined,
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
