import {
  evaluateQueries,
  ExpressionError,
  type MetricRead,
  type MetricStore,
  type MetricValues,
} from "@gantry/content";
import type { Reconciler } from "@gantry/kernel";
import { changeAlarmState, type AlarmRecord, type MetricAlarmSpec } from "@gantry/state";
import { watchKinds } from "../controller-deps.ts";
import { alarmPeriod, alarmQueries } from "./alarm-queries.ts";
import { evaluateComposite } from "./composite-alarm.ts";
import { evaluateAlarm, evaluationRange, type AlarmPoint } from "./evaluate-alarm.ts";
import { executeActions, type ActionDeps } from "./execute-actions.ts";
import { stateReason } from "./state-reason.ts";

export interface AlarmControllerDeps extends ActionDeps {
  readonly metrics: Pick<MetricStore, "read">;
}

/** Alarms of a period of a minute or more are evaluated each minute. Source: CloudWatch User Guide, "Alarm evaluation". */
const INTERVAL_MAX_S = 60;
/** After a period ends nodes send what they measured: an alarm looks then, and again for what came late. */
const LOOKS_MS = [1_000, 1_500, 2_500, 5_000] as const;

/** Evaluates alarms when their periods end, and executes the actions of their transitions. */
export function alarmController(deps: AlarmControllerDeps): Reconciler {
  const { store } = deps;
  return {
    name: "alarm",
    keys: () => store.keys("alarm"),
    // A composite alarm depends on others: it is looked at whenever an alarm changes.
    watch: watchKinds(store, { alarm: (key) => [key, ...compositesBeside(deps, key)] }),
    async reconcile(key) {
      const alarm = store.get("alarm", key);
      if (alarm === undefined) return undefined;
      const waits: number[] = [];
      if (alarm.spec.type === "composite") evaluateComposite(deps, alarm, alarm.spec);
      else waits.push(await evaluateMetricAlarm(deps, alarm, alarm.spec));
      const wait = await executeActions(deps, key);
      if (wait !== undefined) waits.push(wait);
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
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

/** Evaluates where a period has ended that the state does not know yet; answers when to look again. */
async function evaluateMetricAlarm(
  deps: AlarmControllerDeps,
  alarm: AlarmRecord,
  spec: MetricAlarmSpec,
): Promise<number> {
  const { clock, log } = deps;
  const now = clock.now();
  const interval = Math.min(alarmPeriod(spec), INTERVAL_MAX_S) * 1_000;
  const boundary = Math.floor(now / interval) * interval;
  // A state that was set by hand holds until the next period ends.
  const isDue = now >= boundary + LOOKS_MS[0] && alarm.stateUpdatedAt < boundary;
  if (isDue)
    try {
      await evaluate(deps, alarm, spec);
    } catch (thrown) {
      if (!(thrown instanceof ExpressionError)) throw thrown;
      log.warn("An alarm's expression cannot be evaluated", { alarm: alarm.arn, reason: thrown.message });
      recordError(deps, alarm, thrown.message);
    }
  const next = [...LOOKS_MS.map((look) => boundary + look), boundary + interval + LOOKS_MS[0]].find(
    (look) => look > now,
  );
  return Math.max(1, (next ?? boundary + interval) - clock.now());
}

async function evaluate(deps: AlarmControllerDeps, alarm: AlarmRecord, spec: MetricAlarmSpec): Promise<void> {
  const { store, clock, metrics } = deps;
  const period = alarmPeriod(spec);
  const until = Math.floor(clock.now() / (period * 1_000)) * period * 1_000;
  const from = until - evaluationRange(spec) * period * 1_000;
  const { queries, watched } = alarmQueries(alarm, spec, { from, until });
  const reads: MetricRead[] = queries.flatMap(({ source }) => (source.type === "read" ? [source.read] : []));
  const found = (await metrics.read(reads)).map(([first]) => first);
  const results = evaluateQueries(queries, found).get(watched) ?? [];
  if (results.length > 1) throw new ExpressionError("An alarm's expression must give one time series.");
  const points = results[0]?.points ?? new Map<number, number>();
  const counts = spec.source.type === "metric" ? samplesOf(found[0]) : undefined;
  const range = Array.from({ length: evaluationRange(spec) }, (_, index): AlarmPoint => {
    const at = from + index * period * 1_000;
    return { at, value: points.get(at), sampleCount: counts?.get(at) };
  });
  const verdict = evaluateAlarm(spec, range);
  store.transact((tx) => {
    const current = tx.get("alarm", alarm.arn);
    // Whoever changed it meanwhile has it looked at again.
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

function samplesOf(found: MetricValues | undefined): ReadonlyMap<number, number> {
  const counts = found?.values[1];
  return new Map([...(found?.timestamps ?? [])].map((at, index) => [at, counts?.[index] ?? 0]));
}

function recordError({ store, clock }: AlarmControllerDeps, alarm: AlarmRecord, reason: string): void {
  store.transact((tx) => {
    const current = tx.get("alarm", alarm.arn);
    if (current === undefined || current.evaluationState === "EVALUATION_ERROR") return;
    const failed: AlarmRecord = { ...current, evaluationState: "EVALUATION_ERROR" };
    changeAlarmState(tx, failed, { value: "INSUFFICIENT_DATA", reason, data: undefined }, clock.now());
  });
}
