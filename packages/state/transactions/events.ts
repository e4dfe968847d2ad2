import { formatArn, type Ids } from "@gantry/kernel";
import { inputOf, withRequestOf, type DeliveredEvent } from "../event-input.ts";
import { parseEventPattern, type EventPattern } from "../event-pattern.ts";
import type {
  BucketNotification,
  BucketRecord,
  DeliveringService,
  EventArchiveRecord,
  EventRuleRecord,
  EventTargetRecord,
  Placed,
  ScheduleRecord,
} from "../records.ts";
import { parseSchedule } from "../schedule.ts";
import type { Reader, Transaction } from "../store.ts";

/**
 * Deliveries of an account that wait. Further events are dropped: a target that cannot be reached must not
 * fill the disk.
 */
export const DELIVERIES_MAX = 10_000;
export const DEFAULT_BUS = "default";

export function eventBusArnOf(place: Placed, name: string): string {
  return formatArn("events", place, `event-bus/${name}`);
}

export function eventRuleArnOf(place: Placed, bus: string, name: string): string {
  return formatArn("events", place, bus === DEFAULT_BUS ? `rule/${name}` : `rule/${bus}/${name}`);
}

export function scheduleGroupArnOf(place: Placed, name: string): string {
  return formatArn("scheduler", place, `schedule-group/${name}`);
}

export function scheduleArnOf(place: Placed, group: string, name: string): string {
  return formatArn("scheduler", place, `schedule/${group}/${name}`);
}

/** What happened, before it has an id. `detail` is a JSON object. */
export interface EventContent extends Placed {
  readonly source: string;
  readonly detailType: string;
  readonly time: number;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/**
 * The event in the form that patterns match and targets are given.
 * Source: EventBridge User Guide, "Event structure".
 */
export function composeEvent(content: EventContent, id: string): DeliveredEvent {
  const value = {
    version: "0",
    id,
    "detail-type": content.detailType,
    source: content.source,
    account: content.account,
    time: new Date(content.time).toISOString().replace(/\.\d{3}Z$/, "Z"),
    region: content.region,
    resources: content.resources,
    detail: content.detail,
  };
  const text = JSON.stringify(value);
  // What JSON leaves out, such as members that are undefined, does not exist for patterns either.
  return { value: JSON.parse(text) as Record<string, unknown>, text }; // An object, as above.
}

/** Compiled patterns by their rule. A record is replaced, not changed, so a pattern is compiled once. */
const compiled = new WeakMap<EventRuleRecord, EventPattern>();

export function matchesRule(rule: EventRuleRecord, event: DeliveredEvent): boolean {
  if (rule.pattern === undefined) return false;
  const pattern = compiled.get(rule) ?? parseEventPattern(rule.pattern);
  compiled.set(rule, pattern);
  return pattern.matches(event.value);
}

/**
 * Records what services of the platform did: for each event, a delivery for each target of each rule of the
 * default bus that matches, and for each archive. The events are composed where there is one. Returns how many
 * deliveries were dropped.
 */
export function recordEvents(
  tx: Transaction,
  place: Placed,
  compose: () => readonly EventContent[],
  { ids, now }: { ids: Ids; now: number },
): number {
  const rules = listenersOf(tx, eventBusArnOf(place, DEFAULT_BUS));
  if (rules.length === 0) return 0;
  let dropped = 0;
  for (const content of compose()) {
    const event = composeEvent(content, ids.uuid());
    for (const rule of rules)
      if (matchesRule(rule, event)) dropped += deliverToTargets(tx, rule, event, { ids, now });
  }
  return dropped;
}

/** A delivery for each target of a rule. Returns how many were dropped because too many wait. */
export function deliverToTargets(
  tx: Transaction,
  rule: EventRuleRecord,
  event: DeliveredEvent,
  { ids, now }: { ids: Ids; now: number },
): number {
  const added = rule.targets.filter((target) =>
    addDelivery(tx, {
      place: rule,
      sourceArn: rule.arn,
      service: "events",
      target: withRequestOf(target, event),
      payload: inputOf(target, event, rule),
      ids,
      now,
    }),
  );
  return rule.targets.length - added.length;
}

/** Records an invocation that is to be made. Returns false where too many of the account wait. */
export function addDelivery(
  tx: Transaction,
  options: {
    readonly place: Placed;
    readonly sourceArn: string;
    readonly service: DeliveringService;
    readonly target: EventTargetRecord;
    readonly payload: string;
    readonly ids: Ids;
    readonly now: number;
    /** Undefined: a new one. */
    readonly id?: string;
  },
): boolean {
  const { place, ids, now, id = ids.uuid(), ...delivery } = options;
  if (tx.countBy("eventDelivery", "account", place.account) >= DELIVERIES_MAX) return false;
  tx.put("eventDelivery", id, {
    ...delivery,
    account: place.account,
    region: place.region,
    id,
    createdAt: now,
    attempts: 0,
    nextAt: now,
  });
  return true;
}

/** The first occurrence of a rule's schedule after a time; undefined where it has none or is disabled. */
export function nextOfRule(
  rule: Pick<EventRuleRecord, "schedule" | "enabled" | "createdAt">,
  after: number,
): number | undefined {
  if (rule.schedule === undefined || !rule.enabled) return undefined;
  return parseSchedule(rule.schedule, { startAt: rule.createdAt })?.next(after);
}

/** The first occurrence of a schedule after a time, between its start and its end. */
export function nextOfSchedule(
  schedule: Pick<ScheduleRecord, "expression" | "timezone" | "startAt" | "endAt" | "enabled" | "createdAt">,
  after: number,
): number | undefined {
  if (!schedule.enabled) return undefined;
  const from = schedule.startAt ?? schedule.createdAt;
  const parsed = parseSchedule(schedule.expression, { timezone: schedule.timezone, startAt: from });
  const at = parsed?.next(Math.max(after, (schedule.startAt ?? 0) - 1));
  return at === undefined || (schedule.endAt !== undefined && at > schedule.endAt) ? undefined : at;
}

/** Whether changes of the bucket's objects are sent to anybody. */
export function tellsOfChanges(bucket: Pick<BucketRecord, "tellsEvents" | "notifications">): boolean {
  return bucket.tellsEvents === true || (bucket.notifications ?? []).length > 0;
}

/** The value of a filter's rule; empty where there is none, which every key fits. */
export function filterValue({ filter = [] }: BucketNotification, name: "prefix" | "suffix"): string {
  return filter.find((rule) => rule.name.toLowerCase() === name)?.value ?? "";
}

/** Whether a destination is sent an event, such as `ObjectCreated:Put`, about a key. */
export function wantsEvent(notification: BucketNotification, eventName: string, key: string): boolean {
  return (
    notification.events.some((wanted) => coversEvent(wanted, `s3:${eventName}`)) &&
    key.startsWith(filterValue(notification, "prefix")) &&
    key.endsWith(filterValue(notification, "suffix"))
  );
}

/** Whether an event type, which may end with `*`, covers another. */
export function coversEvent(wanted: string, event: string): boolean {
  return wanted === event || (wanted.endsWith(":*") && event.startsWith(wanted.slice(0, -1)));
}

/** S3 tries for a day, as EventBridge does. */
const BUCKET_RETRY = { attempts: 185, ageSeconds: 86_400 };

/** The destination of a bucket's notification as the target of a delivery. */
export function notificationTarget({ id, queueArn }: BucketNotification): EventTargetRecord {
  return {
    ...{ id, arn: queueArn, roleArn: undefined, runTask: undefined, putEvents: undefined },
    parameters: {},
    retry: BUCKET_RETRY,
  };
}

/** Matches every event: an archive without a pattern keeps all. */
const EVERY_EVENT = '{"source":[{"prefix":""}]}';
/** An archive takes events for as long as targets do. */
const ARCHIVE_RETRY = { attempts: 185, ageSeconds: 86_400 };

export function eventArchiveArnOf(place: Placed, name: string): string {
  return formatArn("events", place, `archive/${name}`);
}

export function eventReplayArnOf(place: Placed, name: string): string {
  return formatArn("events", place, `replay/${name}`);
}

/** Whether the target of a delivery is an archive. */
export function isArchiveArn(arn: string): boolean {
  return arn.startsWith("arn:aws:events:") && arn.split(":")[5]?.startsWith("archive/") === true;
}

const archiveRules = new WeakMap<EventArchiveRecord, EventRuleRecord>();

/**
 * The archive as a rule whose target is the archive: as on AWS, where EventBridge manages such a rule. It is no record.
 * Source: EventBridge User Guide, "Creating archives".
 */
function ruleOfArchive(archive: EventArchiveRecord): EventRuleRecord {
  const known = archiveRules.get(archive);
  if (known !== undefined) return known;
  const { account, region, arn, name, busArn, busName, pattern = EVERY_EVENT, createdAt } = archive;
  const target = { id: name, arn, roleArn: undefined, runTask: undefined, putEvents: undefined };
  const rule: EventRuleRecord = {
    ...{ account, region, arn, name, busArn, busName, pattern, createdAt },
    description: undefined,
    schedule: undefined,
    enabled: true,
    roleArn: undefined,
    targets: [{ ...target, parameters: {}, retry: ARCHIVE_RETRY }],
    tags: {},
    nextAt: undefined,
  };
  archiveRules.set(archive, rule);
  return rule;
}

/** What an event of a bus is compared with: its enabled rules with patterns, and its archives. */
export function listenersOf(reader: Reader, busArn: string): readonly EventRuleRecord[] {
  const archives = reader.listBy("eventArchive", "bus", busArn);
  const own = reader.listBy("eventRule", "matching", busArn);
  return archives.length === 0 ? own : [...own, ...archives.map(ruleOfArchive)];
}
