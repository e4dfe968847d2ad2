import { ExpressionError, type MetricStore } from "@gantry/content";
import { realTimeOf, type Clock, type Reconciler } from "@gantry/kernel";
import { alarmPeriod, changeAlarmState, type AlarmRecord, type MetricAlarmSpec } from "@gantry/state";
import { AlarmReaders, evaluationInterval } from "./alarm-readers.ts";
import { evaluateComposite } from "./composite-alarm.ts";
import { evaluateAlarm } from "./evaluate-alarm.ts";
import { executeActions, type ActionDeps } from "./execute-actions.ts";
import { readAlarm } from "./read-alarm.ts";
import { stateReason } from "./state-reason.ts";

export interface AlarmControllerDeps extends ActionDeps {
  readonly metrics: Pick<MetricStore, "read" | "watch">;
}

/** Alarms are evaluated this long after a period ends where no data of it has arrived. */
const FALLBACK_MS = 1_000;

/**
 * The state of a running controller besides the records. It may be lost: an alarm is then evaluated later,
 * with the same result.
 */
interface Progress {
  /** Alarms that data has arrived for since their last evaluation. */
  readonly arrived: Set<string>;
  /** When this controller last changed the state of an alarm, by the record's `stateUpdatedAt`. */
  readonly changedAt: Map<string, number>;
}

/**
 * Evaluates alarms when data of an ended period arrives, at the latest one second after the period's end, and
 * executes the actions of their transitions.
 */
export function alarmController(deps: AlarmControllerDeps): Reconciler {
  const { store } = deps;
  const progress: Progress = { arrived: new Set(), changedAt: new Map() };
  return {
    name: "alarm",
    keys: () => store.keys("alarm"),
    watch: (changed) => watchAlarms(deps, progress.arrived, changed),
    async reconcile(key) {
      const alarm = store.get("alarm", key);
      if (alarm === undefined) {
        progress.arrived.delete(key);
        progress.changedAt.delete(key);
        return undefined;
      }
      const waits: number[] = [];
      if (alarm.spec.type === "composite") evaluateComposite(deps, alarm, alarm.spec);
      else waits.push(await evaluateMetricAlarm(deps, { alarm, spec: alarm.spec, progress }));
      const wait = await executeActions(deps, key);
      if (wait !== undefined) waits.push(wait);
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
  };
}

function watchAlarms(
  deps: AlarmControllerDeps,
  arrived: Set<string>,
  changed: (key: string) => void,
): () => void {
  const { store, metrics, clock } = deps;
  const readers = new AlarmReaders(store);
  const unwatchStore = store.watch(({ kind, key }) => {
    if (kind !== "alarm") return;
    readers.update(key);
    changed(key);
    // A composite alarm depends on others.
    for (const composite of compositesBeside(deps, key)) changed(composite);
  });
  const unwatchMetrics = metrics.watch((keys) => {
    for (const arn of readers.concernedBy(keys, clock.now())) {
      arrived.add(arn);
      changed(arn);
    }
  });
  return () => {
    unwatchStore();
    unwatchMetrics();
  };
}

function compositesBeside({ store }: AlarmControllerDeps, key: string): readonly string[] {
  const changed = store.get("alarm", key);
  return store
    .list("alarm")
    .filter(({ spec, arn, account, region }) => {
      if (spec.type !== "composite" || arn === key) return false;
      return changed === undefined || (changed.account === account && changed.region === region);
    })
    .map(({ arn }) => arn);
}

/** Evaluates where a period has ended that the state does not reflect yet. Returns the ms until the next evaluation. */
async function evaluateMetricAlarm(
  deps: AlarmControllerDeps,
  { alarm, spec, progress }: { alarm: AlarmRecord; spec: MetricAlarmSpec; progress: Progress },
): Promise<number> {
  const { clock, log, store } = deps;
  const now = clock.now();
  const interval = evaluationInterval(spec);
  const boundary = Math.floor(now / interval) * interval;
  const hasArrived = progress.arrived.delete(alarm.arn);
  // A state that was set by hand holds until the next period ends; this controller's own is corrected by late data.
  const isOpen =
    alarm.stateUpdatedAt < boundary || progress.changedAt.get(alarm.arn) === alarm.stateUpdatedAt;
  const fallback = boundary + fallbackMs(clock, interval);
  if (isOpen && (hasArrived || now >= fallback)) {
    try {
      await evaluate(deps, alarm, spec);
    } catch (thrown) {
      if (!(thrown instanceof ExpressionError)) throw thrown;
      log.warn("An alarm's expression cannot be evaluated", { alarm: alarm.arn, reason: thrown.message });
      recordError(deps, alarm, thrown.message);
    }
    const after = store.get("alarm", alarm.arn);
    if (after !== undefined && after.stateUpdatedAt !== alarm.stateUpdatedAt)
      progress.changedAt.set(alarm.arn, after.stateUpdatedAt);
  }
  const next = fallback > now ? fallback : fallback + interval;
  return Math.max(1, next - clock.now());
}

/** Data takes real time to arrive: on a clock that runs faster the wait is longer, though shorter than the period. */
function fallbackMs(clock: Clock, interval: number): number {
  return Math.max(FALLBACK_MS, Math.min(realTimeOf(clock).wait(FALLBACK_MS), interval / 2));
}

async function evaluate(deps: AlarmControllerDeps, alarm: AlarmRecord, spec: MetricAlarmSpec): Promise<void> {
  const { store, clock } = deps;
  const period = alarmPeriod(spec.source);
  const range = await readAlarm(deps, alarm, spec);
  const verdict = evaluateAlarm(spec, range);
  store.transact((tx) => {
    const current = tx.get("alarm", alarm.arn);
    // A change in the meantime has put the alarm on the queue again.
    if (current !== alarm) return;
    const cleared = { ...alarm, evaluationState: undefined };
    if (alarm.evaluationState !== undefined) tx.put("alarm", alarm.arn, cleared);
    const after = verdict.state;
    if (after === "retain" || after === alarm.stateValue) return;
    const now = clock.now();
    const { reason, data } = stateReason(spec, verdict, { before: alarm.stateValue, after, period, now });
    changeAlarmState(tx, cleared, { value: after, reason, data }, now);
  });
}

function recordError({ store, clock }: AlarmControllerDeps, alarm: AlarmRecord, reason: string): void {
  store.transact((tx) => {
    const current = tx.get("alarm", alarm.arn);
    if (current === undefined || current.evaluationState === "EVALUATION_ERROR") return;
    const failed: AlarmRecord = { ...current, evaluationState: "EVALUATION_ERROR" };
    changeAlarmState(tx, failed, { value: "INSUFFICIENT_DATA", reason, data: undefined }, clock.now());
  });
}
