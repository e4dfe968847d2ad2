import { parseSchedule, type ScheduledActionRecord } from "@gantry/state";

export interface SchedulePlan {
  /** Actions of which an occurrence is over, in the order of these occurrences. */
  readonly due: readonly ScheduledActionRecord[];
  /** When the next occurrence is (ms since the epoch). */
  readonly nextAt: number | undefined;
}

/**
 * Which scheduled actions are to be run now. Of occurrences that passed unhandled, as while the control plane
 * was down, each action runs once.
 * Source: API_PutScheduledAction, StartTime and EndTime.
 */
export function planSchedule(actions: readonly ScheduledActionRecord[], now: number): SchedulePlan {
  const next = actions.flatMap((action) => {
    const at = nextOccurrence(action);
    return at === undefined ? [] : [{ action, at }];
  });
  const ahead = next.filter(({ at }) => at > now).map(({ at }) => at);
  return {
    due: next
      .filter(({ at }) => at <= now)
      .toSorted((a, b) => a.at - b.at)
      .map(({ action }) => action),
    nextAt: ahead.length === 0 ? undefined : Math.min(...ahead),
  };
}

function nextOccurrence(action: ScheduledActionRecord): number | undefined {
  const { schedule, timezone, startAt, endAt, createdAt, handledUntil } = action;
  const from = startAt ?? createdAt;
  const at = parseSchedule(schedule, { timezone, startAt: from })?.next(Math.max(handledUntil, from - 1));
  return at === undefined || (endAt !== undefined && at > endAt) ? undefined : at;
}
