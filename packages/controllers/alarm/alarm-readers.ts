import { alarmPeriod, type AlarmRecord, type Reader } from "@gantry/state";
import { alarmQueries } from "./alarm-queries.ts";
import { evaluationRange } from "./evaluate-alarm.ts";

const UNREAD = { from: 0, until: 0 };
/**
 * Alarms of a period of a minute or more are evaluated each minute.
 * Source: CloudWatch User Guide, "Alarm evaluation".
 */
const INTERVAL_MAX_S = 60;

/** How often an alarm is evaluated, in ms. */
export function evaluationInterval(spec: Extract<AlarmRecord["spec"], { type: "metric" }>): number {
  return Math.min(alarmPeriod(spec.source), INTERVAL_MAX_S) * 1_000;
}

/** Which alarms read which metrics, kept up to date change by change. */
export class AlarmReaders {
  readonly #store: Reader;
  readonly #keysOf = new Map<
    string,
    { readonly spec: AlarmRecord["spec"]; readonly keys: readonly string[] }
  >();
  readonly #alarmsOf = new Map<string, Set<string>>();

  constructor(store: Reader) {
    this.#store = store;
    for (const { arn } of store.list("alarm")) this.update(arn);
  }

  /** Reads an alarm again that was put or deleted. */
  update(arn: string): void {
    const alarm = this.#store.get("alarm", arn);
    const before = this.#keysOf.get(arn);
    if (alarm !== undefined && before?.spec === alarm.spec) return;
    for (const key of before?.keys ?? []) {
      const alarms = this.#alarmsOf.get(key);
      alarms?.delete(arn);
      if (alarms?.size === 0) this.#alarmsOf.delete(key);
    }
    this.#keysOf.delete(arn);
    if (alarm === undefined) return;
    const keys = keysRead(alarm);
    this.#keysOf.set(arn, { spec: alarm.spec, keys });
    for (const key of keys) this.#alarmsOf.set(key, (this.#alarmsOf.get(key) ?? new Set()).add(arn));
  }

  /**
   * The alarms that data of a period that has ended has arrived for. `arrived` has the keys of metrics, each
   * with the times (ms) of its earliest and its latest point.
   */
  concernedBy(arrived: ReadonlyMap<string, readonly [number, number]>, now: number): ReadonlySet<string> {
    const concerned = new Set<string>();
    if (this.#alarmsOf.size === 0) return concerned;
    for (const [key, [earliest, latest]] of arrived)
      for (const arn of this.#alarmsOf.get(key) ?? []) {
        const spec = this.#keysOf.get(arn)?.spec;
        if (spec?.type !== "metric") continue;
        const interval = evaluationInterval(spec);
        const ended = Math.floor(now / interval) * interval;
        const oldest = ended - evaluationRange(spec) * alarmPeriod(spec.source) * 1_000;
        if (earliest < ended && latest >= oldest) concerned.add(arn);
      }
    return concerned;
  }
}

function keysRead(alarm: AlarmRecord): readonly string[] {
  if (alarm.spec.type !== "metric") return [];
  const { queries } = alarmQueries(alarm, alarm.spec, UNREAD);
  return queries.flatMap(({ source }) => (source.type === "read" ? [source.read.key] : []));
}
