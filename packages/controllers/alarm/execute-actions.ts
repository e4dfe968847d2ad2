import { messageOf } from "@gantry/kernel";
import {
  addAlarmHistory,
  type AlarmRecord,
  type AlarmSuppression,
  type CompositeAlarmSpec,
} from "@gantry/state";
import type { ControllerDeps } from "../controller-deps.ts";
import { alarmNamed } from "./composite-alarm.ts";

/** Executes the action that an ARN names. Errors: the reason why it failed, for the alarm's history. */
export type AlarmAction = (alarm: AlarmRecord) => Promise<void>;

export interface ActionDeps extends ControllerDeps {
  /** Executes an action of an alarm; undefined where nothing has this ARN. */
  readonly actionOf: (arn: string) => AlarmAction | undefined;
}

/**
 * Executes the actions of an alarm's last transition, each once, and records in its history how they ended.
 * Actions that are suppressed stay pending; the answer says in how many ms to look again.
 */
export async function executeActions(deps: ActionDeps, key: string): Promise<number | undefined> {
  const { store, clock } = deps;
  const alarm = store.get("alarm", key);
  if (alarm === undefined) return undefined;
  const hold = holdOf(deps, alarm);
  if (hold !== undefined) {
    if (JSON.stringify(hold.suppression) !== JSON.stringify(alarm.suppression))
      store.transact((tx) => tx.put("alarm", key, { ...alarm, suppression: hold.suppression }));
    return hold.waitMs;
  }
  if (alarm.pendingActions.length === 0 && alarm.suppression === undefined) return undefined;
  // Actions are removed from the record before they are executed, so that a failure of one, or a crash, does
  // not repeat the others.
  const taken = store.transact((tx) => {
    const current = tx.get("alarm", key);
    if (current === undefined) return [];
    tx.put("alarm", key, { ...current, pendingActions: [], suppression: undefined });
    return current.pendingActions;
  });
  for (const arn of taken) {
    const problem = await execute(deps, arn, alarm);
    store.transact((tx) =>
      addAlarmHistory(tx, alarm, {
        at: clock.now(),
        itemType: "Action",
        summary:
          problem === undefined
            ? `Successfully executed action ${arn}`
            : `Failed to execute action ${arn}. Received error: "${problem}"`,
        data: {
          actionState: problem === undefined ? "Succeeded" : "Failed",
          stateUpdateTimestamp: alarm.stateUpdatedAt,
          notificationResource: arn,
          error: problem ?? null,
        },
      }),
    );
  }
  return undefined;
}

async function execute(
  { actionOf, log }: ActionDeps,
  arn: string,
  alarm: AlarmRecord,
): Promise<string | undefined> {
  const action = actionOf(arn);
  if (action === undefined) return "Resource not found";
  try {
    await action(alarm);
    return undefined;
  } catch (thrown) {
    log.warn("An alarm's action failed", { alarm: alarm.arn, action: arn, reason: messageOf(thrown) });
    return messageOf(thrown);
  }
}

interface Hold {
  readonly suppression: AlarmSuppression;
  readonly waitMs: number | undefined;
}

/**
 * Whether a composite alarm's actions wait: while its suppressor is in ALARM, for the extension period after,
 * and for the wait period in which the suppressor may still go into ALARM.
 * Source: CloudWatch User Guide, "Composite alarm action suppression".
 */
function holdOf(deps: ActionDeps, alarm: AlarmRecord): Hold | undefined {
  if (alarm.spec.type !== "composite" || alarm.spec.suppressor === undefined) return undefined;
  if (alarm.pendingActions.length === 0) return undefined;
  return suppressionOf(deps, alarm, alarm.spec.suppressor);
}

function suppressionOf(
  { store, clock }: ActionDeps,
  alarm: AlarmRecord,
  suppressor: NonNullable<CompositeAlarmSpec["suppressor"]>,
): Hold | undefined {
  const now = clock.now();
  const name = suppressor.alarm;
  const held = (
    by: AlarmSuppression["by"],
    since: number,
    reason: string,
    seconds?: number,
  ): Hold | undefined => {
    const waitMs = seconds === undefined ? undefined : since + seconds * 1_000 - now;
    return waitMs !== undefined && waitMs <= 0 ? undefined : { suppression: { by, reason, since }, waitMs };
  };
  const before = alarm.suppression;
  if (alarmNamed(store, alarm, name)?.stateValue === "ALARM")
    return held("Alarm", before?.by === "Alarm" ? before.since : now, `Actions suppressed by alarm ${name}.`);
  if (before?.by === "Alarm" || before?.by === "ExtensionPeriod")
    return held(
      "ExtensionPeriod",
      before.by === "Alarm" ? now : before.since,
      `Actions suppressed by the extension period of alarm ${name}.`,
      suppressor.extensionPeriod,
    );
  return held(
    "WaitPeriod",
    alarm.stateTransitionedAt,
    `Actions suppressed by the wait period of alarm ${name}.`,
    suppressor.waitPeriod,
  );
}
