import { crc32 } from "node:zlib";
import type { Reconciler } from "@gantry/kernel";
import {
  addDelivery,
  composeEvent,
  deliverToTargets,
  nextOfRule,
  nextOfSchedule,
  type EventRuleRecord,
  type ScheduleRecord,
  type Transaction,
} from "@gantry/state";
import { fillInput } from "@gantry/state/transactions/schedule-inputs";
import { watchKinds, type ControllerDeps } from "../controller-deps.ts";
import { Turns } from "./turns.ts";

const MINUTE_MS = 60_000;
/**
 * Occurrences that were missed while the platform was down are invoked up to a day late, like events that
 * EventBridge retries.
 */
const RULE_AGE_MS = 24 * 60 * MINUTE_MS;

/**
 * Makes deliveries of the occurrences of schedules: of rules and of EventBridge Scheduler. A key is the ARN
 * of a rule or a schedule. Of the occurrences that passed unhandled, as while the platform was down, the
 * first that is not too old runs once.
 */
export function scheduleController(deps: ControllerDeps): Reconciler {
  const { store, clock } = deps;
  const turns = new Turns();
  return {
    name: "schedules",
    keys: () => [
      ...store.list("schedule").flatMap(({ arn, nextAt }) => (nextAt === undefined ? [] : [arn])),
      ...store.list("eventRule").flatMap(({ arn, nextAt }) => (nextAt === undefined ? [] : [arn])),
    ],
    watch: watchKinds(store, {
      schedule: (key) => (store.get("schedule", key)?.nextAt === undefined ? [] : [key]),
      eventRule: (key) => (store.get("eventRule", key)?.nextAt === undefined ? [] : [key]),
    }),
    async reconcile(key) {
      const wait = waitOf(deps, key);
      if (wait === undefined || wait > 0) return wait;
      // Thousands may be due at the same time: other work runs between them.
      await turns.next();
      store.transact((tx) => {
        const now = clock.now();
        const schedule = tx.get("schedule", key);
        const rule = tx.get("eventRule", key);
        if (schedule !== undefined) runSchedule(tx, deps, schedule, now);
        if (rule !== undefined) runRule(tx, deps, rule, now);
      });
      return waitOf(deps, key);
    },
  };
}

/** How long until the next occurrence is to be run; undefined where there is none. */
function waitOf({ store, clock }: ControllerDeps, key: string): number | undefined {
  const schedule = store.get("schedule", key);
  const at = schedule === undefined ? store.get("eventRule", key)?.nextAt : invocationAt(schedule);
  return at === undefined ? undefined : Math.max(0, at - clock.now());
}

/**
 * When the next occurrence is run: within the flexible window after its time, at a moment that follows from
 * the schedule and the occurrence, so that a restart does not choose again.
 * Source: EventBridge Scheduler User Guide, "Configuring flexible time windows".
 */
export function invocationAt({ arn, nextAt, windowMinutes = 0 }: ScheduleRecord): number | undefined {
  if (nextAt === undefined) return undefined;
  const windowMs = windowMinutes * MINUTE_MS;
  return nextAt + (windowMs === 0 ? 0 : crc32(`${arn} ${nextAt}`) % windowMs);
}

function runSchedule(
  tx: Transaction,
  { ids, log }: ControllerDeps,
  schedule: ScheduleRecord,
  now: number,
): void {
  const at = invocationAt(schedule);
  if (at === undefined || at > now) return;
  const maxAgeMs = schedule.target.retry.ageSeconds * 1_000 + (schedule.windowMinutes ?? 0) * MINUTE_MS;
  const occurrence = recent(schedule.nextAt, now - maxAgeMs, (after) => nextOfSchedule(schedule, after), now);
  if (occurrence !== undefined) {
    const isAdded = addDelivery(tx, {
      place: schedule,
      sourceArn: schedule.arn,
      service: "scheduler",
      target: schedule.target,
      payload: filledInput(schedule, occurrence, ids.uuid()),
      ids,
      now,
    });
    if (!isAdded) log.warn("A schedule was not run: too many deliveries wait", { schedule: schedule.arn });
  }
  const nextAt = nextOfSchedule(schedule, now);
  if (nextAt === undefined && schedule.deleteAfterCompletion) tx.delete("schedule", schedule.arn);
  else tx.put("schedule", schedule.arn, { ...schedule, nextAt });
}

function filledInput({ arn, target }: ScheduleRecord, occurrence: number, id: string): string {
  const attributes = {
    scheduleArn: arn,
    executionId: id,
    scheduledTime: new Date(occurrence).toISOString().replace(/\.\d{3}Z$/, "Z"),
  };
  if (target.encryptedInput !== undefined) return JSON.stringify(attributes);
  const input = typeof target.parameters["Input"] === "string" ? target.parameters["Input"] : "";
  return fillInput(input, attributes);
}

/** Source: EventBridge User Guide, "Creating an Amazon EventBridge rule that runs on a schedule". */
function runRule(tx: Transaction, { ids, log }: ControllerDeps, rule: EventRuleRecord, now: number): void {
  if (rule.nextAt === undefined || rule.nextAt > now) return;
  const next = (after: number): number | undefined => nextOfRule(rule, after);
  const occurrence = recent(rule.nextAt, now - RULE_AGE_MS, next, now);
  if (occurrence !== undefined) {
    const { account, region } = rule;
    const content = {
      source: "aws.events",
      detailType: "Scheduled Event",
      resources: [rule.arn],
      detail: {},
    };
    const event = composeEvent({ account, region, time: occurrence, ...content }, ids.uuid());
    const dropped = deliverToTargets(tx, rule, event, { ids, now });
    if (dropped > 0)
      log.warn("Events were dropped: too many wait for their targets", { rule: rule.arn, dropped });
  }
  tx.put("eventRule", rule.arn, { ...rule, nextAt: next(now) });
}

/** The first of the occurrences that passed and is not too old. */
function recent(
  nextAt: number | undefined,
  oldest: number,
  next: (after: number) => number | undefined,
  now: number,
): number | undefined {
  if (nextAt === undefined || nextAt >= oldest) return nextAt;
  const at = next(oldest - 1);
  return at !== undefined && at <= now ? at : undefined;
}
